"""From samples to a batch."""
from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor, isinstance_strict
from ...tensor.manipulation import stack

__all__ = ["default_collate_fn", "default_convert_fn"]


def _stack(arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """`numpy.stack` along axis 0; concatenating is three times as fast for the usual short rows.

    TypeError when some are no arrays, ValueError when the shapes differ.
    """
    shape = arrays[0].shape
    for i, a in enumerate(arrays):
        if getattr(a, "shape", None) != shape:
            if not isinstance(a, np.ndarray):
                raise TypeError(
                    f"samples of one batch must be alike: the first is an array, number {i} is a {type(a).__name__}"
                )
            raise ValueError(
                f"samples of one batch must have the same shape, got {list(shape)} for the first and {list(a.shape)} for "
                f"number {i}; pad them in the data set or pass a collate_fn"
            )
    return np.concatenate(arrays).reshape(len(arrays), *shape) if shape and arrays[0].size else np.stack(arrays)


def default_collate_fn(batch: Sequence[Any]) -> Any:
    """A list of samples as one batch, with a new first axis.

    Arrays and Tensors are stacked, numbers become an array, strings stay a list, dicts and sequences are collated field by
    field. TypeError for anything else, RuntimeError when samples have different numbers of fields.
    """
    sample = batch[0]
    kind = type(sample)
    if kind is np.ndarray or isinstance(sample, np.ndarray):
        return _stack(batch)
    if kind is tuple or kind is list:
        return _fields(batch)
    if isinstance_strict(sample, Tensor):
        return stack(list(batch), axis=0)
    if isinstance(sample, (numbers.Number, np.bool_)):
        return np.array(batch)
    if isinstance(sample, (str, bytes)):
        return batch
    if isinstance(sample, Mapping):
        return {key: default_collate_fn([d[key] for d in batch]) for key in sample}
    if isinstance(sample, Sequence):
        return _fields(batch)
    raise TypeError(
        f"batch data con only contains: tensor, numpy.ndarray, dict, list, number, but got {kind}; return one of these from the "
        "data set or pass a collate_fn"
    )


def _fields(batch: Sequence[Any]) -> list[Any]:
    count = len(batch[0])
    for i, sample in enumerate(batch):
        if len(sample) != count:
            raise RuntimeError(
                f"fileds number not same among samples in a batch: the first has {count}, number {i} has {len(sample)}"
            )
    return [default_collate_fn(fields) for fields in zip(*batch)]


def default_convert_fn(batch: Any) -> Any:
    """One sample as it is, sequences as lists; used when there is no batching."""
    if isinstance(batch, (np.ndarray, str, bytes)) or isinstance_strict(batch, Tensor):
        return batch
    if isinstance(batch, Mapping):
        return {key: default_convert_fn(batch[key]) for key in batch}
    if isinstance(batch, Sequence):
        return [default_convert_fn(d) for d in batch]
    return batch

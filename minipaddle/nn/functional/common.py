"""``paddle.nn.functional``: linear maps and dropout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...ops import activation as A
from ...ops import elementwise as E
from ...ops import fused as FU
from ...ops import loss as L
from ...ops import matmul as MM
from ...tensor import math as M
from ...tensor import random
from ...tensor.arguments import is_symbolic, is_tensor_like, static_types
from ...tensor.attribute import shape as shape_of
from ...tensor.operators import cast_to, number_like
from .loss import _check_group

__all__ = ["alpha_dropout", "bilinear", "class_center_sample", "dropout", "dropout2d", "dropout3d", "linear"]

_matmul, _add, _linear = MM.matmul_v2, E.elementwise_add, FU.linear


def linear(x: Any, weight: Any, bias: Any = None, name: str | None = None) -> Any:
    """x @ weight + bias. x: [..., in]; weight: [in, out]; bias: [out]; one floating type. ValueError when they do not fit."""
    static_types("linear", "float16 bfloat16 float32 float64", x=x)
    if bias is None:
        return call(_matmul, x, weight, trans_x=False, trans_y=False)
    return call(_linear, x, weight, bias)


def _product_and_sum(x: Any, weight: Any, bias: Any, trans_x: bool, trans_y: bool) -> Any:
    """The operators that `linear` consists of."""
    return call(_add, call(_matmul, x, weight, trans_x=trans_x, trans_y=trans_y), bias, axis=-1)


_linear.expand = _product_and_sum


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None, name: str | None = None) -> Any:
    """x1 weight[o] x2^T + bias for every output o. x1: [N, I]; x2: [N, J]; weight: [O, I, J]; bias: [1, O]. Gives [N, O]."""
    return call(MM.bilinear_tensor_product, x1, x2, weight, bias)


def _probability(p: Any, what: str) -> float:
    """A probability out of a number or an eager Tensor of one element."""
    if is_tensor_like(p):
        if is_symbolic(p):
            raise TypeError(
                f"{what}: p must be known when the Program is made, got the Variable {p.name!r}; give a number"
            )
        p = float(p.item())
    elif not isinstance(p, (int, float)):
        raise TypeError(f"{what}: p must be a number, got {type(p).__name__}")
    if p < 0 or p > 1:
        raise ValueError(f"{what}: p must be between 0 and 1, got {p}")
    return float(p)


def _drawn_for(x: Any, axes: Collection[int]) -> Any:
    """Numbers in [0, 1) of x's shape, of size 1 along all but `axes`. Sizes that are not known yet are read when the Program runs."""
    sizes = spec_of(x).shape
    actual = shape_of(x) if any(sizes[i] < 0 for i in axes) else None
    wanted = [1 if i not in axes else n if actual is None or n >= 0 else actual[i] for i, n in enumerate(sizes)]
    return random.uniform(wanted, dtype="float32", min=0.0, max=1.0)


def dropout(
    x: Any,
    p: Any = 0.5,
    axis: int | Sequence[int] | None = None,
    training: bool = True,
    mode: str = "upscale_in_train",
    name: str | None = None,
) -> Any:
    """Each element becomes 0 with probability `p` while `training`.

    mode: 'upscale_in_train' divides what is kept by 1 - p, 'downscale_in_infer' multiplies by 1 - p in evaluation instead.
    axis: elements that differ only along other axes are kept or dropped together. ValueError for p outside of [0, 1] and for
    an axis out of range, TypeError for other types.
    """
    p = _probability(p, "dropout")
    if mode not in ("downscale_in_infer", "upscale_in_train"):
        raise ValueError(f"dropout: mode = {mode!r}; expected 'downscale_in_infer' or 'upscale_in_train'")
    if p == 0:
        return x
    upscale = mode == "upscale_in_train"
    if axis is None:
        attrs = {"dropout_implementation": mode if upscale else "downgrade_in_infer"}
        return call(A.dropout, x, dropout_prob=p, is_test=not training, fix_seed=False, seed=0, **attrs)
    if not isinstance(axis, (int, list, tuple)):
        raise TypeError(f"dropout: axis must be an int or a list of ints, got {type(axis).__name__}")
    if not training:
        return x if upscale else M.scale(x, scale=1 - p)
    if p == 1:
        return M.scale(x, scale=0.0)
    axes, ndim = [axis] if isinstance(axis, int) else list(axis), len(spec_of(x).shape)
    if not axes or min(axes) < 0 or max(axes) > ndim - 1:
        raise ValueError(f"dropout: axis must hold numbers in [0, {ndim - 1}], got {axes}")
    drawn = _drawn_for(x, axes)
    kept = cast_to(drawn >= number_like(p, drawn, drawn.dtype), x.dtype)
    return M.multiply(M.scale(x, scale=1 / (1 - p)) if upscale else x, kept)


def dropout2d(x: Any, p: Any = 0.5, training: bool = True, data_format: str = "NCHW", name: str | None = None) -> Any:
    """`dropout` of whole channels of a 4-D tensor."""
    return _channel_dropout("dropout2d", x, p, training, data_format, ("NCHW", "NHWC"))


def dropout3d(x: Any, p: Any = 0.5, training: bool = True, data_format: str = "NCDHW", name: str | None = None) -> Any:
    """`dropout` of whole channels of a 5-D tensor."""
    return _channel_dropout("dropout3d", x, p, training, data_format, ("NCDHW", "NDHWC"))


def _channel_dropout(what: str, x: Any, p: Any, training: bool, data_format: str, formats: tuple[str, str]) -> Any:
    ndim = len(formats[0])
    if len(spec_of(x).shape) != ndim:
        raise ValueError(f"{what}: x must have {ndim} dimensions, got {list(spec_of(x).shape)}")
    if data_format not in formats:
        raise ValueError(f"{what}: data_format = {data_format!r}; expected {formats[0]!r} or {formats[1]!r}")
    return dropout(x, p=p, axis=[0, data_format.index("C")], training=training, mode="upscale_in_train")


def alpha_dropout(x: Any, p: float = 0.5, training: bool = True, name: str | None = None) -> Any:
    """Dropout that keeps mean and variance of SELU activations (Klambauer et al. 2017): dropped values become -alpha * scale."""
    static_types("alpha_dropout", "float16 bfloat16 float32 float64", x=x)
    if not isinstance(p, (int, float)):
        raise TypeError(f"alpha_dropout: p must be a number, got {type(p).__name__}")
    p = _probability(p, "alpha_dropout")
    if not training:
        return x
    if p == 1:
        return M.scale(x, scale=0.0)
    low = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
    a = ((1 - p) * (1 + p * low**2)) ** -0.5
    drawn = _drawn_for(x, range(spec_of(x).ndim))
    kept = cast_to(drawn >= number_like(p, drawn, drawn.dtype), x.dtype)
    out = M.multiply(x, kept) + M.scale(1.0 - kept, scale=low)
    return M.scale(out, scale=a, bias=-a * low * p)


def class_center_sample(label: Any, num_classes: int, num_samples: int, group: Any = None) -> Any:
    """Classes to compute with (Partial FC, An et al. 2021): those in `label` [N], and others up to `num_samples` at random.

    Returns the labels counted in that list, and the list. ValueError for more samples than classes, or an empty label.
    """
    _check_group(group, "class_center_sample")
    if num_samples > num_classes:
        raise ValueError(
            f"class_center_sample: num_samples = {num_samples} must not exceed num_classes = {num_classes}"
        )
    shape = spec_of(label).shape
    if len(shape) != 1 or shape[0] == 0:
        raise ValueError(f"class_center_sample: the label must be 1-D and not empty, got shape {list(shape)}")
    return call(L.class_center_sample, label, num_classes=int(num_classes), num_samples=int(num_samples))

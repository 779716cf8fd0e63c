"""Layers on ragged sequences: inputs carry a lod."""

from __future__ import annotations

from typing import Any

from ...core.tensor import TensorBase
from ...dtypes import as_dtype
from ..helper import Helper, run

__all__ = [
    "sequence_concat", "sequence_conv", "sequence_enumerate", "sequence_expand", "sequence_expand_as", "sequence_first_step",
    "sequence_last_step", "sequence_mask", "sequence_pad", "sequence_pool", "sequence_reshape", "sequence_reverse", "sequence_scatter",
    "sequence_slice", "sequence_softmax", "sequence_unpad",
]  # fmt: skip


def sequence_conv(
    input: Any,
    num_filters: int,
    filter_size: int = 3,
    filter_stride: int = 1,
    padding: bool = True,
    padding_start: int | None = None,
    bias_attr: Any = None,
    param_attr: Any = None,
    act: str | None = None,
    name: str | None = None,
) -> Any:
    """A convolution over the rows of each sequence: [n, d] -> [n, num_filters]. Outside of a sequence there are zeros.

    padding_start: where the window of `filter_size` rows begins, relative to a row; default in its middle.
    """
    if filter_stride != 1:
        raise ValueError(f"sequence_conv: filter_stride must be 1, got {filter_stride}")
    helper = Helper("sequence_conv", name)
    filter = helper.parameter(param_attr, [filter_size * int(input.shape[1]), num_filters], input.dtype)
    start = -(filter_size // 2) if padding_start is None else padding_start
    out = helper(
        "sequence_conv", input, None, filter, contextStride=filter_stride, contextStart=start, contextLength=filter_size
    )
    return helper.act(helper.bias(out, bias_attr, 1), act)


def sequence_softmax(input: Any, use_cudnn: bool = False, name: str | None = None) -> Any:
    """Softmax over the rows of each sequence; input: [n] or [n, 1]."""
    return run("sequence_softmax", input, use_cudnn=use_cudnn, name=name)


def sequence_pool(input: Any, pool_type: str, is_test: bool = False, pad_value: float = 0.0) -> Any:
    """One row per sequence: the "average", "sum", "sqrt" (sum / sqrt(length)), "max", "last" or "first" of its rows.

    pad_value: what an empty sequence gives.
    """
    return run("sequence_pool", input, pooltype=pool_type.upper(), is_test=is_test, pad_value=float(pad_value))


def sequence_concat(input: Any, name: str | None = None) -> Any:
    """The sequences of several tensors joined: the first of each one behind the other, then the second."""
    return run("sequence_concat", list(input), name=name)


def sequence_first_step(input: Any) -> Any:
    """The first row of each sequence."""
    return sequence_pool(input, "first")


def sequence_last_step(input: Any) -> Any:
    """The last row of each sequence."""
    return sequence_pool(input, "last")


def sequence_slice(input: Any, offset: Any, length: Any, name: str | None = None) -> Any:
    """`length` rows of each sequence from its row `offset` on; both int64 [sequences, 1]."""
    offset.stop_gradient = length.stop_gradient = True
    return run("sequence_slice", input, offset, length, name=name)


def sequence_expand(x: Any, y: Any, ref_level: int = -1, name: str | None = None) -> Any:
    """Each sequence (or row) of `x` as often as level `ref_level` of `y`'s lod counts."""
    return run("sequence_expand", x, y, ref_level=ref_level, name=name)


def sequence_expand_as(x: Any, y: Any, name: str | None = None) -> Any:
    """Row i of `x` as often as sequence i of `y` is long."""
    return run("sequence_expand_as", x, y, name=name)


def sequence_pad(x: Any, pad_value: Any, maxlen: int | None = None, name: str | None = None) -> tuple[Any, Any]:
    """Ragged to padded, [sequences, maxlen, ...], with `pad_value` behind; and the lengths, int64."""
    pad_value.stop_gradient = True
    out, length = run("sequence_pad", x, pad_value, padded_length=-1 if maxlen is None else maxlen, name=name)
    length.stop_gradient = True
    return out, length


def sequence_unpad(x: Any, length: Any, name: str | None = None) -> Any:
    """Padded [sequences, width, ...] to ragged; length: int64 [sequences]."""
    length.stop_gradient = True
    return run("sequence_unpad", x, length, name=name)


def sequence_reshape(input: Any, new_dim: int) -> Any:
    """The numbers of each sequence in rows of `new_dim`."""
    return run("sequence_reshape", input, new_dim=new_dim)


def sequence_scatter(input: Any, index: Any, updates: Any, name: str | None = None) -> Any:
    """Row i of `input` with sequence i of `updates` added at the columns in sequence i of `index`."""
    return run("sequence_scatter", input, index, updates, name=name)


def sequence_enumerate(input: Any, win_size: int, pad_value: int = 0, name: str | None = None) -> Any:
    """For each row the ids of the next `win_size` rows of its sequence; `pad_value` behind the end."""
    out = run("sequence_enumerate", input, win_size=win_size, pad_value=pad_value, name=name)
    out.stop_gradient = True
    return out


def sequence_mask(x: Any, maxlen: Any = None, dtype: Any = "int64", name: str | None = None) -> Any:
    """1 in column j where j is below the length in `x`, else 0: [..., maxlen]."""
    kind = as_dtype(dtype).proto
    if isinstance(maxlen, TensorBase):
        out = run("sequence_mask", x, maxlen, out_dtype=kind, name=name)
    else:
        out = run("sequence_mask", x, maxlen=-1 if maxlen is None else int(maxlen), out_dtype=kind, name=name)
    out.stop_gradient = True
    return out


def sequence_reverse(x: Any, name: str | None = None) -> Any:
    """Each sequence from its end."""
    return run("sequence_reverse", x, name=name)

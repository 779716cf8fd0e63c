"""``paddle.nn.functional``: pooling.

Windows may be a number or one per axis, strides default to the windows, `padding` takes the forms that convolutions take.
Maxima come with their positions (`return_mask`) as int32 indices into the flattened plane of each channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...core.tensor import TensorBase, isinstance_strict
from ...errors import NotSupportedError
from ...ops import pool as P
from ...tensor.arguments import as_int, is_tensor_like
from ...tensor.manipulation import squeeze, unsqueeze
from .conv import channels_are_last, int_list, padding_of

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _check_input(what: str, x: Any, ndim: int) -> tuple[int, ...]:
    if not isinstance_strict(x, TensorBase):
        raise TypeError(f"{what}: x must be a Tensor, got {type(x).__name__}")
    shape = spec_of(x).shape
    if len(shape) != ndim:
        raise ValueError(
            f"{what}: Excepted Input X is {ndim}-D tensor, but received {len(shape)}-D, shape {list(shape)}"
        )
    return shape


def _arguments(
    what: str, dims: int, kernel_size: Any, stride: Any, padding: Any, last: bool, ceil_mode: bool
) -> tuple[list[int], list[int], list[int], str]:
    """Windows, strides, paddings and the padding algorithm out of the arguments."""
    if type(kernel_size) is int and type(padding) is int and (stride is None or type(stride) is int):
        ksize, strides, paddings = _of_numbers(what, dims, kernel_size, stride, padding)
        return list(ksize), list(strides), list(paddings), "EXPLICIT"
    windows = _windows(what, dims, kernel_size, stride)
    return (*windows, *_settled_padding(what, padding, dims, last, ceil_mode))


@lru_cache(maxsize=256)
def _of_numbers(what: str, dims: int, kernel_size: int, stride: int | None, padding: int) -> tuple[tuple[int, ...], ...]:
    ksize, strides = _windows(what, dims, kernel_size, stride)
    return tuple(ksize), tuple(strides), (padding,) * dims


def _windows(what: str, dims: int, kernel_size: Any, stride: Any) -> tuple[list[int], list[int]]:
    ksize = int_list(kernel_size, dims, "kernel_size")
    strides = list(ksize) if stride is None else int_list(stride, dims, "stride")
    for name, numbers in (("kernel_size", ksize), ("stride", strides)):
        if any(n < 1 for n in numbers):
            raise ValueError(f"{what}: Excepted the input {name} to be greater than 0 but received {numbers}")
    return ksize, strides


def _settled_padding(what: str, padding: Any, dims: int, last: bool, ceil_mode: bool) -> tuple[list[int], str]:
    paddings, algorithm = padding_of(padding, dims, last)
    if algorithm == "VALID" and ceil_mode:
        raise ValueError(
            f'{what}: When Attr(padding) is "VALID", Attr(ceil_mode) must be False. Received ceil_mode: True.'
        )
    return paddings, algorithm


def _avg(
    dims: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    exclusive: bool,
    divisor: Any,
    data_format: str,
) -> Any:
    what = f"avg_pool{dims}d"
    last = channels_are_last(data_format, dims)
    _check_input(what, x, dims + 2)
    ksize, strides, paddings, algorithm = _arguments(what, dims, kernel_size, stride, padding, last, ceil_mode)
    if divisor is not None and not isinstance(divisor, (int, float)):
        raise ValueError(f"{what}: Excepted int or float for divisor_override but received {type(divisor).__name__}")
    attrs = {
        "ceil_mode": bool(ceil_mode),
        "exclusive": bool(exclusive),
        "pooling_type": "avg",
        "padding_algorithm": algorithm,
    }
    if dims == 1:  # two axes, of which the first has one element
        out = call(
            P.pool2d,
            unsqueeze(x, 2),
            ksize=[1, *ksize],
            strides=[1, *strides],
            paddings=_one_axis(paddings),
            data_format="NCHW",
            **attrs,
        )
        return squeeze(out, 2)
    out = call(
        P.pool2d if dims == 2 else P.pool3d,
        x,
        ksize=ksize,
        strides=strides,
        paddings=paddings,
        data_format=data_format,
        **attrs,
    )
    if divisor is None:
        return out
    size = 1
    for k in ksize:
        size *= k
    return out * size / divisor


def _one_axis(paddings: list[int]) -> list[int]:
    return [0, *paddings] if len(paddings) == 1 else [0, 0, *paddings]


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    exclusive: bool = True,
    ceil_mode: bool = False,
    name: str | None = None,
) -> Any:
    """Means of windows of x [N, C, L]; `exclusive` leaves padding out of the count, `ceil_mode` lets the last window stick out."""
    return _avg(1, x, kernel_size, stride, padding, ceil_mode, exclusive, None, "NCL")


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    exclusive: bool = True,
    divisor_override: float | None = None,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """Means of windows of x [N, C, H, W]; `divisor_override` divides by it instead of by the size of the window."""
    return _avg(2, x, kernel_size, stride, padding, ceil_mode, exclusive, divisor_override, data_format)


def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    exclusive: bool = True,
    divisor_override: float | None = None,
    data_format: str = "NCDHW",
    name: str | None = None,
) -> Any:
    """Means of windows of x [N, C, D, H, W]; arguments as `avg_pool2d`."""
    return _avg(3, x, kernel_size, stride, padding, ceil_mode, exclusive, divisor_override, data_format)


def _explicit(
    what: str,
    sizes: Sequence[int],
    ksize: list[int],
    strides: list[int],
    paddings: list[int],
    algorithm: str,
    ceil_mode: bool,
) -> list[int]:
    """Paddings before and after each axis that give the windows of `algorithm` and `ceil_mode`.

    The operators with positions know neither of them. Paddle 2.6.2 drops both without a word; here they hold.
    """
    if algorithm == "EXPLICIT" and not ceil_mode:
        return paddings
    if -1 in sizes:
        raise NotSupportedError(
            f"{what}: return_mask=True with padding='SAME' or ceil_mode=True needs sizes that are known while the Program is made, got "
            f"{list(sizes)}; give the paddings as numbers"
        )
    if algorithm == "SAME":
        totals = [max((-(-s // t) - 1) * t + k - s, 0) for s, t, k in zip(sizes, strides, ksize, strict=True)]
        pairs = [[n // 2, n - n // 2] for n in totals]
    elif len(paddings) == len(ksize):
        pairs = [[p, p] for p in paddings]
    else:
        pairs = [list(p) for p in zip(paddings[::2], paddings[1::2], strict=True)]
    if ceil_mode:
        for pair, size, k, t in zip(pairs, sizes, ksize, strides, strict=True):
            pair[1] += -(size + sum(pair) - k) % t
    return [n for pair in pairs for n in pair]


def _max(
    dims: int, x: Any, kernel_size: Any, stride: Any, padding: Any, return_mask: bool, ceil_mode: bool, data_format: str
) -> Any:
    what = f"max_pool{dims}d"
    last = channels_are_last(data_format, dims)
    shape = _check_input(what, x, dims + 2)
    if last and return_mask:
        raise ValueError(
            f"{what}: When setting return_mask to true, data_format must have the channels first, got {data_format!r}"
        )
    ksize, strides, paddings, algorithm = _arguments(what, dims, kernel_size, stride, padding, last, ceil_mode)
    if return_mask:
        paddings = _explicit(what, shape[2:], ksize, strides, paddings, algorithm, ceil_mode)
        if dims == 1:
            paddings, x = _one_axis(paddings), unsqueeze(x, 2)
            ksize, strides = [1, *ksize], [1, *strides]
        op = P.max_pool3d_with_index if dims == 3 else P.max_pool2d_with_index
        out, mask = call(op, x, ksize=ksize, strides=strides, paddings=paddings)
        return (squeeze(out, 2), squeeze(mask, 2)) if dims == 1 else (out, mask)
    attrs = {"ceil_mode": bool(ceil_mode), "pooling_type": "max", "padding_algorithm": algorithm}
    if dims == 1:
        out = call(
            P.pool2d,
            unsqueeze(x, 2),
            ksize=[1, *ksize],
            strides=[1, *strides],
            paddings=_one_axis(paddings),
            data_format="NCHW",
            **attrs,
        )
        return squeeze(out, 2)
    return call(
        P.pool2d if dims == 2 else P.pool3d,
        x,
        ksize=ksize,
        strides=strides,
        paddings=paddings,
        data_format=data_format,
        **attrs,
    )


def max_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    return_mask: bool = False,
    ceil_mode: bool = False,
    name: str | None = None,
) -> Any:
    """Largest elements of windows of x [N, C, L], with `return_mask` also their positions."""
    return _max(1, x, kernel_size, stride, padding, return_mask, ceil_mode, "NCL")


def max_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    return_mask: bool = False,
    ceil_mode: bool = False,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """Largest elements of windows of x [N, C, H, W], with `return_mask` also their positions."""
    return _max(2, x, kernel_size, stride, padding, return_mask, ceil_mode, data_format)


def max_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    return_mask: bool = False,
    ceil_mode: bool = False,
    data_format: str = "NCDHW",
    name: str | None = None,
) -> Any:
    """Largest elements of windows of x [N, C, D, H, W], with `return_mask` also their positions."""
    return _max(3, x, kernel_size, stride, padding, return_mask, ceil_mode, data_format)


def _output_sizes(what: str, output_size: Any, sizes: Sequence[int]) -> list[int]:
    """One size per axis; None keeps that of the input."""
    n = len(sizes)
    if isinstance(output_size, (list, tuple)):
        if len(output_size) != n:
            raise ValueError(f"{what}: output_size must hold {n} numbers, got {output_size!r}")
        found = [
            size if o is None else as_int(o, "output_size", TypeError)
            for o, size in zip(output_size, sizes, strict=True)
        ]
    elif is_tensor_like(output_size) and len(output_size.shape) == 1:
        found = int_list(output_size.tolist(), n, "output_size")
    else:
        found = int_list(output_size, n, "output_size")
    if any(o < 1 for o in found):
        raise ValueError(
            f"{what}: output_size must be positive (or None for a size that is known), got {output_size!r} for input {list(sizes)}"
        )
    return found


def _adaptive_avg(dims: int, x: Any, output_size: Any, data_format: str) -> Any:
    what = f"adaptive_avg_pool{dims}d"
    last = channels_are_last(data_format, dims)
    shape = _check_input(what, x, dims + 2)
    ksize = _output_sizes(what, output_size, shape[1:-1] if last else shape[2:])
    if dims == 1:
        return squeeze(call(P.pool2d, unsqueeze(x, 2), ksize=[1, *ksize], pooling_type="avg", adaptive=True), 2)
    return call(
        P.pool2d if dims == 2 else P.pool3d, x, ksize=ksize, data_format=data_format, pooling_type="avg", adaptive=True
    )


def adaptive_avg_pool1d(x: Any, output_size: Any, name: str | None = None) -> Any:
    """Means of `output_size` windows that share out the axis of x [N, C, L] evenly."""
    return _adaptive_avg(1, x, output_size, "NCL")


def adaptive_avg_pool2d(x: Any, output_size: Any, data_format: str = "NCHW", name: str | None = None) -> Any:
    """Means of windows that share out the axes of x [N, C, H, W] evenly; None in `output_size` keeps an axis."""
    return _adaptive_avg(2, x, output_size, data_format)


def adaptive_avg_pool3d(x: Any, output_size: Any, data_format: str = "NCDHW", name: str | None = None) -> Any:
    """Means of windows that share out the axes of x [N, C, D, H, W] evenly; None in `output_size` keeps an axis."""
    return _adaptive_avg(3, x, output_size, data_format)


def _adaptive_max(dims: int, x: Any, output_size: Any, return_mask: bool) -> Any:
    what = f"adaptive_max_pool{dims}d"
    shape = _check_input(what, x, dims + 2)
    ksize = _output_sizes(what, output_size, shape[2:])
    if dims == 1:
        out, mask = call(P.max_pool2d_with_index, unsqueeze(x, 2), ksize=[1, *ksize], adaptive=True)
        return (squeeze(out, 2), squeeze(mask, 2)) if return_mask else squeeze(out, 2)
    found = call(P.max_pool2d_with_index if dims == 2 else P.max_pool3d_with_index, x, ksize=ksize, adaptive=True)
    return found if return_mask else found[0]


def adaptive_max_pool1d(x: Any, output_size: Any, return_mask: bool = False, name: str | None = None) -> Any:
    """Largest elements of `output_size` windows that share out the axis of x [N, C, L] evenly."""
    return _adaptive_max(1, x, output_size, return_mask)


def adaptive_max_pool2d(x: Any, output_size: Any, return_mask: bool = False, name: str | None = None) -> Any:
    """Largest elements of windows that share out the axes of x [N, C, H, W] evenly."""
    return _adaptive_max(2, x, output_size, return_mask)


def adaptive_max_pool3d(x: Any, output_size: Any, return_mask: bool = False, name: str | None = None) -> Any:
    """Largest elements of windows that share out the axes of x [N, C, D, H, W] evenly."""
    return _adaptive_max(3, x, output_size, return_mask)


def _unpool(
    dims: int, x: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, data_format: str, output_size: Any
) -> Any:
    what = f"max_unpool{dims}d"
    channels_first = ("NCL", "NCHW", "NCDHW")[dims - 1]
    if data_format != channels_first:
        raise ValueError(
            f"{what}: Attr(data_format) should be {channels_first!r}. Received Attr(data_format): {data_format}."
        )
    shape = _check_input(what, x, dims + 2)
    _check_input(what, indices, dims + 2)
    ksize, strides = _windows(what, dims, kernel_size, stride)
    paddings = int_list(padding, dims, "padding")
    sizes = [(s - 1) * t + k - 2 * p for s, t, k, p in zip(shape[2:], strides, ksize, paddings, strict=True)]
    if -1 in shape[2:]:
        sizes = [0] * dims  # found when the Program runs
    if output_size is not None:
        if not isinstance(output_size, (list, tuple)):
            raise AssertionError(f"{what}: Required output_size is None|list|tuple, but received {output_size!r}")
        wanted = [as_int(n, "output_size", ValueError) for n in output_size]
        if len(wanted) == dims + 2:
            wanted = wanted[2:]
        if len(wanted) != dims:
            raise ValueError(
                f"{what}: output_size should hold {dims} or {dims + 2} elements, but it has {len(output_size)}"
            )
        if -1 not in shape[2:]:
            for d, (n, size, t) in enumerate(zip(wanted, sizes, strides, strict=True)):
                if not size - t < n < size + t:
                    raise ValueError(
                        f'{what}: invalid output_size "{wanted}" (dim {d} must be between {size - t} and {size + t})'
                    )
        sizes = wanted
    if dims == 1:
        out = call(
            P.unpool,
            unsqueeze(x, 2),
            unsqueeze(indices, 2),
            ksize=[1, *ksize],
            strides=[1, *strides],
            paddings=[0, *paddings],
            output_size=[1, *sizes] if sizes[0] else [0, 0],
            unpooling_type="max",
        )
        return squeeze(out, 2)
    if dims == 3:
        return call(P.unpool3d, x, indices, ksize=ksize, strides=strides, paddings=paddings, output_size=sizes)
    return call(
        P.unpool, x, indices, ksize=ksize, strides=strides, paddings=paddings, output_size=sizes, unpooling_type="max"
    )


def max_unpool1d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    data_format: str = "NCL",
    output_size: Any = None,
    name: str | None = None,
) -> Any:
    """Zeros with the elements of x [N, C, L] at the positions `indices`, as `max_pool1d` found them: its inverse."""
    return _unpool(1, x, indices, kernel_size, stride, padding, data_format, output_size)


def max_unpool2d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    data_format: str = "NCHW",
    output_size: Any = None,
    name: str | None = None,
) -> Any:
    """Zeros with the elements of x [N, C, H, W] at the positions `indices`, as `max_pool2d` found them: its inverse."""
    return _unpool(2, x, indices, kernel_size, stride, padding, data_format, output_size)


def max_unpool3d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    data_format: str = "NCDHW",
    output_size: Any = None,
    name: str | None = None,
) -> Any:
    """Zeros with the elements of x [N, C, D, H, W] at the positions `indices`, as `max_pool3d` found them: its inverse."""
    return _unpool(3, x, indices, kernel_size, stride, padding, data_format, output_size)

"""Convolutions and transposed convolutions, of one to three dimensions, as matrix products over columns of patches.

Everything below works on [N, C, ...]; channel-last data is turned first. Columns have shape [N, C, K, *places]: K positions
in the kernel, and the places it is laid on. A transposed convolution is the gradient of a convolution by its input.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .activation import by_kernel
from .manipulation import zeros_placed
from .norm import differentiated_again
from .registry import Ints, Op, Spec, op
from .shapes import product

__all__: list[str] = []

Pads = tuple[tuple[int, int], ...]


@lru_cache(maxsize=512)
def _resolved(
    sizes: tuple[int, ...],
    ksize: tuple[int, ...],
    strides: tuple[int, ...],
    paddings: tuple[int, ...],
    dilations: tuple[int, ...],
    algorithm: str,
) -> tuple[Pads, tuple[int, ...]]:
    """Padding before and after each axis (0 where the size is unknown) and the dilations; SAME takes them as 1, as Paddle."""
    n = len(ksize)
    if len(sizes) != n or len(strides) != n or len(dilations) != n:
        raise ValueError(
            f"a kernel of {n} dimensions needs as many strides and dilations and an input of {n + 2} dimensions, got strides "
            f"{list(strides)}, dilations {list(dilations)} and an input of {len(sizes) + 2} dimensions"
        )
    if any(s < 1 for s in strides) or any(d < 1 for d in dilations):
        raise ValueError(f"strides and dilations must be at least 1, got {list(strides)} and {list(dilations)}")
    if algorithm == "SAME":
        totals = [
            0 if s == -1 else max((-(-s // t) - 1) * t + k - s, 0)
            for s, t, k in zip(sizes, strides, ksize, strict=True)
        ]
        return tuple((t // 2, t - t // 2) for t in totals), (1,) * n
    if algorithm == "VALID":
        return ((0, 0),) * n, dilations
    if algorithm != "EXPLICIT":
        raise ValueError(f"padding_algorithm = {algorithm!r}; expected 'EXPLICIT', 'SAME' or 'VALID'")
    if len(paddings) == n:
        return tuple((p, p) for p in paddings), dilations
    if len(paddings) == 2 * n:
        return tuple(zip(paddings[::2], paddings[1::2], strict=True)), dilations
    raise ValueError(f"paddings must hold {n} or {2 * n} numbers, got {list(paddings)}")


def resolved(
    sizes: Sequence[int], ksize: Any, strides: Any, paddings: Any, dilations: Any, algorithm: str
) -> tuple[Pads, tuple[int, ...]]:
    """`_resolved` for lists."""
    return _resolved(tuple(sizes), tuple(ksize), tuple(strides), tuple(paddings), tuple(dilations), algorithm)


def _places(sizes: Sequence[int], ksize: Any, strides: Any, pads: Pads, dilations: Any, same: bool) -> tuple[int, ...]:
    """How many places the kernel is laid on, per axis; -1 where the size is unknown."""
    out = []
    for size, k, t, (before, after), d in zip(sizes, ksize, strides, pads, dilations, strict=True):
        if -1 in (size, k):
            out.append(-1)
            continue
        n = -(-size // t) if same else (size + before + after - (d * (k - 1) + 1)) // t + 1
        if n < 1:
            raise ValueError(
                f"the kernel {list(ksize)} with dilations {list(dilations)} is larger than the padded input: sizes {list(sizes)}, "
                f"paddings {[list(p) for p in pads]}"
            )
        out.append(n)
    return tuple(out)


def is_channel_last(data_format: str) -> bool:
    """Whether the channels are the last axis; ValueError for a format that is none."""
    if data_format in ("NCHW", "NCDHW", "NCL", "AnyLayout"):
        return False
    if data_format in ("NHWC", "NDHWC", "NLC"):
        return True
    raise ValueError(f"data_format = {data_format!r}; expected NCHW, NHWC, NCDHW or NDHWC")


def channels_first(xp: Any, x: Any) -> Any:
    """[N, ..., C] as [N, C, ...]."""
    return xp.ascontiguousarray(x.transpose((0, x.ndim - 1, *range(1, x.ndim - 1))))


def channels_last(xp: Any, x: Any) -> Any:
    """[N, C, ...] as [N, ..., C]."""
    return xp.ascontiguousarray(x.transpose((0, *range(2, x.ndim), 1)))


# --- columns


def _windows(
    ksize: Sequence[int], strides: Sequence[int], dilations: Sequence[int], places: Sequence[int]
) -> list[tuple[slice, ...]]:
    """For each position in the kernel, the index into the padded input of the elements it meets."""
    every = slice(None)
    return [
        (
            every,
            every,
            *(
                slice(i * d, i * d + (n - 1) * t + 1, t)
                for i, d, t, n in zip(at, dilations, strides, places, strict=True)
            ),
        )
        for at in itertools.product(*map(range, ksize))
    ]


def _inside(sizes: Sequence[int], pads: Pads) -> tuple[slice, ...]:
    return (slice(None), slice(None), *(slice(before, before + n) for n, (before, _) in zip(sizes, pads, strict=True)))


def _flat_pads(pads: Pads) -> tuple[int, ...]:
    return tuple(p for pair in pads for p in pair)


def _covers(sizes: Sequence[int], ksize: Any, strides: Any, pads: Pads, dilations: Any, places: Any) -> bool:
    """Whether the compiled kernels, which count the places themselves, come to `places`."""
    return len(ksize) == 2 and all(
        (size + before + after - (d * (k - 1) + 1)) // t + 1 == n
        for size, k, t, (before, after), d, n in zip(sizes, ksize, strides, pads, dilations, places, strict=True)
    )


def columns(xp: Any, x: Any, ksize: Any, strides: Any, pads: Pads, dilations: Any, places: Any) -> Any:
    """The patches of x [N, C, ...] as [N, C, K, *places]."""
    n, c = x.shape[:2]
    if _covers(x.shape[2:], ksize, strides, pads, dilations, places):
        found = by_kernel("im2col", x, ksize, strides, _flat_pads(pads), dilations)
        if found is not None:
            return found.reshape(n, c, product(ksize), *places)
    if any(map(any, pads)):
        sizes = x.shape[2:]
        padded = (n, c, *(s + before + after for s, (before, after) in zip(sizes, pads, strict=True)))
        x = zeros_placed(xp, padded, x.dtype, _inside(sizes, pads), x)
    windows = _windows(ksize, strides, dilations, places)
    if differentiated_again(xp):
        return xp.stack([x[w] for w in windows], axis=2)
    out = xp.empty((n, c, len(windows), *places), x.dtype)
    for i, w in enumerate(windows):
        out[:, :, i] = x[w]
    return out


def images(xp: Any, cols: Any, sizes: Sequence[int], ksize: Any, strides: Any, pads: Pads, dilations: Any) -> Any:
    """The transpose of `columns`: [N, C, K, *places] added up into [N, C, *sizes]."""
    n, c, count, *places = cols.shape
    if _covers(sizes, ksize, strides, pads, dilations, places):
        found = by_kernel(
            "col2im",
            cols.reshape(n, c * count, product(places)),
            (n, c, *sizes),
            ksize,
            strides,
            _flat_pads(pads),
            dilations,
        )
        if found is not None:
            return found
    # with a stride the last windows may leave some of the padding untouched; with output padding they may exceed it
    padded = (
        n,
        c,
        *(
            max(s + before + after, (p - 1) * t + (k - 1) * d + 1)
            for s, (before, after), p, t, k, d in zip(sizes, pads, places, strides, ksize, dilations, strict=True)
        ),
    )
    windows = _windows(ksize, strides, dilations, places)
    every = (slice(None), slice(None))
    if differentiated_again(xp):
        total: Any = None
        for i, w in enumerate(windows):
            part = zeros_placed(xp, padded, cols.dtype, w, cols[(*every, i)])
            total = part if total is None else total + part
        return total[_inside(sizes, pads)]
    out = xp.zeros(padded, cols.dtype)
    for i, w in enumerate(windows):
        out[w] += cols[(*every, i)]
    return xp.ascontiguousarray(out[_inside(sizes, pads)]) if padded != (n, c, *sizes) else out


# --- convolution


def _check_input(x: Any, w: Any, channels: int, channel_last: bool) -> None:
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(
            f"Input and Filter must both have {w.ndim} dimensions, got {list(x.shape)} and {list(w.shape)}"
        )
    found = x.shape[-1 if channel_last else 1]
    if -1 not in (found, channels) and found != channels:
        raise ValueError(
            f"Input {list(x.shape)} has {found} channels, but Filter {list(w.shape)} wants {channels} (its second dimension times groups)"
        )
    if x.dtype != w.dtype or x.dtype.kind != "f":
        raise ValueError(f"Input and Filter must be floating and of one type, got {x.dtype} and {w.dtype}")


def _infer_conv(
    x: Spec,
    w: Spec,
    *,
    strides: Any,
    paddings: Any,
    padding_algorithm: str,
    dilations: Any,
    groups: int,
    data_format: str,
    **_: Any,
) -> Spec:
    last = is_channel_last(data_format)
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    _check_input(x, w, w.shape[1] * groups if w.ndim > 1 and w.shape[1] != -1 else -1, last)
    if w.shape[0] != -1 and w.shape[0] % groups:
        raise ValueError(f"Filter has {w.shape[0]} output channels, which {groups} groups do not divide")
    sizes = x.shape[1:-1] if last else x.shape[2:]
    pads, dilations = resolved(sizes, w.shape[2:], strides, paddings, dilations, padding_algorithm)
    places = _places(sizes, w.shape[2:], strides, pads, dilations, padding_algorithm == "SAME")
    return Spec((x.shape[0], *places, w.shape[0]) if last else (x.shape[0], w.shape[0], *places), x.dtype)


def _convolved(
    xp: Any, x: Any, w: Any, strides: Any, paddings: Any, algorithm: str, dilations: Any, groups: int, data_format: str
) -> Any:
    last = is_channel_last(data_format)
    if groups < 1 or w.shape[0] % groups:
        raise ValueError(f"{groups} groups do not divide the {w.shape[0]} output channels of Filter")
    _check_input(x, w, w.shape[1] * groups, last)
    if last:
        x = channels_first(xp, x)
    ksize = w.shape[2:]
    pads, dilations = resolved(x.shape[2:], ksize, strides, paddings, dilations, algorithm)
    y = by_kernel("conv2d", x, w, strides, _flat_pads(pads), dilations, groups) if len(ksize) == 2 else None
    if y is None:
        places = _places(x.shape[2:], ksize, strides, pads, dilations, False)
        n, out = x.shape[0], w.shape[0]
        cols = columns(xp, x, ksize, strides, pads, dilations, places).reshape(
            n, groups, product(w.shape[1:]), product(places)
        )
        y = (w.reshape(groups, out // groups, -1) @ cols).reshape(n, out, *places)
    return channels_last(xp, y) if last else y


def _convolved_back(
    xp: Any,
    x: Any,
    w: Any,
    d_y: Any,
    strides: Any,
    paddings: Any,
    algorithm: str,
    dilations: Any,
    groups: int,
    data_format: str,
    needs: tuple[bool, ...],
) -> tuple[Any, Any]:
    """Gradients of the input and of the filter."""
    last = is_channel_last(data_format)
    if last:
        x, d_y = channels_first(xp, x), channels_first(xp, d_y)
    ksize = w.shape[2:]
    pads, dilations = resolved(x.shape[2:], ksize, strides, paddings, dilations, algorithm)
    found = None
    if len(ksize) == 2 and not differentiated_again(xp):
        found = by_kernel("conv2d_grad", x, w, d_y, strides, _flat_pads(pads), dilations, groups, needs[0], needs[1])
    if found is not None:
        d_x, d_w = found
    else:
        d_x = d_w = None
        n, out, *places = d_y.shape
        rows = d_y.reshape(n, groups, out // groups, product(places))
        kernel = w.reshape(groups, out // groups, product(w.shape[1:]))
        if needs[0]:
            cols = (kernel.swapaxes(1, 2) @ rows).reshape(n, x.shape[1], product(ksize), *places)
            d_x = images(xp, cols, x.shape[2:], ksize, strides, pads, dilations)
        if needs[1]:
            cols = columns(xp, x, ksize, strides, pads, dilations, places).reshape(
                n, groups, product(w.shape[1:]), product(places)
            )
            d_w = (rows @ cols.swapaxes(2, 3)).sum(axis=0).reshape(tuple(w.shape))
    return channels_last(xp, d_x) if last and d_x is not None else d_x, d_w


_CONV_GRAD = "Input, Filter, Output@GRAD -> Input@GRAD, Filter@GRAD"


@op("conv2d", "Input, Filter -> Output", infer=_infer_conv, grad=_CONV_GRAD)
def conv2d(
    xp,
    x,
    w,
    *,
    strides: Ints = (1, 1),
    paddings: Ints = (0, 0),
    padding_algorithm: str = "EXPLICIT",
    dilations: Ints = (1, 1),
    groups: int = 1,
    data_format: str = "NCHW",
):
    return _convolved(xp, x, w, strides, paddings, padding_algorithm, dilations, groups, data_format)


@op("depthwise_conv2d", "Input, Filter -> Output", infer=_infer_conv, grad=_CONV_GRAD)
def depthwise_conv2d(
    xp,
    x,
    w,
    *,
    strides: Ints = (1, 1),
    paddings: Ints = (0, 0),
    padding_algorithm: str = "EXPLICIT",
    groups: int = 1,
    dilations: Ints = (1, 1),
    data_format: str = "NCHW",
):
    return _convolved(xp, x, w, strides, paddings, padding_algorithm, dilations, groups, data_format)


@op("conv3d", "Input, Filter -> Output", infer=_infer_conv, grad=_CONV_GRAD)
def conv3d(
    xp,
    x,
    w,
    *,
    strides: Ints = (1, 1, 1),
    paddings: Ints = (0, 0, 0),
    padding_algorithm: str = "EXPLICIT",
    groups: int = 1,
    dilations: Ints = (1, 1, 1),
    data_format: str = "NCDHW",
):
    return _convolved(xp, x, w, strides, paddings, padding_algorithm, dilations, groups, data_format)


def _conv_backward(definition: Op) -> None:
    default = definition.defaults

    @definition.backward
    def _(
        xp,
        x,
        w,
        d_y,
        *,
        strides=default["strides"],
        paddings=default["paddings"],
        padding_algorithm="EXPLICIT",
        dilations=default["dilations"],
        groups=1,
        data_format=default["data_format"],
        needs=(True, True),
    ):
        return _convolved_back(
            xp, x, w, d_y, strides, paddings, padding_algorithm, dilations, groups, data_format, needs
        )


for _definition in (conv2d, depthwise_conv2d, conv3d):
    _conv_backward(_definition)


# --- transposed convolution


def _grown(
    sizes: Sequence[int], ksize: Any, strides: Any, pads: Pads, dilations: Any, output_padding: Any, output_size: Any
) -> tuple[int, ...]:
    """Sizes of the output of a transposed convolution."""
    n = len(ksize)
    for name, values in (("output_padding", output_padding), ("output_size", output_size)):
        if len(values) not in (0, n):
            raise ValueError(f"{name} must hold {n} numbers, got {list(values)}")
    found = []
    for i, (size, k, t, (before, after), d) in enumerate(zip(sizes, ksize, strides, pads, dilations, strict=True)):
        if -1 in (size, k):
            found.append(output_size[i] if len(output_size) else -1)
            continue
        smallest = (size - 1) * t - before - after + d * (k - 1) + 1
        if len(output_size):
            if not smallest <= output_size[i] < smallest + t:
                raise ValueError(
                    f"output_size = {list(output_size)}: dimension {i} must be at least {smallest} and less than {smallest + t}"
                )
            found.append(output_size[i])
            continue
        extra = output_padding[i] if len(output_padding) else 0
        if extra < 0 or extra >= max(t, d):
            raise ValueError(
                f"output_padding = {list(output_padding)}: dimension {i} must be 0 or more and less than its stride or dilation, "
                f"{max(t, d)}"
            )
        if smallest + extra < 1:
            raise ValueError(f"the output would have size {smallest + extra} along dimension {i}")
        found.append(smallest + extra)
    return tuple(found)


def _infer_transposed(
    x: Spec,
    w: Spec,
    bias: Any = None,
    *,
    strides: Any,
    paddings: Any,
    output_padding: Any,
    output_size: Any,
    padding_algorithm: str,
    groups: int,
    dilations: Any,
    data_format: str,
    **_: Any,
) -> Spec:
    last = is_channel_last(data_format)
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    _check_transposed(x, w, groups, last)
    sizes = x.shape[1:-1] if last else x.shape[2:]
    pads, dilations = resolved(sizes, w.shape[2:], strides, paddings, dilations, padding_algorithm)
    if padding_algorithm == "SAME" and -1 in sizes:
        grown: tuple[int, ...] = tuple(output_size) or (-1,) * len(sizes)
    else:
        grown = _grown(sizes, w.shape[2:], strides, pads, dilations, output_padding, output_size)
    out = -1 if w.shape[1] == -1 else w.shape[1] * groups
    return Spec((x.shape[0], *grown, out) if last else (x.shape[0], out, *grown), x.dtype)


def _check_transposed(x: Any, w: Any, groups: int, last: bool) -> None:
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(
            f"Input and Filter must both have {w.ndim} dimensions, got {list(x.shape)} and {list(w.shape)}"
        )
    found = x.shape[-1 if last else 1]
    if -1 not in (found, w.shape[0]) and found != w.shape[0]:
        raise ValueError(
            f"Input {list(x.shape)} has {found} channels, but Filter {list(w.shape)} wants {w.shape[0]} (its first dimension)"
        )
    if w.shape[0] != -1 and w.shape[0] % groups:
        raise ValueError(f"{groups} groups do not divide the {w.shape[0]} input channels")
    if x.dtype != w.dtype or x.dtype.kind != "f":
        raise ValueError(f"Input and Filter must be floating and of one type, got {x.dtype} and {w.dtype}")


def _transposed(
    xp: Any,
    x: Any,
    w: Any,
    bias: Any,
    strides: Any,
    paddings: Any,
    output_padding: Any,
    output_size: Any,
    algorithm: str,
    groups: int,
    dilations: Any,
    data_format: str,
) -> Any:
    if bias is not None:
        raise NotImplementedError(
            "the input Bias exists for oneDNN builds of Paddle alone; add the bias with elementwise_add"
        )
    last = is_channel_last(data_format)
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    _check_transposed(x, w, groups, last)
    if last:
        x = channels_first(xp, x)
    n, c, *sizes = x.shape
    ksize = w.shape[2:]
    pads, dilations = resolved(sizes, ksize, strides, paddings, dilations, algorithm)
    grown = _grown(sizes, ksize, strides, pads, dilations, output_padding, output_size)
    kernel = w.reshape(groups, c // groups, product(w.shape[1:]))
    cols = kernel.swapaxes(1, 2) @ x.reshape(n, groups, c // groups, product(sizes))
    y = images(xp, cols.reshape(n, w.shape[1] * groups, product(ksize), *sizes), grown, ksize, strides, pads, dilations)
    return channels_last(xp, y) if last else y


def _transposed_back(
    xp: Any,
    x: Any,
    w: Any,
    d_y: Any,
    strides: Any,
    paddings: Any,
    algorithm: str,
    groups: int,
    dilations: Any,
    data_format: str,
    needs: tuple[bool, ...],
) -> tuple[Any, Any]:
    last = is_channel_last(data_format)
    if last:
        x, d_y = channels_first(xp, x), channels_first(xp, d_y)
    n, c, *sizes = x.shape
    ksize = w.shape[2:]
    pads, dilations = resolved(sizes, ksize, strides, paddings, dilations, algorithm)
    # places that lie wholly in the output padding do not exist: the patches are those of the input's own places
    cols = _patches_of_output(xp, d_y, ksize, strides, pads, dilations, sizes)
    cols = cols.reshape(n, groups, product(w.shape[1:]), product(sizes))
    d_x = d_w = None
    if needs[0]:
        d_x = (w.reshape(groups, c // groups, product(w.shape[1:])) @ cols).reshape(tuple(x.shape))
        d_x = channels_last(xp, d_x) if last else d_x
    if needs[1]:
        rows = x.reshape(n, groups, c // groups, product(sizes))
        d_w = (rows @ cols.swapaxes(2, 3)).sum(axis=0).reshape(tuple(w.shape))
    return d_x, d_w


def _patches_of_output(xp: Any, d_y: Any, ksize: Any, strides: Any, pads: Pads, dilations: Any, places: Any) -> Any:
    short = [
        max((p - 1) * t + (k - 1) * d + 1 - (s + before + after), 0)
        for s, (before, after), p, t, k, d in zip(d_y.shape[2:], pads, places, strides, ksize, dilations, strict=True)
    ]
    wide = tuple((before, after + more) for (before, after), more in zip(pads, short, strict=True))
    return columns(xp, d_y, ksize, strides, wide, dilations, places)


def _transposed_op(type: str, n: int, slots: str, grad: str) -> Op:
    one, zero = (1,) * n, (0,) * n

    @op(type, slots, infer=_infer_transposed, grad=grad)
    def forward(
        xp,
        x,
        w,
        bias=None,
        *,
        strides: Ints = one,
        paddings: Ints = zero,
        output_padding: Ints = (),
        output_size: Ints = (),
        padding_algorithm: str = "EXPLICIT",
        groups: int = 1,
        dilations: Ints = one,
        data_format: str = "NCHW",
    ):
        return _transposed(
            xp,
            x,
            w,
            bias,
            strides,
            paddings,
            output_padding,
            output_size,
            padding_algorithm,
            groups,
            dilations,
            data_format,
        )

    if "Bias" in grad:

        @forward.backward
        def _(
            xp,
            x,
            w,
            bias,
            d_y,
            *,
            strides=one,
            paddings=zero,
            padding_algorithm="EXPLICIT",
            groups=1,
            dilations=one,
            data_format="NCHW",
            needs=(True, True),
        ):
            return _transposed_back(
                xp, x, w, d_y, strides, paddings, padding_algorithm, groups, dilations, data_format, needs
            )

    else:

        @forward.backward
        def _(
            xp,
            x,
            w,
            d_y,
            *,
            strides=one,
            paddings=zero,
            padding_algorithm="EXPLICIT",
            groups=1,
            dilations=one,
            data_format="NCHW",
            needs=(True, True),
        ):
            return _transposed_back(
                xp, x, w, d_y, strides, paddings, padding_algorithm, groups, dilations, data_format, needs
            )

    return forward


_WITH_BIAS = "Input, Filter, Bias#?, Output@GRAD -> Input@GRAD, Filter@GRAD"
conv2d_transpose = _transposed_op("conv2d_transpose", 2, "Input, Filter, Bias? -> Output", _WITH_BIAS)
depthwise_conv2d_transpose = _transposed_op(
    "depthwise_conv2d_transpose", 2, "Input, Filter, Bias? -> Output", _WITH_BIAS
)
conv3d_transpose = _transposed_op("conv3d_transpose", 3, "Input, Filter -> Output", _CONV_GRAD)

"""The table of compiled kernels: faster forms of some operators, for float32 and float64 arrays.

    kernel = lookup("softmax")            # None: not built, or switched off with MINIPADDLE_KERNELS=0
                                          # lookup("adam", "gpu"): for CuPy arrays, compiled at the first call
    out = kernel(x) if kernel else None
    if out is None: ...                   # the plain NumPy form

A kernel never changes the meaning of an operator. It answers None (False for those that work in place) when it does
not serve its arguments: another dtype, arrays that are not C-contiguous, an axis other than the last. Nothing has been
changed then, and the caller does it with NumPy. Wrong sizes and labels raise ValueError. "array" is a NumPy array.

Optimizer updates, in place, one call for a whole list of parameters
--------------------------------------------------------------------
`params`, `grads` and the accumulators are lists (or tuples) of equal length of arrays; a grad may be None (that
parameter is left alone, its accumulators too). `lr`, `coeff`, `l2` and `scale` are floats or lists with one float per
parameter. Each grad is taken as `scale * grad + l2 * param`: clipping, then L2 decay, as Paddle orders them.
`cache` is a `BufferCache()` that the optimizer keeps between steps (or None); it saves 0.1 us per array and step, holds
references, and notices arrays that were replaced. All positional:

    adam(cache, params, grads, moment1, moment2, beta1_pow, beta2_pow, lr, beta1, beta2, epsilon,
         coeff=0.0, l2=0.0, scale=1.0) -> bool
        rate = lr * sqrt(1 - beta2_pow) / (1 - beta1_pow), eps = epsilon * sqrt(1 - beta2_pow)
        param = (1 - lr * coeff) * param - rate * m / (sqrt(v) + eps); then beta1_pow *= beta1, beta2_pow *= beta2.
        beta1_pow and beta2_pow: lists of arrays of one element each. coeff != 0 is AdamW; its lr_ratio goes into lr.
    sgd(cache, params, grads, lr, l2=0.0, scale=1.0) -> bool
    momentum(cache, params, grads, velocity, lr, mu, use_nesterov=False, l2=0.0, scale=1.0) -> bool
    rmsprop(cache, params, grads, moment, mean_square, mean_grad, lr, rho, epsilon, mu, centered, l2, scale) -> bool
    adagrad(cache, params, grads, moment, lr, epsilon, l2, scale) -> bool
    lamb(cache, params, grads, moment1, moment2, beta1_pow, beta2_pow, lr, beta1, beta2, epsilon, always_adapt, decay, l2, scale)
        -> bool                                          decay: a float or a list; the powers are counted on as by adam
    squared_norms(arrays) -> list[float] | None          sum of squares of each array, for clipping by norm

Operators over the last axis
----------------------------
    softmax(x, axis=-1, out=None) -> array | None                      out may be x
    softmax_grad(out, d_out, axis=-1) -> array | None
    log_softmax(x, axis=-1, out=None) -> array | None
    log_softmax_grad(out, d_out, axis=-1) -> array | None
    softmax_with_cross_entropy(logits, label, axis=-1, ignore_index=-100) -> (softmax, loss) | None
        logits [..., C]; label int32 or int64 [...] or [..., 1]; softmax [..., C], loss [..., 1], 0 where ignored.
        ValueError for a label that is neither a class nor ignore_index.
    softmax_with_cross_entropy_grad(softmax, label, d_loss, axis=-1, ignore_index=-100) -> array | None
        d_loss [...] or [..., 1]; returns d_logits [..., C].
    mean_cross_entropy(logits, label, axis=-1, ignore_index=-100) -> (softmax, mean) | None
    mean_cross_entropy_grad(softmax, label, d_mean, axis=-1, ignore_index=-100) -> array | None
        The same with the mean loss [] of the labels that count in place of all losses; 0 if none does.

Sums, largest elements, masks
-----------------------------
    total(x) -> float | None                    the sum of a float32 array, added up in double
    cumsum(x, axis, reverse=False) -> array | None               running sums, added up in the type of x, as NumPy's
    top(x, k, largest=True) -> (values, index int64) | None
        The k largest or smallest of the last axis in order; of equal ones the first, NaN counts as the largest.
        None for a k too large to pay.
    resample(x, axis, index, weight) -> array | None
        Along an axis, place i is the sum of the elements index[k, i] (int64 [taps, out]) times weight[k, i] (float64); of
        two taps the first counts with 1 - weight[1, i].
    compress(mask, x) -> array | None           x[mask]; any type of 1, 2, 4 or 8 bytes, mask of the shape of x
    spread(mask, values) -> array | None        zeros of the shape of mask with values[...] where it is true

Normalisation
-------------
    layer_norm(x, scale, bias, epsilon, begin_norm_axis) -> (y, mean, variance) | None
        scale and bias: arrays of the normalised size, or None; mean, variance (biased): [product of the leading axes].
    layer_norm_grad(x, scale, mean, variance, d_y, epsilon, begin_norm_axis, has_bias=True)
        -> (d_x, d_scale | None, d_bias | None) | None
    batch_norm(x, scale, bias, epsilon) -> (y, mean, variance, inverse_std) | None      x [N, C, ...], batch statistics
    batch_norm_infer(x, scale, bias, mean, inverse_std) -> y | None                     stored statistics
    batch_norm_grad(x, d_y, scale, mean, inverse_std, use_global_stats=False, need_x=True)
        -> (d_x | None, d_scale, d_bias) | None
        Moving averages are left to the caller.

Convolution and pooling, NCHW
-----------------------------
`strides`, `dilations`, `ksize`: pairs (h, w); `paddings`: (top, bottom, left, right). Sequences of ints.

    im2col(x, ksize, strides, paddings, dilations) -> cols [N, C kh kw, oh ow] | None
    col2im(cols, shape, ksize, strides, paddings, dilations) -> array of `shape` [N, C, H, W] | None
    conv2d(x, weight, strides, paddings, dilations, groups) -> y | None
    conv2d_grad(x, weight, d_y, strides, paddings, dilations, groups, need_x=True, need_weight=True)
        -> (d_x | None, d_weight | None) | None
        Direct loops; matrix products over the image itself for kernels of one place, and over im2col for gradients with a
        stride or with few places.
    max_pool2d(x, ksize, strides, paddings, ceil_mode=False, adaptive=False, return_index=False)
        -> y | (y, index) | None          index: int32, position h * W + w of the first largest element in its plane
    max_pool2d_grad(x, d_y, ksize, strides, paddings, ceil_mode=False, adaptive=False) -> d_x | None
    avg_pool2d(x, ksize, strides, paddings, ceil_mode=False, exclusive=True, adaptive=False) -> y | None
    avg_pool2d_grad(shape, d_y, ksize, strides, paddings, ceil_mode=False, exclusive=True, adaptive=False) -> d_x | None
        adaptive: ksize is the size of the output; strides and paddings are not looked at.

Recurrent layers
----------------
    rnn(mode, backwards, driven, weight, bias, mask, h, c, gates, extra, states) -> (h, c | None) | None
        All steps of one direction of one layer. mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU". driven: what the inputs give to
        the gates [time, batch, gates * n]; weight [gates * n, n], bias [gates * n] or None; mask [time, batch, 1], 0 beyond
        the end of a sequence, or None; first states h and c [batch, n]. Written: gates and extra of each step, and the states
        h after it [time, batch, n]. Gives the last states.
    rnn_grad(mode, backwards, d_out, weight, mask, h, c, gates, extra, states, cells, d_h, d_c)
        -> (d_x, d_hidden, d_h, d_c | None) | None
        d_out [time, batch, n]; d_h and d_c belong to the last states in the arguments, to the first in the result; cells: c
        after each step. d_x and d_hidden are the gradients of both shares of the gates, one array where they are equal.
    Both answer None where matrix products are large enough for BLAS to be faster.

Elementwise and embedding
-------------------------
    chain(steps, operands, out=None) -> array | None
        A chain of elementwise operators in one pass over memory. steps: tuple of (code, a, b, c0, c1, c2), see
        `CHAIN_CODES`; a and b count the operands, then the results of earlier steps; the last step is the result. The
        operands broadcast; out may be the first operand that has the shape of the result.
    sigmoid(x, out=None), silu(x, out=None), erf(x, out=None), gelu(x, out=None) -> array | None      out may be x
    gelu_grad(x, d_out) -> array | None                                                               the exact gelu
    activation(name, x, a=0, b=0, c=0) -> array | None
        One of `ACTIVATIONS` in one pass; a, b, c: its attributes, see there.
    activation_grad(name, kept, d_out, a=0, b=0, c=0) -> array | None
        The gradient of the input of one of `ACTIVATION_GRADS`, from the input or output.
    add_rows(table, ids, rows, skip=None) -> bool
        table[ids[i]] += rows[i] in place, except where ids[i] == skip; IndexError for an id outside the table.
"""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import flags
from . import cuda_kernels

try:
    from ..kernels import _cpu  # type: ignore[attr-defined]
except ImportError:  # not built: no compiler at installation
    _cpu = None

_INTERFACE = 2  # MP_INTERFACE of kernels/cpu/module.c
if _cpu is not None and getattr(_cpu, "interface", 0) != _INTERFACE:
    warnings.warn(
        "minipaddle's compiled kernels come from another version and are left out; build them again: pip install -e .", stacklevel=2
    )
    _cpu = None

__all__ = ["ACTIVATIONS", "ACTIVATION_GRADS", "CHAIN_CODES", "CHAIN_LIMIT", "BufferCache", "available", "isa", "lookup"]

_TABLE: dict[str, Callable[..., Any]] = {}


def _hold_memory() -> None:
    """Keep the memory of large arrays for the next ones: asking the system for it again costs more than most operators.

    The allocator gives back what it has free beyond 128 MiB. Where the environment tunes the allocator, it is left alone.
    """
    tuned = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if _cpu is not None and flags.get("hold_memory") and not tuned:
        _cpu.hold_memory(1 << 25, 1 << 27)


_hold_memory()


def lookup(name: str, device: str = "cpu") -> Callable[..., Any] | None:
    """The kernel of this name, or None if it was not built, does not exist, or kernels are switched off.

    device: "cpu" for NumPy arrays, "gpu" for CuPy arrays (so far: "adam").
    """
    if not flags.get("kernels"):
        return None
    return (_TABLE if device == "cpu" else cuda_kernels.TABLE).get(name)


def available() -> bool:
    """Whether the C extension was built and is not switched off."""
    return _cpu is not None and bool(flags.get("kernels"))


def isa() -> str:
    """The instruction set the kernels use: "avx512", "avx2", "base", or "none" if they were not built."""
    return _cpu.isa() if _cpu is not None else "none"


class _NoCache:
    """Stands in for BufferCache where the extension was not built."""

    def clear(self) -> None:
        """Let go of all arrays."""


BufferCache: Callable[[], Any] = _cpu.BufferCache if _cpu is not None else _NoCache


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    if _cpu is not None:
        _TABLE[function.__name__] = function
    return function


if _cpu is not None:
    for _name in ("adam", "sgd", "momentum", "rmsprop", "adagrad", "lamb", "squared_norms"):
        if hasattr(_cpu, _name):  # an extension built from older sources has fewer
            _TABLE[_name] = getattr(_cpu, _name)


def _is_last(x: Any, axis: int) -> bool:
    return type(x) is np.ndarray and x.ndim > 0 and (axis == -1 or axis == x.ndim - 1) and x.size > 0


@_kernel
def softmax(x: Any, axis: int = -1, out: Any = None) -> Any:
    """Softmax over the last axis."""
    if not _is_last(x, axis):
        return None
    if out is None:
        out = np.empty(x.shape, x.dtype)
    return out if _cpu.softmax(x, out, x.shape[-1]) else None


@_kernel
def log_softmax(x: Any, axis: int = -1, out: Any = None) -> Any:
    """Logarithm of the softmax over the last axis."""
    if not _is_last(x, axis):
        return None
    if out is None:
        out = np.empty(x.shape, x.dtype)
    return out if _cpu.log_softmax(x, out, x.shape[-1]) else None


@_kernel
def softmax_grad(out: Any, d_out: Any, axis: int = -1) -> Any:
    """Gradient of the input of softmax, from its output."""
    if not _is_last(out, axis):
        return None
    d_x = np.empty(out.shape, out.dtype)
    return d_x if _cpu.softmax_grad(out, d_out, d_x, out.shape[-1]) else None


@_kernel
def log_softmax_grad(out: Any, d_out: Any, axis: int = -1) -> Any:
    """Gradient of the input of log_softmax, from its output."""
    if not _is_last(out, axis):
        return None
    d_x = np.empty(out.shape, out.dtype)
    return d_x if _cpu.log_softmax_grad(out, d_out, d_x, out.shape[-1]) else None


@_kernel
def softmax_with_cross_entropy(logits: Any, label: Any, axis: int = -1, ignore_index: int = -100) -> Any:
    """Softmax and cross entropy of the rows of logits with hard labels."""
    if not _is_last(logits, axis):
        return None
    shape, dtype = logits.shape, logits.dtype
    softmax_, loss = np.empty(shape, dtype), np.empty((*shape[:-1], 1), dtype)
    if _cpu.softmax_with_cross_entropy(logits, label, softmax_, loss, shape[-1], ignore_index):
        return softmax_, loss
    return None


@_kernel
def softmax_with_cross_entropy_grad(
    softmax: Any, label: Any, d_loss: Any, axis: int = -1, ignore_index: int = -100
) -> Any:
    """Gradient of the logits of softmax_with_cross_entropy."""
    if not _is_last(softmax, axis):
        return None
    d_logits = np.empty(softmax.shape, softmax.dtype)
    done = _cpu.softmax_with_cross_entropy_grad(softmax, label, d_loss, d_logits, softmax.shape[-1], ignore_index)
    return d_logits if done else None


@_kernel
def mean_cross_entropy(logits: Any, label: Any, axis: int = -1, ignore_index: int = -100) -> Any:
    """Softmax of the rows of logits and their mean cross entropy with hard labels."""
    if not _is_last(logits, axis):
        return None
    shape, dtype = logits.shape, logits.dtype
    softmax_, mean = np.empty(shape, dtype), np.empty((), dtype)
    if _cpu.mean_cross_entropy(logits, label, softmax_, mean, shape[-1], ignore_index):
        return softmax_, mean
    return None


@_kernel
def mean_cross_entropy_grad(softmax: Any, label: Any, d_mean: Any, axis: int = -1, ignore_index: int = -100) -> Any:
    """Gradient of the logits of mean_cross_entropy."""
    if not _is_last(softmax, axis):
        return None
    d_logits = np.empty(softmax.shape, softmax.dtype)
    done = _cpu.mean_cross_entropy_grad(softmax, label, d_mean, d_logits, softmax.shape[-1], ignore_index)
    return d_logits if done else None


# ---- Normalisation ---------------------------------------------------------------------------------------------------


def _split(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    rows = columns = 1
    for i, size in enumerate(shape):
        if i < axis:
            rows *= size
        else:
            columns *= size
    return rows, columns


@_kernel
def layer_norm(x: Any, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int) -> Any:
    """Layer normalisation over the axes from begin_norm_axis on."""
    if type(x) is not np.ndarray or not x.size:
        return None
    n, c = _split(x.shape, begin_norm_axis)
    y, mean, variance = np.empty(x.shape, x.dtype), np.empty(n, x.dtype), np.empty(n, x.dtype)
    return (y, mean, variance) if _cpu.layer_norm(x, scale, bias, y, mean, variance, n, c, epsilon) else None


@_kernel
def layer_norm_grad(
    x: Any, scale: Any, mean: Any, variance: Any, d_y: Any, epsilon: float, begin_norm_axis: int, has_bias: bool = True
) -> Any:
    """Gradients of layer_norm: of x, of scale (None without one), of bias (None without one)."""
    if type(x) is not np.ndarray or not x.size:
        return None
    n, c = _split(x.shape, begin_norm_axis)
    d_x = np.empty(x.shape, x.dtype)
    d_scale = None if scale is None else np.empty(scale.shape, x.dtype)
    d_bias = np.empty(c, x.dtype) if has_bias else None
    done = _cpu.layer_norm_grad(x, scale, mean, variance, d_y, d_x, d_scale, d_bias, n, c, epsilon)
    return (d_x, d_scale, d_bias) if done else None


def _channels(x: Any) -> tuple[int, int, int] | None:
    """(N, C, elements per channel) of [N, C, ...]."""
    if type(x) is not np.ndarray or x.ndim < 2 or not x.size:
        return None
    n, c = x.shape[:2]
    return n, c, x.size // (n * c)


@_kernel
def batch_norm(x: Any, scale: Any, bias: Any, epsilon: float) -> Any:
    """Batch normalisation with the statistics of x: (y, mean, biased variance, 1 / sqrt(variance + epsilon))."""
    sizes = _channels(x)
    if sizes is None:
        return None
    y, (mean, variance, inverse_std) = np.empty(x.shape, x.dtype), [np.empty(sizes[1], x.dtype) for _ in range(3)]
    done = _cpu.batch_norm(x, scale, bias, y, mean, variance, inverse_std, *sizes, epsilon)
    return (y, mean, variance, inverse_std) if done else None


@_kernel
def batch_norm_infer(x: Any, scale: Any, bias: Any, mean: Any, inverse_std: Any) -> Any:
    """Batch normalisation with stored statistics."""
    sizes = _channels(x)
    if sizes is None:
        return None
    y = np.empty(x.shape, x.dtype)
    return y if _cpu.channel_affine(x, mean, inverse_std, scale, bias, y, *sizes) else None


@_kernel
def batch_norm_grad(
    x: Any, d_y: Any, scale: Any, mean: Any, inverse_std: Any, use_global_stats: bool = False, need_x: bool = True
) -> Any:
    """Gradients of batch_norm: of x (None if not needed), of scale, of bias."""
    sizes = _channels(x)
    if sizes is None:
        return None
    d_x = np.empty(x.shape, x.dtype) if need_x else None
    d_scale, d_bias = np.empty(sizes[1], x.dtype), np.empty(sizes[1], x.dtype)
    done = _cpu.batch_norm_grad(x, d_y, mean, inverse_std, scale, d_x, d_scale, d_bias, *sizes, use_global_stats)
    return (d_x, d_scale, d_bias) if done else None


# ---- Convolution -----------------------------------------------------------------------------------------------------

@lru_cache(maxsize=256)
def _geometry(
    shape: tuple[int, ...], channels: int, groups: int, ksize: tuple[int, ...], strides: tuple[int, ...],
    paddings: tuple[int, ...], dilations: tuple[int, ...],
) -> tuple[int, ...]:  # fmt: skip
    """The 16 numbers that the C functions take; the last two are the size of the output."""
    top, bottom, left, right = paddings
    height = (shape[2] + top + bottom - (dilations[0] * (ksize[0] - 1) + 1)) // strides[0] + 1
    width = (shape[3] + left + right - (dilations[1] * (ksize[1] - 1) + 1)) // strides[1] + 1
    if height < 1 or width < 1:
        raise ValueError(
            f"conv2d: the kernel {list(ksize)} with dilations {list(dilations)} is larger than the padded input: "
            f"{list(shape[2:])} with paddings {list(paddings)} (top, bottom, left, right)"
        )
    return (*shape, channels, groups, *ksize, *strides, top, left, *dilations, height, width)


@_kernel
def im2col(
    x: Any, ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int], dilations: Sequence[int]
) -> Any:
    """The patches of x as columns [N, C kh kw, oh ow]."""
    if type(x) is not np.ndarray or not x.size:
        return None
    g = _geometry(x.shape, 1, 1, tuple(ksize), tuple(strides), tuple(paddings), tuple(dilations))
    cols = np.empty((x.shape[0], x.shape[1] * g[6] * g[7], g[14] * g[15]), x.dtype)
    return cols if _cpu.im2col(x, cols, g) else None


@_kernel
def col2im(
    cols: Any, shape: Sequence[int], ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int],
    dilations: Sequence[int],
) -> Any:  # fmt: skip
    """The transpose of im2col: columns added into an array of `shape`."""
    if type(cols) is not np.ndarray or not cols.size:
        return None
    g = _geometry(tuple(shape), 1, 1, tuple(ksize), tuple(strides), tuple(paddings), tuple(dilations))
    x = np.empty(tuple(shape), cols.dtype)
    return x if _cpu.col2im(np.ascontiguousarray(cols), x, g) else None


def _serves_conv(x: Any, weight: Any, groups: int) -> bool:
    return type(x) is np.ndarray and x.size > 0 and x.dtype == weight.dtype and x.shape[1] == weight.shape[1] * groups


def _is_depthwise(weight: Any, groups: int) -> bool:
    """One channel in and out of each group: the one case where direct loops beat im2col and matrix products."""
    return weight.shape[1] == 1 and weight.shape[0] == groups


def _is_pointwise(x: Any, g: tuple[int, ...]) -> bool:
    """Whether a kernel of one place meets each element once, so that the columns are the image."""
    return g[6:12] == (1, 1, 1, 1, 0, 0) and g[14:] == x.shape[2:] and x.flags.c_contiguous


@lru_cache(maxsize=1)
def _blas_threads() -> int:
    """How many threads BLAS uses, as far as the environment tells."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _better_shared(weight: Any, groups: int, places: int) -> bool:
    """Whether BLAS, which shares large products among cores, makes up for the copying of im2col; the loops here use one."""
    return groups == 1 and weight.size * places > 1 << 26 and _blas_threads() >= 4


@_kernel
def conv2d(
    x: Any, weight: Any, strides: Sequence[int], paddings: Sequence[int], dilations: Sequence[int], groups: int
) -> Any:
    """Convolution of x [N, C, H, W] with weight [O, C / groups, kh, kw]."""
    if not _serves_conv(x, weight, groups):
        return None
    ksize = weight.shape[2:]
    g = _geometry(x.shape, weight.shape[0], groups, ksize, tuple(strides), tuple(paddings), tuple(dilations))
    y = np.empty((x.shape[0], weight.shape[0], g[14], g[15]), x.dtype)
    if _is_depthwise(weight, groups):
        return y if _cpu.conv(x, weight, y, g) else None
    by_group, places = (groups, weight.shape[0] // groups), x.shape[0] * g[14] * g[15]
    kernel, rows = weight.reshape(*by_group, -1), y.reshape(x.shape[0], *by_group, -1)
    if _is_pointwise(x, g):
        # BLAS packs what it multiplies: that pays for images that no cache holds, and fills its vectors with tiny ones
        area = g[14] * g[15]
        held = 16 <= area and (x.shape[1] + weight.shape[0]) * area * x.itemsize <= 2 * _CACHE
        if not (held and _cpu.conv_flat(x, weight, y, g)):
            np.matmul(kernel, x.reshape(x.shape[0], groups, kernel.shape[2], -1), out=rows)
        return y
    if not _better_shared(weight, groups, places) and _cpu.conv_flat(x, weight, y, g):
        return y
    for n0, n1, oh0, oh1, columns in _parts(kernel.shape[2], x.dtype, g):
        at = slice(oh0 * g[15], oh1 * g[15])
        for group in range(groups):
            if not _cpu.im2col_part(x, columns, g, n0, n1 - n0, group, oh0, oh1):
                return None
            if n1 - n0 == 1:
                np.matmul(kernel[group], columns, out=rows[n0, group, :, at])
            else:
                made = _scratch("products", by_group[1] * columns.shape[1], x.dtype).reshape(by_group[1], -1)
                np.matmul(kernel[group], columns, out=made)
                rows[n0:n1, group] = made.reshape(by_group[1], n1 - n0, -1).swapaxes(0, 1)
    return y


class _Scratch(threading.local):
    """Memory for values that live no longer than a call; asking the system for it each time costs more than the work."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}


_scratches = _Scratch()


def _scratch(name: str, count: int, dtype: Any) -> Any:
    """An array [count] that this thread may use until the next call with the same name; large ones are not kept."""
    size = count * dtype.itemsize
    held = _scratches.held.get(name)
    if held is None or held.nbytes < size:
        held = np.empty(size, np.uint8)
        if size <= 4 * _CACHE:
            _scratches.held[name] = held
    return held[:size].view(dtype)


_CACHE = 1 << 20  # bytes of columns that a core's second cache holds beside the rest


def _parts(depth: int, dtype: Any, g: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, Any]]:
    """Several small images, or some rows of a large one, at once, so that their columns stay in the cache.

    Gives (first image, end, first output row, end, columns [depth, images rows width]); the memory of the columns is one.
    """
    images, height, width = g[0], g[14], g[15]
    per_row = depth * width * dtype.itemsize
    at_once = max(_CACHE // max(per_row * height, 1), 1)
    step = height if at_once > 1 else max(_CACHE // max(per_row, 1), 1)
    buffer = _scratch("columns", depth * min(at_once, images) * min(step, height) * width, dtype)
    for n0 in range(0, images, at_once):
        n1 = min(n0 + at_once, images)
        for oh0 in range(0, height, step):
            oh1 = min(oh0 + step, height)
            yield n0, n1, oh0, oh1, buffer[: depth * (n1 - n0) * (oh1 - oh0) * width].reshape(depth, -1)


@_kernel
def conv2d_grad(
    x: Any, weight: Any, d_y: Any, strides: Sequence[int], paddings: Sequence[int], dilations: Sequence[int],
    groups: int, need_x: bool = True, need_weight: bool = True,
) -> Any:  # fmt: skip
    """Gradients of conv2d: of x and of weight, None for one that is not needed."""
    if not _serves_conv(x, weight, groups) or d_y.dtype != x.dtype:
        return None
    ksize = weight.shape[2:]
    g = _geometry(x.shape, weight.shape[0], groups, ksize, tuple(strides), tuple(paddings), tuple(dilations))
    d_y = np.ascontiguousarray(d_y)
    d_x = np.empty(x.shape, x.dtype) if need_x else None
    d_weight = np.empty(weight.shape, x.dtype) if need_weight else None
    if _is_depthwise(weight, groups):
        if need_x and not _cpu.conv_grad_input(weight, d_y, d_x, g):
            return None
        if need_weight and not _cpu.conv_grad_weight(x, d_y, d_weight, g):
            return None
        return d_x, d_weight
    by_group = (groups, weight.shape[0] // groups)
    rows = d_y.reshape(x.shape[0], *by_group, -1)
    kernel = weight.reshape(*by_group, -1)
    if _is_pointwise(x, g):
        cols = x.reshape(x.shape[0], groups, kernel.shape[2], -1)
        if need_x:
            np.matmul(kernel.transpose(0, 2, 1), rows, out=d_x.reshape(cols.shape))  # type: ignore[union-attr]
        if need_weight:
            total = d_weight.reshape(kernel.shape)  # type: ignore[union-attr]
            for group in range(groups):  # one product over all images, not one result for each
                by_row = rows[:, group].swapaxes(0, 1).reshape(by_group[1], -1)
                np.matmul(by_row, cols[:, group].swapaxes(0, 1).reshape(kernel.shape[2], -1).T, out=total[group])
        return d_x, d_weight
    # the direct loops turn the weights round first, and add to all of their gradients once a part: places enough must share that
    places = x.shape[0] * g[14] * g[15]
    shared = _better_shared(weight, groups, places)
    if need_x and places >= 100 and not shared and _cpu.conv_flat_grad_input(weight, d_y, d_x, g):
        need_x = False
    if need_weight and weight.size <= 4000 * places and not shared and _cpu.conv_flat_grad_weight(x, d_y, d_weight, g):
        need_weight = False
    if not need_x and not need_weight:
        return d_x, d_weight
    total = np.zeros(kernel.shape, x.dtype) if need_weight else None
    if need_x:
        d_x.fill(0)  # type: ignore[union-attr]
    for n0, n1, oh0, oh1, columns in _parts(kernel.shape[2], x.dtype, g):
        at = slice(oh0 * g[15], oh1 * g[15])
        for group in range(groups):
            part = (g, n0, n1 - n0, group, oh0, oh1)
            d_rows = rows[n0, group, :, at]
            if n1 - n0 > 1:
                d_rows = _scratch("products", by_group[1] * columns.shape[1], x.dtype).reshape(by_group[1], -1)
                d_rows.reshape(by_group[1], n1 - n0, -1)[...] = rows[n0:n1, group, :, at].swapaxes(0, 1)
            if need_weight:
                if not _cpu.im2col_part(x, columns, *part):
                    return None
                total[group] += d_rows @ columns.T  # type: ignore[index]
            if need_x:
                np.matmul(kernel[group].T, d_rows, out=columns)
                if not _cpu.col2im_part(columns, d_x, *part):
                    return None
    return d_x, d_weight if total is None else total.reshape(weight.shape)


# ---- Pooling ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _windows(
    size: int, ksize: int, stride: int, before: int, after: int, ceil_mode: bool, exclusive: bool, adaptive: bool
) -> tuple[Any, Any]:
    """Bounds int64 [2, n] of the windows of one axis, cut to the input, and 1 / the number of elements they count.

    A window counts what lies in the input or, if not exclusive, in its padding; for the padding after an axis Paddle takes
    the one before it. The number of windows is a quotient cut towards 0, as in C.
    """
    if adaptive:
        at = np.arange(ksize)
        begin, end = at * size // ksize, -((at + 1) * size // -ksize)
        count = end - begin
    else:
        n = int((size - ksize + before + after + (stride - 1 if ceil_mode else 0)) / stride) + 1
        if n < 1:
            raise ValueError(f"pool2d: a window of {ksize} exceeds an axis of {size} padded by {before}, {after}")
        begin = np.arange(n) * stride - before
        end = np.minimum(begin + ksize, size + before)
        count = end - begin
        begin, end = np.maximum(begin, 0), np.minimum(end, size)
        if exclusive:
            count = end - begin
    return np.stack([begin, end]).astype(np.int64), 1.0 / np.maximum(count, 1)


def _pool_plan(
    shape: tuple[int, ...], ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool,
    exclusive: bool, adaptive: bool,
) -> tuple[tuple[int, ...], tuple[Any, ...]]:  # fmt: skip
    """The shape of the output and the last seven arguments of the C functions."""
    n, c, height, width = shape
    if adaptive:
        rows = _windows(height, ksize[0], 1, 0, 0, False, True, True)
        columns = _windows(width, ksize[1], 1, 0, 0, False, True, True)
    else:
        top, bottom, left, right = paddings
        rows = _windows(height, ksize[0], strides[0], top, bottom, ceil_mode, exclusive, False)
        columns = _windows(width, ksize[1], strides[1], left, right, ceil_mode, exclusive, False)
    return (n, c, len(rows[1]), len(columns[1])), (n * c, height, width, rows[0], columns[0], rows[1], columns[1])


@_kernel
def max_pool2d(
    x: Any, ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool = False,
    adaptive: bool = False, return_index: bool = False,
) -> Any:  # fmt: skip
    """Largest element of each window, and on request its position in the plane."""
    if type(x) is not np.ndarray or not x.size:
        return None
    shape, plan = _pool_plan(x.shape, ksize, strides, paddings, ceil_mode, True, adaptive)
    y = np.empty(shape, x.dtype)
    index = np.empty(shape, np.int32) if return_index else None
    if not _cpu.max_pool(x, y, index, *plan):
        return None
    return (y, index) if return_index else y


@_kernel
def max_pool2d_grad(
    x: Any, d_y: Any, ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool = False,
    adaptive: bool = False,
) -> Any:  # fmt: skip
    """Gradient of max_pool2d: d_y goes to the first largest element of each window."""
    if type(x) is not np.ndarray or not x.size:
        return None
    _, plan = _pool_plan(x.shape, ksize, strides, paddings, ceil_mode, True, adaptive)
    d_x = np.empty(x.shape, x.dtype)
    return d_x if _cpu.max_pool_grad(x, np.ascontiguousarray(d_y), d_x, *plan) else None


@_kernel
def avg_pool2d(
    x: Any, ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool = False,
    exclusive: bool = True, adaptive: bool = False,
) -> Any:  # fmt: skip
    """Mean of each window."""
    if type(x) is not np.ndarray or not x.size:
        return None
    shape, plan = _pool_plan(x.shape, ksize, strides, paddings, ceil_mode, exclusive, adaptive)
    y = np.empty(shape, x.dtype)
    return y if _cpu.avg_pool(x, y, *plan) else None


@_kernel
def avg_pool2d_grad(
    shape: Sequence[int], d_y: Any, ksize: Sequence[int], strides: Sequence[int], paddings: Sequence[int],
    ceil_mode: bool = False, exclusive: bool = True, adaptive: bool = False,
) -> Any:  # fmt: skip
    """Gradient of avg_pool2d for an input of `shape`: each element of a window gets its share of d_y."""
    if type(d_y) is not np.ndarray or not d_y.size:
        return None
    _, plan = _pool_plan(tuple(shape), ksize, strides, paddings, ceil_mode, exclusive, adaptive)
    d_x = np.empty(tuple(shape), d_y.dtype)
    return d_x if _cpu.avg_pool_grad(np.ascontiguousarray(d_y), d_x, *plan) else None


# ---- Recurrent layers ------------------------------------------------------------------------------------------------

_MODES = {"LSTM": 0, "GRU": 1, "RNN_TANH": 2, "RNN_RELU": 3}


def _serves_rnn(gates: Any, h: Any) -> bool:
    """Beyond about 2 ** 25 products a step BLAS gains more by its threads than it loses by a call for each step."""
    served = type(gates) is np.ndarray and type(h) is np.ndarray and gates.size > 0
    return served and h.size * gates.shape[-1] < 1 << 25


@_kernel
def rnn(
    mode: str, backwards: bool, driven: Any, weight: Any, bias: Any, mask: Any, h: Any, c: Any, gates: Any, extra: Any,
    states: Any,
) -> Any:  # fmt: skip
    """All steps of one direction of a recurrent layer: the last states."""
    if not _serves_rnn(driven, h):
        return None
    c_last = None if c is None else np.empty(c.shape, c.dtype)
    sizes = (_MODES[mode], backwards, *states.shape)
    if not _cpu.rnn(driven, weight, bias, mask, h, c, gates, extra if extra.size else None, states, c_last, *sizes):
        return None
    return states[0 if backwards else -1], c_last


@_kernel
def rnn_grad(
    mode: str, backwards: bool, d_out: Any, weight: Any, mask: Any, h: Any, c: Any, gates: Any, extra: Any, states: Any,
    cells: Any, d_h: Any, d_c: Any,
) -> Any:  # fmt: skip
    """Gradients of the steps: of both shares of the gates and of the first states."""
    if not _serves_rnn(gates, h) or type(d_out) is not np.ndarray:
        return None
    d_x = np.empty(gates.shape, gates.dtype)
    d_hidden = np.empty(gates.shape, gates.dtype) if mode == "GRU" else d_x
    d_h, d_c = d_h.copy(), None if d_c is None else d_c.copy()
    done = _cpu.rnn_grad(
        np.ascontiguousarray(d_out), weight, mask, h, c, gates, extra if extra.size else None, states, cells, d_x, d_hidden,
        d_h, d_c, _MODES[mode], backwards, *states.shape,
    )  # fmt: skip
    return (d_x, d_hidden, d_h, d_c) if done else None
# ---- Sums, largest elements, masks -----------------------------------------------------------------------------------


@_kernel
def total(x: Any) -> float | None:
    """The sum of all elements of a float32 array."""
    return _cpu.sum(x) if type(x) is np.ndarray and x.size else None


@_kernel
def cumsum(x: Any, axis: int, reverse: bool = False) -> Any:
    """Running sums along an axis."""
    if type(x) is not np.ndarray or not x.size:
        return None
    out = np.empty(x.shape, x.dtype)
    n = x.shape[axis]
    return out if _cpu.cumsum(x, out, n, math.prod(x.shape[axis:]) // n, reverse) else None


@_kernel
def top(x: Any, k: int, largest: bool = True) -> Any:
    """The k largest (smallest) elements of each row and their places."""
    if type(x) is not np.ndarray or not x.size or k > 64 or (k > 16 and 4 * k > x.shape[-1]):
        return None
    shape = (*x.shape[:-1], k)
    values, index = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    return (values, index) if _cpu.top(x, values, index, x.shape[-1], k, largest) else None


@_kernel
def resample(x: Any, axis: int, index: Any, weight: Any) -> Any:
    """An axis resampled: each new element a mixture of old ones."""
    if type(x) is not np.ndarray or not x.size or not index.size:
        return None
    size, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    y = np.empty((*x.shape[:axis], index.shape[1], *x.shape[axis + 1 :]), x.dtype)
    return y if _cpu.resample(x, y, index, weight, size, inner) else None


def _is_plain(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind in "fiub"


@_kernel
def compress(mask: Any, x: Any) -> Any:
    """The elements of x that a mask of its shape chooses."""
    if not _is_plain(x) or mask.shape != x.shape:
        return None
    out = np.empty(np.count_nonzero(mask), x.dtype)
    return out if _cpu.compress(mask, x, out) else None


@_kernel
def spread(mask: Any, values: Any) -> Any:
    """Zeros with values where the mask is true."""
    if not _is_plain(values):
        return None
    out = np.empty(mask.shape, values.dtype)
    return out if _cpu.spread(mask, values, out) else None


# ---- Elementwise and embedding ---------------------------------------------------------------------------------------


def _unary(name: str, doc: str) -> None:
    function = getattr(_cpu, name)

    def kernel(x: Any, out: Any = None) -> Any:
        if type(x) is not np.ndarray:
            return None
        if out is None:
            out = np.empty(x.shape, x.dtype)
        return out if function(x, out) else None

    kernel.__name__ = kernel.__qualname__ = name
    kernel.__doc__ = doc
    _TABLE[name] = kernel


if _cpu is not None:
    _unary("sigmoid", "1 / (1 + exp(-x))")
    _unary("silu", "x / (1 + exp(-x))")
    _unary("erf", "The error function.")
    _unary("gelu", "x (1 + erf(x / sqrt 2)) / 2")


@_kernel
def gelu_grad(x: Any, d_out: Any) -> Any:
    """Gradient of the exact gelu."""
    if type(x) is not np.ndarray:
        return None
    d_x = np.empty(x.shape, x.dtype)
    return d_x if _cpu.gelu_grad(x, d_out, d_x) else None


# name -> code of `activation`, in the order of kernels/cpu/elementwise_loops.h; behind it what a, b, c are
ACTIVATIONS = {
    name: code
    for code, name in enumerate([
        "relu",
        "clip",  # least, largest
        "leaky_relu",  # alpha
        "hard_swish",  # threshold, scale, offset
        "hard_sigmoid",  # slope, offset
        "elu",  # alpha
        "softplus",  # beta, threshold
        "mish",  # the threshold is 20
        "gelu_tanh",
        "swish",  # beta
        "round",  # halves away from zero
        "scale",  # factor, summand
    ])
}  # fmt: skip
# name -> code of `activation_grad`; "(out)": what is kept is the output, else the input
ACTIVATION_GRADS = {
    name: code
    for code, name in enumerate([
        "relu",  # (out), or the input
        "clip",  # least, largest: not at the limits (also relu6, from the output)
        "leaky_relu",
        "hard_swish",
        "hard_sigmoid",  # (out) slope
        "elu",
        "softplus",
        "mish",
        "gelu_tanh",
        "swish",
        "sigmoid",  # (out)
        "tanh",  # (out)
    ])
}  # fmt: skip


@_kernel
def activation(name: str, x: Any, a: float = 0.0, b: float = 0.0, c: float = 0.0) -> Any:
    """An activation in one pass."""
    if type(x) is not np.ndarray:
        return None
    out = np.empty(x.shape, x.dtype)
    return out if _cpu.activation(ACTIVATIONS[name], x, out, a, b, c) else None


@_kernel
def activation_grad(name: str, kept: Any, d_out: Any, a: float = 0.0, b: float = 0.0, c: float = 0.0) -> Any:
    """Gradient of the input of an activation in one pass."""
    if type(kept) is not np.ndarray:
        return None
    d_x = np.empty(kept.shape, kept.dtype)
    return d_x if _cpu.activation_grad(ACTIVATION_GRADS[name], kept, d_out, d_x, a, b, c) else None


@_kernel
def add_rows(table: Any, ids: Any, rows: Any, skip: int | None = None) -> bool:
    """table[ids[i]] += rows[i] in place, except for ids equal to `skip`."""
    return table.size > 0 and _cpu.add_rows(ids, rows, table, table.shape[-1], -(2**62) if skip is None else skip)


# name -> code of a step of `chain`, in the order of kernels/cpu/chain.c. The first six take two operands.
CHAIN_CODES = {
    name: code
    for code, name in enumerate([
        "add", "sub", "mul", "div", "max", "min", "times", "plus", "clip", "relu", "leaky", "hard_swish", "sigmoid", "silu",
        "sqrt", "square", "abs",
    ])
}  # fmt: skip
CHAIN_LIMIT = 24  # operands and steps together


@lru_cache(maxsize=4096)
def _places(shape: tuple[int, ...], operand: tuple[int, ...]) -> tuple[int, int] | None:
    """(repeat, count): element i of an array of `shape` meets number ``i // repeat % count`` of a broadcast operand.

    None where no such pair says it: the dimensions that the operand has must be neighbours.
    """
    operand = (1,) * (len(shape) - len(operand)) + operand
    own = [i for i, n in enumerate(operand) if n != 1]
    if not own:
        return math.prod(shape) or 1, 1
    first, last = own[0], own[-1]
    if operand[first : last + 1] != shape[first : last + 1]:
        return None
    return math.prod(shape[last + 1 :]), math.prod(operand)


@_kernel
def chain(steps: tuple[Any, ...], operands: Sequence[Any], out: Any = None) -> Any:
    """A chain of elementwise operators in one pass."""
    shape = operands[0].shape
    for x in operands:
        if type(x) is not np.ndarray:
            return None
        if x.shape != shape:
            shape = np.broadcast_shapes(*[x.shape for x in operands])
            break
    places = [_places(shape, x.shape) for x in operands]
    if None in places or 0 in shape:
        return None
    if out is None or out.shape != shape:
        out = np.empty(shape, operands[0].dtype)
    return out if _cpu.chain(steps, tuple(places), out, *operands) else None

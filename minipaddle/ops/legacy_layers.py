"""Small layers of Paddle 1.x that 2.x has under other names or not at all; checked against Paddle 1.8.5."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .creation import batch_shape
from .manipulation import zeros_added_at
from .ragged import last_level, lengths, lod_of_lengths
from .random import _floating as floating
from .random import _generator as generator
from .random import normal_numbers
from .registry import DTypeNumber, Ints, Long, Spec, op
from .sequence_rnn import gru, lstm
from .shapes import product

__all__: list[str] = []


# --- shapes


def _infer_pad_like(x: Spec, y: Spec, **_: Any) -> Spec:
    if x.ndim != y.ndim or any(-1 not in (a, b) and b > a for a, b in zip(x.shape, y.shape, strict=True)):
        raise ValueError(f"Y must have as many dimensions as X and be no larger, got X {list(x.shape)} and Y {list(y.shape)}")
    return Spec(x.shape, y.dtype)


@op("pad_constant_like", "X, Y -> Out", infer=_infer_pad_like, grad="Y#, Out@GRAD -> Y@GRAD", lod="-> Out=X")
def pad_constant_like(xp, x, y, *, pad_value: float = 0.0):
    _infer_pad_like(x, y)
    behind = [(0, n - m) for n, m in zip(x.shape, y.shape, strict=True)]
    return xp.pad(y, behind, constant_values=y.dtype.type(pad_value))


@pad_constant_like.backward
def _(xp, y, d_out):
    return d_out[tuple(slice(0, n) for n in y.shape)]


def _infer_space_to_depth(x: Spec, *, blocksize: int) -> Spec:
    if x.ndim != 4 or blocksize < 2:
        raise ValueError(f"X must be [n, c, h, w] and blocksize at least 2, got {list(x.shape)} and {blocksize}")
    n, c, h, w = x.shape
    if any(m != -1 and m % blocksize for m in (h, w)):
        raise ValueError(f"blocksize = {blocksize} must divide height and width of {list(x.shape)}")
    if c != -1 and c % (blocksize * blocksize):
        raise ValueError(f"the square of blocksize = {blocksize} must divide the {c} channels")
    return Spec((n, -1 if c == -1 else c * blocksize**2, *(-1 if m == -1 else m // blocksize for m in (h, w))), x.dtype)


def _depth_order(shape: tuple[int, ...], blocksize: int) -> np.ndarray[Any, Any]:
    """For each element of the result (flat, one image) where it comes from. The order is Paddle's, which is a peculiar one."""
    c, h, w = shape
    k, j, i = np.meshgrid(np.arange(c), np.arange(h), np.arange(w), indexing="ij")
    out_c = c // (blocksize * blocksize)
    c2, offset = k % out_c, k // out_c
    w2, h2 = i * blocksize + offset % blocksize, j * blocksize + offset // blocksize
    target = w2 + w * blocksize * (h2 + h * blocksize * c2)
    source = np.empty(c * h * w, np.int64)
    source[target.reshape(-1)] = np.arange(c * h * w)
    return source


@op("space_to_depth", "X -> Out", infer=_infer_space_to_depth, grad="X#, Out@GRAD -> X@GRAD", lod="-> Out=X")
def space_to_depth(xp, x, *, blocksize: Long):
    shape = _infer_space_to_depth(x, blocksize=blocksize).shape
    order = _depth_order(tuple(x.shape[1:]), blocksize)
    return x.reshape(x.shape[0], -1).take(xp.asarray(order), axis=1).reshape(shape)


@space_to_depth.backward
def _(xp, x, d_out, *, blocksize: Long):
    order = _depth_order(tuple(x.shape[1:]), blocksize)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return d_out.reshape(x.shape[0], -1).take(xp.asarray(back), axis=1).reshape(tuple(x.shape))


@op("diag", "Diagonal -> Out", infer=lambda x: Spec((x.shape[0], x.shape[0]), x.dtype))
def diag(xp, x):
    if x.ndim != 1:
        raise ValueError(f"Diagonal must be 1-d, got shape {list(x.shape)}")
    return xp.diag(x)


@op("unique_with_counts", "X -> Out, Index, Count", infer=lambda x, *, dtype: (
    Spec((-1,), x.dtype), Spec(x.shape, np.dtype(np.int32 if dtype == 2 else np.int64)),
    Spec((-1,), np.dtype(np.int32 if dtype == 2 else np.int64))))  # fmt: skip
def unique_with_counts(xp, x, *, dtype: DTypeNumber):
    if x.ndim != 1:
        raise ValueError(f"X must be 1-d, got shape {list(x.shape)}")
    kind = np.dtype(np.int32 if dtype == 2 else np.int64)
    values, first, inverse, counts = xp.unique(x, return_index=True, return_inverse=True, return_counts=True)
    order = first.argsort()  # in the order of their first occurrence
    rank = order.argsort()
    return values.take(order), rank.take(inverse.reshape(-1)).astype(kind), counts.take(order).astype(kind)


# --- images as sequences


def _window_counts(size: tuple[int, int], kernels: Any, strides: Any, paddings: Any) -> tuple[int, int]:
    return tuple(  # type: ignore[return-value]
        (n + paddings[i] + paddings[i + 2] - kernels[i] + strides[i] - 1) // strides[i] + 1 for i, n in enumerate(size)
    )


def _infer_im2sequence(x: Spec, y: Spec | None = None, *, kernels: Any, **_: Any) -> Spec:
    if x.ndim != 4:
        raise ValueError(f"X must be [n, c, h, w], got {list(x.shape)}")
    return Spec((-1, -1 if x.shape[1] == -1 else x.shape[1] * kernels[0] * kernels[1]), x.dtype)


def _patches(x: Any, y: Any, kernels: Any, strides: Any, paddings: Any, out_stride: Any) -> tuple[np.ndarray[Any, Any], list[int]]:
    """For each row and column of the result the place in the padded images [n, c, h, w]; and how many rows per image."""
    n, c, h, w = x.shape
    high, wide = h + paddings[0] + paddings[2], w + paddings[1] + paddings[3]
    rows, counts = [], []
    real = None if y is None else np.asarray(y.tolist(), np.float64).reshape(-1, 2)
    for image in range(n):
        if real is None:
            oh, ow = _window_counts((h, w), kernels, strides, paddings)
        else:  # the size an image really has, made smaller by what came before
            size = [math.ceil(real[image, i] / out_stride[i]) for i in (0, 1)]
            oh, ow = _window_counts((size[0], size[1]), kernels, strides, paddings)
        top = np.arange(oh).reshape(-1, 1, 1, 1, 1) * strides[0] + np.arange(kernels[0]).reshape(1, 1, 1, -1, 1)
        left = np.arange(ow).reshape(1, -1, 1, 1, 1) * strides[1] + np.arange(kernels[1]).reshape(1, 1, 1, 1, -1)
        channel = np.arange(c).reshape(1, 1, -1, 1, 1)
        inside = (top < high) & (left < wide) & (channel >= 0)
        place = ((image * c + channel) * high + top) * wide + left
        rows.append(np.where(inside, place, n * c * high * wide).reshape(oh * ow, -1))
        counts.append(oh * ow)
    return np.concatenate(rows), counts


@op("im2sequence", "X, Y? -> Out", infer=_infer_im2sequence, grad="X#, Y, Out@GRAD -> X@GRAD", lod="-> Out")
def im2sequence(xp, x, y=None, *, kernels: Ints, strides: Ints = (1, 1), paddings: Ints = (0, 0, 0, 0), out_stride: Ints = (1, 1)):
    place, _ = _patches(x, y, kernels, strides, paddings, out_stride)
    wide = xp.pad(x, ((0, 0), (0, 0), (paddings[0], paddings[2]), (paddings[1], paddings[3])))
    flat = xp.concatenate([wide.reshape(-1), xp.zeros((1,), x.dtype)])  # the last element stands for what lies outside
    return flat.take(xp.asarray(place))


@im2sequence.backward
def _(xp, x, y, d_out, *, kernels: Ints, strides: Ints = (1, 1), paddings: Ints = (0, 0, 0, 0), out_stride: Ints = (1, 1)):
    place, _ = _patches(x, y, kernels, strides, paddings, out_stride)
    n, c, h, w = x.shape
    high, wide = h + paddings[0] + paddings[2], w + paddings[1] + paddings[3]
    count = n * c * high * wide
    flat = zeros_added_at(xp, (count + 1,), d_out.dtype, (xp.asarray(place.reshape(-1)),), d_out.reshape(-1))
    images = flat[:count].reshape(n, c, high, wide)
    return images[:, :, paddings[0] : paddings[0] + h, paddings[1] : paddings[1] + w]


@im2sequence.lod
def _(xp, x, y=None, *, kernels: Ints, strides: Ints = (1, 1), paddings: Ints = (0, 0, 0, 0), out_stride: Ints = (1, 1)):
    return (lod_of_lengths(_patches(x, y, kernels, strides, paddings, out_stride)[1]),)


# --- positions


def _waves(rows: int, width: int, dtype: Any) -> np.ndarray[Any, Any]:
    half = width // 2
    at = np.arange(rows).reshape(-1, 1) / np.power(10000.0, np.arange(half) / (half - 1 if half > 1 else 1))
    return np.concatenate([np.sin(at), np.cos(at)], axis=1).astype(dtype)


def _infer_position(x: Spec, **_: Any) -> Spec:
    if x.ndim not in (2, 3) or (x.shape[-1] != -1 and x.shape[-1] % 2):
        raise ValueError(f"X must be [batch, length, width] (or [rows, width] with a lod) of an even width, got {list(x.shape)}")
    return x


@op("add_position_encoding", "X -> Out", infer=_infer_position, grad="Out@GRAD -> X@GRAD", lod="X -> Out=X")
def add_position_encoding(xp, x, *, alpha: float = 1.0, beta: float = 1.0, lod=None):
    _infer_position(x)
    if x.ndim == 3:
        waves = _waves(x.shape[1], x.shape[2], x.dtype)
    else:
        counts = lengths(last_level(lod, x.shape[0]))
        waves = np.concatenate([_waves(int(n), x.shape[1], x.dtype) for n in counts])
    return x * x.dtype.type(alpha) + xp.asarray(waves) * x.dtype.type(beta)


@add_position_encoding.backward
def _(xp, d_out, *, alpha: float = 1.0):
    return d_out * d_out.dtype.type(alpha)


# --- random numbers


@op("gaussian_random_batch_size_like", "Input -> Out", random=True,
    infer=lambda x, *, shape, input_dim_idx=0, output_dim_idx=0, dtype=5, **_: Spec(
        batch_shape(shape, x.shape, input_dim_idx, output_dim_idx), floating(dtype)))  # fmt: skip
def gaussian_random_batch_size_like(xp, x, *, shape: Ints, input_dim_idx: int = 0, output_dim_idx: int = 0, mean: float = 0.0,
                                    std: float = 1.0, seed: int = 0, dtype: DTypeNumber = 5):  # fmt: skip
    size = batch_shape(shape, x.shape, input_dim_idx, output_dim_idx)
    return normal_numbers(generator(xp, seed), size, mean, std, floating(dtype))


@op("sampling_id", "X -> Out", random=True, infer=lambda x, **_: Spec(x.shape[:1], np.dtype(np.int64)), lod="-> Out=X")
def sampling_id(xp, x, *, min: float = 0.0, max: float = 1.0, seed: int = 0):
    if x.ndim != 2:
        raise ValueError(f"X must be [rows, probabilities], got shape {list(x.shape)}")
    drawn = xp.asarray(np.asarray(generator(xp, seed).uniform(min, max, (x.shape[0], 1))))
    reached = xp.cumsum(x, axis=1) < drawn
    return xp.minimum(reached.sum(axis=1), xp.asarray(x.shape[1] - 1)).astype(np.dtype(np.int64))


# --- recurrent layers as inference passes fuse them: the matrix product is inside


def _infer_fusion_gru(x: Spec, h0: Spec | None, wx: Spec, wh: Spec, bias: Spec | None = None, **_: Any) -> tuple[Any, ...]:
    d = wh.shape[0]
    return None, Spec((x.shape[0], wx.shape[1]), x.dtype), None, None, Spec((x.shape[0], d), x.dtype)


@op("fusion_gru", "X, H0?, WeightX, WeightH, Bias? -> ReorderedH0~?, XX~, BatchedInput~?, BatchedOut~?, Hidden", infer=_infer_fusion_gru,
    lod="X -> Hidden=X")  # fmt: skip
def fusion_gru(xp, x, h0, wx, wh, bias=None, *, activation: str = "tanh", gate_activation: str = "sigmoid", is_reverse: bool = False,
               use_seq: bool = True, origin_mode: bool = False, lod=None):  # fmt: skip
    rows = x.reshape(-1, wx.shape[0]) @ wx
    hidden = gru.forward(xp, rows, h0, wh, bias, activation=activation, gate_activation=gate_activation, is_reverse=is_reverse,
                         origin_mode=origin_mode, lod=lod)[3]  # fmt: skip
    return None, rows, None, None, hidden


def _infer_fusion_lstm(x: Spec, wx: Spec, wh: Spec, bias: Spec, *_: Any, **__: Any) -> tuple[Any, ...]:
    d = wh.shape[0]
    narrow = Spec((x.shape[0], d), x.dtype)
    return narrow, narrow, Spec((x.shape[0], wx.shape[1]), x.dtype), None, None, None, None, None, None


@op("fusion_lstm", "X, WeightX, WeightH, Bias, H0?, C0? -> Hidden, Cell, XX~, BatchedInput~?, BatchedHidden~?, BatchedCell~?, "
    "ReorderedH0~?, ReorderedC0~?, CheckedCell~?", infer=_infer_fusion_lstm, lod="X -> Hidden=X, Cell=X")  # fmt: skip
def fusion_lstm(xp, x, wx, wh, bias, h0=None, c0=None, *, use_peepholes: bool = True, is_reverse: bool = False, use_seq: bool = True,
                gate_activation: str = "sigmoid", cell_activation: str = "tanh", candidate_activation: str = "tanh", lod=None):  # fmt: skip
    rows = x.reshape(-1, wx.shape[0]) @ wx
    hidden, cell = lstm.forward(
        xp, rows, h0, c0, wh, bias, use_peepholes=use_peepholes, is_reverse=is_reverse, gate_activation=gate_activation,
        cell_activation=cell_activation, candidate_activation=candidate_activation, lod=lod,
    )[:2]  # fmt: skip
    return hidden, cell, rows, None, None, None, None, None, None


# --- products


def _infer_fsp(x: Spec, y: Spec) -> Spec:
    if x.ndim != 4 or y.ndim != 4 or any(-1 not in (a, b) and a != b for a, b in zip(x.shape[2:], y.shape[2:], strict=True)):
        raise ValueError(f"X and Y must be images of one size, got {list(x.shape)} and {list(y.shape)}")
    return Spec((x.shape[0], x.shape[1], y.shape[1]), x.dtype)


@op("fsp", "X, Y -> Out", infer=_infer_fsp, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD", lod="-> Out=X")
def fsp(xp, x, y):
    _infer_fsp(x, y)
    a, b = (v.reshape(*v.shape[:2], -1) for v in (x, y))
    return a @ b.swapaxes(1, 2) / x.dtype.type(product(x.shape[2:]))


@fsp.backward
def _(xp, x, y, d_out):
    a, b = (v.reshape((*v.shape[:2], -1)) for v in (x, y))
    d = d_out / d_out.dtype.type(product(x.shape[2:]))
    return (d @ b).reshape(tuple(x.shape)), (d.swapaxes(1, 2) @ a).reshape(tuple(y.shape))


def _infer_cvm(x: Spec, cvm: Spec, *, use_cvm: bool = True) -> Spec:
    if x.ndim != 2 or (x.shape[1] != -1 and x.shape[1] < 2):
        raise ValueError(f"X must be [rows, width] with shows and clicks first, got {list(x.shape)}")
    return x if use_cvm or x.shape[1] == -1 else Spec((x.shape[0], x.shape[1] - 2), x.dtype)


@op("cvm", "X, CVM -> Y", infer=_infer_cvm, grad="X#, CVM, Y@GRAD -> X@GRAD", lod="-> Y=X")
def cvm(xp, x, counts, *, use_cvm: bool = True):
    _infer_cvm(x, counts, use_cvm=use_cvm)
    if not use_cvm:
        return x[:, 2:].copy()
    show = xp.log(x[:, :1] + 1)
    return xp.concatenate([show, xp.log(x[:, 1:2] + 1) - show, x[:, 2:]], axis=1)


@cvm.backward
def _(xp, x, counts, d_y, *, use_cvm: bool = True):
    # as in Paddle the first two columns get the counts themselves
    rows = counts.astype(d_y.dtype, copy=False)
    if rows.shape[0] != d_y.shape[0]:
        rows = rows.take(xp.arange(d_y.shape[0]) * 0, axis=0)
    return xp.concatenate([rows[:, :2], d_y[:, 2:] if use_cvm else d_y], axis=1)

"""Normalisation over batches, layers, groups and instances.

The statistics that a forward function hands to its gradient (SavedMean and the like) are unknown to the tape. When a
gradient is itself differentiated, the statistics are therefore found again from the input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import by_kernel
from .elementwise import const
from .registry import Spec, op
from .shapes import product

__all__: list[str] = []

_EPSILON = 9.999999747378752e-06


def differentiated_again(xp: Any) -> bool:
    """Whether a backward function runs to be differentiated itself (on the facade of second derivatives)."""
    return xp is not np and hasattr(xp, "recorded")  # asking NumPy for what it has not is slow


def plain_value(xp: Any, x: Any) -> Any:
    """The array itself where a backward function needs numbers that a small step does not change."""
    return xp.constant(x) if differentiated_again(xp) else x


# --- batch normalisation


def _channel_axis(ndim: int, layout: str) -> int:
    if layout not in ("NCHW", "NHWC", "AnyLayout"):
        raise ValueError(f"data_layout = {layout!r}; expected 'NCHW' or 'NHWC'")
    return ndim - 1 if layout == "NHWC" else 1


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i != axis)


def _along(v: Any, ndim: int, axis: int) -> Any:
    """A vector of one number per channel, ready to broadcast."""
    return v.reshape(tuple(-1 if i == axis else 1 for i in range(ndim)))


def _uses_stored(is_test: bool, use_global_stats: bool, trainable_statistics: bool) -> bool:
    return use_global_stats or (is_test and not trainable_statistics)


def _infer_batch_norm(
    x: Spec,
    scale: Spec | None,
    bias: Spec | None,
    mean: Spec,
    variance: Spec,
    momentum_tensor: Any = None,
    *,
    is_test: bool = False,
    data_layout: str = "NCHW",
    trainable_statistics: bool = False,
    **_: Any,
) -> tuple[Any, ...]:
    if not 2 <= x.ndim <= 5:
        raise ValueError(f"the input must have 2 to 5 dimensions, got shape {list(x.shape)}")
    channels = x.shape[_channel_axis(x.ndim, data_layout)]
    for name, s in (("Scale", scale), ("Bias", bias), ("Mean", mean), ("Variance", variance)):
        if s is not None and (s.ndim != 1 or -1 not in (s.shape[0], channels) and s.shape[0] != channels):
            raise ValueError(
                f"{name} must have shape [{channels}], one number per channel of {list(x.shape)} ({data_layout}), got {list(s.shape)}"
            )
    stats = Spec(mean.shape, mean.dtype)
    reserve = None if is_test and not trainable_statistics else Spec((0,), x.dtype)
    return x, stats, Spec(variance.shape, variance.dtype), stats, stats, reserve


@op(
    "batch_norm",
    "X, Scale?, Bias?, Mean, Variance, MomentumTensor? -> Y, MeanOut~=Mean, VarianceOut~=Variance, SavedMean~, SavedVariance~, "
    "ReserveSpace~?",
    infer=_infer_batch_norm,
    grad="X, Scale?, Bias#?, SavedMean, SavedVariance, MeanOut#?, VarianceOut#?, ReserveSpace#?, Y@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)
def batch_norm(
    xp,
    x,
    scale,
    bias,
    mean,
    variance,
    momentum_tensor=None,
    *,
    is_test: bool = False,
    momentum: float = 0.8999999761581421,
    epsilon: float = _EPSILON,
    data_layout: str = "NCHW",
    use_global_stats: bool = False,
    trainable_statistics: bool = False,
):
    ndim = x.ndim
    if not 2 <= ndim <= 5 or x.dtype.kind != "f":
        raise ValueError(f"the input must be floating and have 2 to 5 dimensions, got {x.dtype}{list(x.shape)}")
    axis = _channel_axis(ndim, data_layout)
    channels = x.shape[axis]
    for name, v in (("Scale", scale), ("Bias", bias), ("Mean", mean), ("Variance", variance)):
        if v is not None and v.shape != (channels,):
            raise ValueError(f"{name} must have shape [{channels}], one number per channel, got {list(v.shape)}")
    reserve = None if is_test and not trainable_statistics else xp.zeros((0,), x.dtype)
    if _uses_stored(is_test, use_global_stats, trainable_statistics):
        inverse = const(variance, 1) / xp.sqrt(variance + const(variance, epsilon))
        y = by_kernel("batch_norm_infer", x, scale, bias, mean, inverse) if axis == 1 else None
        if y is None:
            y = _scaled(x, mean, inverse, scale, bias, axis)
        return y, mean, variance, mean.copy(), inverse, reserve
    found = by_kernel("batch_norm", x, scale, bias, epsilon) if axis == 1 else None
    if found is not None:
        y, batch_mean, batch_variance, inverse = found
    else:
        axes = _others(ndim, axis)
        wide = x if x.dtype == mean.dtype else x.astype(mean.dtype)
        batch_mean = wide.mean(axis=axes)
        batch_variance = xp.square(wide - _along(batch_mean, ndim, axis)).mean(axis=axes)
        inverse = const(mean, 1) / xp.sqrt(batch_variance + const(mean, epsilon))
        y = _scaled(x, batch_mean, inverse, scale, bias, axis)
    if momentum_tensor is not None:
        momentum = float(momentum_tensor.reshape(-1)[0])
    keep, take = const(mean, momentum), const(mean, 1 - momentum)
    mean_out = mean * keep + batch_mean.astype(mean.dtype, copy=False) * take
    variance_out = variance * keep + batch_variance.astype(variance.dtype, copy=False) * take
    return y, mean_out, variance_out, batch_mean, inverse, reserve


def _scaled(x: Any, mean: Any, inverse: Any, scale: Any, bias: Any, axis: int) -> Any:
    """(x - mean) * inverse * scale + bias along the channels."""
    n = x.ndim
    factor = inverse if scale is None else inverse * scale
    y = (x - _along(mean, n, axis)) * _along(factor, n, axis)
    if bias is not None:
        y = y + _along(bias, n, axis)
    return y.astype(x.dtype, copy=False)


@batch_norm.backward
def _(
    xp,
    x,
    scale,
    bias,
    saved_mean,
    saved_inverse,
    mean_out,
    variance_out,
    reserve,
    d_y,
    *,
    is_test: bool = False,
    epsilon: float = _EPSILON,
    data_layout: str = "NCHW",
    use_global_stats: bool = False,
    trainable_statistics: bool = False,
    needs: tuple[bool, ...] = (True,) * 3,
):
    ndim = x.ndim
    axis = _channel_axis(ndim, data_layout)
    stored = _uses_stored(is_test, use_global_stats, trainable_statistics)
    if axis == 1:
        found = by_kernel("batch_norm_grad", x, d_y, scale, saved_mean, saved_inverse, stored, needs[0])
        if found is not None:
            return found[0], found[1] if needs[1] else None, found[2] if needs[2] else None
    axes = _others(ndim, axis)
    dtype = saved_mean.dtype
    wide, d = x.astype(dtype, copy=False), d_y.astype(dtype, copy=False)
    mean, inverse = saved_mean, saved_inverse
    if differentiated_again(xp) and not stored:
        mean = wide.mean(axis=axes)
        inverse = const(x, 1) / xp.sqrt(xp.square(wide - _along(mean, ndim, axis)).mean(axis=axes) + const(x, epsilon))
    normal = (wide - _along(mean, ndim, axis)) * _along(inverse, ndim, axis)
    d_bias = d.sum(axis=axes)
    d_scale = (d * normal).sum(axis=axes)
    d_x = None
    if needs[0]:
        factor = _along(inverse if scale is None else inverse * scale, ndim, axis)
        if stored:
            d_x = d * factor
        else:
            share = const(saved_mean, 1 / max(x.size // max(x.shape[axis], 1), 1))
            d_x = (d - _along(d_bias, ndim, axis) * share - normal * (_along(d_scale, ndim, axis) * share)) * factor
        d_x = d_x.astype(x.dtype, copy=False)
    return d_x, d_scale if needs[1] else None, d_bias if needs[2] else None


# --- layer normalisation


def _infer_layer_norm(
    x: Spec, scale: Spec | None = None, bias: Spec | None = None, *, begin_norm_axis: int = 1, **_: Any
) -> tuple[Spec, Spec, Spec]:
    if not 0 < begin_norm_axis < x.ndim:
        raise ValueError(
            f"begin_norm_axis = {begin_norm_axis} must be between 1 and {x.ndim - 1} for shape {list(x.shape)}"
        )
    size = product(x.shape[begin_norm_axis:])
    for name, s in (("Scale", scale), ("Bias", bias)):
        if s is not None and (s.ndim != 1 or -1 not in (s.shape[0], size) and s.shape[0] != size):
            raise ValueError(
                f"{name} must have shape [{size}] for {list(x.shape)} normalised from axis {begin_norm_axis}, got {list(s.shape)}"
            )
    rows = Spec((product(x.shape[:begin_norm_axis]),), x.dtype)
    return x, rows, rows


def _layer_rows(x: Any, begin: int) -> tuple[int, int]:
    return product(x.shape[:begin]), product(x.shape[begin:])


@op(
    "layer_norm",
    "X, Scale?, Bias? -> Y, Mean~, Variance~",
    infer=_infer_layer_norm,
    grad="X, Scale?, Bias#?, Mean, Variance, Y@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)
def layer_norm(xp, x, scale=None, bias=None, *, epsilon: float = _EPSILON, begin_norm_axis: int = 1):
    if x.dtype.kind != "f" or not 0 < begin_norm_axis < x.ndim:
        raise ValueError(
            f"takes a floating tensor and a begin_norm_axis inside of it, got {x.dtype}{list(x.shape)} and {begin_norm_axis}"
        )
    rows, size = _layer_rows(x, begin_norm_axis)
    for name, v in (("Scale", scale), ("Bias", bias)):
        if v is not None and v.shape != (size,):
            raise ValueError(
                f"{name} must have shape [{size}] for {list(x.shape)} normalised from axis {begin_norm_axis}, got {list(v.shape)}"
            )
    found = by_kernel("layer_norm", x, scale, bias, epsilon, begin_norm_axis)
    if found is not None:
        return found
    flat = x.reshape(rows, size)
    mean = flat.mean(axis=1, keepdims=True)
    distance = flat - mean
    variance = xp.square(distance).mean(axis=1, keepdims=True)
    y = distance / xp.sqrt(variance + const(x, epsilon))
    if scale is not None:
        y = y * scale
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype, copy=False).reshape(x.shape), mean.reshape(rows), variance.reshape(rows)


@layer_norm.backward
def _(
    xp,
    x,
    scale,
    bias,
    mean,
    variance,
    d_y,
    *,
    epsilon: float = _EPSILON,
    begin_norm_axis: int = 1,
    needs: tuple[bool, ...] = (True,) * 3,
):
    if type(x) is np.ndarray:
        found = by_kernel(
            "layer_norm_grad", x, scale, mean, variance, np.ascontiguousarray(d_y), epsilon, begin_norm_axis, needs[2]
        )
        if found is not None:
            return found
    rows, size = _layer_rows(x, begin_norm_axis)
    flat, d = x.reshape(rows, size), d_y.reshape(rows, size)
    if differentiated_again(xp):
        middle = flat.mean(axis=1, keepdims=True)
        spread = xp.square(flat - middle).mean(axis=1, keepdims=True)
    else:
        middle, spread = mean.reshape(rows, 1), variance.reshape(rows, 1)
    inverse = const(x, 1) / xp.sqrt(spread + const(x, epsilon))
    normal = (flat - middle) * inverse
    d_scale = (d * normal).sum(axis=0) if needs[1] else None
    d_bias = d.sum(axis=0) if needs[2] else None
    d_x = None
    if needs[0]:
        g = d if scale is None else d * scale
        d_x = (g - g.mean(axis=1, keepdims=True) - normal * (g * normal).mean(axis=1, keepdims=True)) * inverse
        d_x = d_x.astype(x.dtype, copy=False).reshape(tuple(x.shape))
    return d_x, d_scale, d_bias


# batch normalisation over several processes is the same operator here, where there is one
sync_batch_norm = op(
    "sync_batch_norm",
    "X, Scale, Bias, Mean, Variance -> Y, MeanOut~=Mean, VarianceOut~=Variance, SavedMean~, SavedVariance~, ReserveSpace~?",
    infer=_infer_batch_norm,
    grad="X, Scale, Bias#, SavedMean, SavedVariance, ReserveSpace#?, Y@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)(batch_norm.forward)


@sync_batch_norm.backward
def _(
    xp,
    x,
    scale,
    bias,
    saved_mean,
    saved_inverse,
    reserve,
    d_y,
    *,
    is_test: bool = False,
    epsilon: float = _EPSILON,
    data_layout: str = "NCHW",
    use_global_stats: bool = False,
    trainable_statistics: bool = False,
    needs: tuple[bool, ...] = (True,) * 3,
):
    assert batch_norm.grad is not None
    return batch_norm.grad.function(
        xp,
        x,
        scale,
        bias,
        saved_mean,
        saved_inverse,
        None,
        None,
        reserve,
        d_y,
        is_test=is_test,
        epsilon=epsilon,
        data_layout=data_layout,
        use_global_stats=use_global_stats,
        trainable_statistics=trainable_statistics,
        needs=needs,
    )


# --- normalisation of rows: groups of channels, and instances


def _check_channels(channels: int, **vectors: Any) -> None:
    for name, v in vectors.items():
        if v is not None and (len(v.shape) != 1 or -1 not in (v.shape[0], channels) and v.shape[0] != channels):
            raise ValueError(f"{name} must have shape [{channels}], one number per channel, got {list(v.shape)}")


def _rows_normal(xp: Any, x: Any, rows: int, epsilon: float) -> tuple[Any, Any, Any]:
    """x as [rows, rest], each row moved and scaled to mean 0 and variance 1; means and biased variances [rows]."""
    found = by_kernel("layer_norm", x.reshape(rows, -1), None, None, epsilon, 1) if x.size else None
    if found is not None:
        return found
    flat = x.reshape((rows, x.size // rows if rows else 1))
    mean = flat.mean(axis=1, keepdims=True)
    distance = flat - mean
    variance = xp.square(distance).mean(axis=1, keepdims=True)
    return distance / xp.sqrt(variance + const(x, epsilon)), mean.reshape(rows), variance.reshape(rows)


def _rows_normal_back(
    xp: Any,
    x: Any,
    rows: int,
    mean: Any,
    inverse: Any,
    epsilon: float,
    scale: Any,
    d_y: Any,
    channels: int,
    needs: tuple[bool, ...],
) -> tuple[Any, Any, Any]:
    """Gradients of x [N, C, ...] normalised in `rows` rows and scaled per channel, of the scale and of the bias."""
    n = x.shape[0]
    size = x.size // rows if rows else 1
    flat = x.reshape((rows, size))
    if differentiated_again(xp):
        middle = flat.mean(axis=1, keepdims=True)
        inverse = const(x, 1) / xp.sqrt(xp.square(flat - middle).mean(axis=1, keepdims=True) + const(x, epsilon))
    else:
        middle, inverse = mean.reshape(rows, 1), inverse.reshape(rows, 1)
    normal = (flat - middle) * inverse
    by_channel = (n, channels, x.size // max(n * channels, 1))
    d = d_y.reshape(by_channel)
    d_scale = (d * normal.reshape(by_channel)).sum(axis=(0, 2)) if needs[1] else None
    d_bias = d.sum(axis=(0, 2)) if needs[2] else None
    d_x = None
    if needs[0]:
        g = (d if scale is None else d * scale.reshape((1, channels, 1))).reshape((rows, size))
        d_x = (g - g.mean(axis=1, keepdims=True) - normal * (g * normal).mean(axis=1, keepdims=True)) * inverse
        d_x = d_x.reshape(tuple(x.shape))
    return d_x, d_scale, d_bias


def _by_channel(y: Any, shape: tuple[int, ...], scale: Any, bias: Any) -> Any:
    """Rows as [N, C, ...], scaled and moved per channel."""
    y = y.reshape(shape)
    if scale is not None:
        y = y * _along(scale, len(shape), 1)
    if bias is not None:
        y = y + _along(bias, len(shape), 1)
    return y


def _turned(xp: Any, x: Any, layout: str, back: bool = False) -> Any:
    """NHWC as NCHW, or back."""
    if layout not in ("NHWC", "NDHWC", "NLC"):
        return x
    order = (0, *range(2, x.ndim), 1) if back else (0, x.ndim - 1, *range(1, x.ndim - 1))
    return xp.ascontiguousarray(x.transpose(order))


def _infer_group_norm(
    x: Spec,
    scale: Spec | None = None,
    bias: Spec | None = None,
    *,
    groups: int = -1,
    data_layout: str = "NCHW",
    **_: Any,
) -> tuple[Spec, Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"the input must have 2 or more dimensions, got shape {list(x.shape)}")
    if data_layout not in ("NCHW", "NHWC", "AnyLayout"):
        raise ValueError(f"data_layout = {data_layout!r}; expected 'NCHW' or 'NHWC'")
    channels = x.shape[-1 if data_layout == "NHWC" else 1]
    if groups < 1 or channels != -1 and (channels % groups or groups > channels):
        raise ValueError(
            f"groups must be positive and divide the {channels} channels of {list(x.shape)} ({data_layout}), got {groups}"
        )
    _check_channels(channels, Scale=scale, Bias=bias)
    rows = Spec((x.shape[0], groups), x.dtype)
    return x, rows, rows


@op(
    "group_norm",
    "X, Scale?, Bias? -> Y, Mean~, Variance~",
    infer=_infer_group_norm,
    grad="X, Scale?, Bias#?, Y#, Mean, Variance, Y@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)
def group_norm(xp, x, scale=None, bias=None, *, epsilon: float = _EPSILON, groups: int = -1, data_layout: str = "NCHW"):
    _infer_group_norm(x, scale, bias, groups=groups, data_layout=data_layout)
    _floating(x)
    first = _turned(xp, x, data_layout)
    rows = x.shape[0] * groups
    normal, mean, variance = _rows_normal(xp, first, rows, epsilon)
    y = _by_channel(normal, first.shape, scale, bias)
    shape = (x.shape[0], groups)
    return _turned(xp, y, data_layout, True), mean.reshape(shape), variance.reshape(shape)


@group_norm.backward
def _(
    xp,
    x,
    scale,
    bias,
    y,
    mean,
    variance,
    d_y,
    *,
    epsilon: float = _EPSILON,
    groups: int = -1,
    data_layout: str = "NCHW",
    needs: tuple[bool, ...] = (True,) * 3,
):
    first, d = _turned(xp, x, data_layout), _turned(xp, d_y, data_layout)
    inverse = const(x, 1) / xp.sqrt(variance + const(x, epsilon))
    d_x, d_scale, d_bias = _rows_normal_back(
        xp, first, x.shape[0] * groups, mean, inverse, epsilon, scale, d, first.shape[1], needs
    )
    return None if d_x is None else _turned(xp, d_x, data_layout, True), d_scale, d_bias


def _floating(x: Any) -> None:
    if x.dtype.kind != "f":
        raise ValueError(f"takes a floating tensor, got {x.dtype}{list(x.shape)}")


def _infer_instance_norm(
    x: Spec, scale: Spec | None = None, bias: Spec | None = None, **_: Any
) -> tuple[Spec, Spec, Spec]:
    if not 2 <= x.ndim <= 5:
        raise ValueError(f"the input must have 2 to 5 dimensions, got shape {list(x.shape)}")
    _check_channels(x.shape[1], Scale=scale, Bias=bias)
    rows = Spec((product(x.shape[:2]),), x.dtype)
    return x, rows, rows


@op(
    "instance_norm",
    "X, Scale?, Bias? -> Y, SavedMean~, SavedVariance~",
    infer=_infer_instance_norm,
    grad="X, Scale?, SavedMean, SavedVariance, Y@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)
def instance_norm(xp, x, scale=None, bias=None, *, epsilon: float = _EPSILON):
    _infer_instance_norm(x, scale, bias)
    _floating(x)
    normal, mean, variance = _rows_normal(xp, x, x.shape[0] * x.shape[1], epsilon)
    return _by_channel(normal, x.shape, scale, bias), mean, const(x, 1) / xp.sqrt(variance + const(x, epsilon))


@instance_norm.backward
def _(
    xp, x, scale, saved_mean, saved_inverse, d_y, *, epsilon: float = _EPSILON, needs: tuple[bool, ...] = (True,) * 3
):
    return _rows_normal_back(
        xp, x, x.shape[0] * x.shape[1], saved_mean, saved_inverse, epsilon, scale, d_y, x.shape[1], needs
    )


# --- local response normalisation


def _window_sums(xp: Any, x: Any, axis: int, before: int, after: int) -> Any:
    """Sums over the `before` neighbours in front, the element itself and the `after` ones behind it, zeros outside."""
    size = x.shape[axis]
    at = np.arange(size)
    m = ((at[None, :] >= at[:, None] - before) & (at[None, :] <= at[:, None] + after)).astype(x.dtype)
    return (x.swapaxes(axis, x.ndim - 1) @ xp.asarray(m).T).swapaxes(axis, x.ndim - 1)


def _lrn_axis(x: Any, data_format: str) -> int:
    if x.ndim != 4:
        raise ValueError(f"the input must have 4 dimensions, got shape {list(x.shape)}")
    return 3 if data_format == "NHWC" else 1


@op(
    "lrn",
    "X -> Out, MidOut~",
    infer=lambda x, *, data_format, **_: (x, x) if _lrn_axis(x, data_format) else x,
    grad="X, Out, MidOut, Out@GRAD -> X@GRAD",
)
def lrn(
    xp,
    x,
    *,
    n: int = 5,
    k: float = 2.0,
    alpha: float = 9.999999747378752e-05,
    beta: float = 0.75,
    data_format: str = "AnyLayout",
):
    _floating(x)
    if n < 1:
        raise ValueError(f"n must be positive, got {n}")
    mid = _window_sums(xp, xp.square(x), _lrn_axis(x, data_format), (n - 1) // 2, n - 1 - (n - 1) // 2) * const(
        x, alpha
    ) + const(x, k)
    return xp.ascontiguousarray(x * xp.power(mid, const(x, -beta))), xp.ascontiguousarray(mid)


@lrn.backward
def _(xp, x, out, mid, d_out, *, n=5, k=2.0, alpha=9.999999747378752e-05, beta=0.75, data_format="AnyLayout"):
    axis = _lrn_axis(x, data_format)
    before, after = (n - 1) // 2, n - 1 - (n - 1) // 2
    if differentiated_again(xp):
        mid = _window_sums(xp, xp.square(x), axis, before, after) * const(x, alpha) + const(x, k)
    scaled = mid ** const(x, -beta)
    felt = _window_sums(xp, d_out * x * scaled / mid, axis, after, before)
    return d_out * scaled - x * felt * const(x, 2 * alpha * beta)


# --- spectral normalisation


def _weight_matrix(w: Any, dim: int) -> Any:
    """The weight as [its dimension `dim`, all others]."""
    order = (dim, *(i for i in range(w.ndim) if i != dim))
    return w.transpose(order).reshape((w.shape[dim], w.size // max(w.shape[dim], 1)))


def _singular_vectors(xp: Any, w: Any, u: Any, v: Any, power_iters: int, eps: float) -> tuple[Any, Any]:
    """Estimates [h, 1] and [w, 1] of the vectors of the largest singular value, by power iteration."""
    u, v = u.reshape(-1, 1), v.reshape(-1, 1)
    for _ in range(power_iters):
        v = w.T @ u
        v = v / (xp.sqrt(xp.square(v).sum()) + const(w, eps))
        u = w @ v
        u = u / (xp.sqrt(xp.square(u).sum()) + const(w, eps))
    return u, v


def _infer_spectral_norm(w: Spec, u: Spec, v: Spec, *, dim: int, power_iters: int, **_: Any) -> Spec:
    if not 2 <= w.ndim <= 5 or dim not in (0, 1) or power_iters < 0:
        raise ValueError(
            f"Weight must have 2 to 5 dimensions, dim be 0 or 1 and power_iters not negative, got {list(w.shape)}, {dim} and {power_iters}"
        )
    rest = product([n for i, n in enumerate(w.shape) if i != dim])
    for name, s, size in (("U", u, w.shape[dim]), ("V", v, rest)):
        if len(s.shape) != 1 or -1 not in (size, s.shape[0]) and s.shape[0] != size:
            raise ValueError(
                f"{name} must have shape [{size}] for Weight {list(w.shape)} and dim {dim}, got {list(s.shape)}"
            )
    return Spec(w.shape, w.dtype)


@op("spectral_norm", "Weight, U, V -> Out", infer=_infer_spectral_norm, grad="Weight, U, V, Out@GRAD -> Weight@GRAD")
def spectral_norm(xp, w, u, v, *, dim: int = 0, power_iters: int = 1, eps: float = 9.999999960041972e-13):
    _infer_spectral_norm(w, u, v, dim=dim, power_iters=power_iters)
    m = _weight_matrix(w, dim)
    left, right = _singular_vectors(xp, m, u, v, power_iters, eps)
    return w / (left.T @ m @ right).reshape((1,) * w.ndim)


@spectral_norm.backward
def _(xp, w, u, v, d_out, *, dim=0, power_iters=1, eps=9.999999960041972e-13):
    # as in Paddle the singular vectors are taken as constants, which they are to first order where they have converged
    m = _weight_matrix(w, dim)
    left, right = _singular_vectors(xp, m, u, v, power_iters, eps)
    sigma = (left.T @ m @ right).reshape((1,) * w.ndim)
    outer = left @ right.T
    order = (dim, *(i for i in range(w.ndim) if i != dim))
    back = tuple(order.index(i) for i in range(w.ndim))
    direction = xp.ascontiguousarray(outer.reshape(tuple(w.shape[i] for i in order)).transpose(back))
    felt = (d_out * w).sum().reshape((1,) * w.ndim) / (sigma * sigma)
    return d_out / sigma - felt * direction


# --- a scale and a bias per channel


@op(
    "affine_channel",
    "X, Scale, Bias -> Out",
    infer=lambda x, scale, bias, *, data_layout: x,
    grad="X, Scale, Out@GRAD -> X@GRAD, Scale@GRAD, Bias@GRAD",
)
def affine_channel(xp, x, scale, bias, *, data_layout: str = "AnyLayout"):
    axis = _channel_axis(x.ndim, data_layout)
    _check_channels(x.shape[axis], Scale=scale, Bias=bias)
    return x * _along(scale, x.ndim, axis) + _along(bias, x.ndim, axis)


@affine_channel.backward
def _(xp, x, scale, d_out, *, data_layout="AnyLayout"):
    axis = _channel_axis(x.ndim, data_layout)
    axes = _others(x.ndim, axis)
    return d_out * _along(scale, x.ndim, axis), (d_out * x).sum(axis=axes), d_out.sum(axis=axes)

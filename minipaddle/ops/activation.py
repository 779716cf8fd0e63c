"""Activation functions.

Formulas are Paddle 2.6.2's, including which side a kink's gradient takes. The compiled kernels of `backend.kernels` serve
float32 and float64 NumPy arrays over the last axis; the formulas here say what they compute and serve everything else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import kernels, rng
from . import special
from .elementwise import const, refuse_integers, unary
from .registry import Attr, Ints, Spec, op
from .shapes import axis_of, broadcast_shape, product, same_as

__all__: list[str] = []


def by_kernel(name: str, *args: Any) -> Any:
    """What a compiled kernel gives, None where there is none for these arguments."""
    kernel = kernels.lookup(name)
    return None if kernel is None else kernel(*args)


def activated(name: str, x: Any, *numbers: float) -> Any:
    """What the kernel of an activation gives, None where it does not serve `x`."""
    kernel = kernels.lookup("activation")
    return None if kernel is None else kernel(name, x, *numbers)


def activated_back(name: str, kept: Any, d_out: Any, *numbers: float) -> Any:
    """What the kernel of an activation's gradient gives, None where it does not serve the arrays."""
    kernel = kernels.lookup("activation_grad")
    return None if kernel is None else kernel(name, kept, d_out, *numbers)


def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    found = by_kernel("sigmoid", x)
    if found is not None:
        return found
    with np.errstate(over="ignore"):  # exp gives inf where the result is 0
        return const(x, 1) / (xp.exp(-x) + const(x, 1))


def clamped(xp: Any, x: Any, low: float, high: float) -> Any:
    """x limited to [low, high]."""
    return xp.minimum(xp.maximum(x, const(x, low)), const(x, high))


def _relu(xp: Any, x: Any) -> Any:
    found = activated("relu", x)
    return xp.maximum(x, const(x, 0)) if found is None else found


def _relu_back(xp: Any, out: Any, d: Any) -> Any:
    found = activated_back("relu", out, d)
    return d * (out > 0) if found is None else found


relu = unary("relu", _relu, _relu_back, "Out")


def _sigmoid_back(xp: Any, out: Any, d: Any) -> Any:
    found = activated_back("sigmoid", out, d)
    return d * out * (const(out, 1) - out) if found is None else found


sigmoid = unary("sigmoid", logistic, _sigmoid_back, "Out")
logsigmoid = unary(
    "logsigmoid",
    lambda xp, x: xp.minimum(x, const(x, 0)) - xp.log1p(xp.exp(-xp.abs(x))),
    lambda xp, x, d: d * logistic(xp, -x),
)
softsign = unary(
    "softsign", lambda xp, x: x / (xp.abs(x) + const(x, 1)), lambda xp, x, d: d / xp.square(xp.abs(x) + const(x, 1))
)
tanh_shrink = unary("tanh_shrink", lambda xp, x: x - xp.tanh(x), lambda xp, x, d: d * xp.square(xp.tanh(x)))


def _silu(xp: Any, x: Any) -> Any:
    found = by_kernel("silu", x)
    return x * logistic(xp, x) if found is None else found


@op("silu", "X -> Out", infer=same_as(0), grad="X, Out, Out@GRAD -> X@GRAD")
def silu(xp, x):
    refuse_integers(x)
    return _silu(xp, x)


@silu.backward
def _(xp, x, out, d_out):
    found = activated_back("swish", x, d_out, 1.0)
    if found is not None:
        return found
    s = logistic(xp, x)
    return d_out * (s + out * (const(x, 1) - s))


@op("swish", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def swish(xp, x, *, beta: float = 1.0):
    refuse_integers(x)
    if beta == 1:
        return _silu(xp, x)
    found = activated("swish", x, beta)
    return x * logistic(xp, x * const(x, beta)) if found is None else found


@swish.backward
def _(xp, x, d_out, *, beta: float = 1.0):
    found = activated_back("swish", x, d_out, beta)
    if found is not None:
        return found
    scaled = x if beta == 1 else x * const(x, beta)
    s = logistic(xp, scaled)
    return d_out * (s + scaled * s * (const(x, 1) - s))


@op("relu6", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def relu6(xp, x, *, threshold: float = 6.0):
    refuse_integers(x)
    found = activated("clip", x, 0.0, threshold)
    return clamped(xp, x, 0, threshold) if found is None else found


@relu6.backward
def _(xp, out, d_out, *, threshold: float = 6.0):
    found = activated_back("clip", out, d_out, 0.0, threshold)
    return d_out * ((out > 0) & (out < const(out, threshold))) if found is None else found


@op("brelu", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def brelu(xp, x, *, t_min: float = 0.0, t_max: float = 24.0):
    refuse_integers(x)
    found = activated("clip", x, t_min, t_max)
    return clamped(xp, x, t_min, t_max) if found is None else found


@brelu.backward
def _(xp, x, d_out, *, t_min: float = 0.0, t_max: float = 24.0):
    found = activated_back("clip", x, d_out, t_min, t_max)
    return d_out * ((x > const(x, t_min)) & (x < const(x, t_max))) if found is None else found


@op("leaky_relu", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def leaky_relu(xp, x, *, alpha: float = 0.019999999552965164):
    refuse_integers(x)
    found = activated("leaky_relu", x, alpha)
    return xp.where(x > 0, x, x * const(x, alpha)) if found is None else found


@leaky_relu.backward
def _(xp, x, d_out, *, alpha: float = 0.019999999552965164):
    found = activated_back("leaky_relu", x, d_out, alpha)
    return xp.where(x > 0, d_out, d_out * const(x, alpha)) if found is None else found


@op("elu", "X -> Out", infer=same_as(0), grad="X, Out, Out@GRAD -> X@GRAD")
def elu(xp, x, *, alpha: float = 1.0):
    refuse_integers(x)
    found = activated("elu", x, alpha)
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, const(x, 0))) * const(x, alpha)) if found is None else found


@elu.backward
def _(xp, x, out, d_out, *, alpha: float = 1.0):
    found = activated_back("elu", x, d_out, alpha)
    if found is not None:
        return found
    return xp.where(x > 0, d_out, d_out * xp.exp(xp.minimum(x, const(x, 0))) * const(x, alpha))


@op("celu", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def celu(xp, x, *, alpha: float = 1.0):
    refuse_integers(x)
    zero = const(x, 0)
    return xp.maximum(x, zero) + xp.minimum(xp.expm1(_divided(xp, x, alpha)) * const(x, alpha), zero)


def _divided(xp: Any, x: Any, alpha: float) -> Any:
    """x / alpha where that is negative, else 0, so that exp does not overflow."""
    return xp.minimum(x / const(x, alpha), const(x, 0)) if alpha > 0 else x / const(x, alpha)


@celu.backward
def _(xp, x, d_out, *, alpha: float = 1.0):
    return xp.where(x > 0, d_out, d_out * xp.exp(_divided(xp, x, alpha)))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@op("selu", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def selu(xp, x, *, scale: float = _SELU_SCALE, alpha: float = _SELU_ALPHA):
    refuse_integers(x)
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, const(x, 0))) * const(x, alpha)) * const(x, scale)


@selu.backward
def _(xp, out, d_out, *, scale: float = _SELU_SCALE, alpha: float = _SELU_ALPHA):
    return d_out * xp.where(out > 0, const(out, scale) + xp.zeros_like(out), out + const(out, scale * alpha))


_ROOT_HALF, _ROOT_TWO_OVER_PI, _CUBIC = math.sqrt(0.5), math.sqrt(2 / math.pi), 0.044715


@op("gelu", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def gelu(xp, x, *, approximate: bool = False):
    refuse_integers(x)
    found = activated("gelu_tanh", x) if approximate else by_kernel("gelu", x)
    if found is not None:
        return found
    if approximate:  # Hendrycks and Gimpel 2016, the tanh form
        inner = (x + x * x * x * const(x, _CUBIC)) * const(x, _ROOT_TWO_OVER_PI)
        return x * (xp.tanh(inner) + const(x, 1)) * const(x, 0.5)
    return x * (special.erf(xp, x * const(x, _ROOT_HALF)) + const(x, 1)) * const(x, 0.5)


@gelu.backward
def _(xp, x, d_out, *, approximate: bool = False):
    found = activated_back("gelu_tanh", x, d_out) if approximate else by_kernel("gelu_grad", x, d_out)
    if found is not None:
        return found
    one, half = const(x, 1), const(x, 0.5)
    if approximate:
        inner = (x + x * x * x * const(x, _CUBIC)) * const(x, _ROOT_TWO_OVER_PI)
        t = xp.tanh(inner)
        slope = (x * x * const(x, 3 * _CUBIC) + one) * const(x, _ROOT_TWO_OVER_PI)
        return d_out * ((t + one) * half + x * (one - t * t) * slope * half)
    normal = xp.exp(x * x * const(x, -0.5)) * const(x, _ROOT_TWO_OVER_PI * 0.5)
    return d_out * ((special.erf(xp, x * const(x, _ROOT_HALF)) + one) * half + x * normal)


@op("hard_shrink", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def hard_shrink(xp, x, *, threshold: float = 0.5):
    refuse_integers(x)
    return x * (xp.abs(x) > const(x, threshold))


@hard_shrink.backward
def _(xp, x, d_out, *, threshold: float = 0.5):
    return d_out * ((x > const(x, threshold)) | (x < const(x, -threshold)))


# `lambda` is the attribute's name in Paddle but no name for a parameter in Python, so it is declared apart
@op("softshrink", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def softshrink(xp, x, **attrs):
    refuse_integers(x)
    threshold, zero = const(x, attrs.get("lambda", 0.5)), const(x, 0)
    return xp.maximum(x - threshold, zero) + xp.minimum(x + threshold, zero)


softshrink.attrs["lambda"] = Attr("lambda", "FLOAT", 0.5)
softshrink.defaults["lambda"] = 0.5


@softshrink.backward
def _(xp, x, d_out, **attrs):
    threshold = attrs.get("lambda", 0.5)
    return d_out * ((x > const(x, threshold)) | (x < const(x, -threshold)))


@op("hard_sigmoid", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def hard_sigmoid(xp, x, *, slope: float = 0.20000000298023224, offset: float = 0.5):
    refuse_integers(x)
    found = activated("hard_sigmoid", x, slope, offset)
    return clamped(xp, x * const(x, slope) + const(x, offset), 0, 1) if found is None else found


@hard_sigmoid.backward
def _(xp, out, d_out, *, slope: float = 0.20000000298023224):
    found = activated_back("hard_sigmoid", out, d_out, slope)
    return d_out * ((out > 0) & (out < 1)) * const(out, slope) if found is None else found


@op("hard_swish", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def hard_swish(xp, x, *, threshold: float = 6.0, scale: float = 6.0, offset: float = 3.0):
    refuse_integers(x)
    found = activated("hard_swish", x, threshold, scale, offset)
    return x * clamped(xp, x + const(x, offset), 0, threshold) / const(x, scale) if found is None else found


@hard_swish.backward
def _(xp, x, d_out, *, threshold: float = 6.0, scale: float = 6.0, offset: float = 3.0):
    found = activated_back("hard_swish", x, d_out, threshold, scale, offset)
    if found is not None:
        return found
    # a slope of 1 beyond the upper bend, as Paddle, whatever scale and threshold say
    slope = xp.where(x < const(x, threshold - offset), (x + x + const(x, offset)) / const(x, scale), xp.ones_like(x))
    return d_out * slope * (x > const(x, -offset))


@op("mish", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def mish(xp, x, *, threshold: float = 20.0):
    refuse_integers(x)
    found = activated("mish", x) if threshold == 20 else None
    return x * xp.tanh(_softplus(xp, x, 1.0, threshold)) if found is None else found


@mish.backward
def _(xp, x, d_out, *, threshold: float = 20.0):
    found = activated_back("mish", x, d_out) if threshold == 20 else None
    if found is not None:
        return found
    t = xp.tanh(_softplus(xp, x, 1.0, threshold))
    slope = logistic(xp, xp.minimum(x, const(x, threshold)))
    return d_out * (t + x * (const(x, 1) - t * t) * slope)


def _softplus(xp: Any, x: Any, beta: float, threshold: float) -> Any:
    scaled = x * const(x, beta)
    low = xp.minimum(scaled, const(x, threshold))  # beyond the threshold the function is x itself
    return xp.where(scaled > const(x, threshold), x, xp.log1p(xp.exp(low)) / const(x, beta))


@op("softplus", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def softplus(xp, x, *, beta: float = 1.0, threshold: float = 20.0):
    refuse_integers(x)
    found = activated("softplus", x, beta, threshold)
    return _softplus(xp, x, beta, threshold) if found is None else found


@softplus.backward
def _(xp, x, d_out, *, beta: float = 1.0, threshold: float = 20.0):
    found = activated_back("softplus", x, d_out, beta, threshold)
    if found is not None:
        return found
    scaled = x * const(x, beta)
    return xp.where(scaled > const(x, threshold), d_out, d_out * logistic(xp, scaled))


@op("soft_relu", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def soft_relu(xp, x, *, threshold: float = 40.0):
    return xp.log1p(xp.exp(clamped(xp, x, -threshold, threshold)))


@soft_relu.backward
def _(xp, out, d_out, *, threshold: float = 40.0):
    inside = (out > const(out, math.log1p(math.exp(-threshold)))) & (out < const(out, math.log1p(math.exp(threshold))))
    return d_out * (const(out, 1) - xp.exp(-out)) * inside


@op("stanh", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def stanh(xp, x, *, scale_a: float = 0.6700000166893005, scale_b: float = 1.71589994430542):
    refuse_integers(x)
    return xp.tanh(x * const(x, scale_a)) * const(x, scale_b)


@stanh.backward
def _(xp, x, d_out, *, scale_a: float = 0.6700000166893005, scale_b: float = 1.71589994430542):
    t = xp.tanh(x * const(x, scale_a))
    return d_out * (const(x, 1) - t * t) * const(x, scale_a * scale_b)


@op("thresholded_relu", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def thresholded_relu(xp, x, *, threshold: float = 1.0):
    refuse_integers(x)
    return x * (x > const(x, threshold))


@thresholded_relu.backward
def _(xp, x, d_out, *, threshold: float = 1.0):
    return d_out * (x > const(x, threshold))


# --- with weights


def _alpha_shape(x: Any, alpha: Any, mode: str, data_format: str) -> tuple[int, ...]:
    """The shape in which `alpha` broadcasts against `x`."""
    if mode == "all":
        wanted: tuple[int, ...] = (1,) * x.ndim
    elif mode == "channel":
        at = x.ndim - 1 if data_format in ("NHWC", "NLC", "NDHWC") else 1
        if x.ndim < 2:
            raise ValueError(f"X needs a channel axis for mode 'channel', got shape {list(x.shape)}")
        wanted = tuple(x.shape[at] if i == at else 1 for i in range(x.ndim))
    elif mode == "element":
        wanted = (1, *x.shape[1:])
    else:
        raise ValueError(f"mode = {mode!r}; expected 'all', 'channel' or 'element'")
    if -1 not in (product(wanted), product(alpha.shape)) and product(alpha.shape) != product(wanted):
        raise ValueError(
            f"alpha of shape {list(alpha.shape)} does not fit X of shape {list(x.shape)} with mode {mode!r}"
        )
    return wanted


def _infer_prelu(x: Spec, alpha: Spec, *, data_format: str = "NCHW", mode: str = "all") -> Spec:
    _alpha_shape(x, alpha, mode, data_format)
    return x


@op("prelu", "X, Alpha -> Out", infer=_infer_prelu, grad="X, Alpha, Out@GRAD -> X@GRAD, Alpha@GRAD")
def prelu(xp, x, alpha, *, data_format: str = "NCHW", mode: str = "all"):
    refuse_integers(x)
    return xp.where(x > 0, x, x * alpha.reshape(_alpha_shape(x, alpha, mode, data_format)))


@prelu.backward
def _(xp, x, alpha, d_out, *, data_format: str = "NCHW", mode: str = "all", needs: tuple[bool, ...] = (True, True)):
    shape = _alpha_shape(x, alpha, mode, data_format)
    dx = xp.where(x > 0, d_out, d_out * alpha.reshape(shape)) if needs[0] else None
    d_alpha = None
    if needs[1]:
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
        d_alpha = (
            xp.where(x > 0, xp.zeros_like(d_out), d_out * x).sum(axis=axes, keepdims=True).reshape(tuple(alpha.shape))
        )
    return dx, d_alpha


def _infer_maxout(x: Spec, *, groups: int, axis: int = 1) -> Spec:
    at = axis_of(axis, x.ndim)
    if x.shape[at] != -1 and x.shape[at] % groups:
        raise ValueError(f"the {x.shape[at]} channels at axis {axis} cannot be divided into {groups} groups")
    return Spec([n if i != at or n == -1 else n // groups for i, n in enumerate(x.shape)], x.dtype)


def _grouped(x: Any, groups: int, axis: int) -> tuple[Any, int]:
    at = axis_of(axis, x.ndim)
    if x.shape[at] % groups:
        raise ValueError(f"the {x.shape[at]} channels at axis {axis} cannot be divided into {groups} groups")
    return x.reshape((*x.shape[:at], x.shape[at] // groups, groups, *x.shape[at + 1 :])), at + 1


@op("maxout", "X -> Out", infer=_infer_maxout, grad="X, Out, Out@GRAD -> X@GRAD")
def maxout(xp, x, *, groups: int, axis: int = 1):
    refuse_integers(x)
    rows, at = _grouped(x, groups, axis)
    return rows.max(axis=at)


@maxout.backward
def _(xp, x, out, d_out, *, groups: int, axis: int = 1):
    rows, at = _grouped(x, groups, axis)
    shape = tuple(1 if i == at else n for i, n in enumerate(rows.shape))
    index = xp.argmax(rows, axis=at).reshape(shape)  # the first of equals
    place = xp.arange(groups).reshape(tuple(groups if i == at else 1 for i in range(rows.ndim)))
    return (d_out.reshape(shape) * (place == index)).reshape(tuple(x.shape))


# --- random


@op("rrelu", "X -> Out, Noise~", random=True, infer=lambda x, **_: (x, x), grad="X, Noise, Out@GRAD -> X@GRAD")
def rrelu(xp, x, *, is_test: bool = False, lower: float = 0.125, upper: float = 0.3333333432674408):
    refuse_integers(x)
    if is_test:
        slope = xp.full(x.shape, (lower + upper) / 2, x.dtype)
    else:
        slope = (rng.random(xp).random(x.shape) * (upper - lower) + lower).astype(x.dtype)
    noise = xp.where(x < 0, slope, const(x, 1))
    return x * noise, noise


@rrelu.backward
def _(xp, x, noise, d_out):
    return d_out * noise


@op("gumbel_softmax", "X -> Out", random=True, infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def gumbel_softmax(xp, x, *, temperature: float = 1.0, hard: bool = False, axis: int = -1):
    refuse_integers(x)
    u = rng.random(xp).random(x.shape)
    noise = -xp.log(-xp.log(xp.clip(u, 1e-20, 1 - 1e-7)))
    y = _softmax(xp, (x + noise.astype(x.dtype)) / const(x, temperature), axis)
    if not hard:
        return y
    at = axis_of(axis, x.ndim)
    index = xp.expand_dims(xp.argmax(y, axis=at), at)
    return (xp.arange(x.shape[at]).reshape(tuple(-1 if i == at else 1 for i in range(x.ndim))) == index).astype(x.dtype)


@gumbel_softmax.backward
def _(xp, out, d_out, *, axis: int = -1):
    return _softmax_back(xp, out, d_out, axis)


# --- softmax


def _softmax(xp: Any, x: Any, axis: int) -> Any:
    axis_of(axis, x.ndim)
    if x.ndim == 0:
        return xp.ones_like(x)
    found = by_kernel("softmax", x, axis)
    if found is not None:
        return found
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _softmax_back(xp: Any, out: Any, d_out: Any, axis: int) -> Any:
    if out.ndim == 0:
        return xp.zeros_like(d_out)
    found = by_kernel("softmax_grad", out, d_out, axis)
    if found is not None:
        return found
    product = out * d_out
    return product - out * product.sum(axis=axis, keepdims=True)


def _infer_softmax(x: Spec, *, axis: int = -1, **_: Any) -> Spec:
    axis_of(axis, x.ndim)
    return x


@op("softmax", "X -> Out", infer=_infer_softmax, grad="Out, Out@GRAD -> X@GRAD")
def softmax(xp, x, *, axis: int = -1):
    refuse_integers(x)
    return _softmax(xp, x, axis)


@softmax.backward
def _(xp, out, d_out, *, axis: int = -1):
    return _softmax_back(xp, out, d_out, axis)


@op("log_softmax", "X -> Out", infer=_infer_softmax, grad="Out, Out@GRAD -> X@GRAD")
def log_softmax(xp, x, *, axis: int = -1):
    refuse_integers(x)
    axis_of(axis, x.ndim)
    if x.ndim == 0:
        return xp.zeros_like(x)
    found = by_kernel("log_softmax", x, axis)
    if found is not None:
        return found
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


@log_softmax.backward
def _(xp, out, d_out, *, axis: int = -1):
    if out.ndim == 0:
        return xp.zeros_like(d_out)
    found = by_kernel("log_softmax_grad", out, d_out, axis)
    if found is not None:
        return found
    return d_out - xp.exp(out) * d_out.sum(axis=axis, keepdims=True)


# --- dropout (Srivastava et al. 2014)


def _check_dropout(x: Any, dropout_prob: float, dropout_implementation: str) -> None:
    refuse_integers(x)
    if not 0 <= dropout_prob <= 1:
        raise ValueError(f"dropout_prob = {dropout_prob} must be in [0, 1]")
    if dropout_implementation not in ("downgrade_in_infer", "upscale_in_train"):
        raise ValueError(
            f"dropout_implementation = {dropout_implementation!r}; expected 'downgrade_in_infer' or 'upscale_in_train'"
        )


def _dropped(
    xp: Any, x: Any, shape: Any, p: float, is_test: bool, implementation: str, fix_seed: bool, seed: int
) -> Any:
    """The output and the mask (1 where kept) of `shape`; no mask in evaluation."""
    _check_dropout(x, p, implementation)
    if is_test:
        return (x.copy() if implementation == "upscale_in_train" else x * const(x, 1 - p)), None
    if p >= 1:
        return xp.zeros_like(x), xp.zeros(shape, "uint8")
    generator = xp.random.default_rng(seed) if fix_seed else rng.random(xp)
    kept = generator.random(shape, dtype=np.float32) >= np.float32(p)
    out = x * kept
    if implementation == "upscale_in_train":
        out = out * const(x, 1 / (1 - p))
    return out, kept.view("uint8")


def _dropped_back(mask: Any, d_out: Any, p: float, is_test: bool, implementation: str) -> Any:
    if is_test or mask is None:
        return d_out if implementation == "upscale_in_train" else d_out * const(d_out, 1 - p)
    d = d_out * mask.astype(d_out.dtype)
    return d * const(d, 1 / (1 - p)) if implementation == "upscale_in_train" and p < 1 else d


def _nd_shape(shape: Any, axis: Any) -> tuple[int, ...]:
    return tuple(n if not axis or i in axis else 1 for i, n in enumerate(shape))


@op(
    "dropout",
    "X, Seed? -> Out, Mask~",
    random=True,
    infer=lambda x, seed_tensor=None, /, **_: (x, Spec(x.shape, np.dtype("uint8"))),
    grad="Mask, Out@GRAD -> X@GRAD",
)
def dropout(
    xp,
    x,
    seed_tensor=None,
    *,
    dropout_prob: float = 0.5,
    is_test: bool = False,
    dropout_implementation: str = "downgrade_in_infer",
    fix_seed: bool = False,
    seed: int = 0,
):
    if seed_tensor is not None:
        fix_seed, seed = True, int(seed_tensor.reshape(-1)[0])
    return _dropped(xp, x, x.shape, dropout_prob, is_test, dropout_implementation, fix_seed, seed)


@dropout.backward
def _(
    xp,
    mask,
    d_out,
    *,
    dropout_prob: float = 0.5,
    is_test: bool = False,
    dropout_implementation: str = "downgrade_in_infer",
):
    return _dropped_back(mask, d_out, dropout_prob, is_test, dropout_implementation)


@op(
    "dropout_nd",
    "X, Seed? -> Out, Mask~",
    random=True,
    infer=lambda x, seed=None, *, axis=(), **_: (x, Spec(_nd_shape(x.shape, axis), np.dtype("uint8"))),
    grad="Mask, Out@GRAD -> X@GRAD",
)
def dropout_nd(
    xp,
    x,
    seed_tensor=None,
    *,
    dropout_prob: float = 0.5,
    is_test: bool = False,
    dropout_implementation: str = "downgrade_in_infer",
    axis: Ints = (),
    fix_seed: bool = False,
    seed: int = 0,
):
    """Dropout that keeps or drops everything along the axes that are not in `axis`."""
    if seed_tensor is not None:
        fix_seed, seed = True, int(seed_tensor.reshape(-1)[0])
    shape = _nd_shape(x.shape, axis)
    return _dropped(xp, x, shape, dropout_prob, is_test, dropout_implementation, fix_seed, seed)


@dropout_nd.backward
def _(
    xp,
    mask,
    d_out,
    *,
    dropout_prob: float = 0.5,
    is_test: bool = False,
    dropout_implementation: str = "downgrade_in_infer",
):
    return _dropped_back(mask, d_out, dropout_prob, is_test, dropout_implementation)


# --- softmax of masked scores, as attention uses it


def _infer_causal(x: Spec) -> Spec:
    if x.ndim < 2 or (x.shape[-1] != x.shape[-2] and -1 not in x.shape[-2:]):
        raise ValueError(f"X must be [..., n, n], got {list(x.shape)}; give other shapes a mask of their own")
    return x


@op("fused_softmax_mask_upper_triangle", "X -> Out", infer=_infer_causal, grad="Out, Out@GRAD -> X@GRAD")
def fused_softmax_mask_upper_triangle(xp, x):
    """Softmax over the last axis in which row i sees columns 0 to i."""
    refuse_integers(x)
    _infer_causal(x)
    n = x.shape[-1]
    row, column = xp.arange(n).reshape(-1, 1), xp.arange(n).reshape(1, -1)
    return _softmax(xp, xp.where(column <= row, x, const(x, -np.inf)), -1)


@fused_softmax_mask_upper_triangle.backward
def _(xp, out, d_out):
    return _softmax_back(xp, out, d_out, -1)


def _infer_masked(x: Spec, mask: Spec) -> Spec:
    if broadcast_shape(x.shape, mask.shape) != tuple(x.shape) and -1 not in (*x.shape, *mask.shape):
        raise ValueError(f"Mask {list(mask.shape)} must broadcast to X {list(x.shape)}")
    return x


@op("fused_softmax_mask", "X, Mask -> Out", infer=_infer_masked, grad="Out, Out@GRAD -> X@GRAD")
def fused_softmax_mask(xp, x, mask):
    """Softmax of X + Mask over the last axis."""
    refuse_integers(x)
    _infer_masked(x, mask)
    return _softmax(xp, x + mask.astype(x.dtype, copy=False), -1)


@fused_softmax_mask.backward
def _(xp, out, d_out):
    return _softmax_back(xp, out, d_out, -1)

"""``paddle.nn.functional``: activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...dtypes import as_dtype
from ...ops import activation as A
from ...ops import elementwise as E
from ...ops.registry import Op
from ...ops.shapes import axis_of
from ...tensor import manipulation
from ...tensor.arguments import static_types
from ...tensor.math import changing, multiply, tanh_
from ...tensor.operators import cast_to

__all__ = [
    "celu",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_sigmoid",
    "log_softmax",
    "maxout",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_",
    "softplus",
    "softshrink",
    "softsign",
    "swish",
    "tanh",
    "tanh_",
    "tanhshrink",
    "thresholded_relu",
    "thresholded_relu_",
]


def _plain(name: str, op: Op, meaning: str) -> Callable[..., Any]:
    def function(x: Any, name: str | None = None) -> Any:
        return call(op, x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}; shape and type of the floating tensor `x`."
    return function


relu = _plain("relu", A.relu, "max(x, 0)")
sigmoid = _plain("sigmoid", A.sigmoid, "1 / (1 + exp(-x))")
tanh = _plain("tanh", E.tanh, "Hyperbolic tangent")
log_sigmoid = _plain("log_sigmoid", A.logsigmoid, "log(1 / (1 + exp(-x)))")
softsign = _plain("softsign", A.softsign, "x / (1 + |x|)")
tanhshrink = _plain("tanhshrink", A.tanh_shrink, "x - tanh(x)")
silu = _plain("silu", A.silu, "x / (1 + exp(-x))")
swish = _plain("swish", A.swish, "x / (1 + exp(-x))")
mish = _plain("mish", A.mish, "x * tanh(log(1 + exp(x)))")
relu6 = _plain("relu6", A.relu6, "x limited to [0, 6]")
hardswish = _plain("hardswish", A.hard_swish, "x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)")


def celu(x: Any, alpha: float = 1.0, name: str | None = None) -> Any:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)); ZeroDivisionError for alpha = 0."""
    if alpha == 0:
        raise ZeroDivisionError("celu: alpha must not be 0")
    return call(A.celu, x, alpha=float(alpha))


def elu(x: Any, alpha: float = 1.0, name: str | None = None) -> Any:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return call(A.elu, x, alpha=float(alpha))


def gelu(x: Any, approximate: bool = False, name: str | None = None) -> Any:
    """x times the normal distribution function of x; `approximate` uses tanh (Hendrycks and Gimpel 2016)."""
    return call(A.gelu, x, approximate=bool(approximate))


def hardshrink(x: Any, threshold: float = 0.5, name: str | None = None) -> Any:
    """x where |x| > threshold, else 0."""
    return call(A.hard_shrink, x, threshold=float(threshold))


def hardtanh(x: Any, min: float = -1.0, max: float = 1.0, name: str | None = None) -> Any:
    """x limited to [min, max]."""
    return call(A.brelu, x, t_min=float(min), t_max=float(max))


def hardsigmoid(x: Any, slope: float = 0.1666667, offset: float = 0.5, name: str | None = None) -> Any:
    """slope * x + offset limited to [0, 1]."""
    return call(A.hard_sigmoid, x, slope=float(slope), offset=float(offset))


def leaky_relu(x: Any, negative_slope: float = 0.01, name: str | None = None) -> Any:
    """x where x > 0, else negative_slope * x."""
    return call(A.leaky_relu, x, alpha=float(negative_slope))


def prelu(x: Any, weight: Any, data_format: str = "NCHW", name: str | None = None) -> Any:
    """x where x > 0, else weight * x; `weight` holds one number, or one per channel of `data_format`.

    AssertionError for a weight that does not fit, ValueError for an unknown data_format.
    """
    shape, weights = spec_of(x).shape, spec_of(weight).shape
    if len(weights) > 1:
        raise AssertionError(f"prelu: weight must be 0-D or 1-D, got shape {list(weights)}")
    if data_format not in ("NC", "NCL", "NCHW", "NCDHW", "NLC", "NHWC", "NDHWC"):
        raise ValueError(f"prelu: data_format = {data_format!r}; expected NC, NCL, NCHW, NCDHW, NLC, NHWC or NDHWC")
    mode = "all"
    if len(weights) == 1 and weights[0] != 1:
        data_format, mode = "NCHW" if data_format[1] == "C" else "NHWC", "channel"
        if len(shape) < 2:
            raise AssertionError(f"prelu: x needs a channel axis for {weights[0]} weights, got shape {list(shape)}")
        channels = shape[-1] if data_format == "NHWC" else shape[1]
        if -1 not in (channels, weights[0]) and channels != weights[0]:
            raise AssertionError(
                f"prelu: weight has {weights[0]} elements but x has {channels} channels ({data_format})"
            )
    return call(A.prelu, x, weight, mode=mode, data_format=data_format)


def rrelu(
    x: Any, lower: float = 1.0 / 8.0, upper: float = 1.0 / 3.0, training: bool = True, name: str | None = None
) -> Any:
    """x where x >= 0, else a * x with a drawn from [lower, upper]; the middle of these in evaluation."""
    if not isinstance(lower, float) or not isinstance(upper, float):
        raise TypeError(f"rrelu: lower and upper must be floats, got {lower!r} and {upper!r}")
    if not 0 <= lower <= upper <= 1:
        raise ValueError(f"rrelu: 0 <= lower <= upper <= 1 is wanted, got lower = {lower} and upper = {upper}")
    return call(A.rrelu, x, lower=lower, upper=upper, is_test=not training)


def maxout(x: Any, groups: int, axis: int = 1, name: str | None = None) -> Any:
    """The largest of each group of neighbouring channels; `axis` of length C becomes C / groups. x [N, C, ...] or [N, ..., C]."""
    if axis not in (1, -1, 3):
        raise ValueError(f"maxout: axis must be 1 for NCHW, -1 or 3 for NHWC, got {axis}")
    if groups <= 1:
        raise ValueError(f"maxout: groups must be greater than 1, got {groups}")
    return call(A.maxout, x, groups=int(groups), axis=3 if axis == -1 else axis)


def selu(
    x: Any,
    scale: float = 1.0507009873554804934193349852946,
    alpha: float = 1.6732632423543772848170429916717,
    name: str | None = None,
) -> Any:
    """scale * (x where x > 0, else alpha * (exp(x) - 1)) (Klambauer et al. 2017). ValueError for scale <= 1 or alpha < 0."""
    if scale <= 1.0:
        raise ValueError(f"selu: scale must be greater than 1, got {scale}")
    if alpha < 0:
        raise ValueError(f"selu: alpha must not be negative, got {alpha}")
    return call(A.selu, x, scale=float(scale), alpha=float(alpha))


def softplus(x: Any, beta: float = 1, threshold: float = 20, name: str | None = None) -> Any:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""
    return call(A.softplus, x, beta=float(beta), threshold=float(threshold))


def softshrink(x: Any, threshold: float = 0.5, name: str | None = None) -> Any:
    """x moved towards 0 by `threshold`, 0 where |x| is smaller. ValueError for a negative threshold."""
    if threshold < 0:
        raise ValueError(f"softshrink: threshold must not be negative, got {threshold}")
    return call(A.softshrink, x, **{"lambda": float(threshold)})


def thresholded_relu(x: Any, threshold: float = 1.0, name: str | None = None) -> Any:
    """x where x > threshold, else 0."""
    return call(A.thresholded_relu, x, threshold=float(threshold))


def softmax(x: Any, axis: int = -1, dtype: Any = None, name: str | None = None) -> Any:
    """exp(x) divided by its sum along `axis`; `dtype` casts the floating input first."""
    return call(A.softmax, x if dtype is None else cast_to(x, as_dtype(dtype)), axis=axis)


def log_softmax(x: Any, axis: int = -1, dtype: Any = None, name: str | None = None) -> Any:
    """The logarithm of `softmax`, computed without overflow."""
    return call(A.log_softmax, x if dtype is None else cast_to(x, as_dtype(dtype)), axis=axis)


def glu(x: Any, axis: int = -1, name: str | None = None) -> Any:
    """The first half of `x` along `axis` times the sigmoid of the second half."""
    static_types("glu", "float16 float32 float64", x=x)
    a, b = manipulation.chunk(x, 2, axis=axis_of(axis, len(spec_of(x).shape)))
    return multiply(a, sigmoid(b))


def gumbel_softmax(
    x: Any, temperature: float = 1.0, hard: bool = False, axis: int = -1, name: str | None = None
) -> Any:
    """Softmax of (x + Gumbel noise) / temperature along `axis`; `hard` gives one-hot values with the gradient of the soft ones."""
    if temperature <= 0:
        raise ValueError(f"gumbel_softmax: temperature must be positive, got {temperature}")
    return call(A.gumbel_softmax, x, temperature=float(temperature), hard=bool(hard), axis=axis)


relu_, elu_, softmax_, hardtanh_, leaky_relu_, thresholded_relu_ = (
    changing(f, method=False) for f in (relu, elu, softmax, hardtanh, leaky_relu, thresholded_relu)
)

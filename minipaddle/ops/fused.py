"""Operators that passes of the compiler make. They appear in no file and in no Program that a user sees."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import kernels
from .registry import OPS, Float64, Scalars, Spec, op
from .shapes import broadcast_shape, unbroadcast

__all__: list[str] = []


@op("channel_affine", "Scale?, Bias?, Mean, Variance -> Factor, Shift")
def channel_affine(xp, scale, bias, mean, variance, *, epsilon: Float64 = 1e-5):
    """batch_norm with stored statistics as ``x * factor + shift``, per channel. In double precision: it is done once."""
    double = np.float64
    factor = 1 / xp.sqrt(variance.astype(double) + epsilon)
    if scale is not None:
        factor = factor * scale.astype(double)
    shift = -(mean.astype(double) * factor)
    if bias is not None:
        shift = shift + bias.astype(double)
    return factor.astype(mean.dtype), shift.astype(mean.dtype)


@op("scaled_filter", "Filter, Factor -> Out")
def scaled_filter(xp, w, factor, *, axis: int = 0):
    """A filter whose output channels, along `axis`, are multiplied by `factor`."""
    return w * factor.reshape(tuple(-1 if i == axis else 1 for i in range(w.ndim)))


@op("without_denormals", "X -> Out")
def without_denormals(xp, x):
    """Numbers too small for full precision (below 1.2e-38 in float32) as zeros; `x` itself if there are none.

    Processors need a hundred times longer for arithmetic with them, and trained parameters hold many.
    """
    if x.dtype.kind != "f":
        return x
    size = xp.abs(x)
    small = (size > 0) & (size < np.finfo(x.dtype).tiny)
    return xp.where(small, x.dtype.type(0), x) if small.any() else x


def _infer_linear(x: Spec, y: Spec, bias: Spec, **attrs: Any) -> Spec:
    (product,) = OPS["matmul_v2"].infer(x, y, **attrs)
    return Spec(broadcast_shape(product.shape, bias.shape), product.dtype)


def _product_and_row(xp: Any, x: Any, y: Any, bias: Any) -> Any:
    out = x @ y
    out += bias
    return out


@op("linear", "X, Y, Bias -> Out", infer=_infer_linear, grad="X, Y, Bias#, Out@GRAD -> X@GRAD, Y@GRAD, Bias@GRAD")
def linear(xp, x, y, bias, *, trans_x: bool = False, trans_y: bool = False):
    """matmul_v2 and the bias added to its last axis."""
    if not trans_x and not trans_y and x.ndim == 2 and _is_row(x, y, bias):
        return _product_and_row(xp, x, y, bias)
    return OPS["matmul_v2"].forward(xp, x, y, trans_x=trans_x, trans_y=trans_y) + bias


def _is_row(x: Any, y: Any, bias: Any) -> bool:
    """Whether a product with the matrix y may be changed in place by adding `bias` to its rows."""
    return y.ndim == 2 and bias.shape == y.shape[1:] and x.dtype == y.dtype == bias.dtype and x.dtype.kind == "f"


@linear.backward
def _(xp, x, y, bias, d_out, *, trans_x: bool = False, trans_y: bool = False, needs: tuple[bool, ...] = (True, True, True)):
    product = OPS["matmul_v2"].grad
    assert product is not None
    dx, dy = product.function(xp, x, y, d_out, trans_x=trans_x, trans_y=trans_y, needs=needs[:2])
    return dx, dy, (unbroadcast(xp, d_out, bias.shape) if needs[2] else None)


def _choose_linear(specs: Sequence[Any], attrs: dict[str, Any]) -> Callable[..., Any] | None:
    if None in specs or attrs.get("trans_x") or attrs.get("trans_y") or not _is_row(*specs):
        return None
    return _product_and_row


def _gradients_of_weights(xp: Any, x: Any, y: Any, bias: Any, d_out: Any) -> tuple[Any, Any, Any]:
    return None, x.T @ d_out, unbroadcast(xp, d_out, bias.shape)


def _choose_linear_grad(specs: Sequence[Any], attrs: dict[str, Any]) -> Callable[..., Any] | None:
    of_weights = tuple(attrs.get("needs", ())) == (False, True, True)  # a first layer: its input needs no gradient
    known = of_weights and None not in specs[:3] and specs[0].ndim == 2 and _choose_linear(specs[:3], attrs) is not None
    return _gradients_of_weights if known else None


linear.choose, OPS["linear_grad"].choose = _choose_linear, _choose_linear_grad


# --- chains of elementwise operators

_BINARY = {
    "elementwise_add": "add", "elementwise_sub": "sub", "elementwise_mul": "mul", "elementwise_div": "div",
    "elementwise_max": "max", "elementwise_min": "min", "grad_add": "add",
}  # fmt: skip


def chain_form(type: str, attrs: dict[str, Any]) -> list[tuple[str, float, float, float]] | None:
    """An operator as steps of the kernel `chain`, each on the result of the one before; None if it has no such form.

    The steps round as the operator's own formula does. A binary operator is one step.
    """

    def get(name: str) -> Any:
        value = attrs.get(name)
        return OPS[type].defaults[name] if value is None else value

    def step(name: str, *constants: float) -> tuple[str, float, float, float]:
        c0, c1, c2 = (*map(float, constants), 0.0, 0.0, 0.0)[:3]
        return name, c0, c1, c2

    if type in _BINARY:
        return [step(_BINARY[type])]
    if type == "scale":
        factor, shift = float(get("scale")), float(get("bias"))
        times, plus = [step("times", factor)], [step("plus", shift)]
        if shift == 0:
            return times
        if factor == 1:
            return plus
        return times + plus if get("bias_after_scale") else plus + times
    if type in ("relu", "sigmoid", "sqrt", "square", "abs", "silu"):
        return [step(type)]
    if type == "swish":
        return [step("silu")] if get("beta") == 1 else None
    if type == "relu6":
        return [step("clip", 0, get("threshold"))]
    if type == "leaky_relu":
        return [step("leaky", get("alpha"))]
    if type == "hard_sigmoid":
        return [step("times", get("slope")), step("plus", get("offset")), step("clip", 0, 1)]
    if type == "hard_swish":
        return [step("hard_swish", get("offset"), get("threshold"), get("scale"))]
    return None


# One step: (operator type, its operands, its attributes as sorted pairs). An operand is the number of an input, or, counted on
# from the last input, of an earlier step.
Step = tuple[str, tuple[int, ...], tuple[tuple[str, Any], ...]]
_kernel_steps: dict[tuple[int, tuple[Step, ...]], tuple[Any, ...]] = {}


def _for_kernel(count: int, steps: tuple[Step, ...]) -> tuple[Any, ...]:
    """Steps in the kernel's terms: their form there may take more steps, so the numbers of results move on."""
    found = _kernel_steps.get((count, steps))
    if found is None:
        place = list(range(count))
        made: list[Any] = []
        for type, operands, attrs in steps:
            form = chain_form(type, dict(attrs))
            assert form is not None
            at = [place[i] for i in operands]
            for name, *constants in form:
                made.append((kernels.CHAIN_CODES[name], at[0], at[-1], *constants))
                at = [count + len(made) - 1]
            place.append(at[0])
        found = _kernel_steps[count, steps] = tuple(made)
    return found


@op("elementwise_chain", "X* -> Out")
def elementwise_chain(xp, xs, *, steps: Scalars = (), out=None):
    """Elementwise operators one after the other, in one pass over memory where the kernel serves the arrays.

    `out` may be an input of the result's shape; only the kernel uses it.
    """
    steps = tuple(steps)
    kernel = kernels.lookup("chain")
    if kernel is not None and type(xs[0]) is np.ndarray:
        found = kernel(_for_kernel(len(xs), steps), _all_aligned(xs, steps), out)
        if found is not None:
            return found
    values = list(xs)
    for type_, operands, attrs in steps:
        values.append(OPS[type_].forward(xp, *[values[i] for i in operands], **dict(attrs)))
    return values[-1]


def _all_aligned(xs: list[Any], steps: tuple[Step, ...]) -> list[Any]:
    """The inputs with the trailing ones that an attribute `axis` asks for."""
    given = list(xs)
    ndims = [x.ndim for x in xs]
    for _, operands, attrs in steps:
        if len(operands) == 2:
            x, y = operands
            axis = dict(attrs).get("axis", -1)
            if axis != -1 and y < len(given) and ndims[y] < ndims[x]:
                given[y] = given[y].reshape(given[y].shape + (1,) * (ndims[x] - axis - ndims[y]))
            ndims.append(max(ndims[x], ndims[y]))
        else:
            ndims.append(ndims[operands[0]])
    return given




# --- updates of many parameters, in place: the arrays belong to the caller, who replaces them by what comes back


@op(
    "adam_together",
    "Param*, Grad*, LearningRate, Moment1*, Moment2*, Beta1Pow*, Beta2Pow* -> ParamOut*=Param, Moment1Out*=Moment1, "
    "Moment2Out*=Moment2, Beta1PowOut*=Beta1Pow, Beta2PowOut*=Beta2Pow",
)
def adam_together(
    xp, params, grads, lr, moment1, moment2, beta1_pow, beta2_pow, *, each: str = "adam", beta1: Float64 = 0.9, beta2: Float64 = 0.999,
    epsilon: Float64 = 1e-8, coeff: Float64 = 0.0, lr_ratio: Float64 = 1.0,
):  # fmt: skip
    """Operators `adam` or `adamw` (`each`; coeff is its decay) with one rate."""
    kernel = kernels.lookup("adam", "cpu" if xp is np else "gpu")
    if kernel is not None and kernel(
        None, params, grads, moment1, moment2, beta1_pow, beta2_pow, float(lr.item()) * lr_ratio, beta1, beta2, epsilon, coeff
    ):
        return params, moment1, moment2, beta1_pow, beta2_pow
    attrs: dict[str, Any] = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    if each == "adamw":
        attrs |= {"coeff": coeff, "with_decay": coeff != 0, "lr_ratio": lr_ratio}
    rows = [
        OPS[each].forward(xp, p, g, lr, *state, **attrs)
        for p, g, *state in zip(params, grads, moment1, moment2, beta1_pow, beta2_pow, strict=True)
    ]
    return tuple([row[i] for row in rows] for i in range(5))


@op("momentum_together", "Param*, Grad*, Velocity*, LearningRate -> ParamOut*=Param, VelocityOut*=Velocity")
def momentum_together(
    xp, params, grads, velocity, lr, *, mu: Float64 = 0.9, use_nesterov: bool = False, regularization_method: str = "",
    regularization_coeff: Float64 = 0.0, rescale_grad: Float64 = 1.0,
):  # fmt: skip
    """Operators `momentum` with one rate."""
    kernel = kernels.lookup("momentum") if xp is np else None
    l2 = regularization_coeff if regularization_method == "l2_decay" else 0.0
    if kernel is not None and kernel(None, params, grads, velocity, float(lr.item()), mu, use_nesterov, l2, rescale_grad):
        return params, velocity
    rows = [
        OPS["momentum"].forward(
            xp, p, g, v, lr, mu=mu, use_nesterov=use_nesterov, regularization_method=regularization_method,
            regularization_coeff=regularization_coeff, rescale_grad=rescale_grad,
        )
        for p, g, v in zip(params, grads, velocity, strict=True)
    ]  # fmt: skip
    return [row[0] for row in rows], [row[1] for row in rows]


@op("sgd_together", "Param*, LearningRate, Grad* -> ParamOut*=Param")
def sgd_together(xp, params, lr, grads):
    """Operators `sgd` with one rate."""
    kernel = kernels.lookup("sgd") if xp is np else None
    if kernel is not None and kernel(None, params, grads, float(lr.item())):
        return params
    return [OPS["sgd"].forward(xp, p, lr, g)[0] for p, g in zip(params, grads, strict=True)]

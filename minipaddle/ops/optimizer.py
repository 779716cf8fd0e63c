"""Updates of parameters, and the two operators of loss scaling.

Every output is written over the input it stands beside ("ParamOut=Param"). The functions return new arrays; the callers
put them in place. A `LearningRate` is an array of one element. With `MasterParam`, the float32 copy of a parameter of
half precision, the sums are done on the copy and the parameter becomes its rounded value. Formulas: the CPU kernels of
Paddle 2.6.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import rng
from .registry import Floats, Long, Spec, Strings, op

__all__: list[str] = []


def _over(*indices: int) -> Callable[..., Any]:
    """The shape rule: output k looks like input number ``indices[k]``, absent where that is."""

    def rule(*specs: Any, **_: Any) -> tuple[Any, ...]:
        return tuple(specs[i] if i < len(specs) else None for i in indices)

    return rule


def _wide(x: Any) -> Any:
    """`x` in a precision fit for sums: float32 for the half types."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def _number(x: Any, like: Any) -> Any:
    """The one element of `x` as a 0-d array of the dtype of `like`."""
    return x.reshape(()).astype(like.dtype)


def _start(param: Any, grad: Any, lr: Any, master: Any) -> tuple[Any, Any, Any]:
    """Parameter, gradient and rate in the precision of the sums."""
    p = _wide(param) if master is None else master
    return p, grad.astype(p.dtype, copy=False), _number(lr, p)


def _done(new: Any, param: Any, master: Any) -> tuple[Any, Any]:
    """ParamOut and MasterParamOut."""
    return new.astype(param.dtype, copy=False), None if master is None else new


def _skips(skip: Any) -> bool:
    return skip is not None and bool(skip.reshape(-1)[0])


@op("sgd", "Param, LearningRate, Grad, MasterParam? -> ParamOut=Param, MasterParamOut=MasterParam?", infer=_over(0, 3))
def sgd(xp, param, lr, grad, master=None, *, multi_precision: bool = False):
    p, g, rate = _start(param, grad, lr, master)
    return _done(p - rate * g, param, master)


def _momentum(p, g, v, rate, mu, use_nesterov, method, coeff, rescale_grad):  # type: ignore[no-untyped-def]
    real = p.dtype.type
    if rescale_grad != 1.0:
        g = g * real(rescale_grad)
    if method == "l2_decay":
        g = g + real(coeff) * p
    v_out = v * real(mu) + g
    step = g + v_out * real(mu) if use_nesterov else v_out
    return p - step * rate, v_out


@op(
    "momentum",
    "Param, Grad, Velocity, LearningRate, MasterParam? "
    "-> ParamOut=Param, VelocityOut=Velocity, MasterParamOut=MasterParam?",
    infer=_over(0, 2, 4),
)
def momentum(
    xp, param, grad, velocity, lr, master=None, *, mu: float, use_nesterov: bool = False,
    regularization_method: str = "", regularization_coeff: float = 0.0, multi_precision: bool = False,
    rescale_grad: float = 1.0,
):  # fmt: skip
    p, g, rate = _start(param, grad, lr, master)
    new, v = _momentum(
        p, g, velocity.astype(p.dtype, copy=False), rate, mu, use_nesterov, regularization_method,
        regularization_coeff, rescale_grad,
    )  # fmt: skip
    out, master_out = _done(new, param, master)
    return out, v.astype(velocity.dtype, copy=False), master_out


@op(
    "merged_momentum",
    "Param*, Grad*, Velocity*, LearningRate*, MasterParam*? "
    "-> ParamOut*=Param, VelocityOut*=Velocity, MasterParamOut*=MasterParam?",
    infer=_over(0, 2, 4),
)
def merged_momentum(
    xp, params, grads, velocities, lrs, masters=None, *, mu: float, use_nesterov: bool = False,
    regularization_method: Strings = (), regularization_coeff: Floats = (), multi_precision: bool = False,
    rescale_grad: float = 1.0,
):  # fmt: skip
    rows = []
    for i, (param, grad, velocity) in enumerate(zip(params, grads, velocities, strict=True)):
        method = regularization_method[i] if regularization_method else ""
        coeff = regularization_coeff[i] if regularization_coeff else 0.0
        rows.append(momentum.forward(
            xp, param, grad, velocity, _item(lrs, i), _item(masters, i), mu=mu, use_nesterov=use_nesterov,
            regularization_method=method, regularization_coeff=coeff, rescale_grad=rescale_grad,
        ))  # fmt: skip
    return _columns(rows, 3)


def _item(values: Sequence[Any] | None, i: int) -> Any:
    """Element `i`, or the only one that stands for all."""
    if not values:
        return None
    return values[i] if len(values) > 1 else values[0]


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> tuple[Any, ...]:
    columns: list[Any] = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
    return tuple(None if c and c[0] is None else c for c in columns)


def _adam(  # type: ignore[no-untyped-def]
    xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master, skip, beta1, beta2, epsilon, global_pow,
    decay=None,
):  # fmt: skip
    """decay: (coeff, lr_ratio) of AdamW; it shrinks the parameter before the step."""
    if _skips(skip):
        return param, moment1, moment2, beta1_pow, beta2_pow, master
    p, g, rate = _start(param, grad, lr, master)
    # the moments may be kept in a wider type than the parameter
    g = g.astype(moment1.dtype, copy=False)
    real = moment1.dtype.type
    b1, b2, eps = (real(_first(b)) for b in (beta1, beta2, epsilon))
    m = b1 * moment1 + (1 - b1) * g
    v = b2 * moment2 + (1 - b2) * g * g
    pow1, pow2 = _number(beta1_pow, m), _number(beta2_pow, m)
    if decay is not None:
        coeff, ratio = decay
        rate = rate * p.dtype.type(ratio)
        if coeff:
            p = p - rate * p.dtype.type(coeff) * p
    root = xp.sqrt(1 - pow2)
    step = rate.astype(m.dtype) * root / (1 - pow1) * (m / (xp.sqrt(v) + eps * root))
    new, master_out = _done(p - step.astype(p.dtype, copy=False), param, master)
    if global_pow:
        return new, m, v, beta1_pow, beta2_pow, master_out
    return new, m, v, beta1_pow * beta1_pow.dtype.type(b1), beta2_pow * beta2_pow.dtype.type(b2), master_out


def _first(value: Any) -> Any:
    return value.reshape(-1)[0] if hasattr(value, "reshape") else value


_ADAM_SLOTS = (
    "Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam?, SkipUpdate?, Beta1Tensor?, "
    "Beta2Tensor?, EpsilonTensor? -> ParamOut=Param, Moment1Out=Moment1, Moment2Out=Moment2, Beta1PowOut=Beta1Pow, "
    "Beta2PowOut=Beta2Pow, MasterParamOut=MasterParam?"
)


@op("adam", _ADAM_SLOTS, infer=_over(0, 3, 4, 5, 6, 7))
def adam(
    xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master=None, skip=None, beta1_tensor=None,
    beta2_tensor=None, epsilon_tensor=None, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
    lazy_mode: bool = False, min_row_size_to_use_multithread: Long = 1000, multi_precision: bool = False,
    use_global_beta_pow: bool = False,
):  # fmt: skip
    return _adam(
        xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master, skip,
        beta1 if beta1_tensor is None else beta1_tensor, beta2 if beta2_tensor is None else beta2_tensor,
        epsilon if epsilon_tensor is None else epsilon_tensor, use_global_beta_pow,
    )  # fmt: skip


@op("adamw", _ADAM_SLOTS, infer=_over(0, 3, 4, 5, 6, 7))
def adamw(
    xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master=None, skip=None, beta1_tensor=None,
    beta2_tensor=None, epsilon_tensor=None, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
    lr_ratio: float = 1.0, coeff: float = 0.01, with_decay: bool = False, lazy_mode: bool = False,
    min_row_size_to_use_multithread: Long = 1000, multi_precision: bool = False, use_global_beta_pow: bool = False,
):  # fmt: skip
    return _adam(
        xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master, skip,
        beta1 if beta1_tensor is None else beta1_tensor, beta2 if beta2_tensor is None else beta2_tensor,
        epsilon if epsilon_tensor is None else epsilon_tensor, use_global_beta_pow,
        (coeff if with_decay else 0.0, lr_ratio),
    )  # fmt: skip


@op(
    "merged_adam",
    "Param*, Grad*, LearningRate*, Moment1*, Moment2*, Beta1Pow*, Beta2Pow*, MasterParam*? -> ParamOut*=Param, "
    "Moment1Out*=Moment1, Moment2Out*=Moment2, Beta1PowOut*=Beta1Pow, Beta2PowOut*=Beta2Pow, "
    "MasterParamOut*=MasterParam?",
    infer=_over(0, 3, 4, 5, 6, 7),
)
def merged_adam(
    xp, params, grads, lrs, moment1, moment2, beta1_pow, beta2_pow, masters=None, *, beta1: float = 0.9,
    beta2: float = 0.999, epsilon: float = 1e-8, multi_precision: bool = False, use_global_beta_pow: bool = False,
):  # fmt: skip
    rows = [
        _adam(
            xp, param, grads[i], _item(lrs, i), moment1[i], moment2[i], beta1_pow[i], beta2_pow[i], _item(masters, i),
            None, beta1, beta2, epsilon, use_global_beta_pow,
        )
        for i, param in enumerate(params)
    ]  # fmt: skip
    return _columns(rows, 6)


@op(
    "adamax",
    "Param, Grad, LearningRate, Moment, InfNorm, Beta1Pow, MasterParam? "
    "-> ParamOut=Param, MomentOut=Moment, InfNormOut=InfNorm, MasterParamOut=MasterParam?",
    infer=_over(0, 3, 4, 6),
)
def adamax(
    xp, param, grad, lr, moment, inf_norm, beta1_pow, master=None, *, beta1: float = 0.9, beta2: float = 0.999,
    epsilon: float = 1e-8, multi_precision: bool = False,
):  # fmt: skip
    p, g, rate = _start(param, grad, lr, master)
    g = g.astype(moment.dtype, copy=False)
    b1, b2, eps = (moment.dtype.type(b) for b in (beta1, beta2, epsilon))
    m = b1 * moment + (1 - b1) * g
    norm = xp.maximum(b2 * inf_norm + eps, abs(g))
    step = rate.astype(m.dtype) / (1 - _number(beta1_pow, m)) * (m / norm)
    new, master_out = _done(p - step.astype(p.dtype, copy=False), param, master)
    return new, m, norm, master_out


@op(
    "adagrad",
    "Param, Grad, Moment, LearningRate, MasterParam? "
    "-> ParamOut=Param, MomentOut=Moment, MasterParamOut=MasterParam?",
    infer=_over(0, 2, 4),
)
def adagrad(xp, param, grad, moment, lr, master=None, *, epsilon: float = 1e-6, multi_precision: bool = False):
    p, g, rate = _start(param, grad, lr, master)
    m = moment.astype(p.dtype, copy=False) + g * g
    new, master_out = _done(p - rate * g / (xp.sqrt(m) + p.dtype.type(epsilon)), param, master)
    return new, m.astype(moment.dtype, copy=False), master_out


@op(
    "decayed_adagrad",
    "Param, Grad, Moment, LearningRate -> ParamOut=Param, MomentOut=Moment",
    infer=_over(0, 2),
)
def decayed_adagrad(xp, param, grad, moment, lr, *, decay: float = 0.95, epsilon: float = 1e-6):
    real = moment.dtype.type
    m = real(decay) * moment + (1 - real(decay)) * grad * grad
    return param - _number(lr, param) * grad / (xp.sqrt(m) + real(epsilon)), m


@op(
    "adadelta",
    "Param, Grad, AvgSquaredGrad, AvgSquaredUpdate, LearningRate?, MasterParam? -> ParamOut=Param, "
    "AvgSquaredGradOut=AvgSquaredGrad, AvgSquaredUpdateOut=AvgSquaredUpdate, MasterParamOut=MasterParam?",
    infer=_over(0, 2, 3, 5),
)
def adadelta(
    xp, param, grad, squared_grad, squared_update, lr=None, master=None, *, rho: float = 0.95, epsilon: float = 1e-6,
    multi_precision: bool = False,
):  # fmt: skip
    old = lr is None  # the form of Paddle 1.x: no rate, and the step is made with the new mean of squared steps
    p, g, rate = _start(param, grad, xp.ones(1, param.dtype) if old else lr, master)
    decay, eps = p.dtype.type(rho), p.dtype.type(epsilon)
    sg = decay * squared_grad.astype(p.dtype, copy=False) + (1 - decay) * g * g
    su = squared_update.astype(p.dtype, copy=False)
    update = -xp.sqrt((su + eps) / (sg + eps)) * g
    su = decay * su + (1 - decay) * update * update
    if old:
        update = -xp.sqrt((su + eps) / (sg + eps)) * g
    new, master_out = _done(p + rate * update, param, master)
    return (
        new, sg.astype(squared_grad.dtype, copy=False), su.astype(squared_update.dtype, copy=False), master_out
    )  # fmt: skip


@op(
    "rmsprop",
    "Param, MeanSquare, Grad, Moment, LearningRate, MeanGrad?, MasterParam? -> ParamOut=Param, MomentOut=Moment, "
    "MeanSquareOut=MeanSquare, MeanGradOut=MeanGrad?, MasterParamOut=MasterParam?",
    infer=_over(0, 3, 1, 5, 6),
)
def rmsprop(
    xp, param, mean_square, grad, moment, lr, mean_grad=None, master=None, *, epsilon: float = 1e-10,
    decay: float = 0.9, momentum: float = 0.0, centered: bool = False, multi_precision: bool = False,
):  # fmt: skip
    p, g, rate = _start(param, grad, lr, master)
    real = p.dtype.type
    rho = real(decay)
    ms = rho * mean_square.astype(p.dtype, copy=False) + (1 - rho) * g * g
    variance, mg_out = ms, mean_grad
    if centered:
        mg = rho * mean_grad.astype(p.dtype, copy=False) + (1 - rho) * g
        variance, mg_out = ms - mg * mg, mg.astype(mean_grad.dtype, copy=False)
    m = real(momentum) * moment.astype(p.dtype, copy=False) + rate * g / xp.sqrt(variance + real(epsilon))
    new, master_out = _done(p - m, param, master)
    return (
        new, m.astype(moment.dtype, copy=False), ms.astype(mean_square.dtype, copy=False), mg_out, master_out
    )  # fmt: skip


@op(
    "lamb",
    "Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam?, SkipUpdate? -> ParamOut=Param, "
    "Moment1Out=Moment1, Moment2Out=Moment2, Beta1PowOut=Beta1Pow, Beta2PowOut=Beta2Pow, MasterParamOut=MasterParam?",
    infer=_over(0, 3, 4, 5, 6, 7),
)
def lamb(
    xp, param, grad, lr, moment1, moment2, beta1_pow, beta2_pow, master=None, skip=None, *, weight_decay: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6, always_adapt: bool = False,
    multi_precision: bool = False,
):  # fmt: skip
    if _skips(skip):
        return param, moment1, moment2, beta1_pow, beta2_pow, master
    p, g, rate = _start(param, grad, lr, master)
    g = g.astype(moment1.dtype, copy=False)
    real = moment1.dtype.type
    b1, b2 = real(beta1), real(beta2)
    m = b1 * moment1 + (1 - b1) * g
    v = b2 * moment2 + (1 - b2) * g * g
    m_hat, v_hat = m / (1 - _number(beta1_pow, m)), v / (1 - _number(beta2_pow, m))
    wide = p.astype(m.dtype, copy=False)
    update = m_hat / (xp.sqrt(v_hat) + real(epsilon)) + real(weight_decay) * wide
    if weight_decay > 0 or always_adapt:
        p_norm, u_norm = xp.sqrt((wide * wide).sum()), xp.sqrt((update * update).sum())
        usable = (p_norm > 0) & (u_norm > 0)
        ratio = xp.where(usable, p_norm / xp.where(usable, u_norm, real(1)), real(1))
        update = ratio * update
    new, master_out = _done((wide - rate.astype(m.dtype) * update).astype(p.dtype, copy=False), param, master)
    return new, m, v, beta1_pow * beta1_pow.dtype.type(b1), beta2_pow * beta2_pow.dtype.type(b2), master_out


@op(
    "lars_momentum",
    "Param*, Grad*, Velocity*, LearningRate*, MasterParam*? "
    "-> ParamOut*=Param, VelocityOut*=Velocity, MasterParamOut*=MasterParam?",
    infer=_over(0, 2, 4),
)
def lars_momentum(
    xp, params, grads, velocities, lrs, masters=None, *, mu: float, lars_coeff: float = 0.001,
    lars_weight_decay: Floats = (0.0005,), epsilon: float = 0.0, multi_precision: bool = False,
    rescale_grad: float = 1.0,
):  # fmt: skip
    rows = []
    for i, (param, grad, velocity) in enumerate(zip(params, grads, velocities, strict=True)):
        master = _item(masters, i)
        p, g, rate = _start(param, grad, _item(lrs, i), master)
        real = p.dtype.type
        decay = real(_item(lars_weight_decay, i) or 0.0)
        g = g * real(rescale_grad)
        p_norm, g_norm = xp.sqrt((p * p).sum()), xp.sqrt((g * g).sum())
        below = real(epsilon) + g_norm + decay * p_norm
        usable = (decay > 0) & (p_norm > 0) & (g_norm > 0)
        local = rate * xp.where(usable, real(lars_coeff) * p_norm / xp.where(usable, below, real(1)), real(1))
        v = velocity.astype(p.dtype, copy=False) * real(mu) + local * (g + decay * p)
        new, master_out = _done(p - v, param, master)
        rows.append((new, v.astype(velocity.dtype, copy=False), master_out))
    return _columns(rows, 3)


@op(
    "ftrl",
    "Param, SquaredAccumulator, LinearAccumulator, Grad, LearningRate "
    "-> ParamOut=Param, SquaredAccumOut=SquaredAccumulator, LinearAccumOut=LinearAccumulator",
    infer=_over(0, 1, 2),
)
def ftrl(xp, param, squared, linear, grad, lr, *, l1: float = 0.0, l2: float = 0.0, lr_power: float = -0.5):
    real = param.dtype.type
    rate, tiny = _number(lr, param), 1e-10  # Paddle adds the tiny number to both
    one, two = real(l1 + tiny), real(l2 + tiny)
    total = squared + grad * grad
    new_root, old_root = (xp.sqrt(a) if lr_power == -0.5 else a ** real(-lr_power) for a in (total, squared))
    lin = linear + grad - (new_root - old_root) / rate * param
    shrunk = (one * xp.sign(lin) - lin) / (new_root / rate + real(2) * two)
    return xp.where(abs(lin) > one, shrunk, real(0)), total, lin


@op("dpsgd", "Param, Grad, LearningRate -> ParamOut=Param", infer=_over(0), random=True)
def dpsgd(xp, param, grad, lr, *, clip: float = 10.0, batch_size: float = 16.0, sigma: float = 1.0, seed: int = 0):
    # one draw of noise for the whole gradient, as Paddle does
    real = param.dtype.type
    norm = xp.sqrt((grad * grad).sum())
    scale = xp.maximum(norm / real(clip), real(1))
    noise = (rng.random(xp) if seed == 0 else xp.random.default_rng(seed)).standard_normal() * sigma / batch_size
    return param - _number(lr, param) * (grad / scale + real(float(noise)))


def _proximal(xp: Any, prox: Any, rate: Any, l1: float, l2: float) -> Any:
    real = prox.dtype.type
    if l1 > 0:
        prox = xp.sign(prox) * xp.maximum(abs(prox) - rate * real(l1), real(0))
    return prox / (1 + rate * real(l2))


@op("proximal_gd", "Param, Grad, LearningRate -> ParamOut=Param", infer=_over(0))
def proximal_gd(xp, param, grad, lr, *, l1: float = 0.0, l2: float = 0.0):
    rate = _number(lr, param)
    return _proximal(xp, param - rate * grad, rate, l1, l2)


@op("proximal_adagrad", "Param, Moment, Grad, LearningRate -> ParamOut=Param, MomentOut=Moment", infer=_over(0, 1))
def proximal_adagrad(xp, param, moment, grad, lr, *, l1: float = 0.0, l2: float = 0.0):
    rate = _number(lr, param)
    m = moment + grad * grad
    return _proximal(xp, param - rate * grad / xp.sqrt(m), rate, l1, l2), m


# --- loss scaling


@op(
    "check_finite_and_unscale",
    "X*, Scale -> Out*=X, FoundInfinite",
    infer=lambda xs, scale: (list(xs), Spec((1,), np.dtype(bool))),
)
def check_finite_and_unscale(xp, xs, scale):
    """Each gradient divided by the scale, and whether any element of any of them is infinite or not a number."""
    finite = None
    outputs = []
    for x in xs:
        good = xp.isfinite(x).all()
        finite = good if finite is None else finite & good
        wide = _wide(x)
        outputs.append((wide * (1 / _number(scale, wide))).astype(x.dtype, copy=False))
    found = xp.zeros((1,), bool)
    if finite is not None:
        found = found | ~finite
    return outputs, found


@op(
    "update_loss_scaling",
    "X*, FoundInfinite, PrevLossScaling, InGoodSteps, InBadSteps, StopUpdate? "
    "-> Out*=X, LossScaling=PrevLossScaling, OutGoodSteps=InGoodSteps, OutBadSteps=InBadSteps",
    infer=_over(0, 2, 3, 4),
)
def update_loss_scaling(
    xp, xs, found, scaling, good, bad, stop=None, *, incr_every_n_steps: int, decr_every_n_nan_or_inf: int,
    incr_ratio: float, decr_ratio: float, stop_update: bool = False,
):  # fmt: skip
    """Grow the scale after enough good steps, shrink it after enough bad ones; zero gradients in a bad step."""
    infinite = found.reshape(-1)[0]
    outputs = [xp.where(infinite, x.dtype.type(0), x) for x in xs]
    if stop_update or _skips(stop):
        return outputs, scaling, good, bad
    real = scaling.dtype.type
    bad_out = xp.where(infinite, bad + 1, 0 * bad)
    good_out = xp.where(infinite, 0 * good, good + 1)
    shrinks, grows = bad_out == decr_every_n_nan_or_inf, good_out == incr_every_n_steps
    lower = xp.maximum(scaling * real(decr_ratio), real(1))
    higher = scaling * real(incr_ratio)
    higher = xp.where(xp.isfinite(higher), higher, scaling)
    new = xp.where(shrinks, lower, xp.where(grows, higher, scaling))
    return outputs, new, xp.where(grows, 0 * good, good_out), xp.where(shrinks, 0 * bad, bad_out)

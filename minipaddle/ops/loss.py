"""Losses.

Formulas are Paddle 2.6.2's except where that gives a wrong gradient: soft labels that do not sum to 1, and the softmax
that `softmax_with_cross_entropy` returns, are differentiated as they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import rng
from .activation import activated, by_kernel, logistic
from .elementwise import const, refuse_integers
from .manipulation import all_below, zeros_added_at
from .registry import Long, Longs, Spec, Strings, op
from .shapes import axis_of, broadcast_shape, product, unbroadcast

__all__: list[str] = []


def _fits(a: int, b: int) -> bool:
    return a == b or -1 in (a, b)


def _column(shape: Any, axis: int) -> tuple[int, ...]:
    """`shape` with 1 at `axis`."""
    return (*shape[:axis], 1, *shape[axis + 1 :])


def _wrong_label(logits: Any, label: Any, wanted: Any, soft: bool) -> ValueError:
    kind = "soft labels, one weight per class" if soft else "class numbers"
    return ValueError(
        f"the label must have shape {list(wanted)} ({kind}) for logits {list(logits.shape)}, got {list(label.shape)}"
    )


def _check_classes(
    label: Any, valid: Any, classes: int, ignore_index: int, error: type[Exception] = ValueError
) -> None:
    """`error` for the first label that is no class."""
    if all_below(label, classes):
        return
    bad = valid & ((label < 0) | (label >= classes))
    if bad.any():
        found = int(label[bad].reshape(-1)[0])
        raise error(f"label {found} is not a class: expected 0 to {classes - 1}, or ignore_index = {ignore_index}")


# --- cross entropy


def _infer_softmax_with_cross_entropy(
    logits: Spec, label: Spec, *, soft_label: bool = False, axis: int = -1, **_: Any
) -> tuple[Spec, Spec]:
    if logits.ndim == 0:
        raise ValueError("the logits must have a class axis, got a 0-D tensor")
    at = axis_of(axis, logits.ndim)
    column = _column(logits.shape, at)
    wanted = logits.shape if soft_label else column
    if label.ndim != logits.ndim or not all(_fits(a, b) for a, b in zip(label.shape, wanted, strict=True)):
        raise _wrong_label(logits, label, wanted, soft_label)
    # what one side does not know the other may
    known = [
        a if a != -1 or (i == at and not soft_label) else b
        for i, (a, b) in enumerate(zip(logits.shape, label.shape, strict=True))
    ]
    return Spec(known, logits.dtype), Spec(_column(known, at), logits.dtype)


def _log_softmax(xp: Any, x: Any, axis: int) -> tuple[Any, Any]:
    """Softmax and its logarithm."""
    shifted = x - x.max(axis=axis, keepdims=True)
    e = xp.exp(shifted)
    total = e.sum(axis=axis, keepdims=True)
    return e / total, shifted - xp.log(total)


@op(
    "softmax_with_cross_entropy",
    "Logits, Label -> Softmax, Loss",
    infer=_infer_softmax_with_cross_entropy,
    grad="Label, Softmax, Softmax@GRAD?, Loss@GRAD -> Logits@GRAD",
)
def softmax_with_cross_entropy(
    xp,
    logits,
    label,
    *,
    soft_label: bool = False,
    use_softmax: bool = True,
    numeric_stable_mode: bool = True,
    ignore_index: int = -100,
    axis: int = -1,
):
    shape = logits.shape
    if not shape or logits.dtype.kind != "f":
        raise ValueError(f"the logits must be a floating tensor with a class axis, got {logits.dtype}{list(shape)}")
    at = axis_of(axis, len(shape))
    wanted = shape if soft_label else (*shape[:at], 1, *shape[at + 1 :])
    if label.shape != wanted:
        raise _wrong_label(logits, label, wanted, soft_label)
    if soft_label:
        if use_softmax:
            softmax, logs = _log_softmax(xp, logits, at)
        else:
            softmax, logs = logits.copy(), xp.log(logits)
        # 0 * log(0) counts nothing
        terms = xp.where(label == 0, xp.zeros_like(logs), label.astype(logits.dtype, copy=False) * logs)
        return softmax, -terms.sum(axis=at, keepdims=True)
    if label.dtype.kind not in "iu":
        raise ValueError(
            f"class numbers must be integers, got a label of {label.dtype}; soft labels need soft_label=True"
        )
    if use_softmax:
        try:
            found = by_kernel("softmax_with_cross_entropy", logits, label, axis, ignore_index)
        except ValueError as error:  # Paddle's class for a label that is no class
            raise IndexError(str(error).removeprefix("softmax_with_cross_entropy: ")) from None
        if found is not None:
            return found
    valid = label != ignore_index
    _check_classes(label, valid, shape[at], ignore_index, IndexError)
    place = xp.where(valid, label, xp.zeros_like(label))
    if use_softmax:
        softmax, logs = _log_softmax(xp, logits, at)
        picked = xp.take_along_axis(logs, place, at)
    else:
        softmax, picked = logits.copy(), xp.log(xp.take_along_axis(logits, place, at))
    return softmax, xp.where(valid, -picked, xp.zeros_like(picked))


@softmax_with_cross_entropy.backward
def _(
    xp,
    label,
    softmax,
    d_softmax,
    d_loss,
    *,
    soft_label: bool = False,
    use_softmax: bool = True,
    numeric_stable_mode: bool = True,
    ignore_index: int = -100,
    axis: int = -1,
):
    if use_softmax and not soft_label and d_softmax is None:
        found = by_kernel("softmax_with_cross_entropy_grad", softmax, label, d_loss, axis, ignore_index)
        if found is not None:
            return found
    at = axis_of(axis, softmax.ndim)
    if soft_label:
        target = label.astype(softmax.dtype, copy=False)
        total = target.sum(axis=at, keepdims=True)
    else:
        classes = softmax.shape[at]
        numbers = xp.arange(classes).reshape(tuple(classes if i == at else 1 for i in range(softmax.ndim)))
        target = ((label == numbers) & (label != ignore_index)).astype(softmax.dtype)
        total = (label != ignore_index).astype(softmax.dtype)
    if not use_softmax:
        nothing = target == 0
        d = xp.where(
            nothing, xp.zeros_like(softmax), -(d_loss * target) / xp.where(nothing, xp.ones_like(softmax), softmax)
        )
        return d if d_softmax is None else d + d_softmax
    d = d_loss * (softmax * total - target)
    if d_softmax is not None:
        d = d + softmax * (d_softmax - (softmax * d_softmax).sum(axis=at, keepdims=True))
    return d


def _counted(label: Any, ignore_index: int, like: Any) -> Any:
    """The number of labels that are not ignored, at least 1, in the type of `like`."""
    count = (label != ignore_index).sum()
    return (count + (count == 0)).astype(like.dtype)


def _with_axis(xp: Any, label: Any, like: Any, axis: int) -> Any:
    return label if label.ndim == like.ndim else xp.expand_dims(label, axis)


def _infer_mean_cross_entropy(logits: Spec, label: Spec, *, axis: int = -1, **_: Any) -> tuple[Spec, Spec]:
    if label.ndim < logits.ndim:
        at = axis_of(axis, logits.ndim)
        label = Spec((*label.shape[:at], 1, *label.shape[at:]), label.dtype)
    return _infer_softmax_with_cross_entropy(logits, label, axis=axis)[0], Spec((), logits.dtype)


@op(
    "mean_cross_entropy",
    "Logits, Label -> Softmax~, Loss",
    infer=_infer_mean_cross_entropy,
    grad="Label, Softmax, Softmax@GRAD?, Loss@GRAD? -> Logits@GRAD",
)
def mean_cross_entropy(xp, logits, label, *, ignore_index: int = -100, axis: int = -1):
    """`softmax_with_cross_entropy` of hard labels and the mean of its losses, ignored labels left out, in one operator.

    What eager mode runs; Programs hold the operators it consists of. The label may lack the class axis.
    """
    shape = logits.shape
    if shape and (label.shape == (*shape[:-1], 1) or label.shape == shape[:-1]):  # else there is an error to be told
        try:
            found = by_kernel("mean_cross_entropy", logits, label, axis, ignore_index)
        except ValueError as error:
            raise IndexError(str(error).removeprefix("mean_cross_entropy: ")) from None
        if found is not None:
            return found
    label = _with_axis(xp, label, logits, axis)
    softmax, loss = softmax_with_cross_entropy.forward(xp, logits, label, ignore_index=ignore_index, axis=axis)
    return softmax, loss.sum() / _counted(label, ignore_index, loss)


@mean_cross_entropy.backward
def _(xp, label, softmax, d_softmax, d_loss, *, ignore_index: int = -100, axis: int = -1):
    if d_softmax is None:
        found = by_kernel("mean_cross_entropy_grad", softmax, label, d_loss, axis, ignore_index)
        if found is not None:
            return found
    label = _with_axis(xp, label, softmax, axis)
    mean = xp.zeros((), softmax.dtype) if d_loss is None else d_loss
    each = xp.broadcast_to(mean / _counted(label, ignore_index, softmax), label.shape)
    plan = softmax_with_cross_entropy.grad
    assert plan is not None
    return plan.function(xp, label, softmax, d_softmax, each, ignore_index=ignore_index, axis=axis)


# --- negative log-likelihood


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction = {reduction!r}; expected 'none', 'mean' or 'sum'")


def _check_nll(x: Any, label: Any, weight: Any) -> None:
    if x.ndim not in (2, 4):
        raise ValueError(f"X must be [N, C] or [N, C, H, W], got {list(x.shape)}")
    wanted = (x.shape[0], *x.shape[2:])
    if label.ndim != len(wanted) or not all(_fits(a, b) for a, b in zip(label.shape, wanted, strict=True)):
        raise ValueError(f"the label must have shape {list(wanted)} for X {list(x.shape)}, got {list(label.shape)}")
    if weight is not None and (weight.ndim != 1 or not _fits(weight.shape[0], x.shape[1])):
        raise ValueError(f"the weight must have shape [{x.shape[1]}], one number per class, got {list(weight.shape)}")


def _infer_nll(
    x: Spec, label: Spec, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> tuple[Spec, Spec]:
    _check_reduction(reduction)
    _check_nll(x, label, weight)
    return Spec(label.shape if reduction == "none" else (), x.dtype), Spec((), x.dtype)


def _nll_weights(xp: Any, x: Any, label: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Weight of each label, 0 for ignored ones, and the label with a class axis and 0 in place of ignored ones."""
    valid = label != ignore_index
    place = xp.where(valid, label, xp.zeros_like(label))
    counted = valid.astype(x.dtype)
    if weight is not None:
        counted = counted * weight.take(place.reshape(-1), axis=0).reshape(tuple(label.shape))
    return counted, xp.expand_dims(place, 1)


def _all_count(label: Any, classes: int, ignore_index: int) -> bool:
    """Whether NumPy labels are classes all, none of them ignored; False also where that takes longer to find out."""
    return label.size > 0 and not 0 <= ignore_index < classes and all_below(label, classes)


@op(
    "nll_loss",
    "X, Label, Weight? -> Out, Total_weight",
    infer=_infer_nll,
    grad="X#, Label, Weight?, Total_weight, Out@GRAD -> X@GRAD",
)
def nll_loss(xp, x, label, weight=None, *, ignore_index: Long = -100, reduction: str = "mean"):
    _check_reduction(reduction)
    _check_nll(x, label, weight)
    if label.dtype.kind not in "iu":
        raise ValueError(f"class numbers must be integers, got a label of {label.dtype}")
    if weight is None and x.ndim == 2 and _all_count(label, x.shape[1], ignore_index):
        out = -x[np.arange(label.size), label]
        if reduction == "none":
            return out, np.zeros((), x.dtype)
        total = x.dtype.type(label.size)
        return out.sum() / total if reduction == "mean" else out.sum(), total
    _check_classes(label, label != ignore_index, x.shape[1], ignore_index)
    counted, place = _nll_weights(xp, x, label, weight, ignore_index)
    out = -xp.take_along_axis(x, place, 1).reshape(tuple(label.shape)) * counted
    if reduction == "none":
        return out, xp.zeros((), x.dtype)
    total = counted.sum()
    out = out.sum()
    if reduction == "mean":  # nothing counted: 0
        out = out / xp.where(total == 0, xp.ones_like(total), total)
    return out, total


@nll_loss.backward
def _(xp, x, label, weight, total, d_out, *, ignore_index: Long = -100, reduction: str = "mean"):
    if weight is None and type(d_out) is np.ndarray and len(x.shape) == 2 and _all_count(label, x.shape[1], ignore_index):
        d_x = np.zeros(x.shape, d_out.dtype)
        d_x[np.arange(label.size), label] = -(d_out / total if reduction == "mean" else d_out)
        return d_x
    counted, place = _nll_weights(xp, x, label, weight, ignore_index)
    if reduction == "mean":
        d_out = d_out / xp.where(total == 0, xp.ones_like(total), total)
    d = -counted * d_out
    classes = xp.arange(x.shape[1]).reshape((1, x.shape[1], *(1,) * (len(x.shape) - 2)))
    return xp.expand_dims(d, 1) * (place == classes).astype(x.dtype)


# --- distances and probabilities, element by element


def _same_shapes(first: str, second: str) -> Callable[..., None]:
    def check(x: Any, y: Any) -> None:
        if x.shape == y.shape and x.dtype == y.dtype:
            return
        if x.ndim != y.ndim or not all(_fits(a, b) for a, b in zip(x.shape, y.shape, strict=True)):
            raise ValueError(f"{first} and {second} must have the same shape, got {list(x.shape)} and {list(y.shape)}")
        if x.dtype != y.dtype:
            raise ValueError(
                f"{first} and {second} must have the same type, got {x.dtype} and {y.dtype}; cast one of them"
            )

    return check


_same_label, _same_target, _same_labels = (
    _same_shapes("X", "Label"),
    _same_shapes("X", "Target"),
    _same_shapes("Predicted", "Labels"),
)


def _infer_huber(x: Spec, y: Spec, *, delta: float) -> tuple[Spec, Spec]:
    shape = broadcast_shape(x.shape, y.shape)
    return Spec(shape, x.dtype), Spec(shape, x.dtype)


@op("huber_loss", "X, Y -> Out, Residual~", infer=_infer_huber, grad="X#?, Y#?, Residual, Out@GRAD -> X@GRAD, Y@GRAD")
def huber_loss(xp, x, y, *, delta: float):
    refuse_integers(x)
    if x.dtype != y.dtype:
        raise ValueError(f"X and Y must have the same type, got {x.dtype} and {y.dtype}; cast one of them")
    residual = y - x
    size = xp.abs(residual)
    inner = residual * residual * const(x, 0.5)
    return xp.where(size <= const(x, delta), inner, (size - const(x, 0.5 * delta)) * const(x, delta)), residual


@huber_loss.backward
def _(xp, x, y, residual, d_out, *, delta: float):
    d = d_out * xp.minimum(xp.maximum(residual, const(residual, -delta)), const(residual, delta))
    # Programs of Paddle give Residual alone, and have X and Y of one shape
    return tuple(v if like is None else unbroadcast(xp, v, like.shape) for v, like in ((-d, x), (d, y)))


def _infer_bce(x: Spec, label: Spec) -> Spec:
    _same_label(x, label)
    return x


@op("bce_loss", "X, Label -> Out", infer=_infer_bce, grad="X, Label, Out@GRAD -> X@GRAD")
def bce_loss(xp, x, label):
    refuse_integers(x)
    _same_label(x, label)
    host: Any = x if type(x) is np.ndarray and x.size else None
    if host is not None and host.item(host.argmin()) >= 0 and host.item(host.argmax()) <= 1:
        pass  # the quickest way to know; nan is looked at below
    elif x.size and (bool((x < 0).any()) or bool((x > 1).any())):
        raise ValueError(
            f"X must hold probabilities in [0, 1], got {float(x.min())} to {float(x.max())}; "
            "binary_cross_entropy_with_logits takes any number"
        )
    low, one = const(x, -100), const(x, 1)  # logarithms are cut off at -100
    with np.errstate(divide="ignore"):
        return (label - one) * xp.maximum(xp.log(one - x), low) - label * xp.maximum(xp.log(x), low)


@bce_loss.backward
def _(xp, x, label, d_out):
    return d_out * (x - label) / xp.maximum((const(x, 1) - x) * x, const(x, 1e-12))


def _infer_sigmoid_cross_entropy(x: Spec, label: Spec, pos_weight: Any = None, **_: Any) -> Spec:
    _same_label(x, label)
    return x


@op(
    "sigmoid_cross_entropy_with_logits",
    "X, Label, pos_weight? -> Out",
    infer=_infer_sigmoid_cross_entropy,
    grad="X, Label, pos_weight?, Out@GRAD -> X@GRAD",
)
def sigmoid_cross_entropy_with_logits(
    xp, x, label, pos_weight=None, *, normalize: bool = False, ignore_index: int = -100
):
    """`pos_weight` is the factor of log(sigmoid(x)), which is what F.binary_cross_entropy_with_logits makes of its argument."""
    refuse_integers(x)
    _same_label(x, label)
    zero = const(x, 0)
    minus_log = activated("softplus", -x, 1.0, math.inf)  # -log(sigmoid(x))
    if minus_log is None:
        minus_log = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, zero)
    if pos_weight is not None:
        minus_log = minus_log * pos_weight
    valid = label != ignore_index
    out = xp.where(valid, (const(x, 1) - label) * x + minus_log, zero)
    return out / _count(xp, valid, x) if normalize else out


def _count(xp: Any, valid: Any, x: Any) -> Any:
    return xp.maximum(valid.sum().astype(x.dtype), const(x, 1e-6))


@sigmoid_cross_entropy_with_logits.backward
def _(xp, x, label, pos_weight, d_out, *, normalize: bool = False, ignore_index: int = -100):
    valid = label != ignore_index
    slope = logistic(xp, -x)
    if pos_weight is not None:
        slope = slope * pos_weight
    d = d_out * (const(x, 1) - label - slope)
    d = xp.where(valid, d, xp.zeros_like(d))
    return d / _count(xp, valid, x) if normalize else d


_KL_REDUCTIONS = ("none", "mean", "sum", "batchmean")


def _infer_kldiv(x: Spec, target: Spec, *, reduction: str = "mean") -> Spec:
    _same_target(x, target)
    if reduction not in _KL_REDUCTIONS:
        raise ValueError(f"reduction = {reduction!r}; expected one of {_KL_REDUCTIONS}")
    return x if reduction == "none" else Spec((), x.dtype)


@op("kldiv_loss", "X, Target -> Loss", infer=_infer_kldiv, grad="X#, Target, Loss@GRAD -> X@GRAD")
def kldiv_loss(xp, x, target, *, reduction: str = "mean"):
    refuse_integers(x)
    _infer_kldiv(x, target, reduction=reduction)
    positive = target > 0
    logs = xp.log(xp.where(positive, target, xp.ones_like(target)))
    out = xp.where(positive, target * (logs - x), xp.zeros_like(x))
    if reduction == "none":
        return out
    return out.sum() / const(x, _kl_divisor(x, reduction))


def _kl_divisor(x: Any, reduction: str) -> int:
    return {"mean": max(x.size, 1), "batchmean": x.shape[0] if x.shape else 1}.get(reduction, 1)


@kldiv_loss.backward
def _(xp, x, target, d_loss, *, reduction: str = "mean"):
    d = xp.where(target > 0, -target, xp.zeros_like(target)) * d_loss
    return d if reduction in ("none", "sum") else d / const(d, _kl_divisor(x, reduction))


def _infer_log_loss(predicted: Spec, labels: Spec, *, epsilon: float) -> Spec:
    _same_labels(predicted, labels)
    return predicted


@op(
    "log_loss",
    "Predicted, Labels -> Loss",
    infer=_infer_log_loss,
    grad="Predicted, Labels, Loss@GRAD -> Predicted@GRAD",
)
def log_loss(xp, predicted, labels, *, epsilon: float):
    refuse_integers(predicted)
    _same_labels(predicted, labels)
    eps, one = const(predicted, epsilon), const(predicted, 1)
    return -labels * xp.log(predicted + eps) - (one - labels) * xp.log(one - predicted + eps)


@log_loss.backward
def _(xp, predicted, labels, d_loss, *, epsilon: float):
    eps, one = const(predicted, epsilon), const(predicted, 1)
    return d_loss * ((one - labels) / (one - predicted + eps) - labels / (predicted + eps))


def _infer_label_smooth(x: Spec, prior: Any = None, *, epsilon: float = 0.0) -> Spec:
    if x.ndim == 0:
        raise ValueError("X must have a class axis, got a 0-D tensor")
    if prior is not None and not _fits(product(prior.shape), x.shape[-1]):
        raise ValueError(f"PriorDist must hold {x.shape[-1]} numbers, one per class, got shape {list(prior.shape)}")
    return x


@op("label_smooth", "X, PriorDist? -> Out", infer=_infer_label_smooth, grad="Out@GRAD -> X@GRAD")
def label_smooth(xp, x, prior=None, *, epsilon: float = 0.0):
    refuse_integers(x)
    _infer_label_smooth(x, prior)
    kept = x * const(x, 1 - epsilon)
    if prior is None:
        return kept + const(x, epsilon / x.shape[-1])
    return kept + prior.reshape(-1) * const(x, epsilon)


@label_smooth.backward
def _(xp, d_out, *, epsilon: float = 0.0):
    return d_out * const(d_out, 1 - epsilon)


# --- connectionist temporal classification (Graves et al. 2006)


def _lengths(xp: Any, lengths: Any, count: int, limit: int, what: str) -> Any:
    if lengths.size != count:
        raise ValueError(f"{what} must hold {count} numbers, one per sequence, got shape {list(lengths.shape)}")
    if lengths.dtype.kind not in "iu":
        raise ValueError(f"{what} must be integers, got {lengths.dtype}")
    flat = lengths.reshape(-1).astype("int64")
    if count and (int(flat.min()) < 0 or int(flat.max()) > limit):
        raise ValueError(f"{what} must be in [0, {limit}], got {int(flat.min())} to {int(flat.max())}")
    return flat


def _check_symbols(xp: Any, label: Any, lengths: Any, classes: int) -> Any:
    """The label as int64 with 0 beyond each length; ValueError for a symbol that is no class."""
    used = xp.arange(label.shape[1]).reshape(1, -1) < lengths.reshape(-1, 1)
    bad = used & ((label < 0) | (label >= classes))
    if bool(bad.any()):
        raise ValueError(f"label {int(label[bad].reshape(-1)[0])} is not a class: expected 0 to {classes - 1}")
    return xp.where(used, label, xp.zeros_like(label)).astype("int64")


def _infer_warpctc(
    logits: Spec, label: Spec, *_lengths: Any, blank: int = 0, norm_by_times: bool = False
) -> tuple[Spec, Spec]:
    if logits.ndim != 3:
        raise ValueError(f"the logits must be [time, batch, classes], got {list(logits.shape)}")
    if logits.shape[2] != -1 and not 0 <= blank < logits.shape[2]:
        raise ValueError(f"blank = {blank} is not a class: expected 0 to {logits.shape[2] - 1}")
    return Spec((logits.shape[1], 1), logits.dtype), logits


def _shifted(xp: Any, a: Any, by: int) -> Any:
    """Columns moved by `by` to the right (left when negative), -inf where nothing came from."""
    wide = xp.full((a.shape[0], min(abs(by), a.shape[1])), -np.inf, a.dtype)
    return xp.concatenate([wide, a[:, :-by]], axis=1) if by > 0 else xp.concatenate([a[:, -by:], wide], axis=1)


@op(
    "warpctc",
    "Logits, Label, LogitsLength?, LabelLength? -> Loss, WarpCTCGrad~",
    infer=_infer_warpctc,
    grad="Logits#, WarpCTCGrad, LogitsLength?, Loss@GRAD -> Logits@GRAD",
)
def warpctc(xp, logits, label, logits_length=None, label_length=None, *, blank: int = 0, norm_by_times: bool = False):
    """-log of the probability of the label under softmax(logits), summed over alignments; 0 where none is long enough.

    The second result is the gradient of the first with respect to the logits.
    """
    refuse_integers(logits)
    _infer_warpctc(logits, label, blank=blank)
    if logits_length is None or label_length is None:
        raise NotImplementedError(
            "sequences packed by level of detail are not supported; give padded tensors and both lengths"
        )
    steps, batch, classes = logits.shape
    if label.ndim != 2 or label.shape[0] != batch:
        raise ValueError(f"the label must be [{batch}, longest label], got {list(label.shape)}")
    times = _lengths(xp, logits_length, batch, steps, "LogitsLength")
    sizes = _lengths(xp, label_length, batch, label.shape[1], "LabelLength")
    symbols = _check_symbols(xp, label, sizes, classes)
    shifted = logits - logits.max(axis=2, keepdims=True)
    logs = shifted - xp.log(xp.exp(shifted).sum(axis=2, keepdims=True))

    # the label with blanks around every symbol: states of the alignment
    states = 2 * label.shape[1] + 1
    path = xp.full((batch, states), blank, "int64")
    path[:, 1::2] = symbols
    emitted = xp.take_along_axis(logs, xp.broadcast_to(path, (steps, batch, states)), 2)
    skips = xp.zeros((batch, states), bool)  # a symbol may follow another one without a blank between
    skips[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    column = xp.arange(states).reshape(1, -1)
    ends = (column == 2 * sizes.reshape(-1, 1)) | (column == 2 * sizes.reshape(-1, 1) - 1)
    nothing = xp.full((batch, states), -np.inf, logits.dtype)

    before = xp.empty(
        (steps, batch, states), logits.dtype
    )  # log of all ways to be in a state, this step's emission included
    last = xp.where(column < 2, emitted[0], nothing)
    before[0] = last
    for t in range(1, steps):
        last = (
            xp.logaddexp(xp.logaddexp(last, _shifted(xp, last, 1)), xp.where(skips, _shifted(xp, last, 2), nothing))
            + emitted[t]
        )
        before[t] = last
    after = xp.empty_like(before)  # log of all ways to go on from a state, this step's emission left out
    skips_next = xp.zeros((batch, states), bool)
    skips_next[:, :-2] = skips[:, 2:]
    start = xp.where(ends, xp.zeros_like(nothing), nothing)
    following = nothing
    for t in range(steps - 1, -1, -1):
        if t < steps - 1:
            n = following + emitted[t + 1]
            following = xp.logaddexp(
                xp.logaddexp(n, _shifted(xp, n, -1)), xp.where(skips_next, _shifted(xp, n, -2), nothing)
            )
        following = xp.where((times == t + 1).reshape(-1, 1), start, following)
        after[t] = following

    inside = (xp.arange(steps).reshape(-1, 1) < times).reshape(steps, batch, 1)
    joint = before + after
    top = joint[0].max(axis=1, keepdims=True)
    safe = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    with np.errstate(divide="ignore"):
        total = xp.log(xp.exp(joint[0] - safe).sum(axis=1, keepdims=True)) + safe  # [batch, 1]
    # an empty label in an empty sequence is certain, every other empty sequence impossible
    possible = xp.isfinite(total) & (times > 0).reshape(-1, 1)
    total = xp.where(possible, total, xp.zeros_like(total))
    weights = xp.where(inside & possible, xp.exp(joint - total), xp.zeros_like(joint))
    index = (
        xp.broadcast_to(xp.arange(steps).reshape(-1, 1, 1), joint.shape),
        xp.broadcast_to(xp.arange(batch).reshape(1, -1, 1), joint.shape),
        xp.broadcast_to(path, joint.shape),
    )
    occupied = zeros_added_at(xp, logits.shape, logits.dtype, index, weights)
    return -total, xp.where(inside & possible, xp.exp(logs), xp.zeros_like(logs)) - occupied


@warpctc.backward
def _(xp, logits, gradient, logits_length, d_loss, *, norm_by_times: bool = False):
    d = gradient * d_loss.reshape((1, logits.shape[1], 1))
    if norm_by_times:
        d = d / xp.maximum(logits_length.reshape(-1), 1).astype(logits.dtype).reshape((1, logits.shape[1], 1))
    return d


# --- recurrent neural network transducer (Graves 2012)


def _infer_warprnnt(
    x: Spec, label: Spec, *_lengths: Any, blank: int = 0, fastemit_lambda: float = 0.0
) -> tuple[Spec, Spec]:
    if x.ndim != 4:
        raise ValueError(f"the input must be [batch, time, longest label + 1, classes], got {list(x.shape)}")
    if x.shape[3] != -1 and not 0 <= blank < x.shape[3]:
        raise ValueError(f"blank = {blank} is not a class: expected 0 to {x.shape[3] - 1}")
    return Spec(x.shape[:1], x.dtype), x


@op(
    "warprnnt",
    "input, label, input_lengths, label_lengths -> loss, warprnntgrad~",
    infer=_infer_warprnnt,
    grad="input#, warprnntgrad, loss@GRAD -> input@GRAD",
)
def warprnnt(xp, x, label, input_lengths, label_lengths, *, blank: int = 0, fastemit_lambda: float = 0.0):
    """-log of the probability of the label; `x` holds log-probabilities (as Paddle's CPU kernel takes them).

    FastEmit (Yu et al. 2021) makes the gradient of emitting a symbol larger by `fastemit_lambda` and leaves the value alone.
    The second result is the gradient of the first.
    """
    refuse_integers(x)
    _infer_warprnnt(x, label, blank=blank)
    batch, steps, rows, classes = x.shape
    if label.ndim != 2 or label.shape[0] != batch or label.shape[1] != rows - 1:
        raise ValueError(f"the label must be [{batch}, {rows - 1}], got {list(label.shape)}")
    times = _lengths(xp, input_lengths, batch, steps, "input_lengths")
    sizes = _lengths(xp, label_lengths, batch, rows - 1, "label_lengths")
    if batch and int(times.min()) < 1:
        raise ValueError("input_lengths must be positive, got 0")
    symbols = xp.concatenate([_check_symbols(xp, label, sizes, classes), xp.zeros((batch, 1), "int64")], axis=1)
    none = x[..., blank]  # [batch, time, rows]: no symbol, one step on
    place = xp.broadcast_to(symbols.reshape(batch, 1, rows, 1), (batch, steps, rows, 1))
    emit = xp.take_along_axis(x, place, 3)[..., 0]  # one symbol on, same step
    row, column = times.reshape(-1, 1), sizes.reshape(-1, 1)

    def border(shape: tuple[int, ...]) -> Any:
        return xp.full(shape, -np.inf, x.dtype)

    # cells of one diagonal t + u do not depend on each other; one extra row and column of -inf spares the borders
    before, after = border((batch, steps + 1, rows + 1)), border((batch, steps + 1, rows + 1))
    before[:, 1, 1] = 0
    diagonals = []
    for d in range(steps + rows - 1):
        u = xp.arange(max(0, d - steps + 1), min(rows, d + 1))
        diagonals.append((d - u, u))
    for t, u in diagonals[1:]:
        came = xp.logaddexp(
            before[:, t, u + 1] + none[:, xp.maximum(t - 1, 0), u],
            before[:, t + 1, u] + emit[:, t, xp.maximum(u - 1, 0)],
        )
        before[:, t + 1, u + 1] = came
    before = before[:, 1:, 1:]
    for t, u in reversed(diagonals):
        goes = xp.logaddexp(after[:, t + 1, u] + none[:, t, u], after[:, t, u + 1] + emit[:, t, u])
        goes = xp.where((t == row - 1) & (u == column), none[:, t, u], goes)
        after[:, t, u] = xp.where((t < row) & (u <= column), goes, border(goes.shape))
    total = after[:, 0, 0]
    possible = xp.isfinite(total)
    safe = xp.where(possible, total, xp.zeros_like(total)).reshape(-1, 1, 1)
    grid_t, grid_u = xp.arange(steps).reshape(1, -1, 1), xp.arange(rows).reshape(1, 1, -1)
    at_end = (grid_t == row.reshape(-1, 1, 1) - 1) & (grid_u == column.reshape(-1, 1, 1))
    next_none = xp.where(at_end, xp.zeros_like(none), after[:, 1:, :-1])
    valid = (grid_t < row.reshape(-1, 1, 1)) & (grid_u <= column.reshape(-1, 1, 1)) & possible.reshape(-1, 1, 1)
    with np.errstate(invalid="ignore"):
        d_none = xp.where(valid, -xp.exp(before + none + next_none - safe), xp.zeros_like(none))
        d_emit = xp.where(valid, -xp.exp(before + emit + after[:, :-1, 1:] - safe), xp.zeros_like(none))
    classes_at = xp.arange(classes).reshape(1, 1, 1, -1)
    gradient = xp.expand_dims(d_none, 3) * (classes_at == blank) + xp.expand_dims(
        d_emit * const(x, 1 + fastemit_lambda), 3
    ) * (classes_at == place)
    return -total, gradient.astype(x.dtype, copy=False)


@warprnnt.backward
def _(xp, x, gradient, d_loss):
    return gradient * d_loss.reshape((x.shape[0], 1, 1, 1))


# --- hierarchical sigmoid (Morin and Bengio 2005)


def _infer_hierarchical_sigmoid(
    x: Spec,
    w: Spec,
    label: Spec,
    table: Any = None,
    code: Any = None,
    bias: Any = None,
    *,
    num_classes: int = 2,
    **_: Any,
) -> tuple[Any, ...]:
    if x.ndim != 2 or w.ndim != 2 or not _fits(x.shape[1], w.shape[1]):
        raise ValueError(f"X must be [N, D] and W [rows, D], got {list(x.shape)} and {list(w.shape)}")
    if (table is None) != (code is None):
        raise ValueError("PathTable and PathCode must be given together")
    if table is not None and (
        table.ndim != 2 or code.ndim != 2 or not all(_fits(a, b) for a, b in zip(table.shape, code.shape, strict=True))
    ):
        raise ValueError(
            f"PathTable and PathCode must be [N, depth] alike, got {list(table.shape)} and {list(code.shape)}"
        )
    width = _depth(num_classes) if table is None else table.shape[1]
    return Spec((x.shape[0], 1), x.dtype), Spec((x.shape[0], width), x.dtype), None


def _depth(num_classes: int) -> int:
    """Levels of the complete binary tree over the classes."""
    return int(num_classes - 1).bit_length()


def _tree_path(xp: Any, label: Any, table: Any, code: Any, num_classes: int) -> tuple[Any, Any, Any]:
    """Per sample and level: number of the inner node, side taken there (0 or 1), whether the path still runs."""
    if table is not None:
        runs = xp.cumsum((table < 0).astype("int64"), axis=1) == 0
        return xp.where(runs, table, xp.zeros_like(table)), xp.where(runs, code, xp.zeros_like(code)), runs
    leaf = label.reshape(-1, 1).astype("int64") + num_classes
    bits = xp.arange(_depth(num_classes)).reshape(1, -1)
    above = leaf >> (bits + 1)
    runs = above > 0
    return (
        xp.where(runs, above - 1, xp.zeros_like(above)),
        xp.where(runs, (leaf >> bits) & 1, xp.zeros_like(above)),
        runs,
    )


@op(
    "hierarchical_sigmoid",
    "X, W, Label, PathTable?, PathCode?, Bias? -> Out, PreOut~, W_Out~?",
    infer=_infer_hierarchical_sigmoid,
    grad="X, W, Label, PathTable?, PathCode?, Bias?#, PreOut, Out@GRAD -> X@GRAD, W@GRAD, Bias@GRAD",
)
def hierarchical_sigmoid(
    xp,
    x,
    w,
    label,
    table=None,
    code=None,
    bias=None,
    *,
    num_classes: int = 2,
    is_sparse: bool = False,
    trainer_id: int = 0,
    height_sections: Longs = (),
    epmap: Strings = (),
    table_names: Strings = (),
):
    refuse_integers(x)
    _infer_hierarchical_sigmoid(x, w, label, table, code, bias, num_classes=num_classes)
    if label.size != x.shape[0]:
        raise ValueError(
            f"the label must hold {x.shape[0]} class numbers, one per row of X, got shape {list(label.shape)}"
        )
    _check_classes(label, xp.ones_like(label, bool), num_classes, -1)
    node, side, runs = _tree_path(xp, label, table, code, num_classes)
    if x.shape[0] and int(node.max()) >= w.shape[0]:
        raise ValueError(f"the tree has a node {int(node.max())} but W only {w.shape[0]} rows")
    pre = xp.matmul(w[node], xp.expand_dims(x, 2))[..., 0]
    if bias is not None:
        pre = pre + bias.reshape(-1)[node]
    pre = xp.where(runs, xp.minimum(xp.maximum(pre, const(x, -40)), const(x, 40)), xp.zeros_like(pre))
    # levels beyond a short path count log(2) each: a constant that Paddle adds too
    soft = xp.log1p(xp.exp(pre))
    return (soft - side.astype(x.dtype) * pre).sum(axis=1, keepdims=True), soft, None


@hierarchical_sigmoid.backward
def _(
    xp,
    x,
    w,
    label,
    table,
    code,
    bias,
    soft,
    d_out,
    *,
    num_classes: int = 2,
    needs: tuple[bool, ...] = (True, True, True),
):
    node, side, runs = _tree_path(xp, label, table, code, num_classes)
    d = (const(x, 1) - xp.exp(-soft) - side.astype(x.dtype)) * runs.astype(x.dtype) * d_out.reshape((x.shape[0], 1))
    d_x = xp.matmul(xp.expand_dims(d, 1), w[node])[:, 0] if needs[0] else None
    d_w = (
        zeros_added_at(xp, w.shape, x.dtype, (node,), xp.expand_dims(d, 2) * xp.expand_dims(x, 1)) if needs[1] else None
    )
    d_bias = None
    if bias is not None and needs[2]:
        d_bias = zeros_added_at(xp, (product(bias.shape),), x.dtype, (node,), d).reshape(tuple(bias.shape))
    return d_x, d_w, d_bias


# --- margin softmax (Deng et al. 2019) and sampling of classes (An et al. 2021), on one device


def _one_device(nranks: int) -> None:
    if nranks > 1:
        raise NotImplementedError(
            f"nranks = {nranks}: classes divided over devices are not supported; run it on one device"
        )


def _infer_margin(logits: Spec, label: Spec, **_: Any) -> tuple[Spec, Spec]:
    if logits.ndim != 2 or label.ndim not in (1, 2) or not _fits(product(label.shape), logits.shape[0]):
        raise ValueError(
            f"the logits must be [N, C] and the label [N, 1], got {list(logits.shape)} and {list(label.shape)}"
        )
    return logits, Spec((logits.shape[0], 1), logits.dtype)


@op(
    "margin_cross_entropy",
    "Logits, Label -> Softmax, Loss",
    infer=_infer_margin,
    grad="Logits, Label, Softmax, Softmax@GRAD?, Loss@GRAD -> Logits@GRAD",
)
def margin_cross_entropy(
    xp,
    logits,
    label,
    *,
    return_softmax: bool = False,
    ring_id: int = 0,
    rank: int = 0,
    nranks: int = 1,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
):
    """Cross entropy of scale * cos, where the cosine of the right class is cos(margin1 * angle + margin2) - margin3."""
    refuse_integers(logits)
    _infer_margin(logits, label)
    _one_device(nranks)
    place = label.reshape(-1, 1)
    _check_classes(place, xp.ones_like(place, bool), logits.shape[1], -1)
    cosine = xp.take_along_axis(logits, place, 1)
    if bool((xp.abs(cosine) > const(logits, 1 + 1e-3)).any()):
        raise ValueError("the logits must be cosines in [-1, 1]; normalize the features and the weights first")
    angle = xp.arccos(xp.minimum(xp.maximum(cosine, const(logits, -1)), const(logits, 1)))
    moved = xp.cos(angle * const(logits, margin1) + const(logits, margin2)) - const(logits, margin3)
    chosen = xp.arange(logits.shape[1]).reshape(1, -1) == place
    softmax, logs = _log_softmax(xp, xp.where(chosen, moved, logits) * const(logits, scale), 1)
    return softmax, -xp.take_along_axis(logs, place, 1)


@margin_cross_entropy.backward
def _(
    xp, logits, label, softmax, d_softmax, d_loss, *, margin1: float = 1.0, margin2: float = 0.5, scale: float = 64.0
):
    chosen = xp.arange(logits.shape[1]).reshape(1, -1) == label.reshape(-1, 1)
    d = (softmax - chosen.astype(softmax.dtype)) * d_loss.reshape((logits.shape[0], 1))
    if d_softmax is not None:
        d = d + softmax * (d_softmax - (softmax * d_softmax).sum(axis=1, keepdims=True))
    d = d * const(logits, scale)
    edge = const(logits, 1 - 1e-6 if logits.dtype.itemsize < 8 else 1 - 1e-12)  # the slope is infinite at angle 0
    inside = xp.minimum(xp.maximum(xp.where(chosen, logits, xp.zeros_like(logits)), -edge), edge)
    angle = xp.arccos(inside)
    slope = (
        xp.sin(angle * const(logits, margin1) + const(logits, margin2))
        * const(logits, margin1)
        / xp.sqrt(const(logits, 1) - inside * inside)
    )
    return xp.where(chosen, d * slope, d)


def _infer_center_sample(label: Spec, *, num_classes: int, num_samples: int, **_: Any) -> tuple[Spec, Spec]:
    if label.ndim != 1:
        raise ValueError(f"the label must be [N], got {list(label.shape)}")
    if num_samples > num_classes:
        raise ValueError(f"num_samples = {num_samples} must not exceed num_classes = {num_classes}")
    return label, Spec((-1,), label.dtype)


@op("class_center_sample", "Label -> RemappedLabel, SampledLocalClassCenter", infer=_infer_center_sample, random=True)
def class_center_sample(
    xp,
    label,
    *,
    num_classes: int,
    num_samples: int,
    ring_id: int = 0,
    rank: int = 0,
    nranks: int = 1,
    fix_seed: bool = False,
    seed: int = 0,
):
    """All classes that occur, sorted, filled up to `num_samples` with others drawn at random; labels counted in that list."""
    _infer_center_sample(label, num_classes=num_classes, num_samples=num_samples)
    _one_device(nranks)
    _check_classes(label, xp.ones_like(label, bool), num_classes, -1)
    present = xp.unique(label)
    count = int(num_samples) - int(present.shape[0])
    order = xp.zeros(num_classes, "int64")
    order[present] = xp.arange(present.shape[0])
    sampled = present
    if count > 0:
        absent = xp.ones(num_classes, bool)
        absent[present] = False
        others = absent.nonzero()[0]
        generator = xp.random.default_rng(seed) if fix_seed else rng.random(xp)
        drawn = xp.argsort(generator.random(int(others.shape[0])))[:count]
        sampled = xp.concatenate([present, others[drawn].astype(label.dtype)])
    return order[label].astype(label.dtype), sampled

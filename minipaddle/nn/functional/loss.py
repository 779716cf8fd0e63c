"""``paddle.nn.functional``: losses.

`reduction` is 'mean', 'sum' or 'none' throughout; a wrong one raises ValueError. Labels get no gradient unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.dispatch import call
from ...core.grad_mode import no_grad
from ...core.recorder import spec_of
from ...ops import elementwise as E
from ...ops import loss as L
from ...ops import reduction as R
from ...ops.shapes import axis_of
from ...tensor import creation, linalg, logic, manipulation, search
from ...tensor import math as M
from ...tensor.arguments import is_symbolic, is_tensor_like, static_types
from ...tensor.attribute import detach
from ...tensor.attribute import shape as shape_of
from ...tensor.operators import cast_to, number_like
from ...tensor.stat import mean
from .activation import log_sigmoid, relu, sigmoid
from .distance import pairwise_distance
from .input import one_hot

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "dice_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "hsigmoid_loss",
    "kl_div",
    "l1_loss",
    "label_smooth",
    "log_loss",
    "margin_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_label_soft_margin_loss",
    "multi_margin_loss",
    "nll_loss",
    "npair_loss",
    "poisson_nll_loss",
    "rnnt_loss",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax_with_cross_entropy",
    "square_error_cost",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

_IGNORED = -100  # the default ignore_index


def _check_reduction(reduction: Any, what: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{what}: reduction = {reduction!r}; expected 'mean', 'sum' or 'none'")


def _reduced(loss: Any, reduction: str) -> Any:
    if reduction == "mean":
        return call(R.reduce_mean, loss, dim=[], keep_dim=False, reduce_all=True)
    return call(R.reduce_sum, loss, dim=[], keep_dim=False) if reduction == "sum" else loss


def _same_shape(x: Any, y: Any, what: str) -> None:
    a, b = spec_of(x).shape, spec_of(y).shape
    if len(a) != len(b) or any(-1 not in (m, n) and m != n for m, n in zip(a, b)):
        raise ValueError(f"{what} must have the same shape, got {list(a)} and {list(b)}")


def _check_floating(what: str, **tensors: Any) -> None:
    for name, t in tensors.items():
        if spec_of(t).dtype not in (np.float32, np.float64):
            raise ValueError(f"{what}: {name} must be float32 or float64, got {spec_of(t).dtype}")


# --- classes


def _weight_of_classes(label: Any, weight: Any, ignore_index: int, axis: int, dtype: Any) -> Any:
    """The weight of each label, 0 for ignored ones; shape of `label`, which has 1 at `axis`."""
    counted = label != ignore_index
    valid = cast_to(counted, label.dtype) * label
    factor = manipulation.squeeze(cast_to(counted, dtype), axis)
    ndim = len(spec_of(label).shape)
    if axis_of(axis, ndim) != ndim - 1:
        valid = manipulation.moveaxis(valid, axis, ndim - 1)
    return manipulation.unsqueeze(manipulation.gather_nd(weight, valid) * cast_to(factor, weight.dtype), axis)


def _smoothed(label: Any, classes: int, epsilon: float, axis: int, hard: bool, dtype: Any) -> Any:
    """Soft labels out of class numbers without class axis (`hard`) or out of soft ones; classes along `axis`."""
    ndim = len(spec_of(label).shape) + hard
    last = axis_of(axis, ndim) == ndim - 1
    if hard:
        label = one_hot(label, classes)
    elif not last:
        label = manipulation.moveaxis(label, axis, -1)
    label = cast_to(label_smooth(label, epsilon=epsilon), dtype)
    return label if last else manipulation.moveaxis(label, -1, axis)


def _mean_of_counted(loss: Any, label: Any, ignore_index: int) -> Any:
    """The mean of a loss per label, without ignored labels: their loss is 0."""
    count = _reduced(cast_to(label != ignore_index, loss.dtype), "sum")
    return _reduced(loss, "sum") / M.maximum(count, number_like(1.0, count, count.dtype))


def _mean_cross_entropy(input: Any, label: Any, ignore_index: int, axis: int) -> Any:
    """The operators that `mean_cross_entropy` consists of."""
    if label.ndim < input.ndim:
        label = manipulation.unsqueeze(label, axis)
    _, loss = call(
        L.softmax_with_cross_entropy, input, label, soft_label=False, ignore_index=ignore_index, numeric_stable_mode=True, axis=axis,
        use_softmax=True,
    )  # fmt: skip
    return _mean_of_counted(loss, label, ignore_index)


L.mean_cross_entropy.expand = _mean_cross_entropy


def cross_entropy(
    input: Any,
    label: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    soft_label: bool = False,
    axis: int = -1,
    use_softmax: bool = True,
    label_smoothing: float = 0.0,
    name: str | None = None,
) -> Any:
    """-log of the probability that softmax(`input`) along `axis` gives the right class.

    input: floating [..., C, ...]; `use_softmax=False` says that it holds probabilities. label: integers without the class axis
    or with 1 there, or with `soft_label` probabilities in the shape of `input`. weight: [C]. Labels equal to `ignore_index`
    count nothing; the mean divides by the number, or the total weight, of the others, in Programs too (Paddle 2.6.2
    does not look for the default -100 there). `label_smoothing` e mixes labels with e / C. ValueError for shapes that do not
    fit, and for a label that is no class.
    """
    static_types("cross_entropy", "float16 float32 float64", input=input)
    if reduction not in ("mean", "sum", "none"):
        _check_reduction(reduction, "cross_entropy")
    if soft_label and ignore_index > 0:
        raise ValueError(f"cross_entropy: soft labels have no ignore_index, got {ignore_index}")
    ndim, label_ndim = input.ndim, label.ndim
    if ndim == 0:
        raise ValueError("cross_entropy: the input must have a class axis, got a 0-D tensor")
    if ndim - 1 != label_ndim and ndim != label_ndim:
        raise ValueError(
            f"cross_entropy: the label must have {ndim - 1} or {ndim} dimensions for an input of {ndim}, got {label_ndim}"
        )
    without_axis = ndim - 1 == label_ndim
    if label_smoothing > 0.0:
        hard = without_axis or not (soft_label or label.dtype.is_floating)
        if hard and not without_axis:
            label = manipulation.squeeze(label, axis)
        label = _smoothed(label, spec_of(input).shape[axis], label_smoothing, axis, hard, input.dtype)
        soft_label = True
        without_axis = False
    elif reduction == "mean" and weight is None and use_softmax and not soft_label:
        return call(L.mean_cross_entropy, input, label, ignore_index=ignore_index, axis=axis)
    elif without_axis:
        label = manipulation.unsqueeze(label, axis)
    _, out = call(
        L.softmax_with_cross_entropy,
        input,
        label,
        soft_label=bool(soft_label),
        ignore_index=ignore_index,
        numeric_stable_mode=True,
        axis=axis,
        use_softmax=bool(use_softmax),
    )
    total = None
    if weight is not None:
        classes, weights = spec_of(input).shape[axis], spec_of(weight).shape
        if len(weights) != 1 or (-1 not in (classes, weights[0]) and classes != weights[0]):
            raise ValueError(
                f"cross_entropy: the weight must have shape [{classes}], one number per class, got {list(weights)}"
            )
        if not soft_label:
            total = _weight_of_classes(label, weight, ignore_index, axis, input.dtype)
        elif axis_of(axis, ndim) == ndim - 1:
            total = manipulation.unsqueeze(linalg.matmul(cast_to(label, weight.dtype), weight, transpose_y=True), axis)
        else:
            moved = linalg.matmul(manipulation.moveaxis(cast_to(label, weight.dtype), axis, -1), weight)
            total = manipulation.unsqueeze(moved, axis)
        out = cast_to(out, weight.dtype) * total
    if reduction == "mean":
        if total is not None:
            weight_sum = _reduced(total, "sum")
        elif not soft_label:
            return _mean_of_counted(out, label, ignore_index)
        else:
            return _reduced(out, "mean")
        return _reduced(out, "sum") / (weight_sum + cast_to(weight_sum == 0.0, weight_sum.dtype))
    if reduction == "sum":
        return _reduced(out, "sum")
    return manipulation.squeeze(out, axis) if without_axis else out


def softmax_with_cross_entropy(
    logits: Any,
    label: Any,
    soft_label: bool = False,
    ignore_index: int = -100,
    numeric_stable_mode: bool = True,
    return_softmax: bool = False,
    axis: int = -1,
) -> Any:
    """The loss of every sample with 1 in place of the class axis, and with `return_softmax` the softmax too.

    The older form of `cross_entropy`; arguments as there. No gradient comes from the softmax, as in Paddle.
    """
    ndim, label_ndim = logits.ndim, label.ndim
    if ndim == 0:
        raise ValueError("softmax_with_cross_entropy: the logits must have a class axis, got a 0-D tensor")
    if ndim - 1 != label_ndim and ndim != label_ndim:
        raise ValueError(
            f"softmax_with_cross_entropy: the label must have {ndim - 1} or {ndim} dimensions for logits of {ndim}, "
            f"got {label_ndim}"
        )
    if ndim - 1 == label_ndim:
        label = manipulation.unsqueeze(label, axis)
    softmax, loss = call(
        L.softmax_with_cross_entropy,
        logits,
        label,
        soft_label=bool(soft_label),
        ignore_index=ignore_index,
        numeric_stable_mode=bool(numeric_stable_mode),
        axis=axis,
    )
    return (loss, detach(softmax)) if return_softmax else loss


def nll_loss(
    input: Any,
    label: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """The negative of `input` at the right class: log-probabilities [N, C] or [N, C, d1, ...], label [N] or [N, d1, ...].

    weight: [C]. The mean divides by the total weight of the labels that are not `ignore_index`.
    """
    _check_reduction(reduction, "nll_loss")
    shape, label_ndim = spec_of(input).shape, len(spec_of(label).shape)
    ndim = len(shape)
    if ndim < 2:
        raise ValueError(f"nll_loss: the input must be [N, C, ...], got {list(shape)}")
    if label_ndim != ndim - 1:
        raise ValueError(
            f"nll_loss: the label must have {ndim - 1} dimensions for an input of {ndim}, got {label_ndim}"
        )
    if shape[1] == 0:
        raise ValueError(f"nll_loss: at least one class is wanted, got an input of shape {list(shape)}")
    if ndim in (2, 4):
        return call(L.nll_loss, input, label, weight, ignore_index=ignore_index, reduction=reduction)[0]
    flat = manipulation.reshape(input, [0, 0, 1, -1])
    flat_label = manipulation.reshape(label, [0, 1, -1])
    out = call(L.nll_loss, flat, flat_label, weight, ignore_index=ignore_index, reduction=reduction)[0]
    return manipulation.reshape(out, label.shape) if reduction == "none" else out


def label_smooth(label: Any, prior_dist: Any = None, epsilon: float = 0.1, name: str | None = None) -> Any:
    """(1 - epsilon) * label + epsilon * prior, the prior being 1 / C unless `prior_dist` [1, C] is given. label: [..., C]."""
    if epsilon > 1.0 or epsilon < 0.0:
        raise ValueError(f"label_smooth: epsilon must be between 0 and 1, got {epsilon}")
    return call(L.label_smooth, label, prior_dist, epsilon=float(epsilon))


def margin_cross_entropy(
    logits: Any,
    label: Any,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    group: Any = None,
    return_softmax: bool = False,
    reduction: str | None = "mean",
) -> Any:
    """Cross entropy of scale * cos with a margin for the right class: cos(margin1 * angle + margin2) - margin3.

    logits: cosines [N, C]; label: [N] or [N, 1]. margin1 is that of SphereFace, margin2 of ArcFace, margin3 of CosFace.
    """
    if reduction not in ("mean", "sum", "none", None):
        raise AssertionError(f"margin_cross_entropy: reduction = {reduction!r}; expected 'mean', 'sum', 'none' or None")
    _check_group(group, "margin_cross_entropy")
    ndim, label_ndim = logits.ndim, label.ndim
    if ndim - 1 != label_ndim and ndim != label_ndim:
        raise ValueError(f"margin_cross_entropy: the label must have {ndim - 1} or {ndim} dimensions, got {label_ndim}")
    if ndim - 1 == label_ndim:
        label = manipulation.unsqueeze(label, -1)
    softmax, loss = call(
        L.margin_cross_entropy,
        logits,
        label,
        return_softmax=bool(return_softmax),
        margin1=float(margin1),
        margin2=float(margin2),
        margin3=float(margin3),
        scale=float(scale),
    )
    loss = _reduced(loss, reduction or "none")
    return (loss, softmax) if return_softmax else loss


def _check_group(group: Any, what: str) -> None:
    if group is not None and group is not False:
        raise ValueError(f"{what}: group must be None or False, as there is one process, got {type(group).__name__}")


def hsigmoid_loss(
    input: Any,
    label: Any,
    num_classes: int,
    weight: Any,
    bias: Any = None,
    path_table: Any = None,
    path_code: Any = None,
    is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """-log of the probability of the path to each label in a binary tree of sigmoids; [N, 1].

    input: [N, D]; label: int64 [N, 1]; weight: [num_classes - 1, D]; bias: [num_classes - 1, 1]. A tree of your own:
    path_table [N, depth] with node numbers from the root, -1 beyond the leaf, path_code with the side taken. Gradients of the
    weight are dense, also with `is_sparse`.
    """
    if num_classes < 2:
        raise ValueError(f"hsigmoid_loss: num_classes must be at least 2, got {num_classes}")
    attrs = {"num_classes": int(num_classes), "is_sparse": bool(is_sparse)}
    return call(L.hierarchical_sigmoid, input, weight, label, path_table, path_code, bias, **attrs)


def npair_loss(anchor: Any, positive: Any, labels: Any, l2_reg: float = 0.002) -> Any:
    """N-pair loss (Sohn 2016) of embeddings `anchor` and `positive` [N, D] with `labels` [N]."""
    static_types("npair_loss", "float32 float64", anchor=anchor, positive=positive)
    for name, t in (("anchor", anchor), ("positive", positive)):
        if 0 in spec_of(t).shape:
            raise ValueError(f"npair_loss: {name} must not be empty, got shape {list(spec_of(t).shape)}")
    _check_floating("npair_loss", anchor=anchor, positive=positive)
    column = manipulation.reshape(labels, [-1, 1])
    same = cast_to(logic.equal(column, manipulation.transpose(column, [1, 0])), anchor.dtype)
    share = same / M.sum(same, axis=1, keepdim=True)
    size = mean(M.sum(M.square(anchor), 1)) + mean(M.sum(M.square(positive), 1))
    similarity = linalg.matmul(anchor, positive, transpose_y=True)
    loss = softmax_with_cross_entropy(similarity, share, soft_label=True)
    return size * (0.25 * l2_reg) + mean(M.sum(share * loss, 0))


# --- two classes


def binary_cross_entropy(
    input: Any, label: Any, weight: Any = None, reduction: str = "mean", name: str | None = None
) -> Any:
    """-(label * log(input) + (1 - label) * log(1 - input)), the logarithms not below -100.

    input: probabilities in [0, 1] (ValueError otherwise); label: the same shape and type. weight: broadcasts.
    """
    _check_reduction(reduction, "binary_cross_entropy")
    out = call(L.bce_loss, input, label)
    if weight is not None:
        if not is_tensor_like(weight):
            raise ValueError(f"binary_cross_entropy: weight must be a Tensor, got {type(weight).__name__}")
        out = M.multiply(out, weight)
    return _reduced(out, reduction)


def binary_cross_entropy_with_logits(
    logit: Any,
    label: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
    name: str | None = None,
) -> Any:
    """`binary_cross_entropy` of sigmoid(`logit`), without overflow; `pos_weight` multiplies the part of positive labels.

    label: shape and type of `logit`; `weight` and `pos_weight` broadcast.
    """
    _check_reduction(reduction, "binary_cross_entropy_with_logits")
    factor = None
    if pos_weight is not None:  # Paddle's operator takes the factor of log(sigmoid(logit))
        factor = M.add(
            M.multiply(label, M.subtract(pos_weight, number_like(1.0, logit, logit.dtype))),
            number_like(1.0, logit, logit.dtype),
        )
    attrs = {"ignore_index": _IGNORED, "normalize": False}
    out = call(L.sigmoid_cross_entropy_with_logits, logit, label, factor, **attrs)
    if weight is not None:
        out = M.multiply(out, weight)
    return _reduced(out, reduction)


def sigmoid_focal_loss(
    logit: Any,
    label: Any,
    normalizer: Any = None,
    alpha: float = 0.25,
    gamma: float = 2.0,
    reduction: str = "sum",
    name: str | None = None,
) -> Any:
    """Focal loss (Lin et al. 2017): cross entropy times (1 - p)^gamma, and alpha for positive, 1 - alpha for negative labels.

    logit and label: one floating shape; normalizer: divides the loss, one number.
    """
    static_types("sigmoid_focal_loss", "float32 float64", logit=logit, label=label)
    _check_reduction(reduction, "sigmoid_focal_loss")
    if normalizer is not None:
        _check_floating("sigmoid_focal_loss", normalizer=normalizer)
        if len(spec_of(normalizer).shape) > 1:
            raise ValueError(
                f"sigmoid_focal_loss: normalizer must hold one number, got shape {list(spec_of(normalizer).shape)}"
            )
    loss = binary_cross_entropy_with_logits(logit, label, reduction="none")
    p = sigmoid(logit)
    right = p * label + (1 - p) * (1 - label)
    loss = M.multiply(label * alpha + (1 - label) * (1 - alpha), loss)
    loss = M.multiply(M.pow(1 - right, gamma), loss)
    if normalizer is not None:
        loss = M.divide(loss, normalizer)
    return _reduced(loss, reduction)


def log_loss(input: Any, label: Any, epsilon: float = 0.0001, name: str | None = None) -> Any:
    """-label * log(input + epsilon) - (1 - label) * log(1 - input + epsilon) of probabilities; shape of the input."""
    return call(L.log_loss, input, label, epsilon=float(epsilon))


def dice_loss(input: Any, label: Any, epsilon: float = 0.00001, name: str | None = None) -> Any:
    """1 - 2 |input * label| / (|input| + |label|), averaged over samples.

    input: probabilities [N, ..., C]; label: int32 or int64 class numbers [N, ..., 1]. AssertionError for anything else.
    """
    x, y = spec_of(input), spec_of(label)
    if x.dtype not in (np.float32, np.float64) or y.dtype not in (np.int32, np.int64):
        raise AssertionError(
            f"dice_loss: a floating input and an integer label are wanted, got {x.dtype} and {y.dtype}"
        )
    if x.ndim < 2 or x.ndim != y.ndim or y.shape[-1] != 1:
        raise AssertionError(
            f"dice_loss: input [N, ..., C] and label [N, ..., 1] are wanted, got {list(x.shape)} and {list(y.shape)}"
        )
    if any(-1 not in (a, b) and a != b for a, b in zip(x.shape[:-1], y.shape[:-1])):
        raise AssertionError(
            f"dice_loss: all dimensions but the last must agree, got {list(x.shape)} and {list(y.shape)}"
        )
    if 0 in x.shape:
        raise AssertionError(f"dice_loss: the input must not be empty, got shape {list(x.shape)}")
    if x.shape[-1] < 0:
        raise AssertionError(f"dice_loss: the number of classes, the last dimension, must be known, got {list(x.shape)}")
    hot = cast_to(one_hot(manipulation.squeeze(label, [-1]), x.shape[-1]), input.dtype)
    axes = list(range(1, x.ndim))
    both = M.sum(input * hot, axis=axes)
    total = M.sum(input, axis=axes) + M.sum(hot, axis=axes)
    return mean(1 - both * 2 / (total + epsilon))


# --- numbers


def mse_loss(input: Any, label: Any, reduction: str = "mean", name: str | None = None) -> Any:
    """(input - label)^2; the label gets a gradient too."""
    static_types("mse_loss", "float32 float64", input=input, label=label)
    _check_reduction(reduction, "mse_loss")
    return _reduced(call(E.square, M.subtract(input, label)), reduction)


def square_error_cost(input: Any, label: Any) -> Any:
    """(input - label)^2, elementwise."""
    static_types("square_error_cost", "float32 float64", input=input, label=label)
    return call(E.square, M.subtract(input, label))


def l1_loss(input: Any, label: Any, reduction: str = "mean", name: str | None = None) -> Any:
    """|input - label|; the label gets a gradient too."""
    static_types("l1_loss", "float16 float32 float64 int32 int64", input=input, label=label)
    _check_reduction(reduction, "l1_loss")
    return _reduced(M.abs(M.subtract(input, label)), reduction)


def smooth_l1_loss(input: Any, label: Any, reduction: str = "mean", delta: float = 1.0, name: str | None = None) -> Any:
    """d^2 / 2 for d = |input - label| up to `delta`, delta * (d - delta / 2) beyond; the label gets a gradient too."""
    _check_reduction(reduction, "smooth_l1_loss")
    return _reduced(call(L.huber_loss, input, label, delta=float(delta)), reduction)


def kl_div(input: Any, label: Any, reduction: str = "mean", name: str | None = None) -> Any:
    """label * (log(label) - input), 0 where the label is not positive: `input` holds log-probabilities.

    reduction: besides the usual ones 'batchmean', the sum divided by the first dimension.
    """
    if reduction not in ("mean", "sum", "none", "batchmean"):
        raise ValueError(f"kl_div: reduction = {reduction!r}; expected 'mean', 'sum', 'none' or 'batchmean'")
    if input.dtype is not label.dtype and input.dtype.is_floating and label.dtype.is_floating:
        wide = input.dtype if input.dtype.name == "float64" else label.dtype
        input, label = cast_to(input, wide), cast_to(label, wide)
    out = call(L.kldiv_loss, input, label, reduction="none")
    if reduction != "batchmean":
        return _reduced(out, reduction)
    total = _reduced(out, "sum")
    sizes = spec_of(input).shape
    if not sizes:
        return total
    # not known before the Program runs: counted there
    return total / (cast_to(shape_of(input)[0], total.dtype) if sizes[0] < 0 else sizes[0])


def poisson_nll_loss(
    input: Any,
    label: Any,
    log_input: bool = True,
    full: bool = False,
    epsilon: float = 1e-8,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """exp(input) - label * input, or input - label * log(input + epsilon) without `log_input`.

    `full` adds Stirling's approximation of log(label!) where the label is greater than 1.
    """
    static_types("poisson_nll_loss", "float16 bfloat16 float32 float64", input=input, label=label)
    if epsilon <= 0:
        raise ValueError(f"poisson_nll_loss: epsilon must be positive, got {epsilon}")
    _check_reduction(reduction, "poisson_nll_loss")
    _same_shape(input, label, "poisson_nll_loss: input and label")
    label = cast_to(label, input.dtype)
    out = M.exp(input) - label * input if log_input else input - label * M.log(input + epsilon)
    if full:
        # 1 in place of small labels keeps the unused branch, and its gradient, finite
        large = label > 1
        safe = search.where(large, label, creation.ones_like(label))
        stirling = safe * M.log(safe) - safe + M.log(safe * (2 * math.pi)) * 0.5
        out = out + search.where(large, stirling, creation.zeros_like(stirling))
    return _reduced(out, reduction)


def gaussian_nll_loss(
    input: Any,
    label: Any,
    variance: Any,
    full: bool = False,
    epsilon: float = 1e-6,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """(log(v) + (input - label)^2 / v) / 2 with v = max(variance, epsilon), which gets no gradient; `full` adds log(2 pi) / 2.

    variance: shape of the input, or with 1 or nothing in place of its last dimension. ValueError for negative variances.
    """
    static_types("gaussian_nll_loss", "float32 float64", input=input, label=label, variance=variance)
    shape, other = spec_of(input).shape, spec_of(variance).shape
    if shape != other:
        if shape[:-1] == other:
            variance = manipulation.unsqueeze(variance, -1)
        elif not (other and shape[:-1] == other[:-1] and other[-1] == 1):
            raise ValueError(
                f"gaussian_nll_loss: variance must be {list(shape)}, {[*shape[:-1], 1]} or {list(shape[:-1])}, got {list(other)}"
            )
    _check_reduction(reduction, "gaussian_nll_loss")
    _check_floating("gaussian_nll_loss", input=input, label=label, variance=variance)
    if not is_symbolic(variance) and bool((variance._data < 0).any()):
        raise ValueError("gaussian_nll_loss: variance has negative entries")
    with no_grad():
        variance = M.clip(variance, min=epsilon)
    loss = (M.log(variance) + M.square(input - label) / variance) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


# --- margins


def margin_ranking_loss(
    input: Any, other: Any, label: Any, margin: float = 0.0, reduction: str = "mean", name: str | None = None
) -> Any:
    """max(0, -label * (input - other) + margin): label 1 wants `input` above `other`, -1 below."""
    static_types("margin_ranking_loss", "float32 float64", input=input, other=other, label=label)
    _check_reduction(reduction, "margin_ranking_loss")
    out = M.multiply(M.neg(label), M.subtract(input, other))
    return _reduced(relu(out + float(margin) if margin != 0.0 else out), reduction)


def hinge_embedding_loss(
    input: Any, label: Any, margin: float = 1.0, reduction: str = "mean", name: str | None = None
) -> Any:
    """`input` where the label is 1, max(0, margin - input) where it is -1."""
    static_types("hinge_embedding_loss", "float32 float64", input=input, label=label)
    _check_reduction(reduction, "hinge_embedding_loss")
    zeros = creation.zeros_like(input)
    out = search.where(label == 1.0, input, zeros) + search.where(label == -1.0, relu(margin - input), zeros)
    return _reduced(out, reduction)


def soft_margin_loss(input: Any, label: Any, reduction: str = "mean", name: str | None = None) -> Any:
    """log(1 + exp(-label * input)) with labels 1 and -1."""
    static_types("soft_margin_loss", "float32 float64", input=input)
    _check_reduction(reduction, "soft_margin_loss")
    _same_shape(input, label, "soft_margin_loss: input and label")
    return _reduced(M.log(1 + M.exp(-cast_to(label, input.dtype) * input)), reduction)


def multi_label_soft_margin_loss(
    input: Any, label: Any, weight: Any = None, reduction: str = "mean", name: str | None = None
) -> Any:
    """Binary cross entropy of sigmoid(input), averaged over the last axis. input and label: [..., C]; weight: broadcasts."""
    static_types("multi_label_soft_margin_loss", "float32 float64", input=input)
    _check_reduction(reduction, "multi_label_soft_margin_loss")
    _same_shape(input, label, "multi_label_soft_margin_loss: input and label")
    label = cast_to(label, input.dtype)  # an int label would make the products ints
    loss = -(label * log_sigmoid(input) + (1 - label) * log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduced(mean(loss, axis=-1), reduction)


def multi_margin_loss(
    input: Any,
    label: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """The mean over classes other than the right one of max(0, margin - x[right] + x[class])^p; input [N, C], label [N].

    weight [C]: that of the right class multiplies the difference before the power. As in Paddle 2.6.2 the loss without
    reduction is then [N, N]: row i has the term of the right class taken with the weight of sample i.
    """
    static_types("multi_margin_loss", "float32 float64", input=input)
    _check_reduction(reduction, "multi_margin_loss")
    shape, rows = spec_of(input).shape, spec_of(label).shape
    if len(shape) != 2:
        raise ValueError(f"multi_margin_loss: the input must be [N, C], got {list(shape)}")
    if not rows or (-1 not in (shape[0], rows[0]) and shape[0] != rows[0]):
        raise ValueError(f"multi_margin_loss: the label must be [{shape[0]}], got {list(rows)}")
    label = manipulation.reshape(label, [-1, 1])
    right = search.index_sample(input, label)
    inside = margin - right + input
    own = margin**p / input.shape[1]  # what the right class itself adds
    if weight is not None:
        weights = spec_of(weight).shape
        if len(weights) != 1 or (-1 not in (weights[0], shape[1]) and weights[0] != shape[1]):
            raise ValueError(f"multi_margin_loss: weight must be [{shape[1]}], got {list(weights)}")
        weight = manipulation.reshape(manipulation.gather(weight, label, axis=0), [-1, 1])
        inside = weight * inside
        loss = mean(M.pow(M.clip(inside, min=0.0), p), axis=1) - weight * own
    else:
        loss = mean(M.pow(M.clip(inside, min=0.0), p), axis=1) - own
    return _reduced(loss, reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, label: Any, margin: float = 0, reduction: str = "mean", name: str | None = None
) -> Any:
    """1 - cos where the label is 1, max(0, cos - margin) where it is -1. inputs: [N, D] or [D]; label: [N]."""
    a, b, y = spec_of(input1), spec_of(input2), spec_of(label)
    if y.ndim != 1:
        raise ValueError(f"cosine_embedding_loss: the label must be 1-D, got {list(y.shape)}")
    _same_shape(input1, input2, "cosine_embedding_loss: the inputs")
    if a.ndim > 2:
        raise ValueError(f"cosine_embedding_loss: the inputs must be [N, D] or [D], got {list(a.shape)}")
    _check_floating("cosine_embedding_loss", input1=input1, input2=input2)
    if y.dtype.name not in ("int32", "int64", "float32", "float64"):
        raise ValueError(f"cosine_embedding_loss: the label must be int32, int64, float32 or float64, got {y.dtype}")
    if b.dtype != a.dtype:
        raise ValueError(f"cosine_embedding_loss: the inputs must have one type, got {a.dtype} and {b.dtype}")
    if reduction not in ("mean", "sum", "none"):
        _check_reduction(reduction, "cosine_embedding_loss")
    product = M.sum(input1 * input2, axis=-1)
    sizes = (M.sum(M.square(input1), axis=-1) + 1e-11) * (M.sum(M.square(input2), axis=-1) + 1e-11)
    cos = product / M.sqrt(sizes)
    zeros = creation.zeros_like(cos)
    out = search.where(label == 1, 1 - cos, zeros) + search.where(label == -1, M.clip(cos - margin, min=0), zeros)
    return _reduced(out, reduction)


def triplet_margin_with_distance_loss(
    input: Any,
    positive: Any,
    negative: Any,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """max(0, distance(input, positive) - distance(input, negative) + margin); distances must be positive (ValueError).

    distance_function: the Euclidean one by default. `swap` takes the smaller of the distances of `negative` from the other two.
    """
    static_types("triplet_margin_with_distance_loss", "float32 float64", input=input, positive=positive, negative=negative)
    near, far = _triplet_distances(
        "triplet_margin_with_distance_loss",
        input,
        positive,
        negative,
        distance_function or pairwise_distance,
        margin,
        swap,
        reduction,
    )
    for distance in (near, far):
        if not is_symbolic(distance) and not bool((distance._data > 0).all()):
            raise ValueError(
                "triplet_margin_with_distance_loss: every distance must be greater than 0; check distance_function"
            )
    return _reduced(M.clip(near - far + margin, min=0.0), reduction)


def triplet_margin_loss(
    input: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    epsilon: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """max(0, |input - positive| - |input - negative| + margin) with p-norms over the last axis; see `pairwise_distance`."""
    static_types("triplet_margin_loss", "float32 float64", input=input, positive=positive, negative=negative)
    near, far = _triplet_distances(
        "triplet_margin_loss",
        input,
        positive,
        negative,
        lambda a, b: pairwise_distance(a, b, p, epsilon),
        margin,
        swap,
        reduction,
    )
    return _reduced(M.clip(near - far + margin, min=0.0), reduction)


def _triplet_distances(
    what: str,
    input: Any,
    positive: Any,
    negative: Any,
    distance: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> tuple[Any, Any]:
    _check_reduction(reduction, what)
    if margin < 0:
        raise ValueError(f"{what}: margin must not be negative, got {margin}")
    _same_shape(input, positive, f"{what}: input and positive")
    _same_shape(positive, negative, f"{what}: positive and negative")
    near, far = distance(input, positive), distance(input, negative)
    if swap:
        far = M.minimum(far, distance(positive, negative))
    return near, far


# --- sequences


def ctc_loss(
    log_probs: Any,
    labels: Any,
    input_lengths: Any,
    label_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    norm_by_times: bool = False,
) -> Any:
    """Connectionist temporal classification (Graves et al. 2006): -log of the probability of `labels` over all alignments.

    log_probs: [time, batch, classes + 1], not normalized: softmax is taken inside. labels: int32 [batch, longest]; both lengths
    int64 [batch]. A sequence too short for its label has loss 0. The mean is over loss / label length. norm_by_times divides
    the gradient of each sequence by its length. AssertionError for an unknown reduction.
    """
    if reduction not in ("mean", "sum", "none"):
        raise AssertionError(f"ctc_loss: reduction = {reduction!r}; expected 'mean', 'sum' or 'none'")
    attrs = {"blank": int(blank), "norm_by_times": bool(norm_by_times)}
    loss = call(L.warpctc, log_probs, labels, input_lengths, label_lengths, **attrs)
    loss = manipulation.squeeze(loss, [-1])
    if reduction == "mean":
        loss = loss / cast_to(label_lengths, loss.dtype)
    return _reduced(loss, reduction)


def rnnt_loss(
    input: Any,
    label: Any,
    input_lengths: Any,
    label_lengths: Any,
    blank: int = 0,
    fastemit_lambda: float = 0.001,
    reduction: str = "mean",
    name: str | None = None,
) -> Any:
    """Transducer loss (Graves 2012): -log of the probability of `label` over all ways through the grid.

    input: log-probabilities [batch, time, longest label + 1, classes] (apply `log_softmax` first, as for Paddle on CPU). label:
    int32 [batch, longest]; lengths: int32 [batch]. fastemit_lambda makes gradients of emissions larger (Yu et al. 2021).
    """
    if reduction not in ("mean", "sum", "none"):
        raise AssertionError(f"rnnt_loss: reduction = {reduction!r}; expected 'mean', 'sum' or 'none'")
    attrs = {"blank": int(blank), "fastemit_lambda": float(fastemit_lambda)}
    loss = call(L.warprnnt, input, label, input_lengths, label_lengths, **attrs)
    return _reduced(loss, reduction)

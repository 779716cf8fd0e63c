"""Losses. Most give one number per row; `mean` makes one of them."""
from __future__ import annotations

from typing import Any

from ..helper import Helper, run
from .nn import elementwise_sub, reduce_mean
from .ops import square  # type: ignore[attr-defined]
from .tensor import fill_constant

__all__ = [
    "bpr_loss", "center_loss", "cross_entropy", "edit_distance", "hsigmoid", "huber_loss", "kldiv_loss", "log_loss", "margin_rank_loss",
    "mse_loss", "rank_loss", "sigmoid_cross_entropy_with_logits", "softmax_with_cross_entropy", "square_error_cost",
    "teacher_student_sigmoid_loss", "warpctc",
]  # fmt: skip


def cross_entropy(input: Any, label: Any, soft_label: bool = False, ignore_index: int = -100) -> Any:
    """-log of the probability of the label, [n, 1]. input: probabilities (not logits); label: class numbers [n, 1], or
    weights per class with soft_label."""
    if soft_label:
        return run("cross_entropy", input, label, soft_label=True, ignore_index=ignore_index)
    return run("cross_entropy2", input, label, ignore_index=ignore_index)


def softmax_with_cross_entropy(
    logits: Any, label: Any, soft_label: bool = False, ignore_index: int = -100, numeric_stable_mode: bool = True,
    return_softmax: bool = False, axis: int = -1,
) -> Any:  # fmt: skip
    """Cross entropy of softmax(logits); with return_softmax also that."""
    softmax, loss = run(
        "softmax_with_cross_entropy", logits, label, soft_label=soft_label, ignore_index=ignore_index,
        numeric_stable_mode=numeric_stable_mode, axis=axis,
    )  # fmt: skip
    return (loss, softmax) if return_softmax else loss


def square_error_cost(input: Any, label: Any) -> Any:
    """(input - label)²."""
    helper = Helper("square_error_cost")
    return helper("square", helper("elementwise_sub", input, label))


def mse_loss(input: Any, label: Any) -> Any:
    """The mean of (input - label)²."""
    return reduce_mean(square(elementwise_sub(input, label)))


def sigmoid_cross_entropy_with_logits(
    x: Any, label: Any, ignore_index: int = -100, name: str | None = None, normalize: bool = False
) -> Any:
    """Cross entropy of sigmoid(x), element by element; normalize: divided by the number of labels that count."""
    return run("sigmoid_cross_entropy_with_logits", x, label, ignore_index=ignore_index, normalize=normalize, name=name)


def log_loss(input: Any, label: Any, epsilon: float = 1e-4, name: str | None = None) -> Any:
    """-label * log(input + epsilon) - (1 - label) * log(1 - input + epsilon)."""
    return run("log_loss", input, label, epsilon=float(epsilon), name=name)


def huber_loss(input: Any, label: Any, delta: float) -> Any:
    """d² / 2 where |d| <= delta, else delta * (|d| - delta / 2); d = label - input."""
    return run("huber_loss", input, label, delta=float(delta))


def kldiv_loss(x: Any, target: Any, reduction: str = "mean", name: str | None = None) -> Any:
    """target * (log(target) - x), reduced by "mean", "sum", "batchmean" or "none"."""
    return run("kldiv_loss", x, target, reduction=reduction, name=name)


def bpr_loss(input: Any, label: Any, name: str | None = None) -> Any:
    """Bayesian personalised ranking, [n, 1]: the label's score against each other one (Rendle et al. 2009)."""
    return run("bpr_loss", input, label, name=name)


def rank_loss(label: Any, left: Any, right: Any, name: str | None = None) -> Any:
    """log(1 + exp(o)) - label * o, o = left - right (Burges et al. 2005)."""
    return run("rank_loss", label, left, right, name=name)


def margin_rank_loss(label: Any, left: Any, right: Any, margin: float = 0.1, name: str | None = None) -> Any:
    """max(0, -label * (left - right) + margin)."""
    return run("margin_rank_loss", left, right, label, margin=float(margin), name=name)


def teacher_student_sigmoid_loss(
    input: Any, label: Any, soft_max_up_bound: float = 15.0, soft_max_lower_bound: float = -15.0
) -> Any:
    """The loss for distilled click-through rates: a label of a click, a teacher's score, or both."""
    return run(
        "teacher_student_sigmoid_loss", input, label, soft_max_lower_bound=float(soft_max_lower_bound),
        soft_max_up_bound=float(soft_max_up_bound),
    )  # fmt: skip


def center_loss(input: Any, label: Any, num_classes: int, alpha: Any, param_attr: Any, update_center: bool = True) -> Any:
    """Half the squared distance of each row to the centre of its class; the centres follow (Wen et al. 2016)."""
    helper = Helper("center_loss")
    centers = helper.parameter(param_attr, [num_classes, int(input.shape[1])], input.dtype)
    centers.stop_gradient = True
    rate = fill_constant([1], input.dtype, alpha) if isinstance(alpha, (int, float)) else alpha
    return helper("center_loss", input, label, centers, rate, cluster_num=num_classes, need_update=update_center)


def hsigmoid(
    input: Any, label: Any, num_classes: int, param_attr: Any = None, bias_attr: Any = None, name: str | None = None,
    path_table: Any = None, path_code: Any = None, is_custom: bool = False, is_sparse: bool = False,
) -> Any:  # fmt: skip
    """Cross entropy over a binary tree of the classes, [n, 1] (Morin and Bengio 2005)."""
    helper = Helper("hierarchical_sigmoid", name)
    if is_custom and (path_table is None or path_code is None):
        raise ValueError("hsigmoid: is_custom=True needs path_table and path_code")
    nodes = num_classes if is_custom else num_classes - 1
    w = helper.parameter(param_attr, [nodes, int(input.shape[1])], input.dtype)
    b = helper.parameter(bias_attr, [nodes, 1], input.dtype, is_bias=True)
    return helper("hierarchical_sigmoid", input, w, label, path_table, path_code, b, num_classes=num_classes, is_sparse=is_sparse)


def warpctc(
    input: Any, label: Any, blank: int = 0, norm_by_times: bool = False, input_length: Any = None, label_length: Any = None
) -> Any:
    """The CTC loss of logits (softmax happens inside), [sequences, 1]. Padded: [T, B, classes] with both lengths."""
    return run("warpctc", input, label, input_length, label_length, blank=blank, norm_by_times=norm_by_times)


def edit_distance(
    input: Any, label: Any, normalized: bool = True, ignored_tokens: Any = None, input_length: Any = None, label_length: Any = None
) -> tuple[Any, Any]:
    """The edit distance of each pair of sequences, [n, 1] float32, and how many pairs there are."""
    helper = Helper("edit_distance")
    if ignored_tokens:
        input = helper("sequence_erase", input, tokens=[int(t) for t in ignored_tokens])
        label = helper("sequence_erase", label, tokens=[int(t) for t in ignored_tokens])
    count, out = helper("edit_distance", input, label, input_length, label_length, normalized=normalized)
    return out, count

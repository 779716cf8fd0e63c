"""Losses as layers: each keeps the settings of the function of the same name in ``paddle.nn.functional``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dtypes import get_default_dtype
from .. import functional as F
from .layers import Layer

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HSigmoidLoss",
    "HingeEmbeddingLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "RNNTLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _Loss(Layer):
    """Checks `reduction`, as most losses do when they are made."""

    def __init__(self, reduction: str, name: str | None = None) -> None:
        if reduction not in ("sum", "mean", "none"):
            raise ValueError(f"{type(self).__name__}: reduction = {reduction!r}; expected 'mean', 'sum' or 'none'")
        super().__init__()
        self.reduction, self.name = reduction, name


class CrossEntropyLoss(Layer):
    """-log of the probability that softmax(input) gives to the label; see `functional.cross_entropy`."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        soft_label: bool = False,
        axis: int = -1,
        use_softmax: bool = True,
        label_smoothing: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.weight, self.ignore_index, self.reduction, self.soft_label = weight, ignore_index, reduction, soft_label
        self.axis, self.use_softmax, self.label_smoothing, self.name = axis, use_softmax, label_smoothing, name

    def forward(self, input: Any, label: Any) -> Any:
        return F.cross_entropy(
            input,
            label,
            self.weight,
            self.ignore_index,
            self.reduction,
            self.soft_label,
            self.axis,
            self.use_softmax,
            self.label_smoothing,
        )


class NLLLoss(_Loss):
    """The negative of log-probabilities at the labels; see `functional.nll_loss`."""

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", name: str | None = None
    ) -> None:
        super().__init__(reduction, name)
        self._weight, self._ignore_index = weight, ignore_index

    def forward(self, input: Any, label: Any) -> Any:
        return F.nll_loss(input, label, self._weight, self._ignore_index, self.reduction)


class BCELoss(_Loss):
    """Cross entropy of probabilities of two classes; see `functional.binary_cross_entropy`."""

    def __init__(self, weight: Any = None, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__(reduction, name)
        self.weight = weight

    def forward(self, input: Any, label: Any) -> Any:
        return F.binary_cross_entropy(input, label, self.weight, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of the sigmoid of the input; see `functional.binary_cross_entropy_with_logits`."""

    def __init__(
        self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None, name: str | None = None
    ) -> None:
        super().__init__(reduction, name)
        self.weight, self.pos_weight = weight, pos_weight

    def forward(self, logit: Any, label: Any) -> Any:
        return F.binary_cross_entropy_with_logits(logit, label, self.weight, self.reduction, self.pos_weight)


class HSigmoidLoss(Layer):
    """Loss of a binary tree of sigmoids; see `functional.hsigmoid_loss`.

    weight: [num_classes - 1, feature_size], bias: [num_classes - 1, 1]; num_classes rows with `is_custom`, which asks for
    path_table and path_code in the call. ValueError for fewer than 2 classes.
    """

    def __init__(
        self,
        feature_size: int,
        num_classes: int,
        weight_attr: Any = None,
        bias_attr: Any = None,
        is_custom: bool = False,
        is_sparse: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if num_classes < 2 and not is_custom:
            raise ValueError(f"HSigmoidLoss: num_classes must be at least 2, got {num_classes}")
        self._feature_size, self._num_classes, self._is_custom, self._is_sparse = (
            feature_size,
            num_classes,
            is_custom,
            is_sparse and is_custom,
        )
        self._weight_attr, self._bias_attr, self._name = weight_attr, bias_attr, name
        self._dtype = get_default_dtype()
        rows = num_classes if is_custom else num_classes - 1
        self.weight = self.create_parameter([rows, feature_size], weight_attr, self._dtype)
        self.bias = self.create_parameter([rows, 1], bias_attr, self._dtype, is_bias=True)

    def forward(self, input: Any, label: Any, path_table: Any = None, path_code: Any = None) -> Any:
        return F.hsigmoid_loss(
            input, label, self._num_classes, self.weight, self.bias, path_table, path_code, self._is_sparse
        )


class MSELoss(_Loss):
    """(input - label)^2."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, label: Any) -> Any:
        return F.mse_loss(input, label, self.reduction)


class L1Loss(_Loss):
    """|input - label|."""

    def __init__(self, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__(reduction, name)

    def forward(self, input: Any, label: Any) -> Any:
        return F.l1_loss(input, label, self.reduction)


class SmoothL1Loss(Layer):
    """Squared near 0, linear beyond `delta`; see `functional.smooth_l1_loss`."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0, name: str | None = None) -> None:
        super().__init__()
        self.reduction, self.delta, self.name = reduction, delta, name

    def forward(self, input: Any, label: Any) -> Any:
        return F.smooth_l1_loss(input, label, self.reduction, self.delta)


class KLDivLoss(Layer):
    """label * (log(label) - input); see `functional.kl_div`."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Any, label: Any) -> Any:
        return F.kl_div(input, label, self.reduction)


class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of counts; see `functional.poisson_nll_loss`."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        epsilon: float = 1e-8,
        reduction: str = "mean",
        name: str | None = None,
    ) -> None:
        if epsilon <= 0:
            raise ValueError(f"PoissonNLLLoss: epsilon must be positive, got {epsilon}")
        super().__init__(reduction, name)
        self._log_input, self._full, self._epsilon = log_input, full, epsilon

    def forward(self, input: Any, label: Any) -> Any:
        return F.poisson_nll_loss(input, label, self._log_input, self._full, self._epsilon, self.reduction)


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood under normal distributions; see `functional.gaussian_nll_loss`."""

    def __init__(
        self, full: bool = False, epsilon: float = 1e-6, reduction: str = "mean", name: str | None = None
    ) -> None:
        super().__init__(reduction, name)
        self.full, self.epsilon = full, epsilon

    def forward(self, input: Any, label: Any, variance: Any) -> Any:
        return F.gaussian_nll_loss(input, label, variance, self.full, self.epsilon, self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -label * (input - other) + margin)."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__(reduction, name)
        self.margin = margin

    def forward(self, input: Any, other: Any, label: Any) -> Any:
        return F.margin_ranking_loss(input, other, label, self.margin, self.reduction)


class HingeEmbeddingLoss(Layer):
    """The input where the label is 1, max(0, margin - input) where it is -1."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__()
        self.margin, self.reduction, self.name = margin, reduction, name

    def forward(self, input: Any, label: Any) -> Any:
        return F.hinge_embedding_loss(input, label, self.margin, self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos where the label is 1, max(0, cos - margin) where it is -1. ValueError for a margin outside of [-1, 1]."""

    def __init__(self, margin: float = 0, reduction: str = "mean", name: str | None = None) -> None:
        if margin > 1 or margin < -1:
            raise ValueError(f"CosineEmbeddingLoss: margin must be in [-1, 1], got {margin}")
        super().__init__(reduction, name)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, label: Any) -> Any:
        return F.cosine_embedding_loss(input1, input2, label, self.margin, self.reduction)


class TripletMarginWithDistanceLoss(_Loss):
    """max(0, distance(input, positive) - distance(input, negative) + margin)."""

    def __init__(
        self,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.distance_function, self.margin, self.swap = distance_function, margin, swap

    def forward(self, input: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_with_distance_loss(
            input, positive, negative, self.distance_function, self.margin, self.swap, self.reduction
        )


class TripletMarginLoss(_Loss):
    """`TripletMarginWithDistanceLoss` with p-norms; see `functional.triplet_margin_loss`."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        epsilon: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.margin, self.p, self.epsilon, self.swap = margin, p, epsilon, swap

    def forward(self, input: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_loss(
            input, positive, negative, self.margin, self.p, self.epsilon, self.swap, self.reduction
        )


class SoftMarginLoss(_Loss):
    """log(1 + exp(-label * input))."""

    def __init__(self, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__(reduction, name)

    def forward(self, input: Any, label: Any) -> Any:
        return F.soft_margin_loss(input, label, self.reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """Binary cross entropy of the sigmoid, averaged over classes; see `functional.multi_label_soft_margin_loss`."""

    def __init__(self, weight: Any = None, reduction: str = "mean", name: str | None = None) -> None:
        super().__init__(reduction, name)
        self.weight = weight

    def forward(self, input: Any, label: Any) -> Any:
        return F.multi_label_soft_margin_loss(input, label, self.weight, self.reduction)


class MultiMarginLoss(_Loss):
    """max(0, margin - x[right] + x[class])^p, averaged over classes; see `functional.multi_margin_loss`."""

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean", name: str | None = None
    ) -> None:
        super().__init__(reduction, name)
        self.p, self.margin, self.weight = p, margin, weight

    def forward(self, input: Any, label: Any) -> Any:
        return F.multi_margin_loss(input, label, self.p, self.margin, self.weight, self.reduction)


class CTCLoss(Layer):
    """-log of the probability of a label over all alignments; see `functional.ctc_loss`."""

    def __init__(self, blank: int = 0, reduction: str = "mean") -> None:
        super().__init__()
        self.blank, self.reduction = blank, reduction

    def forward(
        self, log_probs: Any, labels: Any, input_lengths: Any, label_lengths: Any, norm_by_times: bool = False
    ) -> Any:
        return F.ctc_loss(
            log_probs, labels, input_lengths, label_lengths, self.blank, self.reduction, norm_by_times=norm_by_times
        )


class RNNTLoss(Layer):
    """Transducer loss of log-probabilities; see `functional.rnnt_loss`."""

    def __init__(
        self, blank: int = 0, fastemit_lambda: float = 0.001, reduction: str = "mean", name: str | None = None
    ) -> None:
        super().__init__()
        self.blank, self.fastemit_lambda, self.reduction, self.name = blank, fastemit_lambda, reduction, name

    def forward(self, input: Any, label: Any, input_lengths: Any, label_lengths: Any) -> Any:
        return F.rnnt_loss(input, label, input_lengths, label_lengths, self.blank, self.fastemit_lambda, self.reduction)

"""Which operators run in half precision (white) and which must not (black), as in Paddle 2.6.2."""

from __future__ import annotations

__all__ = ["black_list", "white_list"]

WHITE = {
    "conv2d", "einsum", "matmul", "matmul_v2", "max_pool2d_with_index", "mul", "fused_gemm_epilogue",
}  # fmt: skip
BLACK = {
    "tan", "acos", "asin", "sinh", "cosh", "atanh", "tanh_shrink", "erfinv", "exp", "expm1", "log", "log10", "log2",
    "reciprocal", "rsqrt", "pow", "square", "reduce_sum", "mean", "reduce_mean", "reduce_prod", "cumprod", "cumsum",
    "dist", "p_norm", "pnorm", "frobenius_norm", "renorm", "group_norm", "layer_norm", "softmax", "softmin", "softplus",
    "log_softmax", "softmax_with_cross_entropy", "sigmoid_cross_entropy_with_logits", "cross_entropy", "cross_entropy2",
    "nll_loss", "huber_loss", "triplet_margin_loss", "log_loss", "hsigmoid_loss", "margin_cross_entropy",
}  # fmt: skip
SLOW_OR_INEXACT = {
    "linear_interp_v2", "nearest_interp_v2", "bilinear_interp_v2", "bicubic_interp_v2", "trilinear_interp_v2",
    "lookup_table", "lookup_table_v2", "scatter",
}  # fmt: skip

_LEVELS = ("OD", "O1", "O2")
_TYPES = ("float16", "bfloat16")


def white_list() -> dict[str, dict[str, set[str]]]:
    """Operators computed in half precision, by dtype and level."""
    return {dtype: {level: set(WHITE) for level in _LEVELS} for dtype in _TYPES}


def black_list() -> dict[str, dict[str, set[str]]]:
    """Operators computed in float32, by dtype and level."""
    by_level = {"OD": set(), "O1": BLACK | SLOW_OR_INEXACT, "O2": SLOW_OR_INEXACT}
    return {dtype: {level: set(by_level[level]) for level in _LEVELS} for dtype in _TYPES}

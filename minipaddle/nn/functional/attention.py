"""``paddle.nn.functional``: attention (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...errors import NotSupportedError
from ...ops import activation as A
from ...tensor import creation, linalg, manipulation, search
from ...tensor import math as M
from ...tensor.operators import cast_to
from .activation import softmax
from .common import dropout

__all__ = ["scaled_dot_product_attention", "sparse_attention"]


def attention_weights(
    query: Any, key: Any, attn_mask: Any, scale: float, is_causal: bool, dropout_p: float, training: bool
) -> Any:
    """softmax(query * scale @ key^T + mask) with dropout; query [batch, heads, n, width], key [batch, heads, m, width]."""
    scores = linalg.matmul(M.scale(query, scale=scale), key, transpose_y=True)
    n, m = spec_of(scores).shape[-2:]
    if is_causal and attn_mask is None and (n == m or -1 in (n, m)):
        weights = call(A.fused_softmax_mask_upper_triangle, scores)
    else:
        if attn_mask is not None:
            scores = scores + additive_mask(attn_mask, scores.dtype)
        if is_causal:  # row i of n sees the columns up to i + m - n: the last rows belong together
            future = creation.triu(creation.full([n, m], float("-inf"), scores.dtype), diagonal=m - n + 1)
            scores = scores + future
        weights = softmax(scores)
    return dropout(weights, dropout_p, training=training, mode="upscale_in_train") if dropout_p else weights


def additive_mask(attn_mask: Any, dtype: Any) -> Any:
    """A mask to add to scores: bool masks say where to look, floating ones are added as they are."""
    if attn_mask.dtype.name == "bool":
        zeros = creation.zeros_like(attn_mask, dtype)
        return search.where(attn_mask, zeros, creation.full_like(zeros, float("-inf")))
    return cast_to(attn_mask, dtype)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    training: bool = True,
    name: str | None = None,
) -> Any:
    """softmax(query @ key^T / sqrt(width)) @ value per head; all are [batch, length, heads, width], so is the result.

    attn_mask: added to the scores [batch, heads, query length, key length] if floating, or bool, False where not to look.
    is_causal: each query sees keys up to its own place. ValueError unless the inputs have 4 dimensions.
    """
    for what, t in (("query", query), ("key", key), ("value", value)):
        if spec_of(t).ndim != 4:
            raise ValueError(
                f"scaled_dot_product_attention: {what} must be [batch, length, heads, width], got {list(spec_of(t).shape)}"
            )
    if spec_of(query).shape[-1] < 1:
        raise ValueError(
            f"scaled_dot_product_attention: the width of the heads must be known, got query {list(spec_of(query).shape)}"
        )
    q, k, v = (manipulation.transpose(t, [0, 2, 1, 3]) for t in (query, key, value))
    scale = float(spec_of(query).shape[-1]) ** -0.5
    weights = attention_weights(q, k, attn_mask, scale, is_causal, dropout_p, training)
    return manipulation.transpose(linalg.matmul(weights, v), [0, 2, 1, 3])


def sparse_attention(
    query: Any,
    key: Any,
    value: Any,
    sparse_csr_offset: Any,
    sparse_csr_columns: Any,
    key_padding_mask: Any = None,
    attn_mask: Any = None,
    name: str | None = None,
) -> Any:
    """NotSupportedError: attention over given places only; use `scaled_dot_product_attention` with a mask."""
    raise NotSupportedError(
        "sparse_attention is not supported (in Paddle it needs a GPU); use scaled_dot_product_attention with attn_mask, "
        "a bool tensor that is True at the wanted places"
    )

"""Attention and transformers: formulas, masks, caches, attributes."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn


def randn(*shape, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v, mask=None):
    """[batch, length, heads, width], written out."""
    scores = np.einsum("bnhd,bmhd->bhnm", q, k) / np.sqrt(q.shape[-1])
    return np.einsum("bhnm,bmhd->bnhd", softmax(scores if mask is None else scores + mask), v)


@pytest.mark.parametrize("mask", [None, "bool", "float", "causal"])
def test_scaled_dot_product_attention(mask):
    q, k, v = randn(2, 4, 3, 5), randn(2, 4, 3, 5, seed=1), randn(2, 4, 3, 5, seed=2)
    see = np.tri(4, dtype=bool)
    added = np.where(see, 0, -np.inf).astype("float32")
    given = {"bool": see[None, None], "float": added[None, None]}.get(mask)
    got = F.scaled_dot_product_attention(
        q, k, v, attn_mask=None if given is None else paddle.to_tensor(given), is_causal=mask == "causal"
    )
    wanted = attention(q.numpy(), k.numpy(), v.numpy(), None if mask is None else added)
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_causal_attention_with_longer_keys_ends_together():
    q, k, v = randn(1, 2, 1, 3), randn(1, 4, 1, 3, seed=1), randn(1, 4, 1, 3, seed=2)
    got = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    mask = np.where(np.tri(2, 4, 2, dtype=bool), 0, -np.inf)
    np.testing.assert_allclose(got.numpy(), attention(q.numpy(), k.numpy(), v.numpy(), mask), rtol=1e-4, atol=1e-5)


def test_sparse_attention_says_what_to_use():
    with pytest.raises(NotImplementedError, match="scaled_dot_product_attention"):
        F.sparse_attention(None, None, None, None, None)


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_multi_head_attention_masks(dtype):
    layer = nn.MultiHeadAttention(8, 2, kdim=6, vdim=5, need_weights=True)
    see = np.array([[1, 1, 0, 1]] * 3)
    mask = paddle.to_tensor((see - 1) * 1e9, "float32") if dtype == "float32" else paddle.to_tensor(see.astype(dtype))
    out, weights = layer(randn(2, 3, 8), randn(2, 4, 6), randn(2, 4, 5), mask)
    assert out.shape == [2, 3, 8] and weights.shape == [2, 2, 3, 4]
    assert not weights.numpy()[..., 2].any()
    np.testing.assert_allclose(weights.numpy().sum(-1), 1, rtol=1e-5)


def test_caches_give_the_same_as_the_whole_sequence():
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
    decoder.eval()
    tgt, memory = randn(2, 4, 8), randn(2, 3, 8, seed=1)
    mask = nn.Transformer(8, 2, 1, 1, 8).generate_square_subsequent_mask(4)
    whole = decoder(tgt, memory, tgt_mask=mask).numpy()
    cache, parts = decoder.gen_cache(memory), []
    for i in range(4):
        part, cache = decoder(tgt[:, i : i + 1], memory, cache=cache)
        parts.append(part.numpy())
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-4, atol=1e-5)
    assert cache[0][0].k.shape == [2, 2, 4, 4]
    assert len(decoder.gen_cache(memory, do_zip=True)) == 2


@pytest.mark.parametrize("normalize_before", [False, True])
def test_transformer_trains(normalize_before):
    net = nn.Transformer(8, 2, 2, 1, 16, normalize_before=normalize_before)
    out = net(randn(2, 3, 8), randn(2, 5, 8, seed=1))
    assert out.shape == [2, 5, 8]
    (out * randn(2, 5, 8, seed=2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert len({id(p) for p in net.parameters()}) == len(net.parameters())


def test_traced_encoder_of_any_length():
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, nn.LayerNorm(8))
    net.eval()
    wanted = {n: net(randn(2, n, 8)).numpy() for n in (3, 5)}
    traced = paddle.jit.to_static(net, input_spec=[paddle.static.InputSpec([None, None, 8])])
    for n, value in wanted.items():
        np.testing.assert_allclose(traced(randn(2, n, 8)).numpy(), value, rtol=1e-5, atol=1e-6)


def test_attributes_of_parameters():
    layer = nn.TransformerEncoderLayer(8, 2, 16, weight_attr=paddle.ParamAttr(name="w"), bias_attr=False)
    assert layer.self_attn.q_proj.bias is None and layer.linear1.bias is None
    layer = nn.TransformerDecoderLayer(8, 2, 16, bias_attr=[None, False, None])
    assert layer.cross_attn.q_proj.bias is None and layer.self_attn.q_proj.bias is not None
    with pytest.raises(AssertionError, match="3 attributes"):
        nn.TransformerDecoderLayer(8, 2, 16, weight_attr=[None, None])


def test_size_errors():
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiHeadAttention(7, 2)
    with pytest.raises(AssertionError, match="nhead"):
        nn.Transformer(8, 0)
    with pytest.raises(ValueError, match="query"):
        F.scaled_dot_product_attention(randn(2, 3, 4), randn(2, 3, 4), randn(2, 3, 4))

"""Transformers (Vaswani et al. 2017): attention with several heads, encoders and decoders."""

from __future__ import annotations

import collections
import copy
from typing import Any

import numpy as np

from ...dtypes import get_default_dtype
from ...tensor import creation, linalg, manipulation
from ...tensor import math as M
from ...tensor.operators import cast_to
from .. import functional as F
from ..param_attr import ParamAttr
from .common import Dropout, Linear
from .container import LayerList
from .layers import Layer
from .norm import LayerNorm

__all__ = [
    "MultiHeadAttention",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _attrs(attr: Any, count: int, what: str) -> list[Any]:
    """One parameter attribute per sublayer: a list is taken as it is, a single one copied with numbered names."""
    if isinstance(attr, (list, tuple)):
        if len(attr) != count:
            raise AssertionError(f"{what} must hold {count} attributes when it is a list, got {len(attr)}")
        return [ParamAttr._to_attr(a) for a in attr]
    made = ParamAttr._to_attr(attr)
    if made is False:
        return [False] * count
    copies = [copy.deepcopy(made) for _ in range(count)]
    for number, one in enumerate(copies):
        if one.name:
            one.name = f"{one.name}_{number}"
    return copies


def _mask(attn_mask: Any, dtype: Any) -> Any:
    """A mask to add to scores: bool and integer masks are 1 where to look; -1e9 goes elsewhere. Floating ones stay."""
    if attn_mask is None or attn_mask.dtype is dtype:
        return attn_mask
    if attn_mask.dtype.is_floating:
        return cast_to(attn_mask, dtype)
    return (cast_to(attn_mask, dtype) - 1.0) * 1e9


def _check_sizes(**sizes: int) -> None:
    for name, n in sizes.items():
        if n <= 0:
            raise AssertionError(f"{name} must be greater than 0, got {n}")


class MultiHeadAttention(Layer):
    """Attention with `num_heads` heads: query [batch, n, embed_dim], key [batch, m, kdim], value [batch, m, vdim].

    The result is [batch, n, embed_dim], with `need_weights` also the weights [batch, num_heads, n, m], and the new cache when
    one is given. attn_mask broadcasts to the weights: floating is added, bool or integer is 1 where to look.
    AssertionError unless embed_dim is a multiple of num_heads.
    """

    Cache = collections.namedtuple("Cache", ["k", "v"])  # grows with every call
    StaticCache = collections.namedtuple("StaticCache", ["k", "v"])  # projections of a memory that stays

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        kdim: int | None = None,
        vdim: int | None = None,
        need_weights: bool = False,
        weight_attr: Any = None,
        bias_attr: Any = None,
    ) -> None:
        super().__init__()
        _check_sizes(embed_dim=embed_dim, num_heads=num_heads)
        self.embed_dim, self.num_heads, self.dropout, self.need_weights = embed_dim, num_heads, dropout, need_weights
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self.q_proj = Linear(embed_dim, embed_dim, weight_attr, bias_attr=bias_attr)
        self.k_proj = Linear(self.kdim, embed_dim, weight_attr, bias_attr=bias_attr)
        self.v_proj = Linear(self.vdim, embed_dim, weight_attr, bias_attr=bias_attr)
        self.out_proj = Linear(embed_dim, embed_dim, weight_attr, bias_attr=bias_attr)

    def _heads(self, x: Any) -> Any:
        """[batch, n, embed_dim] as [batch, num_heads, n, head_dim]."""
        return manipulation.transpose(manipulation.reshape(x, [0, 0, self.num_heads, self.head_dim]), [0, 2, 1, 3])

    def compute_kv(self, key: Any, value: Any) -> tuple[Any, Any]:
        """Projected key and value, [batch, num_heads, m, head_dim]."""
        return self._heads(self.k_proj(key)), self._heads(self.v_proj(value))

    def gen_cache(self, key: Any, value: Any = None, type: Any = Cache) -> Any:
        """A StaticCache of the projections of `key` and `value`, an empty Cache for the batch of `key`, or one that holds both."""
        if type is MultiHeadAttention.StaticCache:
            return self.StaticCache(*self.compute_kv(key, value))
        if value is not None:
            return self.Cache(key, value)
        shape = [key.shape[0], self.num_heads, 0, self.head_dim]
        return self.Cache(creation.full(shape, 0, key.dtype), creation.full(shape, 0, key.dtype))

    def forward(self, query: Any, key: Any = None, value: Any = None, attn_mask: Any = None, cache: Any = None) -> Any:
        key = query if key is None else key
        value = query if value is None else value
        q = self._heads(self.q_proj(query))
        k, v = (cache.k, cache.v) if isinstance(cache, self.StaticCache) else self.compute_kv(key, value)
        if isinstance(cache, self.Cache):
            k, v = manipulation.concat([cache.k, k], axis=2), manipulation.concat([cache.v, v], axis=2)
            cache = self.Cache(k, v)
        scores = linalg.matmul(M.scale(q, scale=self.head_dim**-0.5), k, transpose_y=True)
        if attn_mask is not None:
            scores = scores + _mask(attn_mask, scores.dtype)
        weights = F.softmax(scores)
        if self.dropout:
            weights = F.dropout(weights, self.dropout, training=self.training, mode="upscale_in_train")
        out = manipulation.transpose(linalg.matmul(weights, v), [0, 2, 1, 3])
        out = self.out_proj(manipulation.reshape(out, [0, 0, self.embed_dim]))
        outs = [out, *([weights] if self.need_weights else []), *([cache] if cache is not None else [])]
        return out if len(outs) == 1 else tuple(outs)


class _Block(Layer):
    """What encoder and decoder layers share: dropout and normalization around each part, and the feed-forward network."""

    normalize_before: bool

    def _around(self, x: Any, residual: Any, dropout: Layer, norm: Layer) -> Any:
        x = residual + dropout(x)
        return x if self.normalize_before else norm(x)

    def _fed_forward(self, x: Any, dropout: Layer, norm: Layer) -> Any:
        residual = x
        x = norm(x) if self.normalize_before else x
        return self._around(self.linear2(self.dropout(self.activation(self.linear1(x)))), residual, dropout, norm)


class TransformerEncoderLayer(_Block):
    """Self-attention, then a network of two linear layers, each with dropout, residual connection and layer normalization.

    activation: name of a function in ``nn.functional``. normalize_before: normalization comes first in each part.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float = 0.1,
        activation: str = "relu",
        attn_dropout: float | None = None,
        act_dropout: float | None = None,
        normalize_before: bool = False,
        weight_attr: Any = None,
        bias_attr: Any = None,
    ) -> None:
        config = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__()
        self._config = config  # for making further layers of the same kind
        _check_sizes(d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward)
        attn_dropout = dropout if attn_dropout is None else attn_dropout
        act_dropout = dropout if act_dropout is None else act_dropout
        self.normalize_before = normalize_before
        weights, biases = _attrs(weight_attr, 2, "weight_attr"), _attrs(bias_attr, 2, "bias_attr")
        self.self_attn = MultiHeadAttention(
            d_model, nhead, dropout=attn_dropout, weight_attr=weights[0], bias_attr=biases[0]
        )
        self.linear1 = Linear(d_model, dim_feedforward, weights[1], bias_attr=biases[1])
        self.dropout = Dropout(act_dropout, mode="upscale_in_train")
        self.linear2 = Linear(dim_feedforward, d_model, weights[1], bias_attr=biases[1])
        self.norm1, self.norm2 = LayerNorm(d_model), LayerNorm(d_model)
        self.dropout1 = Dropout(dropout, mode="upscale_in_train")
        self.dropout2 = Dropout(dropout, mode="upscale_in_train")
        self.activation = getattr(F, activation)

    def forward(self, src: Any, src_mask: Any = None, cache: Any = None) -> Any:
        """src: [batch, n, d_model]; with a cache (src, new cache) comes back."""
        src_mask, residual = _mask(src_mask, src.dtype), src
        if self.normalize_before:
            src = self.norm1(src)
        found = self.self_attn(src, src, src, src_mask, *(() if cache is None else (cache,)))
        src, new_cache = found if cache is not None else (found, None)
        src = self._around(src, residual, self.dropout1, self.norm1)
        src = self._fed_forward(src, self.dropout2, self.norm2)
        return src if cache is None else (src, new_cache)

    def gen_cache(self, src: Any) -> Any:
        """An empty cache for the batch of `src`."""
        return self.self_attn.gen_cache(src, type=self.self_attn.Cache)


class TransformerEncoder(Layer):
    """`num_layers` layers like `encoder_layer`, the first being that one, and `norm` at the end if given."""

    def __init__(self, encoder_layer: Any, num_layers: int, norm: Any = None) -> None:
        super().__init__()
        self.layers = LayerList(_alike(encoder_layer, num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, src: Any, src_mask: Any = None, cache: Any = None) -> Any:
        """src: [batch, n, d_model]; cache: one per layer, then (output, new caches) comes back."""
        src_mask, new_caches = _mask(src_mask, src.dtype), []
        for number, layer in enumerate(self.layers):
            if cache is None:
                src = layer(src, src_mask=src_mask)
            else:
                src, new_cache = layer(src, src_mask=src_mask, cache=cache[number])
                new_caches.append(new_cache)
        if self.norm is not None:
            src = self.norm(src)
        return src if cache is None else (src, new_caches)

    def gen_cache(self, src: Any) -> list[Any]:
        """Empty caches for the batch of `src`, one per layer."""
        return [layer.gen_cache(src) for layer in self.layers]


def _alike(layer: Any, count: int) -> list[Any]:
    return [layer if number == 0 else type(layer)(**layer._config) for number in range(count)]


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to a memory, then a feed-forward network; arguments as in `TransformerEncoderLayer`."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float = 0.1,
        activation: str = "relu",
        attn_dropout: float | None = None,
        act_dropout: float | None = None,
        normalize_before: bool = False,
        weight_attr: Any = None,
        bias_attr: Any = None,
    ) -> None:
        config = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__()
        self._config = config
        _check_sizes(d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward)
        attn_dropout = dropout if attn_dropout is None else attn_dropout
        act_dropout = dropout if act_dropout is None else act_dropout
        self.normalize_before = normalize_before
        weights, biases = _attrs(weight_attr, 3, "weight_attr"), _attrs(bias_attr, 3, "bias_attr")
        self.self_attn = MultiHeadAttention(
            d_model, nhead, dropout=attn_dropout, weight_attr=weights[0], bias_attr=biases[0]
        )
        self.cross_attn = MultiHeadAttention(
            d_model, nhead, dropout=attn_dropout, weight_attr=weights[1], bias_attr=biases[1]
        )
        self.linear1 = Linear(d_model, dim_feedforward, weights[2], bias_attr=biases[2])
        self.dropout = Dropout(act_dropout, mode="upscale_in_train")
        self.linear2 = Linear(dim_feedforward, d_model, weights[2], bias_attr=biases[2])
        self.norm1, self.norm2, self.norm3 = LayerNorm(d_model), LayerNorm(d_model), LayerNorm(d_model)
        self.dropout1 = Dropout(dropout, mode="upscale_in_train")
        self.dropout2 = Dropout(dropout, mode="upscale_in_train")
        self.dropout3 = Dropout(dropout, mode="upscale_in_train")
        self.activation = getattr(F, activation)

    def forward(self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, cache: Any = None) -> Any:
        """tgt: [batch, n, d_model]; memory: [batch, m, d_model]; cache: (Cache, StaticCache), then (tgt, new pair) comes back."""
        tgt_mask, memory_mask = _mask(tgt_mask, tgt.dtype), _mask(memory_mask, memory.dtype)
        own, other = (None, None) if cache is None else cache
        residual = tgt
        if self.normalize_before:
            tgt = self.norm1(tgt)
        found = self.self_attn(tgt, tgt, tgt, tgt_mask, *(() if own is None else (own,)))
        tgt, own = found if cache is not None else (found, None)
        tgt = self._around(tgt, residual, self.dropout1, self.norm1)
        residual = tgt
        if self.normalize_before:
            tgt = self.norm2(tgt)
        found = self.cross_attn(tgt, memory, memory, memory_mask, *(() if other is None else (other,)))
        tgt, other = found if cache is not None else (found, None)
        tgt = self._around(tgt, residual, self.dropout2, self.norm2)
        tgt = self._fed_forward(tgt, self.dropout3, self.norm3)
        return tgt if cache is None else (tgt, (own, other))

    def gen_cache(self, memory: Any) -> tuple[Any, Any]:
        """An empty cache for the batch of `memory`, and the projections of `memory`."""
        own = self.self_attn.gen_cache(memory, type=self.self_attn.Cache)
        return own, self.cross_attn.gen_cache(memory, memory, type=self.cross_attn.StaticCache)


class TransformerDecoder(Layer):
    """`num_layers` layers like `decoder_layer`, the first being that one, and `norm` at the end if given."""

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Any = None) -> None:
        super().__init__()
        self.layers = LayerList(_alike(decoder_layer, num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, cache: Any = None) -> Any:
        """See `TransformerDecoderLayer`; cache: one pair per layer, then (output, new caches) comes back."""
        tgt_mask, memory_mask = _mask(tgt_mask, tgt.dtype), _mask(memory_mask, memory.dtype)
        new_caches = []
        for number, layer in enumerate(self.layers):
            if cache is None:
                tgt = layer(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, cache=None)
            else:
                tgt, new_cache = layer(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, cache=cache[number])
                new_caches.append(new_cache)
        if self.norm is not None:
            tgt = self.norm(tgt)
        return tgt if cache is None else (tgt, new_caches)

    def gen_cache(self, memory: Any, do_zip: bool = False) -> list[Any]:
        """Caches per layer; with `do_zip` two tuples, one of each kind."""
        caches = [layer.gen_cache(memory) for layer in self.layers]
        return list(zip(*caches)) if do_zip else caches


class Transformer(Layer):
    """Encoder and decoder; `custom_encoder` and `custom_decoder` replace them. Attribute lists have 1, 2 or 3 entries:

    one for all; one for attention and one for the feed-forward network; or self-attention, cross-attention, feed-forward.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        attn_dropout: float | None = None,
        act_dropout: float | None = None,
        normalize_before: bool = False,
        weight_attr: Any = None,
        bias_attr: Any = None,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
    ) -> None:
        super().__init__()
        _check_sizes(d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward)
        encoder_weights, decoder_weights = _divided(weight_attr, "weight_attr")
        encoder_biases, decoder_biases = _divided(bias_attr, "bias_attr")
        common = (d_model, nhead, dim_feedforward, dropout, activation, attn_dropout, act_dropout, normalize_before)
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*common, encoder_weights, encoder_biases)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, LayerNorm(d_model))
        self.encoder = custom_encoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*common, decoder_weights, decoder_biases)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, LayerNorm(d_model))
        self.decoder = custom_decoder
        self.d_model, self.nhead = d_model, nhead

    def forward(self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None) -> Any:
        """src: [batch, n, d_model]; tgt: [batch, m, d_model], the shape of the result."""
        memory = self.encoder(src, src_mask=_mask(src_mask, src.dtype))
        masks = {"tgt_mask": _mask(tgt_mask, tgt.dtype), "memory_mask": _mask(memory_mask, memory.dtype)}
        return self.decoder(tgt, memory, **masks)

    def generate_square_subsequent_mask(self, length: int) -> Any:
        """A mask [length, length] with -inf above the diagonal: each place sees itself and those before."""
        return creation.triu(creation.full([length, length], -np.inf, dtype=get_default_dtype()), 1)


def _divided(attr: Any, what: str) -> tuple[Any, Any]:
    """Attributes for an encoder layer (2) and for a decoder layer (3)."""
    if not isinstance(attr, (list, tuple)):
        return attr, attr
    if len(attr) not in (1, 2, 3):
        raise AssertionError(f"{what} must hold 1, 2 or 3 attributes when it is a list, got {len(attr)}")
    first, last = attr[0], attr[-1]
    return [first, last], [first, attr[1] if len(attr) == 3 else first, last]

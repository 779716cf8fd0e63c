"""Small networks out of layers."""
from __future__ import annotations

from typing import Any

from . import layers

__all__ = ["glu", "img_conv_group", "scaled_dot_product_attention", "sequence_conv_pool", "simple_img_conv_pool"]


def simple_img_conv_pool(
    input: Any, num_filters: int, filter_size: Any, pool_size: Any, pool_stride: Any, pool_padding: Any = 0, pool_type: str = "max",
    global_pooling: bool = False, conv_stride: Any = 1, conv_padding: Any = 0, conv_dilation: Any = 1, conv_groups: int = 1,
    param_attr: Any = None, bias_attr: Any = None, act: str | None = None, use_cudnn: bool = True,
) -> Any:  # fmt: skip
    """A convolution, then pooling."""
    out = layers.conv2d(
        input, num_filters, filter_size, conv_stride, conv_padding, conv_dilation, conv_groups, param_attr, bias_attr, use_cudnn, act
    )
    return layers.pool2d(out, pool_size, pool_type, pool_stride, pool_padding, global_pooling, use_cudnn)


def img_conv_group(
    input: Any, conv_num_filter: Any, pool_size: Any, conv_padding: Any = 1, conv_filter_size: Any = 3, conv_act: str | None = None,
    param_attr: Any = None, conv_with_batchnorm: Any = False, conv_batchnorm_drop_rate: Any = 0.0, pool_stride: Any = 1,
    pool_type: str = "max", use_cudnn: bool = True,
) -> Any:  # fmt: skip
    """Several convolutions, each with batch normalisation and dropout if wanted, then pooling."""
    count = len(conv_num_filter)

    def each(value: Any) -> list[Any]:
        return list(value) if isinstance(value, (list, tuple)) else [value] * count

    out = input
    rows = zip(
        conv_num_filter, each(conv_padding), each(conv_filter_size), each(param_attr), each(conv_with_batchnorm),
        each(conv_batchnorm_drop_rate), strict=True,
    )  # fmt: skip
    for filters, padding, size, attr, normalise, drop in rows:
        out = layers.conv2d(
            out, filters, size, padding=padding, param_attr=attr, act=None if normalise else conv_act, use_cudnn=use_cudnn
        )
        if normalise:
            out = layers.batch_norm(out, act=conv_act)
            if abs(drop) > 1e-5:
                out = layers.dropout(out, drop)
    return layers.pool2d(out, pool_size, pool_type, pool_stride, use_cudnn=use_cudnn)


def sequence_conv_pool(
    input: Any, num_filters: int, filter_size: int, param_attr: Any = None, act: str = "sigmoid", pool_type: str = "max",
    bias_attr: Any = None,
) -> Any:  # fmt: skip
    """A convolution over the rows of each sequence, then one row per sequence."""
    out = layers.sequence_conv(input, num_filters, filter_size, param_attr=param_attr, bias_attr=bias_attr, act=act)
    return layers.sequence_pool(out, pool_type)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half along `dim` times the sigmoid of the second (Dauphin et al. 2017)."""
    a, b = layers.split(input, 2, dim)
    return layers.elementwise_mul(a, layers.sigmoid(b))  # type: ignore[attr-defined]


def scaled_dot_product_attention(queries: Any, keys: Any, values: Any, num_heads: int = 1, dropout_rate: float = 0.0) -> Any:
    """softmax(q k^T / sqrt(width of a head)) v in `num_heads` parts (Vaswani et al. 2017). All are [batch, length, width]."""
    if queries.shape[-1] != keys.shape[-1]:
        raise ValueError("the hidden sizes of queries and keys must be equal")
    if keys.shape[-2] != values.shape[-2]:
        raise ValueError("keys and values must have equally many rows")
    if queries.shape[-1] % num_heads or values.shape[-1] % num_heads:
        raise ValueError(f"num_heads = {num_heads} must divide the hidden sizes {queries.shape[-1]} and {values.shape[-1]}")

    def projected(x: Any) -> Any:
        return x if num_heads == 1 else layers.fc(x, int(x.shape[-1]), num_flatten_dims=2)

    def parts(x: Any) -> Any:
        if num_heads == 1:
            return x
        x = layers.reshape(x, [0, 0, num_heads, int(x.shape[-1]) // num_heads])
        return layers.transpose(x, [0, 2, 1, 3])

    q, k, v = (parts(projected(x)) for x in (queries, keys, values))
    scores = layers.matmul(layers.scale(q, float(q.shape[-1]) ** -0.5), k, transpose_y=True)
    weights = layers.reshape(layers.reshape(scores, [-1, int(scores.shape[-1])], act="softmax"), [int(n) for n in scores.shape])
    if dropout_rate:
        weights = layers.dropout(weights, dropout_rate)
    out = layers.matmul(weights, v)
    if num_heads == 1:
        return out
    out = layers.transpose(out, [0, 2, 1, 3])
    return layers.reshape(out, [0, 0, int(out.shape[2]) * int(out.shape[3])])

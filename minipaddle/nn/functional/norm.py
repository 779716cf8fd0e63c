"""``paddle.nn.functional``: normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...core.tensor import TensorBase, isinstance_strict
from ...ops import elementwise as E
from ...ops import norm as N
from ...ops import reduction as R
from ...ops.shapes import axis_of
from ...tensor.arguments import static_types
from ...tensor.attribute import shape as shape_of
from ...tensor.manipulation import reshape, squeeze, unsqueeze
from ...tensor.operators import number_like
from . import pooling
from .vision import pad

__all__ = ["batch_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize"]


def _shape_of(what: str, x: Any) -> tuple[int, ...]:
    if not isinstance_strict(x, TensorBase):
        raise TypeError(f"{what}: x must be a Tensor, got {type(x).__name__}")
    return spec_of(x).shape


def normalize(x: Any, p: float = 2, axis: int = 1, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """x divided by its p-norm along `axis`, or by epsilon where the norm is smaller."""
    static_types("normalize", "float16 float32 float64", x=x)
    shape = _shape_of("normalize", x)
    if not isinstance(axis, Integral):
        raise TypeError(f"normalize: axis must be an int, got {axis!r}")
    if len(shape) == 1 and axis not in (0, -1):
        raise ValueError(f"Axis must be 0 or -1 when x is a 1-D tensor, but received axis = {axis}")
    axis_of(int(axis), len(shape))
    norm = call(R.p_norm, x, porder=float(p), axis=int(axis), keepdim=True, epsilon=float(epsilon))
    return call(E.elementwise_div, x, call(E.elementwise_max, norm, number_like(float(epsilon), x, x.dtype)))


_LAYOUTS = {
    "NC": "NCHW",
    "NCL": "NCHW",
    "NCHW": "NCHW",
    "NCDHW": "NCHW",
    "NLC": "NHWC",
    "NHWC": "NHWC",
    "NDHWC": "NHWC",
}


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.9,
    epsilon: float = 1e-05,
    data_format: str = "NCHW",
    use_global_stats: bool | None = None,
    name: str | None = None,
) -> Any:
    """x [N, C, ...] with each channel moved and scaled to mean 0 and variance 1, then times weight [C] plus bias [C].

    Training takes mean and (biased) variance of the batch and updates running_mean and running_var in place: running * momentum
    + batch * (1 - momentum). Otherwise, or with use_global_stats, the running ones are taken (Ioffe and Szegedy 2015).
    """
    if len(_shape_of("batch_norm", x)) < 2:
        raise AssertionError("batch_norm: input dim must be larger than 1")
    if data_format not in _LAYOUTS:
        raise ValueError(f"data_format must be one of {', '.join(map(repr, _LAYOUTS))} but receive {data_format!r}")
    stored, trainable = (not training, False) if use_global_stats is None else (use_global_stats, not use_global_stats)
    return call(
        N.batch_norm,
        x,
        weight,
        bias,
        running_mean,
        running_var,
        is_test=not training,
        momentum=float(momentum),
        epsilon=float(epsilon),
        data_layout=_LAYOUTS[data_format],
        use_global_stats=bool(stored),
        trainable_statistics=bool(trainable),
    )


def layer_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    epsilon: float = 1e-05,
    name: str | None = None,
) -> Any:
    """x with the last axes, of sizes `normalized_shape`, moved and scaled to mean 0 and variance 1 (Ba et al. 2016).

    weight and bias: [product of normalized_shape]. ValueError when x does not end in normalized_shape.
    """
    shape = _shape_of("layer_norm", x)
    if isinstance(normalized_shape, Integral):
        normalized_shape = [int(normalized_shape)]
    elif not isinstance(normalized_shape, (list, tuple)):
        raise ValueError(
            f"`normalized_shape` should be int, list of ints or tuple of ints, got {type(normalized_shape).__name__}"
        )
    begin = len(shape) - len(normalized_shape)
    if begin < 0 or any(n not in (-1, m) for n, m in zip(shape[begin:], normalized_shape, strict=True)):
        raise ValueError(
            f"Given normalized_shape is {list(normalized_shape)}, expected input with shape [*, {str(list(normalized_shape))[1:]}, "
            f"but got input shape {list(shape)}"
        )
    return call(N.layer_norm, x, weight, bias, epsilon=float(epsilon), begin_norm_axis=begin)


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.9,
    eps: float = 1e-05,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """x [N, C, ...] with each channel of each sample moved and scaled to mean 0 and variance 1, then times weight [C] plus bias [C].

    As in Paddle the statistics are always those of x: running_mean, running_var, use_input_stats and momentum have no effect, and
    data_format is taken for channels first. ValueError for channels last.
    """
    if data_format in ("NHWC", "NDHWC", "NLC"):
        raise ValueError(f"instance_norm takes data_format NCL, NCHW or NCDHW, got {data_format!r}; transpose x first")
    if data_format not in ("NC", "NCL", "NCHW", "NCDHW"):
        raise ValueError(f"instance_norm: data_format = {data_format!r}; expected NCL, NCHW or NCDHW")
    return call(N.instance_norm, x, weight, bias, epsilon=float(eps))


def group_norm(
    x: Any,
    num_groups: int,
    epsilon: float = 1e-05,
    weight: Any = None,
    bias: Any = None,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """x [N, C, ...] with each of `num_groups` groups of channels moved and scaled to mean 0 and variance 1 (Wu and He 2018)."""
    layout = _LAYOUTS.get(data_format)
    if layout is None:
        raise ValueError(f"data_format must be one of {', '.join(map(repr, _LAYOUTS))} but receive {data_format!r}")
    return call(N.group_norm, x, weight, bias, epsilon=float(epsilon), groups=int(num_groups), data_layout=layout)


def local_response_norm(
    x: Any,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """x / (k + alpha * mean of the squares of `size` neighbouring channels) ** beta (Krizhevsky et al. 2012). x: 3 to 5 axes."""
    static_types("local_response_norm", "float16 bfloat16 float32 float64", x=x)
    if data_format not in ("NCL", "NLC", "NCHW", "NHWC", "NCDHW", "NDHWC"):
        raise ValueError(f"data_format should be in one of [NCL, NCHW, NCDHW, NLC, NHWC, NDHWC], but got {data_format}")
    shape = _shape_of("local_response_norm", x)
    if len(shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input, but got {len(shape)} dimensions")
    for i, n in enumerate(shape[1:], 1):
        if n == 0 or n < -1:
            raise ValueError(f"Expected every dim's size to be larger than 0, but the size of the {i}-th dim is {n}")
    before, after = size // 2, (size - 1) // 2
    squares = unsqueeze(call(E.elementwise_mul, x, x), 1)
    if data_format[-1] == "C":
        pads, window = [before, after, 0, 0], [1, size]
        middle = [0, -1, shape[-1]]
    else:
        pads, window = [0, 0, before, after], [size, 1]
        middle = [0, 0, -1]
    if len(shape) == 3:
        means = squeeze(pooling.avg_pool2d(pad(squares, pads), window, stride=1), 1)
    else:
        pads = [*pads[:2], 0, 0, *pads[2:]] if data_format[-1] == "C" else [0, 0, *pads]
        window = [1, *window] if data_format[-1] == "C" else [*window, 1]
        if len(shape) == 5:  # 0 keeps a size, -1 takes what is left
            if shape[-1] < 0 and data_format[-1] == "C":
                raise ValueError(f"local_response_norm: the number of channels must be known, got shape {list(shape)}")
            squares = reshape(squares, [0, 0, *middle])
        means = squeeze(pooling.avg_pool3d(pad(squares, pads, data_format="NCDHW"), window, stride=1), 1)
        if len(shape) == 5:
            means = reshape(means, list(shape) if shape.count(-1) <= 1 else shape_of(x))
    divisor = call(E.pow_, call(E.scale, means, scale=float(alpha), bias=float(k)), factor=float(beta))
    return call(E.elementwise_div, x, divisor)

"""Layers that few networks use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.custom_gradient import record
from ...core.program import Variable
from ...errors import NotSupportedError
from ...nn.initializer import Assign, Normal
from ...nn.param_attr import ParamAttr
from ..helper import Helper
from ..program import static_only, static_recorder

__all__ = ["data_norm", "deform_conv2d", "nce", "static_pylayer"]


def _alias_table(probabilities: Sequence[float]) -> tuple[list[int], list[float]]:
    """Vose's alias method: per class another one, and how probable it is to stay with the first."""
    n = len(probabilities)
    alias, stay = [-1] * n, [1.0] * n
    left = [p * n for p in probabilities]
    small, large = [i for i in range(n) if left[i] < 1], [i for i in range(n) if left[i] > 1]
    while small and large:
        i, j = small.pop(0), large[0]
        alias[i], stay[i] = j, left[i]
        left[j] += left[i] - 1
        if left[j] <= 1:
            large.pop(0)
            if left[j] < 1:
                small.append(j)
    return alias, stay


def nce(
    input: Any,
    label: Any,
    num_total_classes: int,
    sample_weight: Any = None,
    param_attr: Any = None,
    bias_attr: Any = None,
    num_neg_samples: int | None = None,
    name: str | None = None,
    sampler: str = "uniform",
    custom_dist: Any = None,
    seed: int = 0,
    is_sparse: bool = False,
) -> Any:
    """The loss of noise-contrastive estimation, [n, 1]: the label against `num_neg_samples` (10) classes that `sampler` draws.

    sampler: "uniform", "log_uniform", or "custom_dist" with the probabilities `custom_dist`. New parameters: a weight
    [classes, width] and, unless bias_attr is False, a bias.
    """
    helper = Helper("nce", name)
    kinds = {"uniform": 0, "log_uniform": 1, "custom_dist": 2}
    if sampler not in kinds:
        raise ValueError(f"nce: sampler must be one of {', '.join(kinds)}, got {sampler!r}")
    w = helper.parameter(param_attr, [num_total_classes, int(input.shape[1])], input.dtype)
    b = helper.parameter(bias_attr, [num_total_classes, 1], input.dtype, is_bias=True)
    custom: list[Any] = [None, None, None]
    if sampler == "custom_dist":
        if custom_dist is None or len(custom_dist) != num_total_classes:
            raise ValueError(f"nce: custom_dist must hold a probability for each of the {num_total_classes} classes")
        alias, stay = _alias_table([float(p) for p in custom_dist])
        arrays = (np.asarray(custom_dist, np.float32), np.asarray(alias, np.int32), np.asarray(stay, np.float32))
        for i, array in enumerate(arrays):
            custom[i] = helper.parameter(
                ParamAttr(trainable=False), array.shape, array.dtype, default_initializer=Assign(array)
            )
            custom[i].stop_gradient = True
    count = 10 if num_neg_samples is None else int(num_neg_samples)
    cost = helper(
        "nce",
        input,
        label,
        w,
        b,
        sample_weight,
        *custom,
        num_total_classes=int(num_total_classes),
        num_neg_samples=count,
        seed=seed,
        sampler=kinds[sampler],
        is_sparse=is_sparse,
        remote_prefetch=is_sparse,
    )
    return helper("scale", cost, scale=1.0 / (count + 1))


def _two(value: Any) -> list[int]:
    return [int(value)] * 2 if isinstance(value, int) else [int(n) for n in value]


@static_only
def deform_conv2d(
    x: Any,
    offset: Any,
    mask: Any,
    num_filters: int,
    filter_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    deformable_groups: int = 1,
    im2col_step: int = 1,
    weight_attr: Any = None,
    bias_attr: Any = None,
    name: str | None = None,
) -> Any:
    """A convolution of `x` [N, C, H, W] whose filter looks at places moved by `offset`; with `mask` they are weighted (Dai et al. 2017).

    ValueError when C is not divisible by `groups`.
    """
    helper = Helper("deformable_conv", name)
    channels, size = int(x.shape[1]), _two(filter_size)
    if channels % groups:
        raise ValueError(f"num_channels must be divisible by groups, got {channels} and {groups}")
    start = Normal(0.0, (2.0 / (size[0] * size[1] * channels)) ** 0.5)
    w = helper.parameter(weight_attr, [num_filters, channels // groups, *size], x.dtype, default_initializer=start)
    attrs = {
        "strides": _two(stride),
        "paddings": _two(padding),
        "dilations": _two(dilation),
        "groups": groups,
        "deformable_groups": deformable_groups,
        "im2col_step": im2col_step,
    }
    if mask is None:
        out = helper("deformable_conv_v1", x, offset, w, **attrs)
    else:
        out = helper("deformable_conv", x, offset, w, mask, **attrs)
    return helper.bias(out, bias_attr, 1, [num_filters])


def data_norm(*args: Any, **kwargs: Any) -> Any:
    """Not supported: NotSupportedError."""
    raise NotSupportedError(
        "static.nn.data_norm: statistics that a parameter server gathers are not supported; use static.nn.batch_norm (statistics "
        "of the batch), or subtract a mean and divide by a deviation that you computed beforehand"
    )


def static_pylayer(
    forward_fn: Callable[..., Any],
    inputs: Sequence[Any],
    backward_fn: Callable[..., Any] | None = None,
    name: str | None = None,
    return_names: Any = None,
) -> Any:
    """`forward_fn(*inputs)` with a gradient of its own: ``backward_fn(*gradients of the results)``, one result per input.

    inputs: a list; what of it are Variables has gradients. Without `backward_fn` no gradient flows back, and ValueError if an input
    wants one, as in Paddle. A Program that is read from a file has lost the gradient.
    """
    if not isinstance(inputs, list):
        raise AssertionError(f"static_pylayer: inputs must be a list, got {type(inputs).__name__}")
    variables = [v for v in inputs if isinstance(v, Variable)]
    if backward_fn is None:
        for v in variables:
            if not v.stop_gradient:
                raise ValueError(
                    "``stop_gradient`` attr of all inputs to ``forward_fn`` are expected to be True, when ``backward_fn == None``, but "
                    f"{v.name}.stop_gradient got {v.stop_gradient}"
                )
        found = forward_fn(*inputs)
        for v in found if isinstance(found, (list, tuple)) else [found]:
            if v is not None:
                v.stop_gradient = True
        return found
    return record("static_pylayer", lambda: forward_fn(*inputs), backward_fn, variables, static_recorder("static_pylayer"))

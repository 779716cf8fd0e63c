"""What several networks share."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ... import nn
from ...errors import NotSupportedError
from ...framework import load

__all__ = ["ConvNormActivation", "make_divisible", "uniform_within", "with_weights"]


def with_weights(model: Any, name: str, pretrained: Any) -> Any:
    """The model, with weights from a file if `pretrained` is a path. NotSupportedError for True: nothing is downloaded."""
    if not pretrained:
        return model
    if isinstance(pretrained, (str, os.PathLike)):
        missing, unexpected = model.set_state_dict(load(os.fspath(pretrained)))
        if missing or unexpected:
            raise ValueError(
                f"{os.fspath(pretrained)} does not fit {name}: {len(missing)} weights are missing {missing[:3]}, {len(unexpected)} are not "
                f"expected {unexpected[:3]}"
            )
        return model
    raise NotSupportedError(
        f"{name}(pretrained=True): minipaddle downloads no weights. Get Paddle's .pdparams file of this network and pass its path, "
        f"{name}(pretrained='{name}.pdparams'), or call model.set_state_dict(paddle.load(path))"
    )


def make_divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """The multiple of `divisor` nearest to `value`, not below `least` and not more than a tenth below `value`."""
    rounded = max(divisor if least is None else least, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def uniform_within(limit: float) -> nn.ParamAttr:
    """A parameter drawn from [-limit, limit]."""
    return nn.ParamAttr(initializer=nn.initializer.Uniform(-limit, limit))


class ConvNormActivation(nn.Sequential):
    """Convolution, normalization and activation; the last two may be None. padding None keeps the size (for stride 1)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: Callable[..., Any] | None = nn.BatchNorm2D,
        activation_layer: Callable[..., Any] | None = nn.ReLU,
        dilation: int = 1,
        bias: bool | None = None,
    ) -> None:
        if padding is None:
            padding = (kernel_size - 1) // 2 * dilation
        if bias is None:
            bias = norm_layer is None
        layers = [
            nn.Conv2D(
                in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups,
                bias_attr=None if bias else False,
            )
        ]  # fmt: skip
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer())
        super().__init__(*layers)

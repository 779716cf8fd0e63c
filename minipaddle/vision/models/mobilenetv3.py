"""MobileNetV3: Howard et al., Searching for MobileNetV3, 2019."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...tensor.manipulation import flatten
from .blocks import ConvNormActivation, make_divisible, with_weights

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "mobilenet_v3_large", "mobilenet_v3_small"]

# input channels, kernel, expanded channels, output channels, squeeze and excitation, activation, stride
SMALL = [
    (16, 3, 16, 16, True, "relu", 2), (16, 3, 72, 24, False, "relu", 2), (24, 3, 88, 24, False, "relu", 1),
    (24, 5, 96, 40, True, "hardswish", 2), (40, 5, 240, 40, True, "hardswish", 1), (40, 5, 240, 40, True, "hardswish", 1),
    (40, 5, 120, 48, True, "hardswish", 1), (48, 5, 144, 48, True, "hardswish", 1), (48, 5, 288, 96, True, "hardswish", 2),
    (96, 5, 576, 96, True, "hardswish", 1), (96, 5, 576, 96, True, "hardswish", 1),
]  # fmt: skip
LARGE = [
    (16, 3, 16, 16, False, "relu", 1), (16, 3, 64, 24, False, "relu", 2), (24, 3, 72, 24, False, "relu", 1),
    (24, 5, 72, 40, True, "relu", 2), (40, 5, 120, 40, True, "relu", 1), (40, 5, 120, 40, True, "relu", 1),
    (40, 3, 240, 80, False, "hardswish", 2), (80, 3, 200, 80, False, "hardswish", 1), (80, 3, 184, 80, False, "hardswish", 1),
    (80, 3, 184, 80, False, "hardswish", 1), (80, 3, 480, 112, True, "hardswish", 1), (112, 3, 672, 112, True, "hardswish", 1),
    (112, 5, 672, 160, True, "hardswish", 2), (160, 5, 960, 160, True, "hardswish", 1), (160, 5, 960, 160, True, "hardswish", 1),
]  # fmt: skip
ACTIVATIONS = {"relu": nn.ReLU, "hardswish": nn.Hardswish}


class SqueezeExcitation(nn.Layer):
    """Each channel times a factor that depends on the means of all channels."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2D(1)
        self.fc1 = nn.Conv2D(channels, squeezed, 1)
        self.fc2 = nn.Conv2D(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, input: Any) -> Any:
        scale = self.fc2(self.activation(self.fc1(self.avgpool(input))))
        return self.scale_activation(scale) * input


class InvertedResidual(nn.Layer):
    """Widen, convolve each channel, weigh the channels, narrow again."""

    def __init__(
        self, inputs: int, kernel: int, expanded: int, outputs: int, use_se: bool, activation: str, stride: int, norm: Any
    ) -> None:
        super().__init__()
        layer = ACTIVATIONS[activation]
        self.use_res_connect = stride == 1 and inputs == outputs
        self.use_se = use_se
        self.expand = inputs != expanded
        if self.expand:
            self.expand_conv = ConvNormActivation(inputs, expanded, 1, padding=0, norm_layer=norm, activation_layer=layer)
        self.bottleneck_conv = ConvNormActivation(
            expanded, expanded, kernel, stride, (kernel - 1) // 2, groups=expanded, norm_layer=norm, activation_layer=layer
        )
        if use_se:
            self.mid_se = SqueezeExcitation(expanded, make_divisible(expanded // 4))
        self.linear_conv = ConvNormActivation(expanded, outputs, 1, padding=0, norm_layer=norm, activation_layer=None)

    def forward(self, x: Any) -> Any:
        out = self.bottleneck_conv(self.expand_conv(x) if self.expand else x)
        if self.use_se:
            out = self.mid_se(out)
        out = self.linear_conv(out)
        return x + out if self.use_res_connect else out


class MobileNetV3(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. rows: the blocks; last: width before the classifier; scale: factor of all widths."""

    def __init__(self, rows: Sequence[Any], last: int, scale: float, num_classes: int, with_pool: bool) -> None:
        super().__init__()
        self.scale = scale
        self.num_classes = num_classes
        self.with_pool = with_pool
        norm = partial(nn.BatchNorm2D, epsilon=0.001, momentum=0.99)

        def width(channels: int) -> int:
            return make_divisible(channels * scale)

        last = width(last)
        widest = width(rows[-1][0]) * 6
        self.conv = ConvNormActivation(3, width(rows[0][0]), 3, 2, 1, norm_layer=norm, activation_layer=nn.Hardswish)
        self.blocks = nn.Sequential(
            *[
                InvertedResidual(width(i), kernel, width(expanded), width(o), use_se, activation, stride, norm)
                for i, kernel, expanded, o, use_se, activation, stride in rows
            ]
        )
        self.lastconv = ConvNormActivation(
            width(rows[-1][0]), widest, 1, padding=0, norm_layer=norm, activation_layer=nn.Hardswish
        )
        if with_pool:
            self.avgpool = nn.AdaptiveAvgPool2D(1)
        if num_classes > 0:
            self.classifier = nn.Sequential(
                nn.Linear(widest, last), nn.Hardswish(), nn.Dropout(p=0.2), nn.Linear(last, num_classes)
            )

    def forward(self, x: Any) -> Any:
        x = self.lastconv(self.blocks(self.conv(x)))
        if self.with_pool:
            x = self.avgpool(x)
        return self.classifier(flatten(x, 1)) if self.num_classes > 0 else x


class MobileNetV3Small(MobileNetV3):
    """The small variant."""

    def __init__(self, scale: float = 1.0, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__(SMALL, 1024, scale, num_classes, with_pool)


class MobileNetV3Large(MobileNetV3):
    """The large variant."""

    def __init__(self, scale: float = 1.0, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__(LARGE, 1280, scale, num_classes, with_pool)


def mobilenet_v3_small(pretrained: bool | str = False, scale: float = 1.0, **kwargs: Any) -> MobileNetV3Small:
    """The small MobileNetV3; pretrained: False or the path of a weight file."""
    return with_weights(MobileNetV3Small(scale=scale, **kwargs), "mobilenet_v3_small", pretrained)


def mobilenet_v3_large(pretrained: bool | str = False, scale: float = 1.0, **kwargs: Any) -> MobileNetV3Large:
    """The large MobileNetV3; pretrained: False or the path of a weight file."""
    return with_weights(MobileNetV3Large(scale=scale, **kwargs), "mobilenet_v3_large", pretrained)

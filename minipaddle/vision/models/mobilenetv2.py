"""MobileNetV2: Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, 2018."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor.manipulation import flatten
from .blocks import ConvNormActivation, make_divisible, with_weights

__all__ = ["MobileNetV2", "mobilenet_v2"]

# expansion, channels, repeats, stride of the first
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


class InvertedResidual(nn.Layer):
    """Widen, convolve each channel, narrow again; beside the identity where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand_ratio: float) -> None:
        super().__init__()
        assert stride in (1, 2), f"stride must be 1 or 2, got {stride}"
        self.stride = stride
        self.use_res_connect = stride == 1 and inputs == outputs
        hidden = int(round(inputs * expand_ratio))
        layers: list[Any] = []
        if expand_ratio != 1:
            layers.append(ConvNormActivation(inputs, hidden, kernel_size=1, activation_layer=nn.ReLU6))
        layers.append(ConvNormActivation(hidden, hidden, stride=stride, groups=hidden, activation_layer=nn.ReLU6))
        layers += [nn.Conv2D(hidden, outputs, 1, 1, 0, bias_attr=False), nn.BatchNorm2D(outputs)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. scale: factor of all widths."""

    def __init__(self, scale: float = 1.0, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.with_pool = with_pool
        inputs = make_divisible(32 * scale)
        self.last_channel = make_divisible(1280 * max(1.0, scale))
        features: list[Any] = [ConvNormActivation(3, inputs, stride=2, activation_layer=nn.ReLU6)]
        for expansion, channels, repeats, stride in STAGES:
            outputs = make_divisible(channels * scale)
            for i in range(repeats):
                features.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
        features.append(ConvNormActivation(inputs, self.last_channel, kernel_size=1, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*features)
        if with_pool:
            self.pool2d_avg = nn.AdaptiveAvgPool2D(1)
        if num_classes > 0:
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.last_channel, num_classes))

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        if self.with_pool:
            x = self.pool2d_avg(x)
        return self.classifier(flatten(x, 1)) if self.num_classes > 0 else x


def mobilenet_v2(pretrained: bool | str = False, scale: float = 1.0, **kwargs: Any) -> MobileNetV2:
    """MobileNetV2; pretrained: False or the path of a weight file."""
    return with_weights(MobileNetV2(scale=scale, **kwargs), "mobilenet_v2", pretrained)

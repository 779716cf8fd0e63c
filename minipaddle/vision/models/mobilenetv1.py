"""MobileNet: Howard et al., MobileNets: efficient convolutional neural networks for mobile vision applications, 2017."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor.manipulation import flatten
from .blocks import ConvNormActivation, with_weights

__all__ = ["MobileNetV1", "mobilenet_v1"]

# name, input channels, output channels, stride
LAYERS = [
    ("conv2_1", 32, 64, 1), ("conv2_2", 64, 128, 2), ("conv3_1", 128, 128, 1), ("conv3_2", 128, 256, 2), ("conv4_1", 256, 256, 1),
    ("conv4_2", 256, 512, 2), *((f"conv5_{i}", 512, 512, 1) for i in range(1, 6)), ("conv5_6", 512, 1024, 2), ("conv6", 1024, 1024, 1),
]  # fmt: skip


class DepthwiseSeparable(nn.Layer):
    """A 3 x 3 convolution per channel, then a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self._depthwise_conv = ConvNormActivation(inputs, inputs, kernel_size=3, stride=stride, padding=1, groups=inputs)
        self._pointwise_conv = ConvNormActivation(inputs, outputs, kernel_size=1, stride=1, padding=0)

    def forward(self, x: Any) -> Any:
        return self._pointwise_conv(self._depthwise_conv(x))


class MobileNetV1(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. scale: factor of all widths."""

    def __init__(self, scale: float = 1.0, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.num_classes = num_classes
        self.with_pool = with_pool
        self.conv1 = ConvNormActivation(3, int(32 * scale), kernel_size=3, stride=2, padding=1)
        for name, inputs, outputs, stride in LAYERS:
            self.add_sublayer(name, DepthwiseSeparable(int(inputs * scale), int(outputs * scale), stride))
        if with_pool:
            self.pool2d_avg = nn.AdaptiveAvgPool2D(1)
        if num_classes > 0:
            self.fc = nn.Linear(int(1024 * scale), num_classes)

    def forward(self, x: Any) -> Any:
        x = self.conv1(x)
        for name, *_ in LAYERS:
            x = getattr(self, name)(x)
        if self.with_pool:
            x = self.pool2d_avg(x)
        return self.fc(flatten(x, 1)) if self.num_classes > 0 else x


def mobilenet_v1(pretrained: bool | str = False, scale: float = 1.0, **kwargs: Any) -> MobileNetV1:
    """MobileNet; pretrained: False or the path of a weight file."""
    return with_weights(MobileNetV1(scale=scale, **kwargs), "mobilenet_v1", pretrained)

"""AlexNet: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...nn import functional as F
from ...tensor.manipulation import flatten
from .blocks import uniform_within, with_weights

__all__ = ["AlexNet", "alexnet"]


def _conv(inputs: int, outputs: int, kernel: int, stride: int, padding: int, fan_in: int) -> Any:
    limit = fan_in**-0.5
    return nn.Conv2D(
        inputs, outputs, kernel, stride=stride, padding=padding, weight_attr=uniform_within(limit), bias_attr=uniform_within(limit)
    )


def _linear(inputs: int, outputs: int, limit: float) -> Any:
    return nn.Linear(inputs, outputs, weight_attr=uniform_within(limit), bias_attr=uniform_within(limit))


class ConvPoolLayer(nn.Layer):
    """Convolution, relu, pooling."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int, fan_in: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self._conv = _conv(inputs, outputs, kernel, stride, padding, fan_in)
        self._pool = nn.MaxPool2D(kernel_size=3, stride=2, padding=0)

    def forward(self, inputs: Any) -> Any:
        return self._pool(self.relu(self._conv(inputs)))


class AlexNet(nn.Layer):
    """[N, 3, 224, 224] -> [N, num_classes]; num_classes 0 leaves the classifier out."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.num_classes = num_classes
        self._conv1 = ConvPoolLayer(3, 64, 11, 4, 2, 3 * 11 * 11)
        self._conv2 = ConvPoolLayer(64, 192, 5, 1, 2, 64 * 5 * 5)
        self._conv3 = _conv(192, 384, 3, 1, 1, 192 * 3 * 3)
        self._conv4 = _conv(384, 256, 3, 1, 1, 384 * 3 * 3)
        self._conv5 = ConvPoolLayer(256, 256, 3, 1, 1, 256 * 3 * 3)
        if num_classes > 0:
            limit = (256 * 6 * 6) ** -0.5
            self._drop1 = nn.Dropout(p=0.5, mode="downscale_in_infer")
            self._fc6 = _linear(256 * 6 * 6, 4096, limit)
            self._drop2 = nn.Dropout(p=0.5, mode="downscale_in_infer")
            self._fc7 = _linear(4096, 4096, limit)
            self._fc8 = _linear(4096, num_classes, limit)

    def forward(self, inputs: Any) -> Any:
        x = self._conv2(self._conv1(inputs))
        x = F.relu(self._conv4(F.relu(self._conv3(x))))
        x = self._conv5(x)
        if self.num_classes > 0:
            x = F.relu(self._fc6(self._drop1(flatten(x, 1))))
            x = self._fc8(F.relu(self._fc7(self._drop2(x))))
        return x


def alexnet(pretrained: bool | str = False, **kwargs: Any) -> AlexNet:
    """AlexNet; pretrained: False or the path of a weight file."""
    return with_weights(AlexNet(**kwargs), "alexnet", pretrained)

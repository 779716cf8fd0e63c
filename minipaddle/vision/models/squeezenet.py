"""SqueezeNet: Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...nn import functional as F
from ...tensor.manipulation import concat, squeeze
from .blocks import with_weights

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]

# input channels, squeezed channels, channels of each of the two parts
FIRES = [(96, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)]
POOL_AFTER = {"1.0": (3, 7), "1.1": (2, 4)}


class MakeFireConv(nn.Layer):
    """Convolution and relu."""

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: int = 0) -> None:
        super().__init__()
        self._conv = nn.Conv2D(inputs, outputs, kernel, padding=padding)

    def forward(self, x: Any) -> Any:
        return F.relu(self._conv(x))


class MakeFire(nn.Layer):
    """Squeeze with a 1 x 1 convolution, widen with 1 x 1 and 3 x 3 convolutions side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self._conv = MakeFireConv(inputs, squeezed, 1)
        self._conv_path1 = MakeFireConv(squeezed, expanded, 1)
        self._conv_path2 = MakeFireConv(squeezed, expanded, 3, padding=1)

    def forward(self, inputs: Any) -> Any:
        x = self._conv(inputs)
        return concat([self._conv_path1(x), self._conv_path2(x)], axis=1)


class SqueezeNet(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. version: "1.0" or "1.1"."""

    def __init__(self, version: str, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__()
        assert version in POOL_AFTER, f"supported versions are {list(POOL_AFTER)} but input version is {version!r}"
        self.version = version
        self.num_classes = num_classes
        self.with_pool = with_pool
        first = version == "1.0"
        self._conv = nn.Conv2D(3, 96, 7, stride=2) if first else nn.Conv2D(3, 64, 3, stride=2, padding=1)
        self._pool = nn.MaxPool2D(kernel_size=3, stride=2, padding=0)
        for i, (inputs, squeezed, expanded) in enumerate(FIRES, 1):
            setattr(self, f"_conv{i}", MakeFire(64 if i == 1 and not first else inputs, squeezed, expanded))
        self._drop = nn.Dropout(p=0.5, mode="downscale_in_infer")
        self._conv9 = nn.Conv2D(512, num_classes, 1)
        self._avg_pool = nn.AdaptiveAvgPool2D(1)

    def forward(self, inputs: Any) -> Any:
        x = self._pool(F.relu(self._conv(inputs)))
        for i in range(1, 9):
            x = getattr(self, f"_conv{i}")(x)
            if i in POOL_AFTER[self.version]:
                x = self._pool(x)
        if self.num_classes > 0:
            x = self._conv9(self._drop(x))
        if self.with_pool:
            x = squeeze(self._avg_pool(F.relu(x)), axis=[2, 3])
        return x


def squeezenet1_0(pretrained: bool | str = False, **kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0; pretrained: False or the path of a weight file."""
    return with_weights(SqueezeNet("1.0", **kwargs), "squeezenet1_0", pretrained)


def squeezenet1_1(pretrained: bool | str = False, **kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1; pretrained: False or the path of a weight file."""
    return with_weights(SqueezeNet("1.1", **kwargs), "squeezenet1_1", pretrained)

"""VGG: Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2014."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor.manipulation import flatten
from .blocks import with_weights

__all__ = ["VGG", "vgg11", "vgg13", "vgg16", "vgg19"]

WIDTHS = (64, 128, 256, 512, 512)
REPEATS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. features: the convolutions, giving 512 channels."""

    def __init__(self, features: Any, num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__()
        self.features = features
        self.num_classes = num_classes
        self.with_pool = with_pool
        if with_pool:
            self.avgpool = nn.AdaptiveAvgPool2D((7, 7))
        if num_classes > 0:
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(),
                nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
                nn.Linear(4096, num_classes),
            )  # fmt: skip

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        if self.with_pool:
            x = self.avgpool(x)
        return self.classifier(flatten(x, 1)) if self.num_classes > 0 else x


def make_layers(depth: int, batch_norm: bool) -> Any:
    """Five groups of 3 x 3 convolutions, each followed by pooling."""
    layers: list[Any] = []
    inputs = 3
    for width, repeat in zip(WIDTHS, REPEATS[depth], strict=True):
        for _ in range(repeat):
            layers.append(nn.Conv2D(inputs, width, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2D(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2D(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


def _vgg(depth: int, pretrained: bool | str, batch_norm: bool, kwargs: dict[str, Any]) -> VGG:
    return with_weights(VGG(make_layers(depth, batch_norm), **kwargs), f"vgg{depth}", pretrained)


def vgg11(pretrained: bool | str = False, batch_norm: bool = False, **kwargs: Any) -> VGG:
    """VGG with 11 layers; pretrained: False or the path of a weight file."""
    return _vgg(11, pretrained, batch_norm, kwargs)


def vgg13(pretrained: bool | str = False, batch_norm: bool = False, **kwargs: Any) -> VGG:
    """VGG with 13 layers."""
    return _vgg(13, pretrained, batch_norm, kwargs)


def vgg16(pretrained: bool | str = False, batch_norm: bool = False, **kwargs: Any) -> VGG:
    """VGG with 16 layers."""
    return _vgg(16, pretrained, batch_norm, kwargs)


def vgg19(pretrained: bool | str = False, batch_norm: bool = False, **kwargs: Any) -> VGG:
    """VGG with 19 layers."""
    return _vgg(19, pretrained, batch_norm, kwargs)

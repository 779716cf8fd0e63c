"""ResNet (He et al. 2015), ResNeXt (Xie et al. 2016) and Wide ResNet (Zagoruyko and Komodakis 2016)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...tensor.manipulation import flatten
from .blocks import with_weights

__all__ = [
    "ResNet",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext101_32x4d",
    "resnext101_64x4d",
    "resnext152_32x4d",
    "resnext152_64x4d",
    "resnext50_32x4d",
    "resnext50_64x4d",
    "wide_resnet101_2",
    "wide_resnet50_2",
]

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class BasicBlock(nn.Layer):
    """Two 3 x 3 convolutions beside the identity."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Any = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[[int], Any] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2D
        if dilation > 1:
            raise NotImplementedError(f"Dilation > 1 not supported in BasicBlock, got {dilation}")
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock takes groups = 1 and base_width = 64, got {groups} and {base_width}; resnet50 and deeper take others"
            )
        self.conv1 = nn.Conv2D(inplanes, planes, 3, padding=1, stride=stride, bias_attr=False)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2D(planes, planes, 3, padding=1, bias_attr=False)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class BottleneckBlock(nn.Layer):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside the identity."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Any = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[[int], Any] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2D
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = nn.Conv2D(inplanes, width, 1, bias_attr=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2D(
            width, width, 3, padding=dilation, stride=stride, groups=groups, dilation=dilation, bias_attr=False
        )
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2D(width, planes * self.expansion, 1, bias_attr=False)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU()
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes].

    block: BasicBlock or BottleneckBlock. depth: 18, 34, 50, 101 or 152. width: channels per group of the 3 x 3 convolutions at 64
    planes. num_classes 0 leaves the classifier out, with_pool False the average over places.
    """

    def __init__(
        self,
        block: Any,
        depth: int = 50,
        width: int = 64,
        num_classes: int = 1000,
        with_pool: bool = True,
        groups: int = 1,
    ) -> None:
        super().__init__()
        counts = BLOCKS[depth]
        self.groups = groups
        self.base_width = width
        self.num_classes = num_classes
        self.with_pool = with_pool
        self._norm_layer = nn.BatchNorm2D
        self.inplanes = 64
        self.dilation = 1
        self.conv1 = nn.Conv2D(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias_attr=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2D(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, counts[0])
        self.layer2 = self._make_layer(block, 128, counts[1], stride=2)
        self.layer3 = self._make_layer(block, 256, counts[2], stride=2)
        self.layer4 = self._make_layer(block, 512, counts[3], stride=2)
        if with_pool:
            self.avgpool = nn.AdaptiveAvgPool2D((1, 1))
        if num_classes > 0:
            self.fc = nn.Linear(512 * block.expansion, num_classes)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> Any:
        norm = self._norm_layer
        previous = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        outputs = planes * block.expansion
        if stride != 1 or self.inplanes != outputs:
            downsample = nn.Sequential(nn.Conv2D(self.inplanes, outputs, 1, stride=stride, bias_attr=False), norm(outputs))
        layers = [block(self.inplanes, planes, stride, downsample, self.groups, self.base_width, previous, norm)]
        self.inplanes = outputs
        for _ in range(1, blocks):
            layers.append(block(outputs, planes, groups=self.groups, base_width=self.base_width, norm_layer=norm))
        return nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        if self.with_pool:
            x = self.avgpool(x)
        return self.fc(flatten(x, 1)) if self.num_classes > 0 else x


def _resnet(name: str, block: Any, depth: int, pretrained: bool | str, kwargs: dict[str, Any], **fixed: int) -> ResNet:
    return with_weights(ResNet(block, depth, **{**kwargs, **fixed}), name, pretrained)


def resnet18(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNet with 18 layers; pretrained: False or the path of a weight file."""
    return _resnet("resnet18", BasicBlock, 18, pretrained, kwargs)


def resnet34(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNet with 34 layers."""
    return _resnet("resnet34", BasicBlock, 34, pretrained, kwargs)


def resnet50(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNet with 50 layers."""
    return _resnet("resnet50", BottleneckBlock, 50, pretrained, kwargs)


def resnet101(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNet with 101 layers."""
    return _resnet("resnet101", BottleneckBlock, 101, pretrained, kwargs)


def resnet152(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNet with 152 layers."""
    return _resnet("resnet152", BottleneckBlock, 152, pretrained, kwargs)


def resnext50_32x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 50 layers, 32 groups of width 4."""
    return _resnet("resnext50_32x4d", BottleneckBlock, 50, pretrained, kwargs, groups=32, width=4)


def resnext50_64x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 50 layers, 64 groups of width 4."""
    return _resnet("resnext50_64x4d", BottleneckBlock, 50, pretrained, kwargs, groups=64, width=4)


def resnext101_32x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 101 layers, 32 groups of width 4."""
    return _resnet("resnext101_32x4d", BottleneckBlock, 101, pretrained, kwargs, groups=32, width=4)


def resnext101_64x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 101 layers, 64 groups of width 4."""
    return _resnet("resnext101_64x4d", BottleneckBlock, 101, pretrained, kwargs, groups=64, width=4)


def resnext152_32x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 152 layers, 32 groups of width 4."""
    return _resnet("resnext152_32x4d", BottleneckBlock, 152, pretrained, kwargs, groups=32, width=4)


def resnext152_64x4d(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """ResNeXt with 152 layers, 64 groups of width 4."""
    return _resnet("resnext152_64x4d", BottleneckBlock, 152, pretrained, kwargs, groups=64, width=4)


def wide_resnet50_2(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """Wide ResNet with 50 layers, twice as wide."""
    return _resnet("wide_resnet50_2", BottleneckBlock, 50, pretrained, kwargs, width=128)


def wide_resnet101_2(pretrained: bool | str = False, **kwargs: Any) -> ResNet:
    """Wide ResNet with 101 layers, twice as wide."""
    return _resnet("wide_resnet101_2", BottleneckBlock, 101, pretrained, kwargs, width=128)

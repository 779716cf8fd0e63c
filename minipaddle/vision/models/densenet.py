"""DenseNet: Huang et al., Densely connected convolutional networks, 2016."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor.manipulation import concat, flatten
from .blocks import uniform_within, with_weights

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201", "densenet264"]

# channels at first, growth per layer, layers per block
SPECS = {
    121: (64, 32, (6, 12, 24, 16)), 161: (96, 48, (6, 12, 36, 24)), 169: (64, 32, (6, 12, 32, 32)), 201: (64, 32, (6, 12, 48, 32)),
    264: (64, 32, (6, 12, 64, 48)),
}  # fmt: skip


class BNACConvLayer(nn.Layer):
    """Normalization, relu, convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, pad: int = 0) -> None:
        super().__init__()
        self._batch_norm = nn.BatchNorm(inputs, act="relu")
        self._conv = nn.Conv2D(inputs, outputs, kernel, padding=pad, bias_attr=False)

    def forward(self, input: Any) -> Any:
        return self._conv(self._batch_norm(input))


class DenseLayer(nn.Layer):
    """Adds `growth` channels to its input."""

    def __init__(self, inputs: int, growth: int, bn_size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.bn_ac_func1 = BNACConvLayer(inputs, bn_size * growth, 1)
        self.bn_ac_func2 = BNACConvLayer(bn_size * growth, growth, 3, pad=1)
        if dropout:
            self.dropout_func = nn.Dropout(p=dropout, mode="downscale_in_infer")

    def forward(self, input: Any) -> Any:
        new = self.bn_ac_func2(self.bn_ac_func1(input))
        if self.dropout:
            new = self.dropout_func(new)
        return concat([input, new], axis=1)


class DenseBlock(nn.Layer):
    """Layers that each see the outputs of all before."""

    def __init__(self, inputs: int, layers: int, bn_size: int, growth: int, dropout: float, name: str) -> None:
        super().__init__()
        self.dropout = dropout
        self._names = [f"{name}_{i + 1}" for i in range(layers)]
        for i, layer in enumerate(self._names):
            self.add_sublayer(layer, DenseLayer(inputs + i * growth, growth, bn_size, dropout))

    def forward(self, input: Any) -> Any:
        for name in self._names:
            input = getattr(self, name)(input)
        return input


class TransitionLayer(nn.Layer):
    """Halves channels and resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_ac_func = BNACConvLayer(inputs, outputs, 1)
        self.pool2d_avg = nn.AvgPool2D(kernel_size=2, stride=2, padding=0)

    def forward(self, input: Any) -> Any:
        return self.pool2d_avg(self.conv_ac_func(input))


class ConvBNLayer(nn.Layer):
    """Convolution, normalization, relu."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> None:
        super().__init__()
        self._conv = nn.Conv2D(inputs, outputs, kernel, stride=stride, padding=pad, bias_attr=False)
        self._batch_norm = nn.BatchNorm(outputs, act="relu")

    def forward(self, input: Any) -> Any:
        return self._batch_norm(self._conv(input))


class DenseNet(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. layers: 121, 161, 169, 201 or 264. bn_size: width of the 1 x 1 convolutions in growths."""

    def __init__(
        self, layers: int = 121, bn_size: int = 4, dropout: float = 0.0, num_classes: int = 1000, with_pool: bool = True
    ) -> None:
        super().__init__()
        assert layers in SPECS, f"supported layers are {sorted(SPECS)} but input layer is {layers}"
        self.num_classes = num_classes
        self.with_pool = with_pool
        features, growth, blocks = SPECS[layers]
        self.block_config = blocks
        self.conv1_func = ConvBNLayer(3, features, 7, stride=2, pad=3)
        self.pool2d_max = nn.MaxPool2D(kernel_size=3, stride=2, padding=1)
        self._names = []
        for i, count in enumerate(blocks, 2):
            self._names.append(f"db_conv_{i}")
            self.add_sublayer(self._names[-1], DenseBlock(features, count, bn_size, growth, dropout, f"conv{i}"))
            features += count * growth
            if i < len(blocks) + 1:
                self._names.append(f"tr_conv{i}_blk")
                self.add_sublayer(self._names[-1], TransitionLayer(features, features // 2))
                features //= 2
        self.batch_norm = nn.BatchNorm(features, act="relu")
        if with_pool:
            self.pool2d_avg = nn.AdaptiveAvgPool2D(1)
        if num_classes > 0:
            self.out = nn.Linear(features, num_classes, weight_attr=uniform_within(features**-0.5))

    def forward(self, input: Any) -> Any:
        x = self.pool2d_max(self.conv1_func(input))
        for name in self._names:
            x = getattr(self, name)(x)
        x = self.batch_norm(x)
        if self.with_pool:
            x = self.pool2d_avg(x)
        return self.out(flatten(x, 1)) if self.num_classes > 0 else x


def _densenet(layers: int, pretrained: bool | str, kwargs: dict[str, Any]) -> DenseNet:
    return with_weights(DenseNet(layers=layers, **kwargs), f"densenet{layers}", pretrained)


def densenet121(pretrained: bool | str = False, **kwargs: Any) -> DenseNet:
    """DenseNet with 121 layers; pretrained: False or the path of a weight file."""
    return _densenet(121, pretrained, kwargs)


def densenet161(pretrained: bool | str = False, **kwargs: Any) -> DenseNet:
    """DenseNet with 161 layers."""
    return _densenet(161, pretrained, kwargs)


def densenet169(pretrained: bool | str = False, **kwargs: Any) -> DenseNet:
    """DenseNet with 169 layers."""
    return _densenet(169, pretrained, kwargs)


def densenet201(pretrained: bool | str = False, **kwargs: Any) -> DenseNet:
    """DenseNet with 201 layers."""
    return _densenet(201, pretrained, kwargs)


def densenet264(pretrained: bool | str = False, **kwargs: Any) -> DenseNet:
    """DenseNet with 264 layers."""
    return _densenet(264, pretrained, kwargs)

"""ShuffleNetV2: Ma et al., ShuffleNet V2: practical guidelines for efficient CNN architecture design, 2018."""
from __future__ import annotations

from typing import Any

from ... import nn
from ...nn import functional as F
from ...tensor.manipulation import concat, flatten, split
from .blocks import ConvNormActivation, with_weights

__all__ = [
    "ShuffleNetV2",
    "shufflenet_v2_swish",
    "shufflenet_v2_x0_25",
    "shufflenet_v2_x0_33",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]

REPEATS = (4, 8, 4)
# channels after the first convolution, after each stage, and at the end
CHANNELS = {
    0.25: (24, 24, 48, 96, 512), 0.33: (24, 32, 64, 128, 512), 0.5: (24, 48, 96, 192, 1024), 1.0: (24, 116, 232, 464, 1024),
    1.5: (24, 176, 352, 704, 1024), 2.0: (24, 224, 488, 976, 2048),
}  # fmt: skip
ACTIVATIONS = {"relu": nn.ReLU, "swish": nn.Swish, None: None}


def _pointwise(inputs: int, outputs: int, activation: Any) -> ConvNormActivation:
    return ConvNormActivation(inputs, outputs, kernel_size=1, stride=1, padding=0, activation_layer=activation)


def _depthwise(channels: int, stride: int) -> ConvNormActivation:
    return ConvNormActivation(channels, channels, kernel_size=3, stride=stride, padding=1, groups=channels, activation_layer=None)


class InvertedResidual(nn.Layer):
    """Half of the channels pass unchanged; then the halves are shuffled."""

    def __init__(self, channels: int, activation: Any) -> None:
        super().__init__()
        half = channels // 2
        self._conv_pw = _pointwise(half, half, activation)
        self._conv_dw = _depthwise(half, 1)
        self._conv_linear = _pointwise(half, half, activation)

    def forward(self, inputs: Any) -> Any:
        same, x = split(inputs, 2, axis=1)
        return F.channel_shuffle(concat([same, self._conv_linear(self._conv_dw(self._conv_pw(x)))], axis=1), 2)


class InvertedResidualDS(nn.Layer):
    """Both branches see all channels and halve the resolution."""

    def __init__(self, inputs: int, outputs: int, activation: Any) -> None:
        super().__init__()
        half = outputs // 2
        self._conv_dw_1 = _depthwise(inputs, 2)
        self._conv_linear_1 = _pointwise(inputs, half, activation)
        self._conv_pw_2 = _pointwise(inputs, half, activation)
        self._conv_dw_2 = _depthwise(half, 2)
        self._conv_linear_2 = _pointwise(half, half, activation)

    def forward(self, inputs: Any) -> Any:
        left = self._conv_linear_1(self._conv_dw_1(inputs))
        right = self._conv_linear_2(self._conv_dw_2(self._conv_pw_2(inputs)))
        return F.channel_shuffle(concat([left, right], axis=1), 2)


class ShuffleNetV2(nn.Layer):
    """[N, 3, H, W] -> [N, num_classes]. scale: 0.25, 0.33, 0.5, 1.0, 1.5 or 2.0. act: "relu", "swish" or None."""

    def __init__(self, scale: float = 1.0, act: str | None = "relu", num_classes: int = 1000, with_pool: bool = True) -> None:
        super().__init__()
        if act not in ACTIVATIONS:
            raise RuntimeError(f"The activation function is not supported: {act!r}; known are relu, swish and None")
        if scale not in CHANNELS:
            raise NotImplementedError(f"This scale size:[{scale}] is not implemented! There are {sorted(CHANNELS)}")
        activation, channels = ACTIVATIONS[act], CHANNELS[scale]
        self.scale = scale
        self.num_classes = num_classes
        self.with_pool = with_pool
        self._conv1 = ConvNormActivation(3, channels[0], kernel_size=3, stride=2, padding=1, activation_layer=activation)
        self._max_pool = nn.MaxPool2D(kernel_size=3, stride=2, padding=1)
        self._names = [f"{stage}_{i}" for stage, n in enumerate(REPEATS, 2) for i in range(1, n + 1)]
        for name in self._names:
            stage, i = map(int, name.split("_"))
            block: Any = InvertedResidual(channels[stage - 1], activation) if i > 1 else InvertedResidualDS(
                channels[stage - 2], channels[stage - 1], activation)  # fmt: skip
            self.add_sublayer(name, block)
        self._last_conv = _pointwise(channels[-2], channels[-1], activation)
        if with_pool:
            self._pool2d_avg = nn.AdaptiveAvgPool2D(1)
        if num_classes > 0:
            self._fc = nn.Linear(channels[-1], num_classes)

    def forward(self, inputs: Any) -> Any:
        x = self._max_pool(self._conv1(inputs))
        for name in self._names:
            x = getattr(self, name)(x)
        x = self._last_conv(x)
        if self.with_pool:
            x = self._pool2d_avg(x)
        return self._fc(flatten(x, 1)) if self.num_classes > 0 else x


def shufflenet_v2_x0_25(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2, a quarter of the width; pretrained: False or the path of a weight file."""
    return with_weights(ShuffleNetV2(scale=0.25, **kwargs), "shufflenet_v2_x0_25", pretrained)


def shufflenet_v2_x0_33(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2, a third of the width."""
    return with_weights(ShuffleNetV2(scale=0.33, **kwargs), "shufflenet_v2_x0_33", pretrained)


def shufflenet_v2_x0_5(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2, half the width."""
    return with_weights(ShuffleNetV2(scale=0.5, **kwargs), "shufflenet_v2_x0_5", pretrained)


def shufflenet_v2_x1_0(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2."""
    return with_weights(ShuffleNetV2(scale=1.0, **kwargs), "shufflenet_v2_x1_0", pretrained)


def shufflenet_v2_x1_5(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2, one and a half times as wide."""
    return with_weights(ShuffleNetV2(scale=1.5, **kwargs), "shufflenet_v2_x1_5", pretrained)


def shufflenet_v2_x2_0(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2, twice as wide."""
    return with_weights(ShuffleNetV2(scale=2.0, **kwargs), "shufflenet_v2_x2_0", pretrained)


def shufflenet_v2_swish(pretrained: bool | str = False, **kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 with swish."""
    return with_weights(ShuffleNetV2(scale=1.0, act="swish", **kwargs), "shufflenet_v2_swish", pretrained)

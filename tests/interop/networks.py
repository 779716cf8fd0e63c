"""Networks of different kinds in Paddle code. Both frameworks run this file: PADDLE_MODULE says which one `paddle` is."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

paddle: Any = importlib.import_module(os.environ.get("PADDLE_MODULE", "minipaddle"))
nn: Any = paddle.nn
F: Any = paddle.nn.functional
Spec: Any = paddle.static.InputSpec


@dataclass
class Network:
    """make: the Layer. specs: of its inputs. random: drops out in training, so its losses cannot be compared."""

    make: Callable[[], Any]
    specs: list[Any]
    inputs: Callable[[np.random.Generator], list[np.ndarray]]
    random: bool = False


class Convolutions(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, 8, 3, stride=2, padding=1, bias_attr=False), nn.BatchNorm2D(8), nn.Hardswish())
        self.depthwise = nn.Conv2D(8, 8, 5, padding="SAME", groups=8)
        self.norm = nn.BatchNorm2D(8, momentum=0.8)
        self.squeeze = nn.AdaptiveAvgPool2D(1)
        self.gate = nn.Conv2D(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, image):
        x = self.stem(image)
        x = x + self.norm(self.depthwise(x))
        x = F.max_pool2d(x * F.hardsigmoid(self.gate(self.squeeze(x))), 2, ceil_mode=True)
        return F.softmax(self.fc(x.mean(axis=[2, 3])), axis=-1)


class Dropping(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 16), nn.Linear(16, 3)
        self.dropout, self.scaled = nn.Dropout(0.4), nn.Dropout(0.3, mode="downscale_in_infer")

    def forward(self, x):
        return self.b(self.scaled(self.dropout(F.relu(self.a(x)))))


class BothWays(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 7, num_layers=2, direction="bidirect")
        self.fc = nn.Linear(14, 3)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return self.fc(y), h, c


class Gated(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.simple = nn.GRU(5, 6), nn.SimpleRNN(6, 4, activation="relu")

    def forward(self, x):
        y, h = self.gru(x)
        z, _ = self.simple(y)
        return z, h


class Attention(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation="gelu", normalize_before=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(16))
        self.pool = nn.Linear(16, 8)

    def forward(self, x, mask):
        hidden = self.encoder(x, (1.0 - mask.unsqueeze([1, 2])) * -1e4)
        return F.tanh(self.pool(hidden[:, 0])), hidden


class ManyEnds(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 6), nn.Linear(3, 6)
        self.mix = nn.Bilinear(6, 6, 2)

    def forward(self, a, b, scale):
        x, y = self.left(a) * scale, F.sigmoid(self.right(b))
        low, high = paddle.split(paddle.concat([x, y], axis=1), 2, axis=1)
        top, _ = paddle.topk(high, 2, axis=1)
        return self.mix(x, y), paddle.where(low > 0, low, 0.1 * high), top


class Buffers(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1D(4, 8, 3, padding=1, padding_mode="replicate")
        self.norms = nn.LayerList([nn.GroupNorm(2, 8), nn.InstanceNorm1D(8)])
        self.register_buffer("shift", paddle.to_tensor(np.linspace(-1, 1, 8).astype("float32").reshape(8, 1)))
        self.scale = self.create_parameter([8, 1], default_initializer=nn.initializer.Constant(0.7))
        self.scale.stop_gradient = True

    def forward(self, x):
        x = self.norms[0](self.conv(x)) + self.shift
        return F.leaky_relu(self.norms[1](x) * self.scale, 0.1)


class Tied(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(12, 8, padding_idx=0)
        self.body = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, ids):
        x = self.norm(F.gelu(self.body(self.words(ids)))).sum(axis=1)
        return paddle.matmul(x, self.words.weight, transpose_y=True)


class Upwards(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Conv2DTranspose(4, 6, 3, stride=2, padding=1, output_padding=1)
        self.slope = nn.PReLU(6, 0.2)
        self.out = nn.Conv2D(6, 2, 1)

    def forward(self, x):
        y = self.slope(self.up(x))
        small = F.interpolate(y, scale_factor=0.5, mode="bilinear", align_corners=False)
        near = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.out(y), F.pixel_shuffle(F.pad(near, [1, 1, 0, 2]), 2), small


class Branching(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        if paddle.mean(x) > 0:
            y = self.a(x)
        else:
            y = self.b(x) * 2
        i = paddle.zeros([1], "int32")
        while i < 3:
            y = F.tanh(self.a(y)) + x
            i += 1
        return y


def floats(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda g: g.standard_normal(shape).astype("float32")


def drawn(*makers: Callable[[np.random.Generator], np.ndarray]) -> Callable[[np.random.Generator], list[np.ndarray]]:
    return lambda g: [make(g) for make in makers]


NETWORKS: dict[str, Network] = {
    "convolutions": Network(Convolutions, [Spec([None, 3, None, None], name="image")], drawn(floats(3, 3, 18, 14))),
    "dropping": Network(Dropping, [Spec([None, 6], name="x")], drawn(floats(4, 6)), random=True),
    "both_ways": Network(BothWays, [Spec([None, 6, 5], name="x")], drawn(floats(2, 6, 5))),
    "gated": Network(Gated, [Spec([None, 6, 5], name="x")], drawn(floats(3, 6, 5))),
    "attention": Network(
        Attention,
        [Spec([None, None, 16], name="x"), Spec([None, None], name="mask")],
        drawn(floats(2, 5, 16), lambda g: np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "float32")),
    ),
    "many_ends": Network(
        ManyEnds,
        [Spec([None, 4], name="a"), Spec([None, 3], name="b"), Spec([1], name="scale")],
        drawn(floats(3, 4), floats(3, 3), floats(1)),
    ),
    "buffers": Network(Buffers, [Spec([None, 4, None], name="x")], drawn(floats(2, 4, 9))),
    "tied": Network(Tied, [Spec([None, None], "int64", name="ids")], drawn(lambda g: g.integers(0, 12, (4, 5)))),
    "upwards": Network(Upwards, [Spec([None, 4, 5, 6], name="x")], drawn(floats(2, 4, 5, 6))),
    "branching": Network(Branching, [Spec([None, 4], name="x")], drawn(floats(3, 4))),
}


def inputs_of(name: str, batch: int = 0) -> list[np.ndarray]:
    """The inputs of a network, the same in both frameworks."""
    return NETWORKS[name].inputs(np.random.default_rng([batch, *name.encode()]))


def results(layer: Any, arrays: list[np.ndarray]) -> list[Any]:
    """What the layer makes of these inputs, as a list of Tensors."""
    out = layer(*[paddle.to_tensor(a) for a in arrays])
    return list(out) if isinstance(out, (list, tuple)) else [out]


def train(layer: Any, name: str, optimizer: str, steps: int = 5) -> list[float]:
    """Losses of some steps on batches of `inputs_of`; the mean square of all results is to shrink."""
    made = {"sgd": paddle.optimizer.SGD, "adam": paddle.optimizer.Adam}[optimizer](
        0.005 if optimizer == "sgd" else 0.01, parameters=[p for p in layer.parameters() if not p.stop_gradient]
    )
    layer.train()
    losses = []
    for step in range(steps):
        loss = sum((r.astype("float32") ** 2).mean() for r in results(layer, inputs_of(name, step)))
        loss.backward()
        made.step()
        made.clear_grad()
        losses.append(float(loss))
    return losses

"""The guide's networks and its recorded numbers (inputs.npz, trajectories.npz: real Paddle 2.4.2 and 2.6.2)."""
from __future__ import annotations

from pathlib import Path

import numpy as np

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec

DATA = Path(__file__).parent / "data"
GIVEN = dict(np.load(DATA / "inputs.npz"))
RECORDED = dict(np.load(DATA / "trajectories.npz"))


class LinearNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)

    def forward(self, x):
        return self._linear(x)


class StaticNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)

    @paddle.jit.to_static
    def forward(self, x):
        return self._linear(x)


class SpecNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)

    @paddle.jit.to_static(input_spec=[InputSpec(shape=[None, 784], dtype="float32")])
    def forward(self, x):
        return self._linear(x)


class TwoMethods(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)
        self._linear_2 = nn.Linear(784, 10)

    @paddle.jit.to_static(input_spec=[InputSpec(shape=[None, 784], dtype="float32")])
    def forward(self, x):
        return self._linear(x)

    @paddle.jit.to_static(input_spec=[InputSpec(shape=[None, 784], dtype="float32")])
    def another_forward(self, x):
        return self._linear_2(x)


def given(layer: nn.Layer) -> nn.Layer:
    """`layer` with the recorded starting values."""
    layer._linear.weight.set_value(GIVEN["w"])
    layer._linear.bias.set_value(GIVEN["b"])
    if hasattr(layer, "_linear_2"):
        layer._linear_2.weight.set_value(GIVEN["w2"])
        layer._linear_2.bias.set_value(GIVEN["b2"])
    return layer


def train(layer: nn.Layer, steps: int = 16, adam: paddle.optimizer.Adam | None = None, first: int = 0):
    """The guide's training on the recorded batches; returns losses and the optimizer."""
    loss_fn = nn.CrossEntropyLoss()
    if adam is None:
        adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=layer.parameters())
    losses = []
    for step in range(first, first + steps):
        image, label = paddle.to_tensor(GIVEN["image"][step % 4]), paddle.to_tensor(GIVEN["label"][step % 4])
        loss = loss_fn(layer(image), label)
        loss.backward()
        adam.step()
        adam.clear_grad()
        losses.append(float(loss))
    return np.array(losses), adam


def files(folder: str) -> list[str]:
    return sorted(p.name for p in Path(folder).iterdir())

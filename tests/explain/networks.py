"""Networks that the tests of `explain` trace. Line numbers are found by text, so lines may move."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import minipaddle as paddle
from minipaddle import nn

FILE = __file__


def line_of(text: str) -> int:
    """Number of the line of this file that begins with `text`."""
    lines = Path(FILE).read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.strip().startswith(text))


class Block(nn.Layer):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.scale = scale

    def forward(self, x: Any) -> Any:
        y = nn.functional.gelu(self.fc(self.norm(x)))
        if self.scale > 1:
            y = y * self.scale
        return x + y


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(12, 8)
        self.blocks = nn.LayerList([Block(8, 1), Block(8, 2)])
        self.head = nn.Linear(8, 3)

    @paddle.jit.to_static
    def forward(self, x: Any, double: bool = False) -> Any:
        h = self.stem(x)
        for block in self.blocks:
            h = block(h)
        if h.mean() > 0:
            h = h * 2
        else:
            h = h - 1
        return nn.functional.softmax(self.head(h))


class Convolutions(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2D(3, 8, 3, padding=1, bias_attr=False)
        self.norm = nn.BatchNorm2D(8)
        self.pool = nn.MaxPool2D(2, 2)
        self.fc = nn.Linear(8 * 4 * 4, 5)

    def forward(self, x: Any) -> Any:
        return self.fc(paddle.flatten(self.pool(nn.functional.relu(self.norm(self.conv(x)))), 1))


def until_large(x: Any) -> Any:
    y = x + 1
    while y.sum() < 100:
        y = y * 2
    return y


class Uneven(nn.Layer):
    """Gives another result at each call: what is traced cannot agree with it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def forward(self, x: Any) -> Any:
        self.calls.append(1)
        y = x + 1.0
        z = y * float(len(self.calls))
        return paddle.exp(z)

"""Train through `to_static` and save: the decorated forward is traced at its first call and runs as a Program."""
from __future__ import annotations

import tempfile
from pathlib import Path

from common import CLASS_NUM, IMAGE_SIZE, train

import minipaddle as paddle
from minipaddle import nn


class LinearNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(IMAGE_SIZE, CLASS_NUM)

    @paddle.jit.to_static
    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self._linear(x)


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.seed(0)
    layer = LinearNet()
    train(layer)
    print("programs traced:", len(layer.forward.program_cache))
    print(layer.forward.main_program)
    x = paddle.randn([16, IMAGE_SIZE])
    print("the Python that runs it:")
    print(layer.forward.get_concrete_program(x)[1].inference.source)
    paddle.jit.save(layer, str(folder / "linear"))
    print("saved:", ", ".join(sorted(f.name for f in folder.iterdir())))


if __name__ == "__main__":
    main()

"""Save several methods of one Layer: five files, and each method is there again after loading."""
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from common import CLASS_NUM, IMAGE_SIZE

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec

SPEC = [InputSpec([None, IMAGE_SIZE], "float32")]


class TwoHeads(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(IMAGE_SIZE, CLASS_NUM)
        self.score = nn.Linear(IMAGE_SIZE, 1)

    @paddle.jit.to_static(input_spec=SPEC)
    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.classes(x)

    @paddle.jit.to_static(input_spec=SPEC)
    def rate(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.score(x)


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.seed(0)
    layer = TwoHeads()
    x = paddle.randn([2, IMAGE_SIZE])
    paddle.jit.save(layer, str(folder / "heads"))
    print("files:", ", ".join(sorted(f.name for f in folder.iterdir())))
    loaded = paddle.jit.load(str(folder / "heads"))
    for name in ("forward", "rate"):
        same = np.array_equal(getattr(layer, name)(x).numpy(), getattr(loaded, name)(x).numpy())
        print(f"{name}: result {getattr(loaded, name)(x).shape}, equal before and after: {same}")


if __name__ == "__main__":
    main()

"""Train dynamically, save a Program all the same: jit.save traces forward with an InputSpec or an example Tensor."""
from __future__ import annotations

import tempfile
from pathlib import Path

from common import LinearNet, loader, train

import minipaddle as paddle
from minipaddle.static import InputSpec


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.seed(0)
    layer = LinearNet()
    train(layer)
    paddle.jit.save(layer, str(folder / "open"), input_spec=[InputSpec(shape=[None, 784], dtype="float32")])
    image, _ = next(iter(loader()))
    paddle.jit.save(layer, str(folder / "fixed"), input_spec=[image])
    for name in ("open", "fixed"):
        spec = paddle.jit.load(str(folder / name))._input_spec()
        print(f"{name}: the saved model takes {spec}")


if __name__ == "__main__":
    main()

"""Load a model, train it further without its Python code, save it again."""
from __future__ import annotations

import tempfile
from pathlib import Path

from common import LinearNet, accuracy, train

import minipaddle as paddle
from minipaddle.static import InputSpec


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.seed(0)
    spec = [InputSpec([None, 784], "float32", "x")]
    paddle.jit.save(LinearNet(), str(folder / "untrained"), input_spec=spec)
    model = paddle.jit.load(str(folder / "untrained"))
    before = accuracy(model)
    train(model)
    print(f"accuracy {before:.3f} before, {accuracy(model):.3f} after fine-tuning")
    paddle.jit.save(model, str(folder / "tuned"), input_spec=spec)
    print(f"accuracy of the saved result {accuracy(paddle.jit.load(str(folder / 'tuned'))):.3f}")


if __name__ == "__main__":
    main()

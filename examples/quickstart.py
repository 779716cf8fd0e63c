"""The main job in one script: train, save, look at the files, load, fine-tune, save again.

    python examples/quickstart.py [FOLDER]
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import LinearNet, accuracy, train

import minipaddle as paddle
from minipaddle.static import InputSpec


def show(folder: Path) -> None:
    """Print the files of a model with their sizes."""
    for file in sorted(folder.iterdir()):
        print(f"  {file.name:28} {file.stat().st_size:7} bytes")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    paddle.seed(0)

    print("train LinearNet (784 -> 10) as a traced Program")
    layer = paddle.jit.to_static(LinearNet(), input_spec=[InputSpec([None, 784], "float32")])
    train(layer)
    print(f"accuracy {accuracy(layer):.3f}")

    print("the traced Program")
    print(layer.forward.main_program)

    print("save it in Paddle's own files")
    paddle.jit.save(layer, str(folder / "model" / "linear"))
    show(folder / "model")

    print("load the files; no Python code of the model is needed")
    loaded = paddle.jit.load(str(folder / "model" / "linear"))
    print(f"{type(loaded).__name__} with parameters {[p.name for p in loaded.parameters()]}, accuracy {accuracy(loaded):.3f}")

    print("fine-tune what was loaded, save it again")
    train(loaded, epochs=2)
    print(f"accuracy {accuracy(loaded):.3f}")
    paddle.jit.save(loaded, str(folder / "tuned" / "linear"), input_spec=[InputSpec([None, 784], "float32", "x")])
    show(folder / "tuned")
    print(f"the files are in {folder}")


if __name__ == "__main__":
    main()

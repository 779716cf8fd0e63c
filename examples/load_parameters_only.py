"""Take the parameters out of a saved model and put them into a Layer of your own."""
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from common import LinearNet

import minipaddle as paddle
from minipaddle.static import InputSpec


def main() -> None:
    prefix = str(Path(tempfile.mkdtemp()) / "linear")
    source = LinearNet()
    paddle.jit.save(source, prefix, input_spec=[InputSpec([None, 784], "float32")])
    state = paddle.load(prefix)
    for name, value in state.items():
        print(f"{name}: {value.dtype}{list(value.shape)}")
    target = LinearNet()
    target.set_state_dict(state)
    print("equal:", all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(source.parameters(), target.parameters(), strict=True)))


if __name__ == "__main__":
    main()

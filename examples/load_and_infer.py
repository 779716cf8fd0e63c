"""Load a model and predict. Give the prefix of any Paddle model: python examples/load_and_infer.py PREFIX"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import LinearNet

import minipaddle as paddle
from minipaddle.static import InputSpec


def main() -> None:
    if len(sys.argv) > 1:
        prefix = sys.argv[1]
    else:
        prefix = str(Path(tempfile.mkdtemp()) / "linear")
        paddle.jit.save(LinearNet(), prefix, input_spec=[InputSpec([None, 784], "float32")])
    model = paddle.jit.load(prefix)
    model.eval()
    print(model.program())
    inputs = []
    for spec in model._input_spec():
        shape = [1 if n == -1 else n for n in spec.shape]
        inputs.append(np.random.default_rng(0).random(shape).astype(spec.dtype.np))
        print(f"input {spec.name}: {spec.dtype.name}{shape}")
    results = model(*inputs)
    for result in results if isinstance(results, list) else [results]:
        print("result:", result)


if __name__ == "__main__":
    main()

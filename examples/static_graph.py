"""The static graph of Paddle 1.x: build a Program, train it, and save it in all four forms of `fluid.io`; then read each of them."""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import BATCH_SIZE, CLASS_NUM, IMAGE_SIZE, Blobs

import minipaddle as paddle
from minipaddle import fluid


def build() -> tuple[Any, Any, Any, Any]:
    """A classifier as operators of the default main Program; its parameters are made by the startup Program."""
    image = fluid.data(name="image", shape=[None, IMAGE_SIZE], dtype="float32")
    label = fluid.data(name="label", shape=[None, 1], dtype="int64")
    pred = fluid.layers.fc(input=image, size=CLASS_NUM, act="softmax")
    loss = fluid.layers.mean(fluid.layers.cross_entropy(input=pred, label=label))
    fluid.optimizer.SGD(learning_rate=0.02).minimize(loss)
    return image, label, pred, loss


def train(exe: fluid.Executor, image: Any, label: Any, loss: Any) -> None:
    """Four passes; running the main Program once is one step. The loader's batches know their feed names."""
    place = fluid.CPUPlace()
    exe.run(fluid.default_startup_program())
    loader = paddle.io.DataLoader(
        Blobs(256), feed_list=[image, label], places=place, batch_size=BATCH_SIZE, shuffle=True, drop_last=True, num_workers=2
    )
    for epoch in range(4):
        losses = [exe.run(feed=batch, fetch_list=[loss])[0].item() for batch in loader()]
        print(f"epoch {epoch}: mean loss {np.mean(losses):.4f}")


def shown(folder: Path) -> str:
    return ", ".join(sorted(f.name for f in folder.iterdir()))


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.enable_static()
    fluid.default_startup_program().random_seed = 1
    image, label, pred, loss = build()
    operators = [op.type for op in fluid.default_main_program().global_block().ops]
    print("operators:", " ".join(operators))
    exe = fluid.Executor(fluid.CPUPlace())
    train(exe, image, label, loss)

    # an inference model: only what leads from the image to the prediction
    fluid.io.save_inference_model(str(folder / "infer"), ["image"], [pred], exe)
    fluid.io.save_inference_model(str(folder / "one_file"), ["image"], [pred], exe, params_filename="__params__")
    # parameters, and everything else that persists
    fluid.io.save_params(exe, str(folder / "params"), filename="__params__")
    fluid.io.save_persistables(exe, str(folder / "persistables"))
    # a checkpoint: parameters, the optimizer's variables, the whole training Program
    fluid.save(fluid.default_main_program(), str(folder / "checkpoint" / "net"))
    for name in ("infer", "one_file", "params", "persistables", "checkpoint"):
        print(f"{name}: {shown(folder / name)}")
    # a file without names: the variables say what is in it
    state = paddle.io.load_program_state(str(folder / "params" / "__params__"), fluid.default_main_program().all_parameters())
    print("load_program_state:", {name: list(a.shape) for name, a in state.items()})

    paddle.disable_static()
    test = Blobs(256, seed=1)
    for options in ({}, {"params_filename": "__params__"}):
        model = paddle.jit.load(str(folder / ("one_file" if options else "infer")), **options)
        found = model(paddle.to_tensor(test.images)).numpy().argmax(axis=1)
        print(f"as a dynamic layer: accuracy {(found == test.labels[:, 0]).mean():.3f}")
    print("parameters alone:", {name: list(a.shape) for name, a in paddle.load(str(folder / "infer")).items()})
    print("of the checkpoint:", {name: list(t.shape) for name, t in paddle.load(str(folder / "checkpoint" / "net.pdparams")).items()})


if __name__ == "__main__":
    main()

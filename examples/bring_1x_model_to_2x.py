"""A model that Paddle 1.x saved, without the script that made it: load it, train it further, save it in the form of 2.x."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from common import BATCH_SIZE, CLASS_NUM, IMAGE_SIZE, Blobs

import minipaddle as paddle
from minipaddle import fluid
from minipaddle.static import InputSpec


def old_model(folder: str) -> None:
    """What somebody saved years ago: ``__model__`` and one file for each parameter."""
    paddle.enable_static()
    fluid.default_startup_program().random_seed = 1
    image = fluid.data("image", [None, IMAGE_SIZE])
    hidden = fluid.layers.fc(image, 64, act="relu")
    pred = fluid.layers.fc(hidden, CLASS_NUM, act="softmax")
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    fluid.io.save_inference_model(folder, ["image"], [pred], exe)
    paddle.disable_static()


def accuracy(model: paddle.nn.Layer) -> float:
    test = Blobs(256, seed=1)
    model.eval()
    return float((model(paddle.to_tensor(test.images)).numpy().argmax(axis=1) == test.labels[:, 0]).mean())


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    old_model(str(folder / "old"))
    print("old files:", ", ".join(sorted(f.name for f in (folder / "old").iterdir())))

    # 1. the model is a Layer; what the old operators do, `mul` for example, they still do
    model = paddle.jit.load(str(folder / "old"))
    print("its operators:", " ".join(op.type for op in model.program().global_block().ops))
    print("its parameters:", {name: p.shape for name, p in model.state_dict().items()})
    print(f"accuracy {accuracy(model):.3f} as it came")

    # 2. it trains; the network ends in softmax, so the loss takes probabilities
    model.train()
    adam = paddle.optimizer.Adam(0.003, parameters=model.parameters())
    batches = paddle.io.DataLoader(Blobs(256), batch_size=BATCH_SIZE, shuffle=True)
    for _ in range(3):
        for image, label in batches:
            loss = paddle.nn.functional.nll_loss(paddle.log(model(image)), label.flatten())
            loss.backward()
            adam.step()
            adam.clear_grad()
    print(f"accuracy {accuracy(model):.3f} after fine-tuning")

    # 3. the files of 2.x
    paddle.jit.save(model, str(folder / "new" / "net"), input_spec=[InputSpec([None, IMAGE_SIZE], "float32", "image")])
    print("new files:", ", ".join(sorted(f.name for f in (folder / "new").iterdir())))
    again = paddle.jit.load(str(folder / "new" / "net"))
    print(f"accuracy {accuracy(again):.3f} of what was saved")

    # 4. or take the parameters alone into a network of today
    values = paddle.load(str(folder / "old"))
    net = paddle.nn.Sequential(
        paddle.nn.Linear(IMAGE_SIZE, 64), paddle.nn.ReLU(), paddle.nn.Linear(64, CLASS_NUM), paddle.nn.Softmax()
    )
    names = {"0.weight": "fc_0.w_0", "0.bias": "fc_0.b_0", "2.weight": "fc_1.w_0", "2.bias": "fc_1.b_0"}
    net.set_state_dict({new: values[old] for new, old in names.items()})
    x = paddle.to_tensor(Blobs(4).images)
    print(
        "the same network in 2.x code gives the same:",
        np.allclose(net(x).numpy(), paddle.jit.load(str(folder / "old"))(x).numpy(), atol=1e-6),
    )


if __name__ == "__main__":
    main()

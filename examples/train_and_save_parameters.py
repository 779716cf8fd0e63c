"""Save the parameters of a network and of its optimizer, and go on training from them in fresh objects."""
from __future__ import annotations

import tempfile
from pathlib import Path

from common import LinearNet, accuracy, train

import minipaddle as paddle


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    paddle.seed(0)
    layer = LinearNet()
    adam = train(layer)
    paddle.save(layer.state_dict(), str(folder / "linear_net.pdparams"))
    paddle.save(adam.state_dict(), str(folder / "adam.pdopt"))
    print("saved:", ", ".join(sorted(f.name for f in folder.iterdir())))

    again = LinearNet()
    fresh = paddle.optimizer.Adam(learning_rate=0.001, parameters=again.parameters())
    missing, unexpected = again.set_state_dict(paddle.load(str(folder / "linear_net.pdparams")))
    assert not missing and not unexpected
    # the names in the optimizer's file are those of the parameters it was trained with
    state = paddle.load(str(folder / "adam.pdopt"), return_numpy=True)
    names = dict(zip((p.name for p in layer.parameters()), (p.name for p in again.parameters()), strict=True))
    for old, new in names.items():
        state = {key.replace(old, new): value for key, value in state.items()}
    fresh.set_state_dict(state)
    print(f"accuracy of the first object {accuracy(layer):.3f}, of the second {accuracy(again):.3f}")
    print("optimizer state:", ", ".join(sorted(state)))


if __name__ == "__main__":
    main()

"""Networks of ten kinds: saved here and run by real Paddle 2.6.2; saved there, run and fine-tuned here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

from . import networks
from .common import needs_paddle, run
from .networks import NETWORKS, inputs_of, results, train

pytestmark = [pytest.mark.paddle, needs_paddle]

# What real Paddle does, in one process: runs each of our models in two ways, saves each network itself and trains it.
SCRIPT = """
sys.path.insert(0, {folder!r})
os.environ["PADDLE_MODULE"] = "paddle"
from networks import NETWORKS, inputs_of, results, train
from paddle.inference import Config, create_predictor

def predict(prefix, arrays):
    config = Config(prefix + ".pdmodel", prefix + ".pdiparams")
    config.disable_glog_info()
    predictor = create_predictor(config)
    for name, a in zip(predictor.get_input_names(), arrays):
        predictor.get_input_handle(name).copy_from_cpu(a)
    predictor.run()
    return [predictor.get_output_handle(n).copy_to_cpu() for n in predictor.get_output_names()]

def keep(file, arrays):
    np.savez(file, *arrays)

for name, network in NETWORKS.items():
    try:
        for kind in ("ours", "tuned", "inside"):
            keep(name + "." + kind + ".jit.npz", [r.numpy() for r in results(paddle.jit.load(kind + "/" + name), inputs_of(name))])
            keep(name + "." + kind + ".inference.npz", predict(kind + "/" + name, inputs_of(name)))
        paddle.seed(3)
        net = network.make()
        for p in net.parameters():
            if p.name.endswith("w_2") and "norm" in p.name:  # variances other than 1
                p.set_value(p * 1.5)
        paddle.jit.save(net, "theirs/" + name, input_spec=network.specs)
        initial = dict((k, v.numpy()) for k, v in net.state_dict().items())
        net.eval()
        keep(name + ".theirs.npz", [r.numpy() for r in results(net, inputs_of(name))])
        result[name] = dict()
        for optimizer in ("sgd", "adam"):
            net.set_state_dict(dict((k, paddle.to_tensor(v)) for k, v in initial.items()))
            result[name][optimizer] = train(net, name, optimizer)
            net.eval()
            keep(name + ".theirs." + optimizer + ".npz", [r.numpy() for r in results(net, inputs_of(name))])
    except Exception as error:
        import traceback
        result[name] = dict(error=traceback.format_exc())
"""


def as_arrays(file: Path) -> list[np.ndarray]:
    with np.load(file) as stored:
        return [stored[k] for k in stored.files]


def apart(got: list[np.ndarray], want: list[np.ndarray]) -> float:
    assert [a.shape for a in got] == [b.shape for b in want]
    return max(float(np.abs(a - b).max()) for a, b in zip(got, want, strict=True))


class Inside(paddle.nn.Layer):
    """A loaded model as a part of another network; the first result gets one more operation."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Any) -> Any:
        found = self.model(*inputs)
        found = found if isinstance(found, list) else [found]
        return [paddle.tanh(found[0]), *found[1:]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, list[np.ndarray]]]:
    """A folder with the files of both frameworks, what real Paddle reports, and our results."""
    folder = tmp_path_factory.mktemp("networks")
    own: dict[str, list[np.ndarray]] = {}
    for name, network in NETWORKS.items():
        paddle.seed(2)
        net = network.make()
        paddle.jit.save(net, str(folder / "ours" / name), input_spec=network.specs)
        net.eval()
        own[f"{name}.ours"] = [r.numpy() for r in results(net, inputs_of(name))]
        loaded = paddle.jit.load(str(folder / "ours" / name))
        losses = train(loaded, name, "adam", steps=3)
        assert len(set(losses)) == 3, f"{name}: training changes nothing"
        loaded.eval()
        paddle.jit.save(loaded, str(folder / "tuned" / name), input_spec=network.specs)
        own[f"{name}.tuned"] = [r.numpy() for r in results(loaded, inputs_of(name))]
        paddle.jit.save(Inside(loaded), str(folder / "inside" / name), input_spec=network.specs)
        first, *rest = own[f"{name}.tuned"]
        own[f"{name}.inside"] = [np.tanh(first), *rest]
    return folder, run(SCRIPT.format(folder=str(Path(networks.__file__).parent)), folder), own


@pytest.mark.parametrize("kind", ["ours", "tuned", "inside"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_real_paddle_runs_what_we_save(both: Any, name: str, kind: str) -> None:
    """ours: saved from the Layer. tuned: loaded from that, trained, and saved again. inside: as a part of another network."""
    folder, found, own = both
    assert "error" not in found[name], found[name]["error"]
    for way in ("jit", "inference"):
        assert apart(as_arrays(folder / f"{name}.{kind}.{way}.npz"), own[f"{name}.{kind}"]) < 2e-5, way


@pytest.mark.parametrize("name", list(NETWORKS))
def test_we_run_what_real_paddle_saves(both: Any, name: str) -> None:
    folder, found, _ = both
    assert "error" not in found[name], found[name]["error"]
    prefix = str(folder / "theirs" / name)
    want = as_arrays(folder / f"{name}.theirs.npz")
    layer = paddle.jit.load(prefix)
    assert apart([r.numpy() for r in results(layer, inputs_of(name))], want) < 2e-5
    config = paddle.inference.Config(prefix + ".pdmodel", prefix + ".pdiparams")
    predictor = paddle.inference.create_predictor(config)
    for input_name, a in zip(predictor.get_input_names(), inputs_of(name), strict=True):
        predictor.get_input_handle(input_name).copy_from_cpu(a)
    predictor.run()
    outputs = [predictor.get_output_handle(n).copy_to_cpu() for n in predictor.get_output_names()]
    assert apart(outputs, want) < 2e-5


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", [n for n, network in NETWORKS.items() if not network.random])
def test_fine_tuning_follows_real_dygraph_training(both: Any, name: str, optimizer: str) -> None:
    """Losses of five steps on a loaded model are those of the same steps on the Layer in real Paddle."""
    folder, found, _ = both
    assert "error" not in found[name], found[name]["error"]
    layer = paddle.jit.load(str(folder / "theirs" / name))
    np.testing.assert_allclose(train(layer, name, optimizer), found[name][optimizer], rtol=1e-4)
    layer.eval()
    after = [r.numpy() for r in results(layer, inputs_of(name))]
    assert apart(after, as_arrays(folder / f"{name}.theirs.{optimizer}.npz")) < 1e-3


def test_dropout_of_a_loaded_model_drops_in_training_only(both: Any) -> None:
    folder, _, _ = both
    layer = paddle.jit.load(str(folder / "theirs" / "dropping"))
    x = inputs_of("dropping")

    def twice() -> float:
        a, b = (results(layer, x)[0].numpy() for _ in range(2))
        return float(np.abs(a - b).max())

    assert twice() == 0
    layer.train()
    assert twice() > 0

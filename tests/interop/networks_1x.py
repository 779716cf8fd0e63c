"""Networks in the code of Paddle 1.x. Both frameworks run this file: FLUID_MODULE says which one `fluid` is."""
# Paddle 1.8 runs on Python 3.7: no newer syntax here.
# ruff: noqa: UP006, UP031, UP035, UP045
from __future__ import annotations

import importlib
import os
from typing import Any, Dict, List, Optional

import numpy as np

fluid: Any = importlib.import_module(os.environ.get("FLUID_MODULE", "minipaddle.fluid"))

# the four ways to name the files of an inference model
FILE_NAMES: List[Dict[str, Optional[str]]] = [
    {},
    {"model_filename": "the_model"},
    {"params_filename": "the_params"},
    {"model_filename": "the_model", "params_filename": "the_params"},
]


class Net:
    """Programs with a scope and names of their own. predict: the result. loss: what Adam brings down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.main, self.startup, self.scope = fluid.Program(), fluid.Program(), fluid.Scope()
        with fluid.program_guard(self.main, self.startup), fluid.unique_name.guard():
            self.predict, self.loss = NETS[name]()
            self.test = self.main.clone(for_test=True)
            fluid.optimizer.Adam(0.01).minimize(self.loss)
        self.exe = fluid.Executor(fluid.CPUPlace())
        with fluid.scope_guard(self.scope):
            self.exe.run(self.startup)

    def feed(self, label: bool = True) -> Dict[str, Any]:
        rng = np.random.RandomState(len(self.name))
        if self.name == "words":
            ids = rng.randint(0, 9, (6, 1)).astype("int64")
            given = {"words": fluid.create_lod_tensor(ids, [[4, 2]], fluid.CPUPlace())}
            rows = 2
        elif self.name == "picture":
            given, rows = {"picture": rng.rand(3, 1, 8, 8).astype("float32")}, 3
        else:
            given, rows = {"x": rng.rand(4, 5).astype("float32")}, 4
        if label:
            given["label"] = rng.randint(0, 3, (rows, 1)).astype("int64")
        return given

    def train(self, steps: int) -> List[float]:
        with fluid.scope_guard(self.scope):
            return [
                float(np.asarray(self.exe.run(self.main, feed=self.feed(), fetch_list=[self.loss])[0]).reshape(-1)[0])
                for _ in range(steps)
            ]

    def results(self) -> np.ndarray:
        with fluid.scope_guard(self.scope):
            found = self.exe.run(self.test, feed=self.feed(), fetch_list=[self.predict], return_numpy=False)
        return np.array(found[0])


def _scored(hidden: Any) -> Any:
    predict = fluid.layers.fc(hidden, size=3, act="softmax")
    label = fluid.data(name="label", shape=[None, 1], dtype="int64")
    return predict, fluid.layers.mean(fluid.layers.cross_entropy(input=predict, label=label))


def plain() -> Any:
    x = fluid.data(name="x", shape=[None, 5], dtype="float32")
    return _scored(fluid.layers.dropout(fluid.layers.fc(x, size=6, act="tanh"), dropout_prob=0.0))


def picture() -> Any:
    x = fluid.data(name="picture", shape=[None, 1, 8, 8], dtype="float32")
    y = fluid.layers.batch_norm(fluid.layers.conv2d(x, num_filters=4, filter_size=3, padding=1), act="relu")
    return _scored(fluid.layers.pool2d(y, pool_size=2, pool_stride=2, pool_type="avg"))


def words() -> Any:
    ids = fluid.data(name="words", shape=[None, 1], dtype="int64", lod_level=1)
    gates = fluid.layers.fc(fluid.layers.embedding(ids, size=[9, 6]), size=12)
    forward = fluid.layers.dynamic_gru(gates, size=4)
    return _scored(fluid.layers.concat([fluid.layers.sequence_last_step(forward), fluid.layers.sequence_pool(forward, "max")], axis=1))


NETS = {"plain": plain, "picture": picture, "words": words}


def save_all(net: Net, folder: str) -> None:
    """Every form of 1.x: inference models, parameters, persistables, checkpoints."""
    with fluid.scope_guard(net.scope):
        for i, names in enumerate(FILE_NAMES):
            fed = list(net.feed(label=False))
            fluid.io.save_inference_model(folder + "/infer%d" % i, fed, [net.predict], net.exe, main_program=net.main, **names)
        for suffix, file in (("", None), ("_in_one", "all")):
            fluid.io.save_params(net.exe, folder + "/params" + suffix, net.main, filename=file)
            fluid.io.save_persistables(net.exe, folder + "/persistables" + suffix, net.main, filename=file)
        fluid.save(net.main, folder + "/checkpoint/net")


def run_inference(folder: str, feed: Dict[str, Any], names: Dict[str, Optional[str]]) -> np.ndarray:
    """The result of a saved inference model, in a scope of its own."""
    with fluid.scope_guard(fluid.Scope()):
        exe = fluid.Executor(fluid.CPUPlace())
        program, fed, fetched = fluid.io.load_inference_model(folder, exe, **names)
        assert sorted(fed) == sorted(feed)
        return np.array(exe.run(program, feed=feed, fetch_list=fetched, return_numpy=False)[0])


def read_all(name: str, folder: str) -> Dict[str, Any]:
    """What the saved forms give: results of the inference models, and of fresh networks filled from the files; losses after that."""
    found: Dict[str, Any] = {}
    for i, names in enumerate(FILE_NAMES):
        found["infer%d" % i] = run_inference(folder + "/infer%d" % i, Net(name).feed(label=False), names).tolist()
    for suffix, file in (("", None), ("_in_one", "all")):
        net = Net(name)
        with fluid.scope_guard(net.scope):
            if name != "picture":  # statistics of batch_norm are no parameters in 1.x
                fluid.io.load_params(net.exe, folder + "/params" + suffix, net.main, filename=file)
                found["params" + suffix] = net.results().tolist()
            fluid.io.load_persistables(net.exe, folder + "/persistables" + suffix, net.main, filename=file)
        found["persistables" + suffix] = net.results().tolist()
        found["losses" + suffix] = net.train(3)
    net = Net(name)
    with fluid.scope_guard(net.scope):
        fluid.load(net.main, folder + "/checkpoint/net", net.exe)
    found["checkpoint"] = net.results().tolist()
    found["losses of checkpoint"] = net.train(3)
    return found

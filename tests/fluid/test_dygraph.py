"""Dynamic mode as 1.x had it."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import fluid


class _Net(fluid.dygraph.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first = fluid.dygraph.Linear(4, 3, act="tanh")
        self.second = fluid.dygraph.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x))


X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")


def test_guard_computes_at_once_and_counts_names_anew() -> None:
    paddle.enable_static()
    try:
        assert not fluid.in_dygraph_mode()
        for _ in range(2):
            with fluid.dygraph.guard(fluid.CPUPlace()):
                assert fluid.in_dygraph_mode()
                net = _Net()
                assert net.first.weight.name == "linear_0.w_0"
                assert net(fluid.dygraph.to_variable(X)).shape == [5, 2]
        assert not fluid.in_dygraph_mode()
    finally:
        paddle.disable_static()


def test_to_variable_keeps_the_dtype() -> None:
    t = fluid.dygraph.to_variable(np.ones(3), name="given")
    assert t.dtype == paddle.float64 and t.name == "given" and t.stop_gradient
    with pytest.raises(TypeError, match=r"numpy\.ndarray"):
        fluid.dygraph.to_variable([1.0])


def test_training_and_checkpoints(tmp_path: Any) -> None:
    with fluid.dygraph.guard():
        net = _Net()
        rate = fluid.dygraph.PiecewiseDecay([2, 4], [0.1, 0.05, 0.01], 0)
        adam = fluid.optimizer.AdamOptimizer(rate, parameter_list=net.parameters())
        rates = []
        for _ in range(5):
            rates.append(adam.current_step_lr())
            loss = fluid.layers.reduce_mean(fluid.layers.square(net(fluid.dygraph.to_variable(X))))
            loss.backward()
            adam.minimize(loss)
            net.clear_gradients()
        np.testing.assert_allclose(rates, [0.1, 0.1, 0.05, 0.05, 0.01])
        fluid.save_dygraph(net.state_dict(), str(tmp_path / "net"))
        fluid.save_dygraph(adam.state_dict(), str(tmp_path / "net"))
        assert sorted(os.listdir(tmp_path)) == ["net.pdopt", "net.pdparams"]
        layer_state, optimizer_state = fluid.load_dygraph(str(tmp_path / "net"))
        assert isinstance(layer_state["first.weight"], np.ndarray) and "StructuredToParameterName@@" not in layer_state
        fresh = _Net()
        fresh.set_dict(layer_state)
        np.testing.assert_array_equal(fresh(fluid.dygraph.to_variable(X)).numpy(), net(fluid.dygraph.to_variable(X)).numpy())
        assert any("moment1" in key for key in optimizer_state)
    with pytest.raises(ValueError):
        fluid.load_dygraph(str(tmp_path / "nothing"))


def test_a_traced_layer_becomes_an_inference_folder(tmp_path: Any) -> None:
    with fluid.dygraph.guard():
        net = _Net()
        x = fluid.dygraph.to_variable(X)
        out, traced = fluid.dygraph.TracedLayer.trace(net, inputs=[x])
        np.testing.assert_allclose(traced([x])[0].numpy(), out.numpy(), rtol=1e-6)
        traced.save_inference_model(str(tmp_path / "model"), feed=[0], fetch=[0])
        assert "__model__" in os.listdir(tmp_path / "model") and len(os.listdir(tmp_path / "model")) == 5
        layer = paddle.jit.load(str(tmp_path / "model"))
        np.testing.assert_allclose(layer(x).numpy(), out.numpy(), rtol=1e-6)


@pytest.mark.parametrize("make", [
    lambda: fluid.dygraph.Conv2D(3, 4, 3, act="relu"), lambda: fluid.dygraph.Pool2D(2, "avg", 2), lambda: fluid.dygraph.BatchNorm(3),
    lambda: fluid.dygraph.GroupNorm(3, 3), lambda: fluid.dygraph.InstanceNorm(3), lambda: fluid.dygraph.PRelu("channel", 3),
    lambda: fluid.dygraph.Conv2DTranspose(3, 2, 3, act="sigmoid"), lambda: fluid.dygraph.LayerNorm(6), lambda: fluid.dygraph.Dropout(0.5),
])  # fmt: skip
def test_layers_run_and_train(make: Any) -> None:
    with fluid.dygraph.guard():
        layer = make()
        x = fluid.dygraph.to_variable(np.random.default_rng(1).standard_normal((2, 3, 6, 6)).astype("float32"))
        x.stop_gradient = False
        (layer(x) ** 2).sum().backward()
        assert x.gradient().shape == (2, 3, 6, 6)
        assert all(p.gradient() is not None for p in layer.parameters() if not p.stop_gradient)


def test_embedding_and_gru_step() -> None:
    with fluid.dygraph.guard():
        ids = fluid.dygraph.to_variable(np.array([[1, 2]]))
        assert fluid.dygraph.Embedding([5, 12])(ids).shape == [1, 2, 12]
        new, reset, gates = fluid.dygraph.GRUUnit(12)(fluid.dygraph.Embedding([5, 12])(ids)[0], paddle.zeros([2, 4]))
        assert new.shape == reset.shape == [2, 4] and gates.shape == [2, 12]


def test_guard_has_programs_of_its_own() -> None:
    outside = paddle.static.default_main_program()
    with fluid.dygraph.guard():
        assert paddle.static.default_main_program() is not outside
        paddle.framework.random._manual_program_seed(3)
    assert paddle.static.default_main_program() is outside and outside.random_seed == 0

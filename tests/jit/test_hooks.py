"""Hooks of the Layer that `to_static` was given: what they compute before each call is seen, trained and saved."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec

SPEC = [InputSpec([None, 3], "float32")]


def _attribute_hook() -> nn.Layer:
    """A weight that a hook keeps as an attribute outside of the Layer's registries."""
    layer = nn.Linear(3, 2)
    base = layer.weight
    del layer.weight
    layer.add_parameter("base", base)
    layer.register_forward_pre_hook(lambda layer, inputs: object.__setattr__(layer, "weight", layer.base * 2))
    return layer


def _buffer_hook() -> nn.Layer:
    """The same by plain assignment, which makes a buffer of the weight."""
    layer = nn.Linear(3, 2)
    base = layer.weight
    del layer.weight
    layer.add_parameter("base", base)
    layer.register_forward_pre_hook(lambda layer, inputs: setattr(layer, "weight", layer.base * 2))
    return layer


MAKERS = {
    "weight_norm": lambda: nn.utils.weight_norm(nn.Linear(3, 2)),
    "weight_norm of all": lambda: nn.utils.weight_norm(nn.Linear(3, 2), dim=None),
    "spectral_norm": lambda: nn.utils.spectral_norm(nn.Linear(3, 2)),
    "a hook that sets an attribute": _attribute_hook,
    "a hook that sets a buffer": _buffer_hook,
}


def _trained(layer: nn.Layer, steps: int = 3) -> list[np.ndarray]:
    x = paddle.to_tensor(np.arange(6, dtype="float32").reshape(2, 3) / 6)
    optimizer = paddle.optimizer.SGD(0.1, parameters=layer.parameters())
    results = []
    for _ in range(steps):
        y = layer(x)
        y.square().sum().backward()
        optimizer.step()
        optimizer.clear_grad()
        results.append(y.numpy())
    with paddle.no_grad():
        results.append(layer(x).numpy())
    return results


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("spec", [None, SPEC], ids=["", "declared"])
def test_trains_as_the_dynamic_layer_does(make: Callable[[], nn.Layer], spec: list[InputSpec] | None) -> None:
    paddle.seed(3)
    dynamic = make()
    paddle.seed(3)
    static = paddle.jit.to_static(make(), input_spec=spec)
    for expected, got in zip(_trained(dynamic), _trained(static), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_saves_what_the_hooks_compute(make: Callable[[], nn.Layer], tmp_path: Path) -> None:
    layer = paddle.jit.to_static(make())
    _trained(layer)
    layer.eval()
    x = paddle.rand([4, 3])
    expected = layer(x).numpy()
    paddle.jit.save(layer, str(tmp_path / "model"), input_spec=SPEC)
    loaded = paddle.jit.load(str(tmp_path / "model"))
    np.testing.assert_allclose(loaded(x).numpy(), expected, rtol=1e-6)
    assert len(loaded.parameters()) == len(layer.parameters())  # the computed weight is computed in the file too


def test_a_saved_weight_norm_goes_on_training(tmp_path: Path) -> None:
    layer = paddle.jit.to_static(nn.utils.weight_norm(nn.Linear(3, 2)))
    x = paddle.rand([4, 3])
    layer(x)
    paddle.jit.save(layer, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    loaded.train()
    for expected, got in zip(_trained(layer), _trained(loaded), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_first_call_without_gradients_does_not_freeze_the_weight() -> None:
    layer = paddle.jit.to_static(nn.utils.weight_norm(nn.Linear(3, 2)))
    x = paddle.ones([1, 3])
    with paddle.no_grad():
        before = layer(x)
        layer.weight_g.set_value(layer.weight_g * 2)
        after = layer(x)
    np.testing.assert_allclose(after.numpy() - layer.bias.numpy(), 2 * (before.numpy() - layer.bias.numpy()), rtol=1e-5)
    assert len(layer.forward.program_cache) == 1


def test_remove_weight_norm_is_noticed() -> None:
    layer = paddle.jit.to_static(nn.utils.weight_norm(nn.Linear(3, 2)))
    x = paddle.rand([2, 3])
    before = layer(x).numpy()
    nn.utils.remove_weight_norm(layer)
    np.testing.assert_allclose(layer(x).numpy(), before, rtol=1e-5)
    layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_hooks_of_the_top_layer_run_at_each_call() -> None:
    layer = nn.Linear(3, 2)
    calls: list[str] = []
    layer.register_forward_pre_hook(lambda layer, inputs: calls.append("before"))
    layer.register_forward_post_hook(lambda layer, inputs, output: calls.append("after"))
    static = paddle.jit.to_static(layer)
    for _ in range(3):
        static(paddle.ones([1, 3]))
    assert calls == ["before", "after"] * 3


def test_a_tensor_attribute_of_another_shape_gets_a_program_of_its_own() -> None:
    class Shifted(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            object.__setattr__(self, "offset", paddle.ones([2]))

        def forward(self, x):
            return x + self.offset

    net = paddle.jit.to_static(Shifted())
    x = paddle.zeros([3, 2])
    assert net(x).sum().item() == 6
    object.__setattr__(net, "offset", paddle.full([2], 2.0))
    assert net(x).sum().item() == 12 and len(net.forward.program_cache) == 1
    object.__setattr__(net, "offset", paddle.full([3, 2], 3.0))
    assert net(x).sum().item() == 18 and len(net.forward.program_cache) == 2


def test_explain_compares_a_layer_with_hooks() -> None:
    layer = paddle.jit.to_static(nn.utils.weight_norm(nn.Linear(3, 2)))
    layer(paddle.rand([2, 3])).sum().backward()
    report = paddle.jit.explain(layer, paddle.rand([2, 3]), compare=True)
    assert "same" in str(report)

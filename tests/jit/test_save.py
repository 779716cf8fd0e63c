"""`jit.save`: which inputs and outputs are kept, and names in what is loaded."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.static import InputSpec


class Two(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.linear = paddle.nn.Linear(4, 2)

    def forward(self, image, label):
        out = self.linear(image)
        return out, paddle.mean(out - label)


def specs() -> list[InputSpec]:
    return [InputSpec([None, 4], "float32", "image"), InputSpec([None, 2], "float32", "label")]


def test_some_of_the_declared_specs_are_the_inputs_kept(tmp_path) -> None:
    layer = paddle.jit.to_static(Two(), input_spec=specs())
    paddle.jit.save(layer, str(tmp_path / "m"), input_spec=specs()[:1], output_spec=layer.forward.outputs[:1])
    x = paddle.ones([3, 4])
    np.testing.assert_array_equal(paddle.jit.load(str(tmp_path / "m"))(x), layer.linear(x))
    with pytest.raises(ValueError, match="leaves out"):
        paddle.jit.save(layer, str(tmp_path / "n"), input_spec=specs()[:1])
    with pytest.raises(ValueError, match="is conflict with"):
        paddle.jit.save(layer, str(tmp_path / "n"), input_spec=[specs()[0], True])


def test_dicts_become_sequences(tmp_path) -> None:
    class Net(paddle.nn.Layer):
        def forward(self, x):
            return {"b": x + 1, "a": x}

    with pytest.warns(UserWarning, match="Found 'dict' in given outputs"):
        paddle.jit.save(Net(), str(tmp_path / "m"), input_spec=[InputSpec([1])])
    assert [t.item() for t in paddle.jit.load(str(tmp_path / "m"))(paddle.ones([1]))] == [1.0, 2.0]


def test_tensors_that_are_no_results_are_warned_of(tmp_path) -> None:
    layer = paddle.nn.Linear(4, 2)
    with pytest.warns(UserWarning, match="no results of the traced function"):
        paddle.jit.save(layer, str(tmp_path / "m"), input_spec=[InputSpec([None, 4])], output_spec=[paddle.ones([1])])
    assert paddle.jit.load(str(tmp_path / "m"))(paddle.ones([1, 4])).shape == [1, 2]


def test_a_model_loaded_twice_in_one_traced_function(tmp_path) -> None:
    class Scaled(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.scale = paddle.to_tensor([2.0])

        def forward(self, x):
            return x * self.scale

    prefix = str(tmp_path / "m")
    paddle.jit.save(Scaled(), prefix, input_spec=[InputSpec([1])])
    first, second, other = paddle.jit.load(prefix), paddle.jit.load(prefix), paddle.to_tensor([3.0])
    traced = paddle.jit.to_static(lambda x: second(first(x)) * other)
    assert traced(paddle.ones([1])).item() == 12.0

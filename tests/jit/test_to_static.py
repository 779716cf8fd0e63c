"""to_static: same numbers as the dynamic graph, one Program per specification, clear errors."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec


class LinearNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(6, 3)
        self.calls = 0

    @paddle.jit.to_static
    def forward(self, x):
        self.calls += 1
        return self._linear(x)


class SpecNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(6, 3)

    @paddle.jit.to_static(input_spec=[InputSpec([None, 6], "float32")])
    def forward(self, x):
        return self._linear(x)


def data(n: int = 4, width: int = 6, seed: int = 0) -> paddle.Tensor:
    return paddle.to_tensor(np.random.RandomState(seed).rand(n, width).astype("float32"))


def test_result_equals_the_dynamic_one() -> None:
    net = LinearNet()
    x = data()
    np.testing.assert_array_equal(net(x).numpy(), net.forward.dygraph_function(x).numpy())


def test_body_runs_once_per_shape() -> None:
    net = LinearNet()
    for _ in range(3):
        net(data())
    assert net.calls == 1 and len(net.forward.program_cache) == 1
    net(data(5))
    assert net.calls == 2 and len(net.forward.program_cache) == 2
    net(data(4))
    assert len(net.forward.program_cache) == 2


def test_open_dimensions_share_a_program() -> None:
    net = SpecNet()
    assert net(data(4)).shape == [4, 3] and net(data(7)).shape == [7, 3]
    assert len(net.forward.program_cache) == 1
    assert net.forward.concrete_program.inputs[0].name == "x"
    assert tuple(net.forward.concrete_program.inputs[0].shape) == (-1, 6)


def test_a_call_that_does_not_fit_the_spec_is_an_error() -> None:
    net = SpecNet()
    with pytest.raises(ValueError, match=r"argument 'x'.*expected float32\[-1, 6\], got float32\[4, 5\]"):
        net(data(4, 5))


def test_gradients_equal_the_dynamic_ones() -> None:
    net = LinearNet()
    x = data()
    x.stop_gradient = False
    (net(x) ** 2).sum().backward()
    got = [p.grad.numpy() for p in net.parameters()] + [x.grad.numpy()]
    net.clear_gradients()
    x.clear_grad()
    (net.forward.dygraph_function(x) ** 2).sum().backward()
    for g, w in zip(got, [p.grad.numpy() for p in net.parameters()] + [x.grad.numpy()], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-6)


def test_training_follows_the_dynamic_trajectory() -> None:
    dynamic, static = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), None
    static = paddle.jit.to_static(copy.deepcopy(dynamic))
    losses = []
    for net in (dynamic, static):
        adam = paddle.optimizer.Adam(0.01, parameters=net.parameters())
        run = []
        for _ in range(5):
            loss = nn.functional.cross_entropy(net(data(4)), paddle.to_tensor([0, 1, 2, 0]))
            loss.backward()
            adam.step()
            adam.clear_grad()
            run.append(float(loss))
        losses.append(run)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert losses[0][-1] < losses[0][0]


def test_a_call_is_one_node_on_the_tape() -> None:
    net = paddle.jit.to_static(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)))
    out = net(data())
    assert out.grad_fn.name() == "run_program" and not out.stop_gradient


def test_no_grad_and_frozen_parameters() -> None:
    net = LinearNet()
    with paddle.no_grad():
        assert net(data()).stop_gradient
    net._linear.weight.stop_gradient = True
    net(data()).sum().backward()
    assert net._linear.weight.grad is None and net._linear.bias.grad is not None
    net._linear.weight.stop_gradient = False
    net(data()).sum().backward()
    assert net._linear.weight.grad is not None


def test_no_grad_region_inside_stops_the_gradient() -> None:
    @paddle.jit.to_static
    def f(x):
        with paddle.no_grad():
            y = x * 3
        return x * y

    x = paddle.to_tensor([2.0], stop_gradient=False)
    f(x).backward()
    assert float(x.grad) == 6.0


def test_batch_norm_statistics_and_modes() -> None:
    dynamic = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1D(4))
    static = paddle.jit.to_static(copy.deepcopy(dynamic))
    for seed in range(3):
        a, b = dynamic(data(8, seed=seed)), static(data(8, seed=seed))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dynamic[1]._mean.numpy(), static[1]._mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(dynamic[1]._variance.numpy(), static[1]._variance.numpy(), rtol=1e-6)
    dynamic.eval(), static.eval()
    np.testing.assert_allclose(dynamic(data(8)).numpy(), static(data(8)).numpy(), rtol=1e-5, atol=1e-6)
    assert len(static.forward.program_cache) == 2
    static.train()
    static(data(8))
    assert len(static.forward.program_cache) == 2


def test_eval_of_one_sublayer_is_noticed() -> None:
    net = paddle.jit.to_static(nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)))
    net(data())
    net[1].eval()
    out = net(data())
    np.testing.assert_allclose(out.numpy(), net[0](data()).numpy(), rtol=1e-6)


def test_dropout_is_fresh_at_each_call() -> None:
    net = paddle.jit.to_static(nn.Dropout(0.5))
    x = paddle.ones([64])
    assert not np.array_equal(net(x).numpy(), net(x).numpy())
    x.stop_gradient = False
    out = net(x)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.numpy())  # the same mask backward


def test_buffer_assigned_in_forward() -> None:
    class Counter(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", paddle.zeros([1]))

        def forward(self, x):
            self.seen = self.seen + 1.0
            return x + self.seen

    net = paddle.jit.to_static(Counter())
    assert [float(net(paddle.zeros([1]))) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert float(net.seen) == 3.0 and isinstance(net.seen, paddle.Tensor)


def test_python_arguments_make_programs_of_their_own() -> None:
    @paddle.jit.to_static
    def f(x, scale=1, negative=False):
        return -x * scale if negative else x * scale

    x = paddle.to_tensor([2.0])
    assert float(f(x)) == 2.0 and float(f(x, 3)) == 6.0 and float(f(x, scale=3, negative=True)) == -6.0
    assert len(f.program_cache) == 3
    assert float(f(x, 1)) == 2.0 and float(f(x, scale=1)) == 2.0 and float(f(x=x)) == 2.0
    assert len(f.program_cache) == 3
    assert float(f(np.array([2.0], "float32"))) == 2.0
    assert len(f.program_cache) == 3


def test_structures_come_back() -> None:
    @paddle.jit.to_static
    def f(pair, options):
        a, b = pair
        return {"sum": a + b, "rest": [options["c"] * 2, 5, None, "text"]}, a

    one, two, three = (paddle.to_tensor([float(v)]) for v in (1, 2, 3))
    out, a = f((one, two), {"c": three})
    assert float(out["sum"]) == 3.0 and float(out["rest"][0]) == 6.0 and out["rest"][1:] == [5, None, "text"]
    assert float(a) == 1.0


def test_dict_argument_in_any_key_order() -> None:
    @paddle.jit.to_static
    def f(d):
        return d["b"] - d["a"]

    five, two = paddle.to_tensor([5.0]), paddle.to_tensor([2.0])
    assert float(f({"b": five, "a": two})) == 3.0
    assert float(f({"a": two, "b": five})) == 3.0


def test_methods_per_instance() -> None:
    a, b = LinearNet(), LinearNet()
    assert a.forward is a.forward and a.forward is not b.forward
    x = data()
    assert not np.array_equal(a(x).numpy(), b(x).numpy())
    c = copy.deepcopy(a)
    a._linear.weight.set_value(np.zeros([6, 3], "float32"))
    assert not np.allclose(c(x).numpy(), a(x).numpy())


def test_layer_with_traced_forward_pickles() -> None:
    net = LinearNet()
    x = data()
    want = net(x).numpy()
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again(x).numpy(), want)


def test_bool_of_a_symbolic_value_names_variable_line_and_ways_out() -> None:
    def f(x):
        y = x * 2
        if y.sum() > 0:
            return y
        return x

    with pytest.raises(TypeError) as caught:
        paddle.jit.to_static(paddle.jit.not_to_static(f))(paddle.ones([2]))
    text = str(caught.value)
    assert "greater_than" in text and "test_to_static.py" in text
    assert "paddle.where" in text and "not_to_static" in text


def test_numpy_of_a_symbolic_value() -> None:
    @paddle.jit.to_static
    def f(x):
        return x.numpy()

    with pytest.raises(TypeError, match="symbolic Variable 'x'"):
        f(paddle.ones([2]))


def test_isinstance_of_tensor_holds_while_tracing() -> None:
    @paddle.jit.to_static
    def f(x):
        return x * 2 if isinstance(x, paddle.Tensor) else x * 3

    assert float(f(paddle.to_tensor([1.0]))) == 2.0


def test_in_place_methods_while_tracing() -> None:
    @paddle.jit.to_static
    def f(x):
        y = x * 1.0
        y.add_(x)
        y[0] = 7.0
        return y

    assert f(paddle.to_tensor([1.0, 2.0])).tolist() == [7.0, 4.0]


def test_concrete_program_without_spec_or_call() -> None:
    with pytest.raises(ValueError, match="No valid transformed program"):
        LinearNet().forward.concrete_program  # noqa: B018


def test_enable_to_static() -> None:
    net = LinearNet()
    paddle.jit.enable_to_static(False)
    try:
        net(data()), net(data())
        assert net.calls == 2
        with pytest.raises(RuntimeError):
            paddle.jit.save(net, "unused/net")
    finally:
        paddle.jit.enable_to_static(True)
    net(data())
    assert len(net.forward.program_cache) == 1


def test_listing_and_code_can_be_read() -> None:
    net = SpecNet()
    listing = str(net.forward.main_program)
    assert "matmul_v2" in listing and "elementwise_add" in listing and "(-1, 6)" in listing
    assert "def forward(self, x)" in net.forward.code
    entry = net.forward.get_concrete_program(data())
    assert "op_linear(xp, x, " in entry[1].inference.source


def test_errors_when_running_name_operator_and_line() -> None:
    @paddle.jit.to_static(input_spec=[InputSpec([None, None]), InputSpec([None, None])])
    def f(x, y):
        return paddle.matmul(x, y)

    with pytest.raises(ValueError, match=r"(?s)matmul_v2.*test_to_static\.py"):
        f(paddle.ones([2, 3]), paddle.ones([4, 2]))


def test_wrong_arguments() -> None:
    f = paddle.jit.to_static(lambda x, y: x + y)
    with pytest.raises(ValueError, match="requires `y`"):
        f(paddle.ones([1]))
    with pytest.raises(ValueError, match="unexpected keyword"):
        f(paddle.ones([1]), paddle.ones([1]), z=1)
    with pytest.raises(TypeError, match="input_spec must be a list"):
        paddle.jit.to_static(lambda x: x, input_spec=InputSpec([1]))(paddle.ones([1]))


def test_open_dimension_read_from_shape() -> None:
    @paddle.jit.to_static(input_spec=[InputSpec([None, 4])])
    def f(x):
        return x.reshape([x.shape[0], 2, 2]).sum(-1)

    assert f(paddle.ones([3, 4])).shape == [3, 2] and f(paddle.ones([5, 4])).shape == [5, 2]
    assert len(f.program_cache) == 1


def test_rollback() -> None:
    net = nn.Linear(2, 2)
    paddle.jit.to_static(net)
    assert len(net.forward.program_cache) == 0
    net.forward.rollback()
    assert not hasattr(net.forward, "program_cache")
    assert net(paddle.ones([1, 2])).shape == [1, 2]


def test_two_calls_before_one_backward() -> None:
    net = paddle.jit.to_static(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1D(4)))
    loss = (net(data(4, seed=1)) * net(data(4, seed=2))).sum()
    loss.backward()
    assert all(p.grad is not None for p in net.parameters() if not p.stop_gradient)

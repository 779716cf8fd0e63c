"""Each pass does what its docstring shows, and no pass changes what a Program computes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags
from minipaddle.backend import kernels
from minipaddle.nn import functional as F
from tests.compiler.common import Recorded, normal, parameter, types

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="the C extension is not built or switched off")
SWITCHES = sorted(name for name in flags._DEFAULTS if name.startswith("pass_"))


class ConvNet:
    """conv (with or without bias) -> batch_norm in eval mode -> hard_swish, twice, the second depthwise."""

    def __init__(self, bias: bool = True, transposed: bool = False) -> None:
        conv = paddle.nn.Conv2DTranspose if transposed else paddle.nn.Conv2D
        attr = None if bias else False
        self.layers = [
            conv(3, 8, 3, padding=1, bias_attr=attr), paddle.nn.BatchNorm2D(8),
            paddle.nn.Conv2D(8, 8, 3, stride=2, padding=1, groups=8, bias_attr=attr), paddle.nn.BatchNorm2D(8),
        ]  # fmt: skip
        for seed, bn in enumerate(self.layers[1::2]):
            bn.eval()
            bn._mean.set_value(normal(8, seed=seed))
            bn._variance.set_value(np.abs(normal(8, seed=seed + 5)) + 0.1)
            bn.weight.set_value(normal(8, seed=seed + 9))
            bn.bias.set_value(normal(8, seed=seed + 11))

    def __call__(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i % 2:
                x = F.hardswish(x)
        return x


@needs_kernels
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_convolution_takes_batch_norm_in_and_one_pass_does_the_rest(bias, transposed):
    x = [normal(2, 3, 9, 10)]
    r = Recorded(ConvNet(bias, transposed), x, [(0, 0), (0, 2), (0, 3)])
    f = r.compiled()
    first = "conv2d_transpose" if transposed else "conv2d"
    assert types(f.main) == [first, "elementwise_chain", "depthwise_conv2d", "elementwise_chain"]
    assert {"channel_affine", "scaled_filter", "without_denormals"} <= set(types(f.prepare))
    np.testing.assert_allclose(f(np, *r.arrays(x))[0], r.expected(x)[0], rtol=1e-4, atol=1e-5)


def test_statistics_of_a_training_batch_norm_are_not_folded():
    bn = paddle.nn.BatchNorm2D(3)
    bn.train()
    r = Recorded(bn, [normal(2, 3, 4, 4)])
    assert "batch_norm" in types(r.compiled().main)


@pytest.mark.parametrize("off", SWITCHES + ["passes"])
def test_every_pass_can_be_switched_off(off):
    x = [normal(2, 3, 9, 10)]
    r = Recorded(ConvNet(), x)
    with flags.scoped(**{off: False}):
        f = r.compiled()
    np.testing.assert_allclose(f(np, *r.arrays(x))[0], r.expected(x)[0], rtol=1e-4, atol=1e-5)
    if off == "passes":
        assert types(f.main) == [op.type for op in r.operators] and f.prepare is None


def test_what_is_prepared_follows_the_parameters():
    x = [normal(2, 3, 9, 10)]
    net = ConvNet()
    r = Recorded(net, x)
    f = r.compiled()

    def run():
        return f.with_state(np, r.arrays(x), r.versions(x))[0]

    before = run()
    np.testing.assert_array_equal(run(), before)
    net.layers[0].weight.set_value(normal(8, 3, 3, 3, seed=77))  # in place
    after = run()
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, r.expected(x)[0], rtol=1e-4, atol=1e-5)
    net.layers[1]._mean._data = normal(8, seed=99)  # another array
    np.testing.assert_allclose(run(), r.expected(x)[0], rtol=1e-4, atol=1e-5)


def test_kept_values_are_not_handed_out():
    w = parameter(normal(4))
    r = Recorded(lambda x: (x + 1, w * 2, (w * 2).reshape([2, 2]), paddle.ones([3])), [normal(4)])
    f = r.compiled()
    x = [normal(4)]
    versions = r.versions(x)
    first = f.with_state(np, r.arrays(x), versions)
    for a in first:
        a += 100
    for a, b in zip(f.with_state(np, r.arrays(x), versions), r.expected(x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_denormal_parameters():
    array = normal(6, 4)
    array[2] = 1e-40
    w = parameter(array)
    r = Recorded(lambda x: paddle.matmul(x, w), [normal(3, 6)])
    f = r.compiled()
    assert types(f.prepare) == ["without_denormals"] and types(f.main) == ["matmul_v2"]
    np.testing.assert_allclose(f(np, *r.arrays([normal(3, 6)]))[0], r.expected([normal(3, 6)])[0], rtol=1e-6)
    assert array[2, 0] != 0


@pytest.mark.parametrize("label_shape", [(3,), (3, 1)])
def test_the_mean_of_a_cross_entropy_is_one_operator(label_shape):
    label = np.array([1, -100, 3]).reshape(label_shape)
    r = Recorded(F.cross_entropy, [normal(3, 5), label])
    f = r.compiled()
    assert "mean_cross_entropy" in types(f.main) and len(types(f.main)) <= 2  # unsqueeze2 before it
    np.testing.assert_allclose(f(np, normal(3, 5), label)[0], r.expected([normal(3, 5), label])[0], rtol=1e-6)


@pytest.mark.parametrize("function", [
    lambda x, y: (F.cross_entropy(x, y), F.softmax_with_cross_entropy(x, y)),
    lambda x, y: F.softmax_with_cross_entropy(x, y).sum() / paddle.maximum((y != 2).astype("float32").sum(), paddle.ones([])),
    lambda x, y: F.softmax_with_cross_entropy(x, y).sum() / paddle.maximum((y != -100).astype("float32").sum(), paddle.full([], 2.0)),
    lambda x, y: F.cross_entropy(x, y, weight=paddle.ones([5])),
    lambda x, y: F.cross_entropy(x, y, use_softmax=False),
], ids=["both", "another label", "at least two", "weight", "probabilities"])  # fmt: skip
def test_what_is_another_mean_stays(function):
    x, label = np.abs(normal(3, 5)) + 0.1, np.array([[1], [2], [3]])
    r = Recorded(function, [x, label])
    f = r.compiled()
    assert types(f.main).count("mean_cross_entropy") == (function(*map(paddle.to_tensor, (x, label))).__class__ is tuple)
    np.testing.assert_allclose(f(np, x, label)[0], r.expected([x, label])[0], rtol=1e-6)


CHAINS = {
    "relu": lambda x, y, c: F.relu(x + y),
    "channel": lambda x, y, c: F.hardswish(paddle.multiply(x, c.reshape([1, -1, 1, 1])) + y),
    "numbers": lambda x, y, c: (x * 2 + 1) * 0.5 - 3,
    "several uses": lambda x, y, c: (x + y) * (x - y) + x,
    "sigmoid": lambda x, y, c: F.sigmoid(x) * y + F.silu(x),
    "hard sigmoid": lambda x, y, c: F.hardsigmoid(x) * y,
    "leaky": lambda x, y, c: F.leaky_relu(x - y, 0.1),
    "clip": lambda x, y, c: F.relu6(x * 4) / (paddle.abs(y) + 1),
    "roots": lambda x, y, c: paddle.sqrt(paddle.square(x) + paddle.square(y)),
    "extremes": lambda x, y, c: paddle.maximum(paddle.minimum(x, y), x * y),
    "the same twice": lambda x, y, c: paddle.add(x, x) * paddle.add(x, x),
    "row": lambda x, y, c: F.relu(x + y[:1, :1, :1]) * y,
    "not neighbours": lambda x, y, c: F.relu(x + y[:, :1, :, :1]) * y,
    "plane": lambda x, y, c: F.relu(x * y[:, :, :1, :1]) + y,
    "long": lambda x, y, c: sum_of_many(x, y),
}


def sum_of_many(x, y):
    out = x
    for i in range(40):
        out = F.relu(out * (0.5 + i / 100)) + y
    return out


@needs_kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHAINS)
def test_chains_compute_what_the_operators_compute(name, dtype):
    x = [normal(2, 3, 5, 7, dtype=dtype), normal(2, 3, 5, 7, seed=1, dtype=dtype), normal(3, seed=2, dtype=dtype)]
    r = Recorded(CHAINS[name], x, [(0, 2), (1, 2)])
    f = r.compiled()
    assert "elementwise_chain" in types(f.main)
    before = [a.copy() for a in x]
    np.testing.assert_allclose(f(np, *x)[0], r.expected(x)[0], rtol=1e-6 if dtype == "float32" else 1e-14)
    for a, b in zip(x, before, strict=True):
        np.testing.assert_array_equal(a, b)
    with flags.scoped(kernels=False):  # the chain without its kernel
        np.testing.assert_allclose(f(np, *x)[0], r.expected(x)[0], rtol=1e-6 if dtype == "float32" else 1e-14)


@needs_kernels
def test_chains_on_special_numbers():
    x = np.array([[[[np.nan, np.inf, -np.inf, 0.0, -0.0, 3.0]]]], "float32")
    r = Recorded(lambda x: F.hardsigmoid(F.relu(x) - 1) * paddle.maximum(x, x * 0), [x])
    f = r.compiled()
    assert types(f.main) == ["elementwise_chain"]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(f(np, x)[0], r.expected([x])[0])


@needs_kernels
def test_a_value_that_is_wanted_is_not_swallowed():
    def function(x, y):
        t = x + y
        return F.relu(t) * 2, t

    x = [normal(2, 3, 8, 8), normal(2, 3, 8, 8, seed=1)]
    r = Recorded(function, x)
    for a, b in zip(r.compiled()(np, *x), r.expected(x), strict=True):
        np.testing.assert_array_equal(a, b)


@needs_kernels
def test_results_go_over_arrays_that_nobody_reads():
    conv = paddle.nn.Conv2D(3, 4, 3, bias_attr=False)
    r = Recorded(lambda x: F.relu(conv(x)), [normal(1, 3, 9, 9)])
    assert ", out=" in r.compiled().main.source
    # the input of a chain is fed, or shown by a view, or used again: it stays as it is
    for function in (
        lambda x: F.relu(x + 1) * 3,
        lambda x: (lambda t: (F.relu(t * 2), t.reshape([-1])))(conv(x)),
        lambda x: (lambda t: F.relu(t * 2) + paddle.transpose(t, [0, 1, 3, 2]))(conv(x)),
    ):
        assert ", out=" not in Recorded(function, [normal(1, 3, 9, 9)]).compiled().main.source


def test_small_arrays_stay_with_numpy():
    r = Recorded(lambda x: F.relu(x + 1) * 2, [normal(2, 3)])
    assert "elementwise_chain" not in types(r.compiled().main)


def test_integers_are_left_alone():
    x = np.arange(24, dtype="int64").reshape(1, 2, 3, 4)
    r = Recorded(lambda x: (x + x) * x - x, [x])
    np.testing.assert_array_equal(r.compiled()(np, x)[0], r.expected([x])[0])


STEPS = [
    lambda x, y: x + y, lambda x, y: x * y, lambda x, y: F.relu(x - y), lambda x, y: paddle.maximum(x, y),
    lambda x, y: F.sigmoid(x), lambda x, y: x * 0.5 + 1,
]  # fmt: skip


def test_random_programs():
    """Graphs of elementwise operators with values used several times, of several shapes."""
    rng = np.random.default_rng(4)
    shapes = [(2, 3, 4, 5), (2, 3, 1, 1), (1, 3, 1, 1), (5,), (4, 5), (1, 1, 1, 1)]
    for _ in range(25):
        examples = [rng.standard_normal(s).astype("float32") for s in shapes]
        plan = [(rng.integers(6), *rng.integers(0, 6 + k, 2)) for k in range(12)]

        def function(*inputs, plan=plan):
            values = list(inputs)
            for kind, a, b in plan:
                x, y = values[a], values[b]
                values.append(STEPS[kind](x, y))
            return [values[-1], values[-3]]

        r = Recorded(function, examples)
        for a, b in zip(r.compiled()(np, *examples), r.expected(examples), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_several_threads_run_one_function():
    net = ConvNet()
    r = Recorded(net, [normal(2, 3, 33, 34)])
    f = r.compiled()
    inputs = [normal(2, 3, 33, 34, seed=s) for s in range(4)]
    expected = [r.expected([x])[0] for x in inputs]
    wrong = []

    def work(i):
        for _ in range(10):
            found = f.with_state(np, r.arrays([inputs[i]]), r.versions([inputs[i]]))[0]
            if not np.allclose(found, expected[i], rtol=1e-4, atol=1e-5):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_an_error_names_the_operator_and_the_line():
    def function(x, y):
        return F.relu(paddle.add(x, y))

    r = Recorded(function, [normal(2, 3), normal(2, 3)], [(0, 1), (1, 1)])
    with pytest.raises(ValueError, match=r"(?s)operator elementwise_add .*test_passes.py"):
        r.compiled()(np, normal(2, 3), normal(2, 4))


def test_a_product_and_its_bias_become_one_operator() -> None:
    net = paddle.nn.Linear(4, 3)
    traced = paddle.jit.to_static(paddle.nn.Sequential(net, paddle.nn.Tanh()))
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(5, 4)).astype("float32"))
    out = traced(x)
    (form,) = traced.forward.get_concrete_program(x)[1]._training.values()
    assert [op.type for op in form.forward.operators] == ["linear", "tanh"]
    np.testing.assert_allclose(out.numpy(), np.tanh(x.numpy() @ net.weight.numpy() + net.bias.numpy()), rtol=1e-5)
    out.sum().backward()
    got = [p.grad.numpy() for p in net.parameters()]
    net.clear_gradients()
    with flags.scoped(pass_fuse_linear=False):
        paddle.jit.to_static(paddle.nn.Sequential(net, paddle.nn.Tanh()))(x).sum().backward()
    for a, p in zip(got, net.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-6)

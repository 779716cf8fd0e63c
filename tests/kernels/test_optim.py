"""Optimizer kernels against the formulas of Paddle's operators in plain NumPy."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading

import numpy as np
import pytest

from minipaddle.backend import kernels
from minipaddle.ops.registry import OPS

SHAPES = [(7, 5), (5,), (), (0, 3), (1,), (40, 1000)]
DTYPES = ["float32", "float64"]


def normal(rng, shape, dtype):
    return np.array(rng.standard_normal(shape), dtype=dtype)


def state(dtype, shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "params": [normal(rng, s, dtype) for s in shapes],
        "moment1": [normal(rng, s, dtype) for s in shapes],
        "moment2": [abs(normal(rng, (*s, 1), dtype)).reshape(s) for s in shapes],
        "beta1_pow": [np.full(1, 0.9, dtype) for _ in shapes],
        "beta2_pow": [np.full(1, 0.999, dtype) for _ in shapes],
    }


def gradients(dtype, seed=1, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [normal(rng, s, dtype) for s in shapes]


def adam_reference(dtype, p, g, m, v, pow1, pow2, lr, beta1, beta2, epsilon, coeff=0.0, l2=0.0, scale=1.0):
    """In float64, from betas and powers rounded as Paddle has them: float32 leaves 4 digits of 1 - 0.999."""
    beta1, beta2 = float(np.dtype(dtype).type(beta1)), float(np.dtype(dtype).type(beta2))
    g = scale * g + l2 * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    rate = lr * np.sqrt(1 - pow2) / (1 - pow1)
    p = (1 - lr * coeff) * p - rate * m / (np.sqrt(v) + epsilon * np.sqrt(1 - pow2))
    return p, m, v, *((pow * beta).astype(dtype).astype("float64") for pow, beta in ((pow1, beta1), (pow2, beta2)))


def close(got, expected, dtype):
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert got.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    "extra",
    [{}, {"coeff": 0.1}, {"l2": 0.2, "scale": 0.5}, {"coeff": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], "scale": 0.25}],
    ids=["plain", "adamw", "l2 and scale", "per parameter"],
)
def test_adam(kernel, dtype, cached, extra):
    adam, cache, now = kernel("adam"), kernels.BufferCache() if cached else None, state(dtype)
    expected = {name: [a.astype("float64") for a in arrays] for name, arrays in now.items()}
    lr = [0.01 * (i + 1) for i in range(len(SHAPES))]
    for step in range(3):
        grads = gradients(dtype, step)
        args = [extra.get("coeff", 0.0), extra.get("l2", 0.0), extra.get("scale", 1.0)]
        assert adam(cache, now["params"], grads, now["moment1"], now["moment2"], now["beta1_pow"], now["beta2_pow"],
                    lr, 0.9, 0.999, 1e-8, *args)  # fmt: skip
        for i, g in enumerate(grads):
            one = {k: v[i] if isinstance(v, list) else v for k, v in extra.items()}
            param, *rest = (arrays[i] for arrays in expected.values())
            new = adam_reference(dtype, param, g.astype("float64"), *rest, lr[i], 0.9, 0.999, 1e-8, **one)
            for name, value in zip(expected, new):
                expected[name][i] = value
    for name, arrays in now.items():
        for got, want in zip(arrays, expected[name]):
            close(got, want, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("l2, scale", [(0.0, 1.0), (0.1, 0.5)])
def test_sgd(kernel, dtype, l2, scale):
    params, grads = state(dtype)["params"], gradients(dtype)
    expected = [p - 0.1 * (scale * g + l2 * p) for p, g in zip(params, grads)]
    assert kernel("sgd")(None, params, grads, 0.1, l2, scale)
    for got, want in zip(params, expected):
        close(got, want, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("l2, scale", [(0.0, 1.0), (0.1, 0.5)])
def test_momentum(kernel, dtype, nesterov, l2, scale):
    now, cache = state(dtype), kernels.BufferCache()
    params, velocity = now["params"], now["moment1"]
    p64, v64 = [p.astype("float64") for p in params], [v.astype("float64") for v in velocity]
    for step in range(3):
        grads = gradients(dtype, step)
        assert kernel("momentum")(cache, params, grads, velocity, 0.1, 0.9, nesterov, l2, scale)
        for i, g in enumerate(grads):
            g = scale * g + l2 * p64[i]
            v64[i] = 0.9 * v64[i] + g
            p64[i] = p64[i] - 0.1 * (g + 0.9 * v64[i] if nesterov else v64[i])
    for got, want in zip(params + velocity, p64 + v64):
        close(got, want, dtype)


def run_adam(adam, cache, now, grads):
    return adam(cache, now["params"], grads, now["moment1"], now["moment2"], now["beta1_pow"], now["beta2_pow"],
                0.1, 0.9, 0.999, 1e-8)  # fmt: skip


def test_parameter_without_gradient_is_left_alone(kernel):
    now, grads = state("float32"), gradients("float32")
    before = copy.deepcopy(now)
    grads[0] = None
    assert run_adam(kernel("adam"), kernels.BufferCache(), now, grads)
    for name in now:
        np.testing.assert_array_equal(now[name][0], before[name][0])
        assert not np.array_equal(now[name][1], before[name][1])


def test_replaced_arrays_are_noticed(kernel):
    now, grads, cache = state("float32"), gradients("float32"), kernels.BufferCache()
    assert run_adam(kernel("adam"), cache, now, grads)
    old = now["params"][0]
    now["params"][0] = old.copy()
    untouched = old.copy()
    assert run_adam(kernel("adam"), cache, now, grads)
    np.testing.assert_array_equal(old, untouched)
    assert not np.array_equal(now["params"][0], untouched)


def test_cache_holds_references_and_lets_go(kernel):
    now, grads, cache = state("float32", [(3,)]), gradients("float32", shapes=[(3,)]), kernels.BufferCache()
    param = now["params"][0]
    grad = grads[0]
    before, before_grad = sys.getrefcount(param), sys.getrefcount(grad)
    assert run_adam(kernel("adam"), cache, now, grads)
    assert sys.getrefcount(param) == before + 1
    assert sys.getrefcount(grad) == before_grad  # gradients are not kept
    cache.clear()
    assert sys.getrefcount(param) == before
    assert run_adam(kernel("adam"), cache, now, grads)
    del cache
    gc.collect()
    assert sys.getrefcount(param) == before


def test_growing_list_of_parameters(kernel):
    cache = kernels.BufferCache()
    for count in (1, 5, 2, 40):
        shapes = [(4,)] * count
        now, grads = state("float32", shapes), gradients("float32", shapes=shapes)
        before = copy.deepcopy(now["params"])
        assert run_adam(kernel("adam"), cache, now, grads)
        assert all(not np.array_equal(a, b) for a, b in zip(now["params"], before))


def test_cache_pickles_and_copies_empty(kernel):
    cache = kernels.BufferCache()
    assert type(pickle.loads(pickle.dumps(cache))) is type(cache)
    assert type(copy.deepcopy(cache)) is type(cache)


@pytest.mark.parametrize("what", ["gradient of another dtype", "strided", "read-only", "half", "a list"])
def test_not_served_changes_nothing(kernel, what):
    now, grads = state("float32"), gradients("float32")
    if what == "gradient of another dtype":
        grads[-1] = grads[-1].astype("float64")
    elif what == "strided":
        now["params"][-1] = np.zeros((1000, 40), "float32").T
    elif what == "read-only":
        now["moment2"][-1].flags.writeable = False
    elif what == "half":
        for name in now:
            now[name][-1] = now[name][-1].astype("float16")
    else:
        now["moment1"][-1] = now["moment1"][-1].tolist()
    before = copy.deepcopy(now)
    cache = kernels.BufferCache()
    assert run_adam(kernel("adam"), cache, now, grads) is False
    assert run_adam(kernel("adam"), None, now, grads) is False
    for name in now:
        for got, want in zip(now[name], before[name]):
            np.testing.assert_array_equal(got, want)


def test_wrong_sizes_raise_and_change_nothing(kernel):
    now, grads = state("float32"), gradients("float32")
    before = copy.deepcopy(now["params"])
    with pytest.raises(ValueError, match=r"grads\[5\] has 3 elements, its parameter has 40000"):
        run_adam(kernel("adam"), None, now, [*grads[:-1], np.zeros(3, "float32")])
    with pytest.raises(ValueError, match="grads has 5 arrays, but there are 6 parameters"):
        run_adam(kernel("adam"), None, now, grads[:-1])
    with pytest.raises(ValueError, match=r"moment2\[1\] has 2 elements"):
        run_adam(kernel("adam"), None, {**now, "moment2": [np.zeros(2, "float32")] * 6}, [None, *grads[1:]])
    with pytest.raises(ValueError, match="lr has 2 numbers"):
        kernel("sgd")(None, now["params"], grads, [0.1, 0.2])
    with pytest.raises(TypeError, match="params must be a list or tuple"):
        kernel("sgd")(None, np.zeros(3), grads, 0.1)
    with pytest.raises(TypeError):
        kernel("sgd")(None, now["params"], grads, "0.1")
    with pytest.raises(TypeError, match="takes 4 to 6 positional arguments, got 3"):
        kernel("sgd")(None, now["params"], grads)
    for got, want in zip(now["params"], before):
        np.testing.assert_array_equal(got, want)


def test_threads_may_share_a_cache(kernel):
    """A second thread finds the cache busy (the first has released the GIL) and does without."""
    shapes, cache, adam, results = [(300, 1000)], kernels.BufferCache(), kernel("adam"), {}

    def work(k):
        now, grads = state("float32", shapes, k), gradients("float32", k + 50, shapes)
        for _ in range(20):
            assert run_adam(adam, cache, now, grads)
        results[k] = now["params"][0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        now, grads = state("float32", shapes, k), gradients("float32", k + 50, shapes)
        for _ in range(20):
            assert run_adam(adam, None, now, grads)
        np.testing.assert_array_equal(results[k], now["params"][0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_squared_norms(kernel, dtype):
    arrays = gradients(dtype)
    got = kernel("squared_norms")(arrays)
    np.testing.assert_allclose(got, [np.sum(a.astype("float64") ** 2) for a in arrays], rtol=1e-6)
    assert kernel("squared_norms")([np.zeros(3, "int64")]) is None
    assert kernel("squared_norms")([np.zeros((4, 4), dtype).T[1:]]) is None
    assert kernel("squared_norms")([]) == []


POWERS = ("moment1", "moment2", "beta1_pow", "beta2_pow")
MEANS = ("moment1", "moment2", "mean_grad")


def rmsprop_settings(centered):
    return {"decay": 0.9, "epsilon": 1e-6, "momentum": 0.8, "centered": centered}


def lamb_settings(always_adapt):
    return {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6, "always_adapt": always_adapt}


# name -> accumulators, settings of all parameters, settings of each
UPDATES = {
    "rmsprop": (MEANS, rmsprop_settings(False), {}),
    "rmsprop centered": (MEANS, rmsprop_settings(True), {}),
    "adagrad": (("moment2",), {"epsilon": 1e-6}, {}),
    "lamb": (POWERS, lamb_settings(False), {"weight_decay": [0.0, 0.1, 0.2, 0.0, 0.1, 0.2]}),
    "lamb adapting": (POWERS, lamb_settings(True), {"weight_decay": 0.0}),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("l2, scale", [(0.0, 1.0), (0.1, 0.5)])
@pytest.mark.parametrize("name", list(UPDATES))
def test_update_is_that_of_the_operator(kernel, dtype, l2, scale, name):
    (slots, shared, own), op = UPDATES[name], OPS[name.split()[0]]
    now, cache = state(dtype), kernels.BufferCache()
    now["mean_grad"] = [np.zeros_like(p) for p in now["params"]]
    expected = {s: [a.astype("float64") for a in now[s]] for s in ("params", *slots)}
    rates = [0.01 * (i + 1) for i in range(len(SHAPES))]
    for step in range(3):
        grads = gradients(dtype, step)
        assert kernel(op.type)(
            cache, now["params"], grads, *(now[s] for s in slots), rates, *shared.values(), *own.values(), l2, scale
        )
        for i, g in enumerate(grads):
            old = {s: expected[s][i] for s in ("params", *slots)}
            g, rate = scale * g.astype("float64") + l2 * old["params"], np.array([rates[i]])
            attrs = shared | {k: v[i] if isinstance(v, list) else v for k, v in own.items()}
            if op.type == "rmsprop":
                new = op.forward(np, old["params"], old["moment2"], g, old["moment1"], rate, old["mean_grad"], **attrs)
            elif op.type == "adagrad":
                new = op.forward(np, old["params"], g, old["moment2"], rate, **attrs)
            else:
                new = op.forward(np, old["params"], g, rate, *(old[s] for s in slots), **attrs)
            for s, value in zip(("params", *slots), new):
                if s != "mean_grad" or shared["centered"]:
                    expected[s][i] = value
    for s in ("params", *slots):
        for got, want in zip(now[s], expected[s]):
            close(got, want.reshape(got.shape), dtype)


def test_update_refuses_what_it_cannot_serve(kernel):
    now, grads = state("float32"), gradients("float32")
    before = copy.deepcopy(now["params"])
    grads[-1] = grads[-1].astype("float64")
    assert kernel("adagrad")(None, now["params"], grads, now["moment1"], 0.1, 1e-6, 0.0, 1.0) is False
    for a, b in zip(now["params"], before):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="accumulator 1 has"):
        kernel("adagrad")(None, now["params"], grads, now["moment1"][:1], 0.1, 1e-6, 0.0, 1.0)
    with pytest.raises(TypeError, match="adagrad"):
        kernel("adagrad")(None, now["params"], grads, now["moment1"], 0.1, 1e-6)

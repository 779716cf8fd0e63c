"""Eager steps: kernels and operators agree, state, groups, clipping, errors."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags
from minipaddle.errors import NotSupportedError

O = paddle.optimizer
MAKERS = {
    "sgd": lambda **k: O.SGD(0.1, **k),
    "momentum": lambda **k: O.Momentum(0.1, 0.8, use_nesterov=True, **k),
    "adam": lambda **k: O.Adam(0.05, **k),
    "adamax": lambda **k: O.Adamax(0.05, **k),
    "adagrad": lambda **k: O.Adagrad(0.1, **k),
    "adadelta": lambda **k: O.Adadelta(0.5, **k),
    "rmsprop": lambda **k: O.RMSProp(0.02, momentum=0.5, centered=True, **k),
}


def parameters(dtype: str = "float32", shapes: Any = ((3, 2), (4,), ())) -> list[Any]:
    rng = np.random.default_rng(0)
    return [paddle.Parameter(np.asarray(rng.standard_normal(s)).astype(dtype), name=f"p{i}") for i, s in enumerate(shapes)]


def give_gradients(params: list[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = paddle.Tensor(np.asarray(rng.standard_normal(p.shape)).astype(p._data.dtype))


def run(make: Any, steps: int = 4, dtype: str = "float32", **options: Any) -> list[np.ndarray]:
    params = parameters(dtype)
    optimizer = make(parameters=params, **options)
    for i in range(steps):
        give_gradients(params, i)
        optimizer.step()
    return [p.numpy() for p in params]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [
    {}, {"weight_decay": 0.1}, {"grad_clip": paddle.nn.ClipGradByGlobalNorm(0.5)},
    {"weight_decay": paddle.regularizer.L1Decay(0.1), "grad_clip": paddle.nn.ClipGradByNorm(0.5)},
    {"weight_decay": 0.1, "grad_clip": paddle.nn.ClipGradByValue(0.2)},
], ids=["plain", "l2", "global norm", "l1 and norm", "l2 and value"])  # fmt: skip
@pytest.mark.parametrize("name", list(MAKERS))
def test_kernels_and_operators_agree(name: str, options: dict[str, Any], dtype: str) -> None:
    fast = run(MAKERS[name], dtype=dtype, **options)
    with flags.scoped(kernels=False):
        plain = run(MAKERS[name], dtype=dtype, **options)
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5 if dtype == "float32" else 1e-12)
        assert a.dtype == dtype


def test_non_contiguous_gradients_and_parameters() -> None:
    wide = np.arange(12, dtype="float32").reshape(3, 4)
    p = paddle.Parameter(np.zeros((4, 3), "float32"))
    p._data = wide.T.copy(order="F")
    q = paddle.Parameter(np.zeros((4, 3), "float32"))
    for t in (p, q):
        t.grad = paddle.Tensor(np.ones((4, 3), "float32"))
        t.grad._data = np.ones((3, 4), "float32").T
    O.Adam(0.1, parameters=[p, q]).step()
    np.testing.assert_allclose(p.numpy(), wide.T - 0.1, rtol=1e-5)
    np.testing.assert_allclose(q.numpy(), -0.1, rtol=1e-5)


def test_stale_graph_after_a_step_is_refused() -> None:
    w = paddle.Parameter(np.ones((2, 2), "float32"))
    loss = (w * w).sum()
    w.grad = paddle.Tensor(np.ones((2, 2), "float32"))
    O.SGD(0.1, parameters=[w]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_zeroed_gradients_still_move_adam() -> None:
    params = parameters()
    optimizer = O.Adam(0.1, parameters=params)
    give_gradients(params, 0)
    optimizer.step()
    optimizer.clear_grad()
    assert all((p.grad.numpy() == 0).all() for p in params)
    before = params[0].numpy()
    optimizer.step()
    assert (params[0].numpy() != before).all()
    optimizer.clear_grad(set_to_zero=False)
    assert params[0].grad is None
    before = params[0].numpy()
    optimizer.step()
    np.testing.assert_array_equal(params[0].numpy(), before)


def test_state_keys_order_and_powers() -> None:
    with paddle.utils.unique_name.guard():
        params = parameters()[:2]
        optimizer = O.Adam(0.1, parameters=params)
        assert optimizer.state_dict() == {}
        give_gradients(params, 0)
        optimizer.step()
        state = optimizer.state_dict()
    assert list(state) == [
        f"{p}_{kind}_0" for kind in ("moment1", "moment2", "beta1_pow_acc", "beta2_pow_acc") for p in ("p0", "p1")
    ]  # fmt: skip
    assert state["p0_beta1_pow_acc_0"].shape == [1]
    np.testing.assert_allclose(state["p0_beta1_pow_acc_0"].numpy(), 0.81, rtol=1e-6)
    np.testing.assert_allclose(state["p0_beta2_pow_acc_0"].numpy(), 0.998001, rtol=1e-6)


@pytest.mark.parametrize("stepped", [False, True])
def test_resume_goes_on_exactly(stepped: bool) -> None:
    def make() -> tuple[list[Any], Any]:
        params = parameters()
        return params, O.Adam(O.lr.StepDecay(0.1, 2), parameters=params)

    with paddle.utils.unique_name.guard():
        first, a = make()
        for i in range(3):
            give_gradients(first, i)
            a.step()
            a._learning_rate.step()
        saved = {k: (v.numpy() if hasattr(v, "numpy") else v) for k, v in a.state_dict().items()}
    with paddle.utils.unique_name.guard():
        second, b = make()
        if stepped:
            give_gradients(second, 7)
            b.step()
        for p, q in zip(first, second, strict=True):
            q.set_value(p.numpy())
        assert b.set_state_dict(saved) is None
        for params, optimizer in ((first, a), (second, b)):
            give_gradients(params, 3)
            optimizer.step()
    for p, q in zip(first, second, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert b.get_lr() == a.get_lr()


def test_state_of_another_optimizer_of_the_same_parameter_is_found() -> None:
    params = parameters()
    first = O.Momentum(0.1, parameters=params)
    give_gradients(params, 0)
    first.step()
    second = O.Momentum(0.1, parameters=params)  # its accumulators are numbered differently
    second.set_state_dict(first.state_dict())
    second.step()
    assert not set(first.state_dict()) & set(second.state_dict())


def test_refused_state_changes_nothing() -> None:
    params = parameters()
    schedule = O.lr.StepDecay(0.1, 3)
    adam = O.Adam(schedule, parameters=params)
    give_gradients(params, 0)
    adam.step()
    before = {k: v if isinstance(v, dict) else v.numpy() for k, v in adam.state_dict().items()}
    bad = dict(adam.state_dict(), LR_Scheduler={"last_epoch": 7, "last_lr": 0.5})
    bad[next(k for k in reversed(bad) if k != "LR_Scheduler")] = paddle.ones([7])
    with pytest.raises(ValueError, match=r"\[7\]"):
        adam.set_state_dict(bad)
    after = adam.state_dict()
    assert after["LR_Scheduler"] == before["LR_Scheduler"] and schedule.last_epoch == 0
    for name, value in before.items():
        if name != "LR_Scheduler":
            np.testing.assert_array_equal(after[name].numpy(), value)
    with pytest.raises(TypeError, match="Adam takes a dict, got NoneType"):
        adam.set_state_dict(None)  # type: ignore[arg-type]


def test_bad_state_is_refused() -> None:
    params = parameters()
    optimizer = O.Adam(0.1, parameters=params)
    give_gradients(params, 0)
    optimizer.step()
    good = dict(optimizer.state_dict())
    name = "p0_moment1"
    key = next(k for k in good if k.startswith(name))
    before = good[key].numpy()
    with pytest.raises(ValueError, match=r"\[5\].*\[3, 2\]"):
        optimizer.set_state_dict({**good, key: np.zeros(5, "float32")})
    with pytest.raises(ValueError, match="dtype"):
        optimizer.set_state_dict({**good, key: np.zeros((3, 2), "float64")})
    with pytest.raises(AssertionError, match=key):
        optimizer.set_state_dict({k: v for k, v in good.items() if k != key})
    np.testing.assert_array_equal(optimizer.state_dict()[key].numpy(), before)
    fresh = O.Adam(0.1, parameters=parameters())
    fresh.set_state_dict({"something": np.zeros(3, "float32")})
    give_gradients(fresh._parameter_list, 0)
    with pytest.raises(AssertionError, match="moment1"):
        fresh.step()
    with pytest.raises(KeyError, match="LR_Scheduler"):
        O.SGD(O.lr.StepDecay(0.1, 3), parameters=params).set_state_dict({})


def test_parameter_groups() -> None:
    a, b, c = parameters(shapes=((2,), (2,), (2,)))
    optimizer = O.SGD(
        0.1,
        parameters=[{"params": [a], "weight_decay": 0.5}, {"params": [b], "learning_rate": 0.1}, {"params": c}],
        weight_decay=0.2,
    )
    start = [p.numpy() for p in (a, b, c)]
    for p in (a, b, c):
        p.grad = paddle.Tensor(np.ones(2, "float32"))
    optimizer.step()
    np.testing.assert_allclose(a.numpy(), start[0] - 0.1 * (1 + 0.5 * start[0]), rtol=1e-6)
    np.testing.assert_allclose(b.numpy(), start[1] - 0.01 * (1 + 0.2 * start[1]), rtol=1e-6)
    np.testing.assert_allclose(c.numpy(), start[2] - 0.1 * (1 + 0.2 * start[2]), rtol=1e-6)
    with pytest.raises(ValueError, match="more than one"):
        O.SGD(0.1, parameters=[{"params": [a]}, {"params": [a]}])
    with pytest.raises(TypeError, match="set"):
        O.SGD(0.1, parameters=[{"params": {a}}])


def test_adamw_lr_ratio_and_decay_filter() -> None:
    params = parameters()
    plain = [p.numpy() for p in params]
    for p in params:
        p.grad = paddle.Tensor(np.zeros(p.shape, "float32"))
    O.AdamW(
        0.1, parameters=params, weight_decay=0.5, lr_ratio=lambda p: 0.1 if p.name == "p0" else 1.0,
        apply_decay_param_fun=lambda name: name != "p1",
    ).step()  # fmt: skip
    np.testing.assert_allclose(params[0].numpy(), plain[0] * (1 - 0.1 * 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_allclose(params[1].numpy(), plain[1], rtol=1e-6)
    np.testing.assert_allclose(params[2].numpy(), plain[2] * (1 - 0.1 * 0.5), rtol=1e-6)


def test_momentum_rescales_before_it_decays() -> None:
    p = parameters()[0]
    start = p.numpy()
    p.grad = paddle.Tensor(np.full((3, 2), 2.0, "float32"))
    optimizer = O.Momentum(0.1, 0.9, parameters=[p], weight_decay=0.3, rescale_grad=0.25)
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), start - 0.1 * (0.5 + 0.3 * start), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("make", [O.SGD, O.Momentum, O.Adam, O.AdamW, O.Lamb])
def test_master_weights_keep_small_steps(make: Any, dtype: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    p = paddle.Parameter(np.ones(4), dtype=dtype)
    optimizer = make(1e-4, parameters=[p], multi_precision=True)
    for _ in range(20):
        p.grad = paddle.Tensor(np.ones(4, "float32").astype(p._data.dtype))
        optimizer.step()
    master = optimizer.state_dict()["master_weights"][p.name]
    assert master.dtype == paddle.float32 and p.dtype.name == dtype
    assert (master.numpy() < 1 - 1e-4).all()
    np.testing.assert_array_equal(p.numpy(), master.numpy().astype(p._data.dtype))
    assert all(f"{p.name}_fp32_master" in k for k in optimizer.state_dict() if k != "master_weights")


def test_half_precision_without_master_weights_warns() -> None:
    p = paddle.Parameter(np.ones(4, "float16"))
    p.grad = paddle.Tensor(np.ones(4, "float16"))
    optimizer = O.Adam(0.1, parameters=[p])
    with pytest.warns(UserWarning, match="multi_precision"):
        optimizer.step()
    assert p.dtype == paddle.float16
    np.testing.assert_allclose(p.numpy(), 0.9, rtol=1e-3)


def test_learning_rate() -> None:
    params = parameters()
    optimizer = O.SGD(0.5, parameters=params)
    optimizer.set_lr(0.25)
    assert optimizer.get_lr() == 0.25
    with pytest.raises(TypeError):
        optimizer.set_lr("fast")
    scheduler = O.lr.StepDecay(0.1, 1)
    optimizer.set_lr_scheduler(scheduler)
    assert optimizer.get_lr() == scheduler.last_lr
    with pytest.raises(RuntimeError, match="LRScheduler"):
        optimizer.set_lr(0.1)
    with pytest.raises(TypeError):
        optimizer.set_lr_scheduler(0.1)


def test_wrong_arguments() -> None:
    params = parameters()
    with pytest.raises(AttributeError, match="parameters"):
        O.SGD(0.1)
    with pytest.raises(TypeError):
        O.SGD(0.1, parameters=params[0])
    with pytest.raises(TypeError):
        O.SGD(0.1, parameters={"params": params})
    with pytest.raises(TypeError, match="hold tensors"):
        O.SGD(0.1, parameters=["w"])
    with pytest.raises(TypeError):
        O.SGD(1, parameters=params)
    with pytest.raises(TypeError):
        O.SGD(0.1, parameters=params, grad_clip=1.0)
    with pytest.raises(ValueError, match="beta1"):
        O.Adam(beta1=1.5, parameters=params)
    with pytest.raises(TypeError):
        O.AdamW(weight_decay=paddle.regularizer.L2Decay(0.1), parameters=params)
    with pytest.raises(NotSupportedError):
        O.LBFGS(parameters=params, weight_decay=0.1)


def test_minimize_takes_existing_gradients() -> None:
    p = parameters()[0]
    start = p.numpy()
    loss = (p * 3.0).sum()
    assert O.SGD(0.1, parameters=[p]).minimize(loss) == ([], [])
    np.testing.assert_array_equal(p.numpy(), start)
    loss.backward()
    operators, pairs = O.SGD(0.1, parameters=[p]).minimize(loss)
    assert operators == [] and pairs[0][0] is p
    np.testing.assert_allclose(p.numpy(), start - 0.3, rtol=1e-6)


def test_own_clip_and_own_regularizer() -> None:
    class Halve(paddle.nn.clip.ClipGradBase):
        def _clip(self, params_grads: Any) -> Any:
            return [(p, g * 0.5) for p, g in params_grads]

    class Ones(paddle.regularizer.L2Decay):
        def __call__(self, param: Any, grad: Any = None, block: Any = None) -> Any:
            return param * 0 + 1.0

    p = parameters()[0]
    start = p.numpy()
    p.grad = paddle.Tensor(np.full((3, 2), 4.0, "float32"))
    O.SGD(0.1, parameters=[p], grad_clip=Halve(), weight_decay=Ones()).step()
    np.testing.assert_allclose(p.numpy(), start - 0.1 * 3.0, rtol=1e-5)


def test_clip_called_by_hand_keeps_need_clip_false() -> None:
    a, b = parameters()[:2]
    b.need_clip = False
    pairs = [(a, paddle.Tensor(np.full((3, 2), 3.0, "float32"))), (b, paddle.Tensor(np.ones(4, "float32"))), (a, None)]
    for clip, expected in (
        (paddle.nn.ClipGradByGlobalNorm(1.0), 1 / 6**0.5), (paddle.nn.ClipGradByNorm(1.0), 1 / 6**0.5),
        (paddle.nn.ClipGradByValue(0.5), 0.5),
    ):  # fmt: skip
        (_, first), (_, second) = clip(pairs)
        np.testing.assert_allclose(first.numpy(), expected, rtol=1e-6)
        np.testing.assert_array_equal(second.numpy(), 1)


def test_copies_and_pickles() -> None:
    params = parameters()
    optimizer = O.Adam(O.lr.StepDecay(0.1, 3), parameters=params)
    give_gradients(params, 0)
    optimizer.step()
    again = pickle.loads(pickle.dumps(optimizer))
    assert list(again.state_dict()) == list(optimizer.state_dict())
    give_gradients(again._parameter_list, 1)
    give_gradients(params, 1)
    again.step()
    optimizer.step()
    for p, q in zip(params, again._parameter_list, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    copied = copy.deepcopy(optimizer)
    give_gradients(copied._parameter_list, 2)
    give_gradients(params, 2)
    copied.step()
    optimizer.step()
    for p, q in zip(params, copied._parameter_list, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum_of_rosenbrock(search: str | None) -> None:
    p = paddle.Parameter(np.array([-1.2, 1.0]))
    optimizer = O.LBFGS(1.0 if search else 0.1, max_iter=60, parameters=[p], line_search_fn=search)

    def closure() -> Any:
        optimizer.clear_grad()
        x, y = p[0], p[1]
        loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        loss.backward()
        return loss

    for _ in range(2 if search else 30):
        optimizer.step(closure)
    np.testing.assert_allclose(p.numpy(), [1, 1], atol=1e-3)
    assert optimizer.state_dict()["state"]["func_evals"] > 10
    other = O.LBFGS(parameters=[p])
    other.set_state_dict(optimizer.state_dict())
    assert other.state["n_iter"] == optimizer.state["n_iter"]
    with pytest.raises(NotImplementedError, match="closure"):
        optimizer.minimize(None)


def test_found_infinite_skips_the_update() -> None:
    p = parameters()[0]
    start = p.numpy()
    p.grad = paddle.Tensor(np.ones((3, 2), "float32"))
    optimizer = O.SGD(0.1, parameters=[p])
    optimizer._set_auxiliary_var("found_inf", paddle.Tensor(np.array([True])))
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), start)


def test_no_warnings_in_an_ordinary_step() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in MAKERS.values():
            run(make, steps=2)

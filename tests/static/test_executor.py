from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags as minipaddle_flags
from minipaddle import static


def data(n: int = 6) -> dict[str, Any]:
    rng = np.random.RandomState(0)
    return {"x": rng.rand(n, 4).astype("float32"), "y": rng.randint(0, 3, (n, 1))}


def net() -> tuple[static.Variable, static.Variable]:
    x = static.data("x", [None, 4])
    y = static.data("y", [None, 1], "int64")
    pred = static.nn.fc(x, 3)
    return pred, paddle.mean(paddle.nn.functional.cross_entropy(pred, y))


def start() -> static.Executor:
    exe = static.Executor()
    assert exe.run(static.default_startup_program()) == []
    return exe


def value(name: str) -> np.ndarray[Any, Any]:
    return np.array(static.global_scope().find_var(name).get_tensor())


def test_fetches() -> None:
    pred, loss = net()
    exe, feed = start(), data()
    whole = exe.run(feed=feed, fetch_list=[pred, loss.name])
    assert [type(r) for r in whole] == [np.ndarray] * 2 and whole[0].shape == (6, 3) and whole[1].shape == ()
    assert exe.run(feed=feed, fetch_list=loss)[0] == exe.run(feed=feed, fetch_list=loss.name)[0] == whole[1]
    tensors = exe.run(feed=feed, fetch_list=[pred], return_numpy=False)
    assert isinstance(tensors[0], paddle.Tensor) and np.array_equal(np.array(tensors[0]), whole[0])
    assert exe.run(feed=feed) == []
    with pytest.raises(TypeError, match=r"fetch_list\[0\]"):
        exe.run(feed=feed, fetch_list=[3])
    with pytest.raises(RuntimeError, match="'nobody' is not in the Program"):
        exe.run(feed=feed, fetch_list=["nobody"])


def test_feeds() -> None:
    _, loss = net()
    exe, feed = start(), data()
    want = exe.run(feed=feed, fetch_list=[loss])[0]
    for same in ([feed], {**feed, "unknown": 3}, {"x": feed["x"].tolist(), "y": feed["y"].tolist()}):
        assert exe.run(feed=same, fetch_list=[loss])[0] == pytest.approx(want)
    for wrong in ([feed, feed], [feed["x"], feed["y"]], "x"):
        with pytest.raises(AssertionError) as raised:
            exe.run(feed=wrong, fetch_list=[loss])
        assert isinstance(raised.value, TypeError)
    with pytest.raises(ValueError, match=r"'x' should have dimensions = 2, shape = \(-1, 4\)"):
        exe.run(feed={**feed, "x": feed["x"][:, :3]}, fetch_list=[loss])
    with pytest.raises(ValueError, match="'x' must be 'float32', but received 'float64'"):
        exe.run(feed={**feed, "x": feed["x"].astype("float64")}, fetch_list=[loss])
    with pytest.raises(ValueError, match="'y'.*neither fed nor computed"):
        exe.run(feed={"x": feed["x"]}, fetch_list=[loss])


def test_no_value_in_the_scope() -> None:
    pred, _ = net()
    with pytest.raises(RuntimeError, match="startup Program"):
        static.Executor().run(feed=data(), fetch_list=[pred])


def test_running_trains_whatever_is_fetched() -> None:
    pred, loss = net()
    paddle.optimizer.SGD(0.5).minimize(loss)
    exe, feed = start(), data()
    before = value("fc_0.w_0")
    exe.run(feed=feed, fetch_list=[pred])
    assert not np.array_equal(before, value("fc_0.w_0"))
    with pytest.raises(ValueError, match="'y'"):
        exe.run(feed={"x": feed["x"]}, fetch_list=[pred])
    now = value("fc_0.w_0")
    exe.run(feed={"x": feed["x"]}, fetch_list=[pred], use_prune=True)
    assert np.array_equal(now, value("fc_0.w_0"))


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Adam", "AdamW", "RMSProp"])
def test_training_is_that_of_dynamic_mode(name: str) -> None:
    def optimizer(parameters: Any = None) -> Any:
        clip = paddle.nn.ClipGradByGlobalNorm(0.2)
        return getattr(paddle.optimizer, name)(
            learning_rate=0.1, parameters=parameters, weight_decay=0.01, grad_clip=clip
        )

    _, loss = net()
    optimizer().minimize(loss)
    exe, feed = start(), data()
    w, b = value("fc_0.w_0"), value("fc_0.b_0")
    losses = [float(exe.run(feed=feed, fetch_list=[loss])[0]) for _ in range(5)]
    after = value("fc_0.w_0")
    paddle.disable_static()
    linear = paddle.nn.Linear(4, 3)
    linear.weight.set_value(w)
    linear.bias.set_value(b)
    opt = optimizer(linear.parameters())
    for want in losses:
        out = paddle.nn.functional.cross_entropy(linear(paddle.to_tensor(feed["x"])), paddle.to_tensor(feed["y"]))
        assert float(out) == pytest.approx(want, abs=1e-6)
        out.backward()
        opt.step()
        opt.clear_grad()
    assert np.allclose(linear.weight.numpy(), after, atol=1e-6)


def test_scheduler_sets_the_rate_before_each_run() -> None:
    x = static.data("x", [1])
    w = paddle.create_parameter([1], "float32", default_initializer=paddle.nn.initializer.Constant(0.0))
    loss = paddle.sum(w * x)
    rate = paddle.optimizer.lr.StepDecay(1.0, step_size=1, gamma=0.5)
    paddle.optimizer.SGD(rate).minimize(loss)
    exe = start()
    seen = []
    for _ in range(3):
        exe.run(feed={"x": np.ones(1, "float32")})
        seen.append(float(value(w.name)[0]))
        rate.step()
    assert seen == [-1.0, -1.5, -1.75]


def test_results_do_not_share_memory() -> None:
    x = static.data("x", [None, 4])
    w = paddle.create_parameter([4], "float32", default_initializer=paddle.nn.initializer.Constant(1.0))
    loss = paddle.sum(x * w)
    view = paddle.reshape(w, [2, 2])
    paddle.optimizer.SGD(1.0).minimize(loss)
    exe, feed = start(), data()
    fed, got, shown = exe.run(feed={"x": feed["x"]}, fetch_list=[x, w, view])
    kept = got.copy(), shown.copy()
    exe.run(feed={"x": feed["x"]})
    assert np.array_equal(got, kept[0]) and np.array_equal(shown, kept[1])
    fed[...] = 0
    assert feed["x"].any()


def test_startup_may_run_again() -> None:
    _, loss = net()
    paddle.optimizer.Adam(0.5).minimize(loss)
    exe, feed = start(), data()
    exe.run(feed=feed)
    exe.run(feed=feed)
    exe.run(static.default_startup_program())
    assert not value("fc_0.w_0_moment1_0").any() and value("fc_0.w_0_beta1_pow_acc_0").tolist() == pytest.approx([0.9])
    assert not value("fc_0.b_0").any()


def test_a_changed_program_is_compiled_again() -> None:
    x = static.data("x", [2])
    y = x * 2.0
    exe = static.Executor()
    feed = {"x": np.ones(2, "float32")}
    assert exe.run(feed=feed, fetch_list=[y])[0].tolist() == [2, 2]
    z = y + 1.0
    assert exe.run(feed=feed, fetch_list=[z])[0].tolist() == [3, 3]
    y.op._set_attr("scale", 5.0)
    assert exe.run(feed=feed, fetch_list=[z])[0].tolist() == [6, 6]


def test_scopes_keep_values_apart() -> None:
    _, loss = net()
    paddle.optimizer.SGD(0.1).minimize(loss)
    exe, feed = static.Executor(), data()
    scopes = [static.Scope(), static.Scope()]
    for scope in scopes:
        exe.run(static.default_startup_program(), scope=scope)
    weights = [np.array(s.find_var("fc_0.w_0").get_tensor()) for s in scopes]
    exe.run(feed=feed, scope=scopes[0])
    assert not np.array_equal(weights[0], np.array(scopes[0].find_var("fc_0.w_0").get_tensor()))
    assert np.array_equal(weights[1], np.array(scopes[1].find_var("fc_0.w_0").get_tensor()))


def test_random_seed_of_the_startup_program() -> None:
    startup = static.default_startup_program()
    startup.random_seed = 90
    net()
    exe = start()
    first = value("fc_0.w_0")
    exe.run(startup)
    assert np.array_equal(first, value("fc_0.w_0"))


def test_compiled_program_and_strategies() -> None:
    _, loss = net()
    exe, feed = start(), data()
    strategy = static.BuildStrategy()
    strategy.fuse_all_optimizer_ops = True
    compiled = static.CompiledProgram(static.default_main_program(), build_strategy=strategy)
    assert exe.run(compiled, feed=feed, fetch_list=[loss])[0] == exe.run(feed=feed, fetch_list=[loss])[0]
    with pytest.raises(AttributeError, match="no setting"):
        strategy.fly = True
    with pytest.raises(TypeError, match="Executor.run takes a Program"):
        exe.run(3)  # type: ignore[arg-type]
    exe.close()
    with pytest.raises(RuntimeError, match="closed"):
        exe.run(feed=feed)
    with pytest.raises(ValueError, match="place"):
        static.Executor(3)  # type: ignore[arg-type]


def test_error_of_an_operator_names_it() -> None:
    x = static.data("x", [None, 4])
    y = paddle.reshape(x, [3, 4])
    with pytest.raises(ValueError, match="reshape2 of the Program failed"):
        static.Executor().run(feed={"x": np.ones((2, 4), "float32")}, fetch_list=[y])


def test_batch_of_a_loader_with_feed_list() -> None:
    class Rows(paddle.io.Dataset):
        def __getitem__(self, i: int) -> Any:
            return np.full(4, i, "float32"), np.array([i % 3])

        def __len__(self) -> int:
            return 4

    _, loss = net()
    block = static.default_main_program().global_block()
    loader = paddle.io.DataLoader(
        Rows(), feed_list=[block.var("x"), block.var("y")], places=paddle.CPUPlace(), batch_size=2
    )
    exe = start()
    assert [exe.run(feed=batch, fetch_list=[loss])[0].shape for batch in loader()] == [()] * 2


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Adam", "AdamW"])
def test_updates_done_together_are_the_same(name: str) -> None:
    _, loss = net()
    options = {} if name == "AdamW" else {"weight_decay": 0.1}
    getattr(paddle.optimizer, name)(learning_rate=0.1, **options).minimize(loss)
    exe, feed = start(), data()
    state = {k: t.numpy().copy() for k, t in static.default_main_program().state_dict().items()}

    def trained(**flags: bool) -> dict[str, Any]:
        static.default_main_program().set_state_dict(state)
        static.default_main_program().touch()
        with minipaddle_flags.scoped(**flags):
            for _ in range(4):
                exe.run(feed=feed)
        return {k: t.numpy().copy() for k, t in static.default_main_program().state_dict().items()}

    together = trained()
    plan = next(iter(static.default_main_program().cache.values()))
    assert sum(op.type.endswith("_together") for op in plan.function.operators) == 1
    for other in (trained(pass_update_together=False), trained(interpret=True), trained(passes=False)):
        for key, want in other.items():
            assert np.allclose(together[key], want, atol=1e-6), key


def test_threads_run_one_program_in_scopes_of_their_own() -> None:
    x = static.data("x", [1])
    w = paddle.create_parameter([1], "float32", default_initializer=paddle.nn.initializer.Constant(0.0))
    paddle.optimizer.SGD(1.0).minimize(paddle.sum(w * x))
    main, startup = static.default_main_program(), static.default_startup_program()
    exe, found = static.Executor(), {}

    def work(k: int) -> None:
        scope = static.Scope()
        exe.run(startup, scope=scope)
        for _ in range(50):
            exe.run(main, feed={"x": np.full(1, k, "float32")}, scope=scope)
        found[k] = float(np.array(scope.find_var(w.name).get_tensor())[0])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {k: -50.0 * k for k in range(1, 5)}


def test_numbers_are_fed_as_one_element() -> None:
    a, b = static.data("a", []), static.data("b", [1])
    got = static.Executor().run(feed={"a": 2, "b": 0.5}, fetch_list=[a + 1.0, b + 1.0])
    assert [(g.shape, float(g.reshape(()))) for g in got] == [((), 3.0), ((1,), 1.5)]

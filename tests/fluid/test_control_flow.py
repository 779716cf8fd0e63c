"""Control flow of 1.x: blocks run, gradients flow, and what is misused says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minipaddle import fluid

L = fluid.layers


def run(fetch: list[Any], feed: dict[str, Any] | None = None, numpy: bool = True) -> list[Any]:
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    return exe.run(fluid.default_main_program(), feed=feed or {}, fetch_list=fetch, return_numpy=numpy)


def number(value: int) -> Any:
    return L.fill_constant([1], "int64", value)


A = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")


def test_while_counts_and_fills_an_array(static: None) -> None:
    x = fluid.data("x", [4, 3])
    i, n, total = number(0), number(4), L.fill_constant([4, 3], "float32", 0.0)
    going, array = L.less_than(i, n), L.array_write(x, i)
    with L.While(going).block():
        L.assign(total + x, total)
        L.increment(i)
        L.array_write(total, i, array)
        L.less_than(i, n, cond=going)
    a, b, c = run([total, L.array_read(array, number(2)), L.array_length(array)], {"x": A})
    np.testing.assert_allclose(a, 4 * A, rtol=1e-6)
    np.testing.assert_allclose(b, 2 * A, rtol=1e-6)
    assert c.tolist() == [5]


def test_a_loop_that_would_not_end_is_refused(static: None) -> None:
    i, n = number(0), number(4)
    with pytest.raises(ValueError, match="never writes the condition"), L.While(L.less_than(i, n)).block():
        L.increment(i)
    with pytest.raises(TypeError, match="boolean"):
        L.While(i)


@pytest.mark.parametrize(("value", "wanted"), [(-5.0, 1.0), (0.0, 2.0), (5.0, 3.0)])
def test_switch_takes_the_first_that_holds(static: None, value: float, wanted: float) -> None:
    x = L.fill_constant([1], "float32", value)
    out = L.create_global_var([1], 0.0, "float32", persistable=True)
    with L.Switch() as switch:
        with switch.case(x < -1.0):
            L.assign(L.fill_constant([1], "float32", 1.0), out)
        with switch.case(x < 1.0):
            L.assign(L.fill_constant([1], "float32", 2.0), out)
        with switch.default():
            L.assign(L.fill_constant([1], "float32", 3.0), out)
    assert run([out])[0].tolist() == [wanted]


def test_ifelse_parts_rows_and_has_a_gradient(static: None) -> None:
    x, mask = fluid.data("x", [4, 3]), fluid.data("mask", [4, 1], "bool")
    x.stop_gradient = False
    both = L.IfElse(mask)
    with both.true_block():
        both.output(both.input(x) * 2.0)
    with both.false_block():
        both.output(L.square(both.input(x)))
    (y,) = both()
    (gradient,) = fluid.gradients([y], [x])
    m = np.array([[True], [False], [False], [True]])
    a, b = run([y, gradient], {"x": A, "mask": m})
    np.testing.assert_allclose(a, np.where(m, 2 * A, A**2), rtol=1e-6)
    np.testing.assert_allclose(b, np.where(m, 2, 2 * A), rtol=1e-6)
    with pytest.raises(ValueError, match="true/false"):
        both.input(x)


def test_functions_that_write_in_place(static: None) -> None:
    """`increment` and ``less_than(cond=)`` inside of while_loop and cond."""
    x = fluid.data("x", [4, 3])

    def body(i: Any, array: Any, h: Any) -> list[Any]:
        array = L.array_write(h, i, array)
        L.increment(i)
        return [i, array, L.tanh(h)]

    n = number(3)
    _, array, h = L.while_loop(lambda i, array, h: L.less_than(i, n), body, [number(0), L.create_array("float32"), x])
    picked = L.cond(L.less_than(number(1), n), lambda: L.scale(h, 2.0), lambda: h)
    a, b = run([L.array_read(array, number(2)), picked], {"x": A})
    np.testing.assert_allclose(a, np.tanh(np.tanh(A)), rtol=1e-6)
    np.testing.assert_allclose(b, 2 * np.tanh(np.tanh(np.tanh(A))), rtol=1e-6)


@pytest.mark.parametrize("steps", [5, None])
def test_static_rnn(static: None, steps: int | None) -> None:
    x = fluid.data("x", [steps, 2, 3])
    x.stop_gradient = False
    rnn = L.StaticRNN()
    with rnn.step():
        now = rnn.step_input(x)
        state = rnn.memory(shape=[-1, 3], batch_ref=x, ref_batch_dim_idx=1)
        new = L.tanh(now + state)
        rnn.update_memory(state, new)
        rnn.step_output(new)
    out = rnn()
    (gradient,) = fluid.gradients([L.reduce_sum(L.square(out))], [x])
    a = np.random.default_rng(1).standard_normal((5, 2, 3)).astype("float32")

    def forward(a: np.ndarray) -> np.ndarray:
        h, found = np.zeros((2, 3)), []
        for row in a.astype("float64"):
            h = np.tanh(row + h)
            found.append(h)
        return np.stack(found)

    got, slope = run([out, gradient], {"x": a})
    np.testing.assert_allclose(got, forward(a), rtol=1e-5)
    step = np.zeros_like(a, dtype="float64")
    step[1, 0, 2] = 1e-4
    numeric = ((forward(a + step) ** 2).sum() - (forward(a - step) ** 2).sum()) / 2e-4
    np.testing.assert_allclose(slope[1, 0, 2], numeric, rtol=1e-3)


def test_dynamic_rnn_keeps_the_order_of_the_sentences(static: None) -> None:
    x = fluid.data("x", [None, 2], lod_level=1)
    start = fluid.data("start", [None, 2])
    rnn = L.DynamicRNN()
    with rnn.block():
        now = rnn.step_input(x)
        state = rnn.memory(init=start, need_reorder=True)
        new = now + state
        rnn.update_memory(state, new)
        rnn.output(new)
    a = np.arange(14, dtype="float32").reshape(7, 2)
    first = np.array([[100.0, 0.0], [200.0, 0.0], [300.0, 0.0]], "float32")
    feed = {"x": fluid.create_lod_tensor(a, [[2, 4, 1]], fluid.CPUPlace()), "start": first}
    (out,) = run([rnn()], feed, numpy=False)
    wanted = np.concatenate(
        [np.cumsum(a[s:e], 0) + f for (s, e), f in zip([(0, 2), (2, 6), (6, 7)], first, strict=True)]
    )
    np.testing.assert_allclose(np.asarray(out), wanted)
    assert out.lod() == [[0, 2, 6, 7]]


def test_beam_search_in_a_loop(static: None) -> None:
    """A decoder as in the book of 1.x: LoD inside of a loop. The words are those of real Paddle 1.8.5."""
    context = fluid.data("context", [None, 6])
    start_ids = fluid.data("ids", [None, 1], "int64", lod_level=2)
    start_scores = fluid.data("scores", [None, 1], lod_level=2)
    longest, i = number(6), L.zeros([1], "int64")
    states, ids, scores = (L.create_array(kind) for kind in ("float32", "int64", "float32"))
    for array, value in ((states, context), (ids, start_ids), (scores, start_scores)):
        L.array_write(value, i, array)
    going = L.less_than(i, longest)
    attr = fluid.ParamAttr
    with L.While(going).block():
        word, state, score = L.array_read(ids, i), L.array_read(states, i), L.array_read(scores, i)
        state = L.sequence_expand(state, score)
        vector = L.embedding(word, [12, 6], param_attr=attr(name="emb"))
        state = L.fc(
            [state, vector], 6, act="tanh", param_attr=[attr(name="w0"), attr(name="w1")], bias_attr=attr(name="b0")
        )
        chances = L.fc(
            L.lod_reset(state, y=score), 12, act="softmax", param_attr=attr(name="w2"), bias_attr=attr(name="b2")
        )
        best, which = L.topk(chances, k=2)
        total = L.elementwise_add(L.log(best), L.reshape(score, [-1]), axis=0)
        chosen, sums = L.beam_search(word, score, which, total, 2, end_id=1)
        L.increment(i)
        for array, value in ((states, state), (ids, chosen), (scores, sums)):
            L.array_write(value, i, array)
        L.logical_and(L.less_than(i, longest), L.logical_not(L.is_empty(chosen)), out=going)
    words, values = L.beam_search_decode(ids, scores, 2, 1)
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    rng = np.random.RandomState(0)
    for p in sorted(fluid.default_main_program().all_parameters(), key=lambda p: p.name):
        fluid.global_scope().find_var(p.name).get_tensor().set(
            (rng.standard_normal(tuple(p.shape)) * 1.5).astype("float32"), fluid.CPUPlace()
        )
    ragged = [[1] * 3, [1] * 3]
    feed = {
        "context": rng.standard_normal((3, 6)).astype("float32"),
        "ids": fluid.create_lod_tensor(np.zeros((3, 1), "int64"), ragged, fluid.CPUPlace()),
        "scores": fluid.create_lod_tensor(np.ones((3, 1), "float32"), ragged, fluid.CPUPlace()),
    }
    found, sums = exe.run(feed=feed, fetch_list=[words, values], return_numpy=False)
    assert np.asarray(found).tolist() == [
        0,
        5,
        8,
        8,
        8,
        8,
        8,
        0,
        8,
        8,
        8,
        8,
        8,
        8,
        0,
        10,
        5,
        8,
        8,
        8,
        8,
        0,
        10,
        8,
        8,
        8,
        8,
        8,
        0,
        8,
        2,
        8,
        2,
        11,
        4,
        0,
        8,
        2,
        8,
        2,
        11,
        0,
    ]
    assert found.lod() == [[0, 2, 4, 6], [0, 7, 14, 21, 28, 35, 42]]
    np.testing.assert_allclose(np.asarray(sums)[:4], [1.0, 0.3264, 0.0704, -0.1904], atol=2e-4)


def test_a_batch_is_the_number_of_sentences(static: None) -> None:
    x = fluid.data("x", [None, 2], lod_level=1)
    out = L.fill_constant_batch_size_like(x, [-1, 3], "float32", 2.0)
    feed = {"x": fluid.create_lod_tensor(np.ones((5, 2), "float32"), [[2, 3]], fluid.CPUPlace())}
    assert run([out], feed)[0].shape == (2, 3) and run([out], {"x": np.ones((5, 2), "float32")})[0].shape == (5, 3)


def test_nce_trains_and_samples_as_asked(static: None) -> None:
    x, y = fluid.data("x", [None, 4]), fluid.data("y", [None, 1], "int64")
    dist = np.full(6, 0.1)
    dist[5] = 0.5
    costs = [
        L.nce(x, y, 6, num_neg_samples=3),
        L.nce(x, y, 6, sampler="log_uniform"),
        L.nce(x, y, 6, sampler="custom_dist", custom_dist=dist),
    ]
    loss = L.mean(L.sums(costs))
    fluid.optimizer.Adam(0.1).minimize(loss)
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    feed = {"x": np.eye(4, dtype="float32"), "y": np.arange(4).reshape(4, 1)}
    losses = [exe.run(feed=feed, fetch_list=[loss])[0].item() for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:3])
    with pytest.raises(ValueError, match="sampler"):
        L.nce(x, y, 6, sampler="other")

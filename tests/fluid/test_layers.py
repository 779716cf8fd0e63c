"""Layers of 1.x: ragged networks train, names follow 1.8, schedules count runs."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minipaddle import fluid
from minipaddle.fluid.training_program import in_1x_form

L = fluid.layers


def _run(fetch: list[Any], feed: dict[str, Any], runs: int = 1, numpy: bool = True) -> list[list[Any]]:
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    return [exe.run(fluid.default_main_program(), feed=feed, fetch_list=fetch, return_numpy=numpy) for _ in range(runs)]


def _ragged(array: np.ndarray, lengths: list[int]) -> Any:
    return fluid.create_lod_tensor(array, [lengths], fluid.CPUPlace())


def test_a_tagger_learns(static: None) -> None:
    words = fluid.data("words", [None, 1], "int64", lod_level=1)
    tags = fluid.data("tags", [None, 1], "int64", lod_level=1)
    vectors = L.embedding(words, [20, 8])
    forward = L.dynamic_gru(L.fc(vectors, 12), 4)
    backward = L.dynamic_gru(L.fc(vectors, 12), 4, is_reverse=True)
    scores = L.fc(L.concat([forward, backward], axis=1), 3)
    assert forward.name == "gru_0.tmp_0" and forward.lod_level == scores.lod_level == 1
    cost = L.linear_chain_crf(scores, tags, param_attr=fluid.ParamAttr(name="crfw"))
    path = L.crf_decoding(scores, param_attr=fluid.ParamAttr(name="crfw"))
    loss = L.mean(cost)
    fluid.optimizer.Adam(0.1).minimize(loss)
    rng = np.random.default_rng(0)
    w = rng.integers(0, 20, (9, 1))
    feed = {"words": _ragged(w, [2, 3, 4]), "tags": _ragged(w % 3, [2, 3, 4])}
    results = _run([loss, path], feed, 40, numpy=False)
    assert np.array(results[-1][0])[0] < 0.1 * np.array(results[0][0])[0]
    assert np.array_equal(np.array(results[-1][1]), w % 3) and results[-1][1].lod() == [[0, 2, 5, 9]]


def test_a_result_with_a_lod_is_no_plain_array(static: None) -> None:
    x = fluid.data("x", [None, 2], "float32", lod_level=1)
    with pytest.raises(RuntimeError, match="return_numpy"):
        _run([L.relu(x)], {"x": _ragged(np.ones((3, 2), "float32"), [1, 2])})


def test_a_sentence_classifier_learns(static: None) -> None:
    words = fluid.data("words", [None, 1], "int64", lod_level=1)
    label = fluid.data("label", [None, 1], "int64")
    hidden, cell = L.dynamic_lstm(L.fc(L.embedding(words, [10, 6]), 16), 16)
    pooled = [L.sequence_pool(hidden, "max"), L.sequence_last_step(cell)]
    pred = L.fc(pooled, 2, act="softmax")
    loss, share = L.mean(L.cross_entropy(pred, label)), L.accuracy(pred, label)
    fluid.optimizer.Adam(0.05).minimize(loss)
    feed = {"words": _ragged(np.arange(8).reshape(-1, 1), [3, 1, 4]), "label": np.array([[0], [1], [1]])}
    results = _run([loss, share], feed, 40)
    assert results[-1][0][0] < 0.1 and results[-1][1].tolist() == [1.0]


def test_functions_of_one_tensor(static: None) -> None:
    x = fluid.data("x", [None, 4, 6], "float32")
    a = np.random.default_rng(1).standard_normal((3, 4, 6)).astype("float32")
    flat = a.reshape(3, 24)
    pairs = [
        (L.reshape(x, [0, -1]), flat), (L.transpose(x, [0, 2, 1]), a.transpose(0, 2, 1)), (L.flatten(x), flat),
        (L.reduce_sum(x, dim=[1, 2]), a.sum((1, 2))), (L.reduce_mean(x), a.mean().reshape(1)), (L.mean(x), a.mean().reshape(1)),
        (L.slice(x, [1], [0], [2]), a[:, :2]), (L.expand(x, [1, 2, 1]), np.tile(a, (1, 2, 1))), (L.scale(x, 2.0, 1.0), 2 * a + 1),
        (L.clip(x, -0.3, 0.3), a.clip(-0.3, 0.3)), (L.leaky_relu(x, 0.1), np.where(a > 0, a, 0.1 * a)), (L.argmax(x, axis=2), a.argmax(2)),
        (L.squeeze(L.unsqueeze(x, [1]), [1]), a), (L.topk(L.flatten(x), 3)[0], -np.sort(-flat)[:, :3]), (L.pow(x, 2.0), a**2),
        (L.sums([x, x]), 2 * a), (L.matmul(x, x, transpose_y=True, alpha=0.5), 0.5 * a @ a.transpose(0, 2, 1)),
        (L.concat([x, x], axis=1), np.concatenate([a, a], 1)), (L.split(x, 2, dim=2)[1], a[:, :, 3:]), (L.stack([x, x]), np.stack([a, a])),
        (L.elementwise_add(x, L.reduce_sum(x, dim=[0, 2]), axis=1), a + a.sum((0, 2)).reshape(1, 4, 1)), (L.shape(x), np.array([3, 4, 6])),
    ]  # fmt: skip
    found = _run([v for v, _ in pairs], {"x": a})[0]
    for (v, wanted), got in zip(pairs, found, strict=True):
        assert got.shape == wanted.shape, v.name
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6, err_msg=v.name)


SCHEDULES = {
    "exponential": (lambda: L.exponential_decay(0.1, 2, 0.5, staircase=True), [0.1, 0.1, 0.05, 0.05, 0.025]),
    "natural": (lambda: L.natural_exp_decay(0.1, 2, 0.5), [0.1 * np.exp(-0.25 * n) for n in range(5)]),
    "inverse": (lambda: L.inverse_time_decay(0.1, 2, 0.5), [0.1 / (1 + 0.25 * n) for n in range(5)]),
    "polynomial": (lambda: L.polynomial_decay(0.1, 3, 0.01, 2.0), [0.09 * (1 - min(n, 3) / 3) ** 2 + 0.01 for n in range(5)]),
    "cycle": (lambda: L.polynomial_decay(0.1, 2, 0.0, 1.0, cycle=True), [0.1, 0.05, 0.0, 0.025, 0.0]),
    "piecewise": (lambda: L.piecewise_decay([2, 3], [0.1, 0.05, 0.01]), [0.1, 0.1, 0.05, 0.01, 0.01]),
    "cosine": (lambda: L.cosine_decay(0.1, 2, 4), [0.05 * (np.cos(n // 2 * np.pi / 4) + 1) for n in range(5)]),
    "noam": (lambda: L.noam_decay(16, 3), [16**-0.5 * min(n**-0.5, n * 3**-1.5) for n in range(1, 6)]),
    "warmup": (lambda: L.linear_lr_warmup(0.1, 2, 0.0, 0.1), [0.0, 0.05, 0.1, 0.1, 0.1]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules_in_programs(static: None, name: str) -> None:
    make, wanted = SCHEDULES[name]
    x = fluid.data("x", [None, 2], "float32")
    loss = L.mean(L.fc(x, 1))
    rate = make()
    fluid.optimizer.SGD(rate).minimize(loss)
    found = _run([rate], {"x": np.ones((1, 2), "float32")}, 5)
    np.testing.assert_allclose([float(r[0][0]) for r in found], wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [
    lambda: fluid.optimizer.MomentumOptimizer(0.1, 0.9, regularization=fluid.regularizer.L2Decay(0.01)),
    lambda: fluid.optimizer.AdagradOptimizer(0.5), lambda: fluid.optimizer.AdamaxOptimizer(0.1),
    lambda: fluid.optimizer.RMSPropOptimizer(0.05),
    lambda: fluid.optimizer.AdadeltaOptimizer(1.0, epsilon=1e-4), lambda: fluid.optimizer.LambOptimizer(0.1),
    lambda: fluid.optimizer.AdamOptimizer(0.1, grad_clip=fluid.clip.GradientClipByGlobalNorm(1.0)),
])  # fmt: skip
def test_optimizers_learn(static: None, make: Any) -> None:
    x, y = fluid.data("x", [None, 3], "float32"), fluid.data("y", [None, 1], "float32")
    loss = L.mean(L.square_error_cost(L.fc(x, 1), y))
    make().minimize(loss)
    a = np.random.default_rng(2).standard_normal((8, 3)).astype("float32")
    found = _run([loss], {"x": a, "y": a.sum(1, keepdims=True)}, 150)
    assert found[-1][0][0] < 0.7 * found[0][0][0]


def test_the_old_form_of_a_training_program_has_no_operators_that_1_8_lacks(static: None) -> None:
    x = fluid.data("x", [None, 4], "float32", lod_level=1)
    h = L.fc([x, L.scale(x, 2.0)], 4)
    parts = L.split(L.sequence_reverse(L.sums([h, L.assign(h)])), 2, dim=1)
    loss = L.mean(L.elementwise_mul(parts[0], parts[1]))
    fluid.optimizer.SGD(0.1).minimize(loss)
    made = in_1x_form(fluid.default_main_program())
    types = {op.type for op in made.global_block().ops}
    assert not types & {"sum_grad", "scale_grad", "split_grad", "assign_grad", "sequence_reverse_grad"}
    feed = {"x": _ragged(np.random.default_rng(3).standard_normal((5, 4)).astype("float32"), [2, 3])}
    exe = fluid.Executor()
    losses = []
    for program in (fluid.default_main_program(), made):
        with fluid.scope_guard(fluid.Scope()):
            exe.run(fluid.default_startup_program())
            for v in program.all_parameters():
                value = np.linspace(-1, 1, int(np.prod(v.static_shape)), dtype="float32").reshape(v.static_shape)
                fluid.global_scope().find_var(v.name).get_tensor().set(value)
            losses.append([float(exe.run(program, feed=feed, fetch_list=[loss.name])[0][0]) for _ in range(3)])
    assert losses[0] == losses[1] and losses[0][0] != losses[0][2]


def test_samples_are_put_together(static: None) -> None:
    words = fluid.data("words", [None, 1], "int64", lod_level=1)
    y = fluid.data("y", [None, 1], "float32")
    feed = fluid.DataFeeder([words, y], fluid.CPUPlace()).feed([([1, 2, 3], 0.5), ([4], 1.5)])
    assert feed["words"].lod() == [[0, 3, 4]] and np.array(feed["words"]).ravel().tolist() == [1, 2, 3, 4]
    assert feed["y"].tolist() == [[0.5], [1.5]]


def test_parameters_are_made_in_static_mode_only() -> None:
    with pytest.raises(AssertionError, match="enable_static"):
        L.fc(np.ones((2, 3), "float32"), 4)

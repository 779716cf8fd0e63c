"""Training Programs of many kinds in Paddle 2.x code. Both frameworks run this file: PADDLE_MODULE says which one `paddle` is."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

paddle: Any = importlib.import_module(os.environ.get("PADDLE_MODULE", "minipaddle"))
static, nn, F = paddle.static, paddle.nn, paddle.nn.functional
NETS: dict[str, Callable[[np.random.Generator], tuple[Any, dict[str, np.ndarray]]]] = {}


def net(function: Any) -> Any:
    NETS[function.__name__] = function
    return function


def random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype("float32")


@net
def parts(rng):
    x = static.data("x", [None, 6])
    h = static.nn.fc(x, 6)
    a, b, c = paddle.split(h, 3, axis=1)
    t = paddle.concat([paddle.add_n([a, b, c]), a * 2.0 + 1.0], axis=1)
    loss = paddle.mean(t * t) + paddle.sum(paddle.scale(h, 0.5, 1.0))
    paddle.optimizer.Momentum(0.01, 0.9).minimize(loss)
    return loss, {"x": random(rng, 5, 6)}


@net
def shapes(rng):
    x = static.data("x", [None, 4, 6])
    h = paddle.transpose(static.nn.fc(x, 6, num_flatten_dims=2), [0, 2, 1])
    h = paddle.flip(paddle.squeeze(paddle.unsqueeze(paddle.reshape(h, [0, -1]), 1), 1), [1])
    u = paddle.unbind(paddle.reshape(h, [-1, 4, 6]), axis=1)
    q = paddle.tile(paddle.stack(u[:2], axis=1), [1, 2, 1])
    e = paddle.expand(paddle.unsqueeze(h, 1), [-1, 2, 24])
    loss = paddle.mean(q**2) + paddle.mean(paddle.cast(paddle.cast(e, "float64"), "float32"))
    loss = loss + paddle.mean(paddle.assign(h) * h) + paddle.mean(h[:, 1:3])
    paddle.optimizer.Adam(0.01).minimize(loss)
    return loss, {"x": random(rng, 3, 4, 6)}


@net
def pictures(rng):
    x, y = static.data("x", [None, 3, 8, 8]), static.data("y", [None, 1], "int64")
    h = r = static.nn.batch_norm(static.nn.conv2d(x, 4, 3, padding=1, bias_attr=False), act="relu")
    h = F.avg_pool2d(F.max_pool2d(static.nn.conv2d(h, 4, 3, padding=1, groups=4) + r, 2), 2)
    h = F.hardswish(paddle.flatten(h, 1))
    loss = paddle.mean(F.softmax_with_cross_entropy(static.nn.fc(h, 3), y))
    clip, decay = nn.ClipGradByGlobalNorm(1.0), paddle.regularizer.L2Decay(1e-3)
    paddle.optimizer.Adam(0.01, weight_decay=decay, grad_clip=clip).minimize(loss)
    return loss, {"x": random(rng, 4, 3, 8, 8), "y": rng.integers(0, 3, (4, 1))}


@net
def attention(rng):
    w = static.data("w", [None, 5], "int64")
    e = static.nn.embedding(w, [20, 8])
    h = F.gelu(static.nn.fc(static.nn.layer_norm(e, begin_norm_axis=2), 8, num_flatten_dims=2))
    h = paddle.matmul(F.softmax(paddle.matmul(h, h, transpose_y=True) * 0.3), h) + e
    loss = paddle.mean(paddle.max(h, axis=1)) + paddle.mean(paddle.sum(h, axis=[1, 2]))
    paddle.optimizer.AdamW(0.01).minimize(loss)
    return loss, {"w": rng.integers(0, 20, (3, 5))}


@net
def recurrent(rng):
    x = static.data("x", [None, 5, 4])
    y, (h, _) = nn.LSTM(4, 6)(x)
    z, _ = nn.GRU(4, 3, direction="bidirect")(x)
    loss = paddle.mean(y * y) + paddle.mean(h) + paddle.mean(z * z)
    paddle.optimizer.RMSProp(0.01).minimize(loss)
    return loss, {"x": random(rng, 2, 5, 4)}


@net
def activations(rng):
    x = static.data("x", [None, 6])
    h = static.nn.fc(x, 6)
    slope = static.create_parameter([1], "float32", default_initializer=nn.initializer.Constant(0.25))
    functions = [
        F.relu,
        F.leaky_relu,
        F.elu,
        F.selu,
        F.sigmoid,
        paddle.tanh,
        F.softplus,
        F.silu,
        F.mish,
        F.relu6,
        F.hardsigmoid,
        paddle.square,
    ]
    made = [f(h) for f in functions] + [
        F.log_softmax(h),
        paddle.sign(h),
        paddle.clip(h, -1.0, 1.0),
        paddle.pow(h, 3.0),
        F.prelu(h, slope),
    ]
    loss = paddle.mean(paddle.add_n([*made, paddle.sqrt(paddle.abs(h) + 1.0), paddle.exp(h * 0.1)]))
    paddle.optimizer.Adagrad(0.01).minimize(loss)
    return loss, {"x": random(rng, 5, 6)}


@net
def losses(rng):
    x, y = static.data("x", [None, 4]), static.data("y", [None, 4])
    h = static.nn.fc(x, 4)
    loss = paddle.mean(F.square_error_cost(h, y)) + F.mse_loss(h, y) + F.l1_loss(h, y) + F.smooth_l1_loss(h, y)
    loss = loss + F.binary_cross_entropy_with_logits(h, F.sigmoid(y)) + F.kl_div(F.log_softmax(h), F.softmax(y))
    paddle.optimizer.Adamax(0.01).minimize(loss)
    return loss, {"x": random(rng, 5, 4), "y": random(rng, 5, 4)}


@net
def normalisations(rng):
    x = static.data("x", [None, 4, 6, 6])
    h = static.nn.instance_norm(static.nn.group_norm(static.nn.conv2d(x, 4, 3), 2))
    h = F.pad(F.interpolate(F.dropout(h, 0.0), scale_factor=2), [1, 1, 1, 1])
    h = static.nn.conv2d_transpose(h, 2, filter_size=3, stride=2)
    loss = paddle.mean(h * h)
    paddle.optimizer.Adadelta(0.5).minimize(loss)
    return loss, {"x": random(rng, 2, 4, 6, 6)}


@net
def picking(rng):
    x, i = static.data("x", [None, 6]), static.data("i", [3], "int64")
    h = static.nn.fc(x, 6)
    found = [
        paddle.gather(h, i),
        paddle.topk(h, 2)[0],
        paddle.where(h > 0.0, h, h * 0.1),
        paddle.cumsum(h, axis=1),
        paddle.prod(h, axis=1),
        paddle.min(h, axis=1),
        paddle.logsumexp(h, axis=1),
        paddle.maximum(h, h * 0.5),
        paddle.index_select(h, i, axis=1),
        paddle.slice(h, [0], [0], [2]),
    ]
    loss = paddle.norm(h)
    for v in found:
        loss = loss + paddle.mean(v)
    paddle.optimizer.Lamb(0.01).minimize(loss)
    return loss, {"x": random(rng, 5, 6), "i": np.array([0, 2, 1])}


@net
def branch(rng):
    x = static.data("x", [None, 4])
    h = static.nn.fc(x, 4)
    o = static.nn.cond(paddle.mean(h) > 0.0, lambda: h * 2.0, lambda: paddle.tanh(h) - 1.0)
    loss = paddle.mean(o * o)
    paddle.optimizer.SGD(0.1).minimize(loss)
    return loss, {"x": random(rng, 5, 4)}


@net
def loop(rng):
    x = static.data("x", [None, 4])
    h = static.nn.fc(x, 4)
    n = paddle.full([1], 3, "int64")
    start = [paddle.full([1], 0, "int64"), paddle.scale(h, 1.0)]
    _, o = static.nn.while_loop(lambda i, o: i < n, lambda i, o: [i + 1, paddle.tanh(o) * o + h], start)
    loss = paddle.mean(o * o)
    paddle.optimizer.SGD(0.02).minimize(loss)
    return loss, {"x": random(rng, 5, 4)}


@net
def penalty(rng):
    x = static.data("x", [None, 1, 6, 6])
    x.stop_gradient = False
    h = F.leaky_relu(static.nn.conv2d(x, 4, 3), 0.2)
    y = static.nn.fc(paddle.tanh(static.nn.fc(h, 8)), 1)
    (g,) = static.gradients([y], [x])
    loss = paddle.mean(paddle.square(paddle.sum(paddle.square(g), axis=[1, 2, 3]) - 1.0)) + paddle.mean(y)
    paddle.optimizer.Adam(0.01).minimize(loss)
    return loss, {"x": random(rng, 5, 1, 6, 6)}


@net
def equation(rng):
    x = static.data("x", [None, 2])
    x.stop_gradient = False
    u = static.nn.fc(F.sigmoid(static.nn.fc(paddle.sin(static.nn.fc(x, 8)), 8)), 1)
    (g,) = static.gradients([u], [x])
    loss = paddle.mean(paddle.square(g[:, 0:1] + u * g[:, 1:2]))
    paddle.optimizer.Adam(0.01).minimize(loss)
    return loss, {"x": random(rng, 5, 2)}


def save_all(folder: str) -> dict[str, Any]:
    """Build, save with `static.save`, and train each network; returns losses by name."""
    paddle.enable_static()
    found: dict[str, Any] = {}
    Path(folder).mkdir(parents=True)
    for name, make in NETS.items():
        main, startup = static.Program(), static.Program()
        with static.program_guard(main, startup), paddle.utils.unique_name.guard(), static.scope_guard(static.Scope()):
            loss, feed = make(np.random.default_rng(0))
            exe = static.Executor(paddle.CPUPlace())
            exe.run(startup)
            rng = np.random.default_rng(1)
            parameters = sorted(main.all_parameters(), key=lambda p: p.name)
            static.set_program_state(main, {p.name: 0.3 * random(rng, *p.shape) for p in parameters})
            static.save(main, f"{folder}/{name}")
            np.savez(f"{folder}/{name}.npz", **feed)
            found[name] = {"loss": loss.name, "losses": steps(exe, main, feed, loss.name)}
    Path(f"{folder}/losses.json").write_text(json.dumps(found))
    return found


def steps(exe: Any, program: Any, feed: dict[str, np.ndarray], loss: str) -> list[float]:
    return [float(np.asarray(exe.run(program, feed=feed, fetch_list=[loss])[0]).reshape(-1)[0]) for _ in range(4)]


def train_all(folder: str) -> dict[str, Any]:
    """Read what `save_all` wrote and train it; returns losses by name, or what went wrong."""
    paddle.enable_static()
    found: dict[str, Any] = {}
    for name, entry in json.loads(Path(f"{folder}/losses.json").read_text()).items():
        try:
            with static.scope_guard(static.Scope()):
                program = static.deserialize_program(Path(f"{folder}/{name}.pdmodel").read_bytes())
                for key, value in static.load_program_state(f"{folder}/{name}").items():
                    static.global_scope().var(key).get_tensor().set(value, paddle.CPUPlace())
                with np.load(f"{folder}/{name}.npz") as feed:
                    found[name] = steps(static.Executor(paddle.CPUPlace()), program, dict(feed), entry["loss"])
        except Exception as error:
            found[name] = f"{type(error).__name__}: {str(error)[-600:]}"
    return found

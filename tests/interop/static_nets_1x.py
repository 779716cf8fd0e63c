"""Training Programs of many kinds in the code of Paddle 1.x. Both frameworks run this file: FLUID_MODULE says which one `fluid` is."""

# Paddle 1.8 runs on Python 3.7: no newer syntax here.
# ruff: noqa: UP006, UP031, UP035, UP045
from __future__ import annotations

import importlib
import json
import os
from typing import Any, Dict, List

import numpy as np

fluid: Any = importlib.import_module(os.environ.get("FLUID_MODULE", "minipaddle.fluid"))
L = fluid.layers
NETS: Dict[str, Any] = {}


def net(function: Any) -> Any:
    NETS[function.__name__] = function
    return function


def random(rng: Any, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype("float32")


def words(rng: Any, name: str = "words", most: int = 20) -> Dict[str, Any]:
    """Three sentences."""
    return {name: (rng.randint(0, most, (9, 1)).astype("int64"), [2, 3, 4])}


def total(values: List[Any]) -> Any:
    return L.mean(L.sums([L.mean(L.square(v)) for v in values]))


@net
def activations(rng):
    h = L.fc(fluid.data("x", [None, 6], "float32"), 6)
    functions = [
        L.relu,
        L.selu,
        L.sigmoid,
        L.tanh,
        L.softplus,
        L.swish,
        L.relu6,
        L.hard_sigmoid,
        L.square,
        L.softmax,
        L.hard_swish,
        L.softsign,
        L.gelu,
        L.stanh,
        L.soft_relu,
        L.logsigmoid,
        L.tanh_shrink,
        L.sign,
    ]
    made = [f(h) for f in functions] + [
        L.leaky_relu(h, 0.1),
        L.elu(h, 0.7),
        L.clip(h, -1.0, 1.0),
        L.pow(h, 3.0),
        L.prelu(h, "all"),
    ]
    made += [
        L.brelu(h, -1.0, 1.0),
        L.thresholded_relu(h, 0.2),
        L.hard_shrink(h, 0.2),
        L.softshrink(h, 0.2),
        L.cumsum(h, axis=1),
    ]
    loss = L.mean(L.sums(made))
    fluid.optimizer.Adadelta(0.5).minimize(loss)
    return loss, {"x": random(rng, 5, 6)}


@net
def huber(rng):
    x, y = fluid.data("x", [None, 4], "float32"), fluid.data("y", [None, 1], "float32")
    h = L.fc(x, 1)
    loss = L.mean(L.huber_loss(h, y, 0.5)) + L.mean(L.log_loss(L.sigmoid(h), L.sigmoid(y))) + L.mean(L.smooth_l1(h, y))
    loss = loss + L.mean(L.square_error_cost(h, y)) + L.mean(L.sigmoid_cross_entropy_with_logits(h, L.sigmoid(y)))
    fluid.optimizer.Momentum(0.01, 0.9).minimize(loss)
    return loss, {"x": random(rng, 5, 4), "y": random(rng, 5, 1)}


@net
def normalisations(rng):
    x = fluid.data("x", [None, 4, 6, 6], "float32")
    h = L.batch_norm(L.instance_norm(L.group_norm(L.conv2d(x, 4, 3), 2)), act="leaky_relu")
    h = L.lrn(L.layer_norm(L.conv2d_transpose(L.pool2d(h, 2, "max", 2), 2, filter_size=3, stride=2)))
    h = L.pad2d(L.pool2d(L.conv2d(h, 2, 3, groups=2, padding=1), 2, "avg", 2), [1, 1, 1, 1])
    loss = L.mean(L.square(L.resize_bilinear(L.resize_nearest(h, scale=2.0), out_shape=[5, 5])))
    fluid.optimizer.SGD(0.1).minimize(loss)
    return loss, {"x": random(rng, 2, 4, 6, 6)}


@net
def shapes(rng):
    h = L.transpose(L.fc(fluid.data("x", [None, 4, 6], "float32"), 6, num_flatten_dims=2), [0, 2, 1])
    h = L.squeeze(L.unsqueeze(L.reshape(h, [0, 24]), [1]), [1])
    a, b = L.split(h, 2, dim=1)
    s = L.stack([a, b], axis=1)
    made = [
        L.expand(s, [1, 2, 1]),
        L.gather(h, L.assign(np.array([0, 2], "int64"))),
        L.reverse(h, [1]),
        L.concat([a, b, L.unstack(s, axis=1)[0]], axis=1),
        L.slice(h, [1], [2], [7]),
        L.flatten(s),
        L.elementwise_max(a, b),
        L.matmul(s, s, transpose_y=True),
        L.topk(h, 3)[0],
    ]
    loss = total(made) + L.reduce_mean(L.reduce_sum(h, dim=1)) + L.reduce_max(h) + L.mean(L.reduce_prod(a, dim=1))
    fluid.optimizer.RMSProp(0.01).minimize(loss)
    return loss, {"x": random(rng, 3, 4, 6)}


@net
def schedule(rng):
    x, y = fluid.data("x", [None, 6], "float32"), fluid.data("y", [None, 1], "int64")
    h = L.fc(x, 8, act="relu")
    loss = L.mean(L.cross_entropy(L.fc(h, 4, act="softmax"), y)) + L.mean(L.softmax_with_cross_entropy(L.fc(h, 4), y))
    clip, decay = fluid.clip.GradientClipByGlobalNorm(1.0), fluid.regularizer.L2Decay(0.01)
    fluid.optimizer.SGD(L.exponential_decay(0.1, 2, 0.5), regularization=decay, grad_clip=clip).minimize(loss)
    return loss, {"x": random(rng, 5, 6), "y": rng.randint(0, 4, (5, 1)).astype("int64")}


@net
def sequences(rng):
    w = fluid.data("words", [None, 1], "int64", lod_level=1)
    e = L.embedding(w, [20, 6])
    h = L.elementwise_mul(L.sequence_conv(e, 6, 3, act="tanh"), L.sequence_softmax(L.fc(e, 1)), axis=0)
    pools = [L.sequence_pool(h, k) for k in ("sum", "average", "sqrt", "max", "first", "last")]
    padded, length = L.sequence_pad(h, L.assign(np.array([0.0], "float32")))
    made = [
        L.sequence_pool(L.sequence_reverse(h), "first"),
        L.sequence_expand(pools[0], w),
        L.sequence_expand_as(pools[1], w),
        L.sequence_concat([h, e]),
        L.sequence_unpad(padded, length),
        L.sequence_reshape(h, 3),
        padded,
    ]
    loss = total(pools + made)
    fluid.optimizer.Adagrad(0.1).minimize(loss)
    return loss, words(rng)


@net
def recurrent(rng):
    e = L.embedding(fluid.data("words", [None, 1], "int64", lod_level=1), [20, 6])
    g = L.dynamic_gru(L.fc(e, 12), 4)
    h, _ = L.dynamic_lstm(L.fc(e, 16), 16, is_reverse=True)
    loss = L.mean(L.concat([L.sequence_last_step(g), L.sequence_pool(h, "max")], axis=1))
    fluid.optimizer.Adamax(0.01).minimize(loss)
    return loss, words(rng)


@net
def tagger(rng):
    w, t = (fluid.data(n, [None, 1], "int64", lod_level=1) for n in ("words", "tags"))
    scores = L.fc(L.embedding(w, [20, 6]), 5)
    loss = L.mean(L.linear_chain_crf(scores, t, param_attr=fluid.ParamAttr(name="crfw")))
    fluid.optimizer.SGD(0.1).minimize(loss)
    feed = words(rng)
    feed.update(words(rng, "tags", 5))
    return loss, feed


@net
def static_rnn(rng):
    x = L.fc(fluid.data("x", [4, 3, 5], "float32"), 5, num_flatten_dims=2)
    rnn = L.StaticRNN()
    with rnn.step():
        now = rnn.step_input(x)
        state = rnn.memory(shape=[-1, 6], batch_ref=x, ref_batch_dim_idx=1)
        new = L.fc([now, state], 6, act="tanh")
        rnn.update_memory(state, new)
        rnn.step_output(new)
    loss = L.mean(L.square(rnn()))
    fluid.optimizer.SGD(0.1).minimize(loss)
    return loss, {"x": random(rng, 4, 3, 5)}


@net
def dynamic_rnn(rng):
    e = L.embedding(fluid.data("words", [None, 1], "int64", lod_level=1), [20, 6])
    rnn = L.DynamicRNN()
    with rnn.block():
        now, state = rnn.step_input(e), rnn.memory(shape=[6], value=0.0)
        new = L.fc([now, state], 6, act="tanh")
        rnn.update_memory(state, new)
        rnn.output(new)
    loss = L.mean(L.square(L.sequence_last_step(rnn())))
    fluid.optimizer.SGD(0.1).minimize(loss)
    return loss, words(rng)


@net
def branch(rng):
    h = L.fc(fluid.data("x", [None, 4], "float32"), 4)
    o = L.cond(L.mean(h) > 0.0, lambda: L.scale(h, 2.0), lambda: L.scale(L.tanh(h), 1.0, -1.0))
    loss = L.mean(L.square(o))
    fluid.optimizer.SGD(0.1).minimize(loss)
    return loss, {"x": random(rng, 5, 4)}


def fed(feed: Dict[str, Any]) -> Dict[str, Any]:
    place = fluid.CPUPlace()
    return {k: fluid.create_lod_tensor(v[0], [v[1]], place) if isinstance(v, tuple) else v for k, v in feed.items()}


def steps(program: Any, feed: Dict[str, Any], loss: str) -> List[float]:
    exe = fluid.Executor(fluid.CPUPlace())
    found = [exe.run(program, feed=fed(feed), fetch_list=[loss], return_numpy=False)[0] for _ in range(4)]
    return [float(np.asarray(v).reshape(-1)[0]) for v in found]


def save_all(folder: str) -> Dict[str, Any]:
    """Build, save with `fluid.save`, and train each network; returns losses by name."""
    found: Dict[str, Any] = {}
    os.makedirs(folder)
    for name, make in NETS.items():
        main, startup = fluid.Program(), fluid.Program()
        with fluid.program_guard(main, startup), fluid.unique_name.guard(), fluid.scope_guard(fluid.Scope()):
            loss, feed = make(np.random.RandomState(0))
            fluid.Executor(fluid.CPUPlace()).run(startup)
            rng = np.random.RandomState(1)
            parameters = sorted(main.all_parameters(), key=lambda p: p.name)
            fluid.set_program_state(main, {p.name: 0.3 * random(rng, *p.shape) for p in parameters})
            fluid.save(main, folder + "/" + name)
            given = {
                k: [v[0].tolist(), v[1]] if isinstance(v, tuple) else [v.tolist(), str(v.dtype)]
                for k, v in feed.items()
            }
            found[name] = {"loss": loss.name, "feed": given, "losses": steps(main, feed, loss.name)}
    with open(folder + "/losses.json", "w") as file:
        json.dump(found, file)
    return found


def train_all(folder: str) -> Dict[str, Any]:
    """Read what `save_all` wrote and train it; returns losses by name, or what went wrong."""
    with open(folder + "/losses.json") as file:
        entries = json.load(file)
    found: Dict[str, Any] = {}
    for name, entry in entries.items():
        try:
            with fluid.scope_guard(fluid.Scope()):
                with open(folder + "/" + name + ".pdmodel", "rb") as stored:
                    program = fluid.Program.parse_from_string(stored.read())
                for key, value in fluid.load_program_state(folder + "/" + name).items():
                    fluid.global_scope().var(key).get_tensor().set(value, fluid.CPUPlace())
                feed = {
                    k: np.array(v, how) if isinstance(how, str) else (np.array(v, "int64"), how)
                    for k, (v, how) in entry["feed"].items()
                }
                found[name] = steps(program, feed, entry["loss"])
        except Exception as error:
            found[name] = type(error).__name__ + ": " + str(error)[-600:]
    return found

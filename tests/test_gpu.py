"""Working on a GPU, and moving between it and the CPU.

Every test runs with CuPy where there is a GPU (`pytest -m gpu`), and everywhere with a module that passes for CuPy.
"""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from minipaddle.backend import cuda_kernels, rng
from minipaddle.backend import xp as backend
from minipaddle.core import tape
from minipaddle.core.dispatch import call
from minipaddle.core.tensor import Tensor, make_tensor
from minipaddle.ops.registry import OPS
from minipaddle.static import InputSpec
from tests import pretend_cupy
from tests.ops import standin
from tests.ops.caselib import cotangents, differentiated, leaves, nested
from tests.ops.test_cases import BY_ID

RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 12)).astype("float32")
Y = RNG.integers(0, 4, (16, 1))


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The array module of the GPU, which is the current device during the test."""
    others = list(backend._others)
    if request.param == "real":
        module = pytest.importorskip("cupy")
        if not module.cuda.is_available():
            pytest.skip("no GPU")
    else:
        module = pretend_cupy.module()
        monkeypatch.setitem(sys.modules, "cupy", module)
        for name in list(cuda_kernels.TABLE):  # they are CUDA
            monkeypatch.delitem(cuda_kernels.TABLE, name)
    paddle.set_device("gpu")
    try:
        yield module
    finally:
        paddle.set_device("cpu")
        backend._others[:] = others
        for key in [key for key in rng.default_generator._made if key[0] == "cupy"]:
            del rng.default_generator._made[key]


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(12, 8), nn.BatchNorm1D(8), nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return self.last(F.relu(self.norm(self.first(x))))


def start() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    return {name: draw.uniform(0.1, 0.5, p.shape).astype("float32") for name, p in Net().state_dict().items()}


def train(net: Any, optimizer: Any) -> list[float]:
    losses = []
    for _ in range(4):
        loss = F.cross_entropy(net(paddle.to_tensor(X)), paddle.to_tensor(Y))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("kind", ["SGD", "Momentum", "Adam", "AdamW", "RMSProp", "Lamb"])
def test_training_gives_the_numbers_of_the_cpu(gpu: Any, kind: str, static: bool) -> None:
    found = []
    for device in ("cpu", "gpu"):
        paddle.set_device(device)
        net = Net()
        net.set_state_dict(start())
        if static:
            net = paddle.jit.to_static(net)
        found.append(train(net, getattr(paddle.optimizer, kind)(0.01, parameters=net.parameters())))
        assert net.first.weight.place == (paddle.CPUPlace() if device == "cpu" else paddle.CUDAPlace(0))
        assert isinstance(net.first.weight._data, np.ndarray if device == "cpu" else gpu.ndarray)
    np.testing.assert_allclose(found[1], found[0], rtol=2e-5)


@pytest.mark.parametrize("way", [("gpu", "cpu"), ("cpu", "gpu"), ("gpu", "gpu")])
def test_files_know_no_device(gpu: Any, tmp_path: Any, way: tuple[str, str]) -> None:
    paddle.set_device(way[0])
    net = Net()
    adam = paddle.optimizer.Adam(0.01, parameters=net.parameters())
    train(net, adam)
    net.eval()
    expected = net(paddle.to_tensor(X)).numpy()
    paddle.save(net.state_dict(), str(tmp_path / "net.pdparams"))
    paddle.save(adam.state_dict(), str(tmp_path / "adam.pdopt"))
    paddle.jit.save(net, str(tmp_path / "net"), input_spec=[InputSpec([None, 12])])
    paddle.set_device(way[1])
    kind = np.ndarray if way[1] == "cpu" else gpu.ndarray
    state = paddle.load(str(tmp_path / "net.pdparams"))
    assert all(isinstance(t._data, kind) for t in state.values())
    fresh = Net()
    fresh.set_state_dict(state)
    fresh.eval()
    np.testing.assert_allclose(fresh(paddle.to_tensor(X)).numpy(), expected, rtol=1e-5, atol=1e-6)
    loaded = paddle.jit.load(str(tmp_path / "net"))
    assert all(isinstance(p._data, kind) for p in loaded.parameters())
    np.testing.assert_allclose(loaded(paddle.to_tensor(X)).numpy(), expected, rtol=1e-5, atol=1e-6)
    loaded.train()
    losses = train(loaded, paddle.optimizer.SGD(0.1, parameters=loaded.parameters()))
    assert losses[-1] < losses[0]
    for name, array in paddle.load(str(tmp_path / "net")).items():
        np.testing.assert_array_equal(array, net.state_dict()[name].numpy())


def test_moving_and_copying(gpu: Any) -> None:
    t = paddle.ones([2])
    assert t.place == paddle.CUDAPlace(0) and isinstance(t.cpu()._data, np.ndarray) and type(t.numpy()) is np.ndarray
    assert isinstance(t.cpu().cuda()._data, gpu.ndarray)
    assert isinstance(paddle.to_tensor([1.0], place=paddle.CPUPlace())._data, np.ndarray)
    with pytest.raises(ValueError, match=r"different devices.*\.cpu\(\)"):
        t + t.cpu()
    layer = Net()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert isinstance(twin.first.weight._data, gpu.ndarray)
    layer.to("cpu")
    assert all(isinstance(p._data, np.ndarray) for p in layer.parameters())
    assert "1." in str(t) and t.tolist() == [1, 1] and float(t.sum()) == 2 and bool((t > 0).all())


def test_random_numbers_repeat(gpu: Any) -> None:
    paddle.seed(3)
    first = [paddle.rand([3]).tolist(), paddle.randn([3]).tolist(), F.dropout(paddle.ones([8])).tolist()]
    paddle.seed(3)
    assert first == [paddle.rand([3]).tolist(), paddle.randn([3]).tolist(), F.dropout(paddle.ones([8])).tolist()]


def test_the_state_of_random_numbers_comes_back(gpu: Any) -> None:
    def draw() -> list[Any]:
        return [paddle.rand([3]).tolist(), paddle.rand([3]).cpu().tolist(), F.dropout(paddle.ones([8])).tolist()]

    paddle.seed(3)
    for get, put in ((paddle.get_rng_state, paddle.set_rng_state), (paddle.get_cuda_rng_state, paddle.set_cuda_rng_state)):
        state = get()
        first, second = draw(), draw()
        put(state)
        assert draw() == first != second
    with pytest.raises(ValueError, match="get_cuda_rng_state"):
        paddle.set_cuda_rng_state(["state"])


def test_a_tensor_of_the_cpu_is_indexed_and_written_there(gpu: Any) -> None:
    x = paddle.arange(4, dtype="float32").cpu()
    x[1] = 7.0
    x[[0, 2]] = paddle.to_tensor([8.0, 9.0]).cpu()
    assert x.place == paddle.CPUPlace() and x.tolist() == [8, 7, 9, 3]
    assert x[paddle.to_tensor([3, 1])].tolist() == [3, 7] and x[[True, False, False, True]].tolist() == [8, 3]
    assert (x + np.ones(4, "float32")).place == paddle.CPUPlace()
    y = x.cuda()
    y[paddle.to_tensor([0]).cpu()] = 1.0
    assert y.place == paddle.CUDAPlace(0) and y[np.array([0, 1])].tolist() == [1, 7]


def test_views_and_copies(gpu: Any) -> None:
    x = paddle.ones([2, 3])
    for view in (x[0], x.diagonal(), x.as_strided([2], [1])):
        before = x.inplace_version
        view[...] = 0.0
        assert x.inplace_version == view.inplace_version == before + 1
    assert x.tolist() == [[0, 0, 0], [1, 0, 1]]
    for copied in (x.expand([1, 2, 3]), x.broadcast_to([2, 2, 3])):
        copied[...] = 5.0
    assert x.tolist() == [[0, 0, 0], [1, 0, 1]]


def test_control_flow_and_data(gpu: Any) -> None:
    @paddle.jit.to_static
    def f(x: Any) -> Any:
        while x.sum() < 10:
            x = x * 2
        return x - 1 if x.max() > 3 else x

    assert f(paddle.ones([3])).tolist() == [3, 3, 3]
    loader = paddle.io.DataLoader(paddle.io.TensorDataset([X, Y]), batch_size=8, num_workers=2)
    assert all(isinstance(t._data, gpu.ndarray) for batch in loader for t in batch)


def test_numbers_of_devices(gpu: Any) -> None:
    count = gpu.cuda.runtime.getDeviceCount()
    with pytest.raises(ValueError, match=f"gpu:{count}.*there are {count} GPUs"):
        paddle.set_device(f"gpu:{count}")
    assert paddle.get_device() == "gpu:0" and paddle.device.cuda.device_count() == count


def test_programs_and_mixed_precision(gpu: Any) -> None:
    paddle.enable_static()
    try:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            x, y = paddle.static.data("x", [None, 12]), paddle.static.data("y", [None, 1], "int64")
            hidden = paddle.static.nn.fc(x, 4)
            doubled = main.current_block().create_var("doubled", shape=[-1, 4], dtype="float32")
            paddle.static.py_func(lambda a: 2 * np.asarray(a), hidden, doubled)
            loss = F.cross_entropy(hidden, y)
            paddle.optimizer.Adam(0.1).minimize(loss)
        executor = paddle.static.Executor(paddle.CUDAPlace(0))
        scope = paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            executor.run(startup)
            results = [executor.run(main, {"x": X, "y": Y}, [loss, hidden, doubled]) for _ in range(4)]
            weight = main.all_parameters()[0]
            assert isinstance(weight.get_value()._data, gpu.ndarray)
            weight.set_value(weight.get_value())
    finally:
        paddle.disable_static()
    assert results[-1][0] < results[0][0] and type(results[0][0]) is np.ndarray
    np.testing.assert_allclose(results[0][2], 2 * results[0][1])

    net = Net()
    optimizer = paddle.optimizer.AdamW(0.01, parameters=net.parameters(), multi_precision=True)
    net, optimizer = paddle.amp.decorate(net, optimizer, level="O2", dtype="float16")
    scaler = paddle.amp.GradScaler(init_loss_scaling=64.0)
    losses = []
    for _ in range(4):
        with paddle.amp.auto_cast(level="O2", dtype="float16"):
            loss = F.cross_entropy(net(paddle.to_tensor(X)).astype("float32"), paddle.to_tensor(Y))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.clear_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0] and net.first.weight.dtype == paddle.float16
    state = optimizer.state_dict()
    assert state["master_weights"] and all(isinstance(t._data, gpu.ndarray) for t in state["master_weights"].values())
    optimizer.set_state_dict(state)
    metric = paddle.metric.Accuracy()
    metric.update(metric.compute(net(paddle.to_tensor(X).astype("float16")).astype("float32"), paddle.to_tensor(Y)))
    assert 0 <= metric.accumulate() <= 1


def test_sums_at_repeated_places(gpu: Any) -> None:
    index = paddle.to_tensor([0, 2, 0])
    for dtype in ("float16", "float32", "float64", "int32", "int64", "complex64"):
        x = paddle.zeros([3], dtype)
        assert paddle.index_add(x, index, 0, paddle.ones([3], dtype)).tolist() == [2, 0, 1]
    x = paddle.ones([3], "float64")
    value = paddle.to_tensor(np.array([0.1, 3.0, 1 / 3]))
    assert paddle.put_along_axis(x, index, value, 0, reduce="amin").tolist() == [0.1, 1.0, 1.0]
    assert paddle.put_along_axis(x, index, value, 0, reduce="mul").tolist() == [0.1 * (1 / 3), 1.0, 3.0]


def test_the_table_of_what_cupy_has() -> None:
    """No GPU is needed to ask CuPy for names and signatures."""
    cupy = pytest.importorskip("cupy")
    for name, keywords in standin.FUNCTIONS.items():
        function = functools.reduce(getattr, name.split("."), cupy)
        if not isinstance(function, cupy.ufunc):
            parameters = inspect.signature(function).parameters
            assert keywords <= set(parameters) or "kwargs" in parameters, name
    for name, keywords in standin.METHODS.items():
        signature = getattr(cupy.ndarray, name).__doc__.partition("\n")[0]  # it is compiled
        assert all(re.search(rf"\b{keyword}=", signature) or f", {keyword}," in signature for keyword in keywords), name
    assert all(hasattr(cupy.ndarray, name) for name in standin.ATTRIBUTES)
    assert all(hasattr(cupy._core.flags.Flags, name) for name in standin.FLAGS)
    assert all(hasattr(cupy.random.Generator, name) for name in pretend_cupy.DRAWS)


def test_no_gpu_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    for error in (ImportError, ValueError):
        with pytest.raises(error, match=r"cupy.*pip install 'minipaddle\[gpu\]'"):
            paddle.set_device("gpu")
    module = pretend_cupy.module()
    module.cuda = type("cuda", (), {"runtime": type("runtime", (), {"getDeviceCount": staticmethod(lambda: 0)})})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", module)
    for error in (RuntimeError, ValueError):
        with pytest.raises(error, match=r"no NVIDIA GPU; use set_device\('cpu'\)"):
            paddle.set_device("gpu")
    assert paddle.get_device() == "cpu" and paddle.ones([1]).place == paddle.CPUPlace()


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(BY_ID))
def test_operators_as_on_the_cpu(name: str) -> None:
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    c = BY_ID[name]
    op = OPS[c.type]
    if op.is_random:
        pytest.skip("the GPU draws other numbers")
    results = []
    paddle.set_device("gpu")
    try:
        for move in (lambda a: a, cupy.asarray):
            flat: list[Tensor] = []

            def made(a: Any, move: Any = move, flat: Any = flat) -> Tensor:
                flat.append(make_tensor(move(a)))
                return flat[-1]

            inputs = nested(made, c.arrays())
            for i in differentiated(c):
                flat[i].stop_gradient = False
            out = call(op, *inputs, **c.attrs)
            outs = [o for o in leaves(out if isinstance(out, (list, tuple)) else [out]) if o is not None]
            values = [backend.to_numpy(o._data) for o in outs]
            floats = [o for o in outs if not o.stop_gradient]
            if floats and c.grad:
                seeds = cotangents([backend.to_numpy(o._data) for o in floats])
                tape.run_backward(floats, [make_tensor(move(s)) for s in seeds])
                values += [backend.to_numpy(t.grad._data) for t in flat if t.grad is not None]
            results.append(values)
    finally:
        paddle.set_device("cpu")
    assert len(results[0]) == len(results[1])
    for on_cpu, on_gpu in zip(*results, strict=True):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-5, atol=1e-7)


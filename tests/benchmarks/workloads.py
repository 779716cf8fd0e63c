"""What is timed. Run by `run.py` inside the interpreter of one framework: ``python workloads.py FRAMEWORK WORKLOAD``.

Prints one line of JSON: {"times": [seconds per step of each batch of steps], ...}. Needs nothing but the framework and NumPy.
"""
from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

BATCHES = 15  # timed batches; each lasts about BATCH_SECONDS
BATCH_SECONDS = 0.1


def resident_mb() -> float:
    """Resident memory of this process (Linux)."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed(step: Callable[[], Any]) -> list[float]:
    """Seconds per step of each batch, after warming up."""
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < 4 * BATCH_SECONDS or count < 5:
        step()
        count += 1
    per_step = (time.perf_counter() - began) / count
    n = max(int(BATCH_SECONDS / per_step), 1)
    times = []
    for _ in range(BATCHES):
        began = time.perf_counter()
        for _ in range(n):
            step()
        times.append((time.perf_counter() - began) / n)
    return times


# --- Paddle and minipaddle


def _paddle_net(paddle: Any, kind: str) -> Any:
    nn = paddle.nn
    if kind == "linear":

        class LinearNet(nn.Layer):
            def __init__(self) -> None:
                super().__init__()
                self._linear = nn.Linear(784, 10)

            def forward(self, x: Any) -> Any:
                return self._linear(x)

        return LinearNet()
    if kind == "mlp":
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return nn.Sequential(
        nn.Conv2D(1, 6, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2D(2, 2), nn.Conv2D(6, 16, 5), nn.ReLU(),
        nn.MaxPool2D(2, 2), nn.Flatten(), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10),
    )  # fmt: skip


SHAPES = {"linear": (16, 784), "mlp": (64, 784), "lenet": (64, 1, 28, 28)}


def _data(kind: str) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    shape = SHAPES[kind]
    return rng.standard_normal(shape).astype("float32"), rng.integers(0, 10, (shape[0], 1)).astype("int64")


def _paddle_step(paddle: Any, kind: str, static: bool) -> Callable[[], Any]:
    paddle.seed(1)
    net = _paddle_net(paddle, kind)
    if static:
        net = paddle.jit.to_static(net, full_graph=True) if paddle.__name__ == "paddle" else paddle.jit.to_static(net)
    loss_fn = paddle.nn.CrossEntropyLoss()
    adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=net.parameters())
    x, y = map(paddle.to_tensor, _data(kind))

    def step() -> None:
        loss = loss_fn(net(x), y)
        loss.backward()
        adam.step()
        adam.clear_grad()

    return step


def _paddle_traced_loss(paddle: Any, kind: str) -> Callable[[], Any]:
    """As `_paddle_step`, with the loss in the traced function too."""
    paddle.seed(1)

    class WithLoss(paddle.nn.Layer):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = _paddle_net(paddle, kind)

        def forward(self, x: Any, y: Any) -> Any:
            return paddle.nn.functional.cross_entropy(self.net(x), y)

    net = WithLoss()
    net = paddle.jit.to_static(net, full_graph=True) if paddle.__name__ == "paddle" else paddle.jit.to_static(net)
    adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=net.parameters())
    x, y = map(paddle.to_tensor, _data(kind))

    def step() -> None:
        net(x, y).backward()
        adam.step()
        adam.clear_grad()

    return step


def _paddle_infer(paddle: Any, static: bool) -> Callable[[], Any]:
    import numpy as np

    net = _paddle_net(paddle, "linear")
    net.eval()
    if static:
        net = paddle.jit.to_static(net, full_graph=True) if paddle.__name__ == "paddle" else paddle.jit.to_static(net)
    x = paddle.to_tensor(np.ones((1, 784), "float32"))
    net(x)

    def step() -> Any:
        with paddle.no_grad():
            return net(x)

    return step


def _paddle_add(paddle: Any) -> Callable[[], Any]:
    import numpy as np

    a = paddle.to_tensor(np.ones((2, 2), "float32"), stop_gradient=False)
    b = paddle.to_tensor(np.ones((2, 2), "float32"), stop_gradient=False)
    return lambda: a + b


def _paddle_executor(paddle: Any) -> Callable[[], Any]:
    paddle.enable_static()
    x = paddle.static.data("x", [None, 784], "float32")
    y = paddle.static.data("y", [None, 1], "int64")
    loss = paddle.nn.functional.cross_entropy(paddle.static.nn.fc(x, 10), y)
    paddle.optimizer.Adam(learning_rate=0.001).minimize(loss)
    exe = paddle.static.Executor(paddle.CPUPlace())
    exe.run(paddle.static.default_startup_program())
    images, labels = _data("linear")
    program = paddle.static.default_main_program()
    return lambda: exe.run(program, feed={"x": images, "y": labels}, fetch_list=[loss])


def paddle_workload(module: str, name: str) -> Callable[[], Any]:
    """One step of a workload in Paddle's API."""
    if module == "paddle":
        import zlib  # noqa: F401  (before Paddle: some versions crash otherwise)

        os.environ.setdefault("FLAGS_enable_pir_api", "1")
    paddle = importlib.import_module(module)
    if name == "add":
        return _paddle_add(paddle)
    if name == "executor":
        return _paddle_executor(paddle)
    if name.startswith("infer"):
        return _paddle_infer(paddle, name.endswith("static"))
    kind, _, mode = name.partition("-")
    if mode == "traced-loss":
        return _paddle_traced_loss(paddle, kind)
    return _paddle_step(paddle, kind, mode == "static")


# --- PyTorch


def torch_workload(name: str) -> Callable[[], Any]:
    """The same in PyTorch, eager."""
    import torch
    from torch import nn

    if name == "add":
        a, b = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
        return lambda: a + b
    kind = name.partition("-")[0]
    if kind == "infer":
        net: Any = nn.Linear(784, 10)
        row = torch.ones(1, 784)

        def infer() -> Any:
            with torch.no_grad():
                return net(row)

        return infer
    if kind == "linear":
        net = nn.Linear(784, 10)
    elif kind == "mlp":
        net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    else:
        net = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Flatten(), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10),
        )  # fmt: skip
    adam = torch.optim.Adam(net.parameters(), lr=0.001)
    x, y = _data(kind)
    images, labels = torch.from_numpy(x), torch.from_numpy(y[:, 0])
    loss_fn = nn.CrossEntropyLoss()

    def step() -> None:
        loss = loss_fn(net(images), labels)
        loss.backward()
        adam.step()
        adam.zero_grad()

    return step


# --- NumPy by hand


def numpy_workload(name: str) -> Callable[[], Any]:
    """The LinearNet step written by hand: the floor for anything on NumPy without C."""
    import numpy as np

    if name != "linear-eager":
        raise SystemExit(f"no NumPy form of {name}")
    x, y = _data("linear")
    rows, labels = np.arange(16), y[:, 0]
    w = np.zeros((784, 10), np.float32)
    b = np.zeros(10, np.float32)
    state = [(p, np.zeros_like(p), np.zeros_like(p)) for p in (w, b)]
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        z = x @ w + b
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        -np.log(p[rows, labels]).mean()
        p[rows, labels] -= 1
        p /= np.float32(16)
        rate = np.float32(0.001 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t))
        for (q, m, v), g in zip(state, (x.T @ p, p.sum(axis=0)), strict=True):
            m *= np.float32(0.9)
            m += np.float32(0.1) * g
            v *= np.float32(0.999)
            v += np.float32(0.001) * g * g
            q -= rate * m / (np.sqrt(v) + np.float32(1e-8))

    return step


def make(framework: str, name: str) -> Callable[[], Any]:
    """The step of a workload."""
    if framework == "torch":
        return torch_workload(name)
    if framework == "numpy":
        return numpy_workload(name)
    return paddle_workload(framework, name)


def main() -> None:
    framework, name = sys.argv[1:3]
    if name == "import":
        before = resident_mb()
        began = time.perf_counter()
        importlib.import_module(framework)
        found: dict[str, Any] = {"times": [time.perf_counter() - began], "start_mb": before, "mb": resident_mb()}
    elif name.startswith("memory"):
        step = make(framework, name.partition("-")[2])
        for _ in range(2000):
            step()
        before = resident_mb()
        began = time.perf_counter()
        for _ in range(10000):
            step()
        found = {"times": [(time.perf_counter() - began) / 10000], "growth_mb": resident_mb() - before}
    else:
        found = {"times": timed(make(framework, name))}
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()

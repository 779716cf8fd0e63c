"""Times many small workloads once: training steps of common networks, single operators, convolutions.

    python tests/benchmarks/many.py --paddle PATH/TO/python [--paddle ANOTHER] [PART_OF_A_NAME ...]

Prints microseconds of minipaddle and of each other interpreter, and the ratios. For finding what is slow; `run.py` measures with more care.
"""
from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

Step = Callable[[], Any]


def least(step: Step, seconds: float) -> float:
    """Least microseconds per step."""
    step(), step()
    began = time.perf_counter()
    step()
    n = max(1, int(0.05 / max(time.perf_counter() - began, 1e-7)))
    best, end = 1e9, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        for _ in range(n):
            step()
        best = min(best, (time.perf_counter() - began) / n)
    return best * 1e6


def networks(paddle: Any, rng: Any) -> dict[str, Callable[[], Step]]:
    """Name -> maker of a training step, or of a step of inference."""
    nn, F = paddle.nn, paddle.nn.functional

    def normal(*shape: int) -> Any:
        return paddle.to_tensor(rng.standard_normal(shape).astype("float32"))

    def integers(end: int, *shape: int) -> Any:
        return paddle.to_tensor(rng.integers(0, end, shape).astype("int64"))

    def training(net: Any, x: Any, y: Any, optimizer: str = "Adam", loss: Any = F.cross_entropy, **options: Any) -> Step:
        net.train()
        chosen = getattr(paddle.optimizer, optimizer)(parameters=net.parameters(), **options)

        def step() -> None:
            loss(net(x), y).backward()
            chosen.step()
            chosen.clear_grad()

        return step

    def inference(net: Any, x: Any) -> Step:
        net.eval()

        def step() -> Any:
            with paddle.no_grad():
                return net(x)

        return step

    class Last(nn.Layer):  # type: ignore[name-defined,misc]
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.rnn, self.out = getattr(nn, kind)(32, 64), nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(x)[0][:, -1])

    class Words(nn.Layer):  # type: ignore[name-defined,misc]
        def __init__(self, width: int, layers: int) -> None:
            super().__init__()
            self.embedding, self.out = nn.Embedding(1000, width), nn.Linear(width, 10)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0), layers) if layers else None

        def forward(self, ids: Any) -> Any:
            x = self.embedding(ids)
            return self.out((x if self.encoder is None else self.encoder(x)).mean(1))

    def mlp() -> Any:
        return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

    def with_norm() -> Any:
        return nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1D(128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))

    def cnn() -> Any:
        return nn.Sequential(
            nn.Conv2D(3, 16, 3, padding=1), nn.BatchNorm2D(16), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(16, 32, 3, padding=1),
            nn.BatchNorm2D(32), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip

    models = paddle.vision.models
    found: dict[str, Callable[[], Step]] = {
        "train regression, SGD": lambda: training(nn.Linear(13, 1), normal(32, 13), normal(32, 1), "SGD", F.mse_loss, learning_rate=0.01),
        "train MLP with batch_norm, dropout": lambda: training(with_norm(), normal(64, 64), integers(10, 64)),
        "train MLP, Momentum, clip, decay": lambda: training(
            mlp(), normal(64, 64), integers(10, 64), "Momentum", learning_rate=0.01, weight_decay=1e-4,
            grad_clip=nn.ClipGradByGlobalNorm(1.0),
        ),
        "train CNN with batch_norm": lambda: training(cnn(), normal(16, 3, 32, 32), integers(10, 16)),
        "train transformer": lambda: training(Words(64, 2), integers(1000, 8, 32), integers(10, 8)),
        "train bag of words": lambda: training(Words(32, 0), integers(1000, 32, 20), integers(10, 32)),
        "infer transformer": lambda: inference(Words(64, 2), integers(1000, 1, 32)),
        "infer resnet18 64x64": lambda: inference(models.resnet18(), normal(1, 3, 64, 64)),
        "infer mobilenet_v2 64x64": lambda: inference(models.mobilenet_v2(), normal(1, 3, 64, 64)),
    }  # fmt: skip
    for name in ("AdamW", "RMSProp", "Adagrad", "Lamb"):
        found[f"train MLP, {name}"] = lambda n=name: training(mlp(), normal(64, 64), integers(10, 64), n, learning_rate=0.001)
    for kind in ("LSTM", "GRU", "SimpleRNN"):
        found[f"train {kind}"] = lambda k=kind: training(Last(k), normal(16, 20, 32), integers(10, 16))
        found[f"infer {kind}"] = lambda k=kind: inference(Last(k), normal(1, 20, 32))
    return found


def operators(paddle: Any, rng: Any) -> dict[str, Callable[[], Step]]:
    """Name -> maker of a step that calls one function on a square tensor, small and larger; and convolutions."""
    F = paddle.nn.functional
    functions: dict[str, Callable[[Any], Any]] = {
        "add": lambda x: x + x, "pow": lambda x: x**2, "exp": paddle.exp, "tanh": paddle.tanh, "relu": F.relu, "gelu": F.gelu,
        "sigmoid": F.sigmoid, "softmax": F.softmax, "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]), "clip": lambda x: x.clip(0, 1),
        "equal": lambda x: x == x, "where": lambda x: paddle.where(x > 0, x, -x), "dropout": lambda x: F.dropout(x, 0.5),
        "matmul": lambda x: x @ x, "einsum": lambda x: paddle.einsum("ij,jk->ik", x, x), "inverse": lambda x: paddle.inverse(x[:8, :8]),
        "sum": lambda x: x.sum(), "mean of rows": lambda x: x.mean(1), "max": lambda x: x.max(), "std": lambda x: x.std(),
        "norm": paddle.norm, "argmax": lambda x: x.argmax(-1), "topk": lambda x: x.topk(3), "sort": paddle.sort,
        "cumsum": lambda x: x.cumsum(1), "unique": paddle.unique, "slice": lambda x: x[1:3], "index": lambda x: x[2],
        "mask": lambda x: x[x > 0], "setitem": lambda x: x.__setitem__(slice(0, 2), 1.0),
        "gather": lambda x: x.gather(paddle.to_tensor([0])), "transpose": lambda x: x.transpose([1, 0]),
        "reshape": lambda x: x.reshape([-1]), "concat": lambda x: paddle.concat([x, x]),
        "stack": lambda x: paddle.stack([x, x]), "split": lambda x: x.split(2), "expand": lambda x: x.unsqueeze(0).expand([4, -1, -1]),
        "tile": lambda x: x.tile([2, 1]), "flip": lambda x: x.flip([0]), "pad": lambda x: F.pad(x, [1, 1, 1, 1]),
        "cast": lambda x: x.astype("float64"), "one_hot": lambda x: F.one_hot(paddle.to_tensor([1, 2]), 5),
        "item": lambda x: x.sum().item(), "numpy": lambda x: x.numpy(),
        "to_tensor": lambda x: paddle.to_tensor([1.0, 2.0]), "zeros": lambda x: paddle.zeros([10, 10]),
        "rand": lambda x: paddle.rand([10, 10]), "randn": lambda x: paddle.randn([100, 100]),
    }  # fmt: skip

    def on(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Callable[[], Step]:
        tensors = [paddle.to_tensor(rng.standard_normal(s).astype("float32")) for s in shapes]
        return lambda: lambda: function(*tensors)

    found = {f"{name} {n}": on(function, (n, n)) for name, function in functions.items() for n in (8, 256)}
    for name, x, w, options in (
        ("conv 3x3, 16 to 32, 8 of 28x28", (8, 16, 28, 28), (32, 16, 3, 3), {"padding": 1}),
        ("conv 1x1, 64 to 64, 4 of 28x28", (4, 64, 28, 28), (64, 64, 1, 1), {}),
        ("conv 7x7 by 2, 3 to 64, 112x112", (1, 3, 112, 112), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
        ("depthwise 3x3, 32, 4 of 28x28", (4, 32, 28, 28), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    ):
        found[name] = on(lambda a, b, o=options: F.conv2d(a, b, **o), x, w)
    return found


def measure(module: str, parts: list[str]) -> dict[str, float | str]:
    """Microseconds by name in this interpreter; the error where a workload fails."""
    if module == "paddle":
        import zlib  # noqa: F401  (before Paddle: some versions crash otherwise)
    import numpy as np

    paddle = importlib.import_module(module)
    paddle.seed(0)
    rng = np.random.default_rng(0)
    times: dict[str, float | str] = {}
    for seconds, group in ((0.6, networks(paddle, rng)), (0.15, operators(paddle, rng))):
        for name, make in group.items():
            if not parts or any(part in name for part in parts):
                try:
                    times[name] = least(make(), seconds)
                except Exception as error:  # one that a version lacks
                    times[name] = f"{type(error).__name__}: {error}"[:60]
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="run only workloads whose name contains one of these")
    parser.add_argument("--minipaddle", default=sys.executable, help="interpreter with minipaddle; this one without it")
    parser.add_argument("--paddle", action="append", default=[], help="interpreter with real Paddle; may be given again")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print("RESULT " + json.dumps(measure(options.measure, options.parts)))
        return
    columns: list[dict[str, Any]] = []
    for python, module in [(options.minipaddle, "minipaddle"), *((p, "paddle") for p in options.paddle)]:
        done = subprocess.run([python, __file__, "--measure", module, *options.parts], capture_output=True, text=True, check=False)
        lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            sys.exit(f"{python} failed:\n{done.stderr[-1500:]}")
        columns.append(json.loads(lines[0]))
    for name in columns[0]:
        values = [column.get(name, "") for column in columns]
        shown = " ".join(f"{v:10.1f}" if isinstance(v, float) else f"{v!s:>10.10s}" for v in values)
        own = values[0]
        ratios = " ".join(f"{own / v:6.2f}" if isinstance(v, float) and isinstance(own, float) else "      " for v in values[1:])
        print(f"{name:36s} {shown}   {ratios}", flush=True)


if __name__ == "__main__":
    main()

"""Every form of Python in grammar_cases.py: traced, it gives the dynamic graph's results and gradients, or the error that is expected."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags, nn
from minipaddle.static import InputSpec

from .grammar_cases import CASES, Case

SUPPORTED = [name for name, case in CASES.items() if not case.refuses]
REFUSED = [name for name, case in CASES.items() if case.refuses]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for v in value.values():
            yield from leaves(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from leaves(v)
    elif value is not None:
        yield value


def subject(case: Case, train: bool = True) -> Any:
    """The function, or a Layer made anew (each time with the same weights)."""
    if not inspect.isclass(case.make):
        return case.make
    paddle.seed(3)
    layer = case.make()
    if not train:
        layer.eval()
    return layer


def arguments(call: tuple[Any, ...]) -> list[Any]:
    made = []
    for a in call:
        if isinstance(a, np.ndarray):
            t = paddle.to_tensor(a)
            t.stop_gradient = a.dtype.kind != "f"
            made.append(t)
        else:
            made.append(a)
    return made


def outcome(target: Any, call: tuple[Any, ...], tensors_only: bool = False) -> dict[str, Any]:
    """Results, gradients of inputs and parameters, and buffers after one call. tensors_only: numbers among the results left out."""
    given = arguments(call)
    paddle.seed(11)
    found = list(leaves(target(*given)))
    if tensors_only:
        found = [t for t in found if isinstance(t, paddle.Tensor)]
    floating = [t for t in found if isinstance(t, paddle.Tensor) and t.dtype.is_floating and not t.stop_gradient]
    if floating:
        total = sum((t * t * (k + 1)).sum().astype("float64") for k, t in enumerate(floating))
        total.backward()
    made: dict[str, Any] = {f"result {i}": np.asarray(t) for i, t in enumerate(found)}
    for i, t in enumerate(given):
        if isinstance(t, paddle.Tensor) and not t.stop_gradient:
            made[f"gradient of argument {i}"] = np.zeros(t.shape) if t.grad is None else t.grad.numpy()
    if isinstance(target, nn.Layer):
        for name, p in enumerate(target.parameters()):
            made[f"gradient of parameter {name}"] = np.zeros(p.shape) if p.grad is None else p.grad.numpy()
        target.clear_gradients()
        made.update({f"state {name}": t.numpy().copy() for name, t in target.state_dict().items()})
    return made


def agree(got: dict[str, Any], want: dict[str, Any], note: str = "") -> None:
    assert list(got) == list(want), note
    for name in want:
        g, w = np.asarray(got[name]), np.asarray(want[name])
        assert g.shape == w.shape, f"{note} {name}: {g.shape} {w.shape}"
        if w.dtype.kind in "US":
            assert g == w
            continue
        np.testing.assert_allclose(g.astype("float64"), w.astype("float64"), rtol=2e-5, atol=1e-5, err_msg=f"{note} {name}")


def open_specs(call: tuple[Any, ...]) -> list[Any]:
    return [
        InputSpec([None] * a.ndim, str(a.dtype), f"x{i}") if isinstance(a, np.ndarray) else a for i, a in enumerate(call)
    ]


@pytest.mark.parametrize("interpret", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("name", SUPPORTED)
def test_same_as_the_dynamic_graph(name: str, interpret: bool) -> None:
    case = CASES[name]
    for train in (True, False) if inspect.isclass(case.make) else (True,):
        eager, other = subject(case, train), subject(case, train)
        specs = open_specs(case.calls[0]) if case.open_sizes else None
        with flags.scoped(interpret=interpret):
            traced = paddle.jit.to_static(other, input_spec=specs)
            for call in [*case.calls, case.calls[0]]:
                agree(outcome(traced, call), outcome(eager, call), f"{name} train={train}")


@pytest.mark.parametrize("name", [n for n in SUPPORTED if CASES[n].saves])
@pytest.mark.filterwarnings("ignore:Found 'dict':UserWarning")
def test_same_after_saving_and_loading(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    call = case.calls[0]
    fitting = [c for c in case.calls if _kind(c) == _kind(call)]
    eager, other = subject(case, False), subject(case, False)
    specs = [
        (InputSpec([None] * a.ndim if case.open_sizes else list(a.shape), str(a.dtype), f"x{i}") if isinstance(a, np.ndarray) else a)
        for i, a in enumerate(call)
    ]
    paddle.jit.save(paddle.jit.to_static(other, input_spec=specs), str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    for c in fitting:
        tensors = tuple(a for a in c if isinstance(a, np.ndarray))
        want = outcome(eager, c)
        got = outcome(lambda *a: loaded(*a), tensors)
        loaded.clear_gradients()
        # what a Program returns are Tensors: numbers that were known while tracing are not in the file
        results = [w for n, w in want.items() if n.startswith("result")]
        mine = [g for n, g in got.items() if n.startswith("result")]
        if len(mine) == len(results):
            for g, w in zip(mine, results, strict=True):
                np.testing.assert_allclose(g.astype("float64"), w.astype("float64"), rtol=2e-5, atol=1e-5)
            np.testing.assert_allclose(
                got["gradient of argument 0"] if got.get("gradient of argument 0") is not None else 0,
                want["gradient of argument 0"] if want.get("gradient of argument 0") is not None else 0,
                rtol=2e-5, atol=1e-5,
            )  # fmt: skip


def _kind(call: tuple[Any, ...]) -> Any:
    return [(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in call]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_line_and_remedy(name: str) -> None:
    case = CASES[name]
    traced = paddle.jit.to_static(subject(case), input_spec=open_specs(case.calls[0]) if case.open_sizes else None)
    with pytest.raises(Exception, match=rf"\[{case.refuses}\]") as caught:
        traced(*arguments(case.calls[0]))
    text = str(caught.value)
    assert "grammar_cases.py" in text
    assert "<--- HERE" in text
    assert "what to do" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 writes lambdas and columns of expressions another way")
@pytest.mark.parametrize("script", ["generate_supported.py", "generate_walkthrough.py"])
def test_the_pages_are_up_to_date(script: str) -> None:
    path = Path(__file__).parents[2] / "docs" / script
    done = subprocess.run([sys.executable, str(path), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Ten mistakes and more: each error has its code, shows the user's line with a mark, and says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags, nn
from minipaddle.core.report import CODES
from minipaddle.static import InputSpec

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors"
OPEN = [InputSpec([None, 3], "float32", "x")]
HISTORY: list[Any] = []


def x() -> paddle.Tensor:
    return paddle.to_tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def three() -> paddle.Tensor:
    return paddle.to_tensor(3)


@paddle.jit.not_to_static
def not_rewritten(t: Any) -> Any:
    if t.sum() > 0:  # MARK branch in code that is not rewritten
        return t
    return -t


def calls_it(t: Any) -> Any:
    return not_rewritten(t * 2)


def in_generator(t: Any) -> Any:
    def rows() -> Any:
        for i in range(3):
            if t.sum() > i:  # MARK in a generator
                yield t

    return sum(rows())


def numpy_function(t: Any) -> Any:
    y = t * 2
    return np.sum(y) + 1  # MARK NumPy


def numpy_method(t: Any) -> Any:
    return t.numpy()  # MARK .numpy()


def changes_dtype(t: Any, n: Any) -> Any:
    y = t
    for _ in range(n):  # MARK dtype
        y = y.astype("int64")
    return y


def changes_rank(t: Any, n: Any) -> Any:
    y = t
    for _ in range(n):
        y = y.unsqueeze(0)  # MARK rank
    return y


def one_branch(t: Any) -> Any:
    if t.sum() > 100:
        z = t * 2
    return z + 1  # MARK one branch


def loop_only(t: Any, n: Any) -> Any:
    for _ in range(n):
        z = t * 2
    return z + 1  # MARK zero trips


def none_in_a_branch(t: Any) -> Any:
    y = None
    if t.sum() > 0:
        y = t  # MARK None
    return y


def other_dtype(t: Any) -> Any:
    if t.sum() > 0:
        y = t
    else:
        y = t.astype("int64")  # MARK branch dtype
    return y


def list_outside(t: Any, n: Any) -> Any:
    for i in range(n):
        HISTORY.append(i)  # MARK list
        t = t + 1
    return t


CACHE: dict[str, Any] = {"a": 0}


def entry_outside(t: Any) -> Any:
    if t.sum() > 0:
        CACHE["a"] = t  # MARK entry
    return t


def recursion(t: Any) -> Any:
    if t.sum() > 100:  # MARK recursion
        return t
    return recursion(t * 2)


def many_elements(t: Any) -> Any:
    if t > 0:  # MARK condition
        return t
    return -t


def comprehension(t: Any) -> Any:
    return [row * 2 for row in t]  # MARK comprehension


def assertion(t: Any) -> Any:
    assert t.sum() > 100, "too small"  # MARK assert
    return t


def raises_on_condition(t: Any) -> Any:
    if t.sum() > 0:  # MARK raise
        raise ValueError("must not be positive")
    return t


def run_time(t: Any, y: Any) -> Any:
    z = t + 1
    return paddle.matmul(z, y)  # MARK operator


def refused(t: Any) -> Any:
    return paddle.matmul(t, t)  # MARK shapes


CASES: list[tuple[str, Callable[..., Any], Any, type[Exception], tuple[Any, ...]]] = [
    ("D2S101", calls_it, OPEN, TypeError, (x,)),
    ("D2S101", in_generator, OPEN, TypeError, (x,)),
    ("D2S102", numpy_function, OPEN, TypeError, (x,)),
    ("D2S102", numpy_method, OPEN, TypeError, (x,)),
    ("D2S103", changes_dtype, None, TypeError, (x, three)),
    ("D2S105", changes_rank, None, TypeError, (x, three)),
    ("D2S104", one_branch, None, UnboundLocalError, (x,)),
    ("D2S104", loop_only, None, UnboundLocalError, (x, lambda: paddle.to_tensor(0))),
    ("D2S105", none_in_a_branch, None, TypeError, (x,)),
    ("D2S105", other_dtype, None, TypeError, (x,)),
    ("D2S107", list_outside, None, TypeError, (x, three)),
    ("D2S107", entry_outside, None, TypeError, (x,)),
    ("D2S108", recursion, None, TypeError, (x,)),
    ("D2S109", many_elements, None, ValueError, (x,)),
    ("D2S109", many_elements, OPEN, ValueError, (x,)),
    ("D2S110", comprehension, OPEN, TypeError, (x,)),
    ("D2S111", assertion, None, AssertionError, (x,)),
    ("D2S111", assertion, None, ValueError, (x,)),
    ("D2S111", raises_on_condition, None, ValueError, (x,)),
    ("D2S112", run_time, [InputSpec([None, None]), InputSpec([None, None])], ValueError, (x, x)),
    ("D2S113", refused, None, ValueError, (x,)),
]


@pytest.mark.parametrize(
    "code, function, spec, kind, arguments", CASES, ids=lambda v: getattr(v, "__name__", None) if callable(v) else None
)
def test_error(code: str, function: Any, spec: Any, kind: type[Exception], arguments: tuple[Any, ...]) -> None:
    traced = paddle.jit.to_static(function, input_spec=spec)
    with pytest.raises(kind) as caught:
        traced(*[make() for make in arguments])
    text = str(caught.value)
    assert f"[{code}]" in text and f"docs/errors/{code}.md" in text
    assert "test_errors.py" in text and re.search(r"\^+ <--- HERE", text)
    marked = text.split("<--- HERE")[0].splitlines()[-2]
    assert "MARK" in marked or code in ("D2S104", "D2S105"), marked
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    internal = [e for e in caught.traceback if "minipaddle/" in str(e.path) and "/tests/" not in str(e.path)]
    assert len(internal) <= 1  # the traceback leads from the user's call to the error without a tour of the package
    assert HISTORY == [] or function is not list_outside


def test_every_code_has_a_page() -> None:
    for code, title in CODES.items():
        page = (DOCS / f"{code}.md").read_text()
        assert page.startswith(f"# {code}: {title}") and "## What to do" in page
        assert f"[{code}]({code}.md)" in (DOCS / "README.md").read_text()


def test_a_call_that_does_not_fit_the_spec() -> None:
    traced = paddle.jit.to_static(lambda x: x, input_spec=OPEN)
    for wrong in (paddle.ones([3]), paddle.ones([2, 4]), paddle.ones([2, 3], "int64")):
        with pytest.raises(ValueError, match=r"D2S106.*argument 'x'.*expected float32\[-1, 3\], got"):
            traced(wrong)
    assert len(traced.program_cache) == 0


def test_shapes_are_told_for_an_operator_that_fails_at_run_time() -> None:
    traced = paddle.jit.to_static(
        run_time, input_spec=[InputSpec([None, None], name="t"), InputSpec([None, None], name="y")]
    )
    with pytest.raises(ValueError) as caught:
        traced(x(), x())
    text = str(caught.value)
    assert "operator matmul_v2" in text and "X has 3 columns but Y has 2 rows" in text and "y: float32[2, 3]" in text


def test_a_loaded_model_points_at_the_line_too(tmp_path: Path) -> None:
    traced = paddle.jit.to_static(run_time, input_spec=[InputSpec([None, None]), InputSpec([None, None])])
    paddle.jit.save(traced, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    with pytest.raises(ValueError) as caught:
        loaded(x(), x())
    text = str(caught.value)
    assert "D2S112" in text and "MARK operator" in text and "test_errors.py" in text
    data = (tmp_path / "model.pdmodel").read_bytes()
    assert b"op_callstack" in data and b"    return paddle.matmul(z, y)" in data


def test_errors_of_the_user_keep_their_class_and_arguments() -> None:
    class Mine(Exception):
        def __init__(self, text: str, number: int) -> None:
            super().__init__(text, number)
            self.number = number

    def f(t: Any) -> Any:
        raise Mine("mine", 7)

    with pytest.raises(Mine, match="(?s)In transformed code.*raise Mine.*mine") as caught:
        paddle.jit.to_static(f)(x())
    assert caught.value.number == 7

    def g(t: Any) -> Any:
        return {}["absent"]

    with pytest.raises(KeyError, match="absent"):
        paddle.jit.to_static(g)(x())


def test_a_chain_of_calls_is_shown() -> None:
    def inner(t: Any) -> Any:
        return paddle.matmul(t, t)

    def outer(t: Any) -> Any:
        if t.sum() > 0:
            t = inner(t)
        return t

    with pytest.raises(ValueError) as caught:
        paddle.jit.to_static(outer)(x())
    text = str(caught.value)
    assert re.search(r"in outer\n\s+t = inner\(t\)\n.*in inner", text)
    assert "_of_outer" not in text  # names of generated functions are nobody's business


def test_plain_errors_and_full_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    with flags.scoped(full_traceback=True), pytest.raises(ValueError) as caught:
        paddle.jit.to_static(refused)(x())
    assert "minipaddle's own frames" in str(caught.value)
    monkeypatch.setenv("TRANSLATOR_DISABLE_NEW_ERROR", "1")
    with pytest.raises(ValueError) as caught:
        paddle.jit.to_static(refused)(x())
    assert "In transformed code" not in str(caught.value)


def test_after_an_error_everything_still_works() -> None:
    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)
            self.broken = True

        def forward(self, t: Any) -> Any:
            y = self.fc(t)
            if y.sum() > -1e9:
                y = y + (paddle.ones([7]) if self.broken else 1.0)
            return y

    net = paddle.jit.to_static(Net())
    with pytest.raises(ValueError, match="D2S113"):
        net(x())
    net.broken = False
    want = net.forward.dygraph_function(x()).numpy()
    np.testing.assert_allclose(net(x()).numpy(), want, rtol=1e-6)

"""Errors of traced functions, told in terms of the user's lines.

    In transformed code:

        File "net.py", line 12, in forward
            y = self.fc(x)
            if y > 0:
            ^^^^^^^^^ <--- HERE
                return y

    ValueError: [D2S109] the condition of a branch or loop must have one element, got bool[-1, 3]
      what to do: use .any(), .all() or one element of it

The class of the error stays. ``MINIPADDLE_FULL_TRACEBACK=1`` shows minipaddle's own frames as well,
``TRANSLATOR_DISABLE_NEW_ERROR=1`` leaves the error as it was raised.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from typing import Any

from .. import flags
from ..core.callsite import fold, is_internal
from ..core.report import code_of, coded, lines_of, page_of, with_message
from ..errors import TracingError

__all__ = ["ERROR_DATA", "ErrorData", "about_the_call", "explain", "is_plain", "shortened"]

#: The attribute by which an error of a trace carries its `ErrorData`.
ERROR_DATA = "_error_data"


class ErrorData:
    """Class and message of an error of a trace as it was raised, and the user's frames (file, line, function, columns)."""

    def __init__(self, error: BaseException, frames: list[tuple[Any, ...]]) -> None:
        self.error_type, self.error_value, self.origin_traceback = type(error), str(error), frames

_HEAD = "In transformed code:"
_AT_RUN_TIME = ("D2S109", "D2S111", "D2S112")


def is_plain() -> bool:
    """Whether errors are to be left as they were raised."""
    return os.environ.get("TRANSLATOR_DISABLE_NEW_ERROR", "0") not in ("0", "", "false", "False")


def shortened(error: Exception) -> BaseException:
    """The error without minipaddle's own frames in its traceback, when its message tells what they would."""
    if not is_plain() and code_of(str(error)) in _AT_RUN_TIME and _HEAD not in str(error):
        data = ErrorData(error, [])
        error = with_message(error, f"{_HEAD}\n\n{error}")  # type: ignore[assignment]
        with contextlib.suppress(AttributeError, TypeError):
            setattr(error, ERROR_DATA, data)
    told = code_of(str(error)) or _HEAD in str(error) or getattr(error, "about_the_call", False)
    return error if is_plain() or flags.get("full_traceback") or not told else error.with_traceback(None)


class about_the_call:
    """Inside of the ``with`` block errors speak of the arguments of a call: only the caller's frames matter."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            error.about_the_call = True


def _frames(error: BaseException) -> list[tuple[Any, ...]]:
    """The user's frames inside of the traced call, with columns where Python knows them."""
    summary = traceback.extract_tb(error.__traceback__)
    found: list[tuple[Any, ...]] = []
    columns: dict[tuple[str, int, str], tuple[Any, Any]] = {}
    plain: list[tuple[str, int, str]] = []
    for f in summary:
        if is_internal(f.filename) or f.lineno is None:
            continue
        plain.append((f.filename, f.lineno, f.name))
        same_line = getattr(f, "end_lineno", f.lineno) == f.lineno
        columns[f.filename, f.lineno, f.name] = (
            (getattr(f, "colno", None), getattr(f, "end_colno", None)) if same_line else (None, None)
        )
    for file, line, name in fold(plain):
        at = next(
            (
                c
                for (a, b, n), c in columns.items()
                if (a, b) == (file, line) and (n == name or n.endswith("_of_" + name))
            ),
            (None, None),
        )
        found.append((file, line, name, *at))
    return found


def explain(error: Exception) -> BaseException:
    """The error of a trace with the user's lines in its message."""
    numpy = _ends_in_numpy(error)
    frames = [f for f in _frames(error) if not (numpy and _NUMPY in f[0])]
    data = getattr(error, ERROR_DATA, None) or ErrorData(error, frames)
    made = _explained(error, numpy, frames)
    with contextlib.suppress(AttributeError, TypeError):  # a class with slots has no place for it
        setattr(made, ERROR_DATA, data)
    return made


def _explained(error: Exception, numpy: bool, frames: list[tuple[Any, ...]]) -> BaseException:
    message = str(error.args[0]) if error.args and isinstance(error.args[0], str) else str(error)
    if _HEAD in message or is_plain():
        return error
    if not code_of(message) and isinstance(error, RecursionError):
        message = coded(
            "D2S108",
            message,
            "a function that calls itself must end by a Python number, not by a Tensor; or write it as a while loop",
        )
    elif not code_of(message) and (numpy or "does not support ufuncs" in message):
        message = coded("D2S102", f"a NumPy function was given a traced Tensor, which has no data yet ({message})",
                        "use the paddle function of that name, or do this part outside of the traced function")  # fmt: skip
    elif not code_of(message) and isinstance(error, TracingError):
        message = f"[D2S102] {message}"
    elif not code_of(message) and _from_operator(error, message):
        message = coded("D2S113", message, "make the shapes or types fit in the marked line; paddle.jit.enable_to_static(False) runs it "
                        "dynamically, where values can be looked at")  # fmt: skip
    text = f"{_HEAD}\n\n{lines_of(frames)}\n" if frames else f"{_HEAD}\n"
    if flags.get("full_traceback"):
        inner = [f for f in traceback.extract_tb(error.__traceback__) if is_internal(f.filename)]
        text += "\n    minipaddle's own frames:\n" + "".join(traceback.format_list(inner))
    return with_message(error, f"{text}\n    {type(error).__name__}: {message}{page_of(message)}")


_NUMPY = os.path.join(os.sep + "numpy", "")


def _ends_in_numpy(error: Exception) -> bool:
    """Whether NumPy, called by the user's code, raised it."""
    files = [f.filename for f in traceback.extract_tb(error.__traceback__)]
    outside = [f for f in files if not is_internal(f)]
    return bool(outside) and _NUMPY in outside[-1] and (not is_internal(files[-1]) or isinstance(error, TracingError))


def _from_operator(error: Exception, message: str) -> bool:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return bool(last) and is_internal(last[0].filename) and ":" in message.split("\n")[0]

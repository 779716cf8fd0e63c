"""Error messages: a stable code, what is wrong, what to do, and the user's lines."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from typing import Any

from .. import errors
from .callsite import stored_text

__all__ = ["CODES", "code_of", "coded", "lines_of", "with_message"]

# code -> title; each has a page docs/errors/<code>.md
CODES = {
    "D2S101": "a Tensor decides a branch in code that cannot be rewritten",
    "D2S102": "NumPy, or Python, asks for the data of a traced Tensor",
    "D2S103": "a loop variable changes its kind",
    "D2S104": "a value is set in one branch only",
    "D2S105": "the branches of a condition do not fit together",
    "D2S106": "a call does not fit the declared input_spec",
    "D2S107": "a list, dict or attribute is changed in a branch or loop on a Tensor",
    "D2S108": "recursion that a Tensor ends",
    "D2S109": "a condition of more than one element",
    "D2S110": "iteration over a Tensor of unknown size",
    "D2S111": "an assertion of a traced function failed",
    "D2S112": "an operator of the Program failed while it ran",
    "D2S113": "an operator refuses its inputs while the function is traced",
    "D2S114": "a Tensor computed outside is used inside a traced function",
    "D2S115": "a view is used after its memory was changed in place",
}


def coded(code: str, message: str, remedy: str = "") -> str:
    """A message with its code, and the usual remedy."""
    return f"[{code}] {message}" + (f"\n  what to do: {remedy}" if remedy else "")


def code_of(message: str) -> str:
    """The code a message carries, "" if it has none."""
    start = message.find("[D2S")
    return message[start + 1 : start + 7] if start >= 0 and message[start + 7 : start + 8] == "]" else ""


def page_of(message: str) -> str:
    """A line that names the page about the error, "" if there is none."""
    code = code_of(message)
    return f"\n  more about it: docs/errors/{code}.md" if code in CODES else ""


def lines_of(frames: Sequence[tuple[Any, ...]], around: int = 2) -> str:
    """The frames (file, line, function, and where known first and last column), innermost with its neighbours and a mark."""
    out: list[str] = []
    frames = list(frames)
    repeats = 0
    while len(frames) > 3 and frames[0][:3] == frames[1][:3] == frames[2][:3]:  # a function that calls itself
        del frames[0]
        repeats += 1
    if repeats:
        out.append(f"    (the next call {repeats + 1} times)")
    for i, (file, line, function, *columns) in enumerate(frames):
        out.append(f'    File "{file}", line {line}, in {function}')
        last = i == len(frames) - 1
        text = linecache.getline(file, line).rstrip("\n")
        if not text.strip():
            text, columns = stored_text(file, line), []
        if not text.strip():
            out.append("        (the source is not at hand)")
            continue
        if not last:
            out.append("        " + text.strip())
            continue
        shown = [(n, linecache.getline(file, n).rstrip("\n")) for n in range(max(line - around, 1), line + around + 1)]
        shown = [(n, t if n != line else text) for n, t in shown if n <= line or t]
        indent = min((len(t) - len(t.lstrip()) for _, t in shown if t.strip()), default=0)
        for n, t in shown:
            out.append("        " + t[indent:])
            if n == line:
                start = len(text) - len(text.lstrip())
                end = len(text)
                if (
                    len(columns) == 2
                    and columns[0] is not None
                    and columns[1] is not None
                    and start <= columns[0] < columns[1] <= end
                ):
                    start, end = columns
                out.append("        " + " " * (start - indent) + "^" * max(end - start, 1) + " <--- HERE")
    return "\n".join(out)


class _Text(str):
    """Text that KeyError shows as it is, not quoted."""

    __repr__ = str.__str__


def with_message(error: BaseException, message: str) -> BaseException:
    """The error with another message; its class and attributes stay."""
    text = _Text(message) if isinstance(error, KeyError) else message
    old = error.args
    try:
        error.args = (text, *error.args[1:])
        if str(error) == message:
            return error
    except Exception:
        pass
    kind = type(error)
    try:  # a class of the user's: the same object, with another text
        error.__class__ = type(kind.__name__, (kind,), {"__str__": lambda self: message, "__module__": kind.__module__})
        error.args = old
        return error
    except TypeError:
        pass
    for kind in type(error).__mro__:
        if kind.__module__ in ("builtins", errors.__name__) and issubclass(kind, Exception):
            try:
                return kind(text)
            except Exception:
                continue
    return RuntimeError(message)

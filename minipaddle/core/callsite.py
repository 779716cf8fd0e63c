"""Where in the user's code something happens."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

__all__ = ["fold", "is_internal", "remember_text", "stored_text", "user_callstack", "user_location"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TRACE = os.path.join(_PACKAGE, "jit", "trace.py")  # who calls a traced function does not matter to what it does

# functions that `to_static` makes out of blocks, see jit/ast_transform.py: then_3_of_forward
_BLOCK = re.compile(r"(?:then|else|body|test|value)_\d+_of_(.+)")

_texts: dict[tuple[str, int], str] = {}


def remember_text(file: str, line: int, text: str) -> None:
    """Keep the text of a source line that a saved model carries; the file itself may be elsewhere."""
    if len(_texts) < 100_000:
        _texts[file, line] = text


def stored_text(file: str, line: int) -> str:
    """The text of a source line as a saved model carries it, "" if none does."""
    return _texts.get((file, line), "")


def is_internal(file: str) -> bool:
    """Whether a source file belongs to minipaddle or to Python's own start-up."""
    return file.startswith(_PACKAGE) or file.startswith("<frozen") or file.startswith("<minipaddle")


def fold(frames: Sequence[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Frames (outermost first) with the functions around blocks taken for the function they were a part of."""
    kept: list[tuple[str, int, str]] = []
    for file, line, name in frames:
        block = _BLOCK.fullmatch(name)
        if block is not None:
            if kept and kept[-1][0] == file and kept[-1][2] == block[1]:
                kept.pop()  # the line with the `if`, `while` or `for`
            name = block[1]
        elif name == "<lambda>" and kept and kept[-1][:2] == (file, line):
            continue  # a part of an expression
        kept.append((file, line, name))
    return kept


def user_callstack(limit: int = 12) -> list[tuple[str, int, str]]:
    """The frames outside minipaddle that lead here, outermost first: (file, line, function); in a trace those of the traced function."""
    frames: list[tuple[str, int, str]] = []
    frame = sys._getframe(1)
    blocks = False
    while frame is not None and len(frames) < limit:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith(_PACKAGE) and not file.startswith("<frozen"):
            name = code.co_name
            blocks = blocks or name == "<lambda>" or "_of_" in name
            frames.append((file, frame.f_lineno, name))
        elif file == _TRACE:
            break
        frame = frame.f_back  # type: ignore[assignment]
    frames.reverse()
    return fold(frames) if blocks else frames


def user_location() -> str:
    """``file:line`` of the innermost frame outside minipaddle."""
    frames = user_callstack(1)
    return f"{frames[-1][0]}:{frames[-1][1]}" if frames else ""

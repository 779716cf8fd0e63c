"""Where in the user's code something happens."""
from __future__ import annotations

import os
import sys

__all__ = ["user_callstack", "user_location"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_callstack(limit: int = 12) -> list[tuple[str, int, str]]:
    """The frames outside minipaddle that lead here, outermost first: (file, line, function)."""
    frames: list[tuple[str, int, str]] = []
    frame = sys._getframe(1)
    while frame is not None and len(frames) < limit:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and not file.startswith("<frozen"):
            frames.append((file, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back  # type: ignore[assignment]
    return frames[::-1]


def user_location() -> str:
    """``file:line`` of the innermost frame outside minipaddle."""
    frames = user_callstack(1)
    return f"{frames[-1][0]}:{frames[-1][1]}" if frames else ""

"""Fills the outputs in docs/dynamic-to-static.md: runs its Python blocks in order and puts what they print below each.

    python docs/generate_walkthrough.py            write the page
    python docs/generate_walkthrough.py --check    exit status 1 when an output is not what the page says

A block ```python is run; a block ```text that follows it is its output. Paths are shortened to file names.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dynamic-to-static.md"
sys.path.insert(0, str(ROOT))

_BLOCK = re.compile(r"```python\n(.*?)```(\n\n```text\n(.*?)```)?", re.DOTALL)


def filled(text: str) -> str:
    """The page with the outputs of its blocks."""
    space: dict[str, Any] = {"__name__": "walkthrough"}
    number = 0

    def run(found: re.Match[str]) -> str:
        nonlocal number
        source, has_output = found[1], found[2] is not None
        number += 1
        file = os.path.join(os.getcwd(), "net.py" if number == 1 else f"block_{number}.py")
        Path(file).write_text(source, encoding="utf-8")
        linecache.checkcache(file)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                exec(compile(source, file, "exec"), space)
            except Exception as error:
                if not has_output:
                    raise
                print(f"{type(error).__name__}: {error}")
        shown = out.getvalue().replace(os.getcwd() + os.sep, "").rstrip()
        return f"```python\n{source}```" + (f"\n\n```text\n{shown}\n```" if has_output else "")

    old = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return _BLOCK.sub(run, text)
        finally:
            os.chdir(old)


def main() -> int:
    """Write or check the page."""
    text = PAGE.read_text(encoding="utf-8")
    made = filled(text)
    if "--check" in sys.argv[1:]:
        if made != text:
            print(f"{PAGE} is not up to date; run python docs/generate_walkthrough.py")
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

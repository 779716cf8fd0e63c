"""Writes docs/absent.md: the public names of Paddle 2.6 that minipaddle has not. Run it after adding some.

    python docs/generate_absent.py
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from minipaddle.utils.absent import paddle_names

PAGE = Path(__file__).with_name("absent.md")
HEAD = """# What Paddle has and minipaddle has not

The public names of Paddle 2.6 that are absent here, by namespace. Asking for one raises an AttributeError that says so and names the
nearest thing there is. Made by `docs/generate_absent.py`.

Left out on purpose: training on several machines, sparse and string tensors, devices other than CPUs and NVIDIA GPUs, and downloads
of data and weights.

"""


def resolve(space: str) -> Any:
    """The module or class of a namespace, None if there is none."""
    found: Any = importlib.import_module("minipaddle")
    for part in space.split(".")[1:]:
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                return None
    return found


def page() -> str:
    """The text of the page."""
    lines, present, total = [], 0, 0
    for space, names in sorted(paddle_names().items()):
        owner = resolve(space)
        missing = sorted(n for n in names if owner is None or not hasattr(owner, n))
        total += len(names)
        present += len(names) - len(missing)
        if missing:
            lines.append(f"**{space}** ({len(names) - len(missing)} of {len(names)}): {', '.join(f'`{n}`' for n in missing)}\n")
    return HEAD + f"{present} of {total} names are there.\n\n" + "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""What a process that `multiprocessing` starts afresh runs as its main module, when the main script ran under ``minipaddle run``.

Such a process (start methods spawn and forkserver) runs the main script once more, as ``__mp_main__``, to find what was
defined there; without the alias its ``import paddle`` would fail.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from .alias import alias

__all__ = ["run_as_main"]

SCRIPT = "MINIPADDLE_SCRIPT"  # the environment variable that tells such processes which script it is


def _run(script: str, module: ModuleType) -> None:
    alias()
    module.__file__ = script
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    exec(code, module.__dict__)


def run_as_main(script: str) -> None:
    """Run a script as ``__main__`` under the alias, here and in processes that `multiprocessing` starts."""
    module = ModuleType("__main__")
    module.__spec__ = ModuleSpec(__name__, None)  # what `multiprocessing` runs as the main module of its processes
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if root not in sys.path:  # found through the working directory
        sys.path.append(root)
    old = sys.modules["__main__"], os.environ.get(SCRIPT)
    sys.modules["__main__"], os.environ[SCRIPT] = module, os.path.abspath(script)
    try:
        _run(script, module)
    finally:
        sys.modules["__main__"] = old[0]
        if old[1] is None:
            os.environ.pop(SCRIPT, None)
        else:
            os.environ[SCRIPT] = old[1]


if __name__ == "__mp_main__":
    _run(os.environ[SCRIPT], sys.modules[__name__])

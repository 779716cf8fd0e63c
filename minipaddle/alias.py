"""The name ``paddle`` for minipaddle: an import hook under which ``paddle.x`` is the very module ``minipaddle.x``."""
from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

__all__ = ["alias"]

_OURS = __name__.rpartition(".")[0]
# modules that are somewhere else here; what was in fluid up to 2.4 is looked for in base
_ELSEWHERE = {
    "fluid.dygraph.container": "nn.layer.container", "fluid.dygraph.layers": "nn.layer.layers", "fluid.dataloader": "io",
    "fluid.layers.utils": "utils.layers_utils", "base.layers.utils": "utils.layers_utils",
}  # fmt: skip
# what the import system overwrites on a module object that it believes to have loaded
_IDENTITY = ("__spec__", "__loader__", "__package__", "__name__", "__path__")


class _Loader(importlib.abc.Loader):
    """Hands out the module of minipaddle instead of loading a file."""

    def __init__(self, real: str) -> None:
        self.real = real
        self.identity: dict[str, Any] = {}

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = self._find()
        self.identity = {k: module.__dict__[k] for k in _IDENTITY if k in module.__dict__}
        return module

    def _find(self) -> ModuleType:
        parent, _, name = self.real.rpartition(".")
        below = self.real[len(_OURS) + 1 :]
        elsewhere = _ELSEWHERE.get(below) or (below.replace("fluid", "base", 1) if below.startswith("fluid.") else below)
        for real in dict.fromkeys((self.real, f"{_OURS}.{elsewhere}" if below else self.real)):
            try:
                return importlib.import_module(real)
            except ModuleNotFoundError as error:
                if error.name != real:
                    raise
        found = getattr(importlib.import_module(parent), name, None)
        if isinstance(found, ModuleType):
            return found
        public = "paddle" + self.real[len(_OURS) :]
        raise ModuleNotFoundError(f"No module named {public!r}: minipaddle does not have it", name=public)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self.identity)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``paddle`` and everything below it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "paddle" and not fullname.startswith("paddle."):
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(_OURS + fullname[len("paddle") :]), is_package=True)


def alias() -> None:
    """Let ``import paddle`` (and ``import paddle.nn`` ...) give minipaddle, in this process from now on.

    Calling it again changes nothing. RuntimeError if a real paddle is imported already: two frameworks under one name
    would mix their tensors.
    """
    present = sys.modules.get("paddle")
    if present is not None and present is not sys.modules[_OURS]:
        raise RuntimeError(
            f"a real paddle is imported already ({getattr(present, '__file__', 'unknown place')}), so minipaddle cannot take "
            "its name; call minipaddle.alias() before anything imports paddle"
        )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

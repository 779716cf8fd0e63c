"""The files that real Paddle wrote (1.8.5, 2.6.2 and 3.3.1 with its old programs), with what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).resolve().parent / "golden"
INDEX: dict[str, dict[str, Any]] = json.loads((GOLDEN / "index.json").read_text())


def keys(*groups: str, having: str = "") -> list[str]:
    """Cases of these groups (v185, v262, v331_legacy) that have a field."""
    return [k for k, e in INDEX.items() if k.split("/")[0] in groups and (not having or e.get(having))]


def arrays(key: str, field: str = "params") -> dict[str, np.ndarray]:
    """Arrays of an .npz of a case."""
    name = INDEX[key].get(field)
    return dict(np.load(GOLDEN / key / name)) if name else {}


def files(*groups: str) -> Iterator[Path]:
    """All files that Paddle wrote."""
    for key in keys(*groups):
        for name in sorted(INDEX[key]["files"]):
            path = GOLDEN / key / name
            if path.suffix != ".npz" and path.is_file():
                yield path


def program_files(*groups: str) -> list[Path]:
    """All files with a Program."""
    names = ("__model__", "__simplenet__", "program.bin")
    return [
        p
        for p in files(*groups)
        if p.suffix == ".pdmodel" or p.name in names or p.parts[-3:] == ("fc_infer_both_filenames", "model", "model")
    ]


def label(path: Path) -> str:
    """Test id of a file."""
    return str(path.relative_to(GOLDEN))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Bit for bit equality, shape and type included."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()

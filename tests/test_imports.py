"""Arrows point downward only: the import direction that docs/architecture.md draws."""
from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "minipaddle"
# top imports what is below; packages on one line do not import each other, except where `BESIDE` says so
LEVELS = [
    {"base"},
    {"_C_ops", "_legacy_C_ops", "cli", "fluid", "incubate", "pir_utils", "__main__", "again", "alias"},
    {"hapi", "signal", "text", "vision", "inference"},
    {"fft", "static", "jit", "framework"},
    {"nn", "optimizer", "metric", "io", "regularizer", "amp"},
    {"tensor", "autograd", "decomposition", "device", "linalg"},
    {"compiler", "formats"},
    {"core"},
    {"ops"},
    {"backend", "kernels"},
    {"batch", "dtypes", "errors", "flags", "utils", "version"},
]
SEPARATE = {"compiler", "formats"}  # neither imports the other
LEVEL = {name: i for i, names in enumerate(LEVELS) for name in names}


def imported(path: Path) -> set[str]:
    """Top-level parts of minipaddle that a file imports."""
    package = path.relative_to(ROOT.parent).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = list(package[: len(package) - node.level])
                target = base + (node.module.split(".") if node.module else [])
                names = [".".join(target)] if node.module else [".".join([*target, a.name]) for a in node.names]
                if len(target) == 1 and node.module is None:
                    names = [f"minipaddle.{a.name}" for a in node.names]
            else:
                names = [node.module or ""]
        for name in names:
            parts = name.split(".")
            if parts[0] == "minipaddle" and len(parts) > 1:
                found.add(parts[1])
    return found


def test_arrows_point_downward() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        part = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if part == "__init__" or part not in LEVEL:
            assert part in LEVEL or part == "__init__", f"{path}: say in LEVELS where {part} belongs"
            continue
        for other in imported(path) - {part, "__init__"}:
            if other not in LEVEL:
                continue
            upward = LEVEL[other] < LEVEL[part]
            apart = part in SEPARATE and other in SEPARATE
            if upward or apart:
                wrong.append(f"{path.relative_to(ROOT)} imports {other}")
    assert not wrong, "\n".join(wrong)

"""``paddle.version``: the release of Paddle whose interface this is, and minipaddle's own."""

from __future__ import annotations

__all__ = ["full_version", "major", "minipaddle", "minor", "patch", "show"]

minipaddle = "0.1.0"
major, minor, patch = "2", "6", "2"
full_version = f"{major}.{minor}.{patch}"


def show() -> None:
    """Print both versions."""
    print(f"minipaddle: {minipaddle}\ninterface of paddle: {full_version}")


def cuda() -> str:
    """ "False": there is no build against one CUDA version; CuPy brings its own."""
    return "False"


cudnn = cuda

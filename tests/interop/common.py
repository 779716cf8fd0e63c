"""Running code under real Paddle, whose interpreter the environment variable MINIPADDLE_REAL_PADDLE names."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

REAL = os.environ.get("MINIPADDLE_REAL_PADDLE", "")
needs_paddle = pytest.mark.skipif(not REAL, reason="MINIPADDLE_REAL_PADDLE is not set")

_HEAD = """
import json, os, sys
import numpy as np
import paddle
def describe(x):
    if isinstance(x, paddle.Tensor):
        plain = x.astype("float32") if "bfloat16" in str(x.dtype) else x
        return ["Tensor", x.name, *describe(plain.numpy())[1:], str(x.dtype)]
    if isinstance(x, np.ndarray):
        return ["ndarray", list(x.shape), x.tobytes().hex()]
    if isinstance(x, dict):
        return {k: describe(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [type(x).__name__, *[describe(v) for v in x]]
    return x
result = {}
"""


def run(code: str, folder: Path) -> dict[str, Any]:
    """Run `code` in `folder` under real Paddle; what it puts in `result` comes back (through JSON)."""
    script = folder / "script_for_paddle.py"
    script.write_text(_HEAD + code + "\njson.dump(result, open('result.json', 'w'))\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [REAL, "-W", "ignore", script.name], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads((folder / "result.json").read_text())

"""Running code under real Paddle. Environment variables name what is there:

MINIPADDLE_REAL_PADDLE     an interpreter with Paddle 2.6.2
MINIPADDLE_REAL_PADDLE_18  an interpreter with Paddle 1.8.5
MINIPADDLE_MODELS          the folder that ``fetch_packages.py`` filled with published models
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

REAL = os.environ.get("MINIPADDLE_REAL_PADDLE", "")
needs_paddle = pytest.mark.skipif(not REAL, reason="MINIPADDLE_REAL_PADDLE is not set")
REAL_1X = os.environ.get("MINIPADDLE_REAL_PADDLE_18", "")
needs_paddle_1x = pytest.mark.skipif(not REAL_1X, reason="MINIPADDLE_REAL_PADDLE_18 is not set")
MODELS = os.environ.get("MINIPADDLE_MODELS", "")
needs_models = pytest.mark.skipif(not MODELS, reason="MINIPADDLE_MODELS is not set")

_HEAD_1X = """
import json, os, sys
import numpy as np
import paddle
result = {}
"""
_HEAD = """
import zlib
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
    return _run(REAL, _HEAD + code, folder)


def run_1x(code: str, folder: Path) -> dict[str, Any]:
    """The same under Paddle 1.8.5 (Python 3.7)."""
    return _run(REAL_1X, _HEAD_1X + code, folder)


def _run(interpreter: str, code: str, folder: Path) -> dict[str, Any]:
    script = folder / "script_for_paddle.py"
    script.write_text(code + "\njson.dump(result, open('result.json', 'w'))\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [interpreter, "-W", "ignore", script.name], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads((folder / "result.json").read_text())

"""``minipaddle explain``."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import minipaddle as paddle

SCRIPT = '''
import paddle

def double(x, times=1):
    y = x + 1
    while y.sum() < 100:
        y = y * 2
    return y * times

class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = paddle.nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x)

net = Net()

if __name__ == "__main__":
    raise SystemExit("explain must not run this")
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "minipaddle", "explain", *args], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_a_function_of_a_script(script: Path) -> None:
    done = run("script.py:double", "--spec", "float32[4]", "--spec", "3", "--compare", cwd=script.parent)
    assert done.returncode == 0, done.stderr
    assert "while -> float32[4]" in done.stdout and "eager and traced agree" in done.stdout
    assert any(line.split()[:2] == ["argument", "3"] for line in done.stdout.splitlines())


@pytest.mark.parametrize("target", ["script.py:Net", "script.py:net", "script.py:net.forward"])
def test_layers_to_a_page(script: Path, target: str) -> None:
    done = run(target, "--spec", "x: float32[-1, 4]", "--output", "page.html", cwd=script.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("page.html: 2 operators")
    assert "self.fc(x)" in (script.parent / "page.html").read_text()


def test_a_saved_model(tmp_path: Path) -> None:
    net = paddle.nn.Linear(4, 2)
    paddle.jit.save(net, str(tmp_path / "linear"), [paddle.static.InputSpec([None, 4], "float32", "x")])
    done = run("linear", "--compare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "linear.forward(x: float32[-1, 4])" in done.stdout and "generated code and reference agree" in done.stdout


@pytest.mark.parametrize("args, message", [
    (["script.py:absent"], "has no 'absent'; it has double, Net, net"),
    (["absent.py:f"], "there is no file"),
    (["script.py:double", "--spec", "not a spec"], "neither a spec"),
    (["script.py:double"], "input_spec"),
    (["no/model"], "no/model"),
])  # fmt: skip
def test_errors(script: Path, args: list[str], message: str) -> None:
    done = run(*args, cwd=script.parent)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr

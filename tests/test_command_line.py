"""`minipaddle run` and `minipaddle.alias()`: Paddle scripts that know nothing of minipaddle."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import paddle
import paddle.nn as nn
from paddle.static import InputSpec
import beside
assert paddle.nn is nn and paddle.static.InputSpec is InputSpec and paddle.__name__ == "minipaddle"
print(__name__, sys.argv[1:], beside.x.tolist())
if sys.argv[1:] == ["leave"]:
    sys.exit(7)
if sys.argv[1:] == ["fail"]:
    raise ValueError("from the script")
class Data(paddle.io.Dataset):
    def __len__(self):
        return 3
    def __getitem__(self, i):
        return i
print(len(list(paddle.io.DataLoader(Data(), num_workers=1))))
"""

PROCESSES = """
import multiprocessing
import sys
import paddle
class Data(paddle.io.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        return paddle.full([1], i, "float32").numpy()
def work(queue):
    queue.put(f"{paddle.__name__} in {__name__}")
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    print([x.numpy().ravel().tolist() for x in paddle.io.DataLoader(Data(), batch_size=2, num_workers=1)])
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=work, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120
    )


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("import paddle\nx = paddle.ones([1])\n")
    path = tmp_path / "a script.py"
    path.write_text(SCRIPT)
    return str(path)


def test_a_script_with_its_arguments(script: str) -> None:
    found = run("-m", "minipaddle", "run", script, "one", "--two", "-3")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "__main__ ['one', '--two', '-3'] [1.0]\n3\n"


def test_status_and_traceback_are_the_scripts(script: str) -> None:
    assert run("-m", "minipaddle", "run", script, "leave").returncode == 7
    found = run("-m", "minipaddle", "run", script, "fail")
    assert found.returncode == 1 and "ValueError: from the script" in found.stderr and "a script.py" in found.stderr


@pytest.mark.parametrize("method", [m for m in multiprocessing.get_all_start_methods() if m != "fork"])
def test_processes_that_start_afresh_know_the_alias(tmp_path: Path, method: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(PROCESSES)
    found = run("-m", "minipaddle", "run", str(path), method)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "[[0.0, 1.0], [2.0, 3.0]]\nminipaddle in __mp_main__\n"


def test_wrong_uses(tmp_path: Path) -> None:
    for arguments, word in ((["run", "absent.py"], "absent.py"), (["run", str(tmp_path)], "no file"), ([], "usage")):
        found = run("-m", "minipaddle", *arguments)
        assert found.returncode == 2 and word in found.stderr and "Traceback" not in found.stderr


def test_alias_takes_the_name_unless_a_real_paddle_has_it(tmp_path: Path) -> None:
    fine = (
        "import minipaddle; minipaddle.alias(); minipaddle.alias()\n"
        "import paddle, paddle.nn.functional as F\n"
        "assert paddle is minipaddle and F is minipaddle.nn.functional and F.__name__ == 'minipaddle.nn.functional'\n"
        "try:\n    import paddle.nothing_of_the_kind\nexcept ModuleNotFoundError as error:\n    print(error)\n"
    )
    found = run("-W", "error", "-c", fine)
    assert found.returncode == 0 and found.stdout.startswith("No module named 'paddle.nothing_of_the_kind'")
    (tmp_path / "paddle").mkdir()
    (tmp_path / "paddle" / "__init__.py").write_text("real = True\n")
    found = run("-c", "import paddle, minipaddle\nminipaddle.alias()", PYTHONPATH=str(tmp_path))
    assert found.returncode == 1 and "RuntimeError: a real paddle is imported already" in found.stderr
    assert str(tmp_path) in found.stderr
    # one that is installed but not imported does not matter
    found = run("-c", "import minipaddle\nminipaddle.alias()\nimport paddle\nassert paddle is minipaddle", PYTHONPATH=str(tmp_path))
    assert found.returncode == 0, found.stderr

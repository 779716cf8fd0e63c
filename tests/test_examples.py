"""The examples run and print what they promise."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROMISES = {
    "explain_a_function.py": [
        "eager and traced agree", "wrote explained.html; 817,314 multiply-adds",
        "matmul_v2 -> float32[16, 64]   [hidden; 1 of 2 fused; same",
    ],
    "fit_a_model.py": ["Eval samples: 1000", "97% reached", "loaded: the same accuracy: True", "final.pdopt final.pdparams"],
    "quickstart.py": ["matmul_v2", "linear.pdiparams.info", "TranslatedLayer"],
    "train_and_save_parameters.py": ["linear_net.pdparams", "_moment1_0"],
    "to_static_train_and_save.py": ["programs traced: 1", "def forward(xp, x, ", "linear.pdmodel"],
    "several_methods.py": ["heads.rate.pdmodel", "rate: result [2, 1], equal before and after: True"],
    "dynamic_train_and_save.py": [
        "open: the saved model takes [InputSpec(shape=(-1, 784)", "fixed: the saved model takes [InputSpec(shape=(16, 784)",
    ],
    "load_and_infer.py": ["result: Tensor(shape=[1, 10]"],
    "load_fine_tune_save.py": ["after fine-tuning"],
    "new_head_on_a_loaded_model.py": ["conv2d(", "the backbone alone has 13 operators", "equal results: True"],
    "static_graph.py": [
        "mul elementwise_add softmax cross_entropy2 mean fill_constant mean_grad", "one_file: __model__, __params__",
        "checkpoint: net.pdmodel, net.pdopt, net.pdparams", "load_program_state: {'fc_0.w_0': [784, 10], 'fc_0.b_0': [10]}",
    ],
    "bring_1x_model_to_2x.py": [
        "its operators: mul elementwise_add relu", "new files: net.pdiparams, net.pdiparams.info, net.pdmodel", "gives the same: True",
    ],
    "load_parameters_only.py": ["_linear.weight: float32[784, 10]", "equal: True"],
}


def test_every_example_is_run() -> None:
    assert {f.name for f in EXAMPLES.glob("*.py")} - {"common.py"} == set(PROMISES)


@pytest.mark.parametrize("name", list(PROMISES))
def test_example(name: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for text in PROMISES[name]:
        assert text in done.stdout, done.stdout
    accuracies = [float(n) for line in done.stdout.splitlines() if "accuracy" in line for n in re.findall(r"\b[01]\.\d+", line)]
    if accuracies:
        assert max(accuracies) > 0.9, done.stdout

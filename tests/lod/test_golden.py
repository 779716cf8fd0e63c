"""Ragged models that Paddle 1.8.5 saved."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import jit

GOLDEN = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "formats", "golden", "v185")
pytestmark = pytest.mark.shared


def _words(io: Any) -> paddle.Tensor:
    t = paddle.to_tensor(io["in_0"])
    t.set_recursive_sequence_lengths([[3, 2, 2]])
    return t


@pytest.mark.parametrize("case", ["emb_gru_lod", "emb_gru_lod_combined", "emb_lstm_lod", "emb_lstm_lod_combined"])
def test_results_and_their_lods(case: str) -> None:
    options = {"params_filename": "__params__"} if case.endswith("combined") else {}
    layer = jit.load(os.path.join(GOLDEN, case, "model"), **options)
    io = np.load(os.path.join(GOLDEN, case, "io.npz"))
    pooled, ragged = layer(_words(io))
    np.testing.assert_allclose(pooled.numpy(), io["out_0"], atol=1e-6)
    np.testing.assert_allclose(ragged.numpy(), io["out_1"], atol=1e-6)
    assert pooled.lod() == [] and ragged.lod() == [[0, 3, 5, 7]]


@pytest.mark.parametrize("case", ["emb_gru_lod", "emb_lstm_lod"])
def test_a_ragged_model_is_tuned_and_saved_in_the_new_form(case: str, tmp_path: Any) -> None:
    layer = jit.load(os.path.join(GOLDEN, case, "model"))
    io = np.load(os.path.join(GOLDEN, case, "io.npz"))
    layer.train()
    losses = []
    for _ in range(4):
        loss = (layer(_words(io))[0] ** 2).mean()
        loss.backward()
        for p in layer.parameters():
            assert p.grad is not None, p.name
            p.set_value(p.numpy() - 0.5 * p.grad.numpy())
            p.clear_grad()
        losses.append(float(loss))
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))
    layer.eval()
    before = layer(_words(io))[0].numpy()
    jit.save(layer, str(tmp_path / "m"), input_spec=[jit.InputSpec([None, 1], "int64", "words")])
    again = jit.load(str(tmp_path / "m"))
    np.testing.assert_allclose(again(_words(io))[0].numpy(), before, rtol=1e-6)

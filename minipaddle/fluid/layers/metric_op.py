"""Measures of how good predictions are."""
from __future__ import annotations

from typing import Any

from ...core.context import context
from ...nn.initializer import Constant
from ...static.program import static_recorder
from ..helper import Helper
from .nn import topk

__all__ = ["accuracy", "auc"]


def accuracy(input: Any, label: Any, k: int = 1, correct: Any = None, total: Any = None) -> Any:
    """The share of rows whose label is among the k most probable classes. label: int64 [n, 1].

    correct, total: int32 Variables that get the counts.
    """
    helper = Helper("accuracy")
    values, indices = topk(input, k)
    if context.recorder is not None and (correct is not None or total is not None):
        out = helper("accuracy", values, indices, label)
        op = static_recorder("accuracy").block.ops[-1]
        for slot, v in (("Correct", correct), ("Total", total)):
            if v is not None:
                op.outputs[slot] = [v.name]
                if not v.static_shape:
                    v._shape = (1,)
    else:
        out = helper("accuracy", values, indices, label)
    share = out[0] if isinstance(out, tuple) else out
    share.stop_gradient = True
    return share


def auc(
    input: Any, label: Any, curve: str = "ROC", num_thresholds: int = 4095, topk: int = 1, slide_steps: int = 1
) -> tuple[Any, Any, list[Any]]:
    """The area under the curve over all batches, that over the last `slide_steps`, and the counts both are made of.

    input: probabilities [n, 2]; label: int64 [n, 1].
    """
    helper = Helper("auc")
    recorder = static_recorder("auc")

    def counts(size: int) -> Any:
        from ...dtypes import as_dtype

        kind = as_dtype("int64")
        shape = [1, size]
        name = recorder.unused_name("_generated_var")
        return recorder.create_persistable(name, shape, kind, lambda: Constant(0.0).values(shape, kind))

    window = (1 + slide_steps) * (num_thresholds + 1) + 1
    batch_pos, batch_neg = counts(window), counts(window)
    pos, neg = counts(num_thresholds + 1), counts(num_thresholds + 1)
    batch = helper("auc", input, label, batch_pos, batch_neg, curve=curve, num_thresholds=num_thresholds, slide_steps=slide_steps)[0]
    total = helper("auc", input, label, pos, neg, curve=curve, num_thresholds=num_thresholds, slide_steps=0)[0]
    return total, batch, [batch_pos, batch_neg, pos, neg]

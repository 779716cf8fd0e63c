"""Losses over a sample of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.rng import random as process_generator
from .manipulation import add_at
from .registry import Ints, Spec, op

__all__: list[str] = []


def _probability(xp: Any, classes: Any, sampler: int, total: int, probabilities: Any, dtype: Any) -> Any:
    """How probable it is to draw each class: 0 all alike, 1 falling with its number, 2 as given."""
    if sampler == 0:
        return xp.full(classes.shape, 1.0 / total, dtype)
    if sampler == 1:
        return (xp.log((classes + 2.0) / (classes + 1.0)) / np.log(total)).astype(dtype)
    if probabilities is None:
        raise ValueError("sampler 2 draws as CustomDistProbs says, which is absent")
    return probabilities.reshape(-1).take(classes).astype(dtype)


def _drawn(xp: Any, shape: tuple[int, int], sampler: int, total: int, probabilities: Any, seed: int) -> Any:
    generator = process_generator(xp) if seed == 0 else xp.random.default_rng(seed)
    if sampler == 0:
        return generator.integers(0, total, shape, dtype=np.int64)
    u = generator.random(shape)
    if sampler == 1:
        return (xp.exp(u * np.log(total)) - 1).astype(np.int64) % total
    edges = xp.cumsum(probabilities.reshape(-1).astype(np.float64))
    return (
        xp.minimum(xp.searchsorted(edges, u.reshape(-1) * edges[-1], side="right"), total - 1)
        .reshape(shape)
        .astype(np.int64)
    )


def _infer_nce(
    x: Spec, label: Spec, weight: Spec, *_: Any, num_neg_samples: int = 10, custom_neg_classes: Any = (), **__: Any
) -> tuple[Spec, Spec, Spec]:
    if x.ndim != 2 or weight.ndim != 2 or (-1 not in (x.shape[1], weight.shape[1]) and x.shape[1] != weight.shape[1]):
        raise ValueError(
            f"Input must be [n, width] and Weight [classes, width], got {list(x.shape)} and {list(weight.shape)}"
        )
    true = label.shape[1] if label.ndim == 2 else 1
    width = -1 if true == -1 else true + (len(custom_neg_classes) or num_neg_samples)
    return (
        Spec((x.shape[0], 1), x.dtype),
        Spec((x.shape[0], width), x.dtype),
        Spec((x.shape[0], width), np.dtype("int64")),
    )


@op(
    "nce",
    "Input, Label, Weight, Bias?, SampleWeight?, CustomDistProbs?, CustomDistAlias?, CustomDistAliasProbs? -> "
    "Cost, SampleLogits~, SampleLabels~",
    infer=_infer_nce,
    random=True,
    lod="-> Cost=Input",
    grad="Input, Label#, Weight, Bias?#, SampleWeight?, CustomDistProbs?, SampleLogits, SampleLabels, Cost@GRAD -> "
    "Input@GRAD, Weight@GRAD, Bias@GRAD",
)
def nce(
    xp,
    x,
    label,
    weight,
    bias=None,
    sample_weight=None,
    probabilities=None,
    alias=None,
    alias_probabilities=None,
    *,
    num_total_classes: int,
    num_neg_samples: int = 10,
    sampler: int = 0,
    seed: int = 0,
    is_sparse: bool = False,
    remote_prefetch: bool = False,
    is_test: bool = False,
    custom_neg_classes: Ints = (),
):
    """Noise-contrastive estimation (Gutmann and Hyvärinen 2010): each row's labels against `num_neg_samples` drawn classes."""
    true = label.reshape(x.shape[0], -1).astype(np.int64)
    if true.size and (int(true.min()) < 0 or int(true.max()) >= num_total_classes):
        raise ValueError(f"Label must be 0 to {num_total_classes - 1}, got {int(true.min())} to {int(true.max())}")
    if len(custom_neg_classes):
        drawn = xp.broadcast_to(
            xp.asarray(np.asarray(custom_neg_classes, np.int64)), (x.shape[0], len(custom_neg_classes))
        )
    else:
        drawn = _drawn(xp, (x.shape[0], num_neg_samples), sampler, num_total_classes, probabilities, seed)
    classes = xp.concatenate([true, drawn], 1)
    logits = (weight.take(classes, axis=0) * x[:, None, :]).sum(-1)
    if bias is not None:
        logits = logits + bias.reshape(-1).take(classes)
    o = 1 / (1 + xp.exp(-logits))
    q = _probability(xp, classes, sampler, num_total_classes, probabilities, x.dtype) * x.dtype.type(num_neg_samples)
    chosen = xp.arange(classes.shape[1]) < true.shape[1]
    cost = -xp.log(xp.where(chosen, o, q) / (o + q))
    total = cost.sum(1, keepdims=True)
    if sample_weight is not None:
        total = total * sample_weight.reshape(-1, 1)
    return total.astype(x.dtype), o.astype(x.dtype), classes


@nce.backward
def _(
    xp,
    x,
    label,
    weight,
    bias,
    sample_weight,
    probabilities,
    o,
    classes,
    d_cost,
    *,
    num_total_classes: int,
    num_neg_samples: int = 10,
    sampler: int = 0,
):
    q = _probability(xp, classes, sampler, num_total_classes, probabilities, x.dtype) * x.dtype.type(num_neg_samples)
    chosen = xp.arange(classes.shape[1]) < (label.shape[1] if len(label.shape) == 2 else 1)
    d = xp.where(chosen, q * (o - 1), o * (1 - o)) / (o + q) * d_cost.reshape(-1, 1)
    if sample_weight is not None:
        d = d * sample_weight.reshape(-1, 1)
    d = d.astype(x.dtype)
    d_x = (weight.take(classes, axis=0) * d[:, :, None]).sum(1)
    d_weight = xp.zeros(weight.shape, x.dtype)
    add_at(xp, d_weight, classes.reshape(-1), (d[:, :, None] * x[:, None, :]).reshape(-1, x.shape[1]))
    if bias is None:
        return d_x, d_weight, None
    d_bias = xp.zeros(num_total_classes, x.dtype)
    add_at(xp, d_bias, classes.reshape(-1), d.reshape(-1))
    return d_x, d_weight, d_bias.reshape(bias.shape)

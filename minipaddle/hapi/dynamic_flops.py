"""``paddle.flops``: multiply-add operations of one forward pass, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import cost
from ..core.grad_mode import no_grad
from ..core.program import Program
from ..errors import NotSupportedError
from ..nn.layer.layers import Layer
from ..tensor import random

__all__ = ["flops"]

Counter = Callable[[Any, Sequence[Any], Any], Any]


def _convolution(m: Any, x: Sequence[Any], y: Any) -> None:
    """Per output element: a kernel over the channels of its group, and the bias."""
    kernel = int(np.prod(m.weight.shape[2:]))
    m.total_ops += cost.convolution(y.size, x[0].shape[1], m._groups, kernel, m.bias is not None)


def _normalisation(m: Any, x: Sequence[Any], y: Any) -> None:
    m.total_ops += cost.normalisation(x[0].size)


def _linear(m: Any, x: Sequence[Any], y: Any) -> None:
    m.total_ops += cost.matrix_product(y.size, m.weight.shape[0])


def _one_per_input(m: Any, x: Sequence[Any], y: Any) -> None:
    m.total_ops += x[0].size


def _one_per_output(m: Any, x: Sequence[Any], y: Any) -> None:
    m.total_ops += y.size


def _adaptive_pooling(m: Any, x: Sequence[Any], y: Any) -> None:
    window = np.array(x[0].shape[2:]) // np.array(y.shape[2:])
    m.total_ops += cost.pooling(y.size, int(np.prod(window)))


def _nothing(m: Any, x: Sequence[Any], y: Any) -> None:
    m.total_ops += 0


# class name of a layer of `paddle.nn` -> how its operations are counted
COUNTERS: dict[str, Counter] = {
    **{f"Conv{n}D{kind}": _convolution for n in (1, 2, 3) for kind in ("", "Transpose")},
    "BatchNorm": _normalisation,
    "BatchNorm2D": _normalisation,
    "ReLU": _nothing,
    "ReLU6": _nothing,
    "LeakyReLU": _one_per_input,
    "Linear": _linear,
    "Dropout": _nothing,
    **{f"AvgPool{n}D": _one_per_output for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}D": _adaptive_pooling for n in (1, 2, 3)},
}


def _own_counter(kind: type) -> Counter | None:
    return COUNTERS.get(kind.__name__) if kind.__module__.startswith(Layer.__module__.rpartition(".")[0]) else None


class _Tally:
    """What is noted of one layer. Counters of the user find it as ``layer.total_ops``."""

    def __init__(self) -> None:
        self.input: Any = None
        self.output: Any = None
        self.params = 0


@no_grad()
def flops(
    net: Any, input_size: Sequence[int], custom_ops: dict[type, Counter] | None = None, print_detail: bool = False
) -> int:
    """Operations of ``net(x)`` for an input of shape `input_size`; prints and returns the number.

    custom_ops: class of a layer -> ``function(layer, inputs, output)`` that adds to ``layer.total_ops``. Layers that are
    not known count as zero, and are named. print_detail: also print a table of the layers. TypeError unless `net` is a Layer.
    """
    if isinstance(net, Program):
        raise NotSupportedError("paddle.flops of a static Program is not supported; pass the Layer instead")
    if not isinstance(net, Layer):
        raise TypeError(f"net of flops must be a paddle.nn.Layer, got {type(net).__name__}")
    custom = custom_ops or {}
    leaves = [m for m in net.sublayers(include_self=True) if not list(m.children())]
    tallies: dict[int, _Tally] = {}
    hooks = []
    told: set[type] = set()
    for m in leaves:
        kind = type(m)
        counter = custom.get(kind) or _own_counter(kind)
        if kind not in told:
            told.add(kind)
            if kind in custom:
                print(f"Customize Function has been applied to {kind}")
            elif counter is not None:
                print(f"{kind}'s flops has been counted")
            else:
                print(f"Cannot find suitable count function for {kind}. Treat it as zero FLOPs.")
        m.__dict__["total_ops"] = 0
        tally = tallies[id(m)] = _Tally()
        if counter is not None:
            hooks.append(m.register_forward_post_hook(counter))

        def note(m: Any, x: Any, y: Any, tally: _Tally = tally) -> None:
            first = y[0] if isinstance(y, (list, tuple)) else y
            tally.input, tally.output = list(x[0].shape), list(first.shape)
            tally.params = sum(p.size for p in m.parameters())

        hooks.append(m.register_forward_post_hook(note))
    training = net.training
    net.eval()
    try:
        net(random.randn(list(input_size)))
    finally:
        for hook in hooks:
            hook.remove()
        counts = {id(m): int(m.__dict__.pop("total_ops", 0)) for m in leaves}
        if training:
            net.train()
    seen = [m for m in leaves if tallies[id(m)].input is not None]
    if print_detail:
        rows = [
            [m.full_name(), str(t.input), str(t.output), str(t.params), str(counts[id(m)])]
            for m, t in ((m, tallies[id(m)]) for m in seen)
        ]
        print(_table(["Layer Name", "Input Shape", "Output Shape", "Params", "Flops"], rows))
    total = sum(counts[id(m)] for m in seen)
    print(f"Total Flops: {total}     Total Params: {sum(tallies[id(m)].params for m in seen)}")
    return total


def _centred(text: str, width: int) -> str:
    """`text` in the middle; a single space too many goes to the right of odd texts and to the left of even ones."""
    left, more = divmod(width - len(text), 2)
    left += more if len(text) % 2 == 0 else 0
    return " " * left + text + " " * (width - len(text) - left)


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    rule = "+" + "+".join("-" * (w + 2) for w in widths) + "+"
    lines = ["|" + "|".join(f" {_centred(c, w)} " for c, w in zip(r, widths, strict=True)) + "|" for r in [head, *rows]]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])

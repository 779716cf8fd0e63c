"""``paddle.summary``: a table of the layers of a network, their shapes and numbers of parameters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.context import context
from ..core.dispatch import call
from ..core.grad_mode import no_grad
from ..core.program import Variable
from ..core.tensor import TensorBase, isinstance_strict
from ..dtypes import as_dtype
from ..jit.input_spec import InputSpec
from ..nn.layer import container, rnn
from ..ops import elementwise as E
from ..tensor import random

__all__ = ["summary"]


def summary(net: Any, input_size: Any = None, dtypes: Any = None, input: Any = None) -> dict[str, int]:
    """Print the layers of `net` with their input and output shapes and numbers of parameters.

    input_size: shape of the input, or a list of shapes or InputSpecs; at most one dimension may be None or -1 (taken as 1).
    dtypes: their types, float32 by default. input: a Tensor (or list or dict of them) to run with instead. Returns
    ``{"total_params": ..., "trainable_params": ...}``. ValueError without shape and input.
    """
    if input_size is None and input is None:
        raise ValueError("input_size and input cannot be None at the same time")
    if input_size is None:
        input_size = _shapes_of(input)
    sizes = _checked(_plain(input_size))
    training = net.training
    if context.recorder is not None and not context.recorder.tracing:
        warnings.warn(
            "Your model was created in static graph mode, this may not get correct summary information!", stacklevel=2
        )
    if training:
        net.eval()
    try:
        text, info = _table(net, sizes, dtypes, input)
    finally:
        if training:
            net.train()
    print(text)
    return info


def _shapes_of(value: Any) -> Any:
    if isinstance_strict(value, TensorBase):
        return tuple(value.shape)
    if isinstance(value, (list, tuple)):
        return [tuple(x.shape) for x in value]
    if isinstance(value, dict):
        return [tuple(x.shape) for x in value.values()]
    raise ValueError("Input is not tensor, list, tuple and dict, unable to determine input_size, please input input_size.")


def _plain(size: Any) -> Any:
    """A shape, or a list of shapes, as tuples."""
    if isinstance(size, InputSpec):
        return tuple(size.shape)
    if isinstance(size, int):
        return (size,)
    if isinstance(size, list):
        for item in size:
            if not isinstance(item, (int, tuple, InputSpec)) and not (isinstance(item, list)):
                raise AssertionError(
                    f"When input_size is list, expect item in input_size is a tuple or InputSpec, but got {type(item)}"
                )
        return [_plain(item) for item in size]
    return size


def _is_shape(size: Any) -> bool:
    return isinstance(size, (list, tuple)) and not any(isinstance(n, (list, tuple)) for n in size)


def _checked(size: Any) -> Any:
    """Unknown dimensions made 1. ValueError for several of them or for sizes below 1."""
    if not _is_shape(size):
        return [_checked(s) for s in size]
    if sum(n is None or n == -1 for n in size) > 1:
        raise ValueError("Option input_size only the dim of batch_size can be None or -1.")
    for n in size:
        if n is not None and n != -1 and n <= 0:
            raise ValueError(f"Expected element in input size greater than zero, but got {n}")
    return tuple(1 if n is None or n == -1 else int(n) for n in size)


def _inputs(size: Any, dtype: Any) -> Any:
    if not _is_shape(size):
        kinds = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(size)
        return [_inputs(s, k) for s, k in zip(size, kinds, strict=False)]
    if isinstance(dtype, (list, tuple)):
        dtype = dtype[0]
    made = random.rand(list(size))
    kind = as_dtype("float32" if dtype is None else dtype)
    return made if kind is made.dtype else call(E.cast, made, in_dtype=made.dtype.proto, out_dtype=kind.proto)


def _shape_in(x: Any) -> Any:
    if isinstance_strict(x, TensorBase):
        return list(x.static_shape if isinstance_strict(x, Variable) else x.shape)
    if isinstance(x, (list, tuple)):
        return [_shape_in(i) for i in x]
    return None


def _shape_out(x: Any) -> Any:
    return [] if (found := _shape_in(x)) is None else found


def _count(shape: Any) -> int:
    if _is_shape(shape):
        return int(np.prod(shape)) if shape else 1
    return sum(_count(s) for s in shape)


class _Row:
    def __init__(self, name: str, layer: Any, inputs: Any, output: Any) -> None:
        self.name, self.inputs, self.output = name, str(_shape_in(inputs)), _shape_out(output)
        own = [p for p in layer._parameters.values() if p is not None]
        self.params = sum(_count(p.shape) for p in own)
        self.trainable = sum(_count(p.shape) for p in own if p.trainable and not p.stop_gradient)


@no_grad()
def _table(net: Any, sizes: Any, dtypes: Any, given: Any) -> tuple[str, dict[str, int]]:
    rows: dict[str, _Row] = {}
    hooks = []
    leafless = not list(net.sublayers())

    def watch(layer: Any) -> None:
        recurrent = isinstance(layer, rnn.RNNBase)  # a list of layers that is called itself
        if not recurrent and (
            isinstance(layer, (container.Sequential, container.LayerList)) or (layer is net and not leafless)
        ):
            return

        def note(layer: Any, inputs: Any, output: Any) -> None:
            number = layer.full_name().rpartition("_")[2]
            index = int(number) if number.isdigit() else len(rows)
            name = f"{type(layer).__name__}-{index + 1}"
            rows[name] = _Row(name, layer, inputs, output)

        hooks.append(layer.register_forward_post_hook(note))

    net.apply(watch)
    try:
        if given is not None:
            net(**given) if isinstance(given, dict) else net(*given) if isinstance(given, (list, tuple)) else net(given)
        else:
            shapes = [sizes] if _is_shape(sizes) else sizes
            kinds = dtypes if isinstance(dtypes, (list, tuple)) else [dtypes] * len(shapes)
            net(*[_inputs(s, k) for s, k in zip(shapes, kinds, strict=False)])
    finally:
        for hook in hooks:
            hook.remove()
    return _format(list(rows.values()), sizes)


def _format(rows: Sequence[_Row], sizes: Any) -> tuple[str, dict[str, int]]:
    def width(least: int, texts: Sequence[str]) -> int:
        return max([least, *map(len, texts)])

    cells = [(r.name, r.inputs, str(r.output), f"{r.params:,}") for r in rows]
    widths = [width(least, [c[i] for c in cells]) for i, least in enumerate((15, 20, 20, 15))]
    total_width = max(75, sum(widths) + 5)

    def line(parts: Sequence[str]) -> str:
        return " ".join(f"{part:^{w}}" for part, w in zip(parts, widths, strict=True))

    params, trainable = sum(r.params for r in rows), sum(r.trainable for r in rows)
    megabyte = 4.0 / 1024**2
    input_size = _count(sizes) * megabyte
    passes = 2.0 * sum(_count(r.output) for r in rows) * megabyte
    lines = [
        "-" * total_width,
        line(("Layer (type)", "Input Shape", "Output Shape", "Param #")),
        "=" * total_width,
        *map(line, cells),
        "=" * total_width,
        f"Total params: {params:,}",
        f"Trainable params: {trainable:,}",
        f"Non-trainable params: {params - trainable:,}",
        "-" * total_width,
        f"Input size (MB): {input_size:.2f}",
        f"Forward/backward pass size (MB): {passes:.2f}",
        f"Params size (MB): {params * megabyte:.2f}",
        f"Estimated Total Size (MB): {params * megabyte + passes + input_size:.2f}",
        "-" * total_width,
    ]
    return "\n".join(lines) + "\n", {"total_params": params, "trainable_params": trainable}



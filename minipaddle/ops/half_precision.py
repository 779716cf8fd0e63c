"""bfloat16 for the operators whose formulas NumPy (with ml_dtypes) cannot run in it: computed in float32, rounded at the end.

That is what matrix units do too: they multiply bfloat16 numbers and add up in float32.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import bfloat16
from .registry import OPS, Op, Slot, Spec, gradient_op

__all__ = ["computed_in_float32"]

_FLOAT32 = np.dtype(np.float32)


def _is_bfloat16(dtype: Any) -> bool:
    return dtype.kind == "V" and dtype.name == "bfloat16"


def _leaves(values: Sequence[Any]) -> list[Any]:
    return [v for item in values for v in (item if isinstance(item, (list, tuple)) else (item,)) if v is not None]


def _half(values: Sequence[Any], mixed: bool) -> Any:
    """The bfloat16 dtype if it is among the inputs, else None; also None where other floats stand beside it and must not."""
    found = None
    other = False
    for v in _leaves(values):
        dtype = v.dtype
        if dtype.kind == "V":
            if _is_bfloat16(dtype):
                found = dtype
        elif dtype.kind == "f":
            other = True
    return None if other and not mixed else found


def _to(value: Any, old: Any, new: Any) -> Any:
    """`value`, an array or a Spec, in dtype `new` if it is in dtype `old`."""
    if isinstance(value, (list, tuple)):
        return type(value)(_to(v, old, new) for v in value)
    if value is None or value.dtype != old:
        return value
    return Spec(value.shape, new) if isinstance(value, Spec) else value.astype(new)


def _outputs(results: Any, slots: Sequence[Slot], arrays: Sequence[Any], index: dict[str, int], half: Any) -> Any:
    """Visible results in bfloat16; what is written over an input in that input's type; what only gradients need in float32."""
    many = isinstance(results, tuple)
    made = []
    for slot, r in zip(slots, results if many else (results,), strict=True):
        if slot.over is not None:
            under = arrays[index[slot.over]] if index[slot.over] < len(arrays) else None
            made.append(r if under is None else _to(r, _FLOAT32, _leaves([under])[0].dtype))
        else:
            made.append(r if slot.hidden else _to(r, _FLOAT32, half))
    return tuple(made) if many else made[0]


def _forward(op: Op, function: Callable[..., Any], mixed: bool) -> Callable[..., Any]:
    def run(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        # as long as ml_dtypes was not needed there are no bfloat16 arrays
        half = None if bfloat16._np is None else _half(arrays, mixed)
        if half is None:
            return function(xp, *arrays, **attrs)
        attrs.pop("out", None)
        results = function(xp, *[_to(a, half, _FLOAT32) for a in arrays], **attrs)
        return _outputs(results, op.outputs, arrays, op.input_index, half)

    return run


def _infer(op: Op, rule: Callable[..., Any], mixed: bool) -> Callable[..., Any]:
    def infer(*specs: Any, **attrs: Any) -> Any:
        half = _half(specs, mixed)
        if half is None:
            return rule(*specs, **attrs)
        results = rule(*[_to(s, half, _FLOAT32) for s in specs], **attrs)
        return _outputs(results, op.outputs, specs, op.input_index, half)

    return infer


def _backward(op: Op, mixed: bool) -> None:
    plan = op.grad
    assert plan is not None
    function = plan.function
    given = {slot: place for place, (kind, slot, _) in enumerate(plan.sources) if kind == "in"}

    def wanted(target: int, arrays: Sequence[Any], half: Any) -> Any:
        """The type of the input that a gradient belongs to; where that input is not at hand, of the weights beside it."""
        for slot in (target, 1) if mixed and target else (target,):
            value = arrays[given[slot]] if slot in given else None
            found = _leaves([value])
            if found and found[0].dtype.kind in "fV":
                return found[0].dtype
        return half

    def run(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        half = None if bfloat16._np is None else _half(arrays, True)
        if half is None:
            return function(xp, *arrays, **attrs)
        results = function(xp, *[_to(a, half, _FLOAT32) for a in arrays], **attrs)
        if not isinstance(results, tuple):
            return _to(results, _FLOAT32, wanted(plan.targets[0], arrays, half))
        return tuple(
            _to(r, _FLOAT32, wanted(target, arrays, half)) for target, r in zip(plan.targets, results, strict=True)
        )

    plan.function = run
    OPS[op.grad_type] = gradient_op(op)


def computed_in_float32(*types: str, mixed: bool = False, forward: bool = True) -> None:
    """Complete the operators of these types: bfloat16 inputs are taken in float32, results given in bfloat16.

    mixed: float32 weights and statistics may stand beside a bfloat16 input, as in normalisation. forward: False where only
    the gradient needs it.
    """
    for name in types:
        op = OPS[name]
        if forward:
            op.forward = _forward(op, op.forward, mixed)
            if op.infer_rule is not None:
                op.infer_rule = _infer(op, op.infer_rule, mixed)
        if op.grad is not None:
            _backward(op, mixed)


computed_in_float32(
    "conv2d", "conv3d", "depthwise_conv2d", "conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose",
    "pool2d", "pool3d", "max_pool2d_with_index", "max_pool3d_with_index", "lrn",
    "softmax_with_cross_entropy", "mean_cross_entropy", "hierarchical_sigmoid", "margin_cross_entropy",
    "rnn", "bilinear_tensor_product", "einsum", "dot", "mv", "bmm", "mul", "affine_grid", "grid_sampler", "spectral_norm",
    "nearest_interp_v2", "linear_interp_v2", "bilinear_interp_v2", "trilinear_interp_v2", "bicubic_interp_v2",
)  # fmt: skip
computed_in_float32("batch_norm", "sync_batch_norm", "layer_norm", "instance_norm", "group_norm", mixed=True)
computed_in_float32("matmul_v2", "matmul", forward=False)

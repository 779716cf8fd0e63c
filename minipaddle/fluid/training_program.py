"""A training Program in the form that Paddle 1.8 reads and runs."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.program import Operator, Program
from ..formats import pdmodel
from ..ops.registry import OPS

__all__ = ["in_1x_form"]

# What 1.8 looks for in gradient operators: it fills defaults in only for forward operators.
_FALSE = (
    "use_mkldnn", "use_cudnn", "is_test", "fuse_relu", "fuse_brelu", "fuse_residual_connection", "fuse_relu_before_depthwise_conv",
    "fuse_with_relu", "force_fp32_output", "exhaustive_search", "use_quantizer", "remote_prefetch", "is_sparse", "is_distributed",
    "grad_inplace",
)  # fmt: skip
_EMPTY = ("x_data_format", "y_data_format", "fuse_activation")
_OTHERS: dict[str, tuple[str, Any]] = {
    "workspace_size_MB": ("INT", 512), "fuse_alpha": ("FLOAT", 0.0), "fuse_beta": ("FLOAT", 0.0), "fuse_brelu_threshold": ("FLOAT", 6.0),
    "Scale_in": ("FLOAT", 1.0), "Scale_out": ("FLOAT", 1.0), "Scale_in_eltwise": ("FLOAT", 1.0), "Scale_weights": ("FLOATS", [1.0]),
    "Scale_x": ("FLOAT", 1.0), "Scale_y": ("FLOAT", 1.0), "scale_x": ("FLOAT", 1.0), "scale_out": ("FLOAT", 1.0),
    "scale_y": ("FLOATS", [1.0]),
    "trainer_id": ("INT", 0), "epmap": ("STRINGS", []), "table_names": ("STRINGS", []), "height_sections": ("LONGS", []),
    "fused_reshape_Out": ("INTS", []), "fused_transpose_Out": ("INTS", []), "data_format": ("STRING", "AnyLayout"),
}  # fmt: skip


def _outputs(op: Operator, slot: str) -> list[str]:
    return [n for n in op.outputs.get(slot, []) if n != "@EMPTY@"]


def _one(type: str, slot: str, target: str, attrs: Callable[[Operator], dict[str, Any]], out: str = "Out") -> Any:
    def written(op: Operator) -> list[tuple[str, dict[str, list[str]], dict[str, list[str]], dict[str, Any]]]:
        return [(type, {"X": op.inputs[slot]}, {out: _outputs(op, target)}, attrs(op))]

    return written


def _sum(op: Operator) -> Any:
    return [("scale", {"X": op.inputs["Out@GRAD"]}, {"Out": [n]}, {"scale": 1.0}) for n in _outputs(op, "X@GRAD")]


def _minus(op: Operator) -> Any:
    sides = (("X@GRAD", 1.0), ("Y@GRAD", -1.0))
    return [("scale", {"X": op.inputs["Out@GRAD"]}, {"Out": [n]}, {"scale": s}) for slot, s in sides for n in _outputs(op, slot)]


# gradient operators that 1.8 does not have, as the operators it writes in their place
_INSTEAD: dict[str, Callable[[Operator], Any]] = {
    "assign_grad": _one("assign", "Out@GRAD", "X@GRAD", lambda op: {}),
    "cumsum_grad": _one(
        "cumsum", "Out@GRAD", "X@GRAD",
        lambda op: {"axis": op.attr("axis"), "exclusive": op.attr("exclusive"), "reverse": not op.attr("reverse")},
    ),
    "minus_grad": _minus,
    "scale_grad": _one("scale", "Out@GRAD", "X@GRAD", lambda op: {"scale": op.attr("scale"), "bias": 0.0, "bias_after_scale": True}),
    "sequence_reverse_grad": _one("sequence_reverse", "Y@GRAD", "X@GRAD", lambda op: {}, "Y"),
    "sign_grad": _one("scale", "Out@GRAD", "X@GRAD", lambda op: {"scale": 0.0}),
    "split_grad": _one("concat", "Out@GRAD", "X@GRAD", lambda op: {"axis": op.attr("axis")}),
    "sum_grad": _sum,
    "unbind_grad": _one("stack", "Out@GRAD", "X@GRAD", lambda op: {"axis": op.attr("axis")}, "Y"),
}  # fmt: skip


def in_1x_form(program: Program) -> Program:
    """A copy whose gradient operators are those of Paddle 1.8, with the attributes it wants, and its version number."""
    new = program.clone()
    for block in new.blocks:
        ops: list[Operator] = []
        for op in block.ops:
            instead = _INSTEAD.get(op.type)
            if instead is None:
                ops.append(op)
            else:
                common = {k: v for k, v in op.attrs.items() if k.startswith("op_")}
                for type, inputs, outputs, attrs in instead(op):
                    ops.append(Operator(block, type, inputs, outputs, {**attrs, **common}, callstack=list(op.callstack)))
        block.ops = ops
        for op in ops:
            definition = OPS.get(op.type)
            if definition is not None and definition.gradient_of is not None:
                _complete(op)
    new.touch()
    new.desc_version, new.op_version_map, new.extra = pdmodel.VERSION_1X, {}, {}
    return new


def _complete(op: Operator) -> None:
    wanted: dict[str, tuple[str, Any]] = dict.fromkeys(_FALSE, ("BOOLEAN", False)) | dict.fromkeys(_EMPTY, ("STRING", "")) | _OTHERS
    definition = OPS[op.type]
    for name, (kind, value) in wanted.items():
        if name not in op.attrs and name not in definition.attrs:
            op.attrs[name] = list(value) if isinstance(value, list) else value
            op.attr_types[name] = kind

"""A training Program in the form that Paddle 1.8 reads and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.blocks import resolve, step_values
from ..core.gradient_forms import forward_of
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
    "fused_reshape_Out": ("INTS", []), "fused_transpose_Out": ("INTS", []), "overwrite": ("BOOLEAN", True),
    "data_format": ("STRING", "AnyLayout"),
}  # fmt: skip


# Inputs that 1.8's gradient operators want and those of 2.x do not have: slots of the forward operator.
_MORE_INPUTS = {"leaky_relu_grad": ("Out",), "center_loss_grad": ("X",)}


def _plain_cumsum(op: Operator) -> None:
    """In 1.8 the gradient of `cumsum` is a `cumsum` from the other end."""
    op.type = "cumsum"
    op.inputs = {"X": op.inputs["Out@GRAD"]}
    op.outputs = {"Out": op.outputs["X@GRAD"]}
    op.attrs["reverse"] = not op.attr("reverse")


def in_1x_form(program: Program) -> Program:
    """A copy whose gradient operators are those of Paddle 1.8, with the attributes it wants, and its version number."""
    new = program.clone()
    _keep_start_values(new)
    for block in new.blocks:
        for i, op in enumerate(block.ops):
            if op.type == "cumsum_grad":
                _plain_cumsum(op)
            if op.type == "hierarchical_sigmoid":
                op.outputs["W_Out"] = list(op.inputs["W"])
            for slot in _MORE_INPUTS.get(op.type, ()):
                _add_input(op, slot, block.ops[:i])
            definition = OPS.get(op.type)
            if definition is not None and definition.gradient_of is not None:
                _complete(op)
    new.touch()
    new.desc_version, new.op_version_map, new.extra = pdmodel.VERSION_1X, {}, {}
    return new


def _keep_start_values(program: Program) -> None:
    """Copies, made when a block begins, of what it writes over and its gradient reads: 1.8 keeps only the last value of such variables."""
    for block in program.blocks[1:]:
        if block.forward_block_idx >= 0:
            continue
        for name in [n for n in step_values(block) if n not in block.vars]:
            v = resolve(block, name)
            if v is None or v.kind != "LOD_TENSOR":
                continue
            kept = block.create_var(f"{name}@START", v.static_shape, v.dtype, lod_level=v.lod_level).name
            block._insert_op(0, "assign", {"X": name}, {"Out": kept})
            for gradient in program.blocks:
                if gradient.forward_block_idx == block.idx and gradient is not block:
                    for op in gradient.ops:
                        op.inputs = {
                            slot: [kept if n == name else n for n in names] for slot, names in op.inputs.items()
                        }


def _add_input(op: Operator, slot: str, before: Sequence[Operator]) -> None:
    forward = forward_of(op, before)
    if forward is not None and not op.inputs.get(slot):
        names = forward.inputs.get(slot) or forward.outputs.get(slot)
        if names:
            op.inputs[slot] = list(names)


def _complete(op: Operator) -> None:
    wanted: dict[str, tuple[str, Any]] = (
        dict.fromkeys(_FALSE, ("BOOLEAN", False)) | dict.fromkeys(_EMPTY, ("STRING", "")) | _OTHERS
    )
    definition = OPS[op.type]
    for name, (kind, value) in wanted.items():
        if name not in op.attrs and name not in definition.attrs:
            op.attrs[name] = list(value) if isinstance(value, list) else value
            op.attr_types[name] = kind

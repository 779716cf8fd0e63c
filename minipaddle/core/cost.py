"""What one operator costs: multiply-adds by operator type. `paddle.flops` and `paddle.jit.explain` count with these rules.

The unit is that of `paddle.flops`: a multiplication together with an addition is one operation; so is any other step on one
number (a comparison, an exponential).
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ops.registry import OPS, Spec

__all__ = ["COSTS", "convolution", "matrix_product", "normalisation", "operations_of", "pooling"]

Slots = Mapping[str, Sequence[Spec]]  # slot -> shapes and dtypes
Rule = Callable[[Slots, Slots, Mapping[str, Any]], int]


def convolution(outputs: int, channels: int, groups: int, kernel: int, bias: bool) -> int:
    """`outputs` numbers, each a window of `kernel` places over the input channels of its group, and a bias."""
    return int(abs(outputs) * (channels // groups * kernel + bias))


def matrix_product(outputs: int, inner: int) -> int:
    """`outputs` numbers, each a sum over `inner` products."""
    return int(outputs * inner)


def normalisation(inputs: int) -> int:
    """A shift and a scale for each number."""
    return 2 * int(inputs)


def pooling(outputs: int, window: int) -> int:
    """A sum over the window and a division for each result."""
    return int((window + 1) * outputs)


def _product(sizes: Sequence[int]) -> int:
    count = 1
    for n in sizes:
        count *= n
    return count


def _one(slots: Slots, *names: str) -> Spec:
    for name in names:
        if slots.get(name):
            return slots[name][0]
    raise KeyError(names)


def _has(slots: Slots, name: str) -> bool:
    return bool(slots.get(name))


def _convolution(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    filters, out = _one(inputs, "Filter"), _one(outputs, "Output")
    return convolution(out.size, filters.shape[1], 1, _product(filters.shape[2:]), _has(inputs, "Bias"))  # shape[1] is per group


def _transposed(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    filters, x = _one(inputs, "Filter"), _one(inputs, "Input")  # each input number goes to a window of each filter of its group
    return convolution(x.size, filters.shape[1], 1, _product(filters.shape[2:]), _has(inputs, "Bias"))


def _matmul(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    x, out = _one(inputs, "X"), _one(outputs, "Out")
    turned = attrs.get("trans_x") or attrs.get("transpose_X")
    return matrix_product(out.size, x.shape[-2] if turned and x.ndim > 1 else x.shape[-1])


def _mul(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    return matrix_product(_one(outputs, "Out").size, _product(_one(inputs, "X").shape[int(attrs.get("x_num_col_dims", 1)) :]))


def _norm(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    return normalisation(_one(inputs, "X").size)


def _pool(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    x, out = _one(inputs, "X"), _one(outputs, "Out")
    if attrs.get("adaptive") or attrs.get("global_pooling"):
        return pooling(out.size, max(x.size // max(out.size, 1), 1))
    return pooling(out.size, _product(attrs.get("ksize", [1])))


def _per_output(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    return max(s.size for specs in outputs.values() for s in specs)


def _per_input(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    return max(s.size for specs in inputs.values() for s in specs)


# steps on each unit of a state besides the matrix products: activations, gates and the new state
_CELL_STEPS = {"LSTM": 8, "GRU": 6}


def _rnn(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    steps, batch = _one(inputs, "Input").shape[:2]  # the time comes first
    cells = int(attrs.get("num_layers", 1)) * (2 if attrs.get("is_bidirec") else 1)
    units = cells * int(attrs["hidden_size"]) * _CELL_STEPS.get(str(attrs.get("mode")), 1)
    return int(steps * batch) * (sum(s.size for s in inputs["WeightList"]) + units)  # each weight once a step, each bias added once


def _sequence_rnn(gates: int, steps_on_a_unit: int) -> Rule:
    def rule(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
        weight = _one(inputs, "Weight")  # [units, gates * units]; the product with the input is another operator
        products = weight.size + sum(s.size for s in inputs.get("ProjWeight", ()))
        return int(_one(inputs, "Input").shape[0] * (products + steps_on_a_unit * weight.shape[-1] // gates))

    return rule


def _times(count: int) -> Rule:
    return lambda inputs, outputs, attrs: count * _per_output(inputs, outputs, attrs)


def _nothing(inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    return 0


# Operators that only move or make numbers.
_FREE = (
    "reshape", "reshape2", "transpose", "transpose2", "flatten", "flatten2", "flatten_contiguous_range",
    "squeeze", "squeeze2", "unsqueeze", "unsqueeze2", "concat", "split", "slice", "strided_slice", "stack",
    "unstack", "unbind", "gather", "gather_nd", "lookup_table", "lookup_table_v2", "assign", "assign_value",
    "cast", "shape", "size", "fill_constant", "fill_constant_batch_size_like", "fill_any_like",
    "fill_zeros_like", "expand_v2", "expand_as_v2", "tile", "pad", "pad2d", "pad3d", "roll", "flip", "scatter",
    "index_select", "range", "one_hot_v2", "feed", "fetch", "set_value", "share_data", "select_input",
    "select_output", "write_to_array", "read_from_array", "tril_triu", "where", "uniform_random",
    "gaussian_random", "randint", "nearest_interp", "nearest_interp_v2", "pixel_shuffle", "shuffle_channel",
    "meshgrid", "while", "conditional_block", "conditional_block_infer",  # what stands in their blocks is counted
)  # fmt: skip
_ONE_PER_INPUT = (
    "sum", "mean", "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_all",
    "reduce_any", "squared_l2_norm", "p_norm", "frobenius_norm", "cumsum", "arg_max", "arg_min", "top_k",
    "top_k_v2",
)  # fmt: skip

# operator type -> rule. What is not named costs one operation for each number of its largest result.
COSTS: dict[str, Rule] = {
    **dict.fromkeys(("conv2d", "conv3d", "depthwise_conv2d"), _convolution),
    **dict.fromkeys(("conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose"), _transposed),
    **dict.fromkeys(("matmul", "matmul_v2", "bmm", "mv", "linear"), _matmul),
    "mul": _mul,
    **dict.fromkeys(("batch_norm", "layer_norm", "instance_norm", "group_norm", "sync_batch_norm"), _norm),
    **dict.fromkeys(("pool2d", "pool3d", "max_pool2d_with_index", "max_pool3d_with_index"), _pool),
    "rnn": _rnn,
    **dict.fromkeys(("lstm", "lstmp"), _sequence_rnn(4, 8)),
    **dict.fromkeys(("gru", "gru_unit"), _sequence_rnn(3, 6)),
    "lstm_unit": _times(8),
    **dict.fromkeys(("softmax", "log_softmax"), _times(3)),  # an exponential, a sum, a division
    **dict.fromkeys(("bilinear_interp", "bilinear_interp_v2"), _times(4)),
    **dict.fromkeys(_FREE, _nothing),
    **dict.fromkeys(_ONE_PER_INPUT, _per_input),
}


def operations_of(type: str, inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int | None:
    """Operations of one run of an operator; None where that cannot be said (unknown sizes, loops, foreign operators).

    A gradient operator costs what its forward operator costs, once for each gradient it computes.
    """
    definition = OPS.get(type)
    if definition is None or any(n < 0 for specs in (*inputs.values(), *outputs.values()) for s in specs for n in s.shape):
        return None
    full = {**definition.defaults, **attrs}
    try:
        if definition.gradient_of is not None:
            return _of_gradient(definition.gradient_of.type, inputs, outputs, full)
        if not outputs:
            return 0
        return int(COSTS.get(type, _per_output)(inputs, outputs, full))
    except (KeyError, IndexError, ValueError):
        return None


def _of_gradient(type: str, inputs: Slots, outputs: Slots, attrs: Mapping[str, Any]) -> int:
    results = {slot[:-5]: specs for slot, specs in inputs.items() if slot.endswith("@GRAD")}
    given = {slot: specs for slot, specs in inputs.items() if not slot.endswith("@GRAD")}
    made = {slot[:-5]: specs for slot, specs in outputs.items()}
    rule = COSTS.get(type, _per_output)
    if type == "linear" and "Bias" in made:  # the sum of the rows, no product
        others = {slot: specs for slot, specs in outputs.items() if slot != "Bias@GRAD"}
        return sum(s.size for s in results["Out"]) + _of_gradient(type, inputs, others, attrs)
    return sum(len(specs) for specs in made.values()) * int(rule({**made, **given}, results, attrs))

"""Recurrent layers over ragged sequences, and their single steps."""
from __future__ import annotations

from typing import Any

from ..helper import Helper
from .nn import fc
from .tensor import concat

__all__ = ["beam_search", "beam_search_decode", "dynamic_gru", "dynamic_lstm", "dynamic_lstmp", "gru_unit", "lstm_unit"]

_NUMBERS = {"identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3}


def dynamic_lstm(
    input: Any,
    size: int,
    h_0: Any = None,
    c_0: Any = None,
    param_attr: Any = None,
    bias_attr: Any = None,
    use_peepholes: bool = True,
    is_reverse: bool = False,
    gate_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    candidate_activation: str = "tanh",
    dtype: Any = "float32",
    name: str | None = None,
) -> tuple[Any, Any]:
    """LSTM over each sequence. input: [n, size], size = 4 * hidden: what a `fc` made of the values. Returns hidden and cell."""
    if bias_attr is False:
        raise ValueError("dynamic_lstm: bias_attr must not be False")
    helper = Helper("lstm", name)
    d = size // 4
    weight = helper.parameter(param_attr, [d, 4 * d], dtype)
    bias = helper.parameter(bias_attr, [1, (7 if use_peepholes else 4) * d], dtype, is_bias=True)
    return helper(
        "lstm", input, h_0, c_0, weight, bias, use_peepholes=use_peepholes, is_reverse=is_reverse, gate_activation=gate_activation,
        cell_activation=cell_activation, candidate_activation=candidate_activation,
    )  # fmt: skip


def dynamic_lstmp(
    input: Any,
    size: int,
    proj_size: int,
    param_attr: Any = None,
    bias_attr: Any = None,
    use_peepholes: bool = True,
    is_reverse: bool = False,
    gate_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    candidate_activation: str = "tanh",
    proj_activation: str = "tanh",
    dtype: Any = "float32",
    name: str | None = None,
    h_0: Any = None,
    c_0: Any = None,
    cell_clip: float | None = None,
    proj_clip: float | None = None,
) -> tuple[Any, Any]:
    """LSTM whose output is projected to `proj_size` numbers. Returns projection and cell."""
    if bias_attr is False:
        raise ValueError("dynamic_lstmp: bias_attr must not be False")
    helper = Helper("lstmp", name)
    d = size // 4
    weight = helper.parameter(param_attr, [proj_size, 4 * d], dtype)
    proj = helper.parameter(param_attr, [d, proj_size], dtype)
    bias = helper.parameter(bias_attr, [1, (7 if use_peepholes else 4) * d], dtype, is_bias=True)
    return helper(
        "lstmp", input, h_0, c_0, weight, proj, bias, use_peepholes=use_peepholes, is_reverse=is_reverse,
        cell_clip=float(cell_clip or 0), proj_clip=float(proj_clip or 0), gate_activation=gate_activation,
        cell_activation=cell_activation, candidate_activation=candidate_activation, proj_activation=proj_activation,
    )  # fmt: skip


def dynamic_gru(
    input: Any,
    size: int,
    param_attr: Any = None,
    bias_attr: Any = None,
    is_reverse: bool = False,
    gate_activation: str = "sigmoid",
    candidate_activation: str = "tanh",
    h_0: Any = None,
    origin_mode: bool = False,
) -> Any:
    """GRU over each sequence. input: [n, 3 * size], what a `fc` made of the values. Returns hidden, [n, size]."""
    helper = Helper("gru")
    weight = helper.parameter(param_attr, [size, 3 * size], input.dtype)
    bias = helper.parameter(bias_attr, [1, 3 * size], input.dtype, is_bias=True)
    return helper(
        "gru", input, h_0, weight, bias, is_reverse=is_reverse, gate_activation=gate_activation, activation=candidate_activation,
        origin_mode=origin_mode,
    )  # fmt: skip


def gru_unit(
    input: Any,
    hidden: Any,
    size: int,
    param_attr: Any = None,
    bias_attr: Any = None,
    activation: str = "tanh",
    gate_activation: str = "sigmoid",
    origin_mode: bool = False,
) -> tuple[Any, Any, Any]:
    """One step of a GRU; size = 3 * hidden size. Returns the new hidden state, r * hidden, and the gates."""
    helper = Helper("gru_unit")
    d = size // 3
    weight = helper.parameter(param_attr, [d, 3 * d], input.dtype)
    bias = helper.parameter(bias_attr, [1, 3 * d], input.dtype, is_bias=True)
    for value in (activation, gate_activation):
        if value not in _NUMBERS:
            raise ValueError(f"gru_unit: the activation must be one of {', '.join(_NUMBERS)}, got {value!r}")
    gate, reset, new = helper(
        "gru_unit", input, hidden, weight, bias, activation=_NUMBERS[activation], gate_activation=_NUMBERS[gate_activation],
        origin_mode=origin_mode,
    )  # fmt: skip
    return new, reset, gate


def lstm_unit(
    x_t: Any,
    hidden_t_prev: Any,
    cell_t_prev: Any,
    forget_bias: float = 0.0,
    param_attr: Any = None,
    bias_attr: Any = None,
    name: str | None = None,
) -> tuple[Any, Any]:
    """One step of an LSTM on values [rows, width] and the old hidden and cell states. Returns the new ones."""
    helper = Helper("lstm_unit", name)
    joined = concat([x_t, hidden_t_prev], axis=1)
    gates = fc(joined, 4 * int(cell_t_prev.shape[1]), param_attr=param_attr, bias_attr=bias_attr)
    cell, hidden = helper("lstm_unit", gates, cell_t_prev, forget_bias=forget_bias)
    return hidden, cell


def beam_search(
    pre_ids: Any, pre_scores: Any, ids: Any, scores: Any, beam_size: int, end_id: int, level: int = 0, is_accumulated: bool = True,
    name: str | None = None, return_parent_idx: bool = False,
) -> Any:  # fmt: skip
    """One step of a beam search: the `beam_size` best continuations for each source sentence.

    pre_ids, pre_scores: [rows, 1], with two levels of lod. ids: candidates of each row, None for all of them; scores: theirs, sums of
    logarithms, or with is_accumulated=False probabilities of this step. A row that has reached `end_id` goes on unchanged; a
    source all of whose rows have is left out. Returns ids and scores, and with return_parent_idx the rows they come from.
    """
    helper = Helper("beam_search", name)
    found, total, parents = helper(
        "beam_search", pre_ids, pre_scores, ids, scores, level=level, beam_size=beam_size, end_id=end_id, is_accumulated=is_accumulated
    )
    found.lod_level = total.lod_level = 2
    return (found, total, parents) if return_parent_idx else (found, total)


def beam_search_decode(ids: Any, scores: Any, beam_size: int, end_id: int, name: str | None = None) -> tuple[Any, Any]:
    """Whole sentences out of arrays with the results of each `beam_search` step: words and scores with two levels of lod."""
    words, values = Helper("beam_search_decode", name)("beam_search_decode", ids, scores, beam_size=beam_size, end_id=end_id)
    words.lod_level = values.lod_level = 2
    return words, values

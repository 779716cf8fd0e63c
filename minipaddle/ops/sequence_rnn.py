"""Recurrent operators of Paddle 1.x: gru and lstm over ragged sequences, and their single steps.

Formulas are those of Paddle 1.8.5. Input holds x * W_x already (a `mul` before it). A sequence begins with H0 (zeros if there is
none); is_reverse walks it from its end, results stay at their rows. The outputs named Batch... are in the order of the walk
(`ragged.Batches`), as Paddle keeps them for the gradient.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ragged import Batches, last_level
from .registry import Spec, op

__all__: list[str] = []


# name -> the function, and its derivative from the function's value
_ACTIVATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "sigmoid": (lambda xp, x: 1 / (1 + xp.exp(-x)), lambda xp, y: y * (1 - y)),
    "tanh": (lambda xp, x: xp.tanh(x), lambda xp, y: 1 - y * y),
    "relu": (lambda xp, x: xp.maximum(x, x.dtype.type(0)), lambda xp, y: (y > 0).astype(y.dtype)),
    "identity": (lambda xp, x: x, lambda xp, y: xp.ones_like(y)),
}
_BY_NUMBER = ("identity", "sigmoid", "tanh", "relu")  # as gru_unit's attributes count


def _activation(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    if name not in _ACTIVATIONS:
        raise ValueError(f"the activation must be one of {', '.join(_ACTIVATIONS)}, got {name!r}")
    return _ACTIVATIONS[name]


def _times(n: int, d: int) -> int:
    return -1 if d == -1 else n * d


def _first(xp: Any, start: Any, walk: Batches, width: int, dtype: Any) -> Any:
    """The state before the first time, sequences in the order of the walk."""
    count = len(walk.order)
    if start is None:
        return xp.zeros((count, width), dtype)
    if tuple(start.shape) != (count, width):
        raise ValueError(f"the first state must have shape {[count, width]}, one row per sequence, got {list(start.shape)}")
    return start.take(xp.asarray(walk.order), axis=0)


def _unsorted(xp: Any, d: Any, walk: Batches) -> Any:
    """A gradient of first states, back in the order of the sequences."""
    return d.take(xp.asarray(walk.order.argsort()), axis=0)


def _grown(xp: Any, d: Any, count: int) -> Any:
    """Zeros for sequences that are over already."""
    missing = count - d.shape[0]
    return d if not missing else xp.concatenate([d, xp.zeros((missing, d.shape[1]), d.dtype)])


def _stacked(xp: Any, parts: list[Any], width: int, dtype: Any) -> Any:
    return xp.concatenate(parts) if parts else xp.zeros((0, width), dtype)


# --- gru


def _gru_parts(weight: Any, width: int) -> tuple[Any, Any]:
    """The matrices of the gates [D, 2D] and of the candidate [D, D]: they lie one behind the other in memory."""
    flat = weight.reshape(-1)
    return flat[: 2 * width * width].reshape(width, 2 * width), flat[2 * width * width :].reshape(width, width)


def _gru_step(xp: Any, x: Any, h: Any, gates: Any, candidate: Any, act: Any, gate_act: Any, origin: bool) -> tuple[Any, ...]:
    """One time: x [B, 3D] with bias, h [B, D]. Returns the gates u, r, c as [B, 3D], r * h, and the new h."""
    d = h.shape[1]
    ur = gate_act(xp, x[:, : 2 * d] + h @ gates)
    u, r = ur[:, :d], ur[:, d:]
    reset = r * h
    c = act(xp, x[:, 2 * d :] + reset @ candidate)
    new = u * h + (1 - u) * c if origin else (1 - u) * h + u * c
    return xp.concatenate([ur, c], axis=1), reset, new


def _gru_step_back(
    xp: Any, d_new: Any, gate: Any, h: Any, reset: Any, gates: Any, candidate: Any, act: Any, gate_act: Any, origin: bool,
    d_gate: Any = None, d_more: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Gradients of x, h and of the two matrices. d_gate, d_more: gradients of the gates and of r * h, if they were used too."""
    d = h.shape[1]
    u, r, c = gate[:, :d], gate[:, d : 2 * d], gate[:, 2 * d :]
    if origin:
        d_u, d_c, d_h = d_new * (h - c), d_new * (1 - u), d_new * u
    else:
        d_u, d_c, d_h = d_new * (c - h), d_new * u, d_new * (1 - u)
    d_r = None
    if d_gate is not None:
        d_u, d_r, d_c = d_u + d_gate[:, :d], d_gate[:, d : 2 * d], d_c + d_gate[:, 2 * d :]
    d_c = d_c * act(xp, c)
    d_reset = d_c @ candidate.swapaxes(0, 1)
    if d_more is not None:
        d_reset = d_reset + d_more
    d_r = d_reset * h if d_r is None else d_r + d_reset * h
    d_ur = xp.concatenate([d_u, d_r], axis=1) * gate_act(xp, gate[:, : 2 * d])
    d_h = d_h + d_reset * r + d_ur @ gates.swapaxes(0, 1)
    return xp.concatenate([d_ur, d_c], axis=1), d_h, h.swapaxes(0, 1) @ d_ur, reset.swapaxes(0, 1) @ d_c


def _infer_gru(x: Spec, h0: Spec | None, weight: Spec, bias: Spec | None = None, **_: Any) -> tuple[Spec, ...]:
    d = weight.shape[0]
    if x.ndim != 2 or weight.ndim != 2 or (-1 not in (d, weight.shape[1]) and weight.shape[1] != 3 * d):
        raise ValueError(f"Input must be a matrix and Weight [D, 3 D], got shapes {list(x.shape)} and {list(weight.shape)}")
    if -1 not in (d, x.shape[1]) and x.shape[1] != 3 * d:
        raise ValueError(f"Input must have 3 * {d} = {3 * d} columns, got {x.shape[1]}")
    if d != -1 and bias is not None and -1 not in bias.shape and tuple(bias.shape) != (1, 3 * d):
        raise ValueError(f"Bias must have shape [1, {3 * d}], got {list(bias.shape)}")
    wide, narrow = Spec((x.shape[0], _times(3, d)), x.dtype), Spec((x.shape[0], d), x.dtype)
    return wide, narrow, narrow, narrow


@op("gru", "Input, H0?, Weight, Bias? -> BatchGate~, BatchResetHiddenPrev~, BatchHidden~, Hidden", infer=_infer_gru,
    grad="Input#, H0, Weight, Bias#, BatchGate, BatchResetHiddenPrev, BatchHidden, Hidden#, Hidden@GRAD"
         " -> Input@GRAD, H0@GRAD, Weight@GRAD, Bias@GRAD", lod="Input -> Hidden=Input")  # fmt: skip
def gru(xp, x, h0, weight, bias=None, *, activation: str = "tanh", gate_activation: str = "sigmoid",
        is_reverse: bool = False, origin_mode: bool = False, lod=None):  # fmt: skip
    _infer_gru(x, h0, weight, bias)
    d = weight.shape[0]
    walk = Batches(last_level(lod, x.shape[0], "Input"), is_reverse)
    act, gate_act = _activation(activation)[0], _activation(gate_activation)[0]
    gates, candidate = _gru_parts(weight, d)
    rows = x.take(xp.asarray(walk.rows), axis=0)
    if bias is not None:
        rows = rows + bias
    h = _first(xp, h0, walk, d, x.dtype)
    found: list[tuple[Any, ...]] = []
    for a, b in walk.spans:
        found.append(_gru_step(xp, rows[a:b], h[: b - a], gates, candidate, act, gate_act, origin_mode))
        h = found[-1][2]
    gate, reset, hidden = (_stacked(xp, [f[i] for f in found], w, x.dtype) for i, w in ((0, 3 * d), (1, d), (2, d)))
    return gate, reset, hidden, hidden.take(xp.asarray(walk.back), axis=0)


@gru.backward
def _(xp, x, h0, weight, bias, gate, reset, batch_hidden, hidden, d_hidden, *, activation: str = "tanh",
      gate_activation: str = "sigmoid", is_reverse: bool = False, origin_mode: bool = False, lod=None):  # fmt: skip
    d = weight.shape[0]
    walk = Batches(last_level(lod, x.shape[0], "Input"), is_reverse)
    act, gate_act = _activation(activation)[1], _activation(gate_activation)[1]
    gates, candidate = _gru_parts(weight, d)
    d_rows = d_hidden.take(xp.asarray(walk.rows), axis=0)
    start = _first(xp, h0, walk, d, d_hidden.dtype)
    d_gates, d_candidate = xp.zeros((d, 2 * d), d_hidden.dtype), xp.zeros((d, d), d_hidden.dtype)
    d_h = xp.zeros((0, d), d_hidden.dtype)
    parts: list[Any] = []
    for t in range(len(walk.spans) - 1, -1, -1):
        a, b = walk.spans[t]
        before = start[: b - a] if t == 0 else batch_hidden[walk.spans[t - 1][0] : walk.spans[t - 1][0] + b - a]
        d_new = d_rows[a:b] + _grown(xp, d_h, b - a)
        d_x, d_h, d_g, d_c = _gru_step_back(
            xp, d_new, gate[a:b], before, reset[a:b], gates, candidate, act, gate_act, origin_mode
        )
        d_gates, d_candidate = d_gates + d_g, d_candidate + d_c
        parts.append(d_x)
    d_x = _stacked(xp, parts[::-1], 3 * d, d_hidden.dtype).take(xp.asarray(walk.back), axis=0)
    d_weight = xp.concatenate([d_gates.reshape(-1), d_candidate.reshape(-1)]).reshape(tuple(weight.shape))
    d_start = None if h0 is None else _unsorted(xp, _grown(xp, d_h, len(walk.order)), walk)
    return d_x, d_start, d_weight, None if bias is None else d_x.sum(axis=0, keepdims=True)


def _infer_gru_unit(x: Spec, h: Spec, weight: Spec, bias: Spec | None = None, **_: Any) -> tuple[Spec, ...]:
    gate, narrow = _infer_gru(x, None, weight, bias)[:2]
    if h.ndim != 2 or (-1 not in (h.shape[1], weight.shape[0]) and h.shape[1] != weight.shape[0]):
        raise ValueError(f"HiddenPrev must be [rows, {weight.shape[0]}], got {list(h.shape)}")
    return gate, narrow, narrow


def _by_number(number: int) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    if not 0 <= number < len(_BY_NUMBER):
        raise ValueError(f"the activation must be 0 to {len(_BY_NUMBER) - 1} ({', '.join(_BY_NUMBER)}), got {number}")
    return _ACTIVATIONS[_BY_NUMBER[number]]


@op("gru_unit", "Input, HiddenPrev, Weight, Bias? -> Gate, ResetHiddenPrev, Hidden", infer=_infer_gru_unit,
    grad="Input#, HiddenPrev, Weight, Bias#, Gate, ResetHiddenPrev, Hidden@GRAD, Gate@GRAD?, ResetHiddenPrev@GRAD?"
         " -> Input@GRAD, HiddenPrev@GRAD, Weight@GRAD, Bias@GRAD", lod="-> Hidden=Input")  # fmt: skip
def gru_unit(xp, x, h, weight, bias=None, *, activation: int = 2, gate_activation: int = 1, origin_mode: bool = False):
    _infer_gru_unit(x, h, weight, bias)
    rows = x if bias is None else x + bias
    act, gate_act = _by_number(activation)[0], _by_number(gate_activation)[0]
    return _gru_step(xp, rows, h, *_gru_parts(weight, weight.shape[0]), act, gate_act, origin_mode)


@gru_unit.backward
def _(xp, x, h, weight, bias, gate, reset, d_hidden, d_gate, d_more, *, activation: int = 2, gate_activation: int = 1,
      origin_mode: bool = False):  # fmt: skip
    gates, candidate = _gru_parts(weight, weight.shape[0])
    act, gate_act = _by_number(activation)[1], _by_number(gate_activation)[1]
    d_x, d_h, d_g, d_c = _gru_step_back(
        xp, d_hidden, gate, h, reset, gates, candidate, act, gate_act, origin_mode, d_gate, d_more
    )
    d_weight = xp.concatenate([d_g.reshape(-1), d_c.reshape(-1)]).reshape(tuple(weight.shape))
    return d_x, d_h, d_weight, None if bias is None else d_x.sum(axis=0, keepdims=True)


# --- lstm. Columns: candidate, input, forget, output; peepholes: input, forget, output


def _infer_lstm(x: Spec, h0: Spec | None, c0: Spec | None, weight: Spec, bias: Spec, *, use_peepholes: bool = True,
                **_: Any) -> tuple[Spec, ...]:  # fmt: skip
    d = weight.shape[0]
    if x.ndim != 2 or weight.ndim != 2 or (-1 not in (d, weight.shape[1]) and weight.shape[1] != 4 * d):
        raise ValueError(f"Input must be a matrix and Weight [D, 4 D], got shapes {list(x.shape)} and {list(weight.shape)}")
    _check_lstm(x, h0, c0, d, bias, use_peepholes)
    narrow = Spec((x.shape[0], d), x.dtype)
    return narrow, narrow, Spec((x.shape[0], _times(4, d)), x.dtype), narrow


def _check_lstm(x: Any, h0: Any, c0: Any, d: int, bias: Any, use_peepholes: bool) -> None:
    if -1 not in (d, x.shape[1]) and x.shape[1] != 4 * d:
        raise ValueError(f"Input must have 4 * {d} = {4 * d} columns, got {x.shape[1]}")
    wanted = (1, (7 if use_peepholes else 4) * d)
    if d != -1 and -1 not in bias.shape and tuple(bias.shape) != wanted:
        raise ValueError(f"Bias must have shape {list(wanted)} with use_peepholes={use_peepholes}, got {list(bias.shape)}")
    if (h0 is None) != (c0 is None):
        raise ValueError("H0 and C0 must be given together")


class _Cell:
    """The step of lstm and lstmp: what becomes of the gates and of the old cell."""

    def __init__(self, xp: Any, bias: Any, d: int, peepholes: bool, gate: str, cell: str, candidate: str) -> None:
        self.xp, self.d = xp, d
        self.gate, self.cell, self.candidate = _activation(gate), _activation(cell), _activation(candidate)
        self.peep = [bias[:, (4 + i) * d : (5 + i) * d] for i in range(3)] if peepholes else None

    def forward(self, x: Any, c: Any, clip: float = 0.0) -> tuple[Any, ...]:
        """x [B, 4D] with bias and recurrent part. Returns the gates after activation, act(cell), the cell and the output."""
        xp, d = self.xp, self.d
        raw = [x[:, i * d : (i + 1) * d] for i in range(4)]
        if self.peep is not None:
            raw[1], raw[2] = raw[1] + c * self.peep[0], raw[2] + c * self.peep[1]
        g = self.candidate[0](xp, raw[0])
        i, f = self.gate[0](xp, raw[1]), self.gate[0](xp, raw[2])
        new = g * i + c * f
        if clip > 0:
            new = xp.clip(new, new.dtype.type(-clip), new.dtype.type(clip))
        o = self.gate[0](xp, raw[3] if self.peep is None else raw[3] + new * self.peep[2])
        shown = self.cell[0](xp, new)
        return xp.concatenate([g, i, f, o], axis=1), shown, new, o * shown

    def backward(
        self, d_h: Any, d_c: Any, gates: Any, shown: Any, new: Any, c: Any, clip: float = 0.0
    ) -> tuple[Any, Any, Any]:
        """Gradients of x, of the old cell, and of the three peephole vectors (None without)."""
        xp, d = self.xp, self.d
        g, i, f, o = (gates[:, k * d : (k + 1) * d] for k in range(4))
        d_o = d_h * shown * self.gate[1](xp, o)
        d_new = d_c + d_h * o * self.cell[1](xp, shown)
        if self.peep is not None:
            d_new = d_new + d_o * self.peep[2]
        if clip > 0:  # where the cell was cut nothing flows through it
            d_new = d_new * (abs(new) < clip).astype(d_new.dtype)
        d_g = d_new * i * self.candidate[1](xp, g)
        d_i, d_f = d_new * g * self.gate[1](xp, i), d_new * c * self.gate[1](xp, f)
        d_old = d_new * f
        peep = None
        if self.peep is not None:
            d_old = d_old + d_i * self.peep[0] + d_f * self.peep[1]
            peep = xp.concatenate([(a * b).sum(axis=0, keepdims=True) for a, b in ((d_i, c), (d_f, c), (d_o, new))], axis=1)
        return xp.concatenate([d_g, d_i, d_f, d_o], axis=1), d_old, peep


def _before(values: Any, start: Any, walk: Batches, t: int) -> Any:
    """The state that time t found: values [rows of the walk, D] of all times, `start` before the first."""
    a, b = walk.spans[t]
    return start[: b - a] if t == 0 else values[walk.spans[t - 1][0] : walk.spans[t - 1][0] + b - a]


def _bias_gradient(xp: Any, d_x: Any, peeps: list[Any]) -> Any:
    d_bias = d_x.sum(axis=0, keepdims=True)
    return xp.concatenate([d_bias, sum(peeps[1:], peeps[0])], axis=1) if peeps else d_bias


@op("lstm", "Input, H0?, C0?, Weight, Bias -> Hidden, Cell, BatchGate~, BatchCellPreAct~", infer=_infer_lstm,
    grad="Input#, H0, C0, Weight, Bias, Hidden, Cell, BatchGate, BatchCellPreAct, Hidden@GRAD, Cell@GRAD?"
         " -> Input@GRAD, H0@GRAD, C0@GRAD, Weight@GRAD, Bias@GRAD", lod="Input -> Hidden=Input, Cell=Input")  # fmt: skip
def lstm(xp, x, h0, c0, weight, bias, *, use_peepholes: bool = True, is_reverse: bool = False,
         gate_activation: str = "sigmoid", cell_activation: str = "tanh", candidate_activation: str = "tanh", lod=None):  # fmt: skip
    _infer_lstm(x, h0, c0, weight, bias, use_peepholes=use_peepholes)
    d = weight.shape[0]
    walk = Batches(last_level(lod, x.shape[0], "Input"), is_reverse)
    cell = _Cell(xp, bias, d, use_peepholes, gate_activation, cell_activation, candidate_activation)
    rows = x.take(xp.asarray(walk.rows), axis=0) + bias[:, : 4 * d]
    h, c = _first(xp, h0, walk, d, x.dtype), _first(xp, c0, walk, d, x.dtype)
    found: list[tuple[Any, ...]] = []
    for a, b in walk.spans:
        found.append(cell.forward(rows[a:b] + h[: b - a] @ weight, c[: b - a]))
        c, h = found[-1][2:]
    gates, shown, cells, hidden = (
        _stacked(xp, [f[i] for f in found], 4 * d if i == 0 else d, x.dtype) for i in range(4)
    )  # fmt: skip
    back = xp.asarray(walk.back)
    return hidden.take(back, axis=0), cells.take(back, axis=0), gates, shown


@lstm.backward
def _(xp, x, h0, c0, weight, bias, hidden, cells, gates, shown, d_hidden, d_cells, *, use_peepholes: bool = True,
      is_reverse: bool = False, gate_activation: str = "sigmoid", cell_activation: str = "tanh",
      candidate_activation: str = "tanh", lod=None):  # fmt: skip
    d = weight.shape[0]
    walk = Batches(last_level(lod, x.shape[0], "Input"), is_reverse)
    cell = _Cell(xp, bias, d, use_peepholes, gate_activation, cell_activation, candidate_activation)
    order = xp.asarray(walk.rows)
    h_rows, c_rows, d_rows = hidden.take(order, axis=0), cells.take(order, axis=0), d_hidden.take(order, axis=0)
    dc_rows = None if d_cells is None else d_cells.take(order, axis=0)
    h_start, c_start = (_first(xp, s, walk, d, d_hidden.dtype) for s in (h0, c0))
    d_h = d_c = xp.zeros((0, d), d_hidden.dtype)
    d_weight = xp.zeros(tuple(weight.shape), d_hidden.dtype)
    parts: list[Any] = []
    peeps: list[Any] = []
    for t in range(len(walk.spans) - 1, -1, -1):
        a, b = walk.spans[t]
        d_c = _grown(xp, d_c, b - a)
        if dc_rows is not None:
            d_c = d_c + dc_rows[a:b]
        old_h, old_c = _before(h_rows, h_start, walk, t), _before(c_rows, c_start, walk, t)
        d_x, d_c, peep = cell.backward(
            d_rows[a:b] + _grown(xp, d_h, b - a), d_c, gates[a:b], shown[a:b], c_rows[a:b], old_c
        )
        d_h = d_x @ weight.swapaxes(0, 1)
        d_weight = d_weight + old_h.swapaxes(0, 1) @ d_x
        parts.append(d_x)
        if peep is not None:
            peeps.append(peep)
    d_x = _stacked(xp, parts[::-1], 4 * d, d_hidden.dtype).take(xp.asarray(walk.back), axis=0)
    d_bias = _bias_gradient(xp, d_x, peeps) if peeps or not use_peepholes else xp.zeros(tuple(bias.shape), d_hidden.dtype)
    count = len(walk.order)
    starts = [None if s is None else _unsorted(xp, _grown(xp, g, count), walk) for s, g in ((h0, d_h), (c0, d_c))]
    return d_x, starts[0], starts[1], d_weight, d_bias


def _infer_lstm_unit(x: Spec, c: Spec, **_: Any) -> tuple[Spec, Spec]:
    if x.ndim != 2 or c.ndim != 2 or (-1 not in (x.shape[1], c.shape[1]) and x.shape[1] != 4 * c.shape[1]):
        raise ValueError(f"X must be [rows, 4 D] for C_prev [rows, D], got {list(x.shape)} and {list(c.shape)}")
    return c, c


@op("lstm_unit", "X, C_prev -> C, H", infer=_infer_lstm_unit,
    grad="X, C_prev, C, C@GRAD, H@GRAD -> X@GRAD, C_prev@GRAD", lod="-> C=X, H=X")  # fmt: skip
def lstm_unit(xp, x, c_prev, *, forget_bias: float = 0.0):
    # columns: input, forget, output, candidate
    _infer_lstm_unit(x, c_prev)
    d = c_prev.shape[1]
    sigmoid = _ACTIVATIONS["sigmoid"][0]
    i, f = sigmoid(xp, x[:, :d]), sigmoid(xp, x[:, d : 2 * d] + x.dtype.type(forget_bias))
    c = f * c_prev + i * xp.tanh(x[:, 3 * d :])
    return c, sigmoid(xp, x[:, 2 * d : 3 * d]) * xp.tanh(c)


@lstm_unit.backward
def _(xp, x, c_prev, c, d_c, d_h, *, forget_bias: float = 0.0):
    d = c_prev.shape[1]
    sigmoid = _ACTIVATIONS["sigmoid"][0]
    i, f = sigmoid(xp, x[:, :d]), sigmoid(xp, x[:, d : 2 * d] + x.dtype.type(forget_bias))
    o, g, shown = sigmoid(xp, x[:, 2 * d : 3 * d]), xp.tanh(x[:, 3 * d :]), xp.tanh(c)
    d_new = d_c + d_h * o * (1 - shown * shown)
    d_x = xp.concatenate(
        [d_new * g * i * (1 - i), d_new * c_prev * f * (1 - f), d_h * shown * o * (1 - o), d_new * i * (1 - g * g)], axis=1
    )
    return d_x, d_new * f


# --- lstmp: lstm with a projection of the output


def _infer_lstmp(x: Spec, h0: Spec | None, c0: Spec | None, weight: Spec, proj: Spec, bias: Spec, *, use_peepholes: bool = True,
                 **_: Any) -> tuple[Spec, ...]:  # fmt: skip
    d, p = proj.shape
    if any(-1 not in (a, b) and a != b for a, b in zip(weight.shape, (p, _times(4, d)), strict=True)):
        raise ValueError(f"Weight must be [P, 4 D] for ProjWeight [D, P] = {list(proj.shape)}, got {list(weight.shape)}")
    _check_lstm(x, h0, c0, d, bias, use_peepholes)
    n = x.shape[0]
    wide, narrow = Spec((n, _times(4, d)), x.dtype), Spec((n, d), x.dtype)
    return Spec((n, p), x.dtype), narrow, wide, narrow, narrow


@op("lstmp", "Input, H0?, C0?, Weight, ProjWeight, Bias -> Projection, Cell, BatchGate~, BatchCellPreAct~, BatchHidden~",
    infer=_infer_lstmp,
    grad="H0, C0, Weight, ProjWeight, Bias, Projection, Cell, BatchGate, BatchCellPreAct, BatchHidden, Projection@GRAD,"
         " Cell@GRAD? -> Input@GRAD, H0@GRAD, C0@GRAD, Weight@GRAD, ProjWeight@GRAD, Bias@GRAD",
    lod="Input -> Projection=Input, Cell=Input")  # fmt: skip
def lstmp(xp, x, h0, c0, weight, proj, bias, *, use_peepholes: bool = True, is_reverse: bool = False, cell_clip: float = 0.0,
          proj_clip: float = 0.0, gate_activation: str = "sigmoid", cell_activation: str = "tanh",
          candidate_activation: str = "tanh", proj_activation: str = "tanh", lod=None):  # fmt: skip
    _infer_lstmp(x, h0, c0, weight, proj, bias, use_peepholes=use_peepholes)
    d, p = proj.shape
    walk = Batches(last_level(lod, x.shape[0], "Input"), is_reverse)
    cell = _Cell(xp, bias, d, use_peepholes, gate_activation, cell_activation, candidate_activation)
    act = _activation(proj_activation)[0]
    rows = x.take(xp.asarray(walk.rows), axis=0) + bias[:, : 4 * d]
    r, c = _first(xp, h0, walk, p, x.dtype), _first(xp, c0, walk, d, x.dtype)
    found: list[tuple[Any, ...]] = []
    for a, b in walk.spans:
        step = cell.forward(rows[a:b] + r[: b - a] @ weight, c[: b - a], cell_clip)
        c = step[2]
        r = act(xp, step[3] @ proj)
        if proj_clip > 0:
            r = xp.clip(r, r.dtype.type(-proj_clip), r.dtype.type(proj_clip))
        found.append((*step, r))
    gates, shown, cells, hidden, projected = (
        _stacked(xp, [f[i] for f in found], w, x.dtype) for i, w in enumerate((4 * d, d, d, d, p))
    )  # fmt: skip
    back = xp.asarray(walk.back)
    return projected.take(back, axis=0), cells.take(back, axis=0), gates, shown, hidden


@lstmp.backward
def _(xp, h0, c0, weight, proj, bias, projected, cells, gates, shown, hidden, d_out, d_cells, *, use_peepholes: bool = True,
      is_reverse: bool = False, cell_clip: float = 0.0, proj_clip: float = 0.0, gate_activation: str = "sigmoid",
      cell_activation: str = "tanh", candidate_activation: str = "tanh", proj_activation: str = "tanh", lod=None):  # fmt: skip
    d, p = proj.shape
    walk = Batches(last_level(lod, d_out.shape[0], "Input"), is_reverse)
    cell = _Cell(xp, bias, d, use_peepholes, gate_activation, cell_activation, candidate_activation)
    act = _activation(proj_activation)[1]
    order = xp.asarray(walk.rows)
    r_rows, c_rows, d_rows = projected.take(order, axis=0), cells.take(order, axis=0), d_out.take(order, axis=0)
    dc_rows = None if d_cells is None else d_cells.take(order, axis=0)
    r_start, c_start = _first(xp, h0, walk, p, d_out.dtype), _first(xp, c0, walk, d, d_out.dtype)
    d_r, d_c = xp.zeros((0, p), d_out.dtype), xp.zeros((0, d), d_out.dtype)
    d_weight, d_proj = xp.zeros(tuple(weight.shape), d_out.dtype), xp.zeros((d, p), d_out.dtype)
    parts: list[Any] = []
    peeps: list[Any] = []
    for t in range(len(walk.spans) - 1, -1, -1):
        a, b = walk.spans[t]
        d_c = _grown(xp, d_c, b - a)
        if dc_rows is not None:
            d_c = d_c + dc_rows[a:b]
        old_r, old_c = _before(r_rows, r_start, walk, t), _before(c_rows, c_start, walk, t)
        d_r = d_rows[a:b] + _grown(xp, d_r, b - a)
        if proj_clip > 0:
            d_r = d_r * (abs(r_rows[a:b]) < proj_clip).astype(d_r.dtype)
        d_r = d_r * act(xp, r_rows[a:b])
        d_proj = d_proj + hidden[a:b].swapaxes(0, 1) @ d_r
        d_x, d_c, peep = cell.backward(
            d_r @ proj.swapaxes(0, 1), d_c, gates[a:b], shown[a:b], c_rows[a:b], old_c, cell_clip
        )
        d_r = d_x @ weight.swapaxes(0, 1)
        d_weight = d_weight + old_r.swapaxes(0, 1) @ d_x
        parts.append(d_x)
        if peep is not None:
            peeps.append(peep)
    d_x = _stacked(xp, parts[::-1], 4 * d, d_out.dtype).take(xp.asarray(walk.back), axis=0)
    d_bias = _bias_gradient(xp, d_x, peeps) if peeps or not use_peepholes else xp.zeros(tuple(bias.shape), d_out.dtype)
    count = len(walk.order)
    starts = [None if s is None else _unsorted(xp, _grown(xp, g, count), walk) for s, g in ((h0, d_r), (c0, d_c))]
    return d_x, starts[0], starts[1], d_weight, d_proj, d_bias

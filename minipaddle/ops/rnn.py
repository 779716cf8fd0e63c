"""Recurrent networks: several layers, one or two directions, as one operator.

Weights are those of Paddle 2.6.2: gates i, f, g, o of an LSTM and r, z, c of a GRU stand one below the other; a GRU computes
h = z * h + (1 - z) * c. Beyond the length of a sequence outputs are 0 and states stay as they are; the reverse direction
starts at the last step of each sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import rng
from .activation import by_kernel, logistic
from .elementwise import const
from .registry import Spec, op
from .shapes import product

__all__: list[str] = []


@dataclass(frozen=True)
class _Cell:
    """gates: rows of a weight per hidden unit. extra: kept per step besides the gates (cells of an LSTM). states: h, or h and c."""

    gates: int
    extra: int
    states: int
    forward: Callable[..., Any]
    backward: Callable[..., Any]


# Steps. All arrays are [batch, ...]; `gates` and `extra` are written in place and read again by the backward step.


def _lstm_step(xp: Any, x: Any, hidden: Any, h: Any, c: Any, gates: Any, extra: Any) -> tuple[Any, Any]:
    n = h.shape[1]
    a = x + hidden
    gates[:, : 2 * n] = logistic(xp, a[:, : 2 * n])
    gates[:, 2 * n : 3 * n] = xp.tanh(a[:, 2 * n : 3 * n])
    gates[:, 3 * n :] = logistic(xp, a[:, 3 * n :])
    c = gates[:, n : 2 * n] * c + gates[:, :n] * gates[:, 2 * n : 3 * n]
    extra[:] = c
    return gates[:, 3 * n :] * xp.tanh(c), c


def _lstm_back(
    xp: Any, d_h: Any, d_c: Any, h: Any, c: Any, gates: Any, extra: Any, d_x: Any, d_hidden: Any
) -> tuple[Any, Any]:
    n, one = d_h.shape[1], const(d_h, 1)
    i, f, g, o = (gates[:, k * n : (k + 1) * n] for k in range(4))
    t = xp.tanh(extra)
    d_c = d_c + d_h * o * (one - t * t)
    d_x[:, :n] = d_c * g * i * (one - i)
    d_x[:, n : 2 * n] = d_c * c * f * (one - f)
    d_x[:, 2 * n : 3 * n] = d_c * i * (one - g * g)
    d_x[:, 3 * n :] = d_h * t * o * (one - o)
    d_hidden[:] = d_x
    return None, d_c * f


def _gru_step(xp: Any, x: Any, hidden: Any, h: Any, c: Any, gates: Any, extra: Any) -> tuple[Any, Any]:
    n = h.shape[1]
    gates[:, : 2 * n] = logistic(xp, x[:, : 2 * n] + hidden[:, : 2 * n])
    extra[:] = hidden[:, 2 * n :]
    gates[:, 2 * n :] = xp.tanh(x[:, 2 * n :] + gates[:, :n] * extra)
    candidate = gates[:, 2 * n :]
    return (h - candidate) * gates[:, n : 2 * n] + candidate, None


def _gru_back(
    xp: Any, d_h: Any, d_c: Any, h: Any, c: Any, gates: Any, extra: Any, d_x: Any, d_hidden: Any
) -> tuple[Any, Any]:
    n, one = d_h.shape[1], const(d_h, 1)
    r, z, candidate = (gates[:, k * n : (k + 1) * n] for k in range(3))
    inner = d_h * (one - z) * (one - candidate * candidate)
    d_x[:, :n] = inner * extra * r * (one - r)
    d_x[:, n : 2 * n] = d_h * (h - candidate) * z * (one - z)
    d_x[:, 2 * n :] = inner
    d_hidden[:, : 2 * n] = d_x[:, : 2 * n]
    d_hidden[:, 2 * n :] = inner * r
    return d_h * z, None


def _tanh_step(xp: Any, x: Any, hidden: Any, h: Any, c: Any, gates: Any, extra: Any) -> tuple[Any, Any]:
    gates[:] = xp.tanh(x + hidden)
    return gates, None


def _tanh_back(
    xp: Any, d_h: Any, d_c: Any, h: Any, c: Any, gates: Any, extra: Any, d_x: Any, d_hidden: Any
) -> tuple[Any, Any]:
    d_x[:] = d_h * (const(d_h, 1) - gates * gates)
    d_hidden[:] = d_x
    return None, None


def _relu_step(xp: Any, x: Any, hidden: Any, h: Any, c: Any, gates: Any, extra: Any) -> tuple[Any, Any]:
    gates[:] = xp.maximum(x + hidden, const(x, 0))
    return gates, None


def _relu_back(
    xp: Any, d_h: Any, d_c: Any, h: Any, c: Any, gates: Any, extra: Any, d_x: Any, d_hidden: Any
) -> tuple[Any, Any]:
    d_x[:] = d_h * (gates > 0)
    d_hidden[:] = d_x
    return None, None


_CELLS = {
    "LSTM": _Cell(4, 1, 2, _lstm_step, _lstm_back),
    "GRU": _Cell(3, 1, 1, _gru_step, _gru_back),
    "RNN_TANH": _Cell(1, 0, 1, _tanh_step, _tanh_back),
    "RNN_RELU": _Cell(1, 0, 1, _relu_step, _relu_back),
}


def _cell_of(mode: str) -> _Cell:
    if mode not in _CELLS:
        raise ValueError(f"mode = {mode!r}; expected one of {sorted(_CELLS)}")
    return _CELLS[mode]


def _check(
    x: Any, states: Any, weights: Any, cell: _Cell, rows: int, hidden_size: int, layers: int, directions: int
) -> None:
    if x.ndim != 3:
        raise ValueError(f"Input must be [time, batch, features], got {list(x.shape)}")
    if len(states) != cell.states:
        raise ValueError(f"PreState must hold {cell.states} tensors, got {len(states)}")
    for s in states:
        wanted = (rows, x.shape[1], hidden_size)
        if s.ndim != 3 or any(-1 not in (a, b) and a != b for a, b in zip(s.shape, wanted, strict=True)):
            raise ValueError(
                f"an initial state must be [layers * directions, batch, hidden] = {list(wanted)}, got {list(s.shape)}"
            )
    if len(weights) not in (2 * rows, 4 * rows):
        raise ValueError(
            f"WeightList must hold {2 * rows} weights, and as many biases or none, got {len(weights)} tensors"
        )
    for k in range(rows):
        width = x.shape[2] if k < directions else directions * hidden_size
        for w, columns in ((weights[2 * k], width), (weights[2 * k + 1], hidden_size)):
            wanted2 = (cell.gates * hidden_size, columns)
            if w.ndim != 2 or any(-1 not in (a, b) and a != b for a, b in zip(w.shape, wanted2, strict=True)):
                raise ValueError(
                    f"a weight of layer {k // directions} must be {list(wanted2)} for inputs of width {columns}, got {list(w.shape)}"
                )


def _kept_width(cell: _Cell, hidden_size: int) -> int:
    """Numbers kept per step and sample: gates, what a cell wants besides, and the state h."""
    return (cell.gates + cell.extra + 1) * hidden_size


def _infer_rnn(
    x: Spec,
    states: Any,
    weights: Any,
    lengths: Any = None,
    *,
    dropout_prob: float = 0.0,
    is_bidirec: bool = False,
    hidden_size: int = 100,
    num_layers: int = 1,
    mode: str = "RNN_TANH",
    is_test: bool = False,
    **_: Any,
) -> tuple[Any, ...]:
    cell, directions = _cell_of(mode), 2 if is_bidirec else 1
    rows = num_layers * directions
    _check(x, states, weights, cell, rows, hidden_size, num_layers, directions)
    steps, batch, _width = x.shape
    dropped = num_layers - 1 if dropout_prob > 0 and not is_test else 0
    return (
        Spec((steps, batch, directions * hidden_size), x.dtype),
        Spec((dropped, steps, batch, directions * hidden_size), np.dtype("uint8")),
        [Spec((rows, batch, hidden_size), x.dtype) for _ in range(cell.states)],
        Spec((product((rows, steps, batch, _kept_width(cell, hidden_size))),), x.dtype),
    )


class _Kept:
    """Views of what one direction of one layer keeps: gates, extra and the state after each step."""

    def __init__(self, reserve: Any, cell: _Cell, row: int, rows: int, steps: int, batch: int, n: int) -> None:
        size = steps * batch * n
        flat = reserve.reshape(rows, -1)[row]
        self.gates = flat[: cell.gates * size].reshape(steps, batch, cell.gates * n)
        self.extra = flat[cell.gates * size : (cell.gates + cell.extra) * size].reshape(steps, batch, cell.extra * n)
        self.h = flat[(cell.gates + cell.extra) * size :].reshape(steps, batch, n)


def _masks(xp: Any, lengths: Any, x: Any) -> Any:
    """[time, batch, 1]: 1 within a sequence, 0 beyond its end; None when all are complete."""
    if lengths is None:
        return None
    if lengths.size != x.shape[1]:
        raise ValueError(
            f"SequenceLength must hold {x.shape[1]} numbers, one per sequence, got shape {list(lengths.shape)}"
        )
    return (xp.arange(x.shape[0]).reshape(-1, 1, 1) < lengths.reshape(1, -1, 1)).astype(x.dtype)


def _order(steps: int, backwards: bool) -> Iterator[int]:
    return iter(range(steps - 1, -1, -1) if backwards else range(steps))


def _biases(weights: Any, rows: int, row: int) -> tuple[Any, Any]:
    return (None, None) if len(weights) == 2 * rows else (weights[2 * rows + 2 * row], weights[2 * rows + 2 * row + 1])


def _plus(a: Any, bias: Any) -> Any:
    return a if bias is None else a + bias


def _dropout(x: Any, mask: Any, p: float) -> Any:
    return x * mask.astype(x.dtype) * const(x, 0.0 if p >= 1 else 1 / (1 - p))


def _run(
    xp: Any, cell: _Cell, backwards: bool, driven: Any, weight: Any, bias: Any, mask: Any, h: Any, c: Any, kept: _Kept
) -> tuple[Any, Any]:
    """All steps of one direction of one layer: the last states."""
    turned = weight.T
    for t in _order(driven.shape[0], backwards):
        h_new, c_new = cell.forward(xp, driven[t], _plus(h @ turned, bias), h, c, kept.gates[t], kept.extra[t])
        if mask is not None:
            m = mask[t]
            h_new = h + m * (h_new - h)
            c_new = None if c is None else c + m * (c_new - c)
        h, c = h_new, c_new
        kept.h[t] = h
    return h, c


def _run_back(
    xp: Any,
    cell: _Cell,
    backwards: bool,
    wanted: Any,
    weight: Any,
    mask: Any,
    h_before: Any,
    c_before: Any,
    kept: _Kept,
    d_h: Any,
    d_c: Any,
) -> tuple[Any, Any, Any, Any]:
    """Gradients of the gates, by the inputs' share and by the states' share, and of the first states."""
    d_x = xp.empty(kept.gates.shape, kept.gates.dtype)
    d_hidden = xp.empty_like(d_x)
    for t in _order(kept.gates.shape[0], not backwards):
        d_h = d_h + wanted[t]
        d_h_new, d_c_new = d_h, d_c
        if mask is not None:
            d_h_new = d_h * mask[t]
            d_c_new = None if d_c is None else d_c * mask[t]
        direct, d_c_old = cell.backward(
            xp,
            d_h_new,
            d_c_new,
            h_before[t],
            None if c_before is None else c_before[t],
            kept.gates[t],
            kept.extra[t],
            d_x[t],
            d_hidden[t],
        )
        d_old = d_hidden[t] @ weight
        if direct is not None:
            d_old = d_old + direct
        if mask is not None:
            d_old = d_old + (d_h - d_h_new)
            d_c_old = None if d_c is None else d_c_old + (d_c - d_c_new)
        d_h, d_c = d_old, d_c_old
    return d_x, d_hidden, d_h, d_c


@op(
    "rnn",
    "Input, PreState*, WeightList*, SequenceLength? -> Out, DropoutState~, State*, Reserve~",
    infer=_infer_rnn,
    random=True,
    grad="Input, PreState*, WeightList*, SequenceLength?, Out#, DropoutState, Reserve, Out@GRAD, State@GRAD* -> "
    "Input@GRAD, PreState@GRAD*, WeightList@GRAD*",
)
def rnn(
    xp,
    x,
    states,
    weights,
    lengths=None,
    *,
    dropout_prob: float = 0.0,
    is_bidirec: bool = False,
    input_size: int = 10,
    hidden_size: int = 100,
    num_layers: int = 1,
    mode: str = "RNN_TANH",
    seed: int = 0,
    is_test: bool = False,
):
    """Input [time, batch, features], states [layers * directions, batch, hidden]; WeightList: all weights, then all biases."""
    cell, directions, n = _cell_of(mode), 2 if is_bidirec else 1, hidden_size
    rows = num_layers * directions
    _check(x, states, weights, cell, rows, n, num_layers, directions)
    steps, batch, _ = x.shape
    mask = _masks(xp, lengths, x)
    reserve = xp.empty(rows * steps * batch * _kept_width(cell, n), x.dtype)
    drops = num_layers - 1 if dropout_prob > 0 and not is_test else 0
    dropped = xp.zeros((drops, steps, batch, directions * n), "uint8")
    if drops:
        generator = rng.random(xp) if seed == 0 else xp.random.default_rng(seed)
        dropped[:] = generator.random(dropped.shape, dtype=np.float32) >= dropout_prob
    last: list[list[Any]] = [[] for _ in range(cell.states)]
    out = x
    for layer in range(num_layers):
        if layer and drops:
            out = _dropout(out, dropped[layer - 1], dropout_prob)
        flat = out.reshape(steps * batch, -1)
        parts = []
        for direction in range(directions):
            row = layer * directions + direction
            kept = _Kept(reserve, cell, row, rows, steps, batch, n)
            b_x, b_h = _biases(weights, rows, row)
            driven = flat @ weights[2 * row].T
            if b_x is not None:
                driven += b_x
            driven = driven.reshape(steps, batch, -1)
            h, c = states[0][row], states[1][row] if cell.states == 2 else None
            args = (driven, weights[2 * row + 1], b_h, mask, h, c, kept)
            h, c = by_kernel("rnn", mode, direction == 1, *args[:-1], kept.gates, kept.extra, kept.h) or _run(
                xp, cell, direction == 1, *args
            )
            last[0].append(h)
            if c is not None:
                last[1].append(c)
            parts.append(kept.h if mask is None else kept.h * mask)
        out = xp.concatenate(parts, axis=2) if directions == 2 else parts[0]
    if directions == 1 and mask is None:
        out = out.copy()  # not a view of what is kept
    return out, dropped, [xp.stack(s) for s in last], reserve


@rnn.backward
def _(
    xp,
    x,
    states,
    weights,
    lengths,
    out,  # not used; Paddle's operator wants it
    dropped,
    reserve,
    d_out,
    d_states,
    *,
    dropout_prob: float = 0.0,
    is_bidirec: bool = False,
    hidden_size: int = 100,
    num_layers: int = 1,
    mode: str = "RNN_TANH",
    needs: tuple[bool, ...] = (True, True, True),
):
    cell, directions, n = _cell_of(mode), 2 if is_bidirec else 1, hidden_size
    rows = num_layers * directions
    steps, batch, _ = x.shape
    mask = _masks(xp, lengths, x)
    drops = dropped.shape[0]
    keeps = [_Kept(reserve, cell, row, rows, steps, batch, n) for row in range(rows)]
    d_first: list[list[Any]] = [[None] * rows for _ in range(cell.states)]
    d_weights: list[Any] = [None] * len(weights)
    for layer in range(num_layers - 1, -1, -1):
        if layer:
            below = [k.h if mask is None else k.h * mask for k in keeps[(layer - 1) * directions : layer * directions]]
            fed = xp.concatenate(below, axis=2) if directions == 2 else below[0]
            if drops:
                fed = _dropout(fed, dropped[layer - 1], dropout_prob)
        else:
            fed = x
        flat = fed.reshape(steps * batch, -1)
        d_flat: Any = None
        for direction in range(directions):
            row = layer * directions + direction
            kept, w_h = keeps[row], weights[2 * row + 1]
            d_h = d_states[0][row]
            d_c = d_states[1][row] if cell.states == 2 else None
            wanted = d_out[:, :, direction * n : (direction + 1) * n]
            if mask is not None:
                wanted = wanted * mask
            h0, c0 = states[0][row], states[1][row] if cell.states == 2 else None
            cells = None
            if c0 is not None:
                cells = kept.extra if mask is None else _carried(xp, kept.extra, c0, mask, direction == 1)
            found = by_kernel(
                "rnn_grad", mode, direction == 1, wanted, w_h, mask, h0, c0, kept.gates, kept.extra, kept.h, cells, d_h, d_c
            )
            h_before = _before(xp, kept.h, h0, direction == 1)
            if found is None:
                c_before = None if c0 is None else _before(xp, cells, c0, direction == 1)
                found = _run_back(xp, cell, direction == 1, wanted, w_h, mask, h_before, c_before, kept, d_h, d_c)
            d_x, d_hidden, d_h, d_c = found
            d_first[0][row] = d_h
            if d_c is not None:
                d_first[1][row] = d_c
            same = d_hidden is d_x
            d_x = d_x.reshape(steps * batch, -1)
            d_hidden = d_x if same else d_hidden.reshape(steps * batch, -1)
            d_weights[2 * row] = d_x.T @ flat
            d_weights[2 * row + 1] = d_hidden.T @ h_before.reshape(steps * batch, n)
            if len(weights) == 4 * rows:
                d_bias = d_x.sum(axis=0)
                d_weights[2 * rows + 2 * row] = d_bias
                d_weights[2 * rows + 2 * row + 1] = d_bias.copy() if same else d_hidden.sum(axis=0)
            if layer or needs[0]:
                part = d_x @ weights[2 * row]
                d_flat = part if d_flat is None else d_flat + part
        if d_flat is None:
            return None, [xp.stack(d) for d in d_first], d_weights
        d_out = d_flat.reshape(steps, batch, -1)
        if layer and drops:
            d_out = _dropout(d_out, dropped[layer - 1], dropout_prob)
    return d_out, [xp.stack(d) for d in d_first], d_weights


def _before(xp: Any, after: Any, first: Any, backwards: bool) -> Any:
    """The states before each step, from those after each and the first."""
    first = xp.expand_dims(first, 0)
    return xp.concatenate([after[1:], first] if backwards else [first, after[:-1]], axis=0)


def _carried(xp: Any, cells: Any, c0: Any, mask: Any, backwards: bool) -> Any:
    """The cells after each step with those beyond the end of a sequence left as they were."""
    c = c0
    found = xp.empty_like(cells)
    for t in _order(cells.shape[0], backwards):
        c = c + mask[t] * (cells[t] - c)
        found[t] = c
    return found

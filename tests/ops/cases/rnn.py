"""Rows for the operator of `ops/rnn.py`."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import Case, case, flat, normal, value

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_sequence(x, states, weights, mode):
    """One layer, one direction, one sample [time, features], written out."""
    w_x, w_h, b_x, b_h = weights
    h, c = states[0], states[-1]
    out = []
    for row in x:
        a, b = w_x @ row + b_x, w_h @ h + b_h
        if mode == "LSTM":
            i, f, g, o = np.split(a + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        elif mode == "GRU":
            (xr, xz, xc), (hr, hz, hc) = np.split(a, 3), np.split(b, 3)
            z = sigmoid(xz + hz)
            h = z * h + (1 - z) * np.tanh(xc + sigmoid(xr + hr) * hc)
        else:
            h = np.tanh(a + b) if mode == "RNN_TANH" else np.maximum(a + b, 0)
        out.append(h)
    return np.array(out).reshape(len(x), len(h)), h, c


def written_out(mode, layers, directions):
    def expect(x, states, weights, lengths=None):
        steps, batch, _ = x.shape
        rows = layers * directions
        last = [np.zeros_like(s) for s in states]
        for layer in range(layers):
            parts = []
            for d in range(directions):
                k = layer * directions + d
                ws = [weights[2 * k], weights[2 * k + 1], weights[2 * rows + 2 * k], weights[2 * rows + 2 * k + 1]]
                out = np.zeros((steps, batch, states[0].shape[2]))
                for b in range(batch):
                    size = steps if lengths is None else int(lengths[b])
                    part = x[:size, b][::-1] if d else x[:size, b]
                    found, h, c = one_sequence(part, [s[k, b] for s in states], ws, mode)
                    out[:size, b] = found[::-1] if d else found
                    for s, v in zip(last, (h, c), strict=False):
                        s[k, b] = v
                parts.append(out)
            x = np.concatenate(parts, 2)
        return x, *last

    return expect


def rnn(
    mode: str, layers: int = 1, directions: int = 1, lengths: list[int] | None = None, steps: int = 4
) -> list[Case]:
    n, features, batch = 3, 2, 3
    rows = layers * directions
    widths = [features if k < directions else directions * n for k in range(rows)]
    weights = [w for k in range(rows) for w in (normal(GATES[mode] * n, widths[k]), normal(GATES[mode] * n, n))]
    biases = [normal(GATES[mode] * n) for _ in range(2 * rows)]
    states = [normal(rows, batch, n) for _ in range(2 if mode == "LSTM" else 1)]
    return case(
        "rnn",
        normal(steps, batch, features),
        states,
        weights + biases,
        *([] if lengths is None else [value(lengths)]),
        mode=mode,
        hidden_size=n,
        input_size=features,
        num_layers=layers,
        is_bidirec=directions == 2,
        name=f"{mode} {layers} {directions} {lengths}",
        expect=written_out(mode, layers, directions),
    )


CASES = flat(
    rnn("LSTM"),
    rnn("GRU"),
    rnn("RNN_TANH"),
    rnn("RNN_RELU"),
    rnn("LSTM", 2, 2),
    rnn("GRU", 2, 2),
    rnn("RNN_TANH", 3, 1),
    rnn("LSTM", 2, 2, [4, 2, 0]),
    rnn("GRU", 1, 2, [1, 4, 3]),
    rnn("RNN_RELU", 2, 2, [2, 4, 3]),
    case(
        "rnn",
        normal(3, 2, 2),
        [normal(1, 2, 3)],
        [normal(3, 2), normal(3, 3)],
        mode="RNN_TANH",
        hidden_size=3,
        name="no bias",
    ),
)

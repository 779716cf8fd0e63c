"""Recurrent layers: cells, loops over cells, and SimpleRNN, LSTM and GRU, which run as one operator."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...dtypes import as_dtype, get_default_dtype
from ...errors import NotSupportedError
from ...ops import rnn as R
from ...ops.creation import fill_constant_batch_size_like
from ...tensor import creation, linalg, manipulation
from ...tensor import math as M
from ...tensor.operators import cast_to
from ...utils import tree
from .. import functional as F
from ..initializer import Constant, Uniform
from .container import LayerList
from .layers import Layer

__all__ = ["BiRNN", "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCellBase", "SimpleRNN", "SimpleRNNCell"]


def _map(function: Callable[..., Any], like: Any, *others: Any) -> Any:
    """`function` over the leaves of several equal structures."""
    columns = [tree.flatten(s) for s in (like, *others)]
    if len({len(c) for c in columns}) != 1:
        raise ValueError(f"the cell gave {len(columns[-1])} states for {len(columns[0])}; both must have one structure")
    return tree.pack(like, [function(*leaves) for leaves in zip(*columns)])


def _filled(shape: list[Any], value: float, dtype: Any, like: Any, batch_axis: int, axis: int) -> Any:
    """A state full of `value`. Dimension `axis` of it, the batch, is `batch_axis` of `like`; in static mode it may be unknown, -1."""
    if isinstance(shape[axis], int) and shape[axis] == -1:
        kind = as_dtype(dtype)
        text = str(int(value)) if kind.np.kind in "iub" else repr(float(value))
        return call(
            fill_constant_batch_size_like, like, shape=shape, dtype=kind.proto, value=float(value), str_value=text,
            input_dim_idx=batch_axis, output_dim_idx=axis,
        )  # fmt: skip
    return creation.full(shape, value, dtype=dtype)


# --- cells


class RNNCellBase(Layer):
    """Base class of cells: `forward(inputs, states)` gives (outputs, new states); `state_shape` says how states look."""

    def get_initial_states(
        self, batch_ref: Any, shape: Any = None, dtype: Any = None, init_value: float = 0.0, batch_dim_idx: int = 0
    ) -> Any:
        """States filled with `init_value`, as many rows as `batch_ref` has along `batch_dim_idx`.

        shape: nested shapes without the batch (or with -1 for it), `state_shape` by default; dtype: likewise, or one for all.
        """
        reference = tree.flatten(batch_ref)[0]
        batch = reference.shape[batch_dim_idx]
        shapes = self.state_shape if shape is None else shape
        if dtype is None:
            try:
                dtype = self.state_dtype
            except NotImplementedError:
                dtype = get_default_dtype()
        kinds = tree.flatten(dtype)

        def filled(value: Any) -> Any:
            if isinstance(value, (list, tuple)) and all(isinstance(n, int) for n in value):
                rest = list(value[1:]) if value and value[0] == -1 else list(value)
                kind = kinds[0] if len(kinds) == 1 else kinds.pop(0)
                return _filled([batch, *rest], init_value, kind, reference, batch_dim_idx, 0)
            if isinstance(value, dict):
                return {k: filled(v) for k, v in value.items()}
            if isinstance(value, (list, tuple)):
                return type(value)(filled(v) for v in value)
            raise TypeError(f"a shape must hold integers, got {type(value).__name__} {value!r}")

        return filled(shapes)

    @property
    def state_shape(self) -> Any:
        """Shapes of the states without the batch dimension; subclasses define it."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define state_shape; give initial states, or define it"
        )

    @property
    def state_dtype(self) -> Any:
        """Types of the states; the default type unless a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define state_dtype")


class _WeightedCell(RNNCellBase):
    """A cell with Paddle's four parameters. gates: how many stand one below the other in a weight."""

    gates: int

    def __init__(
        self, input_size: int, hidden_size: int, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
    ) -> None:
        super().__init__()
        if hidden_size <= 0:
            raise ValueError(f"{type(self).__name__}: hidden_size must be greater than 0, got {hidden_size}")
        bound, rows = 1.0 / math.sqrt(hidden_size), self.gates * hidden_size
        self.weight_ih = self._parameter([rows, input_size], weight_ih, bound, 1.0)
        self.weight_hh = self._parameter([rows, hidden_size], weight_hh, bound, 1.0)
        self.bias_ih = self._parameter([rows], bias_ih, bound, 0.0)
        self.bias_hh = self._parameter([rows], bias_hh, bound, 0.0)
        self.input_size, self.hidden_size = input_size, hidden_size

    def _parameter(self, shape: list[int], attr: Any, bound: float, fixed: float) -> Any:
        """A parameter; with ``attr=False`` a constant that is not trained, as in Paddle."""
        if attr is not False:
            return self.create_parameter(
                shape, attr, is_bias=len(shape) == 1, default_initializer=Uniform(-bound, bound)
            )
        made = self.create_parameter(shape, None, is_bias=len(shape) == 1, default_initializer=Constant(fixed))
        made.stop_gradient = True
        return made

    def parameters_in_order(self) -> list[Any]:
        """weight_ih, weight_hh, bias_ih, bias_hh."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def _driven(self, inputs: Any) -> Any:
        return linalg.matmul(inputs, self.weight_ih, transpose_y=True) + self.bias_ih

    def _recurrent(self, hidden: Any) -> Any:
        return linalg.matmul(hidden, self.weight_hh, transpose_y=True) + self.bias_hh

    @property
    def state_shape(self) -> Any:
        return (self.hidden_size,)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class SimpleRNNCell(_WeightedCell):
    """h = activation(weight_ih x + bias_ih + weight_hh h + bias_hh); inputs [batch, input_size], states [batch, hidden_size]."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str = "tanh",
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, weight_ih_attr, weight_hh_attr, bias_ih_attr, bias_hh_attr)
        if activation not in ("tanh", "relu"):
            raise ValueError(f"SimpleRNNCell: activation must be 'tanh' or 'relu', got {activation!r}")
        self.activation = activation
        self._activation_fn = M.tanh if activation == "tanh" else F.relu

    def forward(self, inputs: Any, states: Any = None) -> tuple[Any, Any]:
        h = self.get_initial_states(inputs, self.state_shape) if states is None else states
        h = self._activation_fn(self._driven(inputs) + self._recurrent(h))
        return h, h

    @property
    def mode(self) -> str:
        """What the operator `rnn` calls this cell."""
        return "RNN_TANH" if self.activation == "tanh" else "RNN_RELU"

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.activation == "tanh" else f", activation={self.activation}")


class LSTMCell(_WeightedCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); states are (h, c), both [batch, hidden_size]."""

    gates, mode = 4, "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, weight_ih_attr, weight_hh_attr, bias_ih_attr, bias_hh_attr)

    def forward(self, inputs: Any, states: Any = None) -> tuple[Any, Any]:
        h, c = self.get_initial_states(inputs, self.state_shape) if states is None else states
        i, f, g, o = manipulation.split(self._driven(inputs) + self._recurrent(h), 4, axis=-1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * M.tanh(g)
        h = F.sigmoid(o) * M.tanh(c)
        return h, (h, c)

    @property
    def state_shape(self) -> Any:
        return (self.hidden_size,), (self.hidden_size,)


class GRUCell(_WeightedCell):
    """Gated recurrent unit (Cho et al. 2014): h = z * h + (1 - z) * c; states [batch, hidden_size]."""

    gates, mode = 3, "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, weight_ih_attr, weight_hh_attr, bias_ih_attr, bias_hh_attr)

    def forward(self, inputs: Any, states: Any = None) -> tuple[Any, Any]:
        h = self.get_initial_states(inputs, self.state_shape) if states is None else states
        x_r, x_z, x_c = manipulation.split(self._driven(inputs), 3, axis=1)
        h_r, h_z, h_c = manipulation.split(self._recurrent(h), 3, axis=1)
        z = F.sigmoid(x_z + h_z)
        c = M.tanh(x_c + F.sigmoid(x_r + h_r) * h_c)
        h = (h - c) * z + c
        return h, h


# --- loops over a cell


def _batch_first(x: Any) -> Any:
    """[time, batch, ...] and [batch, time, ...] into each other."""
    return manipulation.transpose(x, [1, 0, *range(2, len(spec_of(x).shape))])


def rnn(
    cell: Any,
    inputs: Any,
    initial_states: Any = None,
    sequence_length: Any = None,
    time_major: bool = False,
    is_reverse: bool = False,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """Outputs of all steps and the last states of `cell` run over time.

    inputs: (nested) tensors [batch, time, ...], or [time, batch, ...] if `time_major`. sequence_length: [batch]; states stay as
    they are beyond it. kwargs go to the cell.
    """
    steps = spec_of(tree.flatten(inputs)[0]).shape[0 if time_major else 1]
    if initial_states is None:
        initial_states = cell.get_initial_states(batch_ref=inputs, batch_dim_idx=1 if time_major else 0)
    if steps == -1:
        return _rnn_of_unknown_length(cell, inputs, initial_states, sequence_length, time_major, is_reverse, kwargs)
    if not time_major:
        inputs = tree.map_structure(_batch_first, inputs)
    states, outputs, masks = initial_states, [], None
    if sequence_length is not None:
        kind = tree.flatten(states)[0].dtype
        masks = manipulation.transpose(F.sequence_mask(sequence_length, maxlen=steps, dtype=kind.name), [1, 0])
    new_states = states
    for t in range(steps - 1, -1, -1) if is_reverse else range(steps):
        found, new_states = cell(tree.map_structure(operator.itemgetter(t), inputs), states, **kwargs)
        if masks is not None:
            mask = masks[t]

            def kept(old: Any, new: Any, mask: Any = mask) -> Any:
                m = manipulation.reshape(mask, [-1] + [1] * (len(spec_of(new).shape) - 1))
                m = cast_to(m, new.dtype)
                return new * m + old * (1 - m)

            new_states = _map(kept, states, new_states)
        states = new_states
        outputs.append(found)
    if is_reverse:
        outputs.reverse()
    axis = 0 if time_major else 1
    return _map(lambda *parts: manipulation.stack(list(parts), axis=axis), *outputs), new_states


def _rnn_of_unknown_length(
    cell: Any,
    inputs: Any,
    states: Any,
    sequence_length: Any,
    time_major: bool,
    is_reverse: bool,
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    """A loop whose length a traced Program does not know yet: the library's own cells have an operator for it."""
    if type(cell) not in (SimpleRNNCell, LSTMCell, GRUCell) or kwargs:
        raise NotSupportedError(
            f"the number of time steps is not known while the function is traced, so {type(cell).__name__} cannot be run over "
            "them; give the time dimension a number in InputSpec, or use SimpleRNNCell, LSTMCell or GRUCell"
        )
    states = [states] if cell.mode != "LSTM" else list(states)
    before = [manipulation.unsqueeze(s, 0) for s in states]
    weights = cell.parameters_in_order()
    if is_reverse:  # the second half of a network of both directions
        before = [manipulation.concat([s, s], 0) for s in before]
        weights = [*weights[:2], *weights[:2], *weights[2:], *weights[2:]]
    out, last = _operator(
        cell.mode, inputs, before, weights, sequence_length, time_major, is_reverse, cell.input_size, cell.hidden_size
    )
    if is_reverse:
        out = out[:, :, cell.hidden_size :]
    final = [s[-1] for s in last]
    return out, tuple(final) if cell.mode == "LSTM" else final[0]


def _operator(
    mode: str,
    inputs: Any,
    states: list[Any],
    weights: list[Any],
    sequence_length: Any,
    time_major: bool,
    both: bool,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    dropout: float = 0.0,
    training: bool = False,
) -> tuple[Any, list[Any]]:
    """Operator `rnn` on inputs with either axis first."""
    if not time_major:
        inputs = manipulation.transpose(inputs, [1, 0, 2])
    out, last = call(
        R.rnn,
        inputs,
        states,
        weights,
        sequence_length,
        dropout_prob=float(dropout),
        is_bidirec=both,
        input_size=input_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        mode=mode,
        is_test=not training,
    )
    return out if time_major else manipulation.transpose(out, [1, 0, 2]), last


def birnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    initial_states: Any = None,
    sequence_length: Any = None,
    time_major: bool = False,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """`rnn` forwards and backwards; outputs side by side along the last axis, states as a pair."""
    states = (None, None) if initial_states is None else initial_states
    out_fw, last_fw = rnn(cell_fw, inputs, states[0], sequence_length, time_major=time_major, **kwargs)
    out_bw, last_bw = rnn(cell_bw, inputs, states[1], sequence_length, time_major=time_major, is_reverse=True, **kwargs)
    return _map(lambda a, b: manipulation.concat([a, b], -1), out_fw, out_bw), (last_fw, last_bw)


class RNN(Layer):
    """Runs a cell over time; see `rnn` for the arguments of the call."""

    def __init__(self, cell: Any, is_reverse: bool = False, time_major: bool = False) -> None:
        super().__init__()
        self.cell = cell
        self.is_reverse, self.time_major = is_reverse, time_major

    def forward(
        self, inputs: Any, initial_states: Any = None, sequence_length: Any = None, **kwargs: Any
    ) -> tuple[Any, Any]:
        return rnn(
            self.cell,
            inputs,
            initial_states,
            sequence_length,
            time_major=self.time_major,
            is_reverse=self.is_reverse,
            **kwargs,
        )


class BiRNN(Layer):
    """Runs one cell forwards and another backwards; initial states and last states are pairs."""

    def __init__(self, cell_fw: Any, cell_bw: Any, time_major: bool = False) -> None:
        super().__init__()
        self.cell_fw, self.cell_bw = cell_fw, cell_bw
        if cell_fw.input_size != cell_bw.input_size:
            raise ValueError(
                f"BiRNN: both cells must have one input_size, got {cell_fw.input_size} and {cell_bw.input_size}"
            )
        self.time_major = time_major

    def forward(
        self, inputs: Any, initial_states: Any = None, sequence_length: Any = None, **kwargs: Any
    ) -> tuple[Any, Any]:
        if isinstance(initial_states, (list, tuple)) and len(initial_states) != 2:
            raise AssertionError(f"BiRNN: initial_states must be a pair, got {len(initial_states)} items")
        return birnn(self.cell_fw, self.cell_bw, inputs, initial_states, sequence_length, self.time_major, **kwargs)


# --- whole networks


class RNNBase(LayerList):
    """Layers of one kind of cell. Parameters go by ``weight_ih_l0``, ``bias_hh_l1_reverse`` and so on, and by the cells' names.

    direction: 'forward', 'bidirect' or 'bidirectional'. dropout: between layers, in training. ValueError for another direction.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        direction: str = "forward",
        time_major: bool = False,
        dropout: float = 0.0,
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
    ) -> None:
        super().__init__()
        if direction not in ("forward", "bidirect", "bidirectional"):
            raise ValueError(
                f"{type(self).__name__}: direction should be forward or bidirect (or bidirectional), got {direction!r}"
            )
        self.mode, self.input_size, self.hidden_size, self.dropout = mode, input_size, hidden_size, dropout
        self.num_directions = 1 if direction == "forward" else 2
        self.time_major, self.num_layers = time_major, num_layers
        self.state_components = 2 if mode == "LSTM" else 1
        attrs = {
            "weight_ih_attr": weight_ih_attr,
            "weight_hh_attr": weight_hh_attr,
            "bias_ih_attr": bias_ih_attr,
            "bias_hh_attr": bias_hh_attr,
        }

        def cell(width: int) -> _WeightedCell:
            if mode == "LSTM":
                return LSTMCell(width, hidden_size, **attrs)
            if mode == "GRU":
                return GRUCell(width, hidden_size, **attrs)
            return SimpleRNNCell(width, hidden_size, "tanh" if mode == "RNN_TANH" else "relu", **attrs)

        for layer in range(num_layers):
            width = input_size if layer == 0 else self.num_directions * hidden_size
            if self.num_directions == 1:
                self.append(RNN(cell(width), False, time_major))
            else:
                self.append(BiRNN(cell(width), cell(width), time_major))
        for layer, cells in enumerate(self._cells()):
            for suffix, one in zip(("", "_reverse"), cells):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    if name.startswith("weight") or attrs[f"{name}_attr"] is not False:
                        setattr(self, f"{name}_l{layer}{suffix}", getattr(one, name))

    def _cells(self) -> list[list[Any]]:
        """Cells by layer and direction."""
        return [[r.cell] if self.num_directions == 1 else [r.cell_fw, r.cell_bw] for r in self]

    def forward(self, inputs: Any, initial_states: Any = None, sequence_length: Any = None) -> tuple[Any, Any]:
        """inputs [batch, time, input_size] ([time, batch, input_size] if `time_major`), sequence_length [batch].

        States are [num_layers * directions, batch, hidden_size], for an LSTM a pair of these. Returns outputs (0 beyond the
        length of a sequence) and last states.
        """
        if spec_of(inputs).ndim != 3:
            raise ValueError(
                f"{type(self).__name__}: the input must have 3 dimensions, got {list(spec_of(inputs).shape)}"
            )
        if initial_states is None:
            axis = 1 if self.time_major else 0
            shape = [self.num_layers * self.num_directions, inputs.shape[axis], self.hidden_size]
            states = [_filled(shape, 0.0, inputs.dtype, inputs, axis, 1) for _ in range(self.state_components)]
        else:
            states = list(initial_states) if isinstance(initial_states, (list, tuple)) else [initial_states]
            if len(states) != self.state_components:
                raise ValueError(
                    f"{type(self).__name__}: initial_states must hold {self.state_components} tensors, got {len(states)}"
                )
        parameters = [one.parameters_in_order() for cells in self._cells() for one in cells]
        weights = [p for four in parameters for p in four[:2]] + [p for four in parameters for p in four[2:]]
        out, last = _operator(
            self.mode,
            inputs,
            states,
            weights,
            sequence_length,
            self.time_major,
            self.num_directions == 2,
            self.input_size,
            self.hidden_size,
            self.num_layers,
            self.dropout,
            self.training,
        )
        return out, tuple(last) if len(last) > 1 else last[0]

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        shown += f", num_layers={self.num_layers}" if self.num_layers != 1 else ""
        shown += f", time_major={self.time_major}" if self.time_major is not False else ""
        return shown + (f", dropout={self.dropout}" if self.dropout != 0 else "")


class SimpleRNN(RNNBase):
    """Elman network: `num_layers` layers of `SimpleRNNCell`; see `RNNBase` for arguments and shapes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        direction: str = "forward",
        time_major: bool = False,
        dropout: float = 0.0,
        activation: str = "tanh",
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ValueError(f"SimpleRNN: activation must be 'tanh' or 'relu', got {activation!r}")
        self.activation = activation
        super().__init__(
            "RNN_TANH" if activation == "tanh" else "RNN_RELU",
            input_size,
            hidden_size,
            num_layers,
            direction,
            time_major,
            dropout,
            weight_ih_attr,
            weight_hh_attr,
            bias_ih_attr,
            bias_hh_attr,
        )


class LSTM(RNNBase):
    """`num_layers` layers of `LSTMCell`; see `RNNBase` for arguments and shapes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        direction: str = "forward",
        time_major: bool = False,
        dropout: float = 0.0,
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            direction,
            time_major,
            dropout,
            weight_ih_attr,
            weight_hh_attr,
            bias_ih_attr,
            bias_hh_attr,
        )


class GRU(RNNBase):
    """`num_layers` layers of `GRUCell`; see `RNNBase` for arguments and shapes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        direction: str = "forward",
        time_major: bool = False,
        dropout: float = 0.0,
        weight_ih_attr: Any = None,
        weight_hh_attr: Any = None,
        bias_ih_attr: Any = None,
        bias_hh_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            direction,
            time_major,
            dropout,
            weight_ih_attr,
            weight_hh_attr,
            bias_ih_attr,
            bias_hh_attr,
        )

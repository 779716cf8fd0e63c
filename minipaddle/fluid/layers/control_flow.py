"""Comparisons, counters, arrays of tensors, and control flow.

`cond`, `case`, `switch_case` and `while_loop` take functions. `While`, `Switch`, `IfElse`, `StaticRNN` and `DynamicRNN` are used as
``with`` blocks whose operators go into a block of the Program. Files written from all of them run in Paddle 1.8.5.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...core import control_flow as C
from ...core.control_flow import Assert, Print
from ...core.program import Variable
from ...dtypes import as_dtype, bool_, int64
from ...static.nn.control_flow import ConditionalBlock, While, one_bool, outside
from ...static.program import static_recorder
from ...utils import unique_name
from ..helper import Helper
from .tensor import assign, fill_constant

__all__ = [
    "Assert",
    "DynamicRNN",
    "IfElse",
    "Print",
    "StaticRNN",
    "Switch",
    "While",
    "array_length",
    "array_read",
    "array_write",
    "case",
    "cond",
    "create_array",
    "equal",
    "greater_equal",
    "greater_than",
    "increment",
    "is_empty",
    "less_equal",
    "less_than",
    "merge_lod_tensor",
    "not_equal",
    "reorder_lod_tensor_by_rank",
    "split_lod_tensor",
    "switch_case",
    "tensor_array_to_tensor",
    "while_loop",
]


def _comparison(type: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, cond: Any = None) -> Any:
        helper = Helper(type)
        out = helper(type, x, y) if cond is None else helper.into({"Out": cond}, type, x, y)
        out.stop_gradient = True
        return out

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}`, bool, written into `cond` if given."
    return function


equal, not_equal = _comparison("equal"), _comparison("not_equal")
less_equal = _comparison("less_equal")
greater_than, greater_equal = _comparison("greater_than"), _comparison("greater_equal")


def less_than(x: Any, y: Any, force_cpu: bool | None = None, cond: Any = None) -> Any:
    """x < y, bool, written into `cond` if given. force_cpu: has no effect."""
    helper = Helper("less_than")
    out = helper("less_than", x, y) if cond is None else helper.into({"Out": cond}, "less_than", x, y)
    out.stop_gradient = True
    return out


def increment(x: Any, value: float = 1.0, in_place: bool = True) -> Any:
    """x + value for a tensor with one element; in_place: written over `x`."""
    helper = Helper("increment")
    return (
        helper.into({"Out": x}, "increment", x, step=float(value))
        if in_place
        else helper("increment", x, step=float(value))
    )


def is_empty(x: Any, cond: Any = None) -> Any:
    """Whether `x` has no elements."""
    helper = Helper("is_empty")
    return helper("is_empty", x) if cond is None else helper.into({"Out": cond}, "is_empty", x)


# --- arrays of tensors


def create_array(dtype: Any) -> Any:
    """An empty array of tensors: a Variable of its own kind (dynamic mode: a list)."""
    if C.context.recorder is None:
        return []
    name = unique_name.generate("array") + ".out"
    return static_recorder("create_array").block.create_var(name, (), as_dtype(dtype), kind="LOD_TENSOR_ARRAY")


def _array(value: Any) -> C.TensorArray:
    if isinstance(value, C.TensorArray):
        return value
    if not isinstance(value, Variable) or value.kind != "LOD_TENSOR_ARRAY":
        raise TypeError(f"array should be tensor array variable, got {value!r:.80}")
    made = C.TensorArray(value)
    made.filled = bool(value.static_shape)
    return made


def array_write(x: Any, i: Any, array: Any = None) -> Any:
    """Write `x` at position `i` (an int64 tensor with one element) of `array`, a new one if none is given; returns it."""
    array = create_array(x.dtype) if array is None else array
    if isinstance(array, list):
        return C.array_write(x, i, array)
    _array(array).write(i, x)
    array.lod_level = max(array.lod_level, getattr(x, "lod_level", 0))
    return array


def array_read(array: Any, i: Any) -> Any:
    """The tensor at position `i`."""
    if isinstance(array, list):
        return C.array_read(array, i)
    out = _array(array).read(i)
    out.lod_level = array.lod_level
    return out


def array_length(array: Any) -> Any:
    """How many tensors the array holds, int64 with one element."""
    return C.array_length(array) if isinstance(array, list) else _array(array).length()


def tensor_array_to_tensor(
    input: Any, axis: int = 1, name: str | None = None, use_stack: bool = False
) -> tuple[Any, Any]:
    """The tensors of an array joined (or stacked) along `axis`, and their sizes along it, int32."""
    if isinstance(input, list):
        raise TypeError("tensor_array_to_tensor takes an array of a Program; use concat or stack for a list")
    return _array(input).joined(axis, use_stack)


# --- control flow out of functions

cond, case, switch_case = C.cond, C.case, C.switch_case


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, is_test: bool = False, name: str | None = None
) -> list[Any]:
    """Repeat ``loop_vars = body(*loop_vars)`` while ``cond(*loop_vars)`` holds; see `paddle.static.nn.while_loop`.

    Arrays among `loop_vars` stay what they are: the body writes into them.
    """
    if not isinstance(loop_vars, (list, tuple)):
        return C.while_loop(cond, body, loop_vars, is_test, name)
    arrays = {i: v for i, v in enumerate(loop_vars) if isinstance(v, Variable) and v.kind == "LOD_TENSOR_ARRAY"}
    if not arrays:
        return C.while_loop(cond, body, loop_vars, is_test, name)
    rest = [v for i, v in enumerate(loop_vars) if i not in arrays]

    def whole(values: Sequence[Any]) -> list[Any]:
        left = iter(values)
        return [arrays[i] if i in arrays else next(left) for i in range(len(loop_vars))]

    def advance(*values: Any) -> list[Any]:
        found = body(*whole(values))
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(found) != len(loop_vars):
            raise ValueError(
                f"body in while_loop should return the same arity (length and structure) as loop_vars: {len(loop_vars)}, got {len(found)}"
            )
        return [v for i, v in enumerate(found) if i not in arrays]

    return whole(C.while_loop(lambda *values: cond(*whole(values)), advance, rest, is_test, name))


# --- control flow out of ``with`` blocks


class Switch:
    """The first of several blocks whose condition holds::

        with Switch() as switch:
            with switch.case(step < limit):
                assign(a, output=rate)
            with switch.default():
                assign(b, output=rate)

    Conditions are bool Variables of one element. ValueError when `case` is called outside of the ``with`` block.
    """

    def __init__(self, name: str | None = None) -> None:
        self._entered = False
        self._none_before: Any = None

    def case(self, condition: Any) -> Any:
        """The ``with`` block for this condition."""
        if not self._entered:
            raise ValueError("case should be called inside with")
        one_bool(condition, "condition")
        logic = Helper("logical")
        refused = logic("logical_not", condition)
        if self._none_before is None:
            chosen, self._none_before = condition, refused
        else:
            chosen, self._none_before = (
                logic("logical_and", self._none_before, condition),
                logic("logical_and", self._none_before, refused),
            )
        return ConditionalBlock([chosen], True).block()

    def default(self) -> Any:
        """The ``with`` block that runs when no condition holds."""
        if self._none_before is None:
            raise ValueError("there should be at least one condition")
        return ConditionalBlock([self._none_before], True).block()

    def __enter__(self) -> Switch:
        self._entered = True
        return self

    def __exit__(self, *_: Any) -> None:
        self._entered = False


def split_lod_tensor(input: Any, mask: Any, level: int = 0) -> tuple[Any, Any]:
    """Rows (sequences, where `input` has a lod) for which `mask`, bool [n, 1], holds, and the others."""
    return Helper("split_lod_tensor")("split_lod_tensor", input, mask, level=level)  # type: ignore[no-any-return]


def merge_lod_tensor(in_true: Any, in_false: Any, x: Any, mask: Any, level: int = 0) -> Any:
    """What `split_lod_tensor` parted put together again."""
    return Helper("merge_lod_tensor")("merge_lod_tensor", x, mask, in_true, in_false, level=level)


class IfElse:
    """Rows for which a condition holds take one way, the others another::

        ie = IfElse(score > 0.0)          # bool [n, 1]
        with ie.true_block():
            ie.output(ie.input(x) * 2.0)
        with ie.false_block():
            ie.output(ie.input(x) * 3.0)
        y, = ie()

    Both ways run, each on its rows; the results are put together in the old order.
    """

    def __init__(self, cond: Any, name: str | None = None) -> None:
        self.cond = one_bool(cond, "cond")
        self.helper = Helper("ifelse", name)
        self.program = static_recorder("IfElse").program
        self._parted: dict[str, tuple[Variable, Variable]] = {}
        self._outputs: tuple[list[Variable], list[Variable]] = ([], [])  # of the false and of the true block
        self._side: int | None = None

    def _block(self, side: int) -> Any:
        @contextlib.contextmanager
        def entered() -> Iterator[None]:
            if self._side is not None:
                raise ValueError("cannot enter a block of IfElse inside of another")
            self._side = side
            try:
                with ConditionalBlock([self.cond]).block():
                    yield
                    if not self._outputs[side]:
                        raise ValueError("Must set output inside block")
            finally:
                self._side = None

        return entered()

    def true_block(self) -> Any:
        """The ``with`` block for rows for which the condition holds."""
        return self._block(1)

    def false_block(self) -> Any:
        """The ``with`` block for the other rows."""
        return self._block(0)

    def input(self, x: Any) -> Any:
        """The rows of `x` that this block is for. ValueError outside of a block."""
        if self._side is None:
            raise ValueError("input must in true/false blocks")
        if x.name not in self._parted:
            with outside(self.program):
                self._parted[x.name] = self.helper("split_lod_tensor", x, self.cond, level=0)
        return self._parted[x.name][1 - self._side]

    def output(self, *outs: Any) -> None:
        """Results of this block. ValueError outside of a block."""
        if self._side is None:
            raise ValueError("output can only be invoked in the sub-block")
        for each in outs:
            if not isinstance(each, Variable):
                raise TypeError(f"IfElse.output takes Variables, got {type(each).__name__}")
            with outside(self.program):
                name = unique_name.generate(f"{self.helper.name}_output")
                made = self.program.current_block().create_var(
                    name, each.static_shape, each.dtype, lod_level=each.lod_level
                )
            self._outputs[self._side].append(assign(each, made))

    def __call__(self) -> list[Any]:
        if self._side is not None:
            raise ValueError("IfElse::__call__ must be out of sub-block")
        no, yes = self._outputs
        if not no and not yes:
            raise ValueError("Must invoke true_block/false_block before __call__")
        if no and yes and len(no) != len(yes):
            raise ValueError(
                f"The output side must be same: {len(yes)} outputs of the true block, {len(no)} of the false block"
            )
        if not no or not yes:
            return no or yes
        return [merge_lod_tensor(y, n, self.cond, self.cond) for n, y in zip(no, yes, strict=True)]


# --- recurrent layers out of a block


class _Loop(While):
    """The loop of a recurrent layer; its condition is found when the first input is known."""

    def __init__(self, owner: Any, cond: Variable) -> None:
        super().__init__(cond)
        self._owner = owner

    def _at_the_end(self) -> None:
        self._owner._finish_step()


def _once(array: Variable) -> None:
    """Say of the read just recorded that each entry of the array is read once."""
    array.block.program.current_block().ops[-1].extra["once"] = True


class StaticRNN:
    """A recurrent layer over sequences of one length, time first; the block says what happens at one step::

        rnn = StaticRNN()
        with rnn.step():
            word = rnn.step_input(x)                                # x [T, batch, d] -> [batch, d]
            state = rnn.memory(shape=[-1, 200], batch_ref=x, ref_batch_dim_idx=1)
            hidden = fc([word, state], 200, act="relu")
            rnn.update_memory(state, hidden)
            rnn.step_output(hidden)
        out = rnn()                                                 # [T, batch, 200]

    It becomes a `while` (Paddle 1.8 writes its operator `recurrent`).
    """

    def __init__(self, name: str | None = None) -> None:
        self.helper = Helper("static_rnn", name)
        self.program = static_recorder("StaticRNN").program
        self.seq_len: int | None = None
        self._status = 0  # 1: in the block, 2: after it
        self._memories: dict[str, tuple[Variable, Any]] = {}
        self._arrays: list[tuple[Variable, Variable]] = []
        self._outputs: list[Any] = []

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """The ``with`` block of one step."""
        if self._status:
            raise ValueError("StaticRNN: step() can be entered once")
        self._index = fill_constant([1], "int64", 0)
        block = self.program.current_block()
        self._going = block.create_var(
            unique_name.generate(f"{self.helper.name}.going"), (1,), bool_, stop_gradient=True
        )
        self._count = block.create_var(
            unique_name.generate(f"{self.helper.name}.count"), (1,), int64, stop_gradient=True
        )
        self._status = 1
        with _Loop(self, self._going).block():
            yield
        self._status = 2
        for array, o in self._arrays:
            out, _ = tensor_array_to_tensor(array, axis=0, use_stack=True)
            out._shape = (-1 if self.seq_len is None else self.seq_len, *o.static_shape)
            self._outputs.append(out)

    def _in_block(self, what: str) -> None:
        if self._status != 1:
            raise ValueError(f"You must invoke {what} in rnn block")

    def step_input(self, x: Any) -> Any:
        """The slice of `x` for this step: x[t]. ValueError when its length differs from that of another input."""
        self._in_block("step_input")
        if not isinstance(x, Variable):
            raise TypeError(f"StaticRNN.step_input takes a Variable, got {type(x).__name__}")
        first = self.seq_len is None
        length = x.static_shape[0]
        if first:
            self.seq_len = length
            with outside(self.program):
                if length != -1:
                    fill_constant([1], "int64", length, out=self._count)
                else:
                    size = self.helper("slice", self.helper("shape", x), axes=[0], starts=[0], ends=[1])
                    assign(self.helper("cast", size, in_dtype=size.dtype.proto, out_dtype=int64.proto), self._count)
                less_than(self._index, self._count, cond=self._going)
        elif length != -1 and self.seq_len not in (-1, length):
            raise ValueError(
                f"Static RNN only take fix seq_len input: {x.name!r} has {length} steps, another input {self.seq_len}"
            )
        return self.helper("squeeze2", self.helper("gather", x, self._index), axes=[0])

    def memory(
        self,
        init: Any = None,
        shape: Sequence[int] | None = None,
        batch_ref: Any = None,
        init_value: float = 0.0,
        init_batch_dim_idx: int = 0,
        ref_batch_dim_idx: int = 1,
    ) -> Any:
        """What the step before gave to `update_memory`; at the first step `init`, or `shape` filled with `init_value`.

        The batch, dimension `init_batch_dim_idx` of `shape`, is dimension `ref_batch_dim_idx` of `batch_ref`.
        """
        self._in_block("memory")
        with outside(self.program):
            if init is None:
                if shape is None or batch_ref is None:
                    raise ValueError("if init is None, memory at least need shape and batch_ref")
                init = self.helper(
                    "fill_constant_batch_size_like",
                    batch_ref,
                    shape=[int(n) for n in shape],
                    dtype=batch_ref.dtype.proto,
                    value=float(init_value),
                    str_value=str(float(init_value)),
                    input_dim_idx=ref_batch_dim_idx,
                    output_dim_idx=init_batch_dim_idx,
                )
            array = create_array(init.dtype)
            array_write(init, fill_constant([1], "int64", 0), array)
        state = array_read(array, self._index)
        _once(array)
        state._stop_gradient = False
        self._memories[state.name] = (array, None)
        return state

    def update_memory(self, mem: Any, var: Any) -> None:
        """`var` is what `mem` is at the next step."""
        if not isinstance(mem, Variable) or not isinstance(var, Variable):
            raise TypeError("StaticRNN.update_memory takes two Variables")
        if mem.name not in self._memories:
            raise ValueError(f"StaticRNN.update_memory: {mem.name!r} is no memory of this layer")
        self._memories[mem.name] = (self._memories[mem.name][0], var)

    def step_output(self, o: Any) -> None:
        """A result of this step; all of them stacked are a result of the layer."""
        self._in_block("step_output")
        if not isinstance(o, Variable):
            raise TypeError(f"StaticRNN.step_output takes a Variable, got {type(o).__name__}")
        with outside(self.program):
            array = create_array(o.dtype)
        array_write(o, self._index, array)
        self._arrays.append((array, o))

    def output(self, *outputs: Any) -> None:
        """Several results of this step."""
        for each in outputs:
            self.step_output(each)

    def _finish_step(self) -> None:
        if self.seq_len is None:
            raise ValueError("StaticRNN: its block has no step_input, so the number of steps is not known")
        increment(self._index)
        for name, (array, new) in self._memories.items():
            if new is None:
                raise ValueError(f"{name} should be updated in every step")
            array_write(new, self._index, array)
        less_than(self._index, self._count, cond=self._going)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._status != 2:
            raise ValueError("RNN output can only be retrieved after rnn block")
        if not self._outputs:
            raise ValueError("RNN has no output")
        return self._outputs[0] if len(self._outputs) == 1 else self._outputs


def reorder_lod_tensor_by_rank(x: Any, rank_table: Any) -> Any:
    """The sequences (or rows) of `x` in the order of a rank table, the longest first."""
    return Helper("reorder_lod_tensor_by_rank")("reorder_lod_tensor_by_rank", x, rank_table)


class DynamicRNN:
    """A recurrent layer over sequences of different lengths; the block says what happens at one step::

        rnn = DynamicRNN()
        with rnn.block():
            word = rnn.step_input(sentence)          # rows with a lod
            state = rnn.memory(shape=[200])
            hidden = fc([word, state], 200, act="relu")
            rnn.update_memory(state, hidden)
            rnn.output(hidden)
        last = sequence_last_step(rnn())

    At time t the rows are those of the sequences that are longer than t, the longest first.
    """

    def __init__(self, name: str | None = None) -> None:
        self.helper = Helper("dynamic_rnn", name)
        self.program = static_recorder("DynamicRNN").program
        self._status = 0
        self._table: Any = None
        self._zero: Any = None
        self._longest: Any = None
        self._inputs: list[Variable] = []
        self._arrays: list[Variable] = []
        self._outputs: list[Any] = []
        self._memories: dict[str, Variable] = {}
        self._links: list[tuple[Any, Variable]] = []

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """The ``with`` block of one step."""
        if self._status:
            raise ValueError("rnn.block() can only be invoke once")
        self._index = fill_constant([1], "int64", 0, force_cpu=True)
        block = self.program.current_block()
        self._going = block.create_var(unique_name.generate(f"{self.helper.name}.tmp"), (1,), bool_, stop_gradient=True)
        self._status = 1
        with _Loop(self, self._going).block():
            yield
        self._status = 2
        for array in self._arrays:
            out = self.helper("array_to_lod_tensor", array, self._table)
            out.lod_level, out._stop_gradient = 1, False
            self._outputs.append(out)

    def _in_block(self, what: str) -> None:
        if self._status != 1:
            raise ValueError(f"{what} can only be invoked inside rnn block.")

    def _new_array(self, base: str, like: Variable) -> Variable:
        block = self.program.current_block()
        return block.create_var(
            unique_name.generate(base), (-1, *like.static_shape[1:]), like.dtype, kind="LOD_TENSOR_ARRAY"
        )

    def step_input(self, x: Any, level: int = 0) -> Any:
        """The rows of `x` for this step. level: of the lod whose sequences are walked, the innermost one."""
        self._in_block("step_input")
        if not isinstance(x, Variable):
            raise TypeError("step_input() can only take a Variable as its input.")
        with outside(self.program):
            block = self.program.current_block()
            if self._table is None:
                self._table = block.create_var(
                    unique_name.generate("lod_rank_table"), (-1, 2), int64, kind="LOD_RANK_TABLE", stop_gradient=True
                )
                self._longest = block.create_var(
                    unique_name.generate("dynamic_rnn_max_seq_len"), (1,), int64, stop_gradient=True
                )
                block.append_op(
                    "lod_rank_table", {"X": x}, {"Out": self._table}, {"level": level}, callstack=C.user_callstack()
                )
                block.append_op(
                    "max_sequence_len", {"RankTable": self._table}, {"Out": self._longest}, callstack=C.user_callstack()
                )
                less_than(self._index, self._longest, force_cpu=True, cond=self._going)
            array = self._new_array("dynamic_rnn_input_array", x)
            block.append_op(
                "lod_tensor_to_array", {"X": x, "RankTable": self._table}, {"Out": array}, callstack=C.user_callstack()
            )
        self._inputs.append(array)
        out = array_read(array, self._index)
        _once(array)
        return out

    def static_input(self, x: Any) -> Any:
        """The rows (or sequences) of `x`, one for each sequence, that belong to those still at work."""
        self._in_block("static_input")
        if not isinstance(x, Variable):
            raise TypeError("static_input() can only take a Variable as its input")
        if self._table is None:
            raise RuntimeError("static_input() must be called after step_input().")
        with outside(self.program):
            ordered = reorder_lod_tensor_by_rank(x, self._table)
        return self._shrunk(ordered)

    def _shrunk(self, x: Any) -> Any:
        return Helper("shrink_memory")("shrink_rnn_memory", x, self._table, self._index)

    def memory(
        self,
        init: Any = None,
        shape: Sequence[int] | None = None,
        value: float = 0.0,
        need_reorder: bool = False,
        dtype: Any = "float32",
    ) -> Any:
        """What the step before gave to `update_memory`; at the first step `init`, or `shape` (without the batch) filled with `value`.

        need_reorder: the rows of `init` stand in the order of the sequences that were fed.
        """
        self._in_block("memory")
        if init is not None and not isinstance(init, Variable):
            raise TypeError("The input arg `init` of memory() must be a Variable")
        if self._table is None and (init is None or need_reorder):
            raise ValueError(
                "step_input should be invoked before memory(shape=..., value=...) and memory(need_reorder=True)"
            )
        with outside(self.program):
            if self._zero is None:
                self._zero = fill_constant([1], "int64", 0, force_cpu=True)
            if init is None:
                rows = array_read(self._inputs[0], self._zero)
                init = self.helper(
                    "fill_constant_batch_size_like",
                    rows,
                    shape=[-1, *map(int, shape or ())],
                    dtype=as_dtype(dtype).proto,
                    value=float(value),
                    str_value=str(float(value)),
                )
            elif need_reorder:
                init = reorder_lod_tensor_by_rank(init, self._table)
            array = self._new_array("dynamic_rnn_mem_array", init)
            array_write(init, self._zero, array)
        before = array_read(array, self._index)
        _once(array)
        before._stop_gradient = False
        state = self._shrunk(before)
        self._memories[state.name] = array
        return state

    def update_memory(self, ex_mem: Any, new_mem: Any) -> None:
        """`new_mem` is what `ex_mem` is at the next step."""
        self._in_block("update_memory")
        for each in (ex_mem, new_mem):
            if not isinstance(each, Variable):
                raise TypeError(f"update_memory() takes two Variables, got {type(each).__name__}")
        if ex_mem.name not in self._memories:
            raise ValueError("Please invoke memory before update_memory")
        if self._table is None:
            raise ValueError("Please invoke step_input before update_memory")
        self._links.append((new_mem, self._memories[ex_mem.name]))

    def output(self, *outputs: Any) -> None:
        """Results of this step; the layer gives them in the order of the rows that were fed."""
        self._in_block("output")
        for each in outputs:
            with outside(self.program):
                array = self._new_array(f"{self.helper.name}_output_array", each)
            array_write(each, self._index, array)
            self._arrays.append(array)

    def _finish_step(self) -> None:
        if self._table is None:
            raise ValueError("DynamicRNN: its block has no step_input, so the number of steps is not known")
        increment(self._index)
        for new, array in self._links:
            array_write(new, self._index, array)
        less_than(self._index, self._longest, force_cpu=True, cond=self._going)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._status != 2:
            raise ValueError("Output of the dynamic RNN can only be visited outside the rnn block.")
        return self._outputs[0] if len(self._outputs) == 1 else self._outputs

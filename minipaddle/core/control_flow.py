"""Branches and loops on Tensors: run at once in dynamic mode, recorded as operators with blocks otherwise.

`cond`, `while_loop`, `case` and `switch_case` are Paddle's functions (``paddle.static.nn``); traced functions end in `record_branches`
and `record_loop`, on which those are built. Recorded as Paddle writes it:

    conditional_block(c) {...; assign -> a1}     while(c) {...; assign -> loop variables; assign -> c}
    conditional_block(logical_not(c)) {...; assign -> a0}
    a = select_input([a0, a1], cast(c))

Everything a block gives to the outside goes through an `assign` at its end, so that names keep standing for one value outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import BranchMismatchError, MisusedTensorError, TracingError
from ..ops.control_flow import UNDEFINED
from ..ops.registry import OPS
from ..utils import tree
from . import dispatch
from .blocks import ARRAY_WRITES, EMPTY, inner_block, outer_reads, outer_writes, rename, resolve
from .callsite import user_callstack
from .context import context
from .program import Block, Program, Variable
from .report import coded
from .tensor import Tensor, TensorBase, isinstance_strict

__all__ = [
    "Assert", "Print", "Region", "TensorArray", "Undefined", "UNDEFINED_VALUE", "array_length", "array_read", "array_write", "case",
    "cond", "copy_operator", "create_array", "is_undefined", "record_branches", "record_loop", "switch_case", "trace_block", "while_loop",
]  # fmt: skip


class Undefined:
    """Stands for a Python name that has no value."""

    def __repr__(self) -> str:
        return "<undefined>"


UNDEFINED_VALUE = Undefined()


class Unknown:
    """A Python value that depends on a Tensor and is no Tensor itself: any use is an error that says so."""

    def __init__(self, message: str) -> None:
        object.__setattr__(self, "_message", message)

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise TracingError(object.__getattribute__(self, "_message"))

    def message(self) -> str:
        """Why the value is not known."""
        return str(object.__getattribute__(self, "_message"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._fail()

    __call__ = __bool__ = __eq__ = __ne__ = __iter__ = __len__ = __getitem__ = __add__ = __radd__ = __mul__ = (
        __rmul__
    ) = __sub__ = _fail  # type: ignore[assignment]
    __rsub__ = __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __contains__ = __truediv__ = __rtruediv__ = _fail
    __hash__ = None  # type: ignore[assignment]


RESULT = "_return_value"  # what the rewriting calls the result of a function with several `return`s


_RESULT_LABEL = "the result of `return`"


def _label(name: str) -> str:
    """What messages call a variable."""
    return _RESULT_LABEL if name.startswith(RESULT) else f"variable {name!r}"


def is_result(label: str) -> bool:
    """Whether a variable holds the result of a function, which is read only where a `return` has set it."""
    return RESULT in label or label.startswith(_RESULT_LABEL)


def _as_paddle_says(label: str) -> str:
    """Paddle's words for results that do not fit together, by which scripts know the error."""
    return '. In short: "Your if/else have different number of return value."' if is_result(label) else ""


class Grown(Unknown):
    """The one entry of a list that grew in a loop: other names of the list find the array here."""

    def __init__(self, array: Any) -> None:
        super().__init__(
            coded("D2S107", "a list that grew in a loop on a Tensor is used under another name, or outside of the traced function",
                  "use the name by which it was appended to; return paddle.stack or paddle.concat of it")
        )  # fmt: skip
        object.__setattr__(self, "array", array)


def grown(value: Any) -> Any:
    """The array of a list that grew in a loop on a Tensor, and is reached by another name; other values as they are."""
    if type(value) is list and len(value) == 1 and type(value[0]) is Grown:
        return object.__getattribute__(value[0], "array")
    return value


def is_undefined(value: Any) -> bool:
    """Whether a state value stands for a name without a value."""
    return value is UNDEFINED_VALUE


# --- regions: the parts of a trace that belong to a block


_STATE = (
    "block",
    "name",
    "_shape",
    "_dtype",
    "kind",
    "lod_level",
    "_stop_gradient",
    "cut",
    "is_data",
    "need_check_feed",
    "persistable",
    "is_parameter",
)


class Region:
    """One block while it is traced.

    Variables of enclosing blocks that are changed in place inside are noted, so that they can be put back as they were: the
    change takes effect through an output of the block. known: containers that existed before, by identity.
    """

    def __init__(self, block: Block, known: dict[int, tuple[str, Any]] | None = None, kind: str = "branch") -> None:
        self.block, self.known, self.kind = block, {} if known is None else known, kind
        self._changed: dict[int, tuple[Variable, dict[str, Any]]] = {}
        self._memory: list[tuple[Variable, int, int, Any]] = []  # variables with views, and how often they had been changed
        self.results: list[tuple[Variable, Variable]] = []  # (variable outside, its value at the end of the block)

    def note(self, v: Variable) -> None:
        """`v` is about to stand for another value."""
        if id(v) not in self._changed and not self._inside(v.block):
            self._changed[id(v)] = (v, {name: getattr(v, name) for name in _STATE})
            memory = v.__dict__.get("memory")
            if memory is not None:  # inside it has a count of its own, and what is there when the block ends is forgotten
                self._memory.append((v, v.__dict__["seen"], memory[0], memory))
                v.__dict__["memory"] = [memory[0], memory]

    def _inside(self, block: Block) -> bool:
        at: Block | None = block
        while at is not None:
            if at is self.block:
                return True
            at = at.parent
        return False

    def restore(self) -> dict[int, Variable]:
        """Put changed variables back; returns what they had become, by identity of the variable."""
        became = {}
        for v, state in self._changed.values():
            inner = Variable(v.block, v.name, v._shape, v._dtype, kind=v.kind, lod_level=v.lod_level)
            inner._stop_gradient, inner.cut = v._stop_gradient, v.cut
            inner.__dict__.update(v.__dict__)
            v.block.vars[v.name] = inner
            for name, value in state.items():
                setattr(v, name, value)
            v.block.vars[v.name] = v
            became[id(v)] = inner
            self.results.append((v, inner))
        for v, seen, count, memory in self._memory:
            memory[0] = count
            v.__dict__["seen"], v.__dict__["memory"] = seen, memory
        return became


def trace_block(
    recorder: Any, function: Callable[[], Any], known: dict[int, tuple[str, Any]] | None = None, kind: str = "branch"
) -> tuple[Region, Any]:
    """Run `function` with a new block of the Program as the current one; returns the region and what the function returned."""
    program = recorder.program
    block = program.create_block()
    region = Region(block, known, kind)
    recorder.regions.append(region)
    try:
        result = function()
    except BaseException:
        drop_blocks(recorder, block.idx)
        region.restore()
        raise
    finally:
        recorder.regions.pop()
        program.current_block_idx = block.parent_idx
    became = region.restore()
    if became:
        result = _map(lambda leaf: became.get(id(leaf), leaf), result)
    return region, result


def drop_blocks(recorder: Any, first: int) -> None:
    """Forget blocks that were begun and not finished."""
    program = recorder.program
    gone = set(map(id, program.blocks[first:]))
    del program.blocks[first:]
    recorder.forget(lambda v: id(v.block) in gone)
    program.touch()


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    if type(value) in (list, tuple, dict) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        if type(value) is dict:
            return {k: _map(function, v) for k, v in value.items()}
        items = [_map(function, v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return function(value)


class _In:
    """Makes a block current for a few operators."""

    def __init__(self, program: Program, block: Block) -> None:
        self.program, self.block = program, block

    def __enter__(self) -> None:
        self.old = self.program.current_block_idx
        self.program.current_block_idx = self.block.idx

    def __exit__(self, *_: Any) -> None:
        self.program.current_block_idx = self.old


# --- values


def call(type: str, *inputs: Any, **attrs: Any) -> Any:
    """Record one operator by its type."""
    return dispatch.call(OPS[type], *inputs, **attrs)


_KINDS = ((bool, dtypes.bool_), (int, dtypes.int64), (float, dtypes.float64))


def is_number(value: Any) -> bool:
    """Whether it is a Python or NumPy number that can become a tensor."""
    return isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating))


def number(value: Any, dtype: Any = None) -> Variable:
    """A 0-d Variable holding a Python number, marked so that it behaves like that number when types meet."""
    value = value.item() if isinstance(value, np.generic) else value
    kind = next(d for t, d in _KINDS if isinstance(value, t)) if dtype is None else dtype
    text = str(int(value)) if not kind.is_floating else repr(float(value))
    made = call("fill_constant", shape=[], dtype=kind.proto, value=float(value), str_value=text)
    if dtype is None:
        made.weak = True
    return made


def is_weak(v: Any) -> bool:
    """Whether a Variable stands for a Python number."""
    return bool(getattr(v, "weak", False))


def _cast(v: Variable, dtype: Any) -> Variable:
    return v if v.dtype is dtype else call("cast", v, in_dtype=v.dtype.proto, out_dtype=dtype.proto)


def condition(recorder: Any, value: Any) -> Variable:
    """A bool Variable of one element. ValueError for a Tensor that has another, known, number of elements.

    Inside of a branch, which may never run, that is found when the Program runs, as dynamically.
    """
    v = recorder.variable(value, OPS["while"], "Condition")
    if -1 not in v._shape and v.spec.size != 1 and not any(r.kind == "branch" for r in recorder.regions):
        raise ValueError(
            coded(
                "D2S109",
                f"the condition of a branch or loop must have one element, got {v.describe()}",
                "use .any(), .all() or one element of it",
            )
        )
    return _cast(v, dtypes.bool_)


def _assign(block: Block, source: str, target: str) -> None:
    block.append_op("assign", {"X": source}, {"Out": target}, {}, callstack=user_callstack())


def _carrier(block: Block) -> str:
    name = block.program.fresh_name("_generated_var")
    block.create_var(name, (), None, kind="STEP_SCOPES")
    return name


def _declared(block: Block, like: Variable, shape: Sequence[int] | None = None) -> Variable:
    name = block.program.fresh_name("_generated_var")
    made = block.create_var(
        name, like._shape if shape is None else shape, like._dtype, kind=like.kind, lod_level=like.lod_level
    )
    made._stop_gradient, made.cut = like._stop_gradient, False
    if getattr(like, "ragged", False):
        made.ragged = True
    return made


def _common_shape(a: Sequence[int], b: Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """The shape that covers both, and whether not even the number of dimensions is known."""
    if len(a) == len(b):
        return tuple(m if m == n else -1 for m, n in zip(a, b, strict=True)), False
    return (-1,) * max(len(a), len(b)), True


# --- branches


def _holds_tensors(value: Any) -> bool:
    """Whether it is a list, tuple or dict with a Tensor or number somewhere inside."""
    if not isinstance(value, (list, tuple, dict)):
        return False
    return any(isinstance_strict(leaf, TensorBase) or is_number(leaf) for leaf in tree.flatten(value))


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b) or isinstance(a, TensorBase):
        return False
    try:
        return bool(a == b)
    except Exception:
        return False


class _Branches:
    """Two traced blocks whose results are put together."""

    def __init__(self, recorder: Any, pred: Variable, then: Region, orelse: Region, relaxed: bool = False) -> None:
        self.recorder, self.pred, self.relaxed = recorder, pred, relaxed
        self.regions = (orelse, then)  # by the number that select_input chooses
        self.block = recorder.block
        self.pairs: dict[tuple[str, str], Variable] = {}
        self.chosen: list[tuple[Variable, Variable, Variable]] = []  # (result, value of orelse, value of then) outside
        self.filled: list[Variable] = []
        self.mixed = ""  # why the result at work has no one type

    def merge(self, label: str, a: Any, b: Any) -> Any:
        """The value after the branch: `a` from then, `b` from orelse."""
        if type(a) is type(b) and isinstance(a, (list, tuple)) and len(a) == len(b):
            items = [self.merge(f"{label}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b, strict=True))]
            return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
        if type(a) is dict and type(b) is dict and (a.keys() == b.keys() or not is_result(label)):
            return self._dicts(label, a, b)
        if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
            return type(a)((k, self.merge(f"{label}[{k!r}]", a[k], b[k])) for k in a)
        if is_undefined(a) or is_undefined(b):
            whole = b if is_undefined(a) else a
            if _holds_tensors(whole):  # each of its parts is set where the whole is
                if is_undefined(a):
                    return _map(lambda leaf: self.merge(label, UNDEFINED_VALUE, leaf), whole)
                return _map(lambda leaf: self.merge(label, leaf, UNDEFINED_VALUE), whole)
        if (
            isinstance_strict(a, TensorBase)
            or isinstance_strict(b, TensorBase)
            or (is_number(a) and is_number(b) and not _same(a, b))
        ):
            return self._tensors(label, a, b)
        if _same(a, b):
            return a
        if is_undefined(a) or is_undefined(b):
            value = b if is_undefined(a) else a
            if is_number(value):
                return self._tensors(label, a, b)
            if is_result(label):  # read only where it was set
                return value
            return Unknown(coded("D2S104", f"{label} is set in one branch only, by a condition on a Tensor, to {_show(value)}",
                                 "give it a value before the branch or in both branches"))  # fmt: skip
        raise BranchMismatchError(
            coded("D2S105", f"{label} is {_show(a)} where the condition holds and {_show(b)} where it does not; a branch on a "
                  f"Tensor can only choose between Tensors and numbers{_as_paddle_says(label)}",
                  "let both branches give the same kind of value, or decide on a Python value")
        )  # fmt: skip

    def _dicts(self, label: str, a: dict[Any, Any], b: dict[Any, Any]) -> dict[Any, Any]:
        """Dicts entry by entry. What one branch alone has is there afterwards, and fails when it is used after the other one ran."""
        merged = {}
        a, b = ({k: v for k, v in d.items() if not self._is_foreign(v)} for d in (a, b))
        for k in {**a, **b}:
            value = merged[k] = self.merge(f"{label}[{k!r}]", a.get(k, UNDEFINED_VALUE), b.get(k, UNDEFINED_VALUE))
            if k in a and k in b:
                continue
            leaves = tree.flatten(value)
            for leaf in leaves:
                if isinstance_strict(leaf, Variable):
                    leaf.of_one_branch = True
            if not any(isinstance_strict(leaf, Variable) for leaf in leaves):  # nothing of it can tell, when the Program runs
                merged[k] = Unknown(coded("D2S104", f"{label}[{k!r}] is set in one branch only, by a condition on a Tensor",
                                          "give it a value before the branch or in both branches"))  # fmt: skip
        return merged

    def _is_foreign(self, value: Any) -> bool:
        """Whether it was left in a dict by another trace: it has no value here."""
        return isinstance_strict(value, Variable) and value.block.program is not self.recorder.program

    def _tensors(self, label: str, a: Any, b: Any) -> Any:
        if self.relaxed:
            a, b = (v if isinstance_strict(v, TensorBase) or is_number(v) else UNDEFINED_VALUE for v in (a, b))
        if is_undefined(a) or is_undefined(b):
            made = self._half(a, b)
            made.label = label
            return made
        for value in (a, b):
            if not isinstance_strict(value, TensorBase) and not is_number(value):
                raise BranchMismatchError(
                    coded("D2S105", f"{label} is {_show(a)} where the condition holds and {_show(b)} where it does not"
                          f"{_as_paddle_says(label)}",
                          "let both branches give a Tensor; paddle.zeros of the right shape often serves for None")
                )  # fmt: skip
        if a is b:
            return a
        values = []
        for value, region in ((b, self.regions[0]), (a, self.regions[1])):
            with _In(self.recorder.program, region.block):
                values.append(number(value) if is_number(value) else self.recorder.variable(value, OPS["assign"], "X"))
        no, yes = values
        found = self.pairs.get((no.name, yes.name))
        if found is not None:
            return found
        if no.name == yes.name:
            return a if isinstance_strict(a, Variable) else yes
        self.mixed = ""
        no, yes = self._one_type(label, no, yes)
        shape, ragged = _common_shape(no._shape, yes._shape)
        result = self._choose(no, yes, shape)
        if self.mixed:
            result.__dict__["mixed"] = self.mixed
        if ragged or getattr(no, "ragged", False) or getattr(yes, "ragged", False):
            result.ragged = True
        if is_weak(no) and is_weak(yes):
            result.weak = True
        self.pairs[values[0].name, values[1].name] = result
        return result

    def _one_type(self, label: str, no: Variable, yes: Variable) -> tuple[Variable, Variable]:
        if no.dtype is yes.dtype:
            return no, yes
        if is_weak(no) and is_weak(yes):
            target = dtypes.float64 if dtypes.float64 in (no.dtype, yes.dtype) else dtypes.int64
        elif is_weak(no) or is_weak(yes):
            weak, strong = (no, yes) if is_weak(no) else (yes, no)
            target = strong.dtype
            if weak.dtype.is_floating and not (target.is_floating or target.is_complex):
                target = dtypes.default_dtype()
        else:
            message = coded("D2S105", f"{label} is {_show(yes)} where the condition holds and {_show(no)} where it does not",
                            f"cast one of them, for example with .astype({yes.dtype.name!r})")  # fmt: skip
            if yes.dtype.np.kind in "iub" and no.dtype.np.kind in "iub":  # may be handed on, which asks for no type
                self.mixed = message
                return no, yes
            raise BranchMismatchError(message)
        made = []
        for v, region in zip((no, yes), self.regions, strict=True):
            with _In(self.recorder.program, region.block):
                made.append(_cast(v, target))
        return made[0], made[1]

    def _choose(self, no: Variable, yes: Variable, shape: Sequence[int]) -> Variable:
        outs = []
        for v, region in zip((no, yes), self.regions, strict=True):
            out = _declared(self.block, v)
            with _In(self.recorder.program, region.block):
                _assign(region.block, v.name, out.name)
            outs.append(out)
        result = _declared(self.block, outs[0], shape)
        result._stop_gradient = no._stop_gradient and yes._stop_gradient
        self.chosen.append((result, outs[0], outs[1]))
        return result

    def _half(self, a: Any, b: Any) -> Variable:
        """A value that one branch does not set: using it after that branch fails when the Program runs."""
        side = 0 if is_undefined(a) else 1
        value = b if side == 0 else a
        region = self.regions[side]
        with _In(self.recorder.program, region.block):
            v = number(value) if is_number(value) else self.recorder.variable(value, OPS["assign"], "X")
        out = _declared(self.block, v)
        with _In(self.recorder.program, region.block):
            _assign(region.block, v.name, out.name)
        empty = _declared(self.block, v)
        self.filled.append(empty)
        result = _declared(self.block, v)
        if is_weak(v):
            result.weak = True
        self.chosen.append((result, out, empty) if side == 0 else (result, empty, out))
        return result

    def finish(self) -> None:
        """Append the operators of the branch."""
        block, program = self.block, self.recorder.program
        orelse, then = self.regions
        stack = user_callstack()
        for v in self.filled:
            _undefined(block, v)

        def conditional(pred: Variable, region: Region, side: int) -> None:
            writes = outer_writes(region.block)
            empty = {v.name for v in self.filled}
            outs = [c[1 + side].name for c in self.chosen if c[1 + side].name not in empty]
            block.append_op(
                "conditional_block", {"Cond": pred, "Input": outer_reads(region.block)},
                {"Out": list(dict.fromkeys([*outs, *writes])), "Scope": _carrier(block)},
                {"sub_block": region.block.idx, "is_scalar_condition": True}, callstack=stack,
            )  # fmt: skip

        conditional(self.pred, then, 1)
        conditional(call("logical_not", self.pred), orelse, 0)
        if self.chosen:
            mask = _cast(self.pred, dtypes.int32)
            for result, no, yes in self.chosen:
                block.append_op("select_input", {"X": [no, yes], "Mask": mask}, {"Out": result}, {}, callstack=stack)
        program.touch()


def _undefined(block: Block, v: Variable) -> None:
    """Paddle's mark for a variable without a value."""
    block.append_op(
        "assign_value",
        {},
        {"Out": v},
        {"shape": [1], "dtype": dtypes.float64.proto, "fp64_values": [UNDEFINED]},
        callstack=user_callstack(),
    )


def record_branches(
    recorder: Any, pred: Any, then: Callable[[], Any], orelse: Callable[[], Any], named: bool = False,
    known: dict[int, tuple[str, Any]] | None = None, relaxed: bool = False,
) -> Any:  # fmt: skip
    """Record both functions as blocks and the choice between their results.

    The results are nested structures of Tensors, numbers and other values (`named`: dicts of variables by name); what comes
    back has the same structure. relaxed: a value that is a Tensor in one branch only is unset in the other. TracingError where
    the results do not fit together.
    """
    try:
        pred = condition(recorder, pred)
    except ValueError:
        # what is wrong inside the branches is told first, as in Paddle, which looks at the condition only when it runs
        trace_block(recorder, then, known)
        trace_block(recorder, orelse, known)
        raise
    first, a = trace_block(recorder, then, known)
    second, b = trace_block(recorder, orelse, known)
    branches = _Branches(recorder, pred, first, second, relaxed)
    became = ({id(v): (v, inner) for v, inner in first.results}, {id(v): (v, inner) for v, inner in second.results})
    changed: list[tuple[Variable, Variable]] = []
    for key in dict.fromkeys([*became[0], *became[1]]):
        v = (became[0].get(key) or became[1][key])[0]
        yes = became[0][key][1] if key in became[0] else v
        no = became[1][key][1] if key in became[1] else v
        merged = branches.merge(f"{v.name!r}, changed in place,", yes, no)
        branches.pairs[no.name, yes.name] = v
        changed.append((v, merged))
    if named:
        result: Any = {name: branches.merge(_label(name), a[name], b[name]) for name in a}
    else:
        result = branches.merge("the result", a, b)
    branches.finish()
    for v, merged in changed:
        recorder.in_place(v, merged)
    return result


# --- loops


class Peel(Exception):
    """The first trip of a loop is of another kind than the rest: it has to be recorded by itself."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _Retry(Exception):
    """The body was traced under wrong assumptions about a loop variable."""


class _LoopVariable:
    """One leaf of the state of a loop."""

    def __init__(self, label: str, start: Any) -> None:
        self.label, self.start = label, start
        self.shape: tuple[int, ...] | None = None  # what earlier attempts found
        self.dtype: Any = None
        self.ragged = False
        self.variable: Variable | None = None

    def begin(self, recorder: Any, block: Block) -> Any:
        """The value the body sees."""
        start = self.start
        self.variable = None
        if isinstance_strict(start, TensorBase):
            source = recorder.variable(start, OPS["assign"], "X")
            if self.dtype is not None:
                source = _cast(source, self.dtype)
        elif is_number(start):
            source = number(start, self.dtype)
        else:
            return start
        v = _declared(block, source, self.shape)
        if is_weak(source) and (self.shape is None or self.dtype is None):
            v.weak = True
        if self.ragged:
            v.ragged = True
        _assign(block, source.name, v.name)
        v._stop_gradient = not (v.dtype.is_floating or v.dtype.is_complex)
        self.variable = v
        return v

    def check(self, value: Any) -> None:
        """Compare with what a trip gives. _Retry when other assumptions are needed, TracingError when nothing helps."""
        v = self.variable
        if v is None:
            self._check_other(value)
            return
        if is_undefined(value):
            raise TracingError(
                coded(
                    "D2S103",
                    f"loop variable {self.label!r} is deleted in the body of a loop on a Tensor",
                    "keep it, and give it another value",
                )
            )
        if not isinstance_strict(value, TensorBase) and not is_number(value):
            raise TracingError(
                coded("D2S103", f"loop variable {self.label!r} is {v.describe()} before the loop and {_show(value)} after a trip; in a "
                      "loop on a Tensor it must stay a Tensor or number", "use another name for the other value")
            )  # fmt: skip
        if is_number(value):
            kind = next(d for t, d in _KINDS if isinstance(value.item() if isinstance(value, np.generic) else value, t))
            shape: tuple[int, ...] = ()
            weak = True
        else:
            kind, weak = value.dtype, is_weak(value)
            shape = value._shape if isinstance_strict(value, Variable) else tuple(value._data.shape)
            if getattr(value, "ragged", False) and not self.ragged:
                self.shape, self.ragged = (-1,) * max(len(shape), len(v._shape)), True
                raise _Retry
        if kind is not v.dtype:
            if is_weak(v) and (not weak or kind.is_floating or v.dtype is dtypes.bool_):
                target = kind
                if not weak and v.dtype.is_floating and not (kind.is_floating or kind.is_complex):
                    target = dtypes.default_dtype()
                if self.dtype is not target:
                    self.dtype = target
                    raise _Retry
            elif not (weak and (v.dtype.is_floating or v.dtype.is_complex or not kind.is_floating)):
                raise TracingError(
                    coded("D2S103", f"loop variable {self.label!r} is {v.describe()} before the loop and {_show(value)} after a trip",
                          f"cast it, for example with .astype({v.dtype.name!r}), or start with that type")
                )  # fmt: skip
        elif is_weak(v) and not weak and self.dtype is None:
            self.dtype = kind
            raise _Retry
        if not self.ragged and tuple(shape) != tuple(v._shape):
            common, ragged = _common_shape(v._shape, shape)
            if ragged and is_number(self.start) and self.shape is None:
                self.shape = tuple(shape)
                raise _Retry
            if common != tuple(v._shape):
                self.shape, self.ragged = common, ragged
                raise _Retry

    def _check_other(self, value: Any) -> None:
        start = self.start
        if is_undefined(start) or isinstance(start, TensorArray):
            return
        if not _same(start, value):
            raise Peel(
                coded("D2S103", f"loop variable {self.label!r} is {_show(start)} before the loop and {_show(value)} after a trip of a loop "
                      "on a Tensor",
                      "give it a Tensor or number of the right kind before the loop")
            )  # fmt: skip


def _show(value: Any) -> str:
    if is_undefined(value) or type(value) is Unknown:
        return "without a value"
    if isinstance_strict(value, Variable):
        maker = value.op
        return f"a Tensor {value.describe()}" + (
            f" (made at {maker.location})" if maker is not None and maker.location else ""
        )
    if isinstance_strict(value, TensorBase):
        return f"a Tensor {value.dtype.name}{list(value._data.shape)}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)} entries"
    if callable(value) and hasattr(value, "__name__"):
        return f"{'class' if isinstance(value, type) else 'function'} {value.__name__}"
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:50]}..."


def record_loop(
    recorder: Any, first: Any, start: dict[str, Any], step: Callable[[dict[str, Any]], tuple[Any, dict[str, Any]]],
    known: dict[int, tuple[str, Any]] | None = None, reset: Callable[[], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Record a loop that runs while a condition on a Tensor holds.

    first: the condition before the loop. start: name -> value (nested structures of Tensors and numbers; others must not
    change). step: gets the values, runs the body and gives (condition, values). reset: undoes what a failed attempt did to
    Python values. Returns the values after the loop.
    """
    pred = condition(recorder, first)
    block = recorder.block
    program = recorder.program
    leaves: dict[str, list[_LoopVariable]] = {}
    for name, value in start.items():
        flat = tree.flatten(value)
        leaves[name] = [
            _LoopVariable(
                name if len(flat) == 1 and not isinstance(value, (list, tuple, dict)) else f"{name} ({i})", leaf
            )
            for i, leaf in enumerate(flat)
        ]
    for _ in range(6):
        ops, names = len(block.ops), set(block.vars)
        begun = {
            name: tree.pack(value, [leaf.begin(recorder, block) for leaf in leaves[name]])
            for name, value in start.items()
        }

        def trip(begun: dict[str, Any] = begun) -> tuple[Any, dict[str, Any]]:
            again, values = step(begun)
            if not isinstance_strict(again, TensorBase):
                again = number(bool(again))
            return condition(recorder, again), values

        region = None
        try:
            region, (again, values) = trace_block(recorder, trip, known, "loop")
            for name, found in list(leaves.items()):
                flat = tree.flatten(values[name])
                if is_undefined(start[name]) and len(flat) > 1:
                    found = leaves[name] = [_LoopVariable(f"{name} ({i})", UNDEFINED_VALUE) for i in range(len(flat))]
                if len(flat) != len(found):
                    raise TracingError(
                        coded("D2S103", f"loop variable {name!r} is {_show(start[name])} before the loop and {_show(values[name])} "
                              "after a trip",
                              "a list that grows in a loop on a Tensor must grow by append()")
                    )  # fmt: skip
                for leaf, value in zip(found, flat, strict=True):
                    leaf.check(value)
            break
        except BaseException as error:
            if region is not None:
                drop_blocks(recorder, region.block.idx)
            del block.ops[ops:]
            gone = {n for n, v in block.vars.items() if n not in names and not v.persistable}
            recorder.forget(lambda v, gone=gone: v.block is block and v.name in gone)
            for n in gone:
                del block.vars[n]
            program.touch()
            if reset is not None:
                reset()
            if not isinstance(error, _Retry):
                raise
    else:
        raise TracingError(
            coded(
                "D2S103",
                f"the types of the loop variables {', '.join(start)} do not settle",
                "give them their final type and shape before the loop",
            )
        )
    return _finish_loop(recorder, pred, region, again, leaves, start, values, block)


def _finish_loop(
    recorder: Any, pred: Variable, region: Region, again: Variable, leaves: dict[str, list[_LoopVariable]], start: dict[str, Any],
    values: dict[str, Any], block: Block,
) -> dict[str, Any]:  # fmt: skip
    program = recorder.program
    body = region.block
    own = {leaf.variable.name: leaf for found in leaves.values() for leaf in found if leaf.variable is not None}
    writes: list[tuple[str, str]] = []  # (value in the body, loop variable)
    result: dict[str, Any] = {}
    mutated = {v.name: (v, inner) for v, inner in region.results}
    in_place: list[tuple[Variable, Variable]] = []
    for name, found in leaves.items():
        after: list[Any] = []
        for leaf, value in zip(found, tree.flatten(values[name]), strict=True):
            v = leaf.variable
            if v is None:
                if (
                    is_undefined(leaf.start)
                    and not is_undefined(value)
                    and (isinstance_strict(value, TensorBase) or is_number(value))
                ):
                    with _In(program, body):
                        inner = number(value) if is_number(value) else recorder.variable(value, OPS["assign"], "X")
                    v = _declared(block, inner)
                    if is_weak(inner):
                        v.weak = True
                    v.label = f"variable {leaf.label!r}"
                    _undefined(block, v)
                    writes.append((inner.name, v.name))
                    after.append(v)
                elif is_undefined(leaf.start) and is_result(leaf.label):
                    after.append(value)
                elif is_undefined(leaf.start) and not is_undefined(value):
                    after.append(
                        Unknown(
                            coded(
                                "D2S104",
                                f"{leaf.label!r} is set in a loop on a Tensor to {_show(value)}",
                                "give it a value before the loop",
                            )
                        )
                    )
                else:
                    after.append(value if isinstance(value, TensorArray) else leaf.start)
                continue
            if value is v:  # never changed
                after.append(leaf.start)
                continue
            with _In(program, body):
                inner = (
                    number(value, v.dtype)
                    if is_number(value)
                    else _cast(recorder.variable(value, OPS["assign"], "X"), v.dtype)
                )
                if inner.name in own and inner.name != v.name:  # another loop variable, as it was when the trip began
                    inner = call("assign", inner)
            writes.append((inner.name, v.name))
            if v.name in mutated and mutated[v.name][1] is value and isinstance_strict(leaf.start, Variable):
                in_place.append((leaf.start, v))
                after.append(leaf.start)
            else:
                after.append(v)
        result[name] = tree.pack(values[name] if isinstance(start[name], Undefined) else start[name], after)
    for outside, inner in region.results:
        if outside.name in own or outside.kind != "LOD_TENSOR":
            continue
        carried = _declared(block, outside)
        _assign(block, outside.name, carried.name)
        for op in body.ops:
            rename(op, outside.name, carried.name)
        writes.append((inner.name, carried.name))
        in_place.append((outside, carried))
    going = _declared(block, pred)
    _assign(block, pred.name, going.name)
    for source, target in writes:
        _assign(body, source, target)
    _assign(body, again.name, going.name)
    stack = user_callstack()
    reads = [n for n in dict.fromkeys([*outer_reads(body), *(t for _, t in writes)]) if n != going.name]
    block.append_op(
        "while", {"X": reads, "Condition": going}, {"Out": outer_writes(body), "StepScopes": _carrier(block)},
        {"sub_block": body.idx, "is_test": False}, callstack=stack,
    )  # fmt: skip
    for outside, carried in in_place:
        recorder.in_place(outside, carried)
    program.touch()
    return result


# --- arrays of tensors


class TensorArray:
    """A list of Tensors that grows while a Program runs. It behaves like the list as far as a Program can express it.

    count: how many entries the list has, int64 [1], once something was taken out of it: the array keeps its size, and later appends
    write over what lies behind the end. None while the size of the array is that of the list. depth: how many blocks deep
    `count` is carried from block to block.
    """

    filled = True
    count: Any = None

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        self.depth = len(context.recorder.regions)

    @classmethod
    def of(cls, items: Sequence[Any]) -> TensorArray:
        """An array with the Tensors of a Python list."""
        recorder = context.recorder
        block = recorder.block
        name = recorder.program.fresh_name("_generated_var")
        made = cls(block.create_var(name, (), dtypes.default_dtype(), kind="LOD_TENSOR_ARRAY"))
        made.variable._stop_gradient = False
        made.filled = False
        for i, item in enumerate(items):
            made.write(number(i, dtypes.int64), item)
        return made

    def write(self, i: Any, x: Any) -> None:
        """Set entry `i`."""
        recorder = context.recorder
        x = number(x) if is_number(x) else recorder.variable(x, OPS["write_to_array"], "X")
        v = self.variable
        if not self.filled:
            v._shape, v._dtype, self.filled = x._shape, x._dtype, True
        elif v._shape != x._shape:
            v._shape = _common_shape(v._shape, x._shape)[0]
        recorder.block.append_op("write_to_array", {"X": x, "I": i}, {"Out": v}, {}, callstack=user_callstack())

    def append(self, x: Any) -> None:
        """Add an entry at the end."""
        if self.count is None:
            self.write(self.length(), x)
            return
        self._check_depth("append")
        self.write(self.count, x)
        self.count = _plus(self.count, 1)

    def extend(self, items: Any) -> None:
        """Add several entries."""
        for x in items:
            self.append(x)

    def length(self) -> Any:
        """The number of entries, int64 [1]."""
        if self.count is not None:
            return self.count
        v = self.variable
        recorder = context.recorder
        out = recorder.block.create_var(recorder.program.fresh_name("lod_array_length") + ".tmp_0", (1,), dtypes.int64)
        out._stop_gradient = True
        recorder.block.append_op("lod_array_length", {"X": v}, {"Out": out}, {}, callstack=user_callstack())
        return out

    def counted(self) -> Any:
        """The number of entries, to be carried by itself from now on."""
        if self.count is None:
            self.count = self.length() if self.filled else _constant(0)
        return self.count

    def read(self, i: Any) -> Any:
        """Entry `i`."""
        recorder = context.recorder
        v = self.variable
        i = self._position(i)
        out = recorder.block.create_var(recorder.program.fresh_name("array_read") + ".tmp_0", v._shape, v._dtype)
        out._stop_gradient = v._stop_gradient
        recorder.block.append_op("read_from_array", {"X": v, "I": i}, {"Out": out}, {}, callstack=user_callstack())
        return out

    def _position(self, i: Any, beyond: int = 0) -> Any:
        """Where entry `i` lies; checked when the Program runs where the array is longer than the list."""
        if is_number(i):
            i = number(int(i), dtypes.int64) if i >= 0 else call("scale", self.length(), bias=float(i))
        if self.count is not None:
            position = _int64(i)
            inside = call("less_than", position, _plus(self.count, beyond))
            fits = call("logical_and", inside, call("greater_equal", position, _constant(0)))
            context.recorder.append(
                OPS["assert"], [fits, []], {"message": "the index is outside of the list", "error": "IndexError"}
            )
        return i

    def __getitem__(self, i: Any) -> Any:
        return self.sliced(i) if isinstance(i, slice) else self.read(i)

    def __setitem__(self, i: Any, x: Any) -> None:
        if isinstance(i, slice):
            self._fail("assignment to a slice")
        if self.count is not None:
            i = self._position(i)
        self.write(number(int(i), dtypes.int64) if is_number(i) else i, x)

    def sliced(self, part: slice) -> TensorArray:
        """A new array with the entries of a slice, whose step must be a number."""
        stride = 1 if part.step is None else part.step
        if not is_number(stride) or stride == 0:
            self._fail("a slice with such a step")
        n = self.length()
        back = stride < 0
        if back:
            end = _plus(n, -1)
            first = end if part.start is None else call("elementwise_min", _bound(part.start, n, -1), end)
            last = _constant(-1) if part.stop is None else call("elementwise_min", _bound(part.stop, n, -1), end)
        else:
            first = _constant(0) if part.start is None else _bound(part.start, n)
            last = n if part.stop is None else _bound(part.stop, n)
        more = "greater_than" if back else "less_than"
        made = TensorArray.of([])

        def step(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            made.append(TensorArray.read(_Whole(self.variable), values["i"]))
            following = _plus(values["i"], int(stride))
            return call(more, following, last), {"i": following}

        record_loop(context.recorder, call(more, first, last), {"i": first}, step)
        return made

    def __reversed__(self) -> TensorArray:
        return self.sliced(slice(None, None, -1))

    def reverse(self) -> None:
        """Turn the order of the entries around."""
        turned = self.sliced(slice(None, None, -1))
        n = self.length()

        def step(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            self.write(values["i"], turned.read(values["i"]))
            following = _plus(values["i"], 1)
            return call("less_than", following, n), {"i": following}

        first = _constant(0)
        record_loop(context.recorder, call("less_than", first, n), {"i": first}, step)

    def pop(self, i: Any = -1) -> Any:
        """Take entry `i` out and return it."""
        self._check_depth("pop")
        n = self.counted()
        position = _int64(self._position(i))
        item = self.read(position)
        if i != -1 if is_number(i) else True:  # those behind it move up
            last = _plus(n, -1)

            def step(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
                following = _plus(values["i"], 1)
                self.write(values["i"], TensorArray.read(_Whole(self.variable), following))
                return call("less_than", following, last), {"i": following}

            record_loop(context.recorder, call("less_than", position, last), {"i": position}, step)
        self.count = _plus(n, -1)
        return item

    def insert(self, i: Any, x: Any) -> None:
        """Put `x` before entry `i`."""
        self._check_depth("insert")
        n = self.counted()
        position = _bound(i, n)

        def step(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            before = _plus(values["i"], -1)
            self.write(values["i"], TensorArray.read(_Whole(self.variable), before))
            return call("greater_than", before, position), {"i": before}

        record_loop(context.recorder, call("greater_than", n, position), {"i": n}, step)
        self.write(position, x)
        self.count = _plus(n, 1)

    def clear(self) -> None:
        """Take all entries out."""
        self._check_depth("clear")
        self.count = _constant(0)

    def _check_depth(self, what: str) -> None:
        if len(context.recorder.regions) > self.depth:
            self._fail(f"{what} inside of a branch or loop, by a function that it calls or under another name,")

    def joined(self, axis: int, use_stack: bool) -> tuple[Any, Any]:
        """All entries as one Tensor, and their sizes along `axis`."""
        if self.count is not None:
            return self.sliced(slice(None)).joined(axis, use_stack)
        recorder = context.recorder
        v = self.variable
        shape = list(v._shape)
        if use_stack:
            shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, -1)
        elif shape:
            shape[axis] = -1
        base = recorder.program.fresh_name("tensor_array_to_tensor")
        out = recorder.block.create_var(base + ".tmp_0", shape, v._dtype)
        out._stop_gradient = v._stop_gradient
        index = recorder.block.create_var(base + ".tmp_1", (-1,), dtypes.int32)
        index._stop_gradient = True
        recorder.block.append_op(
            "tensor_array_to_tensor", {"X": v}, {"Out": out, "OutIndex": index}, {"axis": int(axis), "use_stack": use_stack},
            callstack=user_callstack(),
        )  # fmt: skip
        return out, index

    def _fail(self, what: str) -> Any:
        raise TracingError(
            coded("D2S107", f"{what} of a list that grows in a loop on a Tensor",
                  "append, insert, pop, clear, reverse, indexing, slices, len, paddle.concat and paddle.stack are "
                  "known while the Program is made; do the rest with Tensors")
        )  # fmt: skip

    def __iter__(self) -> Any:
        return self._fail("iteration")

    def __len__(self) -> int:
        return int(self._fail("len()"))

    def __bool__(self) -> bool:
        return bool(self._fail("the truth value"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._fail(f"{name}")


class _Whole(TensorArray):
    """The array of a list, without the checks of the list's own end."""


def _constant(value: int) -> Variable:
    made: Variable = call("fill_constant", shape=[1], dtype=dtypes.int64.proto, value=float(value), str_value=str(value))
    return made


def _plus(v: Variable, n: int) -> Variable:
    made: Variable = v if n == 0 else call("scale", v, bias=float(n))
    return made


def _int64(value: Any) -> Variable:
    """A number or a Tensor of one element as int64 [1]."""
    if is_number(value):
        return _constant(int(value))
    v = context.recorder.variable(value, OPS["assign"], "X")
    return _cast(v if v._shape == (1,) else call("reshape2", v, shape=[1])[0], dtypes.int64)


def _bound(value: Any, n: Variable, lowest: int = 0) -> Variable:
    """The bound of a slice of a list of `n` entries, as Python reads it: negative ones count from the end, down to `lowest`."""
    if is_number(value) and value >= 0:
        limited: Variable = call("elementwise_min", _constant(int(value)), n)
        return limited
    if is_number(value):
        v = _plus(n, int(value))
    else:
        v = _int64(value)
        negative = _cast(call("less_than", v, _constant(0)), dtypes.int64)
        v = call("elementwise_min", call("elementwise_add", v, call("elementwise_mul", n, negative)), n)
    made: Variable = call("elementwise_max", v, _constant(lowest))
    return made


# --- Paddle's functions


def _check_callable(function: Any, what: str) -> None:
    if function is not None and not callable(function):
        raise TypeError(f"The {what} in cond must be callable, but received {type(function).__name__}")


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
    return_names: Any = None,
) -> Any:
    """``true_fn()`` where the bool Tensor `pred` (one element) holds, else ``false_fn()``; a missing function gives None.

    While a Program is recorded both become blocks, and their results must have one structure. TypeError for a `pred` of
    another type or functions that are not callable.
    """
    _check_callable(true_fn, "true_fn")
    _check_callable(false_fn, "false_fn")
    recorder = context.recorder
    if recorder is None or not isinstance_strict(pred, TensorBase):
        if not isinstance_strict(pred, TensorBase) and not isinstance(pred, (bool, np.bool_)):
            raise TypeError(f"The type of 'pred' in cond must be Tensor or bool, but received {type(pred).__name__}")
        chosen = true_fn if bool(pred) else false_fn
        return None if chosen is None else chosen()
    if pred.dtype is not dtypes.bool_:
        raise TypeError(f"The data type of 'pred' in cond must be bool, but received {pred.dtype.name}")
    return record_branches(recorder, pred, true_fn or _nothing, false_fn or _nothing)


def _nothing() -> None:
    return None


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, is_test: bool = False, name: str | None = None
) -> list[Any]:
    """Repeat ``loop_vars = body(*loop_vars)`` while ``cond(*loop_vars)``, a bool Tensor of one element, holds.

    loop_vars: non-empty list or tuple of Tensors, numbers or nested structures of them. Returns them as a list. TypeError or
    ValueError for wrong arguments, or when the body gives another number of values.
    """
    if not callable(cond):
        raise TypeError("cond in while_loop should be callable")
    if not callable(body):
        raise TypeError("body in while_loop should be callable")
    if not isinstance(loop_vars, (list, tuple)):
        raise TypeError(
            f"The type of 'loop_vars' in while_loop must be list or tuple, but received {type(loop_vars).__name__}"
        )
    if len(loop_vars) == 0:
        raise ValueError("loop_vars in while_loop should not be empty")
    recorder = context.recorder
    values = list(loop_vars)
    whole = len(values) == 1 and isinstance(values[0], (list, tuple))  # the body may give that one list as it is

    def advance(values: list[Any]) -> list[Any]:
        found = body(*values)
        found = list(found) if isinstance(found, (list, tuple)) and not (whole and len(found) != 1) else [found]
        if len(found) != len(values):
            raise ValueError(
                f"body in while_loop should return the same arity (length and structure) as loop_vars: {len(values)}, got {len(found)}"
            )
        return found

    holds = cond(*values)
    if not (recorder is not None and recorder.tracing) and not isinstance_strict(holds, TensorBase):
        raise TypeError(f"cond in while_loop should return a bool Tensor, but received {type(holds).__name__} {holds!r}")
    if recorder is None or not isinstance_strict(holds, TensorBase):
        while bool(holds):
            values = advance(values)
            holds = cond(*values)
        return values
    if holds.dtype is not dtypes.bool_:
        raise TypeError(f"the variable that cond in while_loop returns must be bool, but received {holds.dtype.name}")
    if any(n not in (1, -1) for n in holds.static_shape):
        raise TypeError(f"the variable that cond in while_loop returns must have one element, but its shape is {list(holds.static_shape)}")
    names = [f"loop_vars[{i}]" for i in range(len(values))]

    def step(begun: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        found = advance([begun[n] for n in names])
        return cond(*found), dict(zip(names, found, strict=True))

    try:
        after = record_loop(recorder, holds, dict(zip(names, values, strict=True)), step)
    except Peel as error:
        raise TracingError(error.message) from None
    return [after[n] for n in names]


def case(pred_fn_pairs: Any, default: Callable[[], Any] | None = None, name: str | None = None) -> Any:
    """The result of the first function whose bool Tensor holds: a list of (predicate, function) pairs.

    `default` is used when none holds; without it the last function. TypeError for arguments of another form.
    """
    if not isinstance(pred_fn_pairs, (list, tuple)):
        raise TypeError(
            f"The type of 'pred_fn_pairs' in case must be list or tuple, but received {type(pred_fn_pairs).__name__}"
        )
    for pair in pred_fn_pairs:
        if not isinstance(pair, tuple):
            raise TypeError(
                f"The elements' type of 'pred_fn_pairs' in case must be tuple, but received {type(pair).__name__}"
            )
        if len(pair) != 2:
            raise TypeError(f"The tuple's size of 'pred_fn_pairs' in case must be 2, but received {len(pair)}")
        if not isinstance_strict(pair[0], TensorBase) and not isinstance(pair[0], bool):
            raise TypeError(
                f"The pred's type of 'pred_fn_pairs' in case must be boolean Variable, but received {type(pair[0]).__name__}"
            )
        if not callable(pair[1]):
            raise TypeError("The fn for pred in 'pred_fn_pairs' of case must be callable")
    if default is not None and not callable(default):
        raise TypeError("The default in case must be callable")
    pairs = list(pred_fn_pairs)
    last = default if default is not None else pairs.pop()[1]
    result = last
    for pred, function in reversed(pairs):

        def chosen(pred: Any = pred, function: Any = function, rest: Any = result) -> Any:
            return cond(pred, function, rest)

        result = chosen
    return result()


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None, name: str | None = None
) -> Any:
    """The result of the function with number `branch_index` (an integer Tensor of one element).

    branch_fns: a dict index -> function, a list of functions, or a list of (index, function). Any other index runs
    `default`; without it the function with the largest index. TypeError or ValueError for arguments of another form.
    """
    if not isinstance_strict(branch_index, TensorBase):
        raise TypeError(
            f"The type of 'branch_index' in switch_case must be Tensor, but received {type(branch_index).__name__}"
        )
    if branch_index.dtype not in (dtypes.uint8, dtypes.int32, dtypes.int64):
        raise TypeError(
            f"The data type of 'branch_index' in switch_case must be uint8, int32 or int64, but received {branch_index.dtype.name}"
        )
    if not isinstance(branch_fns, (list, tuple, dict)):
        raise TypeError(
            f"The type of 'branch_fns' in switch_case must be list, tuple or dict, but received {type(branch_fns).__name__}"
        )
    items = list(branch_fns.items()) if isinstance(branch_fns, dict) else list(branch_fns)
    if items and all(callable(f) for f in items):
        items = list(enumerate(items))
    seen: set[int] = set()
    for item in items:
        if not isinstance(item, tuple) or len(item) != 2:
            raise TypeError(
                f"The elements' type of 'branch_fns' in switch_case must be a tuple of an int and a function, but received {item!r}"
            )
        if not isinstance(item[0], int):
            raise TypeError(
                f"The key's type of 'branch_fns' in switch_case must be int, but received {type(item[0]).__name__}"
            )
        if not callable(item[1]):
            raise TypeError(
                f"The type of function for key {item[0]} in switch_case must be callable, but received {type(item[1]).__name__}"
            )
        if item[0] in seen:
            raise ValueError(f"The key in 'branch_fns' of switch_case must be unique, but {item[0]} appears twice")
        seen.add(item[0])
    if default is not None and not callable(default):
        raise TypeError("The default in switch_case must be callable")
    items.sort(key=lambda item: item[0])
    if default is None:
        default = items.pop()[1]
    if context.recorder is None:
        index = int(branch_index)  # type: ignore[call-overload]
        chosen = dict(items).get(index, default)
        return chosen()  # type: ignore[misc]
    pairs = [(call("equal", branch_index, number(i, branch_index.dtype)), f) for i, f in items]
    return case(pairs, default) if pairs else default()


def Assert(cond: Any, data: Sequence[Any] | None = None, summarize: int = 20, name: str | None = None) -> None:
    """Stop with an error (ValueError, AssertionError) unless the bool Tensor `cond` holds; `data` is shown then."""
    if context.recorder is None:
        if not bool(cond):
            OPS["assert"].forward(np, np.asarray(False), [np.asarray(d) for d in data or []], summarize=summarize)
        return
    recorder = context.recorder
    if not recorder.tracing and not isinstance_strict(cond, TensorBase):
        raise TypeError(f"The type of 'cond' in Assert must be Variable, but received {type(cond).__name__}")
    if not recorder.tracing and cond.dtype is not dtypes.bool_:
        raise TypeError(f"The data type of 'cond' in Assert must be bool, but received {cond.dtype.name}")
    recorder.append(OPS["assert"], [_cast(cond, dtypes.bool_), list(data or [])], {"summarize": summarize})


def Print(
    input: Any, first_n: int = -1, message: str | None = None, summarize: int = 20, print_tensor_name: bool = True,
    print_tensor_type: bool = True, print_tensor_shape: bool = True, print_tensor_layout: bool = True,
    print_tensor_lod: bool = True, print_phase: str = "both",
) -> Any:  # fmt: skip
    """Print a Tensor whenever the Program runs; returns it. `summarize` elements are shown, all of them for -1."""
    return call(
        "print", input, first_n=first_n, message=message or "", summarize=summarize, print_tensor_name=print_tensor_name,
        print_tensor_type=print_tensor_type, print_tensor_shape=print_tensor_shape, print_tensor_layout=print_tensor_layout,
        print_tensor_lod=print_tensor_lod, print_phase=print_phase.upper(),
    )  # fmt: skip


def create_array(dtype: Any, initialized_list: Sequence[Any] | None = None) -> Any:
    """A list of Tensors: a Python list in dynamic mode, a `TensorArray` while a Program is recorded."""
    if initialized_list is not None and not isinstance(initialized_list, (list, tuple)):
        raise TypeError(f"initialized_list must be a list or tuple of Tensors, but received {type(initialized_list).__name__}")
    items = list(initialized_list or [])
    for item in items:
        if not isinstance_strict(item, TensorBase):
            raise TypeError(f"the entries of initialized_list must be Tensors, but received {type(item).__name__}")
    if context.recorder is None:
        return items
    made = TensorArray.of(items)
    if not items:
        made.variable._dtype = dtypes.as_dtype(dtype)
    return made


def array_write(x: Any, i: Any, array: Any = None) -> Any:
    """Write Tensor `x` at position `i` (an integer Tensor of one element); returns the array, a new one if none is given."""
    array = create_array(x.dtype) if array is None else array
    if isinstance(array, list):
        at = int(i)
        if at > len(array):
            raise MisusedTensorError(f"array_write: the position {at} must not be greater than the length {len(array)}")
        array[at : at + 1] = [x]
        return array
    array.write(i, x)
    return array


def array_read(array: Any, i: Any) -> Any:
    """The Tensor at position `i`."""
    return array[int(i)] if isinstance(array, list) else array.read(i)


def array_length(array: Any) -> Any:
    """The number of entries: int64 [1], or an int in dynamic mode as in Paddle."""
    if not isinstance(array, list) and not hasattr(array, "length"):
        raise TypeError(f"array_length takes an array (create_array), got {type(array).__name__}")
    return len(array) if isinstance(array, list) else array.length()


# --- copying operators of another Program


def copy_operator(recorder: Any, op: Any, env: dict[str, Any], training: bool = False) -> None:
    """Append a copy of an operator of another Program, with the blocks it holds. env: its names -> values here, extended.

    training: `is_test` is switched off.
    """
    block = recorder.block
    inner = inner_block(op)

    def read(name: str) -> str:
        if name == EMPTY:
            return name
        return str(recorder.variable(env[name], OPS["assign"], "X").name)

    def declare(name: str) -> str:
        v = resolve(op.block, name)
        if v is None:
            return EMPTY
        base = "".join(c if c.isalnum() or c in "._" else "_" for c in name.split(".tmp_")[0])
        made = block.create_var(
            recorder.program.fresh_name(base), v._shape, v._dtype, kind=v.kind, lod_level=v.lod_level
        )
        made._stop_gradient, made.cut = v._stop_gradient, v.cut
        env[name] = made
        return str(made.name)

    attrs = dict(op.attrs)
    if training and attrs.get("is_test"):
        attrs["is_test"] = False
    made_block = None
    if inner is not None:
        for name in outer_writes(inner):
            found = env.get(name)
            if found is None:
                declare(name)
            elif (
                isinstance_strict(found, TensorBase)
                and not (isinstance_strict(found, Tensor) or found.persistable)
                and found.kind == "LOD_TENSOR"
            ):
                fresh = _declared(block, found)  # what is written over must not be a value of somebody else
                _assign(block, found.name, fresh.name)
                env[name] = fresh
        made_block = recorder.program.create_block()
        own = dict(env)
        for o in inner.ops:
            copy_operator(recorder, o, own, training)
        recorder.program.current_block_idx = block.idx
        attrs["sub_block"] = made_block.idx
    inputs = {slot: [read(n) for n in names if n in env or n == EMPTY] for slot, names in op.inputs.items()}
    outputs: dict[str, list[str]] = {}
    overwrites = inner is not None or op.type in ARRAY_WRITES or op.block.idx
    for slot, names in op.outputs.items():
        outputs[slot] = []
        for n in names:
            kept = (
                overwrites
                and n in env
                and (inner is not None or op.type in ARRAY_WRITES or n not in op.block.vars or env[n].block is block)
            )
            outputs[slot].append(EMPTY if n == EMPTY else read(n) if kept else declare(n))
    made_op = block.append_op(op.type, inputs, outputs, attrs, attr_types=dict(op.attr_types), callstack=list(op.callstack))
    made_op.extra = dict(op.extra)

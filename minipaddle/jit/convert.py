"""What rewritten functions call (as ``_jst``): on Python values exactly what Python does, on Tensors operators with blocks.

Each helper first asks whether a Tensor of the trace decides; if not, it runs the branch or loop as Python would.
"""

from __future__ import annotations

import collections
import functools
import inspect
import operator
import os
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..core.callsite import user_location
from ..core.context import context
from ..core.control_flow import (
    UNDEFINED_VALUE,
    Grown,
    Peel,
    TensorArray,
    Unknown,
    grown,
    is_number,
    is_undefined,
    number,
    record_branches,
    record_loop,
)
from ..core.control_flow import (
    call as record,
)
from ..core.program import Variable
from ..core.report import coded, lines_of
from ..core.tensor import Tensor, TensorBase, isinstance_strict
from ..errors import TracingError
from ..nn.layer.layers import Layer
from ..ops.registry import OPS
from ..tensor import manipulation
from ..utils import tree
from .ast_transform import HELPERS, MUTATORS, Rewritten, last_return, rewrite

__all__ = [
    "Assert", "For", "If", "IfExp", "While", "and_", "call", "compare", "container", "convert_function", "data", "held", "is_rewritten",
    "not_", "or_", "owner", "read", "truth", "wrote",
]  # fmt: skip


# --- which functions are rewritten


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = tuple({os.path.abspath(p) + os.sep for k in ("stdlib", "platstdlib") if (p := sysconfig.get_path(k))})
_SITE = tuple({os.path.abspath(p) + os.sep for k in ("purelib", "platlib") if (p := sysconfig.get_path(k))})
_LEFT_ALONE = {"numpy", "scipy", "cupy", "google", "pytest", "_pytest", "pluggy", "matplotlib", "PIL", "minipaddle"}
ignored_modules: set[str] = set()

_made: dict[Any, Rewritten | None] = {}
_codes: set[types.CodeType] = set()  # code objects that are rewritten already


def _register(code: types.CodeType) -> None:
    _codes.add(code)
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            _register(c)


def is_rewritten(code: types.CodeType) -> bool:
    """Whether the code object comes from `rewrite`."""
    return code in _codes


def _is_library(function: types.FunctionType) -> bool:
    module = (getattr(function, "__module__", None) or "").split(".")[0]
    if module in _LEFT_ALONE or any(
        (getattr(function, "__module__", None) or "").startswith(m) for m in ignored_modules
    ):
        return True
    file = function.__code__.co_filename
    if file.startswith(_PACKAGE):
        return True
    return file.startswith(_STANDARD) and not file.startswith(_SITE)


def _wraps_user_code(function: types.FunctionType) -> bool:
    """Whether a decorator of a library (`no_grad()`, `contextmanager`, ...) made the function around one of the user's."""
    inner = getattr(function, "__wrapped__", None)
    while isinstance(inner, types.FunctionType):
        if not _is_library(inner):
            return True
        inner = getattr(inner, "__wrapped__", None)
    return False


def rewritten_form(function: types.FunctionType) -> Rewritten | None:
    """The rewritten form of a function, made once for its code object."""
    code = function.__code__
    if code not in _made:
        found = _made[code] = rewrite(function)
        if found is not None:
            _register(found.code)
    return _made[code]


def rewritten_forms() -> list[tuple[types.CodeType, Rewritten]]:
    """(code of the user's function, its rewritten form) for all functions rewritten so far."""
    return [(code, form) for code, form in _made.items() if form is not None]


def convert_function(function: Any, main: bool = False) -> Any:
    """The function or method with its control flow rewritten; itself where that is not possible or not wanted.

    main: the traced function itself, which is rewritten even when it belongs to a library.
    """
    if isinstance(function, types.MethodType):
        inner = function.__func__
        done = convert_function(inner, main)
        return function if done is inner else types.MethodType(done, function.__self__)
    if isinstance(function, functools.partial):
        done = convert_function(function.func)
        return function if done is function.func else functools.partial(done, *function.args, **function.keywords)
    if not isinstance(function, types.FunctionType):
        return function
    if (
        function.__code__ in _codes
        or getattr(function, "_not_to_static", False)
        or (not main and _is_library(function) and not _wraps_user_code(function))
    ):
        return function
    form = rewritten_form(function)
    if form is None:
        return function
    notes = context.recorder.notes if context.recorder is not None else None
    if notes is not None and function.__qualname__ not in notes.code:
        notes.code[function.__qualname__] = form.text
        log(2, f"to_static rewrites {function.__qualname__} ({function.__code__.co_filename}:{function.__code__.co_firstlineno})")
        log(3, lambda: "".join(inspect.getsourcelines(function)[0]).rstrip())
        log_code(form)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[HELPERS] = types.CellType(sys.modules[__name__])
    try:
        closure = tuple(cells[n] for n in form.code.co_freevars)
    except KeyError:
        return function
    made = types.FunctionType(form.code, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__dict__.update(function.__dict__)
    made.__qualname__, made.__module__, made.__doc__ = function.__qualname__, function.__module__, function.__doc__
    return made


# --- showing the code


class Log:
    code_level = -1
    code_to_stdout = False
    verbosity = 0
    verbosity_to_stdout = False


def log_code(form: Rewritten) -> None:
    """Show a rewritten function, when the user asked for it (`set_code_level`)."""
    level = Log.code_level if Log.code_level >= 0 else _level("TRANSLATOR_CODE_LEVEL")
    if level > 0:
        (sys.stdout if Log.code_to_stdout else sys.stderr).write(
            f"After the rewriting, the code of {form.name}:\n{form.text}\n"
        )


def log(level: int, text: str | Callable[[], str]) -> None:
    """A log line, or a function that makes it, when the user asked for that much (`set_verbosity`)."""
    if max(Log.verbosity, _level("TRANSLATOR_VERBOSITY")) >= level:
        (sys.stdout if Log.verbosity_to_stdout else sys.stderr).write((text if isinstance(text, str) else text()) + "\n")


def _level(name: str) -> int:
    try:
        return int(os.environ.get(name, "0"))
    except ValueError:
        return 0


# --- state read from outside


def read(path: str, getter: Callable[[], Any]) -> Any:
    """A global variable, a variable of an enclosing function, or an attribute: noted where it is a plain value."""
    value = getter()
    recorder = context.recorder
    if recorder is not None and recorder.tracing and recorder.notes is not None:
        recorder.notes.saw(path, getter, value)
    return value


# --- truth


def symbolic(value: Any) -> bool:
    """Whether the value is known only when the Program runs."""
    if isinstance_strict(value, Variable):
        return True
    recorder = context.recorder
    return recorder is not None and recorder.tracing and isinstance_strict(value, Tensor)


def _variable(value: Any) -> Variable:
    return context.recorder.variable(value, OPS["assign"], "X")


def _truth(value: Any) -> Variable:
    v = number(bool(value)) if not isinstance_strict(value, TensorBase) else _variable(value)
    return v if v.dtype is dtypes.bool_ else record("cast", v, in_dtype=v.dtype.proto, out_dtype=dtypes.bool_.proto)


def and_(value: Any, *later: Callable[[], Any]) -> Any:
    """``a and b and ...``."""
    for thunk in later:
        if not symbolic(value):
            if not value:
                return value
            value = thunk()
        else:
            value = _both("logical_and", value, thunk)
    return value


def or_(value: Any, *later: Callable[[], Any]) -> Any:
    """``a or b or ...``."""
    for thunk in later:
        if not symbolic(value):
            if value:
                return value
            value = thunk()
        else:
            value = _both("logical_or", value, thunk)
    return value


def _both(op: str, left: Any, thunk: Callable[[], Any]) -> Any:
    v = _variable(left)
    if v.dtype is not dtypes.bool_:  # the value of one of them, as in Python
        if op == "logical_or":
            return record_branches(context.recorder, v, lambda: v, thunk)
        return record_branches(context.recorder, v, thunk, lambda: v)
    right = thunk()
    if right is True and op == "logical_and" or right is False and op == "logical_or":
        return v
    if not isinstance_strict(right, TensorBase) and not is_number(right):
        raise TracingError(
            coded("D2S105", f"`{op[8:]}` of a Tensor and {type(right).__name__} {str(right)[:40]!r}: the result would be one or the other",
                  "compare first, so that both sides are True or False")
        )  # fmt: skip
    return record(op, v, _truth(right))


def truth(value: Any) -> Any:
    """A part of a test, of which only the truth counts: a bool Tensor for a Tensor, else a bool."""
    value = _filled(value)
    return _truth(value) if symbolic(value) else bool(value)


def data(value: Any) -> Any:
    """``value.numpy()`` where it decides what a branch or loop does: a symbolic Tensor stands for its data, as in Paddle."""
    return value if isinstance_strict(value, Variable) else value.numpy()


def _filled(value: Any) -> Any:
    """A condition; for a list that grew in a loop on a Tensor whether it has entries."""
    array = grown(value)
    return _len(array) > 0 if isinstance(array, TensorArray) else value


def not_(value: Any) -> Any:
    """``not a``."""
    value = _filled(value)
    return record("logical_not", _truth(value)) if symbolic(value) else not value


def _settled(value: Any) -> Any:
    """The value; refused for a dict that has some of its entries only where a branch on a Tensor went one way."""
    if type(value) is dict:
        for key, entry in value.items():
            leaf = entry
            while type(leaf) in (list, tuple, dict) and leaf:
                leaf = next(iter(leaf.values() if isinstance(leaf, dict) else leaf))
            if type(leaf) is Unknown or isinstance_strict(leaf, Variable) and getattr(leaf, "of_one_branch", False):
                raise TracingError(
                    coded("D2S105", f"the keys of a dict are asked for, which has {key!r} after one branch of a condition on a Tensor only",
                          "give it that entry before the branch or in both branches")
                )  # fmt: skip
    return value


def _contains(items: Any, value: Any) -> Any:
    """``value in items``; for a list or tuple with Tensors a comparison with each."""
    _settled(items)
    if not isinstance(items, (list, tuple)) or not (symbolic(value) or any(map(symbolic, items))):
        return value in items
    return _any([True if item is value else item == value for item in items])


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge, "Eq": operator.eq, "NotEq": operator.ne,
    "Is": operator.is_, "IsNot": operator.is_not, "In": lambda a, b: _contains(b, a), "NotIn": lambda a, b: not_(_contains(b, a)),
}  # fmt: skip


def compare(ops: Sequence[str], left: Any, right: Any, *later: Callable[[], Any]) -> Any:
    """``a < b < c``: each value is found once, and only as far as needed."""
    result = _COMPARE[ops[0]](left, right)
    for op, thunk in zip(ops[1:], later, strict=True):
        if not symbolic(result) and not result:
            return result
        left, right = right, thunk()
        following = _COMPARE[op](left, right)
        if symbolic(result):
            result = record("logical_and", _truth(result), _truth(following))
        else:
            result = following
    return result


def IfExp(test: Any, then: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """``then if test else orelse``."""
    test = _filled(test)
    if not symbolic(test):
        return then() if test else orelse()
    with _recursion(then):
        return record_branches(context.recorder, test, then, orelse)


# --- the variables of a block


class _State:
    """Reads and writes the variables that a block may change."""

    def __init__(
        self, names: Sequence[str] = (), scope: Callable[[], Any] | None = None, changed: Sequence[str] = (), growing: Sequence[str] = (),
        attributes: Sequence[str] = (), dead: Sequence[str] = (), shrinking: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.cells: dict[str, Any] = {}
        self.globals: dict[str, Any] = {}
        if scope is not None:
            self.cells = dict(zip(scope.__code__.co_freevars, scope.__closure__ or (), strict=True))
            self.globals = scope.__globals__
        self.growing, self.shrinking = set(growing), set(shrinking)
        containers = [n for n in changed if n not in names and n not in attributes and _is_container(self.get(n))]
        self.attributes = [p for p in attributes if not self._is_buffer(p)]
        self.names = [*names, *containers, *self.attributes]
        self.dead = [n for n in dead if n not in self.names]

    def read_name(self, name: str) -> Any:
        """Value of a variable, the mark for none if it has none."""
        cell = self.cells.get(name)
        if cell is None:
            return self.globals.get(name, UNDEFINED_VALUE)
        try:
            return grown(cell.cell_contents)
        except ValueError:
            return UNDEFINED_VALUE

    def _owner(self, path: str) -> tuple[Any, str]:
        root, *parts = path.split(".")
        at = self.read_name(root)
        for part in parts[:-1]:
            at = getattr(at, part, UNDEFINED_VALUE)
        return at, parts[-1]

    def _is_buffer(self, path: str) -> bool:
        """Buffers are written by operators, not by assignment."""
        at, name = self._owner(path)
        value = getattr(at, name, None) if not is_undefined(at) else None
        return isinstance_strict(value, Tensor) and isinstance(at, Layer) and name in at._buffers

    def get(self, name: str) -> Any:
        """Value of a variable or attribute."""
        if "." not in name:
            return self.read_name(name)
        at, attribute = self._owner(name)
        if is_undefined(at):
            return UNDEFINED_VALUE
        return grown(getattr(at, attribute, UNDEFINED_VALUE))

    def set(self, name: str, value: Any) -> None:
        """Give a variable or attribute a value, or none."""
        if "." in name:
            at, attribute = self._owner(name)
            if is_undefined(at):
                return
            if not is_undefined(value):
                setattr(at, attribute, value)
            elif hasattr(at, attribute):
                delattr(at, attribute)
            return
        cell = self.cells.get(name)
        if cell is None:
            if is_undefined(value):
                self.globals.pop(name, None)
            else:
                self.globals[name] = value
        elif not is_undefined(value):
            cell.cell_contents = value
        else:
            try:
                del cell.cell_contents
            except ValueError:
                pass

    def all(self) -> dict[str, Any]:
        """All values."""
        return {n: self.get(n) for n in self.names}

    def container_at(self, path: str) -> str | None:
        """The variable or attribute of this block that holds the list or dict at `path`, which is to be one of its values, too."""
        parts = re.split(r"[\[{]", path, maxsplit=1)[0].split(".")
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            if type(self.get(name)) in (list, dict):
                return name if name not in self.names and parts[0] in self.cells else None
        return None

    def counts(self, values: dict[str, Any]) -> _Counts:
        """The lists among the values that grew in a loop and may lose entries in this block, or have lost some before."""
        arrays = {n: v for n, v in values.items() if isinstance(v, TensorArray)}
        return _Counts({
            n: v for n, v in arrays.items() if n in self.shrinking or (n in self.growing and v.count is not None)
        })

    def unread(self) -> dict[str, Any]:
        """Values of the variables that are assigned inside and not read afterwards."""
        return {n: self.read_name(n) for n in self.dead}

    def put(self, values: dict[str, Any]) -> None:
        """Set all values."""
        for n, v in values.items():
            self.set(n, v)

    def known(self, own: dict[str, Any]) -> Known:
        """What exists now and may be changed, by identity, without the containers that the block gets copies of."""
        found = Known()
        mine = {id(v) for v in own.values()}
        for name in self.names:
            if "." in name:
                at, attribute = self._owner(name)
                found.managed.add((id(at), attribute))
            else:
                cell = self.cells.get(name)
                found.managed.add((id(self.globals), name) if cell is None else (id(cell), ""))

        def look(path: str, value: Any, depth: int) -> None:
            if id(value) in found or depth > 3:
                return
            if isinstance(value, _FLAT):
                found[id(value)] = (path, value)
            elif isinstance(value, types.FunctionType) and not _is_library(value):  # what it closes over
                found[id(value)] = (path, value)
                for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
                    try:
                        look(name, cell.cell_contents, depth + 1)
                    except ValueError:
                        continue
            elif isinstance(value, types.MethodType):
                look(path.rpartition(".")[0] or path, value.__self__, depth)
            elif isinstance(value, (list, dict, set)):
                if id(value) not in mine:
                    found[id(value)] = (path, value)
                items = (
                    list(value.items())[:50]
                    if isinstance(value, dict)
                    else [(f"[{i}]", v) for i, v in enumerate(list(value)[:50])]
                )
                for key, item in items:
                    look(f"{path}{key}" if isinstance(value, list) else f"{path}[{key!r}]", item, depth + 1)
            elif (
                hasattr(value, "__dict__")
                and not isinstance(value, (type, types.ModuleType, types.FunctionType, TensorBase))
                and depth < 2
            ):
                found[id(value)] = (path, value)
                for prefix, one in _with_sublayers(path, value):
                    for key, item in list(vars(one).items())[:200]:
                        if not (isinstance(one, Layer) and key.startswith("_")):
                            look(f"{prefix}.{key}", item, depth + 1)

        for name in self.cells:
            look(name, self.read_name(name), 0)
        for name, value in list(self.globals.items()):
            if isinstance(value, (list, dict, set, *_FLAT)) and not name.startswith("__"):
                look(name, value, 2)
        return found


class _Counts:
    """The numbers of entries of such lists: hidden variables of a branch or loop."""

    def __init__(self, arrays: dict[str, TensorArray]) -> None:
        self.arrays = {f"length of {n!r}": v for n, v in arrays.items()}
        self.start = {n: v.counted() for n, v in self.arrays.items()}
        self.depths = {n: v.depth for n, v in self.arrays.items()}

    def enter(self) -> None:
        """A block begins that hands the numbers on."""
        for v in self.arrays.values():
            v.depth = len(context.recorder.regions)

    def put(self, values: dict[str, Any]) -> None:
        """The numbers a block begins with, or what they are after it."""
        for n, v in self.arrays.items():
            v.count = values[n]

    def get(self) -> dict[str, Any]:
        """The numbers now."""
        return {n: v.count for n, v in self.arrays.items()}

    def leave(self) -> None:
        """The blocks have ended."""
        for n, v in self.arrays.items():
            v.depth = self.depths[n]


_FLAT = (np.ndarray, collections.deque, bytearray)  # changed in place, and not looked into


class Known(dict[int, tuple[str, Any]]):
    """What existed before a block, by identity: (how to reach it, itself).

    managed: the variables and attributes that the block may change, as (identity of the owner, name).
    """

    def __init__(self) -> None:
        super().__init__()
        self.managed: set[tuple[int, str]] = set()


def _with_sublayers(path: str, value: Any) -> list[tuple[str, Any]]:
    """The object itself and, for a Layer, those inside of it."""
    if not isinstance(value, Layer):
        return [(path, value)]
    return [(f"{path}.{name}" if name else path, one) for name, one in value.named_sublayers(include_self=True)]


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, dict, TensorArray))


def _copied(value: Any) -> Any:
    """Lists and dicts copied, with those inside of them."""
    if type(value) is list:
        return [_copied(v) for v in value]
    if type(value) is dict:
        return {k: _copied(v) for k, v in value.items()}
    return value


def _written_back(original: Any, value: Any) -> Any:
    """The original list or dict with the new entries; other values as they are."""
    if type(original) is list and type(value) is list:
        original[:] = [_written_back(o, v) for o, v in zip(original, value, strict=False)] + value[len(original) :]
        return original
    if type(original) is dict and type(value) is dict:
        merged = {k: _written_back(original.get(k), v) for k, v in value.items()}
        original.clear()
        original.update(merged)
        return original
    return value


class _recursion:
    """Counts how often a branch on a Tensor is entered while it is recorded."""

    depth: dict[types.CodeType, int] = {}
    LIMIT = 30

    def __init__(self, function: Any) -> None:
        self.code = getattr(function, "__code__", None) or _given.__code__

    def __enter__(self) -> None:
        count = self.depth[self.code] = self.depth.get(self.code, 0) + 1
        if count > self.LIMIT:
            del self.depth[self.code]
            raise TracingError(
                coded("D2S108", f"a function calls itself under a condition on a Tensor: {self.LIMIT} calls deep and no end, because both "
                      "branches of such a condition are recorded", "write it as a while loop, or let a Python number end the recursion")
            )  # fmt: skip

    def __exit__(self, *_: Any) -> None:
        if self.code in self.depth:
            self.depth[self.code] -= 1
            if self.depth[self.code] <= 0:
                del self.depth[self.code]


def _nothing() -> None:
    return None


# --- statements


def If(
    test: Any, then: Callable[[], Any], orelse: Callable[[], Any] | None, error: Callable[[], Any] | None = None, relaxed: bool = False,
    **variables: Any,
) -> None:  # fmt: skip
    """``if test: then() else: orelse()``. variables: the arguments of `_State`."""
    test = _filled(test)
    if not symbolic(test):
        taken = bool(test)
        _note_branch(taken)
        if taken:
            then()
        elif orelse is not None:
            orelse()
        return
    if error is not None:  # nothing but a `raise`
        problem = error()
        problem = problem() if isinstance(problem, type) else problem
        _assert(not_(test), str(problem), type(problem).__name__)
        return
    recorder = context.recorder
    state = _State(**variables)
    start, unread = state.all(), state.unread()
    containers = {n: v for n, v in start.items() if type(v) in (list, dict)}
    known = state.known(containers)
    counts = state.counts(start)

    def run(block: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
        def inner() -> dict[str, Any]:
            state.put({n: _copied(v) for n, v in start.items()})
            state.put(unread)
            counts.enter()
            counts.put(counts.start)
            block()
            return {**state.all(), **counts.get()}

        return inner

    try:
        with _recursion(then):
            result = record_branches(recorder, test, run(then), run(orelse or _nothing), True, known, relaxed)  # type: ignore[arg-type]
    except BaseException as problem:
        state.put(start)
        counts.put(counts.start)
        found = state.container_at(problem.path) if isinstance(problem, _ChangedByCall) and problem.known is known else None
        if found is None:
            raise
        variables["changed"] = (*variables.get("changed", ()), found)
        If(test, then, orelse, None, relaxed, **variables)
        return
    finally:
        counts.leave()
    counts.put(result)
    state.put({n: _written_back(start[n], v) if n in containers else v for n, v in result.items() if n in start})


def While(test: Callable[[], Any], body: Callable[[], Any], **variables: Any) -> None:
    """``while test(): body()``. variables: the arguments of `_State`."""
    while True:
        holds = _filled(test())
        if symbolic(holds):
            break
        if not holds:
            return
        body()

    def step() -> Any:
        body()
        return _filled(test())

    def peeled() -> None:
        def first() -> None:
            body()
            While(test, body, **variables)

        If(holds, first, None, relaxed=True, **variables)

    _loop(holds, step, variables, peeled)


def _loop(holds: Any, step: Callable[[], Any], variables: dict[str, Any], peeled: Callable[[], Any], extra: dict[str, Any] | None = None,
          take: Callable[[dict[str, Any]], None] | None = None, give: Callable[[], dict[str, Any]] | None = None) -> None:  # fmt: skip
    """Record a loop. variables: the arguments of `_State`. extra, take, give: hidden loop variables."""
    recorder = context.recorder
    state = _State(**variables)
    start, unread = state.all(), state.unread()
    containers = {n: v for n, v in start.items() if type(v) in (list, dict)}
    known = state.known(containers)
    arrays: dict[str, Any] = {}
    for n, v in containers.items():
        if n in state.growing and type(v) is list:
            if not all(isinstance_strict(x, TensorBase) or is_number(x) for x in v):
                raise TracingError(
                    coded(
                        "D2S107",
                        f"list {n!r} grows in a loop on a Tensor and holds something else than Tensors",
                        "keep Tensors and other values apart",
                    )
                )
            arrays[n] = TensorArray.of(v)
    counts = state.counts({**start, **arrays})
    begin = {**{n: arrays.get(n, _copied(v)) for n, v in start.items()}, **counts.start, **(extra or {})}

    def trip(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        state.put({n: v for n, v in values.items() if n in start})
        state.put(unread)
        counts.enter()
        counts.put(values)
        if take is not None:
            take(values)
        again = step()
        return again, {**state.all(), **counts.get(), **(give() if give is not None else {})}

    def reset() -> None:
        state.put(start)
        counts.put(counts.start)

    try:
        with _recursion(step):
            result = record_loop(recorder, holds, begin, trip, known, reset)
            counts.put(result)
    except Peel as problem:
        reset()
        if arrays:
            raise TracingError(problem.message) from None
        depth = _peeling.get(id(step.__code__), 0)
        if depth > 2:
            raise TracingError(problem.message) from None
        _peeling[id(step.__code__)] = depth + 1
        try:
            peeled()
        finally:
            _peeling[id(step.__code__)] = depth
        return
    except BaseException as problem:
        reset()
        found = state.container_at(problem.path) if isinstance(problem, _ChangedByCall) and problem.known is known else None
        if found is None:
            raise
        variables["changed"] = (*variables.get("changed", ()), found)
        _loop(holds, step, variables, peeled, extra, take, give)
        return
    finally:
        counts.leave()
    state.put(
        {
            n: _written_back(start[n], v) if n in containers and n not in arrays else v
            for n, v in result.items()
            if n in start
        }
    )
    for n in arrays:  # the list may have other names
        start[n][:] = [Grown(result[n])]


_peeling: dict[int, int] = {}


class _Range:
    """``range`` over numbers of which some are Tensors."""

    def __init__(self, *args: Any) -> None:
        values = [_integer(a) for a in args]
        self.start, self.stop, self.step = (
            (0, values[0], 1) if len(values) == 1 else (*values, 1) if len(values) == 2 else tuple(values)
        )
        if is_number(self.step) and self.step == 0:
            raise ValueError("range() arg 3 must not be zero")

    def first(self) -> Any:
        return self.start

    def holds(self, i: Any) -> Any:
        """Whether the loop goes on at `i`."""
        if is_number(self.step):
            return i < self.stop if self.step > 0 else i > self.stop
        up = record("logical_and", _truth(self.step > 0), _truth(i < self.stop))
        down = record("logical_and", _truth(self.step < 0), _truth(i > self.stop))
        return record("logical_or", up, down)

    def item(self, i: Any) -> Any:
        return i

    def next(self, i: Any) -> Any:
        return i + self.step

    def __iter__(self) -> Iterator[Any]:
        return _refuse_iteration("range() of a Tensor")


def _integer(value: Any) -> Any:
    if not isinstance_strict(value, TensorBase):
        return operator.index(value)
    v = _variable(value)
    if v.dtype.np.kind not in "iub":
        raise TypeError(f"'{v.dtype.name}' Tensor cannot be interpreted as an integer")
    if -1 not in v._shape and v.spec.size != 1:
        raise TypeError(f"only integer tensors of a single element can be converted to an index, got {v.describe()}")
    if v._shape != ():
        v = manipulation.reshape(v, [])
    if v.dtype is not dtypes.int64:
        v = record("cast", v, in_dtype=v.dtype.proto, out_dtype=dtypes.int64.proto)
    elif v is value or isinstance_strict(value, Tensor):
        v = record("scale", v)  # the range keeps its end, whatever happens to the Tensor in the loop
    v.weak = True
    return v


class _Rows:
    """The rows of a Tensor whose number is not known, or the entries of an array of Tensors."""

    def __init__(self, source: Any) -> None:
        self.source = source
        if isinstance(source, TensorArray):
            self.count = manipulation.reshape(source.length(), [])
        else:
            self.count = context.recorder.dimension(source, 0)
        self.count = record("cast", self.count, in_dtype=self.count.dtype.proto, out_dtype=dtypes.int64.proto)
        self.count.weak = True

    def first(self) -> Any:
        return 0

    def holds(self, i: Any) -> Any:
        return i < self.count

    def item(self, i: Any) -> Any:
        return self.source[i]

    def next(self, i: Any) -> Any:
        return i + 1

    def __iter__(self) -> Iterator[Any]:
        return _refuse_iteration("the rows of a Tensor of unknown size")


class _Enumerate:
    """``enumerate`` of something whose number of items is not known."""

    def __init__(self, source: Any, start: Any = 0) -> None:
        self.source, self.start = source, start

    def first(self) -> Any:
        return self.source.first()

    def holds(self, i: Any) -> Any:
        return self.source.holds(i)

    def item(self, i: Any) -> Any:
        if isinstance(self.source, _Range):
            position = (i - self.source.start) // self.source.step
        else:
            position = i
        return (position + self.start if self.start else position), self.source.item(i)

    def next(self, i: Any) -> Any:
        return self.source.next(i)

    __iter__ = _Rows.__iter__


class _Zip:
    """``zip`` of Tensors whose number of rows is not known."""

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = [_open(s) or s for s in sources]
        for s in self.sources:
            if not isinstance(s, _Rows) and not (isinstance_strict(s, Variable) and s._shape):
                _refuse_iteration(f"zip() of a Tensor of unknown size and {type(s).__name__}")

    def first(self) -> Any:
        return 0

    def holds(self, i: Any) -> Any:
        result = None
        for s in self.sources:
            one = s.holds(i) if isinstance(s, _Rows) else i < s._shape[0]
            result = one if result is None else record("logical_and", _truth(result), _truth(one))
        return result

    def item(self, i: Any) -> Any:
        return tuple(s.item(i) if isinstance(s, _Rows) else s[i] for s in self.sources)

    def next(self, i: Any) -> Any:
        return i + 1

    __iter__ = _Rows.__iter__


def _refuse_iteration(what: str) -> Any:
    raise TracingError(
        coded("D2S110", f"iteration over {what} outside of a rewritten for loop: the number of items is not known while the function is "
              "traced",
              "use a for loop in the traced function itself (not a comprehension or generator), or declare a fixed size in input_spec")
    )  # fmt: skip


_OPEN = (_Range, _Rows, _Enumerate, _Zip)


def _open(iterable: Any) -> Any:
    """The iterable in the form of a recorded loop, None if Python can iterate it."""
    iterable = grown(iterable)
    if isinstance(iterable, _OPEN):
        return iterable
    if isinstance(iterable, TensorArray):
        return _Rows(iterable)
    if isinstance_strict(iterable, Variable) and iterable._shape and iterable._shape[0] == -1:
        return _Rows(iterable)
    return None


def For(iterable: Any, body: Callable[[Any], Any], stop: Callable[[], Any] | None = None, **variables: Any) -> None:
    """``for item in iterable: body(item)``; `stop` tells whether a `break` or `return` was met. variables: the arguments of `_State`."""
    source = _open(iterable)
    if source is None:
        items = iter(_settled(iterable))
        for item in items:
            body(item)
            if stop is not None:
                stopped = stop()
                if symbolic(stopped):
                    _guarded(items, body, stop, stopped, variables)
                    return
                if stopped:
                    return
        return
    _open_loop(source, source.first(), body, stop, variables)


def _bound(body: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
    def run() -> Any:
        return body(item)

    return run


def _guarded(items: Iterator[Any], body: Any, stop: Any, stopped: Any, variables: dict[str, Any]) -> None:
    """The rest of an unrolled loop that a Tensor may have ended."""
    for count, item in enumerate(items):
        if count > 5000:
            raise TracingError(
                coded("D2S110", "a loop over a Python iterator is ended by a Tensor, and the iterator does not end by itself",
                      "count with a Tensor: `while` on a condition, or `for i in range(n)`")
            )  # fmt: skip
        If(not_(stopped), _bound(body, item), None, **variables)
        stopped = stop()


def _open_loop(source: Any, i: Any, body: Any, stop: Any, variables: dict[str, Any]) -> None:
    holder: dict[str, Any] = {"i": i}

    def going() -> Any:
        holds = source.holds(holder["i"])
        if stop is None:
            return holds
        stopped = stop()
        if not symbolic(stopped):
            return record("logical_and", _truth(holds), number(False)) if stopped else holds
        return record("logical_and", record("logical_not", _truth(stopped)), _truth(holds))

    def step() -> Any:
        body(source.item(holder["i"]))
        holder["i"] = source.next(holder["i"])
        return going()

    def peeled() -> None:
        def first() -> None:
            holder["i"] = i
            body(source.item(i))
            _open_loop(source, source.next(i), body, stop, variables)

        If(holds, first, None, relaxed=True, **variables)

    holds = going()
    if not symbolic(holds):
        holds = number(bool(holds))

    def take(values: dict[str, Any]) -> None:
        holder["i"] = values["loop index"]

    _loop(holds, step, variables, peeled, {"loop index": i}, take, lambda: {"loop index": holder["i"]})


# --- assert, print and other built-in functions


def Assert(test: Any, message: Callable[[], Any] | None = None) -> None:
    """``assert test, message()``."""
    if not symbolic(test):
        if not test:
            if message is None:
                raise AssertionError
            raise AssertionError(message())
        return
    _assert(test, "" if message is None else str(message()), "")


def _assert(test: Any, message: str, error: str) -> None:
    attrs = {"message": message} if message else {}
    if error and error != "AssertionError":
        attrs["error"] = error
    v = _variable(test)
    if -1 not in v._shape and v.spec.size != 1:
        raise ValueError(
            coded("D2S109", f"the condition of an assert must have one element, got {v.describe()}", "use .all()")
        )
    context.recorder.append(OPS["assert"], [_truth(v), []], attrs)  # Paddle's operator wants to see the slot Data


def _print(*args: Any, **kwargs: Any) -> None:
    if not any(symbolic(a) for a in args):
        print(*args, **kwargs)
        return
    if kwargs.get("file") is not None:
        raise TracingError(
            coded("D2S102", "print(Tensor, file=...): a Program prints to the standard output only", "leave `file` out")
        )
    words: list[str] = []
    for a in args:
        if not symbolic(a):
            words.append(str(a))
            continue
        record("print", _variable(a), message=kwargs.get("sep", " ").join(words), print_phase="FORWARD")
        words = []
    if words:
        print(*words, **kwargs)


def _casting(target: type) -> Callable[..., Any]:
    kinds = {int: dtypes.int64, float: dtypes.float64, bool: dtypes.bool_}

    def cast(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or not symbolic(args[0]):
            return target(*args, **kwargs)
        v = _variable(args[0])
        wanted = kinds[target]
        if target is float and v.dtype is dtypes.float32:
            wanted = dtypes.float32
        if -1 not in v._shape and v.spec.size != 1:  # as in Paddle, where this is a cast
            wanted = dtypes.float32 if target is float else wanted
            made = record("cast", v, in_dtype=v.dtype.proto, out_dtype=wanted.proto)
            made.stop_gradient = True
            return made
        if v._shape != ():
            v = manipulation.reshape(v, [])
        made = record("cast", v, in_dtype=v.dtype.proto, out_dtype=wanted.proto)
        made.stop_gradient = True  # a Python number has no gradient
        made.weak = True
        return made

    return cast


def _len(value: Any) -> Any:
    value = _settled(grown(value))
    if isinstance(value, TensorArray):
        made = manipulation.reshape(value.length(), [])
        made.weak = True
        return made
    if isinstance_strict(value, Variable) and value._shape and value._shape[0] == -1:
        return context.recorder.dimension(value, 0)
    return len(value)


def _range(*args: Any) -> Any:
    return _Range(*args) if any(symbolic(a) for a in args) and 1 <= len(args) <= 3 else range(*args)


def _enumerate(iterable: Any, start: Any = 0) -> Any:
    source = _open(iterable)
    return enumerate(iterable, start) if source is None else _Enumerate(source, start)


def _zip(*iterables: Any, **kwargs: Any) -> Any:
    return _Zip(iterables) if any(_open(i) is not None for i in iterables) else zip(*iterables, **kwargs)


def _any(items: Any) -> Any:
    result: Any = False
    for item in items:
        result = or_(result, functools.partial(_truth_of, item))
        if result is True:
            return True
    return result


def _all(items: Any) -> Any:
    result: Any = True
    for item in items:
        result = and_(result, functools.partial(_truth_of, item))
        if result is False:
            return False
    return result


def _truth_of(value: Any) -> Any:
    return _truth(value) if symbolic(value) else bool(value)


def _extreme(function: Callable[..., Any], better: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def choose(*args: Any, **kwargs: Any) -> Any:
        items = list(args[0] if len(args) == 1 else args)
        if kwargs or len(items) < 2 or not any(map(symbolic, items)):
            return function(items, **kwargs) if len(args) == 1 else function(*args, **kwargs)
        best = items[0]
        for item in items[1:]:
            best = IfExp(better(item, best), functools.partial(_given, item), functools.partial(_given, best))
        return best

    return choose


def _given(value: Any) -> Any:
    return value


def _setattr(value: Any, name: str, new: Any) -> None:
    setattr(owner(value, name), name, new)


_BUILTINS: dict[Any, Callable[..., Any]] = {
    print: _print, int: _casting(int), float: _casting(float), bool: _casting(bool), len: _len, range: _range, enumerate: _enumerate,
    zip: _zip, setattr: _setattr, any: _any, all: _all, max: _extreme(max, operator.gt), min: _extreme(min, operator.lt),
}  # fmt: skip


def _joining(function: Callable[..., Any], use_stack: bool) -> Callable[..., Any]:
    def joined(x: Any, axis: Any = 0, name: str | None = None) -> Any:
        x = grown(x)
        return x.joined(int(axis), use_stack)[0] if isinstance(x, TensorArray) else function(x, axis, name)

    return joined


_JOINING = {
    manipulation.concat: _joining(manipulation.concat, False),
    manipulation.stack: _joining(manipulation.stack, True),
}


# --- calls


_KEY_METHODS = ("copy", "get", "items", "keys", "pop", "popitem", "setdefault", "values")


def refuse_result(value: Any, function: Any) -> None:
    """The error for a result that a Program cannot give."""
    if isinstance(value, Unknown) and not isinstance(value, Grown):
        message = value.message()
    else:
        message = coded("D2S107", "the result is, or holds, a list that grew in a loop on a Tensor; a Program gives Tensors",
                        "return paddle.stack(items) or paddle.concat(items), or the entries that are wanted")  # fmt: skip
    raise TracingError(f"{message}\n  returned at\n{lines_of([last_return(function)])}")


def held(value: Any) -> Any:
    """What is indexed: for a list that grew under another name its array."""
    return grown(value)


def container(value: Any) -> Any:
    """The object whose entry is assigned; refused where a branch or loop on a Tensor would change it for good."""
    _check_unshared(value, "an entry is assigned")
    _note_change(value)
    return value


def _note_change(value: Any) -> None:
    recorder = context.recorder
    if recorder is not None and recorder.notes is not None and type(value) in (list, dict):
        recorder.notes.changes(value)


class _ChangedByCall(TracingError):
    """A called function changes a list or dict that a variable of the block reaches. known: of the block; path: how it is reached."""

    known: Any = None
    path = ""


_ChangedByCall.__name__ = TracingError.__name__  # users see the class that they can catch


def _check_unshared(value: Any, what: str) -> None:
    recorder = context.recorder
    if recorder is None or not recorder.regions or not isinstance(value, (list, dict, set, *_FLAT)):
        return
    for region in recorder.regions:
        if id(value) in region.known:
            path = region.known[id(value)][0]
            problem = _ChangedByCall(
                coded("D2S107", f"{what}: {path!r}, a {type(value).__name__} from outside, is changed in a {region.kind} on a Tensor. "
                      "Python would change it once, while the Program is made, and not when it runs",
                      "collect with `name.append(tensor)` on a local list in a loop, return the value, or change the container outside "
                      "of the branch or loop")
            )  # fmt: skip
            problem.known, problem.path = region.known, path
            raise problem


def owner(value: Any, attribute: str, updates: bool = False) -> Any:
    """The object whose attribute is assigned; refused where a branch or loop on a Tensor would change it for good.

    updates: the new value is made of the old one.
    """
    recorder = context.recorder
    if recorder is None or isinstance_strict(value, TensorBase):
        return value
    if recorder.notes is not None:
        recorder.notes.writes((id(value), attribute), value, getattr(value, attribute, UNDEFINED_VALUE), updates)
    if not recorder.regions:
        return value
    if isinstance(value, Layer) and isinstance_strict(value._buffers.get(attribute), Tensor):
        return value  # written by operators
    for region in recorder.regions:
        if (id(value), attribute) in getattr(region.known, "managed", ()):
            continue
        if isinstance(value, (Layer, type, types.ModuleType)) or id(value) in region.known:
            path = region.known[id(value)][0] if id(value) in region.known else type(value).__name__
            raise TracingError(
                coded("D2S107", f"attribute {attribute!r} of {path!r} is assigned in a {region.kind} on a Tensor, by a function that the "
                      f"{region.kind} calls. Python would assign it once, while the Program is made, and not when it runs",
                      "assign it in the function that holds the branch or loop, or let the called function return the value")
            )  # fmt: skip
    return value


def wrote(name: str, getter: Callable[[], Any], updates: bool = False) -> None:
    """A global or nonlocal variable is to be assigned; refused where a branch or loop on a Tensor knows nothing of it."""
    recorder = context.recorder
    if recorder is None:
        return
    cells = getter.__closure__
    key = (id(cells[0]), "") if cells else (id(getter.__globals__), name)  # type: ignore[attr-defined]
    if recorder.notes is not None:
        try:
            old = getter()
        except NameError:
            old = UNDEFINED_VALUE
        recorder.notes.writes(key, cells, old, updates)
    for region in recorder.regions:
        if key not in getattr(region.known, "managed", ()):
            raise TracingError(
                coded("D2S107", f"{'nonlocal' if cells else 'global'} variable {name!r} is assigned in a {region.kind} on a Tensor, by a "
                      f"function that the {region.kind} calls. Python would assign it once, while the Program is made, not when it runs",
                      "assign it in the function that holds the branch or loop, or let the called function return the value")
            )  # fmt: skip


def call(function: Any) -> Any:
    """What is called in place of `function`: rewritten user code, helpers for built-in functions, everything else as it is."""
    kind = type(function)
    if kind is types.FunctionType:
        if function in _JOINING:
            return _JOINING[function]
        return convert_function(function)
    if kind is types.MethodType:
        holder = function.__self__
        if isinstance(holder, Layer) and function.__func__ is Layer.__call__:
            return _layer_call(holder)
        return convert_function(function)
    if kind is types.BuiltinFunctionType or kind is type(int):
        try:
            found = _BUILTINS.get(function)
        except TypeError:
            return function
        if found is not None:
            return found
        holder = getattr(function, "__self__", None)
        if type(holder) is dict and function.__name__ in _KEY_METHODS:
            _settled(holder)
        if isinstance(holder, (list, dict, set, *_FLAT)) and function.__name__ in MUTATORS:
            _check_unshared(holder, f".{function.__name__}()")
            _note_change(holder)
            if grown(holder) is not holder:
                return getattr(grown(holder), function.__name__)
        return function
    if isinstance(function, Layer):
        return _layer_call(function)
    if isinstance(function, functools.partial):
        return convert_function(function)
    if isinstance(function, type) or isinstance_strict(function, TensorBase):
        return function
    method = next((vars(k)["__call__"] for k in type(function).__mro__ if "__call__" in vars(k)), None)
    if isinstance(method, types.FunctionType) and not _is_library(method):
        return types.MethodType(convert_function(method), function)
    return function


def _layer_call(layer: Layer) -> Any:
    """A Layer's call, with its `forward` rewritten when it is the user's, or holds layers of the user's."""
    kind = type(layer)
    recorder = context.recorder
    if recorder is not None and recorder.notes is not None:
        recorder.notes.layer(layer)
    if kind.__call__ is not Layer.__call__:
        return types.MethodType(convert_function(kind.__call__), layer)
    if layer._forward_pre_hooks or layer._forward_post_hooks:
        return functools.partial(_hooked_call, layer)
    return _plain_call(layer)


def _hooked_call(layer: Layer, *args: Any, **kwargs: Any) -> Any:
    """The call of a Layer with hooks, which are rewritten as well."""
    tables = (layer._forward_pre_hooks, layer._forward_post_hooks)
    kept = [dict(table) for table in tables]
    try:
        for table in tables:
            for key, hook in table.items():
                table[key] = convert_function(hook)
        return _plain_call(layer)(*args, **kwargs)
    finally:
        for table, old in zip(tables, kept, strict=True):
            for key in old.keys() & table.keys():
                table[key] = old[key]


def _plain_call(layer: Layer) -> Any:
    forward = layer.forward
    if not isinstance(forward, (types.MethodType, types.FunctionType)):
        return layer  # a StaticFunction converts itself
    inner: Any = forward.__func__ if isinstance(forward, types.MethodType) else forward
    if inner.__code__ in _codes:
        return layer
    library = _is_library(inner)
    if library and not _holds_user_layers(layer):
        return layer
    done = convert_function(forward, main=library)
    if done is forward:
        return layer

    def run(*args: Any, **kwargs: Any) -> Any:
        space = layer.__dict__
        had, old = "forward" in space, space.get("forward")
        space["forward"] = done
        try:
            return Layer.__call__(layer, *args, **kwargs)
        finally:
            if had:
                space["forward"] = old
            else:
                space.pop("forward", None)

    return run


def _holds_user_layers(layer: Layer) -> bool:
    for one in layer.sublayers():
        forward = one.__dict__.get("forward", type(one).forward)
        inner = getattr(forward, "__func__", forward)
        hooked = one._forward_pre_hooks or one._forward_post_hooks
        if hooked or not isinstance(inner, types.FunctionType) or not _is_library(inner):
            return True
    return False


# --- what the trace remembers


_PLAIN = (bool, int, float, str, bytes, type(None))


def _note_branch(taken: bool) -> None:
    recorder = context.recorder
    if recorder is not None and recorder.tracing and recorder.notes is not None:
        recorder.notes.branch(user_location(), taken)


class Notes:
    """Python state a trace has read and decided on.

    frozen: (path, getter) of values read from outside. branches: (file:line, taken) of conditions on Python values.
    """

    def __init__(self) -> None:
        self.seen: dict[Any, tuple[str, Callable[[], Any], Any, int]] = {}
        self.written: dict[tuple[int, str], tuple[Any, Any, bool, int]] = {}  # (kept alive, old value, made of it, when)
        self.changed: dict[int, tuple[Any, Any]] = {}  # list or dict -> (itself, what it held before)
        self.effects: list[Callable[[], None]] = []
        self.clock = 0
        self.branches: dict[tuple[str, bool], int] = {}
        self.code: dict[str, str] = {}
        self.layers: dict[int, Layer] = {}

    def layer(self, layer: Layer) -> None:
        """A Layer was called."""
        self.layers.setdefault(id(layer), layer)

    def saw(self, path: str, getter: Callable[[], Any], value: Any) -> None:
        """A value was read from outside."""
        if not _is_plain(value) or path.endswith(".training"):
            return
        cells = []
        for cell in getter.__closure__ or ():
            try:
                cells.append(id(cell.cell_contents))
            except ValueError:
                return
        self.clock += 1
        key = (path, getter.__code__.co_filename, tuple(cells))
        if key not in self.seen:
            self.seen[key] = (path, getter, _copied(value), self.clock)

    def writes(self, key: tuple[int, str], holder: Any, old: Any, updates: bool) -> None:
        """An attribute or outer variable is to be assigned."""
        self.clock += 1
        if key not in self.written:
            self.written[key] = (holder, _copied(old), updates, self.clock)

    def changes(self, container: Any) -> None:
        """A list or dict is to be changed."""
        if id(container) not in self.changed and _is_plain(container):
            self.changed[id(container)] = (container, _copied(container))

    def branch(self, location: str, taken: bool) -> None:
        """A condition on Python values went one way."""
        if len(self.branches) < 1000 or (location, taken) in self.branches:
            self.branches[location, taken] = self.branches.get((location, taken), 0) + 1

    def guards(self, function: Any) -> list[Guard]:
        """The values at the end of the trace, to be compared with those at later calls."""
        found = []
        owner = getattr(function, "__self__", None)
        inside = {id(layer) for layer in owner.sublayers(include_self=True)} if isinstance(owner, Layer) else set()
        for layer in self.layers.values():
            if id(layer) in inside:
                continue
            inside.update(map(id, layer.sublayers(include_self=True)))
            modes = functools.partial(_modes, layer)
            found.append(Guard(f"modes of {layer.full_name()}", modes, modes()))
        for path, getter, before, when in self.seen.values():
            try:
                value = getter()
            except Exception:
                continue
            if any(isinstance_strict(leaf, Variable) for leaf in tree.leaves(value)):
                code = getter.__code__
                message = coded(
                    "D2S107", f"{path!r} is {before!r} before the call and holds a Tensor after it: the next call would have to begin with "
                    "that Tensor, which this Program cannot give it",
                    "keep such state in a buffer, self.register_buffer(name, paddle.zeros(...)), or take it as an argument and return it",
                )  # fmt: skip
                where = lines_of([(code.co_filename, code.co_firstlineno, getattr(function, "__name__", "forward"))])
                raise TracingError(f"{message}\n  read at\n{where}")
            if not _is_plain(value):
                continue
            start = self._at_the_start(path, getter, value, when)
            if start is not UNDEFINED_VALUE and start != value:  # the call changes what it depends on: each call does so
                found.append(Guard(path, getter, start))
                self.effects.append(_setting(path, getter, _copied(value)))
            else:
                found.append(Guard(path, getter, _copied(value)))
        return found

    def _at_the_start(self, path: str, getter: Callable[[], Any], value: Any, when: int) -> Any:
        """What the call began with where it depends on that and changes it, else the mark for no value."""
        if id(value) in self.changed and self.changed[id(value)][0] is value:
            return self.changed[id(value)][1]
        place = _place(path, getter)
        if place is None:
            return UNDEFINED_VALUE
        _, old, updates, written = self.written.get(place, (None, UNDEFINED_VALUE, False, 0))
        return old if _is_plain(old) and (updates or when < written) else UNDEFINED_VALUE


def _holder_of(path: str, getter: Callable[[], Any]) -> Any:
    """The object that holds the last attribute of a path."""
    root, *parts = path.split(".")
    cells = getter.__closure__
    at = cells[0].cell_contents if cells else getter.__globals__[root]  # type: ignore[attr-defined]
    for part in parts[:-1]:
        at = getattr(at, part)
    return at


def _place(path: str, getter: Callable[[], Any]) -> tuple[int, str] | None:
    """The key of a path in `Notes.written`."""
    cells = getter.__closure__
    if "." not in path:
        return (id(cells[0]), "") if cells else (id(getter.__globals__), path)  # type: ignore[attr-defined]
    try:
        return id(_holder_of(path, getter)), path.rpartition(".")[2]
    except (AttributeError, KeyError, ValueError):
        return None


def _setting(path: str, getter: Callable[[], Any], value: Any) -> Callable[[], None]:
    """A function that gives the variable or attribute this value, or a list or dict this content."""

    def apply() -> None:
        now = getter()
        if type(now) in (list, dict) and type(now) is type(value):
            _written_back(now, _copied(value))
        elif "." in path:
            setattr(_holder_of(path, getter), path.rpartition(".")[2], value)
        elif getter.__closure__:
            getter.__closure__[0].cell_contents = value
        else:
            getter.__globals__[path] = value  # type: ignore[attr-defined]

    return apply


def _modes(layer: Layer) -> list[bool]:
    """train/eval flags of a Layer and all Layers in it."""
    return [one.training for one in layer.sublayers(include_self=True)]


def _is_plain(value: Any, depth: int = 0) -> bool:
    if type(value) in _PLAIN or isinstance(value, dtypes.DType):
        return True
    if depth < 3 and type(value) in (tuple, list) and len(value) <= 32:
        return all(_is_plain(v, depth + 1) for v in value)
    if depth < 3 and type(value) is dict and len(value) <= 32:
        return all(_is_plain(k, depth + 1) and _is_plain(v, depth + 1) for k, v in value.items())
    return False


class Guard:
    """A Python value that a Program has built in: another value needs another Program."""

    __slots__ = ("getter", "path", "value")

    def __init__(self, path: str, getter: Callable[[], Any], value: Any) -> None:
        self.path, self.getter, self.value = path, getter, value

    def holds(self) -> bool:
        """Whether the value is still the same."""
        try:
            now = self.getter()
        except Exception:
            return False
        return now is self.value or (type(now) is type(self.value) and (now == self.value or now != now))

    def now(self) -> str:
        """The present value, for messages."""
        try:
            return repr(self.getter())
        except Exception:
            return "gone"

    def __repr__(self) -> str:
        return f"{self.path} = {self.value!r}"

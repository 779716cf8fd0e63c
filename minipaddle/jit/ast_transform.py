"""The source of a traced function, rewritten so that Tensors may decide branches and loops.

    if test:                        def then_1():
        y = x + 1                       nonlocal y
    else:                               y = x + 1
        y = x - 1             ->    def else_1(): ...
                                    _jst.If(test, then_1, else_1, ("y",), lambda: (x, y))

`convert.py` holds what the new calls do: on ordinary Python values they run the branch, on Tensors they record both. First
`return`, `break` and `continue` inside of branches and loops are turned into values, so that blocks are left at their end
only. Names keep their places: the blocks are closures over the function's own variables. Lines keep their numbers.
"""

from __future__ import annotations

import ast
import copy
import linecache
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["HELPERS", "Rewritten", "last_return", "rewrite", "source_node"]

HELPERS = "_jst"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.While)
_ASSIGNMENTS = (ast.Assign, ast.AugAssign, ast.AnnAssign)
_UNSAFE = {
    "locals",
    "eval",
    "exec",
    "vars",
    "dir",
}  # they see the variables of one function, which blocks share between several
# methods that change a container
MUTATORS = frozenset(
    [
        "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "setdefault", "popitem", "add", "discard",
        "appendleft", "popleft", "extendleft",
    ]  # fmt: skip
)
_SHRINKING = frozenset(["insert", "pop", "remove", "clear"])
_GROWING = _SHRINKING | {"append", "extend"}


@dataclass
class Rewritten:
    """A rewritten function: its code object, what it closes over, and its text."""

    code: types.CodeType
    text: str
    name: str


# --- finding the source


_trees: dict[str, tuple[tuple[str, ...], ast.Module]] = {}


def _tree_of(file: str, module_globals: dict[str, Any] | None) -> ast.Module | None:
    lines = tuple(linecache.getlines(file, module_globals))
    if not lines:
        return None
    found = _trees.get(file)
    if found is None or found[0] != lines:
        try:
            found = _trees[file] = (lines, ast.parse("".join(lines)))
        except SyntaxError:
            return None
    return found[1]


def source_node(function: types.FunctionType) -> tuple[Any, str | None] | None:
    """The syntax tree of a function and the name of the class around it; None when the source is not at hand."""
    code = function.__code__
    tree = _tree_of(code.co_filename, function.__globals__)
    if tree is None:
        return None
    found: list[tuple[Any, str | None]] = []

    def look(node: ast.AST, class_name: str | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTIONS):
                decorators = getattr(child, "decorator_list", None)
                first = decorators[0].lineno if decorators else child.lineno
                name = getattr(child, "name", "<lambda>")
                if first == code.co_firstlineno and name == code.co_name and _parameters(child) == _parameters_of(code):
                    found.append((child, class_name))
                look(child, None)
            elif isinstance(child, ast.ClassDef):
                look(child, child.name)
            else:
                look(child, class_name)

    look(tree, None)
    if len(found) > 1:
        found = [f for f in found if _covers(f[0], code)] or found
        if len({ast.dump(node) for node, _ in found}) > 1:
            return None  # two lambdas on one line that cannot be told apart
    return found[0] if found else None


def last_return(function: Any) -> tuple[str, int, str]:
    """(file, line, name) of the last `return` of a function, of its beginning where that is not to be found."""
    function = getattr(function, "__func__", function)
    code = function.__code__
    found = source_node(function)
    lines = [n.lineno for n in _walk(found[0].body) if isinstance(n, ast.Return)] if found and isinstance(found[0].body, list) else []
    return code.co_filename, max(lines, default=code.co_firstlineno), code.co_name


def _covers(node: Any, code: types.CodeType) -> bool:
    """Whether the instructions of `code` lie inside of `node`."""
    positions = getattr(code, "co_positions", None)
    if positions is None:
        return True
    body = node.body if isinstance(node, ast.Lambda) else node
    for line, _, column, end in list(positions())[1:]:
        if line is not None and column is not None and (column or end):
            start, stop = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
            return start <= (line, column) <= stop
    return True


def _parameters(node: Any) -> tuple[str, ...]:
    a = node.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    return tuple(p.arg for p in [*named, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])])


def _parameters_of(code: types.CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return tuple(_unmangled(n) for n in code.co_varnames[:count])


def _unmangled(name: str) -> str:
    if name.startswith("_") and "__" in name[1:] and not name.endswith("__"):
        return "__" + name.split("__", 1)[1]
    return name


# --- names


def _walk(node: Any, into_functions: bool = False) -> Iterable[ast.AST]:
    """All nodes below, those of nested functions and classes left out."""
    todo = [node] if isinstance(node, ast.AST) else list(node)
    while todo:
        at = todo.pop()
        yield at
        if not into_functions and isinstance(at, (*_FUNCTIONS, ast.ClassDef)):
            continue
        todo.extend(ast.iter_child_nodes(at))


def _bound_in_comprehension(node: Any) -> set[str]:
    return {n.id for c in node.generators for n in ast.walk(c.target) if isinstance(n, ast.Name)}


def _stores(node: Any) -> set[str]:
    """Names that running `node` binds or deletes."""
    found: set[str] = set()
    for at in _walk(node):
        if isinstance(at, ast.Name) and isinstance(at.ctx, (ast.Store, ast.Del)):
            found.add(at.id)
        elif isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(at.name)
        elif isinstance(at, (ast.Import, ast.ImportFrom)):
            found.update((a.asname or a.name.split(".")[0]) for a in at.names)
        elif isinstance(at, ast.ExceptHandler) and at.name or isinstance(at, (ast.MatchAs, ast.MatchStar)) and at.name:
            found.add(at.name)
        elif isinstance(at, ast.MatchMapping) and at.rest:
            found.add(at.rest)
    for at in _walk(node):  # the variables of a comprehension are its own
        if isinstance(at, _COMPREHENSIONS):
            own = _bound_in_comprehension(at)
            walrus = {n.target.id for n in ast.walk(at) if isinstance(n, ast.NamedExpr)}
            inside = {id(n) for n in ast.walk(at)}
            outside = {
                n.id
                for n in _walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, (ast.Store, ast.Del)) and id(n) not in inside
            }
            found -= {n for n in own if n not in outside and n not in walrus}
    return found


def _loads(node: Any) -> set[str]:
    """Names that running `node` may read (those of functions defined in it included)."""
    found = {n.id for n in _walk(node, True) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return found | {
        n.target.id for n in _walk(node, True) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }


def _captured(body: Sequence[ast.stmt]) -> set[str]:
    """Names that functions and classes defined in `body` may read or write at any time."""
    found: set[str] = set()
    for at in _walk(body):
        if isinstance(at, (*_FUNCTIONS, ast.ClassDef)):
            found |= {n.id for n in ast.walk(at) if isinstance(n, ast.Name)}
            found |= {n for a in ast.walk(at) if isinstance(a, (ast.Nonlocal, ast.Global)) for n in a.names}
    return found


def _path(node: ast.AST) -> str | None:
    """``a.b.c`` for an attribute chain that starts at a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node


def _indexed(node: ast.AST) -> list[str]:
    """The name or attribute chain in ``name``, ``name[i]``, ``name[i][j]`` and ``a.b[i]``."""
    while isinstance(node, ast.Subscript):
        node = node.value
    path = _path(node)
    return [] if path is None else [path]


def _mutated(node: Any) -> tuple[set[str], set[str], set[str]]:
    """(names whose containers running `node` changes, those of them that grow or shrink, those that lose or shift entries)."""
    changed: set[str] = set()
    growing: set[str] = set()
    shrinking: set[str] = set()
    for at in _walk(node):
        if isinstance(at, ast.Subscript) and isinstance(at.ctx, (ast.Store, ast.Del)):
            changed.update(_indexed(at.value))
        elif isinstance(at, ast.Call) and isinstance(at.func, ast.Attribute) and at.func.attr in MUTATORS:
            changed.update(_indexed(at.func.value))
            path = _path(at.func.value)
            if at.func.attr in _GROWING and path is not None:
                growing.add(path)
            if at.func.attr in _SHRINKING and path is not None:
                shrinking.add(path)
        elif isinstance(at, ast.AugAssign) and isinstance(at.target, ast.Name) and isinstance(at.op, ast.Add):
            changed.add(at.target.id)
    return changed, growing, shrinking


def _attributes_set(node: Any) -> list[str]:
    """Attribute chains that running `node` assigns."""
    found = [_path(at) for at in _walk(node) if isinstance(at, ast.Attribute) and isinstance(at.ctx, ast.Store)]
    return sorted({p for p in found if p is not None})


def _updates(s: ast.stmt) -> set[str]:
    """Names and attribute chains that an assignment gives a value made of their old one: ``a.b += 1``, ``n = n + 1``."""
    if isinstance(s, ast.AugAssign):
        return {p for p in [_path(s.target)] if p is not None}
    if not isinstance(s, ast.Assign):
        return set()
    read = {_path(n) for n in _walk(s.value) if isinstance(n, (ast.Name, ast.Attribute))}
    return {p for t in s.targets if (p := _path(t)) is not None and p in read}


# --- small pieces of syntax


def _name(id: str, store: bool = False) -> ast.Name:
    return ast.Name(id, ast.Store() if store else ast.Load())


def _helper(attr: str, args: list[Any], like: ast.AST, keywords: dict[str, Any] | None = None) -> ast.Call:
    function = ast.copy_location(ast.Attribute(_name(HELPERS), attr, ast.Load()), like)
    function.end_lineno, function.end_col_offset = (
        function.lineno,
        function.col_offset,
    )  # Python 3.11 takes the line of a call from its end
    made = ast.Call(function, args, [ast.keyword(k, v) for k, v in (keywords or {}).items()])
    return ast.fix_missing_locations(ast.copy_location(made, like))


def _assign(name: str, value: ast.expr, like: ast.AST) -> ast.Assign:
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([_name(name, True)], value), like))


def _thunk(body: ast.expr, like: ast.AST) -> ast.Lambda:
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.fix_missing_locations(ast.copy_location(ast.Lambda(empty, body), like))


def _strings(names: Iterable[str]) -> ast.Tuple:
    return ast.Tuple([ast.Constant(n) for n in names], ast.Load())


def _not_any(flags: Sequence[str], like: ast.AST) -> ast.expr:
    inner: ast.expr = _name(flags[0]) if len(flags) == 1 else ast.BoolOp(ast.Or(), [_name(f) for f in flags])
    return ast.fix_missing_locations(ast.copy_location(ast.UnaryOp(ast.Not(), inner), like))


# --- return, break and continue become values


class _Jumps:
    """Rewrites one function so that blocks are left at their end only."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.returned, self.value = self.fresh("returned"), self.fresh("return_value")
        self.count = 0
        self.uses_flag = False

    def fresh(self, base: str) -> str:
        """A name that the function does not use."""
        name, n = f"_{base}", 1
        while name in self.taken:
            n += 1
            name = f"_{base}_{n}"
        self.taken.add(name)
        return name

    def function(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body with one `return` at its end, where it had others inside of branches, loops and the like."""
        inner = any(
            isinstance(n, ast.Return)
            for s in body
            if not isinstance(s, ast.Return)
            for n in _walk(s)
            if not isinstance(s, (*_FUNCTIONS, ast.ClassDef))
        )
        if not inner:
            return self.block(body, (), False)
        last = body[-1]
        if "fall" in _outcomes(body):
            body = [*body, ast.fix_missing_locations(ast.copy_location(ast.Return(ast.Constant(None)), last))]
        made = self.block(body, (), True)
        end = ast.fix_missing_locations(ast.copy_location(ast.Return(_name(self.value)), last))
        begin = [_assign(self.returned, ast.Constant(False), body[0])] if self.uses_flag else []
        return [*begin, *made, end]

    def block(self, body: Sequence[ast.stmt], loop: tuple[str, str] | tuple[()], returns: bool) -> list[ast.stmt]:
        """Statements without jumps. loop: the flags (break, continue) of the loop around. returns: `return` is to be rewritten."""
        made: list[ast.stmt] = []
        for i, s in enumerate(body):
            rest = list(body[i + 1 :])
            if isinstance(s, ast.Return) and returns:
                made.append(_assign(self.value, s.value or ast.Constant(None), s))
                made.append(_assign(self.returned, ast.Constant(True), s))
                return made
            if isinstance(s, (ast.Break, ast.Continue)) and loop:
                made.append(_assign(loop[0 if isinstance(s, ast.Break) else 1], ast.Constant(True), s))
                return made
            if isinstance(s, _LOOPS):
                leaves = returns and _has(s, ast.Return)
                made.extend(self.loop(s, returns))
                if leaves and rest:
                    made.append(self.guarded([self.returned], rest, loop, returns, s))
                    return made
                continue
            flags = self.flags(s, loop, returns)
            if not flags:
                made.append(self.inside(s, loop, returns))
                continue
            if isinstance(s, ast.If):
                if "fall" not in _outcomes(s.body):
                    s.orelse, rest = [*s.orelse, *rest], []
                elif s.orelse and "fall" not in _outcomes(s.orelse):
                    s.body, rest = [*s.body, *rest], []
            falls = "fall" in _outcomes([s])
            made.append(self.inside(s, loop, returns))
            if rest and falls:
                made.append(self.guarded(flags, rest, loop, returns, s))
            return made
        return made

    def guarded(self, flags: Sequence[str], rest: list[ast.stmt], loop: Any, returns: bool, like: ast.AST) -> ast.stmt:
        """The statements that follow, run unless one of the flags is set."""
        self.uses_flag = self.uses_flag or self.returned in flags
        if loop and loop[1] in flags:
            self.continues.add(loop[1])
        at = rest[0] if rest else like
        body = self.block(rest, loop, returns) or [ast.Pass()]
        return ast.fix_missing_locations(ast.copy_location(ast.If(_not_any(flags, at), body, []), at))

    def flags(self, s: ast.stmt, loop: Any, returns: bool) -> list[str]:
        """Flags that the statement may set."""
        found = []
        if returns and _has(s, ast.Return):
            found.append(self.returned)
        if loop and _has(s, ast.Break, True):
            found.append(loop[0])
        if loop and _has(s, ast.Continue, True):
            found.append(loop[1])
        return found

    def inside(self, s: Any, loop: Any, returns: bool) -> Any:
        """A statement whose own blocks are rewritten."""
        if isinstance(s, (*_FUNCTIONS, ast.ClassDef)):
            return s
        orelse_guard = (
            self.flags(ast.copy_location(ast.If(ast.Constant(True), s.body, []), s), loop, returns)
            if isinstance(s, ast.Try)
            else []
        )
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(s, field, None)
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                done = self.block(inner, loop, returns)
                setattr(s, field, done or ([ast.copy_location(ast.Pass(), s)] if field == "body" else []))
        if orelse_guard and s.orelse:
            self.uses_flag = self.uses_flag or self.returned in orelse_guard
            if loop and loop[1] in orelse_guard:
                self.continues.add(loop[1])
            s.orelse = [
                ast.fix_missing_locations(ast.copy_location(ast.If(_not_any(orelse_guard, s), s.orelse, []), s))
            ]
        for part in [*getattr(s, "handlers", []), *getattr(s, "cases", [])]:
            part.body = self.block(part.body, loop, returns) or [ast.copy_location(ast.Pass(), s)]
        return s

    continues: set[str] = set()

    def loop(self, s: Any, returns: bool) -> list[ast.stmt]:
        """A loop without jumps: what ends it early becomes a part of its condition."""
        breaks, continues = _has(s, ast.Break, True), _has(s, ast.Continue, True)
        leaves = returns and any(_has(b, ast.Return) for b in s.body)
        self.count += 1
        flags = (
            (self.fresh(f"break_{self.count}"), self.fresh(f"continue_{self.count}"))
            if breaks or continues
            else ("", "")
        )
        outer, self.continues = self.continues, set()
        body = self.block(s.body, flags if breaks or continues else (), returns) or [ast.copy_location(ast.Pass(), s)]
        if flags[1] in self.continues:
            body.insert(0, _assign(flags[1], ast.Constant(False), s.body[0]))
        self.continues = outer
        s.body = body
        stops = [flags[0]] if breaks else []
        if leaves:
            stops.append(self.returned)
            self.uses_flag = True
        orelse, s.orelse = s.orelse, []
        made: list[ast.stmt] = []
        if breaks:
            made.append(_assign(flags[0], ast.Constant(False), s))
        s.stops = stops
        made.append(s)
        if orelse:
            after = self.block(orelse, (), returns)
            if stops:
                made.append(
                    ast.fix_missing_locations(
                        ast.copy_location(ast.If(_not_any(stops, s), after or [ast.Pass()], []), s)
                    )
                )
            else:
                made.extend(after)
        return made


def _has(node: ast.AST, kind: type, own_loop: bool = False) -> bool:
    """Whether a jump stands in the statement (own_loop: one that belongs to the loop around it, not to an inner one)."""
    todo: list[ast.AST] = list(ast.iter_child_nodes(node)) if own_loop and isinstance(node, _LOOPS) else [node]
    if own_loop and isinstance(node, _LOOPS):
        todo = list(node.body)
    while todo:
        at = todo.pop()
        if isinstance(at, kind):
            return True
        if isinstance(at, (*_FUNCTIONS, ast.ClassDef)):
            continue
        if own_loop and isinstance(at, _LOOPS):
            todo.extend(at.orelse)
            continue
        todo.extend(ast.iter_child_nodes(at))
    return False


def _outcomes(body: Sequence[ast.stmt]) -> set[str]:
    """How a block can be left: "fall" (at its end), "jump" (return, break, continue) or "raise"."""
    found: set[str] = set()
    for s in body:
        one = _outcomes_of(s)
        found |= one - {"fall"}
        if "fall" not in one:
            return found
    return found | {"fall"}


def _outcomes_of(s: ast.stmt) -> set[str]:
    if isinstance(s, (ast.Return, ast.Break, ast.Continue)):
        return {"jump"}
    if isinstance(s, ast.Raise):
        return {"raise"}
    if isinstance(s, ast.If):
        return _outcomes(s.body) | _outcomes(s.orelse)
    if isinstance(s, (ast.With, ast.AsyncWith)):
        return _outcomes(s.body) | {"fall"}  # it may swallow an exception
    if isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and s.test.value and not _has(s, ast.Break, True):
        return {"jump"} if _has(s, ast.Return) else {"raise"}
    if isinstance(s, _LOOPS):
        return {"fall", "jump"} if _has(s, ast.Return) else {"fall"}
    if isinstance(s, ast.Try):
        blocks = [s.body + s.orelse, *(h.body for h in s.handlers)]
        found = set().union(*map(_outcomes, blocks))
        return found | ({"fall"} if "fall" in found else set())
    if isinstance(s, ast.Match):
        return set().union({"fall"}, *(_outcomes(c.body) for c in s.cases))
    return {"fall"}


# --- which names are read afterwards


class _Liveness:
    """For each statement the names that may be read after it."""

    def __init__(self, always: set[str]) -> None:
        self.always = always
        self.after: dict[int, set[str]] = {}
        self.head: dict[int, set[str]] = {}

    def block(self, body: Sequence[ast.stmt], live: set[str]) -> set[str]:
        """Names live before a block, from those live after it."""
        for s in reversed(body):
            self.after[id(s)] = self.after.get(id(s), set()) | live
            live = self.statement(s, live)
        return live

    def statement(self, s: ast.stmt, live: set[str]) -> set[str]:
        """Names live before a statement."""
        if isinstance(s, ast.Return):
            return _loads(s) | self.always
        if isinstance(s, ast.If):
            return _loads(s.test) | (self.block(s.body, live) | self.block(s.orelse, live)) - _only_stores(s.test)
        if isinstance(s, ast.While):
            tests = _loads(s.test) | set(getattr(s, "stops", ()))
            head = live | tests
            while True:
                grown = head | self.block(s.body, head)
                if grown == head:
                    break
                head = grown
            self.head[id(s)] = head
            return head
        if isinstance(s, ast.For):
            target = _stores(s.target)
            head = live | _loads(s.target) | set(getattr(s, "stops", ()))
            while True:
                grown = head | (self.block(s.body, head) - target)
                if grown == head:
                    break
                head = grown
            self.head[id(s)] = head
            return head | _loads(s.iter)
        if isinstance(s, ast.With):
            entered = [i.optional_vars for i in s.items if i.optional_vars is not None]
            inner = self.block(s.body, live) - _stores(entered)
            return inner | {n for i in s.items for n in _loads(i.context_expr)}
        if isinstance(s, (ast.Try, ast.Match)):
            for body in (s.body, s.orelse, s.finalbody) if isinstance(s, ast.Try) else ():
                self.block(body, live | _loads(s))
            parts: list[Any] = list(s.handlers if isinstance(s, ast.Try) else s.cases)
            for part in parts:
                self.block(part.body, live | _loads(s))
            return live | _loads(s)
        if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return (live - {s.name}) | _loads(s)
        if isinstance(s, ast.Delete):
            return live | _loads(s)
        return (live - _only_stores(s)) | _loads(s)


def _only_stores(s: ast.AST) -> set[str]:
    """Names that the statement certainly binds."""
    if isinstance(s, (ast.Assign, ast.AnnAssign)):
        if isinstance(s, ast.AnnAssign) and s.value is None:
            return set()
        targets = s.targets if isinstance(s, ast.Assign) else [s.target]
        found: set[str] = set()
        todo: list[ast.AST] = list(targets)
        while todo:
            at = todo.pop()
            if isinstance(at, ast.Name):
                found.add(at.id)
            elif isinstance(at, (ast.Tuple, ast.List)):
                todo.extend(at.elts)
            elif isinstance(at, ast.Starred):
                todo.append(at.value)
        return found
    return set()


# --- expressions


def _only_truth(node: ast.expr) -> None:
    """Note at the parts of a test that they only count as true or false."""
    parts: list[ast.expr] = node.values if isinstance(node, ast.BoolOp) else []
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        parts = [node.operand]
    for part in parts:
        part.only_truth = True  # type: ignore[attr-defined]
        _only_truth(part)


class _Expressions(ast.NodeTransformer):
    """Calls, and/or/not, chained comparisons and conditional expressions become helper calls.

    decides: the expression decides what a branch or loop does; there ``x.numpy()`` may stand for the Tensor.
    """

    def __init__(self, function: _Function, decides: bool = False) -> None:
        self.function, self.decides = function, decides
        self.nested = 0  # inside of a lambda or comprehension, where := belongs elsewhere

    def _later(self, node: ast.expr) -> ast.expr | None:
        """A function that evaluates `node` when called; None when that cannot be written."""
        names = {n.target.id for n in _walk(node) if isinstance(n, ast.NamedExpr)}
        if any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in _walk(node)):
            return None
        if not names:
            return _thunk(self.visit(node), node)
        if self.nested:
            return None
        return self.function.hoisted(self.visit(node), names, node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        later = [self._later(copy.deepcopy(v)) for v in node.values[1:]]
        if any(v is None for v in later):
            return self.generic_visit(node)  # type: ignore[return-value]
        first = self.visit(node.values[0])
        if getattr(node.values[0], "only_truth", False):
            first = _helper("truth", [first], node)
            for thunk in later:
                if isinstance(thunk, ast.Lambda):
                    thunk.body = _helper("truth", [thunk.body], node)
        return _helper("and_" if isinstance(node.op, ast.And) else "or_", [first, *later], node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return _helper("not_", [operand], node)
        node.operand = operand
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1 and not isinstance(node.ops[0], (ast.In, ast.NotIn)):
            return self.generic_visit(node)  # type: ignore[return-value]
        later = [self._later(copy.deepcopy(v)) for v in node.comparators[1:]]
        if any(v is None for v in later):
            return self.generic_visit(node)  # type: ignore[return-value]
        names = [type(o).__name__ for o in node.ops]
        return _helper(
            "compare", [_strings(names), self.visit(node.left), self.visit(node.comparators[0]), *later], node
        )

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        body, orelse = self._later(copy.deepcopy(node.body)), self._later(copy.deepcopy(node.orelse))
        if body is None or orelse is None:
            return self.generic_visit(node)  # type: ignore[return-value]
        _only_truth(node.test)
        outer, self.decides = self.decides, True
        test = self.visit(node.test)
        self.decides = outer
        return _helper("IfExp", [test, body, orelse], node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            if not node.args and not node.keywords and self.function.first_parameter:
                node.args = [_name("__class__"), _name(self.function.first_parameter)]
                ast.fix_missing_locations(ast.copy_location(node.args[0], node))
                ast.fix_missing_locations(node)
            return node
        if (
            isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == HELPERS
        ):
            return node
        if self.decides and isinstance(node.func, ast.Attribute) and node.func.attr == "numpy" and not node.args and not node.keywords:
            return _helper("data", [self.visit(node.func.value)], node)
        func = self.visit_callee(node.func)
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [ast.copy_location(ast.keyword(k.arg, self.visit(k.value)), k) for k in node.keywords]
        node.func = _helper("call", [func], node.func)
        return node

    def visit_callee(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name):
            return node
        if isinstance(node, ast.Attribute):
            node.value = (
                self.visit_callee(node.value)
                if isinstance(node.value, (ast.Name, ast.Attribute))
                else self.visit(node.value)
            )
            return node
        return self.visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        path = _path(node)
        if (
            isinstance(node.ctx, ast.Load)
            and path is not None
            and path not in self.function.updated
            and self.function.watched(path.split(".")[0])
        ):
            return self.function.read(path, node)
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            attr = ast.Constant(self.function.mangled(node.attr))
            updates = [ast.Constant(True)] if path in self.function.updated else []
            node.value = _helper("owner", [self.visit(node.value), attr, *updates], node.value)
            return node
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and self.function.is_outer(node.id) and node.id not in self.function.updated:
            return self.function.read(node.id, node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            value = self.visit_callee(node.value)  # an entry is set: that alone is no reason to look at the others
            node.value = _helper("container", [value], node.value)
            node.slice = self.visit(node.slice)
            return node
        is_place = _path(node.value) is not None
        self.generic_visit(node)
        if is_place:
            node.value = _helper("held", [node.value], node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.nested += 1
        self.function.enter(_parameters(node))
        node.body = self.visit(node.body)
        self.function.leave()
        self.nested -= 1
        return node

    def _comprehension(self, node: Any) -> Any:
        self.nested += 1
        self.function.enter(sorted(_bound_in_comprehension(node)))
        made = self.generic_visit(node)
        self.function.leave()
        self.nested -= 1
        return made

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


# --- functions


class _Function:
    """Rewrites one function definition."""

    def __init__(
        self, node: Any, parent: _Function | None, free: Iterable[str], numbers: list[int], method: bool = False
    ) -> None:
        self.node, self.parent, self.numbers = node, parent, numbers
        body = node.body if isinstance(node.body, list) else []
        self.parameters = _parameters(node)
        self.first_parameter = self.parameters[0] if self.parameters else ""
        declared = [a for a in _walk(body) if isinstance(a, (ast.Global, ast.Nonlocal))]
        self.globals = {n for a in declared if isinstance(a, ast.Global) for n in a.names}
        self.nonlocals = {n for a in declared if isinstance(a, ast.Nonlocal) for n in a.names}
        self.locals = (set(self.parameters) | _stores(body)) - self.globals - self.nonlocals
        self.free = set(free)
        self.method = method
        self.class_name = ""  # of the class around, for private names
        self.remote = {
            n for f in _walk(body) if isinstance(f, (*_FUNCTIONS, ast.ClassDef)) and f is not node
            for a in ast.walk(f) if isinstance(a, ast.Nonlocal) for n in a.names
        }  # fmt: skip
        self.stack: list[set[str]] = []  # variables of lambdas and comprehensions around
        self.waiting: list[ast.stmt] = []  # definitions to put before the statement at work

    # what names mean

    def cells(self) -> set[str]:
        """Names that functions inside of this one can share with it."""
        found = self.locals | self.nonlocals | self.free
        return found if self.parent is None else found | self.parent.cells()

    def written_by_others(self) -> set[str]:
        """Variables that a call may change, because functions defined here or around declare them nonlocal."""
        return self.remote if self.parent is None else self.remote | self.parent.written_by_others()

    def mangled(self, path: str) -> str:
        """An attribute chain with private names as Python stores them."""
        owner = self.outermost().class_name.lstrip("_") if self.class_name == "" else self.class_name.lstrip("_")
        return ".".join(
            f"_{owner}{part}" if owner and part.startswith("__") and not part.endswith("__") else part for part in path.split(".")
        )

    def enter(self, names: Iterable[str]) -> None:
        """Names of a lambda or comprehension hide others."""
        self.stack.append(set(names))

    def leave(self) -> None:
        """The lambda or comprehension ends."""
        self.stack.pop()

    def _hidden(self, name: str) -> bool:
        return any(name in names for names in self.stack)

    def is_outer(self, name: str) -> bool:
        """Whether the name belongs to the module or to a function around the traced one."""
        if name in self.locals or self._hidden(name) or name in (HELPERS, "__class__", "super"):
            return False
        at: _Function | None = self.parent
        while at is not None:
            if name in at.locals or at._hidden(name):
                return False
            at = at.parent
        return True

    def watched(self, root: str) -> bool:
        """Whether attributes of this name are state that may change between calls."""
        if self._hidden(root):
            return False
        return (self.method and root == self.first_parameter) or self.is_outer(root)

    def read(self, path: str, node: ast.expr) -> ast.expr:
        """A read of outside state, noted while tracing."""
        return _helper("read", [ast.Constant(self.mangled(path)), _thunk(copy.deepcopy(node), node)], node)

    # rewriting

    def rewrite(self) -> Any:
        """The definition, rewritten."""
        node = self.node
        if isinstance(node, ast.Lambda):
            node.body = _Expressions(self).visit(node.body)
            return node
        if _is_left_alone(node):
            return node
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | set(self.parameters)
        jumps = _Jumps(names)
        node.body = jumps.function(node.body)
        self.locals |= _stores(node.body) - self.globals - self.nonlocals
        always = _captured(node.body) | self.globals | self.nonlocals
        self.live = _Liveness(always)
        self.live.block(node.body, set(always))
        self.always = always
        docstring = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        body = self.block(node.body[len(docstring) :])
        shared = sorted(self.shared - set(self.parameters) - self.nonlocals - self.globals)
        if shared:  # so that Python counts them among the variables of this function
            anchor = ast.If(ast.Constant(False), [ast.Assign([_name(n, True) for n in shared], ast.Constant(None))], [])
            body.insert(0, ast.fix_missing_locations(ast.copy_location(anchor, node.body[0])))
        declared = [s for s in body if isinstance(s, (ast.Global, ast.Nonlocal))]
        node.body = [*docstring, *declared, *(s for s in body if not isinstance(s, (ast.Global, ast.Nonlocal)))]
        return node

    shared: set[str] = set()
    updated: set[str] = frozenset()  # type: ignore[assignment]  # what the statement at work gives a value made of its old one

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Statements, rewritten."""
        made: list[ast.stmt] = []
        for s in body:
            outer, self.waiting = self.waiting, []
            declared = _stores(s) & (self.globals | self.nonlocals) if isinstance(s, _ASSIGNMENTS) else ()
            self.updated = _updates(s)
            for name in sorted(declared):
                more = [ast.Constant(True)] if name in self.updated else []
                note = _helper("wrote", [ast.Constant(name), _thunk(_name(name), s), *more], s)
                made.append(ast.copy_location(ast.Expr(note), s))
            done = self.statement(s)
            made.extend([*self.waiting, *done])
            self.waiting = outer
        return made or [ast.Pass(lineno=1, col_offset=0)]

    def expression(self, node: Any) -> Any:
        """An expression, rewritten."""
        return _Expressions(self).visit(node)

    def condition(self, node: ast.expr, truth: bool = True) -> Any:
        """The test of a branch or loop, rewritten; or with truth=False what a loop runs over. See `convert.data`, `convert.truth`."""
        if truth:
            _only_truth(node)
        return _Expressions(self, decides=True).visit(node)

    def statement(self, s: ast.stmt) -> list[ast.stmt]:
        """One statement, rewritten."""
        if isinstance(s, ast.If):
            return self.branch(s)
        if isinstance(s, ast.While):
            return self.while_loop(s)
        if isinstance(s, ast.For):
            return self.for_loop(s)
        if isinstance(s, ast.Assert):
            later = [] if s.msg is None else [_thunk(self.expression(s.msg), s.msg)]
            return [ast.copy_location(ast.Expr(_helper("Assert", [self.expression(s.test), *later], s)), s)]
        if isinstance(s, ast.FunctionDef):
            s.decorator_list = [self.expression(d) for d in s.decorator_list]
            s.args.defaults = [self.expression(d) for d in s.args.defaults]
            return [_Function(s, self, (), self.numbers).rewrite()]
        if isinstance(s, ast.ClassDef):  # its methods; what else stands in it sees the names of the class
            s.body = [
                self.method_of(s, m).rewrite() if isinstance(m, ast.FunctionDef) else m for m in s.body
            ]
            return [s]
        if isinstance(
            s,
            (
                ast.AsyncFunctionDef,
                ast.Global,
                ast.Nonlocal,
                ast.Import,
                ast.ImportFrom,
                ast.AsyncFor,
                ast.AsyncWith,
            ),
        ):
            return [s]
        if isinstance(s, ast.With):
            for item in s.items:
                item.context_expr = self.expression(item.context_expr)
            s.body = self.block(s.body)
            return [s]
        if isinstance(s, ast.Try):
            s.body = self.block(s.body)
            s.orelse, s.finalbody = (self.block(b) if b else [] for b in (s.orelse, s.finalbody))
            for h in s.handlers:
                h.body = self.block(h.body)
            return [s]
        if isinstance(s, ast.Match):
            s.subject = self.expression(s.subject)
            for c in s.cases:
                c.body = self.block(c.body)
            return [s]
        if isinstance(s, ast.AnnAssign):
            value = None if s.value is None else self.expression(s.value)
            if isinstance(s.target, ast.Name):  # Python takes no annotation for a variable that a branch or loop shares
                return [ast.copy_location(ast.Pass() if value is None else ast.Assign([s.target], value), s)]
            s.value = value
            return [s]
        return [self.expression(s)]

    def method_of(self, node: ast.ClassDef, method: ast.FunctionDef) -> _Function:
        """A method of a class that is defined inside of this function."""
        made = _Function(method, self, (), self.numbers)
        made.class_name = node.name
        return made

    # blocks as functions

    def number(self) -> int:
        """The next number for the names of helpers."""
        self.numbers[0] += 1
        return self.numbers[0]

    def define(
        self, kind: str, number: int, body: list[ast.stmt], stores: set[str], like: ast.AST, parameter: str = ""
    ) -> ast.FunctionDef:
        """A function around a block that shares the variables of this one."""
        at: list[ast.stmt] = []
        shared = sorted(n for n in stores if n not in self.globals)
        self.shared = self.shared | set(shared)
        if shared:
            at.append(ast.Nonlocal(shared))
        outer = sorted(stores & self.globals)
        if outer:
            at.append(ast.Global(outer))
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(parameter)] if parameter else [], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        name = getattr(self.outermost().node, "name", "lambda")
        made = ast.FunctionDef(f"{kind}_{number}_of_{name}", arguments, [*at, *body], [], None)
        if hasattr(made, "type_params") or "type_params" in ast.FunctionDef._fields:
            made.type_params = []  # type: ignore[attr-defined]
        return ast.fix_missing_locations(ast.copy_location(made, like))

    def outermost(self) -> _Function:
        """The function whose definition this is inside of, itself included."""
        return self

    def hoisted(self, value: ast.expr, names: set[str], like: ast.expr) -> ast.expr:
        """An expression with := as a function defined before the statement."""
        made = self.define("value", self.number(), [ast.copy_location(ast.Return(value), like)], names, like)
        self.waiting.append(made)
        return ast.copy_location(_name(made.name), like)

    def state(self, s: ast.stmt, parts: Sequence[Any], live: set[str]) -> dict[str, Any]:
        """Arguments that tell a helper about the variables of a block: names it may change, and how to reach them."""
        stores: set[str] = set().union(*map(_stores, parts))
        cells = self.cells() | self.globals
        changed, growing, shrinking = (
            {self.mangled(n) for found in kinds for n in found if n.split(".")[0] in cells}
            for kinds in zip(*map(_mutated, parts), strict=True)
        )
        names = sorted(stores & live & (self.locals | self.nonlocals | self.globals))
        if any(isinstance(n, ast.Call) for part in parts for n in _walk(part)):
            names = sorted({*names, *(self.written_by_others() & cells)})
        attributes = [
            self.mangled(p)
            for p in dict.fromkeys(p for part in parts for p in _attributes_set(part))
            if p.split(".")[0] in cells
        ]
        own = self.locals | self.nonlocals | self.globals
        dead = sorted(n for n in stores if n in own and n not in names)  # nobody reads them afterwards
        reach = sorted(
            (
                set(names)
                | {n.split(".")[0] for n in changed}
                | set(dead)
                | {n for part in parts for n in _loads(part)}
                | {p.split(".")[0] for p in attributes}
            )
            & cells - {"__class__"}
        )
        arguments: dict[str, Any] = {"names": _strings(names)}
        if reach:
            arguments["scope"] = _thunk(ast.Tuple([_name(n) for n in reach], ast.Load()), s)
        if dead:
            arguments["dead"] = _strings(dead)
        if changed:
            arguments["changed"] = _strings(sorted(changed))
        if growing & changed:
            arguments["growing"] = _strings(sorted(growing & changed))
        if shrinking & changed:
            arguments["shrinking"] = _strings(sorted(shrinking & changed))
        if attributes:
            arguments["attributes"] = _strings(attributes)
        return arguments

    def branch(self, s: ast.If) -> list[ast.stmt]:
        """if / else."""
        number = self.number()
        live = self.live.after.get(id(s), set()) | self.always
        state = self.state(s, [s.body, s.orelse], live)
        body_stores, else_stores = _stores(s.body), _stores(s.orelse)
        raises = len(s.body) == 1 and isinstance(s.body[0], ast.Raise) and not s.orelse and s.body[0].exc is not None
        test = self.condition(s.test)
        then = self.define("then", number, self.block(s.body), body_stores, s.body[0])
        made: list[ast.stmt] = [then]
        arguments = [test, _name(then.name)]
        if s.orelse:
            orelse = self.define("else", number, self.block(s.orelse), else_stores, s.orelse[0])
            made.append(orelse)
            arguments.append(_name(orelse.name))
        else:
            arguments.append(ast.Constant(None))
        if raises:
            state["error"] = _thunk(self.expression(copy.deepcopy(s.body[0].exc)), s.body[0])  # type: ignore[attr-defined]
        return [*made, ast.copy_location(ast.Expr(_helper("If", arguments, s.test, state)), s)]

    def while_loop(self, s: ast.While) -> list[ast.stmt]:
        """while."""
        number = self.number()
        live = self.live.after.get(id(s), set()) | self.live.head.get(id(s), set()) | self.always
        walrus = _stores(s.test)
        stops = getattr(s, "stops", [])
        test: ast.expr = s.test
        if stops:
            test = ast.BoolOp(ast.And(), [_not_any(stops, s), s.test])
            ast.fix_missing_locations(ast.copy_location(test, s))
        state = self.state(s, [s.body, test], live)
        outer, self.waiting = self.waiting, []
        value = self.condition(test)
        inside, self.waiting = self.waiting, outer
        check = self.define("test", number, [*inside, ast.copy_location(ast.Return(value), s.test)], walrus, s.test)
        stores = _stores(s.body)
        body = self.define("body", number, self.block(s.body), stores, s.body[0])
        call = _helper("While", [_name(check.name), _name(body.name)], s.test, state)
        return [check, body, ast.copy_location(ast.Expr(call), s)]

    def for_loop(self, s: ast.For) -> list[ast.stmt]:
        """for."""
        number = self.number()
        live = self.live.after.get(id(s), set()) | self.live.head.get(id(s), set()) | self.always
        state = self.state(s, [s.body, [s.target]], live)
        stores = _stores(s.body) | _stores(s.target)
        iterable = self.condition(s.iter, truth=False)
        begin = ast.copy_location(ast.Assign([self.expression(s.target)], _name("item")), s)
        parameter = "item"
        while parameter in self.cells():
            parameter += "_"
        begin.value = _name(parameter)
        body = self.define(
            "body", number, [ast.fix_missing_locations(begin), *self.block(s.body)], stores, s.body[0], parameter
        )
        stops = getattr(s, "stops", [])
        if stops:
            test: ast.expr = _name(stops[0]) if len(stops) == 1 else ast.BoolOp(ast.Or(), [_name(f) for f in stops])
            state["stop"] = _thunk(self.expression(ast.fix_missing_locations(ast.copy_location(test, s))), s)
        call = _helper("For", [iterable, _name(body.name)], s.iter, state)
        return [body, ast.copy_location(ast.Expr(call), s)]


def _is_left_alone(node: Any) -> bool:
    """Generators and functions that look at their own variables are not rewritten."""
    if isinstance(node, ast.AsyncFunctionDef):
        return True
    for at in _walk(node.body):
        if isinstance(at, (ast.Yield, ast.YieldFrom, ast.Await)):
            return True
        if (
            isinstance(at, ast.Call)
            and isinstance(at.func, ast.Name)
            and at.func.id in _UNSAFE
            and (at.func.id != "vars" or not at.args)
        ):
            return True
    return False


def _helper_of(node: ast.AST) -> str:
    """Name of the helper that an expression calls, "" for others."""
    function = node.func if isinstance(node, ast.Call) else None
    known = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == HELPERS
    return function.attr if known else ""  # type: ignore[union-attr]


def _readable(node: Any) -> Any:
    """A copy without the notes about reads of outside state, for showing."""

    class Plain(ast.NodeTransformer):
        def visit_Call(self, at: ast.Call) -> Any:
            kind = _helper_of(at)
            if kind == "read":
                return at.args[1].body  # type: ignore[attr-defined]
            if kind in ("owner", "container", "held"):
                return self.visit(at.args[0])
            return self.generic_visit(at)

        def visit_Expr(self, at: ast.Expr) -> Any:
            return None if _helper_of(at.value) == "wrote" else self.generic_visit(at)

    return Plain().visit(copy.deepcopy(node))


def rewrite(function: types.FunctionType) -> Rewritten | None:
    """The rewritten form of a function; None when its source is not at hand or it must stay as it is."""
    found = source_node(function)
    if found is None:
        return None
    node, class_name = copy.deepcopy(found[0]), found[1]
    code = function.__code__
    if isinstance(node, ast.AsyncFunctionDef) or (not isinstance(node, ast.Lambda) and _is_left_alone(node)):
        return None
    if not isinstance(node, ast.Lambda):
        node.decorator_list = []
        node.returns = None
        for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]:
            if a is not None:
                a.annotation = None
        # defaults are those of the function object
        node.args.defaults = [ast.copy_location(ast.Constant(None), d) for d in node.args.defaults]
        node.args.kw_defaults = [
            None if d is None else ast.copy_location(ast.Constant(None), d) for d in node.args.kw_defaults
        ]
    function_of = _Function(
        node, None, code.co_freevars, [0], method=class_name is not None or _looks_like_method(function)
    )
    function_of.class_name = class_name or ""
    made = function_of.rewrite()
    text = ast.unparse(_readable(made))
    if isinstance(made, ast.Lambda):
        name = "function"
        inner: ast.stmt = ast.copy_location(ast.Return(made), made)
    else:
        name = made.name
        inner = made
    if class_name is not None:  # private names carry the name of the class
        inner = ast.ClassDef(class_name, [], [], [inner], [])
        if "type_params" in ast.ClassDef._fields:
            inner.type_params = []  # type: ignore[attr-defined]
    free = list(dict.fromkeys([*code.co_freevars, HELPERS, "__class__"]))
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg(n) for n in free], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    body: list[ast.stmt] = [inner]
    outer = name if class_name is None else class_name
    if outer not in free and (class_name is not None or not isinstance(made, ast.Lambda)):
        body.insert(0, ast.Global([outer]))  # inside, the name means that of the module
    factory = ast.FunctionDef("factory", arguments, body, [], None)
    if "type_params" in ast.FunctionDef._fields:
        factory.type_params = []  # type: ignore[attr-defined]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    compiled = compile(module, code.co_filename, "exec", dont_inherit=True, flags=code.co_flags & _FUTURE)
    wanted = _find_code(compiled, code.co_name)
    return None if wanted is None else Rewritten(wanted, text, name)


_FUTURE = 0x1000000 | 0x100000  # annotations, generator_stop


def _looks_like_method(function: types.FunctionType) -> bool:
    return function.__code__.co_varnames[:1] == ("self",)


def _find_code(code: types.CodeType, name: str) -> types.CodeType | None:
    """The code object with this name, the outermost one first."""
    level = [code]
    while level:
        deeper: list[types.CodeType] = []
        for c in level:
            for constant in c.co_consts:
                if isinstance(constant, types.CodeType):
                    if constant.co_name == name and c.co_name != "<module>":
                        return constant
                    deeper.append(constant)
        level = deeper
    return None

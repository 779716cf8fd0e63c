# ruff: noqa: B007, B905, C402, C416, C417, E711, PERF401, SIM102, SIM103, SIM108, SIM110, SIM114, SIM201, UP008, UP031, RET503, RET505, RET508
"""Small functions, one for each form of Python that a traced function may use.

Each runs dynamically and traced on the same arguments; results, gradients and what is left in attributes must agree (test_grammar.py).
docs/generate_supported.py makes docs/dynamic-to-static-supported.md of them. `x` is float32 [2, 3], `n` an int64 Tensor of one element.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minipaddle as paddle
from minipaddle import nn
from minipaddle.nn import functional as F

X = np.asarray([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], "float32")  # its sum is positive
BIG = X + 4
NEG = -X
ROWS = np.asarray([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0], [0.5, 0.5, 0.5], [-1.0, -2.0, -3.0]], "float32")


def i64(value: int) -> Any:
    """An integer Tensor argument."""
    return np.asarray(value, "int64")


SIGNS = [(X,), (NEG,), (BIG,)]
TRIPS = [(X, i64(0)), (X, i64(1)), (NEG, i64(4)), (BIG, i64(3))]


@dataclass
class Case:
    """make: the function, or a class whose object is traced. calls: arguments. refuses: the code of the error that is expected."""

    title: str
    group: str
    make: Any
    calls: list[tuple[Any, ...]]
    refuses: str = ""
    open_sizes: bool = False  # also traced with unknown sizes
    seeded: bool = False
    saves: bool = True
    options: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}
_group = ""


def group(name: str) -> None:
    """What follows belongs to this heading."""
    global _group
    _group = name


def case(title: str, calls: list[tuple[Any, ...]], **options: Any) -> Callable[[Any], Any]:
    """Register a function or Layer class."""

    def add(made: Any) -> Any:
        assert made.__name__ not in CASES, made.__name__
        CASES[made.__name__] = Case(title, _group, made, calls, **options)
        return made

    return add


group("Branches")


@case("`if` / `else` on a Tensor", SIGNS)
def if_else(x):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x - 1
    return y


@case("`if` without `else`, `elif`, nested", [*SIGNS, (X * 3,)])
def if_nested(x):
    y = x
    total = x.sum()
    if total > 5:
        if total > 20:
            y = y * 3
        y = y + 1
    elif total > 0:
        y = y * 2
    elif total > -1:
        y = -y
    return y + total


@case("nested conditional expressions", [*SIGNS, (X * 0,)])
def ternaries(x):
    s = x.sum()
    return x * 2 if s > 4 else (x + s if s > 0 else (x if s == 0 else -x))


@case("`return` of a tuple, early", SIGNS)
def early_tuple(x):
    if x.sum() > 5:
        return x, x.sum()
    y = x * 2
    if x.max() > 1.5:
        return y, y.mean()
    return y - 1, y.max()


@case("`return` of a dict, early", SIGNS)
def early_dict(x):
    if x.sum() > 0:
        return {"out": x, "rest": [x + 1, 2.0]}
    return {"out": -x, "rest": [x * x, 3.0]}


@case("several names, numbers and Tensors, set in both branches", SIGNS)
def several_names(x):
    if x.sum() > 0:
        a, b, scale = x, x + 1, 2
    else:
        b, a, scale = x, x - 1, 0.5
    return a * scale + b, scale


@case("a number chosen by a Tensor scales a gradient", SIGNS)
def chosen_number(x):
    k = 3
    if x.sum() < 0:
        k = -1
    return x * k


@case("a branch that reads what another branch set", SIGNS)
def branch_after_branch(x):
    y, big = x, False
    if x.sum() > 5:
        big = True
        y = x / 2
    if big:
        y = y + 100
    return y


@case("`is None` on an argument that may be left out", [(X, None), (NEG, None), (X, BIG), (NEG, X)])
def optional_argument(x, mask=None):
    if mask is not None and mask.sum() > 3:
        x = x * mask
    if mask is None:
        return x.sum()
    return (x + mask).sum()


@case("`isinstance` and type dispatch", [(X, 2), (X, 2.5), (X, NEG), (X, [1, 2])])
def dispatch_on_type(x, other):
    if isinstance(other, paddle.Tensor):
        if other.sum() > 0:
            return x * other
        return x - other
    if isinstance(other, (list, tuple)):
        return x * len(other)
    return x * other if type(other) is int else x / other


@case("a condition on the shape", [(X,), (ROWS,), (X[:, :2].copy(),)])
def branch_on_shape(x):
    if x.shape[0] > 3:
        y = x[3]
    elif x.shape[1] == 2:
        y = x[:, 0]
    else:
        y = x.reshape([-1])
    if len(x.shape) == 2 and x.ndim == 2:
        y = y * 2
    return y


@case("a condition on an open size", [(X,), (ROWS,)], open_sizes=True)
def branch_on_open_size(x):
    if x.shape[0] > 3:
        return x.sum(axis=0) * x.shape[0]
    return x[0] + x.shape[1]


@case("a condition on the data type", [(X,), (X.astype("float64"),), (np.arange(6).reshape(2, 3),)])
def branch_on_dtype(x):
    if x.dtype == paddle.float64:
        return x * 2
    if x.dtype in (paddle.int32, paddle.int64):
        return x + 1
    return x * 3


@case("`match` on Python values", [(X, "double"), (X, ("shift", 3)), (X, None)])
def match_statement(x, mode):
    match mode:
        case "double":
            y = x * 2
        case ("shift", k):
            y = x + k
        case _:
            y = x if x.sum() > 0 else -x
    return y


@case("branches of different sizes", SIGNS)
def branches_of_different_sizes(x):
    if x.sum() > 0:
        y = x[:1]
    else:
        y = paddle.concat([x, x])
    return y.sum(axis=0)


group("Conditions")


@case("`and`, `or`, `not` of Tensors", [*SIGNS, (X - 0.4,)])
def and_or_not(x):
    if (x.sum() > 0 and x.max() > 3) or not x.min() > -2:
        return x * 2
    return x - 1


@case("chained comparison of Tensors and numbers", [*SIGNS, (X + 0.2,)])
def chained_comparison(x):
    s = x.mean()
    if 0 < s < 1 <= x.max() < 10:
        return x * 10
    if -1 < s <= 0 and not x.max() == 1000:
        return x * 5
    return x


@case("`in` on Python values, `!=`, `is`", [(X, "relu"), (X, "tanh"), (X, "none"), (NEG, "tanh")])
def membership(x, kind):
    if kind in ("relu", "tanh") and x.sum() != 0:
        x = getattr(F, kind)(x)
    if kind not in {"relu": 1}:
        x = x + 1
    return x


@case("lazy `and`, `or` on Python values", [(X, None), (X, [2.0]), (X, [])])
def lazy_logic(x, values):
    first = values and values[0]
    return x * (first or 7)


@case("`:=` in an `if` and in a `while` condition", SIGNS)
def walrus(x):
    y = x
    if (total := y.sum()) > 0:
        y = y + total
    while (size := y.abs().max()) < 20:
        y = y * 2
    return y / size


@case("`all` and `any` methods", SIGNS)
def all_and_any(x):
    if (x > 0).all():
        return x * 2
    if (x > 1.8).any():
        return x * 3
    return x


@case("`any`, `all`, `max`, `min` over Tensors, `in` a list of Tensors", [*SIGNS, (X * 0 + 0.5,)])
def builtin_choices(x):
    largest = max(x[0].sum(), x[1].sum(), 0.25)
    if any(row.sum() > 8 for row in x) or largest in [1.5, x.min()]:
        return x * largest
    if all(row.sum() < 0 for row in x):
        return x - min([x.max(), x.min()])
    return x + largest


@case("`int`, `float`, `bool` of a Tensor", [*SIGNS, (X * 0,)])
def casts(x):
    k = int(x.max()) + 1
    f = float(x.sum())
    if bool(x.sum() > 0):
        f = f * 2
    return x * k + f


group("Loops")


@case("`while` on a Tensor", [*SIGNS, (X * 50,)])
def while_on_a_tensor(x):
    y, i = x, 0
    while y.abs().sum() < 30 and i < 20:
        y = y * 1.5
        i += 1
    return y, i


@case("`while True` that a Tensor breaks", SIGNS)
def while_true(x):
    y, count = x, 0
    while True:
        y = y * 2
        count += 1
        if y.abs().max() > 30:
            break
        if count >= 6:
            break
    return y * count


@case("`while True` that returns", SIGNS)
def while_true_returns(x):
    i = 0
    while True:
        x = x * 1.5
        i += 1
        if x.abs().max() > 9:
            return x, i
        if i == 3:
            continue
        x = x + 0.1


@case("`while` ... `else`", [*SIGNS, (X * 100,)])
def while_else(x):
    y, i = x, paddle.to_tensor(0)
    while i < 4:
        if y.max() > 12:
            break
        y = y * 2
        i = i + 1
    else:
        y = y - 1000
    return y


@case("`for` over `range(n)`", TRIPS)
def for_range(x, n):
    y = x
    for i in range(n):
        y = y * 1.5 + i
    return y


@case("`range` with start, stop and step as Tensors", [
    (X, i64(1), i64(8), i64(3)), (X, i64(9), i64(2), i64(-3)), (X, i64(3), i64(3), i64(1)), (X, i64(0), i64(5), i64(-1))])
def range_of_three(x, start, stop, step):
    y = x
    for i in range(start, stop, step):
        y = y + i * x
    return y


@case("`range` that counts down", TRIPS)
def range_down(x, n):
    y = x
    for i in range(n - 1, -1, -1):
        y = y * (i + 1)
    for i in range(n, 0, -2):
        y = y - i
    return y


@case("the loop variable after the loop", [(X, i64(1)), (X, i64(4))])
def variable_after_loop(x, n):
    for i in range(n):
        x = x + 1
    return x * i


@case("`for` ... `else` with `break`", [(X, i64(0)), (X, i64(2)), (X, i64(9)), (BIG, i64(3))])
def for_else(x, n):
    y = x
    for i in range(n):
        if y.sum() > 30:
            y = y + 100
            break
        y = y + 1
    else:
        y = y * 10
    return y


@case("nested `break` and `continue` in `for` in `while` in `if`", [
    (X, i64(0)), (X, i64(3)), (BIG, i64(5)), (NEG, i64(4))])
def nested_jumps(x, n):
    y, count = x, 0
    if x.sum() > 0:
        i = 0
        while i < n:
            i += 1
            if i == 2:
                continue
            for j in range(n):
                if j > i:
                    break
                if j == 1:
                    continue
                y = y + i * j
                count += 1
            if y.sum() > 60:
                break
    else:
        for k in range(4):
            if k == n:
                continue
            y = y - k
    return y, count


@case("`return` out of nested loops", [(X, i64(0)), (X, i64(2)), (X, i64(5)), (NEG, i64(5))])
def return_from_nested_loops(x, n):
    y = x
    for i in range(n):
        for j in range(3):
            y = y * 1.25
            if y.abs().sum() > 20:
                return y, i * 10 + j
        y = y + 1
    else:
        y = y - 7
    return y, -1


@case("rows of a Tensor, their number unknown", [(ROWS,), (X,)], open_sizes=True)
def rows(x):
    total, kept = paddle.zeros([3]), 0
    for row in x:
        if row.sum() < 0:
            continue
        total = total + row * row
        kept += 1
    return total, kept


@case("`enumerate` and `zip` of Tensors, their sizes unknown", [(ROWS, ROWS * 2), (X, NEG)], open_sizes=True)
def enumerate_and_zip(a, b):
    total = paddle.zeros([3])
    for i, row in enumerate(a):
        total = total + i * row
    for u, v in zip(a, b):
        total = total + u * v
    for i, (u, v) in enumerate(zip(a, b), 1):
        if i == 2:
            break
        total = total + i * (u - v)
    return total


@case("`for` over a list, a tuple, a dict, a string, nested unpacking", [(X, i64(2)), (NEG, i64(0))])
def python_iteration(x, n):
    parts = {"a": x, "b": x * 2}
    total = x * 0
    for key, value in parts.items():
        if n > 1:
            total = total + value * ord(key)
    for (p, q), r in [((1, 2), x), ((3, 4), x + 1)]:
        total = total + p * r - q
    for c in "ab":
        total = total + parts[c]
    return total


@case("`reversed`, `sorted`, `map`, `filter`, `sum`, `max` on Python lists", SIGNS)
def builtin_iteration(x):
    rows = [x[0], x[1]]
    total = sum(rows)
    for r in reversed(rows):
        total = total * 2 + r
    for k in sorted([3, 1, 2], key=lambda v: -v):
        total = total * k
    doubled = list(map(lambda r: r * 2 if r.sum() > 0 else r, rows))
    few = list(filter(lambda k: k > 1, range(4)))
    return total + doubled[0] + doubled[1] + max(few)


@case("a Python loop that a Tensor ends", SIGNS)
def python_loop_with_tensor_break(x):
    y = x
    for k in [1, 2, 3, 4]:
        if y.abs().sum() > 12:
            break
        y = y + k
    return y


@case("loop over a Tensor inside of a branch inside of a loop", TRIPS)
def loop_branch_loop(x, n):
    y = x
    for i in range(n):
        if y.sum() > 3:
            for j in range(i + 1):
                y = y - 0.5 * j
        else:
            while y.sum() < 3:
                y = y + 1
    return y


@case("a loop variable that starts as a number, or changes its size", TRIPS)
def loop_variable_kinds(x, n):
    total, grown = 0, x
    for i in range(n):
        total = total + x.sum() * i
        grown = paddle.concat([grown, x])
    return x * total, grown.sum()


@case("`return` of dicts, lists, texts and `None` out of a loop", TRIPS)
def return_structures_from_loop(x, n):
    for i in range(n):
        x = x + 1
        if x.sum() > 20:
            return {"y": x, "rest": [i, None, "sum"]}
    return {"y": x * 2, "rest": [-1, None, "sum"]}


@case("`continue` inside of `try` / `finally`, `break` inside of `with`", TRIPS)
def jumps_in_blocks(x, n):
    y = x
    for i in range(n):
        try:
            if i == 1:
                continue
            y = y + i
        finally:
            y = y * 2
    while True:
        with contextlib.nullcontext():
            if y.abs().sum() > 40:
                break
            y = y * 2 + x
    return y


@case("`del` in a function", TRIPS)
def deletes(x, n):
    a = x * 2
    b = a + 1
    del a
    cache = {"a": b, "b": x}
    del cache["a"]
    for i in range(n):
        t = b * i
        b = b + t
        del t
    return b + cache["b"]


group("Lists, dicts and other containers")


@case("`append` in a Tensor loop, then `stack`, `concat`, `len`, indexing", [(X, i64(1)), (NEG, i64(4))])
def append_in_loop(x, n):
    parts, sums = [], [x.sum()]
    for i in range(n):
        parts.append(x * i)
        sums.append(parts[-1].sum())
    return paddle.concat(parts), paddle.stack(sums), len(parts), parts[0] + sums[-1]


@case("rows of a list that grew in a Tensor loop", [(X, i64(2)), (NEG, i64(4))])
def loop_over_grown_list(x, n):
    parts = [x]
    for i in range(n):
        parts.append(x * i)
    y = x * 0
    for p in parts:
        y = y * 2 + p
    return y


@case("entries of a list that grows, read and written in Tensor loops", [(X, i64(1)), (NEG, i64(4))])
def grown_list_read_and_written(x, n):
    items, total = [x], x * 0
    for i in range(n):
        items.append(items[-1] * 1.5 + items[0])
        items[0] = items[0] * 0.5
    for i in range(n):
        total = total + items[i] * items[i + 1]
    return total, paddle.concat(items).sum()


@case("`append` in a branch of a Tensor loop, with `continue` and `break`", [(X, i64(1)), (NEG, i64(4)), (BIG, i64(3))])
def append_in_branch(x, n):
    items = [x]
    for i in range(n):
        if i == 1:
            continue
        items.append(items[-1] * 1.5 + i)
        if items[-1].sum() > 60:
            break
    return paddle.stack(items).sum(axis=0), len(items)


def fill(items, x, n):
    for i in range(n):
        items.append(x * i)


@case("a list that a called function fills in a Tensor loop, or that has two names", [(X, i64(1)), (NEG, i64(4))])
def list_filled_elsewhere(x, n):
    items = [x]
    same = items
    fill(items, x, n)
    for i in range(n):
        same.append(items[-1] + i)
    return paddle.concat(items), len(same), same[0] + items[-1]


@case("list `pop`, `insert`, `extend`, `remove`, slices, index assignment", SIGNS)
def list_methods(x):
    parts = [x, x + 1]
    parts.insert(0, x * 2)
    parts.extend([x - 1, x * 3])
    last = parts.pop()
    parts[1] = parts[1] + last
    parts += [last]
    parts[0] += x
    a, *rest = parts[1:]
    return a + sum(rest) * len(rest) + parts[-1]


@case("`pop`, `insert` and slices of a list that grows in Tensor loops", [(X, i64(3)), (NEG, i64(1)), (X, i64(0))])
def popped_in_a_loop(x, n):
    parts = [x, x + 1]
    i = 0
    while i < n:
        parts.append(x * (i + 2))
        if i % 2 == 1:
            parts.pop(0)
        else:
            parts.insert(1, x - i)
        i += 1
    last = parts.pop()
    first_two = paddle.stack(parts[:2]) if len(parts) > 1 else paddle.stack([x, x])
    return last + paddle.concat(parts).sum(), first_two, len(parts)


@case("`reverse`, `reversed` and slices with a step of a list that grows in Tensor loops", [(X, i64(3)), (NEG, i64(1)), (X, i64(0))])
def turned_lists(x, n):
    parts = [x, x + 1]
    for i in range(n):
        parts.append(x * (i + 2))
    total = x * 0
    for i, part in enumerate(reversed(parts)):
        total = total + part * i
    parts.reverse()
    return total, parts[0], paddle.concat(parts[::-1]), paddle.stack(parts[::2])


@paddle.no_grad()
def under_no_grad(x):
    return x * 2 if x.sum() > 0 else x - 1


@case("called functions under `no_grad()`, `contextmanager` and other decorators of libraries", SIGNS)
def calls_decorated(x):
    return under_no_grad(x) * x


@case("lists and dicts that are attributes, changed in branches and Tensor loops", TRIPS)
def attribute_containers(x, n):
    class Holder:
        pass

    kept = Holder()
    kept.rows, kept.table = [x], {"sum": x}
    for i in range(n):
        kept.rows.append(x + i)
        kept.table["sum"] = kept.table["sum"] + kept.rows[-1]
    if x.sum() > 0:
        kept.table["sum"] = kept.table["sum"] * 2
    return kept.table["sum"], paddle.stack(kept.rows).sum()


def into(table, x):
    table["sum"] = table["sum"] + x
    table["rows"][0] = x * 2
    return table["sum"]


@case("a dict in a list that a called function changes, in branches and Tensor loops", TRIPS)
def changed_by_a_call(x, n):
    tables = [{"sum": x, "rows": [x]}, {"sum": x * 2, "rows": [x]}]
    y = x
    for i in range(n):
        for table in tables:
            y = y + into(table, y)
        if y.sum() > 3:
            y = y - into(tables[0], y * 0.5)
    return y, tables[0]["sum"], tables[1]["rows"][0]


@case("a dict entry that one branch adds and uses", SIGNS)
def entry_of_one_branch(x):
    table = {"x": x}
    if x.sum() > 0:
        table["twice"] = x * 2
        y = table["twice"] + table["x"]
    else:
        y = table["x"] - 1
    return y


@case("list and dict entries changed in a branch", SIGNS)
def entries_in_branch(x):
    parts, table = [x, x * 2], {"a": x, "b": [x, 1.0]}
    if x.sum() > 0:
        parts[0] = parts[1] + 1
        table["a"] = parts[0] * 2
    else:
        parts[1] = x
        table["b"][0] = x * 5
    return parts[0], parts[1], table["a"], table["b"][0]


@case("list entries changed in a Tensor loop", TRIPS)
def entries_in_loop(x, n):
    state = [x, x * 0]
    for i in range(n):
        state[0], state[1] = state[1] + i, state[0] * 1.5
    return state[0] + state[1]


@case("a dict of Tensors as the state of a Tensor loop", TRIPS)
def dict_in_loop(x, n):
    state = {"h": x, "c": x * 0, "steps": 0}
    for i in range(n):
        state["c"] = paddle.tanh(state["h"]) + state["c"]
        state["h"] = state["h"] * 0.5 + state["c"]
        state["steps"] += 1
    return state["h"], state["steps"]


@case("a list of lists, a dict of lists", SIGNS)
def nested_containers(x):
    grid = [[x * (i + j) for j in range(2)] for i in range(2)]
    grid[1][0] = grid[0][1] - x
    table = {"even": [], "odd": []}
    for k in range(4):
        table["odd" if k % 2 else "even"].append(x * k)
    table.setdefault("more", []).append(x)
    return grid[1][0] + grid[1][1] + sum(table["even"]) - sum(table["odd"]) + table["more"][0]


@case("comprehensions over rows, with conditions on Python values", SIGNS)
def comprehensions(x):
    rows = [row * 2 for row in x]
    squares = {i: r * r for i, r in enumerate(rows) if i != 5}
    pairs = [a + b for a in rows for b in squares.values()]
    return paddle.stack([r for r in rows]) + pairs[1], sum(v for v in squares.values())


@case("a conditional expression inside of a comprehension", SIGNS)
def condition_in_comprehension(x):
    return paddle.stack([r * 2 if r.sum() > 1 else r - 1 for r in x])


@case("namedtuple, dataclass, set, `defaultdict`", SIGNS)
def other_containers(x):
    pair = Pair(x, x + 1)
    box = Box(pair.a)
    table = collections.defaultdict(list)
    table["k"].append(box.value)
    seen = {1, 2} | {3}
    if x.sum() > 0:
        pair = pair._replace(a=pair.b * 2)
        box.value = x * 7
    return pair.a + box.value + table["k"][0] * len(seen)


Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Box:
    value: Any


@case("`*` and `**` unpacking, slices with steps, negative indices", SIGNS)
def unpacking(x):
    first, *others = [x, x * 2, x * 3]
    merged = {**{"a": first}, "b": others[-1]}
    (p, q), r = x, [*others, first][::-1][0]
    return merged["a"] + merged["b"][:, ::-1] + p - q + r


group("Functions")


def helper(x, scale=1.0, *, shift=0):
    if x.sum() > 0:
        return x * scale
    return x + shift


@case("calls of functions with branches; defaults and keywords", SIGNS)
def calls(x):
    return helper(x) + helper(-x, 3) + helper(x=x, shift=4, scale=2)


@case("`*args` and `**kwargs`", SIGNS)
def star_arguments(x):
    def inner(*args, **kwargs):
        total = args[0] * 0
        for a in args:
            total = total + a
        for key in kwargs:
            total = total * kwargs[key]
        return helper(*[total], **{"scale": 3})

    return inner(x, x * 2, *[x], k=2, **{"j": 3})


@case("lambdas with defaults, stored in a dict", SIGNS)
def lambdas(x):
    table = {"double": lambda v, k=2: v * k, "pick": lambda v: v if v.sum() > 0 else -v}
    return table["double"](x) + table["double"](x, 5) + table["pick"](x)


@case("closures with `nonlocal` in a Tensor loop", TRIPS)
def nonlocal_in_loop(x, n):
    total, count = x, 0

    def add(v):
        nonlocal total, count
        total = total + v
        count += 1

    for i in range(n):
        add(x * i)
    if total.sum() > 0:
        add(x)
    return total, count


@case("closures made in a loop", SIGNS)
def closures_in_loop(x):
    made = []
    for k in range(3):
        made.append(lambda v, k=k: v * k)
    return sum(f(x) for f in made)


@case("`functools.partial` and functions as values", SIGNS)
def partial(x):
    triple = functools.partial(helper, scale=3.0)
    f = triple if x.shape[0] == 2 else helper
    return f(x) + functools.reduce(lambda a, b: a + b if b.sum() > 0 else a, [x, -x, x])


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        out = function(*args, **kwargs)
        return out * 2 if out.sum() > 0 else out

    return wrapper


@case("decorators on inner functions", SIGNS)
def decorated(x):
    @doubled
    def shifted(v, by=1):
        if v.max() > 3:
            by = 10
        return v + by

    return shifted(x) + shifted(x, by=-1)


@case("recursion on a Python number", [(X, 0), (X, 3), (NEG, 4)])
def recursion(x, depth):
    if depth == 0:
        return x
    y = recursion(x * 2, depth - 1)
    return y + 1 if y.sum() > 0 else y - depth


@case("mutual recursion, functions with loops called twice", TRIPS)
def mutual_recursion(x, n):
    def even(k, v):
        return v if k == 0 else odd(k - 1, v * 2)

    def odd(k, v):
        return v + 1 if k == 0 else even(k - 1, v * 3)

    def run(v, m):
        for i in range(m):
            if v.sum() > 10:
                return v
            v = v + i
        return v * 2

    return (even(4, x) if n > 2 else odd(3, x)) + run(x, n) * run(x * 2, n)


@case("a generator, consumed in part", SIGNS)
def generators(x):
    def multiples(v):
        k = 1
        while True:
            yield v * k
            k += 1

    made = multiples(x)
    first, second = next(made), next(made)
    for count, value in enumerate(made):
        if count == 2:
            break
    return first + second * value + sum(v for v in (x * k for k in range(3)))


@case("a local class with methods", SIGNS)
def local_class(x):
    class Accumulator:
        def __init__(self):
            self.total = 0

        def add(self, v):
            if v.sum() > 0:
                self.total = self.total + v
            else:
                self.total = self.total - v
            return self

    return Accumulator().add(x).add(-x).add(x * 2).total


COUNTER = 0


@case("`global` that is assigned", SIGNS, saves=False)
def global_counter(x):
    global COUNTER
    COUNTER = 2
    if x.shape[0] == 2:
        COUNTER += 3
    return x * COUNTER


@case("assert with a message, print with several arguments, f-strings", [(X, i64(2)), (BIG, i64(0))])
def effects(x, n):
    name = f"case {x.shape[0]:>3}"
    assert x.sum() > 0, f"the sum of {name} must be positive"
    for i in range(n):
        assert i < 5, x
    print("sum", name, x.sum(), "end")
    return x * len(name)


@case("docstring, annotations, `pass`, several targets, augmented assignment", SIGNS)
def small_statements(x: Any) -> Any:
    """A documented function."""
    pass
    a = b = x
    c: Any = a + b
    c -= 1
    c **= 2
    c /= 4
    c //= 1
    k: int
    k = 5
    k //= 2
    return c * k


group("try, with and raise")


@case("`try` / `except` / `else` / `finally` around branches", SIGNS)
def try_statement(x):
    log = []
    try:
        if x.sum() > 0:
            y = x * 2
        else:
            y = x * 3
        int("no number")
    except ValueError:
        y = y + 1
    else:
        y = y + 100
    finally:
        log.append("done")
    try:
        z = x / 2
    except KeyError:
        z = None
    else:
        z = z + 1
    return y * len(log) + z


@case("`return` inside of `try` with `finally`", SIGNS)
def return_in_try(x):
    steps = []
    try:
        if x.sum() > 0:
            return x * 2
        return x - len(steps)
    finally:
        steps.append(1)


@case("`with paddle.no_grad()`", SIGNS)
def no_grad(x):
    with paddle.no_grad():
        scale = x.sum() * 2
        if scale > 0:
            scale = scale + x.max()
    return x * scale


@case("`no_grad` in a branch and in a Tensor loop, `detach`", TRIPS)
def no_grad_in_loop(x, n):
    y = x
    for i in range(n):
        with paddle.no_grad():
            size = y.abs().sum()
        y = y * 2 / size + x.detach()
        if y.sum() > 0:
            with paddle.no_grad():
                y = y * 0.5
            y = y + x
    return y


@contextlib.contextmanager
def scaled(values):
    values.append(2.0)
    yield values[-1]
    values.pop()


@case("context managers of one's own, `return` inside of `with`", SIGNS)
def own_context(x):
    values = []
    with scaled(values) as k, contextlib.suppress(KeyError):
        if x.sum() > 0:
            return x * k
        y = x + k
    return y * (len(values) + 3)


@case("`raise` on Python values and under a Tensor", [(X, 1), (BIG, 3)])
def raises(x, k):
    if k > 5:
        raise ValueError("too large")
    if x.sum() < 0:
        raise ValueError("the sum is negative")
    return x * k


group("Tensors")


@case("`x[i] = v`, `x[i, j] += v`, slices of columns", SIGNS)
def item_assignment(x):
    y = x * 1
    y[0] = 7.0
    y[1, 2] += x[0, 0]
    y[:, 1] = y[:, 1] * 2
    if x.sum() > 0:
        y[1] = x[0] * 3
        y[0, 0] += 1
    return y * x


@case("`x[i] = v` in a Tensor loop", [(X, i64(0)), (X, i64(1)), (NEG, i64(2))])
def item_assignment_in_loop(x, n):
    y = paddle.zeros_like(x)
    for i in range(n):
        y[i] = x[i] * (i + 1)
    return y + x


@case("slices and in-place changes, in the order that is seen", SIGNS)
def views_and_changes(x):
    y = x * 1
    kept = y[0].clone()
    if x.sum() > 0:
        y[0] = 7.0
    else:
        kept = kept + y[1]
    flat = y.reshape([-1])
    y = y + flat[0]
    return y[0] + kept + flat.sum()


@case("in-place methods in branches and loops", TRIPS)
def in_place(x, n):
    y = x * 1
    other = y
    for i in range(n):
        y.add_(x)
        if y.sum() > 3:
            y.scale_(0.5)
    return y + other


@case("`len`, `shape`, `ndim`, `dtype`, `size` of a Tensor", [(X,), (ROWS,)], open_sizes=True)
def facts_of_a_tensor(x):
    rows = len(x)
    y = x.reshape([rows * x.shape[1]])
    return y * x.ndim + paddle.zeros([x.shape[0] * 3], x.dtype), x.shape[0] * 2 + 1


@case("indexing with a Tensor, slices with Tensor bounds", TRIPS)
def tensor_index(x, n):
    k = n % 2
    return x[k] + x[k : k + 1].sum() + x[:, paddle.to_tensor([0, 2, 1])][0]


@case("constants: `paddle.to_tensor`, NumPy on constants", SIGNS)
def constants(x):
    table = np.linspace(0, 1, 3).astype("float32")
    weight = paddle.to_tensor(table * np.float32(2))
    k = float(np.prod([2, 3]))
    return x * weight + k + paddle.to_tensor([1.0, 2.0, 3.0])


@case("sizes from Python arithmetic", [(X,), (ROWS,)])
def size_arithmetic(x):
    rows, columns = x.shape
    half = max(rows // 2, 1)
    return paddle.concat([x[:half], x[half:] * columns]).reshape([columns, -1])


@case("int Tensors in arithmetic with numbers", TRIPS)
def integer_arithmetic(x, n):
    m = n * 2 + 1
    if m % 3 == 0:
        m = m // 3
    k = m - 1 if m > 4 else m**2
    return x * m + k / 2, k


@case("complex data flow: a small recurrent cell with an early stop", [(X, i64(0)), (X, i64(5)), (BIG, i64(7))])
def recurrent_cell(x, n):
    h, outputs = paddle.zeros([2, 3]), [x]
    for t in range(n):
        candidate = paddle.tanh(x + h * 0.5)
        gate = F.sigmoid(x - h)
        h = gate * h + (1 - gate) * candidate
        outputs.append(h)
        if (h * h).sum() > 3.0:
            break
    return paddle.stack(outputs).sum(axis=0), h


@case("`item()`, and `numpy()` where it decides", [(X, i64(2)), (NEG, i64(0)), (BIG, i64(3))])
def numbers_of_tensors(x, n):
    y = x * x.max().item()
    for i in range(n.numpy().item()):
        y = y + x.item(1, 2)
    if x.numpy()[0, 1] > 0:
        y = y - 1
    return y


@case("`paddle.grad`, once and twice", SIGNS)
def gradient_inside(x):
    y = paddle.tanh(x) * x
    g = paddle.grad(y, x, create_graph=True)[0]
    return (g * g).sum() + paddle.grad(x * x * x, x)[0]


@case("hooks of gradients", SIGNS, saves=False)
def hooked(x):
    y = x * 3
    z = y * y
    y.register_hook(lambda g: paddle.clip(g, max=2.0))
    return z + y


class Clamped(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return paddle.clip(x, -1.0, 1.0)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensor()
        return dy * (x < 2).astype("float32")


@case("a `PyLayer`, in branches and loops too", TRIPS, saves=False)
def written_gradient(x, n):
    for _ in range(n):
        x = Clamped.apply(x * 1.5)
    if x.sum() > 0:
        x = Clamped.apply(x) + x
    return x


group("Layers")


@case("a Layer: parameters, methods, `self.training`", SIGNS)
class Branching(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.scale = self.create_parameter([1], default_initializer=nn.initializer.Constant(2.0))

    def shrink(self, x):
        return x / 2 if x.abs().max() > 3 else x

    def forward(self, x):
        y = self.fc(x)
        if y.sum() > 0:
            y = y * self.scale
        if self.training:
            y = y + 1
        return self.shrink(y)


@case("`super().forward`, inherited methods", SIGNS)
class Derived(Branching):
    def shrink(self, x):
        return super().shrink(x) - 1

    def forward(self, x):
        y = super().forward(x)
        if y.mean() > 1:
            y = super(Derived, self).forward(y)
        return y


@case("a LayerList in a loop, by index and as items", TRIPS)
class Stack(nn.Layer):
    def __init__(self):
        super().__init__()
        self.layers = nn.LayerList([nn.Linear(3, 3) for _ in range(3)])
        self.table = nn.LayerDict({"last": nn.Linear(3, 3)})

    def forward(self, x, n):
        for i, layer in enumerate(self.layers):
            if x.sum() > 0:
                x = F.tanh(layer(x))
            else:
                x = self.layers[-1 - i](x)
        for i in range(n):
            x = self.layers[0](x)
        return self.table["last"](x)


@case("attributes set in branches and loops, private ones too", TRIPS)
class Attributes(nn.Layer):
    def __init__(self):
        super().__init__()
        self.__scale = 2.0

    def forward(self, x, n):
        self.total, self.__scale = x * 0, 2.0
        for i in range(n):
            self.total = self.total + x * i
        if x.sum() > 0:
            self.__scale = 3.0
            self.last = self.total.sum()
        else:
            self.last = x.sum()
        return self.total * self.__scale + self.last


@case("Python state that a call reads and changes: a Program for each value", SIGNS, saves=False)
class Counting(nn.Layer):
    def __init__(self):
        super().__init__()
        self.count, self.turn, self.log = 0, 0, []

    def forward(self, x):
        self.count += 1
        self.log.append(self.count % 2)
        y = x * self.count + sum(self.log)
        if self.turn == 1:
            y = -y
        self.turn = (self.turn + 1) % 2
        return y if x.sum() > 0 else y + 1


@case("`@paddle.no_grad()` on a function", TRIPS)
def no_grad_decorator(x, n):
    @paddle.no_grad()
    def scale_of(v):
        if v.sum() > 0:
            return v * 2
        return v

    for i in range(n):
        x = x + 0.1 * scale_of(x)
    return x * scale_of(x)


@case("a buffer that is updated in a branch", SIGNS)
class Statistics(nn.Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", paddle.zeros([3]))
        self.register_buffer("calls", paddle.zeros([1]))

    def forward(self, x):
        if x.sum() > 0:
            self.mean = self.mean * 0.5 + x.mean(axis=0).detach() * 0.5
        self.calls.add_(paddle.ones([1]))
        return x - self.mean


@case("a buffer that is updated in a Tensor loop", TRIPS)
class LoopStatistics(nn.Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", paddle.zeros([1]))

    def forward(self, x, n):
        for i in range(n):
            self.steps += 1
            x = x + self.steps
        return x


@case("batch_norm and dropout inside of a branch", SIGNS, seeded=True)
class Regularised(nn.Layer):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1D(3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        if x.sum() > 0:
            y = self.norm(x)
        else:
            y = x * 2
        return self.drop(y) if self.training else y


@case("random numbers in a Tensor loop", TRIPS, seeded=True, saves=False)  # a saved model starts in eval mode
def random_in_loop(x, n):
    y = x
    for i in range(n):
        y = y + paddle.rand([3]) + F.dropout(x, 0.5)
    return y


@case("`staticmethod`, `classmethod`, `property`, `__call__`", SIGNS)
class Members(nn.Layer):
    factor = 3

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.clip = Clip(2.0)

    @staticmethod
    def positive(x):
        return x if x.sum() > 0 else -x

    @classmethod
    def scaled(cls, x):
        return x * cls.factor if x.max() > 1 else x

    @property
    def weight_sum(self):
        return self.fc.weight.sum() if self.factor > 2 else 0

    def forward(self, x):
        return self.clip(self.scaled(self.positive(self.fc(x))) * self.weight_sum)


class Clip:
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, x):
        return x / self.limit if x.abs().max() > self.limit else x


@case("layers that are shared, called in a Tensor loop", TRIPS)
class Recurrent(nn.Layer):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, x, n):
        state = paddle.zeros([2, 4])
        y = x
        for i in range(n):
            _, state = self.cell(y, state)
            y = self.out(state)
            if y.abs().max() > 100:
                return y
        return y + state.sum()


def louder(layer, inputs, output):
    return output * 2 if output.sum() > 0 else output


@case("forward hooks with branches, on layers inside of a Sequential", SIGNS)
class Hooked(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3)))
        self.body[1][0].register_forward_post_hook(louder)

    def forward(self, x):
        return self.body(x)


@case("Sequential and sublayers with branches of their own", SIGNS)
class Composed(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), Branching(), nn.ReLU())

    def forward(self, x):
        return self.body(x) if x.min() > -5 else self.body[0](x)


group("Refused, with an error that says what to do")


@case("the keys of a dict that has an entry after one branch only", [(X,)], refuses="D2S105")
def keys_of_one_branch(x):
    table = {"x": x}
    if x.sum() > 0:
        table["twice"] = x * 2
    return x + 1 if "twice" in table else x


@case("a Python list outside that grows in a Tensor loop", [(X, i64(2))], refuses="D2S107")
def outside_list(x, n):
    for i in range(n):
        OUTSIDE.append(x)
    return x


OUTSIDE: list[Any] = []


@case("an attribute that a called method sets, in a branch", [(X,)], refuses="D2S107")
class CalledSetter(nn.Layer):
    def __init__(self):
        super().__init__()
        self.count = 0

    def step(self, x):
        self.count = self.count + 1
        return x

    def forward(self, x):
        if x.sum() > 0:
            x = self.step(x)
        return x * self.count


@case("a global that a called function sets, in a branch", [(X,)], refuses="D2S107")
def called_global(x):
    if x.sum() > 0:
        count_up()
    return x * COUNTER


def count_up():
    global COUNTER
    COUNTER = COUNTER + 1


@case("a NumPy array that is changed in a branch", [(X,)], refuses="D2S107")
def array_changed_in_branch(x):
    table = np.zeros(3, "float32")
    if x.sum() > 0:
        table[0] = 1
    return x + paddle.to_tensor(table)


@case("a text that depends on a Tensor", [(X,)], refuses="D2S105")
def text_from_a_branch(x):
    name = "low"
    if x.sum() > 0:
        name = "high"
    return x * len(name)


@case("a variable that one branch sets, where the other ran", [(X,)], refuses="D2S104")
def set_in_one_branch(x):
    if x.sum() < 0:
        z = x * 2
    return z + 1


@case("different numbers of entries after a branch", [(X,)], refuses="D2S105")
def list_of_two_lengths(x):
    parts = [x]
    if x.sum() > 0:
        parts.append(x * 2)
    return sum(parts)


@case("a Python list indexed by a Tensor", [(X, i64(1))], refuses="D2S102")
def list_indexed_by_tensor(x, n):
    return [x, x * 2][n]


@case("a slice that is used after its Tensor was changed in place", [(X,)], refuses="D2S115")
def stale_view(x):
    y = x * 1
    first = y[0]
    y[0] = 7.0
    return first + 1


@case("a list that is returned as a list after it grew in a Tensor loop", [(X, i64(2))], refuses="D2S107")
def grown_list_returned(x, n):
    items = []
    for i in range(n):
        items.append(x * i)
    return items


@case("state kept in an attribute that is no buffer", [(X,)], refuses="D2S107")
class KeptState(nn.Layer):
    def __init__(self):
        super().__init__()
        self.last = None

    def forward(self, x):
        y = x if self.last is None else x + self.last
        self.last = y
        return y


@case("state kept in a list outside", [(X,)], refuses="D2S107")
def kept_in_a_list(x, n=1):
    y = x + (HISTORY[-1] if HISTORY else 0)
    HISTORY.append(y)
    return y


HISTORY: list[Any] = []


@case("`None` in one branch, a Tensor in the other", [(X,)], refuses="D2S105")
def none_or_tensor(x):
    y = None
    if x.sum() > 0:
        y = x
    return y


@case("a comprehension over an unknown number of rows", [(X,)], refuses="D2S110", open_sizes=True)
def comprehension_over_open(x):
    return paddle.stack([row * 2 for row in x])


@case("recursion that a Tensor ends", [(X,)], refuses="D2S108")
def recursion_on_a_tensor(x):
    if x.sum() > 100:
        return x
    return recursion_on_a_tensor(x * 2)


@case("NumPy on a traced Tensor", [(X,)], refuses="D2S102")
def numpy_of_a_tensor(x):
    return paddle.to_tensor(np.sin(x.numpy()))


@case("a data type that changes in a loop", [(X, i64(2))], refuses="D2S103")
def type_changes_in_loop(x, n):
    for i in range(n):
        x = x.astype("int64")
    return x


@case("`if` on a Tensor in a generator", [(X,)], refuses="D2S101")
def branch_in_a_generator(x):
    def pick(v):
        if v.sum() > 0:
            yield v

    return next(pick(x))


@case("a condition of several elements", [(X,)], refuses="D2S109")
def condition_of_several_elements(x):
    if x > 0:
        return x
    return -x

"""On ordinary Python values the rewritten function behaves exactly as the original one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from minipaddle.jit.ast_transform import rewrite
from minipaddle.jit.convert import convert_function

LOG: list[Any] = []


def loops(n: int) -> Any:
    found = []
    for i in range(n):
        if i == 1:
            continue
        for j in (1, 2, 3):
            if j == 2:
                break
            found.append((i, j))
        else:
            found.append("never")
        if i == 4:
            break
    else:
        found.append("else")
    return found, i, j


def while_else(n: int) -> Any:
    while n > 0:
        n -= 1
        if n == 5:
            break
    else:
        return "else", n
    return "break", n


def returns(n: int) -> Any:
    for i in range(10):
        try:
            if i == n:
                return i
            if i > 7:
                raise ValueError(i)
        except ValueError as error:
            return str(error)
        finally:
            LOG.append(i)
    return None


def unbound(n: int) -> Any:
    if n > 2:
        value = n
    return value


def scopes(n: int) -> Any:
    total = 0

    def add(k: int) -> int:
        nonlocal total
        if k % 2:
            total += k
        return total

    values = [add(k) if k else -1 for k in range(n)]
    pick = lambda a, b=3: a if a > b else b  # noqa: E731
    return total, values, pick(n), [x for x in range(n) if x % 2 and x != 3]


def logic(n: Any) -> Any:
    return n and [n] or "nothing", not n, 0 < n < 5, 0 < n < 5 < n, (n > 1 and (m := n * 2) > 4) and m


def with_block(n: int) -> Any:
    with contextlib.suppress(ZeroDivisionError):
        if n == 0:
            return 1 / n
        return "fine"
    return "suppressed"


def defaults(n: int, *rest: int, scale: int = 2, **named: int) -> Any:
    while n > 0:
        if n in rest:
            return named.get("a", scale)
        n -= 1
    return scale


def deleting(n: int) -> Any:
    x = n
    if n:
        del x
    return x


def generator(n: int) -> Any:
    for i in range(n):
        if i != 1:
            yield i


def recursive(n: int) -> int:
    if n < 2:
        return 1
    return n * recursive(n - 1)


def unpacking(n: int) -> Any:
    result = None
    for (a, b), *c in [((n, 1), 2, 3)]:
        if a > b:
            a, b = b, a
        result = a, b, c
    return result


def matching(n: Any) -> Any:
    match n:
        case 0:
            result = "zero"
        case int(k) if k > 2:
            return k
        case _:
            result = "other"
    return result


def asserting(n: int) -> Any:
    assert n < 3, f"{n} is too much"
    return n


FUNCTIONS = [
    loops, while_else, returns, unbound, scopes, logic, with_block, defaults, deleting, recursive, unpacking, matching, asserting,
]  # fmt: skip


def outcome(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    LOG.clear()
    try:
        return function(*args, **named), list(LOG)
    except Exception as error:
        return type(error), list(LOG)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 9])
def test_same_as_python(function: Callable[..., Any], n: int) -> None:
    made = convert_function(function)
    assert made is not function
    assert outcome(made, n) == outcome(function, n)


def test_arguments_and_facts_of_the_function_stay() -> None:
    made = convert_function(defaults)
    assert outcome(made, 3, 2, scale=7, a=5) == outcome(defaults, 3, 2, scale=7, a=5) == (5, [])
    assert made.__name__ == "defaults" and made.__kwdefaults__ == {"scale": 2} and made.__doc__ == defaults.__doc__


def test_generators_and_functions_that_look_at_their_variables_stay() -> None:
    assert rewrite(generator) is None

    def looks() -> Any:
        return locals()

    assert rewrite(looks) is None
    assert list(convert_function(generator)(3)) == [0, 2]


def test_closures_are_shared_with_the_original() -> None:
    count = 0

    def step() -> int:
        nonlocal count
        if count >= 0:
            count += 1
        return count

    made = convert_function(step)
    assert (made(), step(), made()) == (1, 2, 3) and count == 3


def test_lines_stay_the_same() -> None:
    made = convert_function(asserting)
    with pytest.raises(AssertionError, match="5 is too much") as caught:
        made(5)
    files = [(entry.path, entry.lineno + 1) for entry in caught.traceback]
    assert (pytest.importorskip("pathlib").Path(__file__), asserting.__code__.co_firstlineno + 1) in files


def test_library_code_is_left_alone() -> None:
    import json

    import numpy as np

    assert convert_function(json.dumps) is json.dumps and convert_function(np.mean) is np.mean

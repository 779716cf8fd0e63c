# ruff: noqa: B007, C417
"""Functions whose control flow depends on Tensors. Each is run dynamically and traced; results and gradients must agree.

x is float32 [2, 3], n an int64 Tensor.
"""

from __future__ import annotations

import functools
from typing import Any

import minipaddle as paddle

KEPT: Any = None


def acc_python_zero(x, n):
    s = 0
    for i in range(n):
        s = s + x.sum() * i
    return s


def acc_vector(x, n):
    s = 0.0
    for i in range(n):
        s = s + x
    return s


def int_times_float(x, n):
    y = x
    for i in range(1, n + 1):
        y = i * y / 2
    return y


def none_start(x, n):
    best = None
    for i in range(n + 1):
        v = x * i
        if best is None:
            best = v
        else:
            best = paddle.maximum(best, v)
    return best


def grow(x, n):
    y = x
    for i in range(n):
        y = paddle.concat([y, x * i])
    return (y, y.shape[0])


def lst(x, n):
    parts = [x]
    for i in range(n):
        parts.append(x * i)
    return (paddle.stack(parts), len(parts))


def lst_index(x, n):
    parts = []
    for i in range(n + 1):
        parts.append(x * i)
    return parts[0] + parts[-1]


def rnn_list(x, n):
    h = x
    outs = []
    for i in range(n + 1):
        h = paddle.tanh(h + x)
        outs.append(h)
    return (paddle.concat(outs, axis=1), h)


def swap(x, n):
    a, b = (x, x * 2)
    for i in range(n):
        a, b = (b, a + 1)
    return (a, b)


def nested_break(x, n):
    y = x
    c = 0
    for i in range(n):
        for j in range(5):
            if j >= i:
                break
            y = y + 1
            c += 1
    return (y, c)


def while_true(x, n):
    i = 0
    y = x
    while True:
        if i >= n:
            break
        y = y * 2
        i += 1
    return (y, i)


def while_true_ret(x, n):
    i = 0
    y = x
    while True:
        y = y * 2
        i += 1
        if y.sum() > 50 or i > 5:
            return y


def for_else(x, n):
    y = x
    for i in range(n):
        if i == 2:
            break
        y = y + 1
    else:
        y = y * 10
    return y


def continue_while(x, n):
    i = 0
    y = x
    while i < n:
        i += 1
        if i % 2 == 0:
            continue
        y = y + i
    return y


def in_place_branch(x):
    y = x * 1
    z = y
    if x.sum() > 0:
        y.add_(paddle.ones_like(x))
    else:
        y[0] = 7.0
    return (y, z)


def in_place_loop(x, n):
    y = x * 1
    z = y
    for i in range(n):
        y.add_(x)
    return (y, z)


def setitem_loop(x, n):
    y = x * 1
    for i in range(n):
        y[0] = y[1] * 2
    return y


def helper_inplace(y, x):
    y.add_(x)
    return y


def in_place_callee(x, n):
    y = x * 1
    for i in range(n):
        helper_inplace(y, x)
    return y


def dict_branch(x):
    d = {"a": x}
    if x.sum() > 0:
        d["a"] = d["a"] * 2
    else:
        d["a"] = d["a"] - 1
    return (d["a"], d)


def dict_alias(x):
    d = {"a": x}
    e = d
    if x.sum() > 0:
        d["a"] = d["a"] * 2
    return e["a"]


def list_branch(x):
    l = [x, x + 1]
    if x.sum() > 0:
        l[0] = x * 5
    return l


def struct_loop(x, n):
    state = (x, {"h": x * 0})
    for i in range(n):
        state = (state[0] + 1, {"h": state[1]["h"] + state[0]})
    return state


def ternary_nested(x):
    return (x * 2 if x.sum() > 0 else x * 3) if x.max() < 100 else x


def andor(x):
    a = x.sum() > 0 and x.max() > 2
    return x * 2 if a or x.min() < -5 else x


def not_in(x):
    if not x.sum() > 0:
        return x * 2
    return x


def walrus_and(x):
    if x.max() > 0 and (s := x.sum()) > 5:
        return x * s
    return x


def walrus_while(x, n):
    i = 0
    while (t := (x.sum() + i)) < 30:
        i += 1
    return x * t


def ret_struct(x):
    if x.sum() > 0:
        return (x, {"k": x * 2})
    return (x + 1, {"k": x * 3})


def early3(x):
    if x.sum() > 20:
        return x
    if x.sum() > 0:
        y = x * 2
        if x.max() > 5:
            return y
        y = y + 1
    else:
        y = x * 3
    return y - 1


def in_with(x):
    with paddle.no_grad():
        if x.sum() > 0:
            k = x * 2
        else:
            k = x * 3
    return k * x


def try_ret(x):
    try:
        if x.sum() > 0:
            return x * 2
    finally:
        z = 1
    return x * z


def global_set(x):
    global KEPT
    if x.sum() > 0:
        KEPT = x * 2
    else:
        KEPT = x
    return KEPT


def nonlocal_set(x):
    k = x

    def inner():
        nonlocal k
        if x.sum() > 0:
            k = k * 2

    inner()
    inner()
    return k


def nested_def_in_branch(x):
    if x.sum() > 0:

        def g(t):
            return t * 2

        y = g(x)
    else:
        y = x
    return y


def lambda_map(x):
    return sum(map(lambda t: t * 2 if t.sum() > 0 else t * 3, [x, -x]))


def comp_cond(x):
    return [t if t.sum() > 0 else -t for t in (x, x - 5)]


def enum_range(x, n):
    y = x
    for k, i in enumerate(range(2, n + 2)):
        y = y + k * i
    return y


def neg_step(x, n):
    y = x
    for i in range(n, 0, -1):
        y = y * i
    return y


def after_loop_var(x, n):
    i = -1
    for i in range(n):
        pass
    return x * i


def loop_in_loop(x, n):
    y = x
    for i in range(n):
        j = 0
        while j < i:
            y = y + j
            j += 1
    return y


def branch_in_loop_in_branch(x, n):
    y = x
    if x.sum() > 0:
        for i in range(n):
            if y.max() > 3:
                y = y * 0.5
            else:
                y = y + 2
    else:
        y = y * y
    return y


def cond_ranks(x):
    if x.sum() > 0:
        y = x.sum()
    else:
        y = x
    return y * 2


def float_double(x):
    k = 0.1
    if x.sum() > 0:
        k = 0.3
    return x.astype("float64") * k


def py_break_unrolled(x):
    y = x
    for i in range(5):
        if y.sum() > 40:
            break
        y = y * 2
    return y


def zip_rows(x):
    y = paddle.zeros([3])
    for a, b in zip(x, x * 2):
        y = y + a * b
    return y


def assert_msg(x):
    assert x.sum() > 0, "neg"
    return x


def casts2(x):
    return (int(x.sum()) * x, float(x.max()) + x, x if bool(x.sum()) else -x)


def len_list(x):
    return x * len([x, x])


def attr_state(x):

    class A:
        pass

    a = A()
    a.v = x
    if x.sum() > 0:
        a.v = x * 3
    return a.v


def del_name(x):
    y = x * 2
    if x.sum() > 0:
        z = y
    else:
        z = y + 1
    del y
    return z


def same_both(x):
    if x.sum() > 0:
        y = x
    else:
        y = x
    return y


def chain3(x):
    return x if 0 < x.sum() < 25 <= x.sum() + 10 else -x


def unused_one_branch(x):
    if x.sum() > 0:
        z = x * 2
    if x.sum() > 0:
        y = z + 1
    else:
        y = x
    return y


def while_grad_param(x, n):
    w = x * 0.1
    y = x
    while y.sum() < 100 and y.sum() > -100:
        y = y * 1.5 + w
    return y


def batchy(x, n):
    y = x
    for i in range(n):
        y = y + x.shape[0]
    return y


def match_stmt(x):
    k = 2
    match k:
        case 1:
            y = x
        case 2:
            if x.sum() > 0:
                y = x * 2
            else:
                y = x * 3
        case _:
            y = x
    return y


def star(x):
    a, *b = [x, x + 1, x + 2]
    if x.sum() > 0:
        a = a + b[0]
    return a


def aug(x, n):
    y = x
    i = 0
    while i < n:
        y += x
        y *= 2
        i += 1
    return y


def bool_flag(x, n):
    done = False
    y = x
    i = 0
    while not done:
        y = y * 2
        i = i + 1
        done = y.sum() > 30 or i > 4
    return (y, i)


def partial_call(x):

    def f(a, t):
        return t * a if t.sum() > 0 else t

    return functools.partial(f, 3)(x)

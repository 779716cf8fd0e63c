# ruff: noqa
"""More functions whose control flow depends on Tensors, as in control_flow_functions.py: odd corners that went wrong once, or might."""

from __future__ import annotations

import collections
import contextlib
import functools
from typing import Any

import minipaddle as paddle
from minipaddle.nn import functional as F


class Box:
    def __init__(self) -> None:
        self.v: Any = 1


def cond_lambda(x):
    f = (lambda v: v * 2) if x.shape[0] > 1 else (lambda v: v * 3)
    return f(x) if x.sum() > 0 else f(x) - 1


def ternary_nested_in_call(x):
    return paddle.maximum(x if x.sum() > 0 else -x, x * 0.5 if x.max() > 1 else x)


def and_values(x):
    y = x.sum() > 0 and x.max() > 1 and 1
    return x


def or_default(x):
    k = (x.sum() > 100) or (x.min() < -1)
    return x * 2 if k else x


def annotated(x, n):
    total: Any = x
    for _ in range(n):
        if total.sum() > 0:
            y: Any
            y = total * 2
            z: Any = y - 1
        else:
            y: Any = x
            z = x + 1
        total: Any = y - z + x
    return total


def break_in_else(x, n):
    for i in range(n):
        if x.sum() > 10:
            x = x - 1
        else:
            if i == 2:
                break
            x = x * 2
            continue
        x = x + 0.5
    return x


def triple_nest(x, n):
    c = 0
    for i in range(n):
        for j in range(i):
            k = 0
            while k < j:
                if (x.sum() + k) > 20:
                    break
                x = x + 1
                k += 1
                c += 1
            else:
                x = x * 1.1
    return x, c


def return_in_else_of_loop(x, n):
    for i in range(n):
        if x.sum() > 12:
            break
        x = x + i
    else:
        return x * 2
    return x - 1


def return_deep(x, n):
    i = 0
    while i < n:
        if x.sum() > 0:
            for j in range(2):
                if x.max() > 5:
                    if j == 1:
                        return x * 10
                    x = x - 0.1
        x = x + 1
        i += 1
    return x


def loop_over_tuple_tensors(x, n):
    for t, w in ((x, 1), (x * 2, 2)):
        for i in range(n):
            t = t + w
            if t.sum() > 30:
                break
        x = x + t
    return x


def nested_fn_closure_updates(x, n):
    acc = [x]

    def push(v):
        acc.append(v)

    for i in range(3):
        push(x * i)
    return sum(acc)


def list_in_closure_read(x, n):
    acc = [x]

    def last():
        return acc[-1]

    for i in range(n):
        acc.append(last() * 1.5)
    return acc[-1]


def two_lists(x, n):
    a, b = [], []
    for i in range(n + 1):
        a.append(x * i)
        b.append(a[-1].sum())
    return paddle.stack(a).sum() + paddle.stack(b).sum()


def nested_loop_append(x, n):
    a = [x]
    for i in range(n):
        for j in range(2):
            a.append(x * (i + j))
    return paddle.concat(a)


def append_in_branch_in_loop(x, n):
    a = [x]
    for i in range(n):
        if i % 2 == 0:
            a.append(x * i)
    return paddle.concat(a), len(a)


def append_then_continue(x, n):
    a = [x]
    for i in range(n):
        if i == 1:
            continue
        a.append(a[-1] + i)
        if a[-1].sum() > 15:
            break
    return paddle.stack(a).sum(axis=0), len(a)


def list_passed_to_function(x, n):
    def fill(items, m):
        for i in range(m):
            items.append(x * i)
        return items

    return paddle.concat(fill([x], n))


def copy_of_list(x, n):
    a = [x]
    b = list(a)
    for i in range(n):
        a.append(x)
    return paddle.concat(a), len(b)


def dict_update(x, n):
    d = {"a": x, "k": 1}
    for i in range(n):
        d.update(a=d["a"] * 2, k=d["k"] + 1)
    return d["a"], d["k"]


def attr_of_local_object(x, n):
    b = Box()
    b.v = x
    for i in range(n):
        b.v = b.v * 2 + i
    return b.v


def attr_chain(x, n):
    b = Box()
    b.v = Box()
    b.v.v = x
    for i in range(n):
        b.v.v = b.v.v + x
    if x.sum() > 0:
        b.v.v = b.v.v * 2
    return b.v.v


def obj_in_list(x, n):
    bs = [Box(), Box()]
    for b in bs:
        b.v = x
        if x.sum() > 0:
            b.v = x * 2
    return bs[0].v + bs[1].v


def tensor_setitem_tensor_index(x, n):
    y = x * 1
    k = n % 2
    y[k] = 5.0
    y[k, 0] += x.sum()
    return y * x


def slice_assign_loop(x, n):
    y = paddle.zeros([5, 3])
    for i in range(n):
        y[i : i + 1] = x[:1] * (i + 1)
        y[4] += x[1]
    return y


def scalar_tensor_math(x, n):
    s = 0.0
    for i in range(n):
        s += float(i) * 0.5
    if s > 1:
        x = x * s
    return x, s


def int_accum_div(x, n):
    total = 0
    for i in range(n):
        total += i
    avg = total / max(int(n), 1)
    return x * avg


def bool_flag_loop(x, n):
    found = False
    for i in range(n):
        if x.sum() + i > 6:
            found = True
        x = x + 0.5
    return x * 2 if found else x


def while_not_flag(x, n):
    done = False
    k = 0
    while not done:
        x = x + 1
        k += 1
        done = x.sum() > 25 or k > 9
    return x, k


def while_pop(x, n):
    stack = [x, x * 2, x * 3]
    y = x * 0
    while stack:
        t = stack.pop()
        y = y + (t if t.sum() > 0 else -t)
    return y


def iter_next(x, n):
    it = iter([x, x * 2, x * 3])
    y = next(it)
    for v in it:
        y = y * 2 + v
    return y + next(it, x)


def while_true_pyiter(x, n):
    it = iter(range(10))
    while True:
        k = next(it)
        if k == 3:
            break
        x = x + k
    return x


def try_in_loop(x, n):
    for i in range(n):
        try:
            if x.sum() > 5:
                x = x - 1
            else:
                x = x + 2
        except ZeroDivisionError:
            x = x * 0
        finally:
            x = x * 1.1
    return x


def with_in_loop(x, n):
    for i in range(n):
        with paddle.no_grad():
            s = x.max()
            if s > 2:
                s = s / 2
        x = x + s
    return x


def exception_caught_around_loop(x, n):
    try:
        for i in range(n):
            x = x + i
        raise KeyError("a")
    except KeyError as e:
        x = x * 2 + len(e.args)
    return x


def inner_raise_unreached(x, n):
    for i in range(n):
        if i > 100:
            raise RuntimeError("too many")
        x = x + 1
    return x


def assert_in_branch(x, n):
    if n > 2:
        assert x.shape[0] == 2
    if x.sum() > 0:
        assert x.max() > -100, "no"
    return x


def starred_call(x, n):
    def f(a, b=1, *c, d=2, **e):
        return a * b + sum(c) * d + len(e)

    return f(x, *[2, 3, 4], d=5, **{"z": 1}) if n > 1 else f(x)


def kwonly_default_tensor(x, n):
    def f(v, *, w=x):
        return v * w if n > 0 else w

    return f(x + 1)


def conditional_import(x, n):
    import math
    from functools import reduce

    k = math.sqrt(4)
    return reduce(lambda a, b: a + b, [x] * 3) * k if n > 0 else x * math.pi


def chained_methods(x, n):
    y = x.abs().sum(axis=1).unsqueeze(0).tile([n + 1, 1])
    return y.sum()


def shape_from_tensor(x, n):
    y = paddle.ones([n + 1, 3]) * x[:1]
    for row in y:
        x = x + row
    return x


def arange_tensor(x, n):
    y = x
    for v in paddle.arange(n):
        y = y + v.astype("float32") * x
    return y


def linspace_loop(x, n):
    for v in paddle.linspace(0, 1, 3):
        x = x * (v + 1)
    return x


def len_of_dynamic(x, n):
    y = paddle.concat([x] * 2)[: n + 1]
    return x * len(y) + y.shape[0]


def swap_in_while(x, n):
    a, b = x, x * 2
    i = n
    while i > 0:
        a, b, i = b - a, a, i - 1
    return a + b


def fib(x, n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return x * a + b


def gcd(x, n):
    a, b = n * 6, paddle.to_tensor(4)
    while b != 0:
        a, b = b, a % b
    return x * a


def newton(x, n):
    s = x.abs().sum()
    g = s / 2
    while (g * g - s).abs() > 1e-3:
        g = 0.5 * (g + s / g)
    return g * x


def beam(x, n):
    best, score = x, -1e9
    for i in range(n):
        cand = x * (i + 1) - i * i
        s = cand.sum()
        if s > score:
            best, score = cand, s
    return best, score


def mean_or_zero(x, n):
    parts = []
    for i in range(n):
        parts.append(x * i)
    if len(parts) > 0:
        return paddle.stack(parts).mean(axis=0)
    return paddle.zeros_like(x)


def multi_cmp(x):
    a, b = x.max(), x.min()
    if a > 1 > b:
        return x * 2
    if not a > b or a == b:
        return x * 3
    return x if a != b else -x


def is_ops(x):
    y = x
    if y is x:
        y = y * 2
    if y is not x and isinstance(y, paddle.Tensor) and not isinstance(y, (int, float)):
        y = y + 1
    return y


def type_name(x):
    if hasattr(x, "shape") and callable(x.sum):
        x = x * 2
    return getattr(x, "mean")() + getattr(x, "nope", 3)


def str_format(x):
    t = "{} {:.2f} %s".format(len(x.shape), 1.5) % "a"
    return x * len(t)


def bytes_dicts(x):
    cfg = {"act": "relu", "n": [1, 2]}
    for k, v in cfg.items():
        if k == "n":
            for q in v:
                x = x * q
        elif v == "relu":
            x = F.relu(x)
    return x


def nested_defs(x):
    def a(v):
        def b(w):
            if w.sum() > 0:
                return w * 2
            return w

        return b(v) + b(-v)

    return a(x) * 2


def class_attr(x):
    class C:
        K = 3

        @staticmethod
        def s(v):
            return v * C.K if v.sum() > 0 else v

        @classmethod
        def c(cls, v):
            return cls.s(v) + cls.K

        @property
        def p(self):
            return self.K

        def __add__(self, o):
            return o * 2 if o.sum() > 0 else o

    return C.s(x) + C.c(x) + C().p + (C() + x)


def inherit_local(x):
    class A:
        def f(self, v):
            return v * 2 if v.sum() > 0 else v

    class B(A):
        def f(self, v):
            return super().f(v) + 1

    return B().f(x)


def inplace_loop(x, n):
    y = x * 1
    for i in range(n):
        y += x * i
        y *= 1.1
        y[0, 1] = y[1, 1] + i
    return y


def inplace_of_input(x, n):
    y = x + 0
    if n > 1:
        y[0] = y[1] * 2
        y.add_(x)
    z = y * y
    return z


def stack_unstack(x, n):
    a, b = paddle.unstack(x)
    for i in range(n):
        a, b = a + b, a - b
    return paddle.stack([a, b])


def split_loop(x, n):
    parts = paddle.split(x, 3, axis=1)
    for i in range(n):
        parts = [p * (i + 1) + q for p, q in zip(parts, parts[::-1])]
    return paddle.concat(parts, axis=1)


def tuple_state(x, n):
    s = (x, (x * 2, 1.0))
    for i in range(n):
        s = (s[1][0], (s[0] + i, s[1][1] * 2))
    return s


def dict_nested_state(x, n):
    s = {"a": {"b": x}, "l": [x, 0]}
    for i in range(n):
        s["a"]["b"] = s["a"]["b"] + s["l"][0]
        s["l"][1] = s["l"][1] + 1
    return s["a"]["b"], s["l"][1]


def namedtuple_state(x, n):
    P = collections.namedtuple("P", "u v")
    p = P(x, x * 2)
    for i in range(n):
        p = P(p.v, p.u + p.v)
    if p.u.sum() > 0:
        p = p._replace(u=p.u * 2)
    return p.u - p.v


def clip_where(x, n):
    return paddle.where(x > 0, x * n, x) if n > 1 else paddle.clip(x, -0.5, 0.5)


def int_branch_mix(x, n):
    k = 1
    if n > 2:
        k = n
    elif n == 1:
        k = 2.5
    return x * k


def big_unroll(x, n):
    for i in range(30):
        if x.sum() > i:
            x = x * 0.9
        else:
            x = x + 0.1
    return x


def return_tuple_none(x, n):
    for i in range(n):
        if i == 2:
            return x, None, i
        x = x * 2
    return x, None, -1


def return_bool(x, n):
    if x.sum() > 0:
        return True
    return False


def return_bool_cmp(x, n):
    for i in range(n):
        if x.sum() > i * 3:
            return x.sum() > 0
    return x.max() > 100


def only_effects(x, n):
    for i in range(n):
        if i > 5:
            print(i)
    return x * 1


def while_else_return(x, n):
    i = 0
    while True:
        if i >= n:
            break
        i += 1
        x = x + i
    else:
        return x * 100
    return x


def continue_first(x, n):
    i = -1
    while i < n:
        i += 1
        if i < 2:
            continue
        x = x + i
        if x.sum() > 40:
            return x
    return x * 2


def del_in_branch(x, n):
    t = x * 2
    if n > 1:
        y = t + 1
        del t
    else:
        y = t
        del t
    return y


def shadow_builtin(x, n):
    sum = lambda v: v * 3
    max = 5
    return sum(x) * max


def shadow_range(x, n):
    def range(k):
        return [1, 2]

    for i in range(n):
        x = x * i
    return x


def var_named_like_helpers(x, n):
    item = x
    _jstx = 2
    _return_value = 3
    for i in range(n):
        if item.sum() > 10:
            return item * _return_value
        item = item + 1
    return item * _jstx


def unicode_names(x, n):
    größe = x.sum()
    for ñ in range(n):
        größe = größe + ñ
    return x * größe


def long_chain(x, n):
    y = x
    if n > 0:
        y = y + 1
    if n > 1:
        y = y * 2
    if n > 2:
        y = y - 3
    if n > 3:
        y = y / 4
    return y


def cond_on_shape_and_tensor(x, n):
    if x.shape[0] == 2 and x.sum() > 0 and n < 3:
        return x * 2
    if x.shape[0] == 3 or x.sum() < 0 or not n:
        return x * 3
    return x


def slices_tensor(x, n):
    k = paddle.minimum(n, paddle.to_tensor(2))
    y = x[:, :k].sum() + x[:, k:].sum() * 2 + x[0:k].sum()
    return y


def gather_loop(x, n):
    idx = paddle.to_tensor([2, 0, 1])
    for i in range(n):
        x = paddle.index_select(x, idx, axis=1) + i
    return x


def cumulative(x, n):
    best = x.max()
    for i in range(n):
        cand = (x * i).max()
        best = cand if cand > best else best
    return best * x


def accumulate_max_builtin(x, n):
    best = x.max()
    for i in range(n):
        best = max(best, (x * i).max(), 0.5)
    return best * x


def list_pop_and_insert(x, n):
    items = [x]
    i = 0
    while i < n:
        items.append(x * (i + 2))
        items.append(x + i)
        i += 1
        if i % 2 == 1:
            last = items.pop()
            items[0] = items[0] + last * 2
        else:
            items.insert(1, x * 5)
            items.pop(0)
    return items[0], items[-1], len(items)


def list_pop_until_one_is_left(x, n):
    items = [x]
    for i in range(n):
        items.append(x * (i + 1))
    while len(items) > 1:
        a = items.pop()
        b = items.pop()
        items.append(a * b)
    return items[0]


def list_after_pop(x, n):
    items = [x, x * 2]
    for i in range(n):
        items.append(x + i)
    first = items.pop(0)
    total = first * 0
    for item in items:
        total = total + item * item
    return total, paddle.concat(items), paddle.stack(items), len(items)


def list_slices(x, n):
    items = [x, x * 2, x * 3]
    for i in range(n):
        items.append(x + i)
    return paddle.stack(items[1:3]), paddle.stack(items[:-1]), items[-2:][0], len(items[4:9]), paddle.stack(items[: n + 1])


def list_slices_with_steps(x, n):
    items = [x, x * 2, x * 3, x * 4]
    for i in range(n):
        items.append(x + i)
    back = items[::-1]
    parts = [items[::2], items[1:-1:3], items[-2:0:-2], items[9:1:-1], items[1:-9:-1], items[:n:-1]]
    total = x * 0
    for j, item in enumerate(reversed(items)):
        total = total + item * j
    items.reverse()
    items.append(x * 7)
    return back[0], paddle.stack(items), total, [paddle.stack(p) for p in parts], len(items[0:3:-1]), len(items[3:0])


def list_clear(x, n):
    items = []
    for i in range(n):
        items.append(x)
        if i == 1:
            items.clear()
    items.append(x * 3)
    return paddle.stack(items)


def one_element_as_a_number(x, n):
    k = n.item()
    y = x * x.max().item()
    for i in range(k):
        y = y + x[0].item(1)
    return y if x.item(1, 2) > 0 else y - 1


def loop_over_data(x, n):
    y = x
    for i in range(n.numpy().item()):
        y = y * 2
    return y


def entries_of_attribute_containers(x, n):
    box = Box()
    box.v = {"a": x, "steps": 0}
    box.list = [x]
    if x.sum() > 0:
        box.v["a"] = x * 2
        box.v["steps"] += 1
    for i in range(n):
        box.v["a"] = box.v["a"] + i
        box.list.append(x + i)
    return box.v["a"], box.v["steps"], box.list[-1], len(box.list)


def dict_entry_of_one_branch(x):
    d = {"a": x}
    if x.sum() > 0:
        d["b"] = x * 2
        y = d["b"] + d["a"]
    else:
        y = d["a"] - 1
    return y


class Decorators:
    @staticmethod
    def plain(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs) + 1

        return inner

    @staticmethod
    @contextlib.contextmanager
    def nothing():
        yield


@paddle.no_grad()
def without_gradients(x):
    return x * 2 if x.sum() > 0 else x - 1


@Decorators.nothing()
@Decorators.plain
def in_a_context(x):
    if x.sum() > 0:
        return x * x
    return x * 3


@functools.singledispatch
def by_class(x):
    return x * 5 if x.sum() > 0 else x * 6


@by_class.register
def of_list(x: list):
    return x[0] * 7 if x[0].sum() > 0 else x[0] * 8


def decorated_functions(x):
    fixed = without_gradients(x)
    return in_a_context(x) * fixed, by_class(x), by_class([x]), fixed.stop_gradient

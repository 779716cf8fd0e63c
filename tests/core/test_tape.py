"""backward, paddle.grad, hooks, PyLayer, gradient modes and changes in place, as a user meets them."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.autograd import PyLayer


def leaf(*values, dtype="float32"):
    return paddle.to_tensor(list(values), dtype=dtype, stop_gradient=False)


# --- backward


def test_gradients_add_up_and_are_cleared():
    x = leaf(1, 2)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 7]
    x.clear_grad()
    assert x.grad.tolist() == [0, 0]
    x.clear_gradient(set_to_zero=False)
    assert x.grad is None


def test_a_tensor_used_many_times():
    x = leaf(2)
    y = x * x
    z = y * y + y
    (z * x).backward()
    assert x.grad.item() == 5 * 2**4 + 3 * 2**2


def test_the_graph_is_freed_unless_kept():
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_seed_of_backward():
    x = leaf(1, 2)
    (x * 2).backward(paddle.to_tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 20]
    with pytest.raises(AssertionError, match=r"\[2\], got \[3\]"):
        (x * 2).backward(paddle.ones([3]))
    with pytest.raises(AssertionError, match="ndarray"):
        (x * 2).backward(np.ones(2, "float32"))
    paddle.autograd.backward([x * 1, x * 2], [paddle.ones([2]), None])
    assert x.grad.tolist() == [5, 23]


def test_a_long_chain_needs_no_recursion():
    x = y = leaf(1)
    for _ in range(20_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    node = weakref.ref(y)
    del y
    gc.collect()
    assert node() is None


def test_graph_dies_with_its_tensors_without_the_collector():
    gc.disable()
    try:
        x = leaf(1)
        y = x.exp()
        node = weakref.ref(y)
        z = (y * y).sum()
        del y, z
        assert node() is None
    finally:
        gc.enable()


# --- paddle.grad


def test_derivatives_of_higher_order():
    x = leaf(3)
    first = paddle.grad(x**3, x, create_graph=True)[0]
    second = paddle.grad(first, x, create_graph=True)[0]
    third = paddle.grad(second, x)[0]
    assert [first.item(), second.item(), third.item()] == [27, 18, 6]
    assert third.stop_gradient and x.grad is None


def test_gradient_penalty():
    rng = np.random.default_rng(0)
    x0, w0 = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))

    def penalty(w):
        w = paddle.to_tensor(w, stop_gradient=False)
        x = paddle.to_tensor(x0, stop_gradient=False)
        y = paddle.tanh(paddle.matmul(x, w)).sum()
        g = paddle.grad(y, x, create_graph=True)[0]
        return w, (g * g).sum()

    w, value = penalty(w0)
    value.backward()
    expected = np.zeros_like(w0)
    for i in np.ndindex(*w0.shape):
        up, down = w0.copy(), w0.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        expected[i] = (penalty(up)[1].item() - penalty(down)[1].item()) / 2e-6
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-6, atol=1e-8)


def test_grad_keeps_the_graph_and_only_backward_frees_it():
    x = leaf(3)
    h = x * x
    y = h * x
    assert paddle.grad(y, h)[0].item() == 3
    assert [g.item() for g in paddle.grad(y, [h, x], retain_graph=False)] == [3, 27]
    y.backward()
    assert x.grad.item() == 27
    with pytest.raises(RuntimeError, match="retain_graph"):
        paddle.grad(y, x)


def test_arguments_of_grad():
    x, other = leaf(1, 2), leaf(1, 2)
    with pytest.raises(ValueError, match=f"number 1 .'{other.name}'.*allow_unused"):
        paddle.grad(x * 2, [x, other])
    assert paddle.grad(x * 2, [x, other], allow_unused=True)[1] is None
    y, z = x * x, x * 3
    weighted = paddle.grad([y, z], x, grad_outputs=[None, paddle.to_tensor([1.0, 10.0])])[0]
    assert weighted.tolist() == [2 + 3, 4 + 30]
    h = x * other
    assert paddle.grad(h * x, x, no_grad_vars=[h])[0].tolist() == [1, 4]
    for wrong in (
        lambda: paddle.grad(3, x),
        lambda: paddle.grad([], x),
        lambda: paddle.grad(y, x, grad_outputs=[None, None]),
        lambda: paddle.grad(y, x, only_inputs=False),
        lambda: paddle.grad(y, x, retain_graph=1),
    ):
        with pytest.raises(AssertionError):
            wrong()


# --- hooks


def test_hooks_see_and_change_gradients():
    x = leaf(1, 2)
    y = x * 2
    seen = []

    def of_y(g):
        seen.append(("y", g.tolist()))
        return g * 10

    handle = y.register_hook(of_y)
    x.register_hook(lambda g: seen.append(("x", g.tolist())))
    (y * 3).sum().backward()
    assert seen == [("y", [3, 3]), ("x", [60, 60])] and x.grad.tolist() == [60, 60]
    assert handle.remove()
    with pytest.warns(UserWarning, match="removed"):
        assert not handle.remove()


def test_a_hook_of_a_leaf_runs_once_on_the_whole_gradient():
    x = leaf(1)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2 + x * 3).backward()
    assert seen == [5]


def test_wrong_hooks():
    with pytest.raises(RuntimeError, match="stop_gradient=True"):
        paddle.ones([1]).register_hook(print)
    for result, error in (("text", TypeError), (paddle.ones([5]), ValueError)):
        x = leaf(1)
        x.register_hook(lambda g, result=result: result)
        with pytest.raises(error, match="gradient hook"):
            (x * 2).backward()


# --- PyLayer


class Cube(PyLayer):
    @staticmethod
    def forward(ctx, x, factor=1):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x**3 * factor

    @staticmethod
    def backward(ctx, d):
        (x,) = ctx.saved_tensor()
        return d * 3 * x * x * ctx.factor


def test_own_gradients():
    x = leaf(2)
    y = Cube.apply(x, factor=2)
    y.backward()
    assert (y.item(), x.grad.item()) == (16, 24)
    g = paddle.grad(Cube.apply(x), x, create_graph=True)[0]
    assert paddle.grad(g, x)[0].item() == 12
    assert Cube.apply(paddle.ones([1])).stop_gradient
    with paddle.no_grad():
        assert Cube.apply(x).stop_gradient


def test_own_gradients_are_checked():
    class Few(PyLayer):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, d):
            return d

    class Misshapen(Cube):
        @staticmethod
        def backward(ctx, d):
            return paddle.ones([7])

    with pytest.raises(ValueError, match="returned 1 gradients"):
        Few.apply(leaf(1), leaf(1)).backward()
    with pytest.raises(ValueError, match=r"shape \[7\]"):
        Misshapen.apply(leaf(1)).backward()


# --- gradient modes


@paddle.no_grad()
def steps(x):
    for _ in range(2):
        try:
            yield (x * 2).stop_gradient
        except KeyError:
            yield "thrown in"
            return "unused"
    return "returned"


def through(x):
    """Values, return value and exceptions pass through the decorator."""
    yield (yield from steps(x))
    running = steps(x)
    next(running)
    yield running.throw(KeyError("now"))
    running.close()


def test_no_grad_everywhere():
    x = leaf(1)

    @paddle.no_grad()
    def with_call(x):
        return x * 2

    @paddle.no_grad
    def without_call(x):
        return x * 2

    @paddle.no_grad()
    def generator(x):
        yield (x * 2).stop_gradient
        yield (x * 2).stop_gradient

    assert with_call(x).stop_gradient and without_call(x).stop_gradient
    for inside in generator(x):
        assert inside and not (x * 2).stop_gradient
    assert list(through(x)) == [True, True, "returned", "thrown in"]
    started = generator(x)
    next(started)
    started.close()
    assert not (x * 2).stop_gradient
    with pytest.raises(KeyError), paddle.no_grad():
        raise KeyError
    with paddle.no_grad():
        with paddle.enable_grad():
            assert not (x * 2).stop_gradient
        assert (x * 2).stop_gradient
        others = []
        thread = threading.Thread(target=lambda: others.append((x * 2).stop_gradient))
        thread.start()
        thread.join()
        assert others == [False]
    assert paddle.is_grad_enabled() and not (x * 2).stop_gradient


# --- changes in place


def test_a_changed_value_is_never_used_for_a_gradient():
    x = leaf(1, 2)
    y = x * 2
    z = y * y
    y.add_(paddle.ones([2]))
    with pytest.raises(RuntimeError, match=r"elementwise_mul.*in place.*version 1, expected 0"):
        z.sum().backward()
    y = x * 2
    z = y * y
    y.detach()[0] = 9.0  # the same memory
    with pytest.raises(RuntimeError, match="in place"):
        z.sum().backward()
    y = x * 2
    z = y + y  # needs no value of y
    y.add_(paddle.ones([2]))
    z.sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_changing_part_of_an_intermediate_result():
    x = leaf(1, 2)
    y = x * 2
    y[0] = 5.0
    assert y.inplace_version == 1
    y.sum().backward()
    assert x.grad.tolist() == [0, 2]


def test_leaves_are_changed_under_no_grad_only():
    x = leaf(1, 2)
    for change in (lambda: x.add_(paddle.ones([2])), lambda: x.__setitem__(0, 3.0)):
        with pytest.raises(ValueError, match=r"leaf.*no_grad"):
            change()
    with paddle.no_grad():
        x.add_(paddle.ones([2]))
    assert x.tolist() == [2, 3] and not x.stop_gradient


# --- copies


def test_copies_are_leaves_of_their_own():
    x = leaf(1, 2)
    for source in (x, x * 1):
        for twin in (copy.deepcopy(source), pickle.loads(pickle.dumps(source))):
            assert twin.tolist() == [1, 2] and twin.is_leaf and not twin.stop_gradient
            with paddle.no_grad():
                twin.add_(paddle.ones([2]))
            assert source.tolist() == [1, 2]


def test_grad_takes_no_tensor_twice() -> None:
    x = paddle.to_tensor([1.0], stop_gradient=False)
    y = x * x
    for outputs, inputs in ((y, [x, x]), ([y, y], x)):
        with pytest.raises(RuntimeError, match="duplicate"):
            paddle.grad(outputs, inputs)

"""What the operator tables do not cover: arguments, errors, in-place variants, second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core import tape
from minipaddle.core.tensor import Tensor


@pytest.fixture
def x() -> Any:
    return paddle.arange(12, dtype="float32").reshape([3, 4])


ERRORS: list[tuple[str, Callable[[Any], Any], type[Exception]]] = [
    ("reshape to a string", lambda x: x.reshape("a"), ValueError),
    ("reshape to an int", lambda x: x.reshape(12), ValueError),
    ("two unknowns", lambda x: x.reshape([-1, -1]), ValueError),
    ("indivisible", lambda x: x.reshape([5, -1]), ValueError),
    ("wrong size", lambda x: x.reshape([5, 2]), ValueError),
    ("copied dimension", lambda x: x.reshape([0, 0, 0]), ValueError),
    ("short perm", lambda x: x.transpose([0]), ValueError),
    ("double perm", lambda x: x.transpose([0, 0]), ValueError),
    ("squeeze axis", lambda x: x.squeeze(5), ValueError),
    ("unsqueeze axis", lambda x: x.unsqueeze(5), ValueError),
    ("flatten order", lambda x: x.flatten(1, 0), ValueError),
    ("concat of one tensor", paddle.concat, ValueError),
    ("concat of nothing", lambda x: paddle.concat([]), ValueError),
    ("concat of two types", lambda x: paddle.concat([x, x.astype("int32")]), ValueError),
    ("concat of two shapes", lambda x: paddle.concat([x, x[:, 1:]]), ValueError),
    ("concat of numbers", lambda x: paddle.concat([1, 2]), ValueError),
    ("stack of two shapes", lambda x: paddle.stack([x, x[1:]]), ValueError),
    ("split into unequal", lambda x: paddle.split(x, 2), ValueError),
    ("split by a float", lambda x: paddle.split(x, 2.0), TypeError),
    ("sections that do not add up", lambda x: paddle.split(x, [1, 1]), ValueError),
    ("tile by zero", lambda x: x.tile(0), ValueError),
    ("expand to less", lambda x: x.expand([4]), ValueError),
    ("expand what is not one", lambda x: x.expand([2, 4]), ValueError),
    ("expand with -1 in front", lambda x: x.expand([-1, 3, 4]), ValueError),
    ("repeat not at all", lambda x: paddle.repeat_interleave(x, 0, 0), ValueError),
    ("moveaxis out of range", lambda x: paddle.moveaxis(x, 0, 5), AssertionError),
    ("moveaxis twice", lambda x: paddle.moveaxis(x, [0, 0], [1, 0]), ValueError),
    ("gather out of range", lambda x: paddle.gather(x, paddle.to_tensor([3])), IndexError),
    ("gather a matrix", lambda x: paddle.gather(x, paddle.to_tensor([[0, 1]])), ValueError),
    ("gather_nd out of range", lambda x: paddle.gather_nd(x, paddle.to_tensor([[7]])), ValueError),
    ("scatter out of range", lambda x: paddle.scatter(x, paddle.to_tensor([3]), x[:1]), IndexError),
    ("scatter of other rows", lambda x: paddle.scatter(x, paddle.to_tensor([0]), x[:1, :3]), ValueError),
    ("take out of range", lambda x: paddle.take(x, paddle.to_tensor([12])), ValueError),
    (
        "put_along_axis by magic",
        lambda x: paddle.put_along_axis(x, paddle.to_tensor([[0]]), 1.0, 0, "magic"),
        ValueError,
    ),
    ("mask of numbers", lambda x: paddle.masked_select(x, x), ValueError),
    ("where with one side", lambda x: paddle.where(x > 1, x), ValueError),
    ("where of a float condition", lambda x: paddle.where(x, x, x), ValueError),
    ("nonzero of a scalar", lambda x: paddle.nonzero(paddle.to_tensor(1)), ValueError),
    ("argmax axis", lambda x: x.argmax(5), ValueError),
    ("argmax as float", lambda x: x.argmax(0, dtype="float32"), ValueError),
    ("topk too many", lambda x: x.topk(5), ValueError),
    ("bucketize in a matrix", lambda x: paddle.bucketize(x, x), ValueError),
    ("shard too high", lambda x: paddle.shard_index(paddle.to_tensor([[25]]), 20, 2, 0), ValueError),
    ("class too high", lambda x: paddle.nn.functional.one_hot(paddle.to_tensor([5]), 3), ValueError),
    ("class of float", lambda x: paddle.nn.functional.one_hot(x, 3), RuntimeError),
    ("meshgrid of matrices", lambda x: paddle.meshgrid(x, x), ValueError),
    ("diag of a cube", lambda x: paddle.diag(x.reshape([3, 2, 2])), ValueError),
    ("set_value of another shape", lambda x: x.set_value(np.zeros(3, "float32")), AssertionError),
    ("set_value of another type", lambda x: x.set_value(np.zeros((3, 4))), AssertionError),
    ("to nowhere", lambda x: x.to("abacus"), ValueError),
    ("randint upside down", lambda x: paddle.randint(5, 2, [1]), ValueError),
    ("multinomial with too few", lambda x: paddle.multinomial(paddle.ones([2]), 3), ValueError),
    ("probability of two", lambda x: paddle.bernoulli(paddle.full([1], 2.0)), IndexError),
    ("negative eye", lambda x: paddle.eye(-1), TypeError),
]


@pytest.mark.parametrize(("name", "function", "error"), ERRORS, ids=[e[0] for e in ERRORS])
def test_errors(name: str, function: Callable[[Any], Any], error: type[Exception], x: Any) -> None:
    with pytest.raises(error):
        function(x)


def test_messages_say_what_was_got_and_expected(x: Any) -> None:
    with pytest.raises(ValueError, match=r"12 elements.*\[5, 2\].*10"):
        x.reshape([5, 2])
    with pytest.raises(ValueError, match=r"dimension 1.*\[3, 4\].*\[3, 3\]"):
        paddle.concat([x, x[:, 1:]])
    with pytest.raises(IndexError, match=r"holds 7.*\[0, 3\)"):
        paddle.gather(x, paddle.to_tensor([7]))


def test_in_place_variants_change_the_tensor_itself() -> None:
    x = paddle.arange(6, dtype="float32")
    assert x.reshape_([2, 3]) is x and x.shape == [2, 3]
    x.unsqueeze_(0).squeeze_(0).flatten_()
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    x.index_fill_(paddle.to_tensor([0]), 0, 9.0).masked_fill_(x > 4, -1.0)
    assert x.tolist() == [-1, 1, 2, 3, 4, -1]
    assert x.zero_().fill_(2.0) is x
    y = paddle.ones([3])
    y.stop_gradient = False
    z = y * 2.0
    z.scatter_(paddle.to_tensor([0]), paddle.to_tensor([5.0]))
    (z * z).backward()
    assert y.grad.tolist() == [0.0, 8.0, 8.0]
    with pytest.raises(ValueError, match="in place"):
        y.reshape_([3, 1])


def test_to() -> None:
    x = paddle.ones([2])
    assert x.to("cpu") is x.to(paddle.ones([1])) is x.cpu() is x
    assert x.to("float64").dtype == x.to(dtype=paddle.float64).dtype == x.to("cpu", "float64").dtype == paddle.float64
    with pytest.raises(TypeError, match="color"):
        x.to(color="red")


def test_detached_tensors_share_memory_but_not_history() -> None:
    x = paddle.ones([2])
    x.stop_gradient = False
    y = (x * 2.0).detach()
    assert y.stop_gradient and y.is_leaf
    y[0] = 7.0
    assert x.tolist() == [1.0, 1.0]
    with paddle.no_grad():
        z = x.detach()
        z[0] = 3.0
    assert x.tolist() == [3.0, 1.0]


def test_limits() -> None:
    assert paddle.finfo("float32").eps == np.finfo(np.float32).eps
    assert str(paddle.iinfo("int8")) == "paddle.iinfo(min=-128, max=127, bits=8, dtype=int8)"
    assert paddle.finfo("bfloat16").bits == 16
    with pytest.raises(ValueError, match="int8"):
        paddle.finfo("int8")


I = paddle.to_tensor([2, 0, 2])
J = paddle.to_tensor([1, 1, 0])
M = paddle.to_tensor(np.array([[True, False, True, False]] * 3))
COLUMN = paddle.to_tensor([[0], [1], [2]])

TWICE: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "reshape": (lambda x: x.reshape([-1]), ((3, 4),)),
    "slice": (lambda x: x[1:, 2], ((3, 4),)),
    "strided_slice": (lambda x: x[::2, ::-1], ((3, 4),)),
    "index": (lambda x: x[I, J], ((3, 4),)),
    "mask": (lambda x: x[M], ((3, 4),)),
    "gather": (lambda x: paddle.gather(x, I, 1), ((3, 4),)),
    "index_sample": (lambda x: paddle.index_sample(x, COLUMN), ((3, 4),)),
    "concat": (lambda x, y: paddle.concat([x, y]), ((3, 4), (2, 4))),
    "stack": (lambda x, y: paddle.stack([x, y], 1), ((3, 4), (3, 4))),
    "split": (lambda x: paddle.split(x, 2, 1)[1], ((3, 4),)),
    "unbind": (lambda x: x.unbind(1)[1], ((3, 4),)),
    "tile": (lambda x: x.tile([2, 2]), ((3, 4),)),
    "expand": (lambda x: x.expand([2, 3, 4]), ((1, 4),)),
    "roll": (lambda x: x.roll([1, 1], [0, 1]), ((3, 4),)),
    "tril": (paddle.tril, ((3, 4),)),
    "where": (lambda x, y: paddle.where(M, x, y), ((3, 4), (3, 4))),
    "scatter": (lambda x, y: paddle.scatter(x, paddle.to_tensor([1, 0]), y), ((3, 4), (2, 4))),
    "scatter_nd_add": (lambda x, y: paddle.scatter_nd_add(x, paddle.to_tensor([[1], [1]]), y), ((3, 4), (2, 4))),
    "index_put": (lambda x, y: paddle.index_put(x, (I, paddle.to_tensor([0, 1, 2])), y), ((3, 4), (3,))),
    "put_along_axis": (lambda x, y: paddle.put_along_axis(x, COLUMN, y, 1, "mul"), ((3, 4), (3, 1))),
    "topk": (lambda x: x.topk(2)[0], ((3, 4),)),
    "diagonal": (lambda x: x.diagonal(1), ((3, 4),)),
    "diag_embed": (lambda x: x.diag_embed(1), ((2, 3),)),
    "unfold": (lambda x: x.unfold(0, 2, 1), ((5,),)),
    "as_strided": (lambda x: x.as_strided([2, 2], [1, 1]), ((5,),)),
}


@pytest.mark.parametrize("name", list(TWICE))
def test_second_derivative(name: str) -> None:
    """The derivative of the gradient of f(x)**3 along a direction, against central differences."""
    function, shapes = TWICE[name]
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(s) for s in shapes]
    weights = [Tensor(rng.standard_normal(s)) for s in shapes]
    directions = [rng.standard_normal(s) for s in shapes]

    def gradients(values: list[Any], create_graph: bool) -> tuple[list[Any], list[Any]]:
        inputs = [Tensor(v, stop_gradient=False) for v in values]
        y = function(*inputs)
        return inputs, tape.grad([y * y * y], inputs, None, True, create_graph, False)

    inputs, grads = gradients(arrays, True)
    second = tape.grad(grads, inputs, weights, False, False, False)
    analytic = sum(float((g._data * d).sum()) for g, d in zip(second, directions, strict=True))

    def moved(step: float) -> float:
        _, found = gradients([a + step * d for a, d in zip(arrays, directions, strict=True)], False)
        return sum(float((g._data * w._data).sum()) for g, w in zip(found, weights, strict=True))

    numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5
    assert abs(analytic - numeric) < 1e-5 * max(1.0, abs(numeric))


def test_gradient_through_filling() -> None:
    for change in (lambda t: t.fill_(3.0), lambda t: t.zero_()):
        x = paddle.to_tensor([1.0, 2.0], stop_gradient=False)
        y = x * 2
        change(y)
        (y.sum() + x.sum()).backward()
        assert x.grad.tolist() == [1.0, 1.0]
    assert paddle.ones([2], "int64").fill_(7).tolist() == [7, 7]


def test_an_axis_that_a_scalar_tensor_does_not_have() -> None:
    x = paddle.to_tensor(0.5)
    calls = [
        lambda: paddle.topk(x, 1, axis=2), lambda: paddle.kthvalue(x, 1, axis=2), lambda: paddle.mode(x, axis=2),
        lambda: paddle.cumsum(x, axis=1), lambda: paddle.cumprod(x, dim=1), lambda: paddle.logcumsumexp(x, axis=1),
        lambda: paddle.nn.functional.softmax(x, axis=1), lambda: paddle.nn.functional.log_softmax(x, axis=1),
        lambda: paddle.roll(x, 1, axis=0), lambda: x[0], lambda: paddle.index_select(paddle.ones([2]), paddle.to_tensor(1)),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError):
            call()
    assert paddle.cumsum(x, axis=-1).item() == 0.5 and paddle.topk(x, 1)[0].shape == []


def test_gaussian_repeats_with_a_seed() -> None:
    first, second = (paddle.tensor.random.gaussian([4], 3.0, 0.5, seed=9, dtype="float64") for _ in range(2))
    assert first.tolist() == second.tolist() and first.dtype is paddle.float64


def test_state_of_the_generator() -> None:
    generator = paddle.seed(102)
    state = generator.get_state()
    first = paddle.randint(0, 100, [5])
    generator.set_state(state)
    assert paddle.randint(0, 100, [5]).tolist() == first.tolist() and generator.initial_seed() == 102
    assert 0 <= generator.random() < 2**32 and generator.seed() == generator.initial_seed()

"""``x[...]`` and ``x[...] = v`` against NumPy: values, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core import tape
from minipaddle.core.tensor import Tensor

I = np.array([2, 0, 2])
J = np.array([1, 1, 0])
MASK = np.array([True, False, True])
MASK2 = np.array([[True, False, True, False], [False, False, False, True], [True, True, False, False]])

# NumPy agrees with Paddle on all of these
INDICES: dict[str, Any] = {
    "int": 1,
    "negative int": -1,
    "numpy int": np.int64(2),
    "slice": slice(1, None),
    "step": slice(None, None, 2),
    "backwards": slice(None, None, -1),
    "backwards part": (slice(None), slice(3, 0, -2)),
    "to minus one": (slice(None), slice(3, -3, -1)),
    "out of range slice": slice(-100, 100),
    "empty slice": slice(2, 1),
    "ints": (1, 2, 3),
    "ellipsis": (Ellipsis, 0),
    "none": (None, 1, Ellipsis, None),
    "empty tuple": (),
    "list": [2, 0],
    "negative list": [-1, 0],
    "nested list": [[0, 1], [2, 2]],
    "array": I,
    "two arrays": (I, J),
    "arrays and slice": (I, slice(1, 3)),
    "slice and array": (slice(None), I),
    "slice and two arrays": (slice(None), I, J),
    "array slice array": (I, slice(None), J),
    "broadcast arrays": (I[:, None], J),
    "int and array": (1, I),
    "array and int": (I, 1),
    "array and none": (slice(None), I, None),
    "mask": MASK,
    "mask list": [True, False, True],
    "mask of two": MASK2,
    "mask and int": (MASK, 0),
    "slice and mask": (slice(None), slice(1, None), np.array([True, False, True, False, True])),
    "true": True,
    "range": range(2),
}


def as_tensors(index: Any) -> Any:
    """The same index with index tensors instead of arrays."""
    if isinstance(index, tuple):
        return tuple(as_tensors(i) for i in index)
    return Tensor(index) if isinstance(index, np.ndarray) else index


@pytest.fixture
def data() -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).standard_normal((3, 4, 5))


@pytest.mark.parametrize("name", list(INDICES))
def test_get(name: str, data: Any) -> None:
    index = INDICES[name]
    x = Tensor(data, stop_gradient=False)
    y = x[as_tensors(index)]
    expected = data[index]
    np.testing.assert_array_equal(y.numpy(), expected)
    assert y.shape == list(expected.shape)
    np.testing.assert_array_equal(x[index].numpy(), expected)
    d = np.random.default_rng(1).standard_normal(expected.shape)
    tape.run_backward([y], [Tensor(d)])
    grad = np.zeros_like(data)
    np.add.at(grad, index, d)
    np.testing.assert_allclose(x.grad.numpy(), grad)


SETTABLE = [n for n in INDICES if n not in ("array", "two arrays", "nested list", "broadcast arrays")]


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("kind", ["number", "full", "last"])
@pytest.mark.parametrize("name", SETTABLE)
def test_set(name: str, kind: str, tracked: bool, data: Any) -> None:
    index = INDICES[name]
    part = data[index]
    rng = np.random.default_rng(7)
    value = 2.5 if kind == "number" else rng.standard_normal(part.shape if kind == "full" else part.shape[-1:])
    x = Tensor(data, stop_gradient=not tracked)
    y = paddle.assign(x)
    v = value if kind == "number" else Tensor(value, stop_gradient=not tracked)
    y[as_tensors(index)] = v
    expected = data.copy()
    expected[index] = value
    np.testing.assert_array_equal(y.numpy(), expected)
    assert y.inplace_version == 1
    if not tracked:
        return
    d = rng.standard_normal(data.shape)
    tape.run_backward([y], [Tensor(d)])
    dx = d.copy()
    dx[index] = 0
    np.testing.assert_allclose(x.grad.numpy(), dx)
    if kind == "full":
        if np.unique(np.arange(data.size).reshape(data.shape)[index]).size == part.size:  # no place twice
            np.testing.assert_allclose(v.grad.numpy(), d[index])
    elif kind == "last" and part.ndim:
        assert v.grad.shape == list(value.shape)


def test_an_int_beside_index_tensors_is_not_one_of_them(data: Any) -> None:
    """Paddle keeps the order of dimensions where NumPy moves the result of the index to the front."""
    i = np.array([4, 0])
    assert Tensor(data)[0, :, Tensor(i)].shape == [4, 2]
    np.testing.assert_array_equal(Tensor(data)[0, :, Tensor(i)].numpy(), data[0][:, i])
    x = Tensor(data)
    x[0, :, Tensor(i)] = Tensor(np.arange(8.0).reshape(4, 2))
    expected = data.copy()
    expected[0][:, i] = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(x.numpy(), expected)


def test_a_tensor_is_a_bound() -> None:
    x = paddle.arange(6)
    k = paddle.to_tensor(2)
    assert x[k].item() == 2
    assert x[k:].tolist() == [2, 3, 4, 5]
    assert x[: k + 1 : k].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        ((0, 0, 0, 0), IndexError),
        ((Ellipsis, Ellipsis), ValueError),
        ("a", ValueError),
        (1.5, ValueError),
        ([0.5], ValueError),
        ([3], ValueError),
        ([True, False], IndexError),
        (slice(0, 2, 0), ValueError),
        (slice("a", None), TypeError),
    ],
)
def test_errors(index: Any, error: type[Exception], data: Any) -> None:
    x = Tensor(data)
    with pytest.raises(error):
        x[index]
    with pytest.raises(error):
        x[index] = 0.0
    np.testing.assert_array_equal(x.numpy(), data)


def test_a_value_that_does_not_fit(data: Any) -> None:
    x = Tensor(data)
    with pytest.raises(ValueError, match=r"\[3\].*\[4, 5\]"):
        x[0] = Tensor(np.zeros(3))
    with pytest.raises(ValueError, match=r"\[7\]"):
        x[[0, 1]] = np.zeros(7)


def test_a_leaf_that_needs_a_gradient_is_protected(data: Any) -> None:
    x = Tensor(data, stop_gradient=False)
    with pytest.raises(ValueError, match="in place"):
        x[0] = 1.0
    with paddle.no_grad():
        x[0] = 1.0
    assert x.numpy()[0].tolist() == np.ones((4, 5)).tolist()


def test_writing_takes_the_type_of_the_tensor() -> None:
    x = paddle.ones([3], dtype="int64")
    x[0] = 2.7
    x[1] = Tensor(np.float64(3.9))
    assert x.tolist() == [2, 3, 1]
    b = paddle.ones([2], dtype="bool")
    b[0] = 0
    assert b.tolist() == [False, True]


def test_writing_through_a_view_reaches_the_base() -> None:
    x = paddle.zeros([2, 3])
    row = x[1]
    row[0] = 5.0
    assert x.tolist() == [[0, 0, 0], [5, 0, 0]]
    assert x.inplace_version == row.inplace_version == 1

"""Making tensors: what becomes which type, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"),
        (True, "bool"),
        (2.5, "float32"),
        (1 + 2j, "complex64"),
        ([], "float32"),
        ([1, True], "int64"),
        ([True, 2.5], "float32"),
        ([[1, 2], [3, 4.5]], "float32"),
        (((1.0, 2.0),), "float32"),
        (np.float64(1), "float64"),
        (np.ones(2), "float64"),
        (np.ones(2, "int32"), "int32"),
        (np.ones(2, ">f4"), "float32"),
        ([np.ones(2), np.ones(2)], "float32"),
        (2**40, "int64"),
    ],
)
def test_to_tensor(data: Any, dtype: str) -> None:
    x = paddle.to_tensor(data)
    assert x.dtype.name == dtype
    assert x.stop_gradient
    np.testing.assert_array_equal(x.numpy(), np.asarray(data).astype(dtype))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([[1, 2], [3]], ValueError),
        (["a"], ValueError),
        ([None], ValueError),
        (np.array(["a"]), ValueError),
        (np.ones(2, "uint32"), ValueError),
        (2**70, ValueError),
        (b"a", ValueError),
        ("a", TypeError),
        (None, TypeError),
        ({}, TypeError),
        (range(3), TypeError),
    ],
)
def test_to_tensor_refuses(data: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        paddle.to_tensor(data)


def test_to_tensor_copies() -> None:
    a = np.ones(2, "float32")
    x = paddle.to_tensor(a)
    a[0] = 5
    y = paddle.to_tensor(x, dtype="int32")
    x[1] = 7
    assert x.tolist() == [1, 7]
    assert y.tolist() == [1, 1]
    assert paddle.to_tensor([paddle.to_tensor(1.0), 2.0]).tolist() == [1.0, 2.0]


def test_default_dtype() -> None:
    paddle.set_default_dtype("float64")
    try:
        made = [
            paddle.to_tensor(0.5),
            paddle.ones([1]),
            paddle.rand([1]),
            paddle.linspace(0, 1, 2),
            paddle.to_tensor(1j),
        ]
        assert [t.dtype.name for t in made] == ["float64"] * 4 + ["complex128"]
    finally:
        paddle.set_default_dtype("float32")


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [(1, None, 1.0), (True, None, 1.0), ("nan", None, np.nan), ("inf", "float64", np.inf), (3.9, "int64", 3),
     (2**53 + 1, "int64", 2**53 + 1), (0.1, "float64", 0.1), (paddle.to_tensor(3), None, 3.0),
     (1 + 2j, "complex64", 1 + 2j)],
)  # fmt: skip
def test_full(value: Any, dtype: str | None, expected: Any) -> None:
    x = paddle.full([2], value, dtype)
    assert x.dtype.name == (dtype or "float32")
    np.testing.assert_array_equal(x.numpy(), np.full(2, expected, dtype or "float32"))


def test_shapes_from_tensors() -> None:
    n = paddle.to_tensor(3)
    assert paddle.zeros([2, n]).shape == [2, 3]
    assert paddle.ones(paddle.to_tensor([2, 3])).shape == [2, 3]
    assert paddle.empty(4).shape == [4]
    assert paddle.rand([n, 1]).shape == [3, 1]
    with pytest.raises(ValueError, match="shape"):
        paddle.zeros([1.5])
    with pytest.raises(ValueError, match="negative"):
        paddle.ones([-1])
    with pytest.raises(TypeError, match="float31"):
        paddle.zeros([2], "float31")


def test_ranges() -> None:
    assert paddle.arange(3.0).dtype.name == "float32"
    assert paddle.arange(0, 0.3, 0.1).shape == [3]  # in double precision there would be four
    assert paddle.arange(paddle.to_tensor(4, dtype="int32")).dtype.name == "int64"
    assert paddle.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert paddle.linspace(0, 10, 4, "int32").tolist() == [0, 3, 6, 10]
    assert paddle.linspace(3.0, 3.0, 1).tolist() == [3.0]
    assert paddle.logspace(0, 2, 3, base=2.0).tolist() == [1.0, 2.0, 4.0]
    for bad in ((1, 2, 0), (5, 1), (0, 1, -1)):
        with pytest.raises(ValueError, match="step"):
            paddle.arange(*bad)


def test_assign_follows_paddle() -> None:
    assert paddle.assign(3).shape == [1]
    assert paddle.assign(np.ones(2)).dtype.name == "float32"
    out = paddle.zeros([2])
    assert paddle.assign(paddle.ones([2]), out) is out
    assert out.tolist() == [1.0, 1.0]


def test_seed_repeats() -> None:
    def draw() -> list[Any]:
        return [
            paddle.rand([3]).tolist(),
            paddle.randint(0, 100, [5]).tolist(),
            paddle.randperm(6).tolist(),
            paddle.normal(0.0, 1.0, [2]).tolist(),
            paddle.multinomial(paddle.ones([4]), 2).tolist(),
            paddle.bernoulli(paddle.full([8], 0.5)).tolist(),
        ]

    paddle.seed(11)
    first, again = draw(), draw()
    paddle.seed(11)
    assert draw() == first != again
    state = paddle.get_rng_state()
    last = draw()
    paddle.set_rng_state(state)
    assert draw() == last


def test_random_numbers_have_the_right_moments() -> None:
    paddle.seed(1)
    u = paddle.uniform([20000], min=-2.0, max=4.0).numpy()
    assert abs(u.mean() - 1) < 0.05 and u.min() >= -2 and u.max() < 4 and abs(u.std() - 6 / 12**0.5) < 0.05
    n = paddle.normal(2.0, 3.0, [20000]).numpy()
    assert abs(n.mean() - 2) < 0.1 and abs(n.std() - 3) < 0.1
    counts = np.bincount(paddle.multinomial(paddle.to_tensor([1.0, 3.0, 0.0]), 8000, True).numpy(), minlength=3)
    assert counts[2] == 0 and abs(counts[1] / 8000 - 0.75) < 0.03
    picks = np.stack([paddle.multinomial(paddle.to_tensor([1.0, 3.0, 0.5]), 2).numpy() for _ in range(300)])
    assert (picks[:, 0] != picks[:, 1]).all()
    t = paddle.ops.random.truncated_gaussian_random(np, shape=[20000], mean=1.0, std=2.0)
    assert abs(t.mean() - 1) < 0.1 and t.min() >= -3 and t.max() <= 5
    assert abs(paddle.zeros([20000]).exponential_(2.0).numpy().mean() - 0.5) < 0.02

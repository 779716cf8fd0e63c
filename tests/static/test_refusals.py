"""What functions refuse while a Program is built, with the classes of errors that Paddle's own tests ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minipaddle as paddle
from minipaddle.static import data


def v(*shape: int, dtype: str = "float32") -> Any:
    return data(f"v{dtype}{len(shape)}", list(shape), dtype)


REFUSALS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "accuracy": (TypeError, lambda: paddle.metric.accuracy([1.0], v(2, 3))),
    "allclose": (TypeError, lambda: paddle.allclose(v(2), v(2), rtol="a")),  # type: ignore[arg-type]
    "argmax": (TypeError, lambda: paddle.argmax(v(2), dtype="float32")),
    "array_length": (TypeError, lambda: paddle.tensor.array_length(v(2))),
    "broadcast_tensors": (TypeError, lambda: paddle.broadcast_tensors([v(2, 3), v(4)])),
    "broadcast_tensors of none": (TypeError, lambda: paddle.broadcast_tensors([])),
    "broadcast_to": (AssertionError, lambda: paddle.broadcast_to(v(2, 3), [2, 0.5])),
    "concat": (TypeError, lambda: paddle.concat([v(2, 3), v(2, 3, dtype="int32")])),
    "diagonal": (AssertionError, lambda: paddle.diagonal(v(2, 3), axis1=0, axis2=0)),
    "eye": (TypeError, lambda: paddle.eye(3, dtype="int8")),
    "flip": (ValueError, lambda: paddle.flip(v(2, 3), [3])),
    "full": (TypeError, lambda: paddle.full(v(2), 1)),
    "histogram's bins": (TypeError, lambda: paddle.histogram(v(4), bins=2.5)),  # type: ignore[arg-type]
    "histogram of no bins": (ValueError, lambda: paddle.histogram(v(4), bins=0)),
    "histogram's bounds": (ValueError, lambda: paddle.histogram(v(4), min=5, max=1)),
    "increment": (ValueError, lambda: paddle.increment(v(2))),
    "inverse": (ValueError, lambda: paddle.inverse(v(2, 3))),
    "linspace": (TypeError, lambda: paddle.linspace(0, 10, 2, dtype="int8")),
    "maxout": (ValueError, lambda: paddle.nn.functional.maxout(v(1, 4, 3, 3), 1)),
    "norm": (TypeError, lambda: paddle.norm(v(2, 3), axis=[0, 0.5])),
    "normal's shape": (TypeError, lambda: paddle.normal(shape=1)),
    "normal's mean": (TypeError, lambda: paddle.normal(mean=v(2, dtype="int32"))),
    "randint": (ValueError, lambda: paddle.randint(5, 4)),
    "randperm": (ValueError, lambda: paddle.randperm(-3)),
    "randperm's dtype": (TypeError, lambda: paddle.randperm(3, "int8")),
    "rank": (TypeError, lambda: paddle.rank(1)),
    "reshape": (TypeError, lambda: paddle.reshape(v(2, 3), "a")),
    "reshape to two unknowns": (AssertionError, lambda: paddle.reshape(v(2, 3), [-1, -1])),
    "reshape to a third 0": (AssertionError, lambda: paddle.reshape(v(2, 3), [2, 3, 0])),
    "reshape to a negative": (AssertionError, lambda: paddle.reshape(v(2, 3), [-3, 2])),
    "roll": (ValueError, lambda: paddle.roll(v(2, 3), [1, 2], axis=0)),
    "split": (AssertionError, lambda: paddle.split(v(4, 3), 3, 0)),
    "tile": (AssertionError, lambda: paddle.tile(v(2), [-1])),
    "trace": (AssertionError, lambda: paddle.trace(v(2, 3), axis1=3)),
    "transpose": (TypeError, lambda: paddle.transpose(v(2, 3), 1)),
    "tril of a vector": (ValueError, lambda: paddle.tril(v(2))),
    "tril's diagonal": (TypeError, lambda: paddle.tril(v(2, 3), diagonal="2")),  # type: ignore[arg-type]
    "triu's diagonal": (TypeError, lambda: paddle.triu(v(2, 3), 1.5)),  # type: ignore[arg-type]
    "unique's axis": (TypeError, lambda: paddle.unique(v(4), axis="1")),  # type: ignore[arg-type]
    "unique's dtype": (TypeError, lambda: paddle.unique(v(4), dtype="float32")),
    "unique's flags": (TypeError, lambda: paddle.unique(v(4), return_index=1)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(name: str) -> None:
    error, calling = REFUSALS[name]
    with pytest.raises(error):
        calling()

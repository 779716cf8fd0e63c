"""Which results share memory with their input: as Paddle 2.6.2 does, found by changing the result in place there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

VIEWS: dict[str, Callable[[Any], Any]] = {
    "reshape": lambda x: x.reshape([6, 4]),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose([1, 0, 2]),
    "T": lambda x: x.T,
    "squeeze": lambda x: x.squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "int": lambda x: x[0],
    "slice": lambda x: x[:, ::-2],
    "none": lambda x: x[None],
    "all": lambda x: x[:],
    "slice function": lambda x: paddle.slice(x, [0], [0], [1]),
    "strided_slice": lambda x: paddle.strided_slice(x, [1], [0], [3], [2]),
    "unbind": lambda x: x.unbind(0)[0],
    "diagonal": lambda x: x.diagonal(),
    "view": lambda x: x.view([6, 4]),
    "view of another type": lambda x: x.view("int32"),
    "view_as": lambda x: x.view_as(paddle.zeros([6, 4])),
    "as_complex": lambda x: paddle.as_complex(x.view([2, 3, 2, 2])),
    "moveaxis": lambda x: paddle.moveaxis(x, 0, 1),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "as_strided": lambda x: x.as_strided([2, 2], [1, 1]),
    "unflatten": lambda x: paddle.unflatten(x, 2, [2, 2]),
    "detach": lambda x: x.detach(),
    "cpu": lambda x: x.cpu(),
    "contiguous": lambda x: x.contiguous(),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "list index": lambda x: x[[0, 1]],
    "split": lambda x: paddle.split(x, 3, 1)[0],
    "chunk": lambda x: x.chunk(2)[0],
    "unstack": lambda x: x.unstack(0)[0],
    "expand": lambda x: x.expand([1, 2, 3, 4]),
    "expand to the same": lambda x: x.expand([2, 3, 4]),
    "broadcast_to": lambda x: x.broadcast_to([2, 3, 4]),
    "tile": lambda x: x.tile([1]),
    "clone": lambda x: x.clone(),
    "assign": paddle.assign,
    "to_tensor": paddle.to_tensor,
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(0, 0),
    "concat": lambda x: paddle.concat([x]),
    "crop": lambda x: paddle.crop(x, [1, 2, 2]),
    "rot90": paddle.rot90,
    "gather": lambda x: paddle.gather(x, paddle.to_tensor([0])),
}


def _changed(function: Callable[[Any], Any]) -> tuple[bool, Any, Any]:
    x = paddle.arange(1, 25, dtype="float32").reshape([2, 3, 4]).clone()
    y = function(x)
    before = x.numpy()
    y[...] = 0
    return not np.array_equal(before, x.numpy()), x, y


@pytest.mark.parametrize("name", list(VIEWS))
def test_view(name: str) -> None:
    changed, x, y = _changed(VIEWS[name])
    assert changed
    assert x.inplace_version == y.inplace_version == 1


@pytest.mark.parametrize("name", list(COPIES))
def test_copy(name: str) -> None:
    changed, x, y = _changed(COPIES[name])
    assert not changed
    assert (x.inplace_version, y.inplace_version) == (0, 1)


def test_the_tape_notices_a_change_through_a_view() -> None:
    x = paddle.ones([2, 2])
    x.stop_gradient = False
    y = paddle.assign(x)
    z = y.reshape([4])
    w = z * z
    with paddle.no_grad():
        y[0] = 5.0
    with pytest.raises(RuntimeError, match="in place"):
        w.backward()


def test_what_cannot_be_viewed() -> None:
    x = paddle.ones([2, 3])
    with pytest.raises(ValueError, match="contiguous"):
        x.T.view([6])
    with pytest.raises(ValueError, match="reach outside"):
        x.as_strided([3, 3], [3, 1])
    with pytest.raises(ValueError, match="multiple of 8"):
        x.view("float64")


def test_dlpack_there_and_back() -> None:
    x = paddle.ones([2])
    for given in (paddle.utils.dlpack.to_dlpack(x), x, x.numpy()):
        y = paddle.utils.dlpack.from_dlpack(given)
        assert y.place == x.place and y.tolist() == [1, 1]
    capsule = paddle.utils.dlpack.to_dlpack(x)
    paddle.utils.dlpack.from_dlpack(capsule)
    with pytest.raises(ValueError, match="PyCapsule"):  # it can be taken once
        paddle.utils.dlpack.from_dlpack(capsule)

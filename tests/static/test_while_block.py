"""``paddle.static.nn.control_flow``: loops whose body is a ``with`` block; arguments of `while_loop`."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.static.nn.control_flow import While


@pytest.fixture
def program() -> paddle.static.Program:
    return paddle.static.default_main_program()


def run(program, fetch, **feed):
    return paddle.static.Executor().run(program, feed=feed, fetch_list=fetch)


def test_what_the_block_changes_is_written(program) -> None:
    x = paddle.static.data("x", [2])
    i, n, total = paddle.zeros([1], "int64"), paddle.full([1], 4, "int64"), paddle.zeros([2])
    going = paddle.less_than(i, n)
    with While(going).block():
        paddle.assign(total + x, total)
        paddle.increment(i)
        paddle.assign(paddle.less_than(i, n), going)
    found, count = run(program, [total, i], x=np.array([1.0, 2.0], "float32"))
    assert found.tolist() == [4.0, 8.0] and count.tolist() == [4]


def test_nested_blocks_and_arrays(program) -> None:
    rows = [paddle.static.data(f"d{k}", [3]) for k in range(3)]
    i = paddle.zeros([1], "int64")
    data = paddle.tensor.array_write(rows[0], i)
    sums = paddle.tensor.array_write(paddle.zeros([3]), paddle.zeros([1], "int64"))
    for row in rows[1:]:
        i = paddle.increment(i)
        paddle.tensor.array_write(row, i, array=data)
    i, j = paddle.zeros([1], "int64"), paddle.full([1], 1, "int64")
    one, three = paddle.full([1], 1, "int64"), paddle.full([1], 3, "int64")
    outer, inner = paddle.less_than(i, one), paddle.less_than(j, three)

    def step(at):
        both = paddle.add_n([paddle.tensor.array_read(data, at), paddle.tensor.array_read(sums, at)])
        paddle.tensor.array_write(both, paddle.increment(at), array=sums)

    with While(outer).block():
        step(i)
        paddle.assign(paddle.less_than(i, one), outer)
        with While(inner).block():
            step(j)
            paddle.assign(paddle.less_than(j, three), inner)
    values = {f"d{k}": np.full([3], 10.0**k, "float32") for k in range(3)}
    assert run(program, [paddle.tensor.array_read(sums, j)], **values)[0].tolist() == [111.0] * 3


def test_conditions() -> None:
    for wrong in (1, paddle.full([1], 1, "int32"), paddle.full([2], True, "bool")):
        with pytest.raises(TypeError):
            While(wrong)
    i = paddle.zeros([1], "int64")
    for cond in (lambda i: 1, lambda i: True, lambda i: i, lambda i: paddle.full([2], True, "bool")):
        with pytest.raises(TypeError):
            paddle.static.nn.while_loop(cond, lambda i: [i + 1], [i])
    with pytest.raises(ValueError, match="arity"):
        paddle.static.nn.while_loop(lambda i: i < 3, lambda i: [i, i], [i])


def test_arrays_start_with_tensors() -> None:
    for wrong in ("text", [1]):
        with pytest.raises(TypeError):
            paddle.tensor.create_array("float32", wrong)


def test_declaring_again(program) -> None:
    block = program.global_block()
    v = block.create_var(name="v", shape=[2, 3], dtype="float32")
    assert block.create_var(name="v") is v and block.create_var(name="v", shape=[2, 3]) is v
    with pytest.raises(ValueError, match="shape"):
        block.create_var(name="v", shape=[3])
    with pytest.raises(ValueError, match="int64"):
        block.create_var(name="v", dtype="int64")


def test_operators_by_type(program) -> None:
    block = program.global_block()
    with pytest.raises(ValueError, match="can not be None"):
        block.append_op()
    with pytest.raises(ValueError, match="no_such_op"):
        block.append_op(type="no_such_op")
    paddle.zeros([1])
    assert [op.idx for op in block.ops] == list(range(len(block.ops)))


def test_names_do_not_meet(program) -> None:
    block = program.global_block()
    made = [block.create_var(shape=[1], dtype="float32") for _ in range(3)]
    count = paddle.static.create_global_var([1], 0.0, "float32")
    assert count.name not in [v.name for v in made]


def test_wrong_arguments_of_append_backward() -> None:
    x = paddle.static.data("x", [3])
    x.stop_gradient = False
    loss = paddle.mean(x)
    for arguments in ({"callbacks": print}, {"parameter_list": "x"}, {"parameter_list": [1]}, {"no_grad_set": [1]}):
        with pytest.raises(TypeError):
            paddle.static.append_backward(loss, **arguments)


def test_constants_in_the_older_order(program) -> None:
    made = paddle.tensor.fill_constant([2], "int64", 7)
    out = paddle.zeros([2])
    paddle.tensor.fill_constant([2], "float32", 3.0, out=out)
    found = run(program, [made, out])
    assert [v.tolist() for v in found] == [[7, 7], [3.0, 3.0]]

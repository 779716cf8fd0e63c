"""Reading and writing parts of tensors."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import booleans, case, each, flat, integers, normal, value

X = normal(4, 5, 3)
I3 = value([3, 0, 3])


def _add_rows(x, i, v):
    out = x.copy()
    np.add.at(out, i, v)
    return out


CASES = flat(
    case("slice", X, axes=[0, 1], starts=each([1, 0], [-2, 2]), ends=each([3, 4], [-1, 100])),
    case("slice", X, axes=[0, 2], starts=[1, -1], ends=[2, 3], decrease_axis=[0, 2], expect=lambda x: x[1, :, -1]),
    case("slice", normal(3), axes=[0], starts=[1], ends=[2], decrease_axis=[0], name="to 0-D"),
    case(
        "slice",
        X,
        value([1], "int32"),
        value([3], "int32"),
        axes=[0],
        infer_flags=[-1],
        name="bound tensors",
        check_infer=False,
    ),
    case(
        "slice",
        X,
        None,
        None,
        [value([1], "int32")],
        [value(3, "int32")],
        axes=[1],
        starts=[-1],
        ends=[-1],
        infer_flags=[-1],
        name="bound lists",
        check_infer=False,
    ),
    case("strided_slice", X, axes=[1], starts=[0], ends=[100], strides=[2], expect=lambda x: x[:, ::2]),
    case(
        "strided_slice",
        X,
        axes=[0, 1],
        starts=[100, 4],
        ends=[-1, 0],
        strides=[-1, -2],
        expect=lambda x: x[::-1, 4:0:-2],
    ),
    case("strided_slice", X, axes=[0, 1], starts=[1, 0], ends=[2, 5], strides=[1, 2], decrease_axis=[0]),
    case("set_value", X, normal(5, 3), axes=[0], starts=[1], ends=[2], steps=[1], decrease_axes=[0]),
    case("set_value", X, normal(3), axes=[0, 1], starts=[0, 4], ends=[4, -1], steps=[2, -1], name="broadcast"),
    case(
        "set_value",
        X,
        normal(1, 5, 3),
        axes=[0],
        starts=[1],
        ends=[2],
        steps=[1],
        decrease_axes=[0],
        none_axes=[0],
        name="new axis",
    ),
    case("set_value", X, axes=[1], starts=[1], ends=[3], steps=[1], values=[2.5], shape=[1]),
    case(
        "set_value",
        X,
        normal(1, 1, 3),
        axes=[0],
        starts=[0],
        ends=[1],
        steps=[1],
        decrease_axes=[0],
        name="leading ones",
    ),
    case("gather", X, I3, axis=each(0, 1, -2)),
    case("gather", X, value([[3], [1]]), name="column"),
    case("gather", X, value(2), axis=1, name="0-D", expect=lambda x, i: x[:, 2]),
    case(
        "gather",
        X,
        value([0, 2]),
        value(2, "int32"),
        name="axis tensor",
        check_infer=False,
        expect=lambda x, i, a: x[:, :, [0, 2]],
    ),
    case("index_select", X, I3, dim=each(0, 1, -2)),
    case(
        "gather_nd", X, value([[0, 1], [3, 4], [0, 1]]), check_infer=False, expect=lambda x, i: x[[0, 3, 0], [1, 4, 1]]
    ),
    case("gather_nd", X, value([[[1]], [[-1]]]), name="depth 1", check_infer=False),
    case("gather_nd", X, value(np.zeros((2, 0), "int64")), name="depth 0", standin=False, check_infer=False),
    case("index_sample", normal(2, 4), value([[0, 3, 3], [1, 2, 0]])),
    case("take_along_axis", normal(3, 4), value([[0, 2, 1, 1], [1, 1, 0, 0]]), Axis=0),
    case("take_along_axis", normal(3, 4), value([[0, -1], [1, 1], [3, 0]]), Axis=each(1, -1)),
    case(
        "put_along_axis",
        normal(3, 4),
        value([[0, 2], [1, 3], [3, 0]]),
        normal(3, 2),
        Axis=1,
        Reduce=each("assign", "add", "mul", "multiply", "mean", "amin", "amax"),
    ),
    case(
        "put_along_axis",
        normal(3, 4),
        value([[0, 2], [1, 3], [3, 0]]),
        normal(3, 2),
        Axis=1,
        Reduce=each("assign", "add", "mul", "mean", "amin", "amax"),
        Include_self=False,
    ),
    case(
        "put_along_axis",
        normal(3, 4),
        value([[0, 0], [1, 1], [3, 3]]),
        normal(3, 2),
        Axis=1,
        name="repeated",
        Reduce=each("assign", "add", "mean"),
    ),
    case("scatter", normal(4, 2), value([2, 0]), normal(2, 2), overwrite=each(True, False)),
    case("scatter", normal(4, 2), value([1, 1]), normal(2, 2), overwrite=False, name="repeated"),
    case("scatter", normal(4, 2), value([[2], [0]]), normal(2, 2), name="column"),
    case(
        "scatter_nd_add",
        normal(4, 3),
        value([[1], [3], [1]]),
        normal(3, 3),
        expect=lambda x, i, v: _add_rows(x, [1, 3, 1], v),
    ),
    case("scatter_nd_add", normal(4, 3), value([[1, 0], [3, 2]]), normal(2), name="elements"),
    case("index_add", X, value([1, 3, 1]), normal(3, 5, 3), axis=0, expect=lambda x, i, v: _add_rows(x, [1, 3, 1], v)),
    case("index_add", X, value([1, 3]), normal(4, 2, 3), axis=each(1, -2)),
    case("index_put", X, [value([0, 2]), value([1, 1])], normal(2, 3), accumulate=each(True, False)),
    case("index_put", X, [value([0, 0])], normal(3), accumulate=True, name="repeated, broadcast"),
    case("index_put", X, [value([[True, False, True, False, False]] * 4)], normal(), name="mask"),
    case("masked_select", normal(3, 4), value([[True, False, True, False]] * 3), check_infer=False),
    case("masked_select", normal(3, 4), value([True, False, True, False]), name="broadcast mask", check_infer=False),
    case("masked_take", normal(3, 4), value([[True, False, True, False]] * 3), expect=lambda x, m: x[m], check_infer=False),
    case("masked_take", normal(3, 4), value([True, False, True]), name="rows", expect=lambda x, m: x[m], check_infer=False),
    case("where", booleans(3, 4), normal(3, 4), normal(3, 4), expect=np.where),
    case("where_index", value([[1.0, 0.0], [0.0, 2.0]], differentiable=False), check_infer=False),
    case("multiplex", [normal(3, 2), normal(3, 2)], value([[1], [0], [1]], "int32")),
    case("shard_index", integers(0, 20, 4, 1), index_num=20, nshards=3, shard_id=each(0, 1, 2)),
)

"""Shape and layout operators."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, each, flat, integers, normal, value

X = normal(2, 3, 4)

CASES = flat(
    case("reshape2", X, shape=each([6, 4], [-1], [0, -1], [0, 0, -1, 1], [24, 1])),
    case(
        "reshape2",
        X,
        value([4, 6], "int32"),
        name="shape tensor",
        check_infer=False,
        expect=lambda x, s: x.reshape(4, 6),
    ),
    case(
        "reshape2",
        X,
        None,
        [value([4], "int32"), value(6, "int32")],
        shape=[-1, 6],
        name="shape tensors",
        check_infer=False,
    ),
    case("reshape", X, shape=[4, -1]),
    case("transpose2", X, axis=each([2, 0, 1], [0, 2, 1], [-1, 0, 1])),
    case("transpose", X, axis=[1, 0, 2]),
    case("squeeze2", normal(2, 1, 3, 1), axes=each([1], [-1], [1, 3])),
    case("squeeze2", normal(2, 1, 3, 1), axes=[], check_infer=False),
    case("squeeze2", normal(2, 3), axes=[], name="nothing to drop"),
    case("squeeze", normal(1, 3), axes=[0]),
    case("unsqueeze2", normal(2, 3), axes=each([0], [-1], [0, 3], [0, 0], [2, 1])),
    case("unsqueeze", normal(2), axes=[1]),
    case("flatten_contiguous_range", X, start_axis=each(0, 1), stop_axis=each(1, 2, -1)),
    case("flatten_contiguous_range", normal(), start_axis=0, stop_axis=-1, name="0-D"),
    case("flatten2", X, axis=each(0, 1, 2, 3)),
    case("flatten", X, axis=2),
    case("share_data", X),
    case("assign", X, expect=lambda x: x),
    case("concat", [normal(2, 3), normal(2, 1), normal(2, 2)], axis=each(1, -1)),
    case("concat", [normal(2, 3), normal(1, 3)], value(0, "int32"), name="axis tensor", axis=1, check_infer=False),
    case("stack", [normal(2, 3), normal(2, 3)], axis=each(0, 1, 2, -1)),
    case("unstack", X, axis=each(0, 1, -1), check_infer=False),
    case("unbind", X, axis=each(0, 2), check_infer=False),
    case("split", normal(6, 4), num=each(2, 3), axis=0),
    case("split", normal(6, 4), sections=each([1, 5], [2, -1], [6]), axis=each(0, -2)),
    case("split", normal(6, 4), value(1, "int32"), num=2, name="axis tensor", check_infer=False),
    case(
        "split",
        normal(6, 4),
        None,
        [value([2], "int32"), value([4], "int32")],
        sections=[-1, 4],
        name="section tensors",
        check_infer=False,
    ),
    case("expand_v2", normal(2, 1, 3), shape=each([2, 4, 3], [-1, 5, -1], [2, 2, 4, 3])),
    case("expand_v2", normal(1, 3), value([2, 3], "int32"), name="shape tensor", check_infer=False),
    case(
        "expand_v2",
        normal(1, 3),
        None,
        [value([2], "int32"), value([3], "int32")],
        shape=[-2, 3],
        name="shape tensors",
        check_infer=False,
    ),
    case("expand_as_v2", normal(1, 3), normal(2, 4, 3), target_shape=[2, 4, 3]),
    case("expand_as_v2", normal(3), target_shape=[2, 3]),
    case("broadcast_tensors", [normal(2, 1), normal(3), normal()]),
    case("tile", normal(2, 3), repeat_times=each([2], [2, 1], [2, 1, 3], [])),
    case("tile", normal(2), value([2, 2], "int32"), name="repeat tensor", check_infer=False),
    case("expand", normal(2, 3), expand_times=[2, 2]),
    case("expand_as", normal(2, 3), normal(4, 3)),
    case("repeat_interleave", normal(2, 3), Repeats=each(1, 2), dim=each(0, 1, -1)),
    case("repeat_interleave", normal(3, 2), value([2, 1, 3]), dim=0, check_infer=False),
    case("repeat_interleave", normal(3, 2), value([2]), dim=1, name="one repeat", check_infer=False),
    case("flip", X, axis=each([0], [1, -1], [])),
    case("reverse", X, axis=[0]),
    case("roll", normal(3, 4), shifts=each([1], [-2], [13]), axis=[]),
    case("roll", normal(3, 4), shifts=[1, -1], axis=[0, 1]),
    case("roll", normal(3, 4), value([2], "int64"), axis=[1], name="shift tensor"),
    case("tril_triu", normal(2, 3, 4), lower=each(True, False), diagonal=each(-1, 0, 2)),
    case("tril_triu", integers(1, 9, 3, 3), lower=True),
    case("meshgrid", [normal(2), normal(3), normal()]),
    case("as_complex", normal(3, 2), grad=False, expect=lambda x: x[..., 0] + 1j * x[..., 1]),
    case("as_real", value([1 + 2j, 3 - 1j], "complex128"), grad=False),
    case("as_real", value(1 + 2j, "complex128"), grad=False, name="0-D"),
    case("complex", normal(2, 1), normal(3), grad=False, standin=False, expect=lambda x, y: x + 1j * y),
    case("diagonal", normal(3, 4), offset=each(-1, 0, 2, 5), standin=False),
    case("diagonal", normal(2, 3, 4), axis1=each(0, -1), axis2=1, standin=False),
    case("diag_embed", normal(2, 3), offset=each(-1, 0, 1)),
    case("diag_embed", normal(2, 3), dim1=0, dim2=2),
    case("diag_v2", normal(3), offset=each(-1, 0, 2), padding_value=each(0.0, 5.0)),
    case("diag_v2", normal(3, 4), offset=each(-1, 0, 2)),
    case("fill_diagonal", normal(3, 4), value=7.0, offset=each(0, 1)),
    case("fill_diagonal", normal(5, 2), value=7.0, wrap=each(True, False)),
    case("fill_diagonal", normal(3, 3, 3), value=7.0),
    case("fill_diagonal_tensor", normal(3, 4), normal(3)),
    case("fill_diagonal_tensor", normal(3, 4), normal(3), offset=1),
    case("fill_diagonal_tensor", normal(3, 2, 3), normal(2, 3), dim1=0, dim2=2),
    case("tensor_unfold", normal(2, 7), axis=each(1, -1), size=3, step=each(1, 2, 3), standin=False),
    case("tensor_unfold", normal(5, 2), axis=0, size=2, step=1, standin=False),
    case("as_strided", normal(12), dims=[3, 2], stride=[4, 1], offset=1, check_infer=False, standin=False),
    case("as_strided", normal(6), dims=[4, 3], stride=[1, 1], name="overlapping", check_infer=False, standin=False),
    case("crop_tensor", normal(4, 5), shape=each([2, 3], [2, -1]), offsets=each([0, 0], [1, 2])),
    case(
        "crop_tensor",
        normal(4, 5),
        value([2, 3], "int32"),
        None,
        value([1, 1], "int32"),
        name="tensors",
        check_infer=False,
    ),
    case("crop", normal(4, 5), shape=[2, 3], offsets=[1, 2], check_infer=False),
)


def _unfolded(x):
    return np.stack([x[:, i : i + 3] for i in range(0, 5, 2)], 1)


CASES += case(
    "tensor_unfold", normal(2, 7), axis=1, size=3, step=2, expect=_unfolded, standin=False, name="against slices"
)

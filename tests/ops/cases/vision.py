"""Operators on images."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, each, flat, integers, normal, uniform, value

X = normal(2, 3, 4, 5)


def grid(*shape: int) -> object:
    """Points that lie inside and outside, and away from the bends of the sampling."""
    return uniform(-1.6, 1.6, *shape)


def twice(x: np.ndarray) -> np.ndarray:
    return x.repeat(2, 2).repeat(2, 3)


CASES = flat(
    case("nearest_interp_v2", X, scale=[2.0, 2.0], align_corners=False, expect=twice),
    case("nearest_interp_v2", X, out_h=7, out_w=3, align_corners=each(False, True)),
    case("nearest_interp_v2", X, scale=[1.7, 0.6], align_corners=False, data_layout="NHWC"),
    case("nearest_interp_v2", normal(1, 2, 2, 3, 2), scale=[2.0, 1.5, 3.0], align_corners=False, name="volume"),
    case(
        "nearest_interp_v2",
        integers(0, 9, 2, 3, 4, 5, dtype="int32"),
        out_h=2,
        out_w=9,
        align_corners=False,
        name="integers",
    ),
    case("nearest_interp_v2", X, value([3, 8], "int32"), align_corners=False, name="size tensor", check_infer=False),
    case(
        "nearest_interp_v2",
        X,
        None,
        [value([3], "int32"), value([8], "int32")],
        out_h=-1,
        out_w=-1,
        align_corners=False,
        name="size tensors",
        check_infer=False,
    ),
    case("bilinear_interp_v2", X, None, None, value([2.0], "float32", False), name="scale tensor", check_infer=False),
    case("bilinear_interp_v2", X, out_h=7, out_w=3, align_corners=each(True, False), align_mode=each(0, 1)),
    case(
        "bilinear_interp_v2",
        X,
        scale=[2.0, 0.7],
        align_corners=False,
        align_mode=each(0, 1),
        data_layout=each("NCHW", "NHWC"),
    ),
    case("bilinear_interp_v2", X, out_h=1, out_w=1, name="one pixel"),
    case("bicubic_interp_v2", X, out_h=7, out_w=3, align_corners=each(True, False)),
    case("bicubic_interp_v2", X, scale=[1.5, 2.0], align_corners=False, data_layout="NHWC"),
    case("linear_interp_v2", normal(2, 3, 5), out_w=8, align_corners=each(True, False), align_mode=each(0, 1)),
    case(
        "trilinear_interp_v2",
        normal(1, 2, 3, 2, 4),
        out_d=4,
        out_h=3,
        out_w=2,
        align_corners=each(True, False),
        align_mode=each(0, 1),
    ),
    case("nearest_interp", X, scale=2.0, align_corners=False, expect=twice),
    case("bilinear_interp", X, out_h=6, out_w=7, align_corners=False),
    case("linear_interp", normal(2, 3, 5), out_w=8),
    case("trilinear_interp", normal(1, 2, 3, 2, 4), scale=2.0),
    case("bicubic_interp", X, scale=1.5),
    case("pad", X, paddings=[0, 1, 2, 0, 1, 1, 0, 3], pad_value=1.5),
    case("pad", normal(3), paddings=[2, 1], expect=lambda x: np.pad(x, (2, 1))),
    case(
        "pad3d",
        normal(2, 2, 3, 4, 5),
        paddings=each([1, 2, 0, 1, 2, 0], [1, 1, 2, 2, 1, 0]),
        mode=each("constant", "reflect", "replicate", "circular"),
        value=0.5,
    ),
    case(
        "pad3d",
        normal(2, 2, 3, 4, 5),
        paddings=[1, 2, 0, 1, 2, 0],
        name="order",
        expect=lambda x: np.pad(x, ((0, 0), (0, 0), (2, 0), (0, 1), (1, 2))),
    ),
    case(
        "pad3d",
        normal(2, 3, 4, 5, 2),
        paddings=[1, 2, 0, 1, 2, 0],
        mode=each("constant", "reflect"),
        data_format="NDHWC",
    ),
    case(
        "pad3d",
        normal(2, 2, 3, 4, 5),
        paddings=[-1, 2, 0, -1, 1, 0],
        mode=each("constant", "reflect", "replicate", "circular"),
    ),
    case(
        "pad3d",
        normal(1, 1, 1, 2, 2),
        value([1, 0, 0, 1, 0, 0], "int32"),
        paddings=[],
        name="pad tensor",
        check_infer=False,
    ),
    case("pad2d", X, paddings=[1, 2, 0, 3], mode=each("constant", "reflect", "edge"), data_format=each("NCHW", "NHWC")),
    case(
        "unfold",
        X,
        kernel_sizes=[2, 3],
        strides=each([1, 1], [2, 1]),
        paddings=each([0, 0, 0, 0], [1, 0, 2, 1]),
        dilations=each([1, 1], [1, 2]),
    ),
    case(
        "fold",
        normal(2, 12, 20),
        output_sizes=[5, 6],
        kernel_sizes=[2, 2],
        strides=[1, 1],
        paddings=[0, 0, 0, 0],
        dilations=[1, 1],
    ),
    case(
        "fold",
        normal(1, 12, 9),
        output_sizes=[4, 5],
        kernel_sizes=[2, 3],
        strides=[2, 2],
        paddings=[1, 1, 1, 1],
        dilations=[1, 1],
    ),
    case(
        "pixel_shuffle",
        normal(2, 8, 2, 3),
        upscale_factor=2,
        expect=lambda x: x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 4, 6),
    ),
    case("pixel_shuffle", normal(2, 2, 3, 8), upscale_factor=2, data_format="NHWC"),
    case("pixel_unshuffle", normal(2, 2, 4, 6), downscale_factor=2),
    case("pixel_unshuffle", normal(2, 4, 6, 2), downscale_factor=2, data_format="NHWC"),
    case("channel_shuffle", normal(2, 6, 2, 2), groups=each(2, 3)),
    case("channel_shuffle", normal(2, 2, 2, 6), groups=3, data_format="NHWC"),
    case("shuffle_channel", normal(2, 6, 2, 2), group=3),
    case("temporal_shift", normal(6, 8, 2, 1), seg_num=each(2, 3), shift_ratio=each(0.25, 0.125)),
    case("temporal_shift", normal(6, 2, 1, 8), seg_num=3, data_format="NHWC"),
    case("affine_grid", normal(2, 2, 3), output_shape=[2, 3, 3, 4], align_corners=each(True, False)),
    case("affine_grid", normal(2, 3, 4), output_shape=[2, 3, 2, 3, 2], align_corners=each(True, False)),
    case("affine_grid", normal(1, 2, 3), value([1, 1, 2, 2], "int32"), name="shape tensor", check_infer=False),
    case(
        "affine_grid",
        value([[[1, 0, 0], [0, 1, 0]]], "float64"),
        output_shape=[1, 1, 2, 1],
        name="one column",
        expect=lambda t: np.array([[[[0.0, -1]], [[0, 1]]]]),
    ),
    case(
        "grid_sampler",
        X,
        grid(2, 3, 2, 2),
        mode=each("bilinear", "nearest"),
        padding_mode=each("zeros", "border", "reflection"),
        align_corners=each(True, False),
    ),
    case(
        "grid_sampler",
        normal(2, 2, 3, 4, 2),
        grid(2, 2, 3, 2, 3),
        padding_mode=each("zeros", "border", "reflection"),
        align_corners=each(True, False),
    ),
    case(
        "grid_sampler",
        X,
        value([[[[-1.0, -1], [1, 1]]]] * 2, "float64"),
        name="corners",
        grad=False,
        expect=lambda x, g: np.stack([x[:, :, :1, 0], x[:, :, -1:, -1]], -1),
    ),
)

"""``paddle.nn.functional``: resizing, padding, patches, sampling grids and shuffles of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...core.tensor import TensorBase, isinstance_strict
from ...dtypes import int32
from ...ops import manipulation as M
from ...ops import vision as V
from ...tensor import creation
from ...tensor.arguments import as_int, int_constant, is_symbolic, is_tensor_like
from ...tensor.operators import cast_to
from . import pooling

__all__ = [
    "affine_grid",
    "channel_shuffle",
    "fold",
    "grid_sample",
    "interpolate",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "temporal_shift",
    "unfold",
    "upsample",
    "zeropad2d",
]


def _shape_of(what: str, x: Any, ndim: int | None = None, error: type[Exception] = ValueError) -> tuple[int, ...]:
    if not isinstance_strict(x, TensorBase):
        raise TypeError(f"{what}: x must be a Tensor, got {type(x).__name__}")
    shape = spec_of(x).shape
    if ndim is not None and len(shape) != ndim:
        raise error(f"{what}: Input x should be {ndim}D tensor, but received x with the shape of {list(shape)}")
    return shape


def _image_format(what: str, data_format: str) -> None:
    if data_format not in ("NCHW", "NHWC"):
        raise ValueError(f"{what}: Attr(data_format) should be 'NCHW' or 'NHWC', got {data_format!r}")


def _int(what: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what}: {name} must be int type, got {type(value).__name__}")
    return value


def pixel_shuffle(x: Any, upscale_factor: int, data_format: str = "NCHW", name: str | None = None) -> Any:
    """Channels into pixels: [N, C * r * r, H, W] to [N, C, H * r, W * r] (Shi et al. 2016)."""
    r = _int("pixel_shuffle", "upscale factor", upscale_factor)
    _image_format("pixel_shuffle", data_format)
    return call(V.pixel_shuffle, x, upscale_factor=r, data_format=data_format)


def pixel_unshuffle(x: Any, downscale_factor: int, data_format: str = "NCHW", name: str | None = None) -> Any:
    """Pixels into channels: [N, C, H * r, W * r] to [N, C * r * r, H, W], the inverse of `pixel_shuffle`."""
    _shape_of("pixel_unshuffle", x, 4)
    r = _int("pixel_unshuffle", "downscale factor", downscale_factor)
    if r <= 0:
        raise ValueError(f"pixel_unshuffle: downscale factor must be positive, got {r}")
    _image_format("pixel_unshuffle", data_format)
    return call(V.pixel_unshuffle, x, downscale_factor=r, data_format=data_format)


def channel_shuffle(x: Any, groups: int, data_format: str = "NCHW", name: str | None = None) -> Any:
    """Channels, seen as [groups, C / groups], transposed (Zhang et al. 2017). x: 4 axes."""
    _shape_of("channel_shuffle", x, 4)
    n = _int("channel_shuffle", "groups", groups)
    if n <= 0:
        raise ValueError(f"channel_shuffle: groups must be positive, got {n}")
    _image_format("channel_shuffle", data_format)
    return call(V.channel_shuffle, x, groups=n, data_format=data_format)


def temporal_shift(
    x: Any, seg_num: int, shift_ratio: float = 0.25, name: str | None = None, data_format: str = "NCHW"
) -> Any:
    """x [N * seg_num, C, H, W]: the first C * shift_ratio channels from the frame before, as many from the one after (Lin et al. 2018)."""
    _image_format("temporal_shift", data_format)
    return call(
        V.temporal_shift,
        x,
        seg_num=_int("temporal_shift", "seg_num", seg_num),
        shift_ratio=float(shift_ratio),
        data_format=data_format,
    )


def affine_grid(theta: Any, out_shape: Any, align_corners: bool = True, name: str | None = None) -> Any:
    """Sampling grid [N, H, W, 2] of affine maps theta [N, 2, 3] for an output [N, C, H, W]; [N, 3, 4] for volumes."""
    if not isinstance_strict(theta, TensorBase):
        raise ValueError(f"affine_grid: The theta should be a Tensor, got {type(theta).__name__}")
    if is_tensor_like(out_shape) and is_symbolic(out_shape):
        return call(V.affine_grid, theta, out_shape, align_corners=bool(align_corners))
    sizes = [
        as_int(n, "out_shape", ValueError) for n in (out_shape.tolist() if is_tensor_like(out_shape) else out_shape)
    ]
    return call(V.affine_grid, theta, output_shape=sizes, align_corners=bool(align_corners))


def grid_sample(
    x: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = True,
    name: str | None = None,
) -> Any:
    """x [N, C, H, W] sampled at the points of grid [N, H', W', 2], given as (x, y) in [-1, 1]; volumes likewise with three.

    mode: bilinear or nearest. padding_mode outside of x: zeros, border or reflection. align_corners: -1 and 1 are the centres
    (else the outer edges) of the outermost pixels.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"The mode of grid sample function should be in ['bilinear', 'nearest'], but got: {mode}")
    if padding_mode not in ("zeros", "reflection", "border"):
        raise ValueError(
            f"The padding mode of grid sample function should be in ['zeros', 'reflection', 'border'], but got: {padding_mode}"
        )
    if not isinstance(align_corners, bool):
        raise ValueError(f"The align corners should be bool, but got: {align_corners}")
    return call(V.grid_sampler, x, grid, mode=mode, padding_mode=padding_mode, align_corners=align_corners)


# --- resizing

_MODES = {"linear": (3,), "bilinear": (4,), "trilinear": (5,), "nearest": (4, 5), "bicubic": (4,), "area": (3, 4, 5)}
_FORMATS = {3: ("NCW", "NWC"), 4: ("NCHW", "NHWC"), 5: ("NCDHW", "NDHWC")}
_SIZE_NAMES = ("out_d", "out_h", "out_w")


def _size_arguments(size: Any, n: int) -> tuple[Any, list[Any] | None, dict[str, int]]:
    """`size` as the inputs OutSize and SizeTensor and the attributes out_d, out_h, out_w."""
    names = _SIZE_NAMES[3 - n :]
    if is_tensor_like(size):
        if len(size.shape) != 1:
            raise ValueError(f"interpolate: If size is a tensor, it's rank must be 1, but received {len(size.shape)}.")
        if size.shape[0] != n:
            raise ValueError(f"interpolate: size must hold {n} numbers, got a tensor of shape {list(size.shape)}")
        if is_symbolic(size):
            return cast_to(size, int32), None, {}
        size = size.tolist()
    if not isinstance(size, (list, tuple)):
        raise TypeError(f"interpolate: size should be a list or tuple or Tensor, got {type(size).__name__}")
    if len(size) != n:
        raise ValueError(f"interpolate: The x and size should satisfy rank(x) - 2 == len(size), got size {size!r}")
    known: dict[str, int] = {}
    for label, item in zip(names, size, strict=True):
        if is_tensor_like(item) and is_symbolic(item):
            known[label] = -1
            continue
        known[label] = as_int(item, "size", TypeError)
        if known[label] <= 0:
            raise AssertionError(f"interpolate: Each dimension size given in size must be greater than 0, got {size!r}")
    if -1 not in known.values():
        return None, None, known
    return (
        None,
        [int_constant(known[label]) if known[label] != -1 else item for label, item in zip(names, size, strict=True)],
        known,
    )


def _scales(scale: Any, n: int) -> tuple[Any, list[float]]:
    """`scale_factor` as the input Scale and the attribute scale."""
    if is_tensor_like(scale):
        if is_symbolic(scale):
            return scale, []
        scale = scale.tolist()
    if hasattr(scale, "tolist"):
        scale = scale.tolist()
    if isinstance(scale, (int, float)):
        scale = [scale] * n
    if not isinstance(scale, (list, tuple)):
        raise TypeError(
            f"interpolate: scale_factor should be float, int, list, tuple, or Tensor, got {type(scale).__name__}"
        )
    found = [float(s) for s in scale]
    if len(found) != n:
        raise ValueError(
            f"interpolate: scale_factor should hold {n} numbers for an input of {n + 2} axes, got {scale!r}"
        )
    if any(s <= 0 for s in found):
        raise ValueError(f"interpolate: scale_factor should be greater than zero, got {scale!r}")
    return None, found


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
    align_mode: int = 0,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """x [N, C, W], [N, C, H, W] or [N, C, D, H, W] resized to `size`, or by `scale_factor`; one of both.

    mode: nearest (4 or 5 axes), linear (3), bilinear, bicubic (4), trilinear (5) or area (adaptive means). align_corners: corner pixels
    keep their values. align_mode (linear modes): 0 takes pixels for squares, 1 for points. size may hold tensors.
    """
    shape = _shape_of("interpolate", x)
    kind, data_format = mode.lower(), data_format.upper()
    n = len(shape) - 2
    if kind not in _MODES:
        raise ValueError(f"interpolate: mode can only be one of {', '.join(_MODES)}, got {mode!r}")
    if len(shape) not in _MODES[kind]:
        raise ValueError(
            f"interpolate: '{kind}' only support {' or '.join(f'{d}-D' for d in _MODES[kind])} tensor, got shape {list(shape)}"
        )
    if size is None and scale_factor is None:
        raise ValueError("interpolate: One of size and scale_factor must not be None.")
    if isinstance(size, (list, tuple)) and len(size) != n:
        raise ValueError(
            f"interpolate: The x and size should satisfy rank(x) - 2 == len(size), got {list(shape)} and {size!r}"
        )
    if not isinstance(align_corners, bool):
        raise TypeError(f"interpolate: Attr align_corners should be a bool value, got {align_corners!r}")
    if align_mode not in (0, 1):
        raise ValueError(f"interpolate: align_mode can only be 0 or 1, got {align_mode!r}")
    if align_corners and kind == "nearest":
        raise ValueError(
            "interpolate: align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if kind == "area":
        if size is None:
            raise ValueError("interpolate: output size can not be None in AREA mode")
        if n == 1:
            return pooling.adaptive_avg_pool1d(x, size[0] if isinstance(size, (list, tuple)) else size)
        area = pooling.adaptive_avg_pool2d if n == 2 else pooling.adaptive_avg_pool3d
        return area(x, size, data_format=data_format)
    if data_format not in _FORMATS[len(shape)]:
        raise ValueError(
            f"Got wrong value for param `data_format`: {data_format} received but only `{'` or `'.join(_FORMATS[len(shape)])}` "
            f"supported for {len(shape)}-D input."
        )
    if size is not None and scale_factor is not None:
        raise ValueError("interpolate: Only one of size or scale_factor should be defined.")
    out_size, size_tensors, scale_tensor = None, None, None
    attrs: dict[str, Any] = {"out_d": -1, "out_h": -1, "out_w": -1}
    if size is not None:
        out_size, size_tensors, known = _size_arguments(size, n)
        attrs.update(known)
    else:
        scale_tensor, scale = _scales(scale_factor, n)
        if scale:
            attrs["scale"] = scale
    return call(
        V.INTERP[kind],
        x,
        out_size,
        size_tensors,
        scale_tensor,
        interp_method=kind,
        align_corners=align_corners,
        align_mode=align_mode,
        data_layout="NHWC" if data_format.endswith("C") else "NCHW",
        **attrs,
    )


def upsample(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
    align_mode: int = 0,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """The same as `interpolate`."""
    return interpolate(x, size, scale_factor, mode, align_corners, align_mode, data_format)


# --- padding


def pad(
    x: Any, pad: Any, mode: str = "constant", value: float = 0.0, data_format: str = "NCHW", name: str | None = None
) -> Any:
    """x with `pad` elements before and after axes.

    pad: two numbers per axis for all axes from the first on (mode constant), or for the spatial axes of 3 to 5 axes from the last
    on: (left, right, top, bottom, front, back). mode: constant (of `value`), reflect, replicate or circular.
    """
    if mode not in ("reflect", "replicate", "constant", "circular"):
        raise AssertionError(f"pad: mode should be one of constant, reflect, replicate, circular, but got {mode}.")
    data_format = data_format.upper()
    if data_format not in ("NCL", "NCHW", "NCDHW", "NLC", "NHWC", "NDHWC"):
        raise AssertionError(
            f"pad: data_format should be in one of [NCL, NCHW, NCDHW, NLC, NHWC, NDHWC], but got {data_format}"
        )
    shape = _shape_of("pad", x)
    ndim = len(shape)
    if mode == "constant" and isinstance(pad, (list, tuple)) and len(pad) == 2 * ndim:
        return call(V.pad, x, paddings=[as_int(n, "pad", ValueError) for n in pad], pad_value=_number(value))
    if ndim not in (3, 4, 5):
        raise AssertionError(
            f"pad: input tensor dimension must be in [3, 4, 5] but got {ndim} (or give {2 * ndim} numbers, for all axes)"
        )
    wanted = {3: ("NCL", "NLC"), 4: ("NCHW", "NHWC"), 5: ("NCDHW", "NDHWC")}[ndim]
    if data_format not in wanted:
        raise AssertionError(
            f"pad: input tensor dimension is {ndim}, it's data format should be in {list(wanted)} but got {data_format}"
        )
    last = data_format == wanted[1]
    added = {3: ([2, 3] if last else [3, 4]), 4: [1 if last else 2], 5: []}[ndim]
    front, behind = [0] * (4 if ndim == 3 else 0), [0] * (2 if ndim == 4 else 0)
    # an axis of images is padded as one of volumes: those that are added get no padding
    attrs: dict[str, Any] = {"mode": mode, "value": _number(value), "data_format": "NDHWC" if last else "NCDHW"}
    tensor = None
    if is_tensor_like(pad) and is_symbolic(pad):
        parts = [creation.zeros([len(front)], "int32")] if front else []
        parts += [cast_to(pad, int32)]
        parts += [creation.zeros([len(behind)], "int32")] if behind else []
        tensor = call(M.concat, parts, axis=0) if len(parts) > 1 else parts[0]
        attrs["paddings"] = []
    else:
        numbers = [as_int(n, "pad", ValueError) for n in (pad.tolist() if is_tensor_like(pad) else pad)]
        if len(numbers) != 2 * (ndim - 2):
            raise ValueError(
                f"pad: {2 * (ndim - 2)} numbers are wanted for the spatial axes of shape {list(shape)}"
                f"{f' or {2 * ndim} for all axes' if mode == 'constant' else ''}, got {numbers}"
            )
        attrs["paddings"] = [*front, *numbers, *behind]
    if added:
        x = call(M.unsqueeze2, x, None, None, axes=added)
    out = call(V.pad3d, x, tensor, **attrs)
    return call(M.squeeze2, out, axes=added) if added else out


def _number(value: Any) -> float:
    if is_tensor_like(value):
        if is_symbolic(value):
            raise TypeError(
                "pad: value must be a number, got a Variable; add it afterwards, for instance with paddle.where"
            )
        return float(value.item())
    return float(value)


def zeropad2d(x: Any, padding: Any, data_format: str = "NCHW", name: str | None = None) -> Any:
    """x [N, C, H, W] with zeros around: padding is (left, right, top, bottom)."""
    return pad(x, padding, "constant", 0.0, data_format)


# --- patches


def _two(what: str, name: str, value: Any) -> list[int]:
    if isinstance(value, int):
        return [value, value]
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise AssertionError(
            f"{what}: {name} should either be an integer or a list/tuple of two integers, got {value!r}"
        )
    return [as_int(n, name, TypeError) for n in value]


def _four(what: str, value: Any) -> list[int]:
    if isinstance(value, int):
        return [value] * 4
    if isinstance(value, (list, tuple)) and len(value) in (2, 4):
        return [as_int(n, "paddings", TypeError) for n in value] * (2 if len(value) == 2 else 1)
    raise ValueError(f"{what}: paddings should either be an integer or a list/tuple of 2 or 4 integers, got {value!r}")


def unfold(
    x: Any,
    kernel_sizes: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    paddings: int | Sequence[int] = 0,
    dilations: int | Sequence[int] = 1,
    name: str | None = None,
) -> Any:
    """Patches of x [N, C, H, W] as columns: [N, C * kh * kw, L]. paddings: one number, (h, w) or (top, left, bottom, right)."""
    _shape_of("unfold", x, 4, AssertionError)
    return call(
        V.unfold,
        x,
        kernel_sizes=_two("unfold", "kernel_sizes", kernel_sizes),
        strides=_two("unfold", "strides", strides),
        paddings=_four("unfold", paddings),
        dilations=_two("unfold", "dilations", dilations),
    )


def fold(
    x: Any,
    output_sizes: int | Sequence[int],
    kernel_sizes: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    paddings: int | Sequence[int] = 0,
    dilations: int | Sequence[int] = 1,
    name: str | None = None,
) -> Any:
    """Columns x [N, C * kh * kw, L] added up into images [N, C, *output_sizes], the transpose of `unfold`."""
    _shape_of("fold", x, 3, AssertionError)
    return call(
        V.fold,
        x,
        output_sizes=_two("fold", "output_sizes", output_sizes),
        kernel_sizes=_two("fold", "kernel_sizes", kernel_sizes),
        strides=_two("fold", "strides", strides),
        paddings=_four("fold", paddings),
        dilations=_two("fold", "dilations", dilations),
    )

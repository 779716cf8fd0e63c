"""Checks and geometry that the three kinds of images share."""
from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["affine_matrix", "borders", "check_hue", "expanded", "perspective_coefficients", "resized", "rotation_matrix"]

PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def resized(size: Any, width: int, height: int) -> tuple[int, int]:
    """(height, width) after resizing: an int is the length of the shorter side. TypeError for other things."""
    if isinstance(size, numbers.Integral):
        size = int(size)  # type: ignore[call-overload]
        return (int(size * height / width), size) if width <= height else (size, int(size * width / height))
    if isinstance(size, Iterable):
        pair = list(size)
        if len(pair) == 2:
            return int(pair[0]), int(pair[1])
    raise TypeError(f"Got inappropriate size arg: {size!r}; expected an int or (height, width)")


def borders(padding: Any, fill: Any, padding_mode: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) out of a number, (horizontal, vertical) or all four."""
    if not isinstance(padding, (numbers.Number, list, tuple)):
        raise TypeError(f"Got inappropriate padding arg: {type(padding).__name__}")
    if not isinstance(fill, (numbers.Number, str, list, tuple)):
        raise TypeError(f"Got inappropriate fill arg: {type(fill).__name__}")
    if not isinstance(padding_mode, str):
        raise TypeError(f"Got inappropriate padding_mode arg: {type(padding_mode).__name__}")
    if isinstance(padding, Sequence) and len(padding) not in (2, 4):
        raise ValueError(f"Padding must be an int or a 2, or 4 element tuple, not a {len(padding)} element tuple")
    assert padding_mode in PAD_MODES, f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
    if not isinstance(padding, Sequence):
        return (int(padding),) * 4  # type: ignore[return-value,call-overload]
    if len(padding) == 2:
        return int(padding[0]), int(padding[1]), int(padding[0]), int(padding[1])
    return tuple(int(p) for p in padding)  # type: ignore[return-value]


def check_hue(hue_factor: float, error: type[Exception] = ValueError) -> None:
    """The hue circle has length 1."""
    if not -0.5 <= hue_factor <= 0.5:
        raise error(f"hue_factor should be in range [-0.5, 0.5], got {hue_factor}")


def affine_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """The inverse map, from a place in the result to one in the image: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5.

    It undoes translate * center * rotation * scale * shear * center^-1; angle and shear in degrees, positive clockwise.
    """
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(rot - sy) / math.cos(sy)
    b = -a * math.tan(sx) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -c * math.tan(sx) + math.cos(rot)
    m = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    m[2] = m[0] * x + m[1] * y + center[0]
    m[5] = m[3] * x + m[4] * y + center[1]
    return m


def rotation_matrix(angle: float, center: Sequence[float]) -> list[float]:
    """The inverse map of a counter-clockwise rotation by `angle` degrees around `center`."""
    radians = -math.radians(angle)
    c, s = round(math.cos(radians), 15), round(math.sin(radians), 15)
    x, y = center
    return [c, s, x - c * x - s * y, -s, c, y + s * x - c * y]


def expanded_size(m: Sequence[float], width: int, height: int) -> tuple[int, int]:
    """(width, height) that holds the whole image rotated by the map `m`; the formula is Pillow's."""
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    xs = [m[0] * x + m[1] * y + m[2] for x, y in corners]
    ys = [m[3] * x + m[4] * y + m[5] for x, y in corners]
    return math.ceil(max(xs)) - math.floor(min(xs)), math.ceil(max(ys)) - math.floor(min(ys))


def expanded(m: Sequence[float], width: int, height: int) -> tuple[list[float], int, int]:
    """The map for the larger result, its width and its height."""
    new_w, new_h = expanded_size(m, width, height)
    x, y = (width - new_w) / 2, (height - new_h) / 2
    return [m[0], m[1], m[0] * x + m[1] * y + m[2], m[3], m[4], m[3] * x + m[4] * y + m[5]], new_w, new_h


def perspective_coefficients(startpoints: Any, endpoints: Any) -> list[float]:
    """The eight numbers that map a place in the result to one in the image, from four pairs of corners."""
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    target = np.asarray(startpoints, dtype="float64").reshape(-1)
    found: list[float] = np.linalg.lstsq(np.asarray(rows, dtype="float64"), target, rcond=None)[0].tolist()
    return found

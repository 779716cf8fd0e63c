"""Losses and layers in the form that Paddle 1.x programs hold; checked against Paddle 1.8.5."""
from __future__ import annotations

from typing import Any

import numpy as np

from .manipulation import zeros_added_at
from .registry import Floats, Spec, op
from .shapes import product

__all__ = ["picked_classes"]


# --- cross entropy of probabilities (not of logits)


def _infer_cross_entropy(x: Spec, label: Spec, *, soft_label: bool = False, **_: Any) -> Spec:
    wanted = tuple(x.shape) if soft_label else (*x.shape[:-1], 1)
    if label.ndim != x.ndim or any(-1 not in (a, b) and a != b for a, b in zip(label.shape, wanted, strict=True)):
        kind = "one weight per class" if soft_label else "class numbers"
        raise ValueError(f"Label must have shape {list(wanted)} ({kind}) for X {list(x.shape)}, got {list(label.shape)}")
    return Spec((*x.shape[:-1], 1), x.dtype)


def _tolerable(xp: Any, x: Any) -> Any:
    """Infinities become large numbers, as Paddle has it."""
    return xp.clip(x, x.dtype.type(-1e20), x.dtype.type(1e20))


def picked_classes(xp: Any, x: Any, label: Any, ignore_index: int) -> tuple[Any, Any]:
    """Class numbers that may be used as an index, and which of them count."""
    if label.dtype.kind not in "iu":
        raise ValueError(f"Label must hold class numbers, got {label.dtype}; weights per class need soft_label=True")
    valid = label != ignore_index
    wrong = valid & ((label < 0) | (label >= x.shape[-1]))
    if wrong.any():
        raise ValueError(
            f"label {int(label[wrong].reshape(-1)[0])} is not a class: expected 0 to {x.shape[-1] - 1}, or ignore_index = {ignore_index}"
        )
    return xp.where(valid, label, xp.zeros_like(label)), valid


@op("cross_entropy", "X, Label -> Y", infer=_infer_cross_entropy, grad="X, Label, Y@GRAD -> X@GRAD", lod="-> Y=X")
def cross_entropy(xp, x, label, *, soft_label: bool = False, ignore_index: int = -100):
    _infer_cross_entropy(x, label, soft_label=soft_label)
    with np.errstate(divide="ignore"):
        if soft_label:
            return -(label.astype(x.dtype, copy=False) * _tolerable(xp, xp.log(x))).sum(axis=-1, keepdims=True)
        place, valid = picked_classes(xp, x, label, ignore_index)
        return xp.where(valid, -_tolerable(xp, xp.log(xp.take_along_axis(x, place, -1))), x.dtype.type(0))


@cross_entropy.backward
def _(xp, x, label, d_y, *, soft_label: bool = False, ignore_index: int = -100):
    if soft_label:
        return -(label.astype(d_y.dtype, copy=False) * d_y) / x
    return _placed(xp, -d_y / xp.take_along_axis(x, xp.where(label == ignore_index, xp.zeros_like(label), label), -1),
                   label, ignore_index, tuple(x.shape))  # fmt: skip


def _placed(xp: Any, d: Any, label: Any, ignore_index: int, shape: tuple[int, ...]) -> Any:
    """`d`, one number per row, at the class of each row."""
    valid = (label != ignore_index).reshape(-1)
    flat = xp.where(valid, label.reshape(-1), xp.zeros_like(label.reshape(-1)))
    rows = xp.arange(flat.shape[0])
    values = xp.where(valid, d.reshape(-1), xp.zeros_like(d.reshape(-1)))
    return zeros_added_at(xp, (flat.shape[0], shape[-1]), d.dtype, (rows, flat), values, unique=True).reshape(shape)


def _infer_cross_entropy2(x: Spec, label: Spec, **_: Any) -> tuple[Spec, ...]:
    y = _infer_cross_entropy(x, label)
    return y, Spec((*x.shape, 0), x.dtype), y


@op("cross_entropy2", "X, Label -> Y, XShape~, MatchX~", infer=_infer_cross_entropy2, grad_type="cross_entropy_grad2",
    grad="Label, XShape#, MatchX, Y@GRAD -> X@GRAD", lod="-> Y=X, XShape=X")  # fmt: skip
def cross_entropy2(xp, x, label, *, ignore_index: int = -100):
    _infer_cross_entropy(x, label)
    place, valid = picked_classes(xp, x, label, ignore_index)
    match = xp.where(valid, xp.take_along_axis(x, place, -1), x.dtype.type(0))
    with np.errstate(divide="ignore"):
        y = xp.where(valid, -_tolerable(xp, xp.log(xp.where(valid, match, x.dtype.type(1)))), x.dtype.type(0))
    return y, xp.empty((*x.shape, 0), x.dtype), match


@cross_entropy2.backward
def _(xp, label, x_shape, match, d_y, *, ignore_index: int = -100):
    safe = xp.where(label == ignore_index, xp.ones_like(match), match)
    return _placed(xp, -d_y / safe, label, ignore_index, tuple(x_shape.shape[:-1]))


# --- fc, as inference passes write it


def _infer_fc(x: Spec, w: Spec, bias: Spec | None = None, *, in_num_col_dims: int = 1, padding_weights: bool = False,
              **_: Any) -> Spec:  # fmt: skip
    rows, columns = (n - 4 if padding_weights and n != -1 else n for n in w.shape)
    inner = product(x.shape[in_num_col_dims:])
    if not 0 < in_num_col_dims < x.ndim or (-1 not in (inner, rows) and inner != rows):
        raise ValueError(f"Input {list(x.shape)} flattened from dimension {in_num_col_dims} does not fit W {list(w.shape)}")
    return Spec((*x.shape[:in_num_col_dims], columns), x.dtype)


@op("fc", "Input, W, Bias? -> Out", infer=_infer_fc, lod="-> Out=Input")
def fc(xp, x, w, bias=None, *, in_num_col_dims: int = 1, activation_type: str = "", use_mkldnn: bool = False,
       padding_weights: bool = False, use_quantizer: bool = False, Scale_in: float = 1.0, Scale_weights: Floats = (1.0,),
       Scale_out: float = 1.0, force_fp32_output: bool = False):  # fmt: skip
    shape = _infer_fc(x, w, bias, in_num_col_dims=in_num_col_dims, padding_weights=padding_weights).shape
    if activation_type not in ("", "relu"):
        raise ValueError(f"activation_type must be '' or 'relu', got {activation_type!r}")
    if padding_weights:  # four rows and columns of padding that the matrix product wanted
        w = w[:-4, :-4]
    out = x.reshape(-1, w.shape[0]) @ w
    if bias is not None:
        out = out + bias.reshape(-1)
    if activation_type == "relu":
        out = xp.maximum(out, out.dtype.type(0))
    return out.reshape(shape)

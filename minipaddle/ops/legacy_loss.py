"""Losses and measures of Paddle 1.x; formulas are those of Paddle 1.8.5. Most give one number per row."""
from __future__ import annotations

from typing import Any

import numpy as np

from .legacy import picked_classes
from .manipulation import zeros_added_at
from .ragged import Lod, last_level
from .registry import Ints, Spec, op
from .shapes import product, same_as

__all__: list[str] = []


def _fits(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(-1 in (i, j) or i == j for i, j in zip(a, b, strict=True))


def _same_shapes(*specs: Any) -> None:
    if any(not _fits(s.shape, specs[0].shape) for s in specs):
        raise ValueError(f"inputs must have one shape, got {' and '.join(str(list(s.shape)) for s in specs)}")


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


def _softplus(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-abs(x)))


# --- smooth L1


def _infer_smooth_l1(x: Spec, y: Spec, inside: Spec | None = None, outside: Spec | None = None, **_: Any) -> tuple[Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"X must have at least two dimensions, got shape {list(x.shape)}")
    _same_shapes(*(s for s in (x, y, inside, outside) if s is not None))
    if (inside is None) != (outside is None):
        raise ValueError("InsideWeight and OutsideWeight must be given together")
    return x, Spec((x.shape[0], 1), x.dtype)


@op("smooth_l1_loss", "X, Y, InsideWeight?, OutsideWeight? -> Diff~, Out", infer=_infer_smooth_l1,
    grad="InsideWeight, OutsideWeight, Diff, Out@GRAD -> X@GRAD, Y@GRAD", lod="-> Out=X")  # fmt: skip
def smooth_l1_loss(xp, x, y, inside=None, outside=None, *, sigma: float = 1.0):
    _infer_smooth_l1(x, y, inside, outside)
    diff = x - y if inside is None else (x - y) * inside
    square = diff.dtype.type(sigma * sigma)
    size = abs(diff)
    loss = xp.where(size < 1 / square, diff.dtype.type(0.5) * square * diff * diff, size - diff.dtype.type(0.5) / square)
    if outside is not None:
        loss = loss * outside
    return diff, loss.reshape(x.shape[0], -1).sum(axis=1, keepdims=True)


@smooth_l1_loss.backward
def _(xp, inside, outside, diff, d_out, *, sigma: float = 1.0):
    square = diff.dtype.type(sigma * sigma)
    slope = xp.where(abs(diff) < 1 / square, square * diff, xp.sign(diff))
    d = d_out.reshape((-1,) + (1,) * (diff.ndim - 1)) * slope
    for weight in (inside, outside):
        if weight is not None:
            d = d * weight
    return d, -d


# --- cosine


def _infer_cos_sim(x: Spec, y: Spec) -> tuple[Spec, Spec, Spec]:
    if x.ndim < 2 or not _fits(x.shape[1:], y.shape[1:]) or (y.shape[0] not in (1, -1) and -1 != x.shape[0] != y.shape[0]):
        raise ValueError(f"X and Y must be rows of one width, Y with as many rows or one; got {list(x.shape)} and {list(y.shape)}")
    return Spec((x.shape[0], 1), x.dtype), Spec((x.shape[0], 1), x.dtype), Spec((y.shape[0], 1), x.dtype)


def _rows(x: Any) -> Any:
    return x.reshape(x.shape[0], -1)


@op("cos_sim", "X, Y -> Out, XNorm~, YNorm~", infer=_infer_cos_sim, grad="X, Y, Out, XNorm, YNorm, Out@GRAD -> X@GRAD, Y@GRAD",
    lod="-> Out=X")  # fmt: skip
def cos_sim(xp, x, y):
    _infer_cos_sim(x, y)
    a, b = _rows(x), _rows(y)
    x_norm, y_norm = (xp.sqrt((v * v).sum(axis=1, keepdims=True)) for v in (a, b))
    return (a * b).sum(axis=1, keepdims=True) / (x_norm * y_norm), x_norm, y_norm


@cos_sim.backward
def _(xp, x, y, out, x_norm, y_norm, d_out):
    a, b = _rows(x), _rows(y)
    both = x_norm * y_norm
    d_x = d_out * (b / both - a * (out / (x_norm * x_norm)))
    d_y = d_out * (a / both - b * (out / (y_norm * y_norm)))
    if y.shape[0] == 1 and x.shape[0] != 1:
        d_y = d_y.sum(axis=0, keepdims=True)
    return d_x.reshape(tuple(x.shape)), d_y.reshape(tuple(y.shape))


# --- ranking


def _infer_pairs(label: Spec, left: Spec, right: Spec) -> Spec:
    _same_shapes(left, label, right)
    return left


@op("rank_loss", "Label, Left, Right -> Out", infer=_infer_pairs, grad="Label, Left, Right, Out@GRAD -> Left@GRAD, Right@GRAD")
def rank_loss(xp, label, left, right):
    _infer_pairs(label, left, right)
    o = left - right
    return _softplus(xp, o) - label * o


@rank_loss.backward
def _(xp, label, left, right, d_out):
    d = d_out * (_sigmoid(xp, left - right) - label)
    return d, -d


def _infer_margin(x1: Spec, x2: Spec, label: Spec, **_: Any) -> tuple[Spec, Spec]:
    _same_shapes(x1, x2, label)
    return x1, x1


@op("margin_rank_loss", "X1, X2, Label -> Activated~, Out", infer=_infer_margin,
    grad="Label, Activated, Out@GRAD -> X1@GRAD, X2@GRAD")  # fmt: skip
def margin_rank_loss(xp, x1, x2, label, *, margin: float = 0.0):
    _infer_margin(x1, x2, label)
    raw = x1.dtype.type(margin) - label * (x1 - x2)
    return (raw > 0).astype(x1.dtype), xp.maximum(raw, xp.zeros_like(raw))


@margin_rank_loss.backward
def _(xp, label, activated, d_out):
    d = d_out * activated * label
    return -d, d


def _infer_bpr(x: Spec, label: Spec) -> Spec:
    if x.ndim < 2 or not _fits(label.shape, (*x.shape[:-1], 1)):
        raise ValueError(f"Label must have shape {[*x.shape[:-1], 1]} for X {list(x.shape)}, got {list(label.shape)}")
    return Spec((*x.shape[:-1], 1), x.dtype)


@op("bpr_loss", "X, Label -> Y", infer=_infer_bpr, grad="X, Label, Y@GRAD -> X@GRAD", lod="-> Y=X")
def bpr_loss(xp, x, label):
    _infer_bpr(x, label)
    place, _ = picked_classes(xp, x, label, -(2**31))
    # one term, log 2, is the label against itself
    total = _softplus(xp, x - xp.take_along_axis(x, place, -1)).sum(axis=-1, keepdims=True) - x.dtype.type(np.log(2.0))
    return total / x.dtype.type(max(x.shape[-1] - 1, 1))


@bpr_loss.backward
def _(xp, x, label, d_y):
    classes = x.shape[-1]
    own = xp.take_along_axis(x, label, -1)
    here = (xp.arange(classes).reshape((1,) * (x.ndim - 1) + (-1,)) == label).astype(d_y.dtype)
    d = _sigmoid(xp, x - own) * (1 - here) * (d_y / d_y.dtype.type(max(classes - 1, 1)))
    return d - here * d.sum(axis=-1, keepdims=True)


# --- others


def _infer_two(x: Spec, y: Spec) -> Spec:
    _same_shapes(x, y)
    return x


@op("hinge_loss", "Logits, Labels -> Loss", infer=_infer_two, grad="Logits, Labels, Loss@GRAD -> Logits@GRAD", lod="-> Loss=Logits")
def hinge_loss(xp, logits, labels):
    _infer_two(logits, labels)
    return xp.maximum(1 - logits * (2 * labels - 1), xp.zeros_like(logits))


@hinge_loss.backward
def _(xp, logits, labels, d_loss):
    side = 2 * labels - 1
    return xp.where(logits * side < 1, -side * d_loss, xp.zeros_like(d_loss))


def _infer_squared_distance(x: Spec, y: Spec) -> tuple[Spec, Spec]:
    if x.ndim < 2 or not _fits(x.shape[1:], y.shape[1:]) or (y.shape[0] not in (1, -1) and -1 != x.shape[0] != y.shape[0]):
        raise ValueError(f"X and Y must be rows of one width, Y with as many rows or one; got {list(x.shape)} and {list(y.shape)}")
    return Spec((x.shape[0], product(x.shape[1:])), x.dtype), Spec((x.shape[0], 1), x.dtype)


@op("squared_l2_distance", "X, Y -> sub_result~, Out", infer=_infer_squared_distance,
    grad="X#, Y#, sub_result, Out@GRAD -> X@GRAD, Y@GRAD", lod="-> Out=X")  # fmt: skip
def squared_l2_distance(xp, x, y):
    _infer_squared_distance(x, y)
    diff = _rows(x) - _rows(y)
    return diff, (diff * diff).sum(axis=1, keepdims=True)


@squared_l2_distance.backward
def _(xp, x, y, diff, d_out):
    d = 2 * diff * d_out
    d_y = -d.sum(axis=0, keepdims=True) if y.shape[0] == 1 and x.shape[0] != 1 else -d
    return d.reshape(tuple(x.shape)), d_y.reshape(tuple(y.shape))


def _infer_modified_huber(x: Spec, y: Spec) -> tuple[Spec, Spec]:
    _same_shapes(x, y)
    return x, x


@op("modified_huber_loss", "X, Y -> IntermediateVal~, Out", infer=_infer_modified_huber,
    grad="Y, IntermediateVal, Out@GRAD -> X@GRAD")  # fmt: skip
def modified_huber_loss(xp, x, y):
    _infer_modified_huber(x, y)
    value = x * (2 * y - 1)
    near = xp.where(value < 1, (1 - value) * (1 - value), xp.zeros_like(value))
    return value, xp.where(value < -1, -4 * value, near)


@modified_huber_loss.backward
def _(xp, y, value, d_out):
    slope = xp.where(value < -1, xp.full_like(value, -4), xp.where(value < 1, -2 * (1 - value), xp.zeros_like(value)))
    return slope * (2 * y - 1) * d_out


@op("teacher_student_sigmoid_loss", "X, Label -> Y", infer=same_as(0), grad="X, Label, Y@GRAD -> X@GRAD", lod="-> Y=X")
def teacher_student_sigmoid_loss(xp, x, label, *, soft_max_up_bound: float = 15.0, soft_max_lower_bound: float = -15.0):
    # a label below -1: no click, no teacher; below 0: a click, no teacher; below 1: no click, teacher; else click and 1 + teacher
    click, teacher, has = _teacher(xp, label)
    hard = _softplus(xp, x)
    return hard - click * x + has * (hard - teacher * x)


def _teacher(xp: Any, label: Any) -> tuple[Any, Any, Any]:
    kind = label.dtype
    has = (label >= 0).astype(kind)
    click = (((label < 0) & (label >= -1)) | (label >= 1)).astype(kind)
    return click, (label - (label >= 1).astype(kind)) * has, has


@teacher_student_sigmoid_loss.backward
def _(xp, x, label, d_y, *, soft_max_up_bound: float = 15.0, soft_max_lower_bound: float = -15.0):
    click, teacher, has = _teacher(xp, label)
    p = _sigmoid(xp, xp.clip(x, x.dtype.type(soft_max_lower_bound), x.dtype.type(soft_max_up_bound)))
    return (p - click + has * (p - teacher)) * d_y


def _infer_center(x: Spec, label: Spec, centers: Spec, rate: Spec, **_: Any) -> tuple[Spec, Spec, Spec]:
    return centers, x, Spec((x.shape[0], 1), x.dtype)


@op("center_loss", "X, Label, Centers, CenterUpdateRate -> CentersOut~=Centers, SampleCenterDiff~, Loss", infer=_infer_center,
    grad="SampleCenterDiff, Loss@GRAD -> X@GRAD", lod="-> Loss=X")  # fmt: skip
def center_loss(xp, x, label, centers, rate, *, cluster_num: int, need_update: bool = True):
    flat = label.reshape(-1)
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >= cluster_num):
        raise ValueError(f"labels must be 0 to {cluster_num - 1}")
    diff = x - centers.take(flat, axis=0)
    loss = (diff * diff).sum(axis=1, keepdims=True) / 2
    if not need_update:
        return centers, diff, loss
    total = zeros_added_at(xp, centers.shape, centers.dtype, (flat,), diff)
    count = zeros_added_at(xp, (centers.shape[0],), centers.dtype, (flat,), xp.ones_like(diff[:, 0]))
    return centers + total * (rate.reshape(()) / (1 + count)).reshape(-1, 1), diff, loss


@center_loss.backward
def _(xp, diff, d_loss):
    return diff * d_loss


# --- measures of sequences


def _pieces(values: Any, length: Any, lod: Lod | None, slot: str) -> list[list[int]]:
    """The sequences as lists of numbers, from a lod or from padded rows with lengths."""
    if length is None:
        offsets = last_level(lod, values.shape[0], slot)
        flat = values.reshape(-1).tolist()
        return [flat[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
    rows = values.reshape(values.shape[0], -1).tolist()
    return [row[: int(n)] for row, n in zip(rows, length.reshape(-1).tolist(), strict=True)]


def _distance(a: list[int], b: list[int]) -> int:
    """The Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def _infer_edit(hyps: Spec, refs: Spec, *lengths: Any, **_: Any) -> tuple[Spec, Spec]:
    count = hyps.shape[0] if any(n is not None for n in lengths) else -1
    return Spec((1,), np.dtype(np.int64)), Spec((count, 1), np.dtype(np.float32))


@op("edit_distance", "Hyps, Refs, HypsLength?, RefsLength? -> SequenceNum, Out", infer=_infer_edit, lod="Hyps, Refs ->")
def edit_distance(xp, hyps, refs, hyps_length=None, refs_length=None, *, normalized: bool = False, lod=(None, None)):
    a, b = _pieces(hyps, hyps_length, lod[0], "Hyps"), _pieces(refs, refs_length, lod[1], "Refs")
    if len(a) != len(b):
        raise ValueError(f"Hyps and Refs must have equally many sequences, got {len(a)} and {len(b)}")
    if normalized and any(not ref for ref in b):
        raise ValueError("a normalized distance needs references that are not empty")
    found = [_distance(x, y) / (len(y) if normalized else 1) for x, y in zip(a, b, strict=True)]
    return xp.asarray(np.array([len(a)], np.int64)), xp.asarray(np.array(found, np.float32).reshape(-1, 1))


def _aligned(x: Any, length: Any, lod: Lod | None, blank: int, merge: bool) -> list[list[int]]:
    found = []
    for piece in _pieces(x, length, lod, "Input"):
        out, before = [], None
        for token in piece:
            if token != blank and not (merge and token == before):
                out.append(token)
            before = token
        found.append(out)
    return found


def _infer_ctc_align(x: Spec, length: Spec | None = None, **_: Any) -> tuple[Spec, Spec | None]:
    if length is None:
        return Spec((-1, 1), x.dtype), None
    return x, Spec((x.shape[0], 1), length.dtype)


@op("ctc_align", "Input, InputLength? -> Output, OutputLength?", infer=_infer_ctc_align, lod="Input -> Output")
def ctc_align(xp, x, length=None, *, blank: int = 0, merge_repeated: bool = True, padding_value: int = 0, lod=None):
    found = _aligned(x, length, lod, blank, merge_repeated)
    if length is None:
        flat = [t for piece in found for t in piece] or [-1]
        return xp.asarray(np.array(flat, x.dtype).reshape(-1, 1)), None
    width = x.shape[1]
    padded = [piece + [padding_value] * (width - len(piece)) for piece in found]
    counts = np.array([len(piece) for piece in found]).reshape(-1, 1)
    return xp.asarray(np.array(padded, x.dtype).reshape(x.shape)), xp.asarray(counts.astype(length.dtype))


@ctc_align.lod
def _(xp, x, length=None, *, blank: int = 0, merge_repeated: bool = True, padding_value: int = 0, lod=None):
    if length is not None:
        return None
    found = _aligned(x, None, lod, blank, merge_repeated)
    if not any(found):  # Paddle gives one row, -1, and says there is nothing in it
        return ((0,) * (len(found) + 1),)
    return ((0, *np.cumsum([len(piece) for piece in found]).tolist()),)


_SCHEMES = {"IOB": ("BI", 2), "IOE": ("IE", 2), "IOBES": ("BIES", 4), "plain": ("S", 1)}


def _chunks(tags: list[int], scheme: str, types: int, excluded: set[int]) -> set[tuple[int, int, int]]:
    """(begin, end, type) of the chunks in a sequence of tags; tag = type * tags per type + place."""
    letters, count = _SCHEMES[scheme]
    found = set()
    begin, kind, open_ = 0, -1, False

    def close(end: int) -> None:
        if open_ and kind not in excluded:
            found.add((begin, end, kind))

    previous = "O"
    for i, tag in enumerate([*tags, types * count]):
        outside = tag >= types * count or tag < 0
        letter, type_ = ("O", -1) if outside else (letters[tag % count], tag // count)
        ends = open_ and (outside or type_ != kind or previous in "ES" or letter in ("B", "S"))
        if ends:
            close(i)
            open_ = False
        if not outside and not open_:
            begin, kind, open_ = i, type_, True
        previous = letter
    return found


def _infer_chunk_eval(*_: Any, **__: Any) -> tuple[Spec, ...]:
    rate, count = Spec((1,), np.dtype(np.float32)), Spec((1,), np.dtype(np.int64))
    return rate, rate, rate, count, count, count


@op("chunk_eval", "Inference, Label, SeqLength? -> Precision, Recall, F1-Score, NumInferChunks, NumLabelChunks, NumCorrectChunks",
    infer=_infer_chunk_eval, lod="Inference, Label ->")  # fmt: skip
def chunk_eval(xp, inference, label, length=None, *, num_chunk_types: int, chunk_scheme: str = "IOB", excluded_chunk_types: Ints = (),
               lod=(None, None)):  # fmt: skip
    if chunk_scheme not in _SCHEMES:
        raise ValueError(f"chunk_scheme must be one of {', '.join(_SCHEMES)}, got {chunk_scheme!r}")
    excluded = {int(t) for t in excluded_chunk_types}
    pairs = zip(_pieces(inference, length, lod[0], "Inference"), _pieces(label, length, lod[1] or lod[0], "Label"), strict=True)
    counts = [0, 0, 0]
    for a, b in pairs:
        x, y = (_chunks(tags, chunk_scheme, num_chunk_types, excluded) for tags in (a, b))
        for i, part in enumerate((x, y, x & y)):
            counts[i] += len(part)
    inferred, labelled, correct = counts
    precision, recall = correct / inferred if inferred else 0.0, correct / labelled if labelled else 0.0
    f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
    rates = [xp.asarray(np.array([v], np.float32)) for v in (precision, recall, f1)]
    return (*rates, *(xp.asarray(np.array([v], np.int64)) for v in counts))


def _infer_mean_iou(predictions: Spec, labels: Spec, *_: Any, num_classes: int) -> tuple[Spec, Spec, Spec]:
    counts = Spec((num_classes,), np.dtype(np.int32))
    return Spec((1,), np.dtype(np.float32)), counts, counts


@op("mean_iou", "Predictions, Labels, InWrongs*?, InCorrects*?, InMeanIou*? -> OutMeanIou, OutWrong, OutCorrect",
    infer=_infer_mean_iou)  # fmt: skip
def mean_iou(xp, predictions, labels, in_wrongs=None, in_corrects=None, in_means=None, *, num_classes: int):
    p, t = predictions.reshape(-1), labels.reshape(-1)
    right = p == t
    one = xp.ones_like(p)
    wrong = (~right).astype(p.dtype)

    def counted(at: Any, what: Any) -> Any:
        return zeros_added_at(xp, (num_classes,), p.dtype, (at,), what).astype(np.dtype(np.int32))

    correct = counted(p, one * right.astype(p.dtype))
    mistaken = counted(p, wrong) + counted(t, wrong)
    for value in in_wrongs or ():
        mistaken = mistaken + value
    for value in in_corrects or ():
        correct = correct + value
    union = correct + mistaken
    there = union > 0
    iou = correct.astype(np.dtype(np.float32)) / xp.where(there, union, xp.ones_like(union)).astype(np.dtype(np.float32))
    mean = iou.sum() / xp.maximum(there.sum(), xp.asarray(1)).astype(np.dtype(np.float32))
    mean = xp.asarray(mean, np.dtype(np.float32)).reshape(1)
    for value in in_means or ():
        mean = mean + value
    return mean, mistaken, correct

"""Operators of Paddle 1.x; `lod` says where the sequences are, some of them empty."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, distinct, each, flat, integers, normal, uniform, value

LOD = ((0, 2, 5, 5, 9),)  # 9 rows, the third sequence is empty
FULL = ((0, 2, 5, 6, 9),)
TWO = ((0, 1, 3, 4), (0, 2, 5, 5, 9))
RAGGED = {"check_infer": False, "static": False}
SEQUENCES = {"static": False}


def _rows(lod):
    return list(zip(lod[-1][:-1], lod[-1][1:], strict=True))


def _pooled(function, empty=0.0):
    def expect(x):
        return np.stack([function(x[a:b]) if b > a else np.full(x.shape[1:], empty) for a, b in _rows(LOD)])

    return expect


def _gru(x, h, w, b, reverse, origin):
    d = w.shape[0]
    gates, candidate = w.reshape(-1)[: 2 * d * d].reshape(d, 2 * d), w.reshape(-1)[2 * d * d :].reshape(d, d)
    out = np.zeros((x.shape[0], d))
    for n, (first, end) in enumerate(_rows(LOD)):
        state = h[n]
        for t in range(end - 1, first - 1, -1) if reverse else range(first, end):
            row = x[t] + b[0]
            ur = 1 / (1 + np.exp(-(row[: 2 * d] + state @ gates)))
            u, r = ur[:d], ur[d:]
            c = np.tanh(row[2 * d :] + (r * state) @ candidate)
            state = u * state + (1 - u) * c if origin else (1 - u) * state + u * c
            out[t] = state
    return out


def _best_paths(e, t):
    out = []
    for a, b in _rows(LOD):
        paths = np.stack(np.meshgrid(*[np.arange(e.shape[1])] * (b - a), indexing="ij"), -1).reshape(-1, b - a) if b > a else None
        if paths is None:
            continue
        score = e[np.arange(a, b), paths].sum(1) + t[0][paths[:, 0]] + t[1][paths[:, -1]] + t[2 + paths[:, :-1], paths[:, 1:]].sum(1)
        out.append(paths[score.argmax()])
    return np.concatenate(out).reshape(-1, 1)


def _windowed(start, length):
    def expect(x, padding, w):
        out = []
        for a, b in _rows(LOD):
            for i in range(a, b):
                rows = [x[j] if a <= j < b else np.zeros(x.shape[1]) for j in range(i + start, i + start + length)]
                out.append(np.concatenate(rows) @ w)
        return np.stack(out)

    return expect


CASES = flat(
    # --- sequences
    case("sequence_pool", normal(9, 3), pooltype="SUM", lod=LOD, expect=_pooled(lambda r: r.sum(0)), **RAGGED),
    case("sequence_pool", normal(9, 3), pooltype="AVERAGE", lod=LOD, expect=_pooled(lambda r: r.mean(0)), **RAGGED),
    case("sequence_pool", normal(9, 3), pooltype="SQRT", lod=LOD, expect=_pooled(lambda r: r.sum(0) / len(r) ** 0.5), **RAGGED),
    case("sequence_pool", distinct(9, 3), pooltype="MAX", lod=LOD, pad_value=7.0, expect=_pooled(lambda r: r.max(0), 7.0), **RAGGED),
    case("sequence_pool", normal(9, 2, 3), pooltype=each("FIRST", "LAST"), lod=TWO, **RAGGED),
    case("sequence_softmax", normal(9, 1), lod=LOD, **SEQUENCES),
    case("sequence_softmax", normal(9), lod=LOD, name="1-D", **SEQUENCES),
    case("sequence_expand", normal(3, 2), normal(5, 1), lod=(None, ((0, 2, 2, 5),)), expect=lambda x, y: x[[0, 0, 2, 2, 2]], **RAGGED),
    case("sequence_expand", normal(4, 2), normal(8, 1), ref_level=0, lod=(((0, 1, 4),), ((0, 2, 4), (0, 3, 6, 7, 8))),
         expect=lambda x, y: x[[0, 0, 1, 2, 3, 1, 2, 3]], **RAGGED),
    case("sequence_expand_as", normal(4, 2), normal(8, 1), lod=(None, ((0, 3, 6, 6, 8),)),
         expect=lambda x, y: x[[0, 0, 0, 1, 1, 1, 3, 3]], **RAGGED),
    case("sequence_concat", [normal(9, 2), normal(4, 2)], lod=[LOD, ((0, 1, 1, 2, 4),)], **RAGGED),
    case("sequence_reverse", normal(9, 2), lod=LOD, expect=lambda x: x[[1, 0, 4, 3, 2, 8, 7, 6, 5]], **SEQUENCES),
    case("sequence_slice", normal(9, 2), value([[0], [1], [0], [1]]), value([[1], [2], [0], [3]]), lod=LOD,
         expect=lambda x, o, n: x[[0, 3, 4, 6, 7, 8]], **RAGGED),
    case("sequence_erase", value([[3], [1], [2], [1], [1], [0], [2], [5], [1]]), tokens=[1, 2], lod=LOD,
         expect=lambda x: np.array([[3], [0], [5]]), **RAGGED),
    case("sequence_enumerate", value([[1], [2], [3], [4], [5], [6], [7], [8], [9]]), win_size=3, pad_value=0, lod=LOD, **SEQUENCES),
    case("sequence_conv", normal(9, 3), None, normal(9, 4), contextLength=3, contextStart=each(-1, 0), lod=LOD, **SEQUENCES),
    case("sequence_conv", normal(9, 3), None, normal(12, 4), contextLength=4, contextStart=1, lod=LOD, expect=_windowed(1, 4),
         name="behind", **SEQUENCES),
    case("sequence_conv", normal(9, 3), normal(3, 3), normal(12, 4), contextLength=4, contextStart=-1, paddingTrainable=True, lod=LOD,
         name="padding", **SEQUENCES),
    case("row_conv", normal(9, 3), normal(3, 3), lod=LOD, **SEQUENCES),
    case("row_conv", normal(2, 4, 3), normal(3, 3), name="batch"),
    case("sequence_pad", normal(9, 2), value([0.5], differentiable=False), padded_length=each(-1, 5), lod=LOD, **RAGGED),
    case("sequence_unpad", normal(3, 4, 2), value([2, 4, 0]), expect=lambda x, n: np.concatenate([x[0, :2], x[1]]), **RAGGED),
    case("sequence_reshape", normal(8, 6), new_dim=4, lod=((0, 2, 6, 8),), expect=lambda x: x.reshape(12, 4), **RAGGED),
    case("sequence_scatter", normal(4, 6), integers(0, 6, 9, 1), normal(9, 1), lod=LOD, **SEQUENCES),
    case("lod_reset", normal(9, 2), target_lod=[0, 4, 9], expect=lambda x: x, **RAGGED),
    # --- recurrent
    case("gru", normal(9, 12), normal(4, 4), normal(4, 12), normal(1, 12), is_reverse=False, lod=LOD,
         expect=lambda x, h, w, b: _gru(x, h, w, b, False, False), **SEQUENCES),
    case("gru", normal(9, 12), normal(4, 4), normal(4, 12), normal(1, 12), is_reverse=True, origin_mode=True, lod=LOD,
         expect=lambda x, h, w, b: _gru(x, h, w, b, True, True), **SEQUENCES),
    case("gru", normal(9, 12), None, normal(4, 12), origin_mode=True, activation="identity", gate_activation="tanh", lod=LOD, **SEQUENCES),
    case("lstm", normal(9, 16), normal(4, 4), normal(4, 4), normal(4, 16), normal(1, 28), is_reverse=each(False, True), lod=LOD,
         **SEQUENCES),
    case("lstm", normal(9, 16), None, None, normal(4, 16), normal(1, 16), use_peepholes=False, lod=LOD, **SEQUENCES),
    case("lstmp", normal(9, 16), normal(4, 3), normal(4, 4), normal(3, 16), normal(4, 3), normal(1, 28), is_reverse=each(False, True),
         lod=LOD, **SEQUENCES),
    case("lstmp", normal(9, 16), None, None, normal(3, 16), normal(4, 3), normal(1, 28), cell_clip=0.4, proj_clip=0.3, lod=LOD,
         name="clipped", **SEQUENCES),
    case("gru_unit", normal(3, 12), normal(3, 4), normal(4, 12), normal(1, 12), origin_mode=each(False, True)),
    case("lstm_unit", normal(3, 16), normal(3, 4), forget_bias=0.5),
    # --- conditional random field
    case("linear_chain_crf", normal(9, 3), normal(5, 3), integers(0, 3, 9, 1), lod=LOD, **RAGGED),
    case("linear_chain_crf", normal(3, 4, 3), normal(5, 3), integers(0, 3, 3, 4, 1), value([[4], [0], [2]]), name="padded", static=False,
         check_infer=False),
    case("crf_decoding", normal(9, 3), normal(5, 3), lod=LOD, expect=_best_paths, **SEQUENCES),
    case("crf_decoding", normal(3, 4, 3), normal(5, 3), None, value([[4], [0], [2]]), name="padded", static=False),
    # --- losses of probabilities
    case("cross_entropy", uniform(0.1, 1, 5, 3), integers(0, 3, 5, 1), ignore_index=each(-100, 1)),
    case("cross_entropy", uniform(0.1, 1, 5, 3), uniform(0, 1, 5, 3), soft_label=True, grad=False),
    case("cross_entropy2", uniform(0.1, 1, 2, 5, 3), integers(0, 3, 2, 5, 1), ignore_index=each(-100, 1)),
    case("fc", normal(2, 3, 4), normal(12, 5), normal(5), in_num_col_dims=1, expect=lambda x, w, b: x.reshape(2, 12) @ w + b),
    case("fc", normal(2, 3, 4), normal(4, 5), in_num_col_dims=2, activation_type="relu", expect=lambda x, w: np.maximum(x @ w, 0)),
    case("smooth_l1_loss", normal(4, 3), normal(4, 3), sigma=each(1.0, 2.0)),
    case("smooth_l1_loss", normal(4, 3), normal(4, 3), uniform(0, 1, 4, 3), uniform(0, 1, 4, 3), name="weights", grad=False),
    case("cos_sim", normal(4, 3), normal(4, 3)),
    case("cos_sim", normal(4, 3), normal(1, 3), name="one row"),
    case("rank_loss", value([[1.0], [0.0], [0.5]], differentiable=False), normal(3, 1), normal(3, 1)),
    case("margin_rank_loss", distinct(4, 1), distinct(4, 1), value([[1.0], [-1.0], [1.0], [-1.0]], differentiable=False), margin=0.11),
    case("bpr_loss", normal(4, 3), integers(0, 3, 4, 1)),
    case("hinge_loss", distinct(4, 1), value([[1.0], [0.0], [1.0], [0.0]], differentiable=False)),
    case("squared_l2_distance", normal(4, 3), normal(4, 3)),
    case("squared_l2_distance", normal(4, 3), normal(1, 3), name="one row"),
    case("modified_huber_loss", distinct(8, 1), value([[1.0], [0.0]] * 4, differentiable=False)),
    case("teacher_student_sigmoid_loss", normal(4, 1), value([[-2.0], [-1.0], [0.3], [1.4]], differentiable=False)),
    case("center_loss", normal(4, 3), integers(0, 5, 4, 1), value(np.ones((5, 3)), differentiable=False),
         value([0.1], differentiable=False), cluster_num=5, static=False),
    # --- small layers
    case("pad_constant_like", value(np.zeros((4, 3)), differentiable=False), normal(2, 3), pad_value=1.5,
         expect=lambda x, y: np.pad(y, ((0, 2), (0, 0)), constant_values=1.5)),
    case("space_to_depth", normal(2, 4, 4, 6), blocksize=2),
    case("im2sequence", normal(2, 3, 4, 5), kernels=[2, 3], strides=[1, 2], paddings=[1, 0, 0, 1], **RAGGED),
    case("add_position_encoding", normal(2, 3, 4), alpha=0.5, beta=2.0),
    case("add_position_encoding", normal(9, 4), lod=LOD, **SEQUENCES),
    case("diag", normal(3), grad=False, expect=np.diag),
    case("unique_with_counts", value([2, 3, 3, 1, 5, 3]), dtype=2, check_infer=False, standin=False,
         expect=lambda x: (np.array([2, 3, 1, 5]), np.array([0, 1, 1, 2, 3, 1]), np.array([1, 3, 1, 1]))),
    case("fusion_gru", normal(9, 5), None, normal(5, 12), normal(4, 12), normal(1, 12), lod=LOD, static=False),
    case("fusion_lstm", normal(9, 5), normal(5, 16), normal(4, 16), normal(1, 28), lod=LOD, static=False),
    case("fsp", normal(2, 3, 4, 5), normal(2, 2, 4, 5)),
    # --- measures
    case("edit_distance", value([[1], [2], [3], [4], [1]]), value([[1], [3], [4], [4]]), lod=(((0, 3, 5),), ((0, 2, 4),)),
         expect=lambda a, b: (np.array([2]), np.array([[1.0], [1.0]], "float32")), **RAGGED),
    case("ctc_align", value([[0], [1], [2], [2], [0], [4], [0], [4], [5], [6], [6]]), lod=((0, 9, 11),),
         expect=lambda x: np.array([[1], [2], [4], [4], [5], [6]]), **RAGGED),
    case("chunk_eval", value([[0], [1], [4], [2], [3]]), value([[0], [1], [4], [2], [2]]), num_chunk_types=2, lod=(((0, 5),), ((0, 5),)),
         standin=False, **RAGGED),
    case("mean_iou", value([0, 1, 1, 2]), value([0, 1, 2, 2]), num_classes=4, check_infer=False,
         expect=lambda p, t: (np.array([2 / 3], "float32"), np.array([0, 1, 1, 0], "int32"), np.array([1, 1, 1, 0], "int32"))),
)  # fmt: skip

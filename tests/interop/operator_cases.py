"""Operators of detectors and of quantised models as saved Programs hold them. Both frameworks run this file (PADDLE_MODULE)."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

paddle: Any = importlib.import_module(os.environ.get("PADDLE_MODULE", "minipaddle"))
RNG = np.random.default_rng(7)


def boxes(n: int, size: float = 100.0, rng: np.random.Generator = RNG) -> np.ndarray:
    low = rng.uniform(0, size * 0.8, (n, 2))
    return np.concatenate([low, low + rng.uniform(1, size * 0.5, (n, 2))], axis=1).astype("float32")


def floats(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return RNG.uniform(low, high, shape).astype("float32")


def case(
    type: str, inputs: dict[str, Any], outputs: str, attrs: dict[str, Any], lods: dict[str, list[int]] | None = None
) -> dict[str, Any]:  # fmt: skip
    """outputs: ``Boxes, Rois*3``, the number of entries of a list slot behind it. lods: lengths of sequences by input slot."""
    return {"type": type, "inputs": inputs, "outputs": outputs, "attrs": attrs, "lods": lods or {}}


NMS = {
    "background_label": 0, "score_threshold": 0.05, "nms_top_k": 30, "nms_threshold": 0.4, "nms_eta": 1.0, "keep_top_k": 12,
    "normalized": True,
}  # fmt: skip
MATRIX = {
    "background_label": 0, "score_threshold": 0.1, "post_threshold": 0.2, "nms_top_k": 20, "keep_top_k": 15, "use_gaussian": False,
    "gaussian_sigma": 2.0, "normalized": True,
}  # fmt: skip
RPN = {"pre_nms_topN": 60, "post_nms_topN": 15, "nms_thresh": 0.6, "min_size": 4.0, "eta": 1.0}
PRIORS = {"min_sizes": [8.0, 20.0], "max_sizes": [16.0, 30.0], "aspect_ratios": [2.0, 3.0], "variances": [0.1, 0.1, 0.2, 0.2],
          "flip": True, "clip": False, "step_w": 0.0, "step_h": 0.0, "offset": 0.5, "min_max_aspect_ratios_order": False}  # fmt: skip
DENSITY = {"fixed_sizes": [16.0, 8.0], "fixed_ratios": [1.0, 2.0], "densities": [2, 1], "variances": [0.1, 0.1, 0.2, 0.2],
           "clip": False, "flatten_to_2d": False, "step_w": 0.0, "step_h": 0.0, "offset": 0.5}  # fmt: skip
YOLO = {"anchors": [10, 13, 16, 30, 33, 23], "class_num": 4, "conf_thresh": 0.3, "downsample_ratio": 16, "clip_bbox": True,
        "scale_x_y": 1.05, "iou_aware": False, "iou_aware_factor": 0.5}  # fmt: skip
IMAGES = boxes(80).reshape(2, 40, 4)
MARKS = floats(2, 5, 40, low=0.0)
MAP, PICTURE = floats(2, 3, 4, 5), floats(2, 3, 50, 70)
ANCHORS = boxes(3 * 4 * 5, 60).reshape(4, 5, 3, 4)
SPREAD = floats(4, 5, 3, 4, low=0.5)
PROPOSED = "RpnRois, RpnRoiProbs, RpnRoisNum"
HEAD = {"Scores": floats(2, 3, 4, 5, low=0.0), "BboxDeltas": floats(2, 12, 4, 5), "Anchors": ANCHORS, "Variances": SPREAD}
ROIS = boxes(17, 400)
POOLED = {"pooled_height": 2, "pooled_width": 3, "spatial_scale": 0.5}
YOLO_LOSS = {"anchors": [10, 13, 16, 30, 33, 23, 30, 61], "anchor_mask": [0, 1, 3], "class_num": 3, "ignore_thresh": 0.4,
             "downsample_ratio": 16, "use_label_smooth": True, "scale_x_y": 1.0}  # fmt: skip
CONV = {"strides": [2, 1], "paddings": [1, 2], "dilations": [1, 2], "groups": 1, "deformable_groups": 2, "im2col_step": 1}
DEFORM = {"Input": floats(2, 4, 7, 8), "Offset": floats(2, 36, 4, 8, low=-1.5, high=1.5), "Filter": floats(6, 4, 3, 3)}


def with_(base: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**base, **changed}


CASES = [
    case("prior_box", {"Input": MAP, "Image": PICTURE}, "Boxes, Variances", PRIORS),
    case("prior_box", {"Input": MAP, "Image": PICTURE}, "Boxes, Variances",
         with_(PRIORS, clip=True, min_max_aspect_ratios_order=True, step_w=9.0, step_h=11.0, flip=False)),
    case("density_prior_box", {"Input": MAP, "Image": PICTURE}, "Boxes, Variances", DENSITY),
    case("density_prior_box", {"Input": MAP, "Image": PICTURE}, "Boxes, Variances",
         with_(DENSITY, clip=True, flatten_to_2d=True, step_w=9.0, step_h=11.0)),
    case("anchor_generator", {"Input": MAP}, "Anchors, Variances",
         {"anchor_sizes": [32.0, 64.0], "aspect_ratios": [0.5, 1.0, 2.0], "variances": [0.1, 0.1, 0.2, 0.2], "stride": [16.0, 12.0],
          "offset": 0.5}),
    case("yolo_box", {"X": floats(2, 27, 4, 6, low=-2, high=2), "ImgSize": np.array([[64, 96], [50, 70]], "int32")}, "Boxes, Scores", YOLO),
    case("yolo_box", {"X": floats(2, 30, 4, 6, low=-2, high=2), "ImgSize": np.array([[64, 96], [50, 70]], "int32")}, "Boxes, Scores",
         with_(YOLO, clip_bbox=False, iou_aware=True, iou_aware_factor=0.4, scale_x_y=1.0)),
    case("iou_similarity", {"X": boxes(5), "Y": boxes(7)}, "Out", {"box_normalized": True}),
    case("iou_similarity", {"X": boxes(5), "Y": boxes(7)}, "Out", {"box_normalized": False}),
    case("polygon_box_transform", {"Input": floats(2, 8, 3, 4)}, "Output", {}),
    case("box_clip", {"Input": boxes(6, 200), "ImInfo": np.array([[80, 90, 1.0], [60, 120, 1.5]], "float32")}, "Output", {},
         {"Input": [2, 4]}),
    *(case("multiclass_nms3", {"BBoxes": IMAGES, "Scores": MARKS}, "Out, Index, NmsRoisNum", attrs)
      for attrs in (NMS, with_(NMS, normalized=False, nms_eta=0.9, nms_threshold=0.7), with_(NMS, keep_top_k=-1, nms_top_k=-1),
                    with_(NMS, background_label=-1, score_threshold=0.5), with_(NMS, score_threshold=2.0))),
    case("multiclass_nms3", {"BBoxes": boxes(60).reshape(12, 5, 4), "Scores": floats(12, 5, low=0), "RoisNum": np.array([7, 5], "int32")},
         "Out, Index, NmsRoisNum", with_(NMS, keep_top_k=9)),
    case("multiclass_nms2", {"BBoxes": IMAGES, "Scores": MARKS}, "Out, Index", NMS),
    case("multiclass_nms", {"BBoxes": IMAGES, "Scores": MARKS}, "Out", NMS),
    case("multiclass_nms", {"BBoxes": IMAGES, "Scores": MARKS}, "Out", with_(NMS, score_threshold=2.0)),
    *(case("matrix_nms", {"BBoxes": IMAGES, "Scores": MARKS}, "Out, Index, RoisNum", attrs)
      for attrs in (MATRIX, with_(MATRIX, use_gaussian=True, keep_top_k=-1), with_(MATRIX, normalized=False, background_label=-1))),
    *(case("generate_proposals_v2", {**HEAD, "ImShape": np.array([[60, 70], [50, 40]], "float32")}, PROPOSED, attrs)
      for attrs in (with_(RPN, pixel_offset=True), with_(RPN, pixel_offset=False),
                    with_(RPN, pixel_offset=False, pre_nms_topN=20, eta=0.9))),
    case("generate_proposals", {**HEAD, "ImInfo": np.array([[60, 70, 1.0], [50, 40, 2.0]], "float32")}, PROPOSED, RPN),
    *(case("distribute_fpn_proposals", {"FpnRois": ROIS, "RoisNum": np.array([9, 8], "int32")},
           "MultiFpnRois*4, RestoreIndex, MultiLevelRoIsNum*4",
           {"min_level": 2, "max_level": 5, "refer_level": 4, "refer_scale": 100, "pixel_offset": offset}) for offset in (True, False)),
    case("collect_fpn_proposals", {"MultiLevelRois": [boxes(5), boxes(4)], "MultiLevelScores": [floats(5, 1), floats(4, 1)],
                                   "MultiLevelRoIsNum": [np.array([2, 3], "int32"), np.array([4, 0], "int32")]},
         "FpnRois, RoisNum", {"post_nms_topN": 6}),
    case("psroi_pool", {"X": floats(2, 12, 9, 8), "ROIs": boxes(4, 14), "RoisNum": np.array([1, 3], "int32")}, "Out",
         with_(POOLED, output_channels=2)),
    case("roi_align", {"X": floats(2, 4, 9, 8), "ROIs": boxes(4, 14)}, "Out", with_(POOLED, sampling_ratio=2, aligned=False),
         {"ROIs": [1, 3]}),
    case("roi_pool", {"X": floats(2, 4, 9, 8), "ROIs": boxes(4, 14)}, "Out, Argmax", POOLED, {"ROIs": [3, 1]}),
    case("deformable_conv", {**DEFORM, "Mask": floats(2, 18, 4, 8, low=0)}, "Output", CONV),
    case("deformable_conv_v1", DEFORM, "Output", CONV),
    case("deformable_conv", {**DEFORM, "Mask": floats(2, 18, 4, 8, low=0), "Filter": floats(6, 2, 3, 3)},
         "Output", with_(CONV, groups=2)),
    *(case(type, {"X": np.round(floats(3, 4, 5) * scale, digits), "Scale": floats(n, low=0.5), "ZeroPoint": np.zeros(n, "float32")}, "Y",
           {"quant_axis": axis, "bit_length": 8, "round_type": kind, "is_test": True, "only_observer": False})
      for type, scale, digits in (("quantize_linear", 1, 9), ("dequantize_linear", 127, 0))
      for axis, n in ((-1, 1), (0, 3), (1, 4)) for kind in (0, 1)),
    case("fake_quantize_dequantize_moving_average_abs_max", {"X": floats(3, 4), "InScale": floats(1, low=0.5)}, "Out, OutScale",
         {"moving_rate": 0.9, "bit_length": 8, "round_type": 1, "is_test": True}),
    *(case("fake_channel_wise_quantize_dequantize_abs_max", {"X": floats(3, 4, 2, 2)}, "Out, OutScale",
           {"quant_axis": axis, "bit_length": 8, "round_type": 1}) for axis in (0, 1)),
    case("fake_quantize_dequantize_abs_max", {"X": floats(3, 4)}, "Out, OutScale", {"bit_length": 8, "round_type": 1}),
    *(case("yolov3_loss", {"X": floats(2, 24, 8, 8, low=-2, high=2), "GTBox": floats(2, 6, 4, low=0.01, high=0.5),
                           "GTLabel": np.array([[0, 1, 2, 0, 1, 2], [2, 2, 1, 1, 0, 0]], "int32"), **score},
           "Loss, ObjectnessMask, GTMatchMask", {**YOLO_LOSS, **more})
      for score, more in (({}, {}), ({"GTScore": floats(2, 6, low=0)}, {"use_label_smooth": False, "scale_x_y": 1.1}))),
]  # fmt: skip


def run_case(c: dict[str, Any]) -> list[tuple[str, np.ndarray, Any]]:
    """(slot, array, lod) for every output of one operator in a Program of its own."""
    main, startup = paddle.static.Program(), paddle.static.Program()
    feed: dict[str, Any] = {}
    with paddle.static.program_guard(main, startup), paddle.static.scope_guard(paddle.static.Scope()):
        block = main.global_block()
        inputs: dict[str, list[Any]] = {}
        for slot, given in c["inputs"].items():
            inputs[slot] = []
            for i, a in enumerate(given if isinstance(given, list) else [given]):
                name = f"{slot}_{i}"
                lengths = c["lods"].get(slot)
                v = paddle.static.data(name, list(a.shape), str(a.dtype), 1 if lengths else 0)
                feed[name] = lod_tensor(a, lengths) if lengths else a
                inputs[slot].append(v)
        outputs: dict[str, list[Any]] = {}
        for part in c["outputs"].split(", "):
            slot, _, count = part.partition("*")
            dtype = "int32" if any(word in slot for word in ("Index", "Num", "Argmax")) else "float32"
            outputs[slot] = [block.create_var(name=f"{slot}.out{i}", dtype=dtype, shape=[]) for i in range(int(count or 1))]
        block.append_op(type=c["type"], inputs=inputs, outputs=outputs, attrs=c["attrs"])
        flat = [(slot, v) for slot, items in outputs.items() for v in items]
        found = paddle.static.Executor(paddle.CPUPlace()).run(main, feed=feed, fetch_list=[v for _, v in flat], return_numpy=False)
    return [(slot, np.array(t), t.lod()) for (slot, _), t in zip(flat, found, strict=True)]


def lod_tensor(a: np.ndarray, lengths: list[int]) -> Any:
    module = paddle.fluid if hasattr(paddle, "fluid") else paddle.base
    return module.create_lod_tensor(a, [lengths], paddle.CPUPlace())

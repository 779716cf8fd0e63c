"""``paddle.vision.ops``: detection functions by what they must give in simple cases."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.nn import functional as F
from minipaddle.vision import ops

RNG = np.random.default_rng(0)


def tensor(value, dtype="float32"):
    return paddle.to_tensor(np.asarray(value, dtype))


def test_deformable_convolution_without_offsets_is_a_convolution() -> None:
    x, weight, bias = tensor(RNG.standard_normal((2, 4, 7, 6))), tensor(RNG.standard_normal((6, 2, 3, 3))), tensor(np.arange(6))
    offset = paddle.zeros([2, 2 * 2 * 9, 4, 6])
    want = F.conv2d(x, weight, bias, stride=(2, 1), padding=1, groups=2)
    got = ops.deform_conv2d(x, offset, weight, bias, stride=(2, 1), padding=1, deformable_groups=2, groups=2)
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-5)
    half = ops.deform_conv2d(x, offset, weight, None, (2, 1), 1, 1, 2, 2, mask=paddle.full([2, 18, 4, 6], 0.5))
    np.testing.assert_allclose(half.numpy(), 0.5 * (want.numpy() - np.arange(6).reshape(1, 6, 1, 1)), atol=1e-5)
    moved = ops.deform_conv2d(x, paddle.full([2, 18, 7, 6], 1.0), paddle.ones([1, 4, 3, 3]), padding=1)
    still = F.conv2d(F.pad(x, [0, 1, 0, 1]), paddle.ones([1, 4, 3, 3]), padding=1)[:, :, 1:, 1:]
    np.testing.assert_allclose(moved.numpy()[:, :, :-1, :-1], still.numpy()[:, :, :-1, :-1], atol=1e-4)
    with pytest.raises(ValueError, match="Offset must be"):
        ops.deform_conv2d(x, paddle.zeros([2, 18, 4, 6]), weight, stride=(2, 1), padding=1, deformable_groups=2, groups=2)


def test_deformable_layer_trains() -> None:
    layer = ops.DeformConv2D(3, 4, 3, padding=1)
    offset = tensor(RNG.uniform(-0.4, 0.4, (1, 18, 5, 5)))
    offset.stop_gradient = False
    layer(tensor(RNG.standard_normal((1, 3, 5, 5))), offset).sum().backward()
    assert layer.weight.grad is not None and layer.bias.grad is not None and (offset.grad.numpy() != 0).any()


def test_position_sensitive_pooling_takes_each_bin_from_its_own_channels() -> None:
    x = paddle.arange(8, dtype="float32").reshape([1, 8, 1, 1]).expand([1, 8, 4, 4])
    out = ops.PSRoIPool((2, 2))(x, tensor([[0, 0, 3, 3]]), tensor([1], "int32"))
    assert out.numpy().tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


def test_suppression() -> None:
    boxes = tensor([[[0, 0, 10, 10], [0, 0, 10, 9.5], [20, 20, 30, 30]]])
    scores = tensor([[[0, 0, 0], [0.9, 0.8, 0.7]]])
    out, numbers, index = ops.matrix_nms(boxes, scores, 0.1, 0.3, 10, 10, return_index=True)
    assert numbers.numpy().tolist() == [2] and index.numpy().tolist() == [[0], [2]]
    assert out.numpy()[:, 0].tolist() == [1, 1] and out.numpy()[:, 2:].tolist() == boxes.numpy()[0, [0, 2]].tolist()


def test_proposals_by_level() -> None:
    rois = tensor([[0, 0, 300, 300], [0, 0, 20, 20], [5, 5, 60, 60], [0, 0, 500, 500]])
    levels, restore, numbers = ops.distribute_fpn_proposals(rois, 2, 5, 4, 224, rois_num=tensor([1, 3], "int32"))
    assert [len(v) for v in levels] == [2, 0, 1, 1] and [n.numpy().tolist() for n in numbers] == [[0, 2], [0, 0], [1, 0], [0, 1]]
    together = np.concatenate([v.numpy() for v in levels])
    assert np.array_equal(together[restore.numpy()[:, 0]], rois.numpy())
    with pytest.raises(AssertionError, match="rois_num"):
        ops.distribute_fpn_proposals(rois, 2, 5, 4, 224)


def test_yolo_boxes_sit_in_their_cells() -> None:
    x = np.zeros((1, 7, 2, 2), "float32")
    x[0, 4, 1, 0] = 9  # one cell is sure
    boxes, scores = ops.yolo_box(tensor(x), tensor([[64, 64]], "int32"), [16, 32], 2, 0.9, 32)
    assert scores.shape == [1, 4, 2] and (scores.numpy()[0, [0, 1, 3]] == 0).all()
    np.testing.assert_allclose(boxes.numpy()[0, 2], [8, 32, 24, 63])
    np.testing.assert_allclose(scores.numpy()[0, 2], 0.5, rtol=1e-3)


def test_yolo_loss_trains_a_head() -> None:
    paddle.seed(0)
    x = paddle.rand([2, 16, 4, 4])
    x.stop_gradient = False
    box = tensor([[[0.4, 0.6, 0.3, 0.5], [0, 0, 0, 0]], [[0.9, 0.2, 0.1, 0.1], [0.3, 0.3, 0.4, 0.5]]])
    label = tensor([[1, 0], [2, 0]], "int32")
    settings = {"anchors": [10, 13, 33, 23], "anchor_mask": [0, 1], "class_num": 3, "ignore_thresh": 0.5, "downsample_ratio": 16}
    losses = []
    for _ in range(30):
        loss = ops.yolo_loss(x, box, label, **settings)
        assert loss.shape == [2]
        (g,) = paddle.grad(loss.sum(), x)
        x = (x - 0.5 * g).detach()
        x.stop_gradient = False
        losses.append(float(loss.sum()))
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(  # what Paddle 2.6.2 computes
        ops.yolo_loss(paddle.zeros([2, 16, 4, 4]), box, label, **settings).numpy(), [28.437711715698242, 34.94346618652344], rtol=1e-5
    )
    with pytest.raises(ValueError, match="anchor_mask"):
        ops.yolo_loss(x, box, label, **{**settings, "anchor_mask": [0, 2]})
    with pytest.raises(ValueError, match="GTLabel"):
        ops.yolo_loss(x, box, label[:, :1], **settings)
    with pytest.raises(ValueError, match="high as wide"):
        ops.yolo_loss(x[:, :, :2], box, label, **settings)


def test_they_stand_in_programs() -> None:
    @paddle.jit.to_static(input_spec=[paddle.static.InputSpec([None, 7, None, None]), paddle.static.InputSpec([None, 2], "int32")])
    def detect(x, size):
        boxes, scores = ops.yolo_box(x, size, [16, 32], 2, 0.1, 32)
        return ops.matrix_nms(boxes, scores.transpose([0, 2, 1]), 0.1, 0.1, 10, 5, background_label=-1)[:2]

    out, numbers = detect(tensor(RNG.standard_normal((2, 7, 3, 3))), tensor([[96, 96], [96, 96]], "int32"))
    assert out.shape == [int(numbers.numpy().sum()), 6] and out.shape[0] > 0

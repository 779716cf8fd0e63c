"""bfloat16 on the CPU: results and gradients are those of float32, rounded; each gradient has the type of its tensor."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.nn import functional as F

pytest.importorskip("ml_dtypes")

CASES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "conv2d": (lambda x, w: F.conv2d(x, w, padding=1, stride=2), [(2, 4, 7, 6), (6, 4, 3, 3)]),
    "depthwise": (lambda x, w: F.conv2d(x, w, groups=4), [(2, 4, 7, 6), (4, 1, 3, 3)]),
    "conv3d": (F.conv3d, [(1, 2, 4, 5, 4), (3, 2, 2, 3, 2)]),
    "conv2d_transpose": (lambda x, w: F.conv2d_transpose(x, w, stride=2), [(2, 4, 3, 4), (4, 3, 3, 3)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), [(2, 3, 7, 6)]),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), [(2, 3, 4, 6, 5)]),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 3), [(2, 3, 7, 5)]),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, 5, w, b), [(3, 4, 5), (5,), (5,)]),
    "group_norm": (lambda x: nn.GroupNorm(2, 4)(x), [(3, 4, 5)]),
    "instance_norm": (lambda x: F.instance_norm(x), [(3, 4, 5)]),
    "matmul": (paddle.matmul, [(3, 4), (4, 5)]),
    "linear": (F.linear, [(3, 2, 4), (4, 5), (5,)]),
    "einsum": (lambda x, y: paddle.einsum("bij,bkj->bik", x, y), [(2, 3, 4), (2, 5, 4)]),
    "attention": (F.scaled_dot_product_attention, [(2, 5, 3, 4)] * 3),
    "interpolate": (lambda x: F.interpolate(x, size=[7, 5], mode="bilinear"), [(2, 3, 4, 6)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, paddle.to_tensor([0, 2, 1]), reduction="none"), [(3, 4)]),
}


def gradients_of(function: Callable[..., Any], arrays: list[np.ndarray], dtype: str) -> tuple[Any, list[Any]]:
    tensors = [paddle.to_tensor(a).astype(dtype).detach() for a in arrays]
    for t in tensors:
        t.stop_gradient = False
    out = function(*tensors)
    (out.astype("float32") * 0.5).sum().backward()
    return out, [t.grad for t in tensors]


@pytest.mark.parametrize("name", list(CASES))
def test_bfloat16_is_float32_rounded(name: str) -> None:
    function, shapes = CASES[name]
    rng = np.random.default_rng(3)
    # numbers that bfloat16 holds exactly, so that only the result is rounded
    arrays = [np.round(rng.standard_normal(s) * 8).astype("float32") / 8 for s in shapes]
    wide, wide_gradients = gradients_of(function, arrays, "float32")
    half, half_gradients = gradients_of(function, arrays, "bfloat16")
    assert half.dtype == paddle.bfloat16
    assert all(g.dtype == paddle.bfloat16 for g in half_gradients)
    # a few operators in a row round a few times: 2 ** -8 each
    np.testing.assert_allclose(half.astype("float32").numpy(), wide.numpy(), rtol=0.03, atol=0.03)
    for a, b in zip(half_gradients, wide_gradients, strict=True):
        np.testing.assert_allclose(a.astype("float32").numpy(), b.numpy(), rtol=0.05, atol=0.05)


def test_normalisation_keeps_float32_weights_and_statistics() -> None:
    layer = nn.BatchNorm2D(3)
    x = paddle.randn([4, 3, 5, 5]).astype("bfloat16").detach()
    x.stop_gradient = False
    out = layer(x)
    out.astype("float32").sum().backward()
    assert out.dtype == x.grad.dtype == paddle.bfloat16
    assert layer._mean.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == paddle.float32
    assert float(abs(layer._mean).sum()) > 0


def test_convolution_refuses_mixed_types() -> None:
    with pytest.raises(ValueError, match="float32"):
        F.conv2d(paddle.ones([1, 1, 3, 3]).astype("bfloat16"), paddle.ones([1, 1, 2, 2]))


@pytest.mark.parametrize("level", ["O1", "O2"])
def test_a_convolutional_network_trains_in_bfloat16(level: str) -> None:
    paddle.seed(0)
    net = nn.Sequential(nn.Conv2D(1, 4, 3), nn.BatchNorm2D(4), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(36, 2))
    adam: Any = paddle.optimizer.Adam(0.02, parameters=net.parameters())
    if level == "O2":
        net, adam = paddle.amp.decorate(net, adam, level="O2", dtype="bfloat16", master_grad=True)
    x = paddle.randn([16, 1, 8, 8])
    label = (x.mean([1, 2, 3]) > 0).astype("int64")
    losses = []
    for _ in range(12):
        with paddle.amp.auto_cast(level=level, dtype="bfloat16"):
            loss = F.cross_entropy(net(x), label)
        loss.backward()
        assert all(p.grad.dtype == paddle.float32 for p in net.parameters() if not p.stop_gradient)
        adam.step()
        adam.clear_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 2


def test_traced_functions_have_a_program_per_precision() -> None:
    layer = nn.Linear(4, 3, bias_attr=False)
    traced = paddle.jit.to_static(lambda x: layer(x))
    x = paddle.randn([2, 4])
    assert traced(x).dtype == paddle.float32
    with paddle.amp.auto_cast(dtype="bfloat16"):
        assert traced(x).dtype == layer(x).dtype == paddle.bfloat16
        assert traced(x).dtype == paddle.bfloat16
    assert traced(x).dtype == paddle.float32
    assert len(traced.program_cache) == 2
    assert "auto_cast is O1, bfloat16" in traced.explain_cache()


def test_programs_in_bfloat16() -> None:
    paddle.enable_static()
    try:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            x = paddle.static.data("x", [-1, 1, 6, 6])
            y = nn.Conv2D(1, 2, 3, weight_attr=nn.initializer.Constant(0.25))(x)
            with paddle.amp.auto_cast(dtype="bfloat16"):
                z = F.conv2d(x, paddle.ones([2, 1, 3, 3]) * 0.25)
            assert z.dtype == paddle.bfloat16 and list(z.shape) == [-1, 2, 4, 4]
            z = z.astype("float32")
        exe = paddle.static.Executor()
        exe.run(startup)
        a, b = exe.run(main, feed={"x": np.ones((3, 1, 6, 6), "float32")}, fetch_list=[y, z])
        np.testing.assert_array_equal(a, b)
    finally:
        paddle.disable_static()

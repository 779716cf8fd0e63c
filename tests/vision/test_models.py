"""Image classification networks: shapes, names and sizes as Paddle 2.6.2 has them."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.vision import models

# parameters and statistics, and their elements, counted in Paddle 2.6.2
SIZES = {
    "LeNet": (10, 61610),
    "mobilenet_v1": (137, 4253864),
    "mobilenet_v3_small": (210, 2554968),
    "resnet18": (102, 11699112),
    "shufflenet_v2_x0_25": (282, 607712),
    "squeezenet1_1": (52, 1235496),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_results(name):
    net = getattr(models, name)()
    state = net.state_dict()
    assert (len(state), sum(int(np.prod(v.shape)) for v in state.values())) == SIZES[name]
    net.eval()
    x = paddle.zeros([2, 1, 28, 28]) if name == "LeNet" else paddle.zeros([2, 3, 64, 64])
    with paddle.no_grad():
        assert net(x).shape == [2, 10 if name == "LeNet" else 1000]


def test_keys_are_paddles():
    keys = list(models.resnet18().state_dict())
    assert keys[:6] == ["conv1.weight", "bn1.weight", "bn1.bias", "bn1._mean", "bn1._variance", "layer1.0.conv1.weight"]
    assert "layer2.0.downsample.1._mean" in keys and keys[-1] == "fc.bias"
    assert "conv5_3._depthwise_conv.0.weight" in models.mobilenet_v1(scale=0.25).state_dict()
    assert "3_2._conv_pw.1._variance" in models.shufflenet_v2_x0_33().state_dict()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_25"])
def test_without_classifier(name):
    net = getattr(models, name)(num_classes=0, with_pool=False)
    net.eval()
    with paddle.no_grad():
        assert net(paddle.zeros([1, 3, 64, 64])).shape[2:] == [2, 2]


def test_a_network_learns():
    paddle.seed(0)
    net = models.LeNet(num_classes=4)
    opt = paddle.optimizer.Adam(0.003, parameters=net.parameters())
    x = paddle.to_tensor(np.random.default_rng(0).random((8, 1, 28, 28), dtype="float32"))
    y = paddle.to_tensor(np.arange(8) % 4)
    losses = []
    for _ in range(12):
        loss = paddle.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        opt.clear_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 0.05


def test_weights_come_from_a_file(tmp_path):
    source = models.mobilenet_v3_small(scale=0.35)
    path = str(tmp_path / "w.pdparams")
    paddle.save(source.state_dict(), path)
    net = models.mobilenet_v3_small(pretrained=path, scale=0.35)
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(source.parameters(), net.parameters(), strict=True))
    with pytest.raises(NotImplementedError, match=r"resnet18\.pdparams"):
        models.resnet18(pretrained=True)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="does not fit resnet18"):
        models.resnet18(pretrained=path)


def test_wrong_arguments():
    with pytest.raises(NotImplementedError, match="0.7"):
        models.ShuffleNetV2(scale=0.7)
    with pytest.raises(RuntimeError, match="tanh"):
        models.ShuffleNetV2(act="tanh")
    with pytest.raises(AssertionError, match="1.2"):
        models.SqueezeNet("1.2")
    with pytest.raises(AssertionError, match="122"):
        models.DenseNet(layers=122)

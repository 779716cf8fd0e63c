"""A loaded model opened up: its operators, intermediate results, frozen parameters, a new head."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.jit import TranslatedLayer
from minipaddle.static import InputSpec


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2D(2, 4, 3, padding=1), nn.BatchNorm2D(4), nn.ReLU(), nn.AdaptiveAvgPool2D(1))
        self.head = nn.Linear(4, 3)

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        return self.head(self.body(image).flatten(1))


X = np.random.default_rng(0).standard_normal((5, 2, 6, 6)).astype("float32")


@pytest.fixture
def model(tmp_path: Path) -> TranslatedLayer:
    paddle.seed(0)
    paddle.jit.save(Net(), str(tmp_path / "net"), input_spec=[InputSpec([None, 2, 6, 6], name="image")])
    return paddle.jit.load(str(tmp_path / "net"))


def named(model: TranslatedLayer, type: str) -> str:
    return next(op.output_arg_names[0] for op in model.operators() if op.type == type)


def test_operators_say_what_they_read_and_make(model: TranslatedLayer) -> None:
    operators = model.operators()
    assert [op.type for op in operators] == [op.type for op in model.program().global_block().ops]
    conv = operators[0]
    assert (conv.type, conv.index, conv.block) == ("conv2d", 0, 0) and conv.attrs["paddings"] == [1, 1]
    assert conv.inputs["Input"][0].name == "image" and conv.outputs["Output"][0].shape == (-1, 4, 6, 6)
    weight = conv.inputs["Filter"][0]
    assert weight.is_parameter and weight.structured_name == "body.0.weight" and weight.dtype == "float32"
    assert str(conv).split()[:2] == ["0", f"conv2d(Filter={weight.name}"] and "float32[-1, 4, 6, 6]" in str(conv)


def test_intermediate_results(model: TranslatedLayer) -> None:
    x = paddle.to_tensor(X)
    out = model(x).numpy()
    relu, pooled = named(model, "relu"), named(model, "pool2d")
    mine, a, b = model.with_outputs(relu, model.program().global_block().var(pooled))(x)
    assert np.array_equal(mine.numpy(), out) and a.shape == [5, 4, 6, 6] and (a.numpy() >= 0).all()
    np.testing.assert_allclose(a.numpy().mean(axis=(2, 3)), b.numpy()[:, :, 0, 0], rtol=1e-5)
    body, head = model.extract(pooled), model.extract(*model.output_names(), inputs=[pooled])
    assert [op.type for op in body.operators()][-1] == "pool2d" and head.input_names() == [pooled]
    np.testing.assert_allclose(head(body(x)).numpy(), out, rtol=1e-6)
    assert len(body.parameters()) == 6 and len(head.parameters()) == 2


def test_names_that_do_not_fit(model: TranslatedLayer) -> None:
    relu = named(model, "relu")
    with pytest.raises(ValueError, match=f"no variable '{relu}x'.*similar names: '{relu}'"):
        model.extract(relu + "x")
    with pytest.raises(ValueError, match="is a parameter"):
        model.extract(model.operators()[0].inputs["Filter"][0].name)
    with pytest.raises(ValueError, match="need .*'image'"):
        model.extract(named(model, "conv2d"), inputs=[relu])
    with pytest.raises(ValueError, match="do not lead to"):
        model.extract(named(model, "conv2d"), inputs=["image", relu])
    with pytest.raises(ValueError, match="at least one"):
        model.extract()
    with pytest.raises(TypeError, match="by its name"):
        model.extract(3)
    with pytest.raises(ValueError, match="no parameter has a name that fits 'tail"):
        model.freeze("tail.*")


def test_freezing_by_pattern(model: TranslatedLayer) -> None:
    assert len(model.freeze("head.*")) == 2 and len(model.freeze("batch_norm*")) == 4
    assert sum(not p.stop_gradient for p in model.parameters()) == 2
    sgd = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    before = {n: p.numpy().copy() for n, p in model.named_parameters()}
    model.train()
    trained = model(paddle.to_tensor(X))
    untouched = copy.deepcopy(model)
    untouched.eval()
    np.testing.assert_allclose(trained.numpy(), untouched(paddle.to_tensor(X)).numpy(), rtol=1e-5)
    trained.sum().backward()
    sgd.step()
    changed = {n for n, p in model.named_parameters() if not np.array_equal(before[n], p.numpy())}
    assert changed == {n for n, p in model.named_parameters() if not p.stop_gradient}

    assert len(model.unfreeze("*")) == 8
    assert sum(not p.stop_gradient for p in model.parameters()) == 6  # the statistics are no parameters to train
    before = {n: p.numpy().copy() for n, p in model.named_parameters()}
    model(paddle.to_tensor(X)).sum().backward()
    sgd.step()
    assert all(not np.array_equal(before[n], p.numpy()) for n, p in model.named_parameters() if "head" not in n and p.stop_gradient)


def test_parts_share_parameters_and_a_deep_copy_does_not(model: TranslatedLayer) -> None:
    body = model.extract(named(model, "pool2d"))
    own = copy.deepcopy(body)
    assert {id(p) for p in body.parameters()} < {id(p) for p in model.parameters()}
    x = paddle.to_tensor(X)
    before = model(x).numpy()
    (own(x) ** 2).sum().backward()
    paddle.optimizer.SGD(0.5, parameters=own.parameters()).step()
    assert np.array_equal(model(x).numpy(), before) and not np.array_equal(own(x).numpy(), body(x).numpy())
    again = pickle.loads(pickle.dumps(body))
    assert np.array_equal(again(x).numpy(), body(x).numpy())


def test_a_new_head_trains_and_is_saved(model: TranslatedLayer, tmp_path: Path) -> None:
    class WithHead(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.body = model.extract(named(model, "relu"))
            self.head = nn.Linear(4 * 36, 2)

        def forward(self, x: paddle.Tensor) -> paddle.Tensor:
            return self.head(self.body(x).flatten(1))

    net = WithHead()
    net.body.freeze("body.0.*")
    labels = paddle.to_tensor([0, 1, 0, 1, 1])
    adam = paddle.optimizer.Adam(0.05, parameters=[p for p in net.parameters() if not p.stop_gradient])
    net.train()
    losses = []
    for _ in range(15):
        loss = nn.functional.cross_entropy(net(paddle.to_tensor(X)), labels)
        loss.backward()
        adam.step()
        adam.clear_grad()
        losses.append(float(loss))
    assert losses[-1] < 0.1 * losses[0]
    net.eval()
    paddle.jit.save(net, str(tmp_path / "new"), input_spec=[InputSpec([None, 2, 6, 6], name="image")])
    again = paddle.jit.load(str(tmp_path / "new"))
    np.testing.assert_allclose(again(paddle.to_tensor(X)).numpy(), net(paddle.to_tensor(X)).numpy(), rtol=1e-5)
    assert len(again.operators()) == len(net.body.operators()) + 3  # flatten, matmul, add


def test_models_with_loops_and_branches(tmp_path: Path) -> None:
    @paddle.jit.to_static(input_spec=[InputSpec([None, 3], name="x")])
    def function(x):
        i = paddle.zeros([1], "int32")
        while i < 2:
            if paddle.mean(x) > 0:
                x = x * 2
            else:
                x = x - 1
            i += 1
        return paddle.nn.functional.relu(x) + 1

    paddle.jit.save(function, str(tmp_path / "loop"))
    model = paddle.jit.load(str(tmp_path / "loop"))
    assert {op.block for op in model.operators()} > {0, 1} and "while" in [op.type for op in model.operators()]
    x = paddle.to_tensor(np.array([[1.0, 2, -1]], "float32"))
    inner = model.extract(named(model, "relu"))
    assert inner(x).numpy().tolist() == [[4, 8, 0]] and model(x).numpy().tolist() == [[5, 9, 1]]
    inside = next(n for op in model.operators() if op.block for n in op.output_arg_names if n in model.program().blocks[op.block].vars)
    with pytest.raises(ValueError, match="inside of a branch or loop"):
        model.extract(inside)

    class Twice(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: paddle.Tensor) -> paddle.Tensor:
            return self.inner(x) * 2

    paddle.jit.save(Twice(), str(tmp_path / "twice"), input_spec=[InputSpec([None, 3], name="x")])
    assert paddle.jit.load(str(tmp_path / "twice"))(x).numpy().tolist() == [[10, 18, 2]]

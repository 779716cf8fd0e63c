"""nn.Layer: registration, names, state dicts, hooks, copies, containers."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn


class Scale(nn.Layer):
    """A layer with a parameter, two buffers and a sublayer of its own kind."""

    def __init__(self, depth: int = 0) -> None:
        super().__init__()
        self.weight = self.create_parameter([3])
        self.register_buffer("count", paddle.zeros([1]))
        self.register_buffer("scratch", paddle.ones([2]), persistable=False)
        if depth:
            self.inner = Scale(depth - 1)

    def forward(self, x):
        x = x * self.weight
        return self.inner(x) if "inner" in self._sub_layers else x


def test_attributes_are_registered_and_read() -> None:
    net = Scale(1)
    assert list(net.state_dict()) == ["weight", "count", "inner.weight", "inner.count"]
    assert list(net.to_static_state_dict()) == [
        "weight",
        "count",
        "scratch",
        "inner.weight",
        "inner.count",
        "inner.scratch",
    ]
    assert net.state_dict()["weight"] is net.weight is net._parameters["weight"]
    assert [n for n, _ in net.named_sublayers(include_self=True)] == ["", "inner"]
    assert "weight" in dir(net)
    with pytest.raises(AttributeError, match="Scale.*'nothing'"):
        net.nothing  # noqa: B018


def test_names_count_up() -> None:
    with paddle.utils.unique_name.guard():
        a, b = Scale(), Scale(1)
        assert (a.full_name(), a.weight.name) == ("scale_0", "scale_0.w_0")
        assert (b.weight.name, b.inner.weight.name) == ("scale_1.w_0", "scale_2.w_0")
        assert b.create_parameter([1], is_bias=True).name == "scale_1.b_0"
        assert b.create_parameter([1], attr=paddle.ParamAttr(name="mine")).name == "mine"
        assert nn.Layer("scope").full_name() == "scope_0"


def test_replacing_and_removing() -> None:
    net = Scale(1)
    with pytest.raises(TypeError, match="assignment to parameter 'weight' should be of type Parameter"):
        net.weight = paddle.ones([3])
    with pytest.raises(TypeError, match="assignment to sublayer 'inner'"):
        net.inner = 3
    net.weight = None
    assert net.weight is None and "weight" not in net.state_dict()
    net.inner = Scale()
    net.count = paddle.full([1], 5.0)
    assert net.state_dict()["count"].item() == 5.0
    del net.inner
    assert not hasattr(net, "inner") and list(net.state_dict()) == ["count"]
    net.plain = 3
    del net.plain
    assert not hasattr(net, "plain")


def test_wrong_registrations() -> None:
    net = Scale()
    with pytest.raises(KeyError, match="can not contain"):
        net.add_parameter("a.b", net.weight)
    with pytest.raises(KeyError, match="already exists"):
        net.register_buffer("forward", paddle.ones([1]))
    with pytest.raises(TypeError, match="should be a Parameter"):
        net.add_parameter("p", paddle.ones([1]))
    with pytest.raises(AssertionError, match="takes a Layer"):
        net.add_sublayer("x", 3)

    class Early(nn.Layer):
        def __init__(self) -> None:
            self.fc = nn.ReLU()

    with pytest.raises(ValueError, match=r"super\(\).__init__\(\) should be called first"):
        Early()


def test_set_state_dict() -> None:
    net = Scale(1)
    before = net.inner.weight.numpy()
    state = {
        "weight": np.arange(3, dtype="float32"),
        "count": paddle.full([1], 2.0),
        "inner.weight": np.zeros(4, "float32"),
        "new": 1,
    }
    with pytest.warns(UserWarning, match="Skip loading for") as caught:
        missing, unexpected = net.set_state_dict(state)
    assert missing == ["inner.weight", "inner.count"] and unexpected == ["inner.weight", "new"]
    assert any("receives a shape [4], but the expected shape is [3]" in str(w.message) for w in caught)
    np.testing.assert_array_equal(net.weight.numpy(), [0, 1, 2])
    np.testing.assert_array_equal(net.inner.weight.numpy(), before)


def test_a_wrong_dtype_changes_nothing() -> None:
    net = Scale()
    before = net.weight.numpy()
    with pytest.raises(AssertionError, match="need tensor with dtype"):
        net.set_state_dict({"count": np.ones(1, "float32"), "weight": np.ones(3, "float64")})
    np.testing.assert_array_equal(net.weight.numpy(), before)
    assert net.count.item() == 0


@pytest.mark.parametrize("form", ["parameter name", "table", "structured name"])
def test_set_state_dict_by_parameter_name(form: str) -> None:
    net = Scale()
    value = np.arange(3, dtype="float32")
    state = {
        "parameter name": {net.weight.name: value},
        "table": {"anything": value, "StructuredToParameterName@@": {"anything": net.weight.name}},
        "structured name": {"weight": value},
    }[form]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing, unexpected = net.set_state_dict(state, use_structured_name=False)
    np.testing.assert_array_equal(net.weight.numpy(), value)
    assert missing == [net.count.name] and unexpected == []


def test_hooks_replace_inputs_and_outputs_and_go_away() -> None:
    net = Scale()
    net.weight.set_value(np.ones(3, "float32"))
    pre = net.register_forward_pre_hook(lambda layer, inputs: (inputs[0] + 1,))
    post = net.register_forward_post_hook(lambda layer, inputs, output: output * 10)
    x = paddle.zeros([3])
    np.testing.assert_array_equal(net(x).numpy(), [10, 10, 10])
    pre.remove()
    post.remove()
    post.remove()
    np.testing.assert_array_equal(net(x).numpy(), [0, 0, 0])


def test_train_eval_apply() -> None:
    net = Scale(1)
    net.eval()
    assert not net.training and not net.inner.training
    seen: list[nn.Layer] = []
    net.train().apply(seen.append)
    assert net.inner.training and seen == [net.inner, net]


def test_shared_parameter_counts_once() -> None:
    a, b = Scale(), Scale()
    b.weight = a.weight
    both = nn.LayerList([a, b])
    assert len(both.parameters()) == 1 and len(both.state_dict()) == 4


def test_deepcopy_and_pickle_keep_the_structure() -> None:
    net = Scale(1)
    twin = copy.deepcopy(net)
    assert twin.weight is twin._parameters["weight"] and twin.weight is not net.weight
    assert twin.weight.name != net.weight.name
    np.testing.assert_array_equal(twin.inner.weight.numpy(), net.inner.weight.numpy())
    back = pickle.loads(pickle.dumps(net))
    assert back.weight is back._parameters["weight"] and back.weight.name == net.weight.name
    assert list(back.state_dict()) == list(net.state_dict())


def test_casting() -> None:
    net = Scale(1)
    assert net.to(dtype="float64").inner.weight.dtype == paddle.float64 and net.count.dtype == paddle.float64
    assert net.astype("float32").weight.dtype == paddle.float32
    with pytest.raises(ValueError, match="data type"):
        net.astype("nonsense")


def test_repr_nests() -> None:
    class Extra(nn.Layer):
        def extra_repr(self) -> str:
            return "k=3"

    assert repr(nn.Sequential(Extra(), nn.Sequential(Extra()))) == (
        "Sequential(\n  (0): Extra(k=3)\n  (1): Sequential(\n    (0): Extra(k=3)\n  )\n)"
    )


def test_forward_must_be_defined() -> None:
    with pytest.raises(NotImplementedError, match=r"Layer does not define forward"):
        nn.Layer()(1)


# --- containers


def test_sequential() -> None:
    net = nn.Sequential(("a", Scale()), ("b", Scale()))
    assert list(net.state_dict())[0] == "a.weight" and len(net) == 2 and net["a"] is net[0]
    net[1] = nn.Layer()
    assert type(net[-1]) is nn.Layer
    del net[0]
    assert len(net) == 1 and [type(x) for x in net] == [nn.Layer]
    with pytest.raises(IndexError):
        net[5]


def test_layer_list() -> None:
    a, b, c = Scale(), Scale(), Scale()
    layers = nn.LayerList([a, c])
    layers.insert(1, b)
    assert list(layers) == [a, b, c] and layers[-1] is c and list(layers[1:]) == [b, c]
    del layers[0]
    assert list(layers) == [b, c] and list(layers.state_dict())[0] == "0.weight"
    with pytest.raises(IndexError, match="out of range"):
        layers[7]
    with pytest.raises(TypeError, match="Layer is expected"):
        layers.append(3)


def test_layer_dict() -> None:
    a, b = Scale(), Scale()
    layers = nn.LayerDict({"a": a})
    layers.update([("b", b)])
    assert list(layers) == ["a", "b"] and layers.pop("a") is a and "a" not in layers
    with pytest.raises(KeyError):
        layers["a"]
    with pytest.raises(ValueError, match="pair"):
        layers.update([("x",)])
    layers.clear()
    assert len(layers) == 0


def test_parameter_list() -> None:
    parameters = nn.ParameterList([paddle.create_parameter([n], "float32") for n in (1, 2)])
    assert [p.shape for p in parameters] == [[1], [2]] and len(parameters.parameters()) == 2
    with pytest.raises(TypeError, match="Parameter is expected"):
        parameters[0] = paddle.ones([1])


# --- parameter attributes and initializers


def test_param_attr() -> None:
    attr = paddle.ParamAttr(
        name="w", initializer=nn.initializer.Constant(2.0), learning_rate=0.5, trainable=False, need_clip=False
    )
    p = paddle.create_parameter([2], "float32", attr=attr)
    assert p.name == "w" and p.stop_gradient and p.optimize_attr["learning_rate"] == 0.5 and not p.need_clip
    np.testing.assert_array_equal(p.numpy(), [2, 2])
    assert nn.Layer().create_parameter([1], attr=False) is None
    with pytest.raises(TypeError, match="learning_rate must be float or int"):
        paddle.ParamAttr(learning_rate="fast")
    with pytest.raises(ValueError, match="empty"):
        paddle.ParamAttr(name="")
    with pytest.raises(TypeError, match="parameter attribute"):
        nn.Layer().create_parameter([1], attr=3)


def test_initializers_repeat_after_seed() -> None:
    for make in (
        nn.initializer.XavierUniform(),
        nn.initializer.KaimingNormal(),
        nn.initializer.Orthogonal(),
        nn.initializer.TruncatedNormal(),
    ):
        drawn = []
        for _ in range(2):
            paddle.seed(3)
            drawn.append(nn.Layer().create_parameter([4, 6], default_initializer=make).numpy())
        np.testing.assert_array_equal(drawn[0], drawn[1])


def test_initializer_called_on_a_tensor() -> None:
    p = nn.Layer().create_parameter([2, 2])
    nn.initializer.Assign([[1.0, 2.0], [3.0, 4.0]])(p)
    np.testing.assert_array_equal(p.numpy(), [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"shape \[2, 2\], but the value has shape \[3\]"):
        nn.initializer.Assign([1.0, 2.0, 3.0])(p)
    with pytest.raises(ValueError, match="no gain is known"):
        nn.initializer.calculate_gain("nonsense")


def test_dirac_hands_its_input_on() -> None:
    w = nn.Layer().create_parameter([4, 2, 3], default_initializer=nn.initializer.Dirac(groups=2)).numpy()
    expected = np.zeros((4, 2, 3))
    for out, into in ((0, 0), (1, 1), (2, 0), (3, 1)):
        expected[out, into, 1] = 1
    np.testing.assert_array_equal(w, expected)

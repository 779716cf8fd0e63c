"""Recurrent layers: the operator against the cells it is made of, lengths, names, saving."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn

NETS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "SimpleRNN": nn.SimpleRNN}


def randn(*shape, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def leaves(states):
    return [s.numpy() for s in (states if isinstance(states, tuple) else (states,))]


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("direction", ["forward", "bidirect"])
def test_network_equals_its_cells_with_gradients(kind, direction):
    net = NETS[kind](3, 4, num_layers=2, direction=direction)
    x = randn(2, 5, 3)
    x.stop_gradient = False
    out, last = net(x)
    assert out.shape == [2, 5, 8 if direction == "bidirect" else 4]
    (out * out).sum().backward()
    found = [x.grad.numpy(), *[p.grad.numpy() for p in net.parameters()]]
    x.clear_gradient(False)
    net.clear_gradients()
    y = x
    for layer in net:
        y, _ = layer(y)
    np.testing.assert_allclose(out.numpy(), y.numpy(), rtol=1e-5, atol=1e-6)
    (y * y).sum().backward()
    for a, b in zip(found, [x.grad.numpy(), *[p.grad.numpy() for p in net.parameters()]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", NETS)
def test_sequences_end_at_their_length(kind):
    net = NETS[kind](3, 4, direction="bidirect")
    x = randn(2, 5, 3)
    out, last = net(x, sequence_length=paddle.to_tensor([2, 5]))
    short, short_last = net(x[:1, :2])
    assert not out.numpy()[0, 2:].any()
    np.testing.assert_allclose(out.numpy()[:1, :2], short.numpy(), rtol=1e-5, atol=1e-6)
    for a, b in zip(leaves(last), leaves(short_last), strict=True):
        np.testing.assert_allclose(a[:, :1], b, rtol=1e-5, atol=1e-6)


def test_initial_states_and_time_major():
    net = nn.LSTM(3, 4, time_major=True)
    x, h, c = randn(5, 2, 3), randn(1, 2, 4, seed=1), randn(1, 2, 4, seed=2)
    whole, _ = net(x, (h, c))
    first, states = net(x[:3], (h, c))
    second, _ = net(x[3:], states)
    np.testing.assert_allclose(whole.numpy(), np.concatenate([first.numpy(), second.numpy()]), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="2 tensors"):
        net(x, h)


def test_names_of_parameters():
    net = nn.LSTM(3, 4, num_layers=2, direction="bidirectional")
    own = [
        f"{n}_l{k}{d}"
        for k in (0, 1)
        for d in ("", "_reverse")
        for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    names = list(net.state_dict())
    assert names[:16] == own and names[16:18] == ["0.cell_fw.weight_ih", "0.cell_fw.weight_hh"] and len(names) == 32
    assert len(net.parameters()) == 16
    assert net.weight_ih_l1_reverse is net[1].cell_bw.weight_ih and net.weight_ih_l1.shape == [16, 8]
    assert str(nn.GRU(2, 3, 2, dropout=0.1)).startswith(
        "GRU(2, 3, num_layers=2, dropout=0.1\n  (0): RNN(\n    (cell): GRUCell(2, 3)"
    )


def test_without_biases():
    net = nn.LSTM(3, 4, bias_ih_attr=False, bias_hh_attr=False)
    out, _ = net(randn(2, 5, 3))
    assert out.shape == [2, 5, 4]
    assert [n for n in net.state_dict() if n.endswith("_l0")] == ["weight_ih_l0", "weight_hh_l0"]
    assert net[0].cell.bias_ih.stop_gradient


def test_backward_works_in_evaluation_mode():
    net = nn.GRU(3, 4, num_layers=2, dropout=0.5)
    net.eval()
    x = randn(2, 5, 3)
    np.testing.assert_array_equal(net(x)[0].numpy(), net(x)[0].numpy())
    net(x)[0].sum().backward()
    assert net.weight_ih_l0.grad.numpy().any()
    net.train()
    assert (net(x)[0].numpy() != net(x)[0].numpy()).any()


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("spec", [[2, 5, 3], [None, None, 3]])
def test_traced(kind, spec):
    net = NETS[kind](3, 4, num_layers=2, direction="bidirect")
    x = randn(2, 5, 3)
    wanted = net(x)[0].numpy()
    net(x)[0].sum().backward()
    grad = net.weight_hh_l0.grad.numpy().copy()
    net.clear_gradients()
    traced = paddle.jit.to_static(net, input_spec=[paddle.static.InputSpec(spec)])
    out, _ = traced(x)
    np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-6)
    out.sum().backward()
    np.testing.assert_allclose(net.weight_hh_l0.grad.numpy(), grad, rtol=1e-5)


def test_saved_and_loaded(tmp_path):
    net = nn.LSTM(3, 4, num_layers=2, dropout=0.3)
    net.eval()
    x = randn(2, 5, 3)
    paddle.jit.save(net, str(tmp_path / "net"), input_spec=[paddle.static.InputSpec([None, 5, 3])])
    loaded = paddle.jit.load(str(tmp_path / "net"))
    np.testing.assert_allclose(loaded(x)[0].numpy(), net(x)[0].numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    "cell", [nn.SimpleRNNCell(3, 4, "relu"), nn.LSTMCell(3, 4), nn.GRUCell(3, 4)], ids=lambda c: type(c).__name__
)
@pytest.mark.parametrize("is_reverse", [False, True])
def test_loop_over_a_cell_traced_with_unknown_length(cell, is_reverse):
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(cell, is_reverse=is_reverse)

        def forward(self, x):
            return self.rnn(x)[0]

    net, x = Net(), randn(2, 5, 3)
    wanted = net(x).numpy()
    traced = paddle.jit.to_static(net, input_spec=[paddle.static.InputSpec([None, None, 3])])
    np.testing.assert_allclose(traced(x).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_own_cell():
    class Decay(nn.RNNCellBase):
        @property
        def state_shape(self):
            return ((2,), (2,))

        def forward(self, x, states=None):
            a, b = self.get_initial_states(x) if states is None else states
            return a + b, (a * 0.5 + x, b + 1)

    x = paddle.ones([3, 4, 2])
    out, (a, b) = nn.RNN(Decay())(x, sequence_length=paddle.to_tensor([4, 2, 0]))
    assert out.shape == [3, 4, 2]
    assert b.numpy()[:, 0].tolist() == [4, 2, 0] and a.numpy()[:, 0].tolist() == [1.875, 1.5, 0]


def test_errors():
    with pytest.raises(ValueError, match="direction"):
        nn.LSTM(2, 3, direction="backward")
    with pytest.raises(ValueError, match="hidden_size"):
        nn.GRU(2, 0)
    with pytest.raises(ValueError, match="activation"):
        nn.SimpleRNN(2, 3, activation="elu")
    with pytest.raises(ValueError, match="width 5"):
        nn.LSTM(2, 3)(paddle.ones([1, 4, 5]))
    with pytest.raises(ValueError, match="input_size"):
        nn.BiRNN(nn.GRUCell(2, 3), nn.GRUCell(4, 3))
    with pytest.raises(NotImplementedError, match="state_shape"):
        _ = nn.RNNCellBase().state_shape


def test_beam_search_finds_the_best_sequences():
    logits = np.log(np.array([[0.1, 0.6, 0.3], [0.1, 0.2, 0.7], [0.2, 0.3, 0.5]], "float32"))

    class Chain(nn.RNNCellBase):  # the next token depends on the last one
        def forward(self, tokens, states):
            return paddle.to_tensor(logits)[tokens], states

    decoder = nn.BeamSearchDecoder(Chain(), start_token=0, end_token=2, beam_size=2)
    (ids, states, lengths) = nn.dynamic_decode(decoder, paddle.zeros([1, 1]), max_step_num=5, return_length=True)
    # from 0: 1 and 2 with probability 0.6 * 0.7, 2 at once with 0.3
    assert ids.numpy()[0, :, 0].tolist() == [1, 2] and ids.numpy()[0, 0, 1] == 2
    assert lengths.numpy()[0].tolist() == [2, 1]
    np.testing.assert_allclose(states.log_probs.numpy()[0], np.log([0.42, 0.3]), rtol=1e-5)
    tiled = nn.BeamSearchDecoder.tile_beam_merge_with_batch(paddle.to_tensor([[1.0], [2.0]]), 2)
    assert tiled.numpy()[:, 0].tolist() == [1, 1, 2, 2]

"""paddle.Model: training, files, resuming, callbacks, progress."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core.scope import Scope
from minipaddle.hapi import progressbar
from minipaddle.jit.input_spec import InputSpec

nn = paddle.nn


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten patterns of 28 x 28 points with noise."""
    patterns = np.random.default_rng(0).standard_normal((10, 784))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, (count, 1))
    images = 0.4 * patterns[labels[:, 0]] + rng.standard_normal((count, 784))
    return images.astype("float32"), labels


class Data(paddle.io.Dataset):
    def __init__(self, count: int, seed: int) -> None:
        self.images, self.labels = digits(count, seed)

    def __getitem__(self, index: int) -> Any:
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(784, 32), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        return self.out(nn.functional.relu(self.hidden(x)))


def model(rate: Any = 0.002, specs: bool = True, metrics: bool = True) -> paddle.Model:
    net = Net()
    made = paddle.Model(net, [InputSpec([None, 784], "float32", "x")] if specs else None,
                        [InputSpec([None, 1], "int64", "y")] if specs else None)  # fmt: skip
    made.prepare(
        paddle.optimizer.Adam(rate, parameters=net.parameters()), nn.CrossEntropyLoss(),
        paddle.metric.Accuracy() if metrics else None,
    )  # fmt: skip
    return made


def weights(m: paddle.Model) -> list[np.ndarray]:
    return [p.numpy() for p in m.parameters()]


def test_fit_learns_saves_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paddle.seed(1)
    m = model()
    m.fit(Data(2000, 1), Data(400, 2), batch_size=50, epochs=3, log_freq=20, save_dir=str(tmp_path / "ck"))
    text = capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "ck")) == [
        f"{name}.{kind}" for name in ("0", "1", "2", "final") for kind in ("pdopt", "pdparams")
    ]  # fmt: skip
    saved = [line for line in text.splitlines() if line.startswith("save checkpoint at ")]
    assert saved == [f"save checkpoint at {tmp_path / 'ck' / n}" for n in ("0", "1", "2", "final")]
    lines = text.splitlines()
    assert lines[0].startswith("The loss value printed in the log is the current step")
    assert lines[1] == "Epoch 1/3" and lines[2].startswith("step 20/40 - loss: ") and " - acc: 0." in lines[2]
    assert "Eval begin..." in lines and "Eval samples: 400" in lines
    result = m.evaluate(Data(400, 2), batch_size=100, verbose=0)
    assert set(result) == {"loss", "acc"} and result["acc"] > 0.97
    (stacked,) = m.predict(Data(30, 3), batch_size=20, stack_outputs=True, verbose=0)
    assert stacked.shape == (30, 10)
    (parts,) = m.predict(Data(30, 3), batch_size=20, verbose=0)
    assert [p.shape for p in parts] == [(20, 10), (10, 10)]
    assert capsys.readouterr().out == ""


def test_resume_goes_on_exactly(tmp_path: Path) -> None:
    x, y = digits(40, 5)
    first = model(paddle.optimizer.lr.StepDecay(0.01, 2))
    for _ in range(3):
        first.train_batch([x], [y])
    first.save(str(tmp_path / "deep" / "m"))
    second = model(paddle.optimizer.lr.StepDecay(0.01, 2))  # other parameter names
    assert second.load(str(tmp_path / "deep" / "m.pdparams")) is None
    for _ in range(2):
        a, b = first.train_batch([x], [y]), second.train_batch([x], [y])
        np.testing.assert_array_equal(a[0][0], b[0][0])
    for p, q in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(p, q)


def test_load_mismatch_and_missing(tmp_path: Path) -> None:
    m = model()
    path = str(tmp_path / "m")
    m.save(path)
    assert os.listdir(tmp_path) == ["m.pdparams"]  # no step yet, so no state of the optimizer
    other = paddle.Model(nn.Sequential(nn.Linear(784, 3)))
    with pytest.raises(ValueError, match="0.weight"):
        other.load(path)
    with pytest.warns(UserWarning, match="Skip loading for"):
        other.load(path, skip_mismatch=True)
    with pytest.raises(AssertionError, match="check path"):
        m.load(str(tmp_path / "nothing"))
    for wrong in ("", f"{tmp_path}/"):
        with pytest.raises(ValueError, match="file name"):
            m.save(wrong)


def test_inference_model(tmp_path: Path) -> None:
    m = model()
    x, _ = digits(3, 1)
    path = str(tmp_path / "i" / "m")
    m.save(path, training=False)
    assert sorted(os.listdir(tmp_path / "i")) == ["m.pdiparams", "m.pdiparams.info", "m.pdmodel"]
    loaded = paddle.jit.load(path)
    np.testing.assert_allclose(loaded(paddle.to_tensor(x)).numpy(), m.predict_batch([x])[0], rtol=1e-5, atol=1e-6)
    without = model(specs=False)
    with pytest.raises(RuntimeError, match="inputs"):
        without.save(path, training=False)
    without.predict_batch([x])
    with pytest.warns(UserWarning, match=r"\[3, 784\]"):
        without.save(path, training=False)


def test_accumulated_batches_make_one_update() -> None:
    images, labels = digits(8, 1)
    together, parts = model(), model()
    for p, q in zip(together.parameters(), parts.parameters(), strict=True):
        q.set_value(p.numpy())
    for m in (together, parts):
        m._loss = nn.CrossEntropyLoss(reduction="sum")
    together.train_batch([images], [labels])
    batches = [(images[:4], labels[:4]), (images[4:], labels[4:])]
    parts.fit(batches, epochs=1, verbose=0, accumulate_grad_batches=2)
    for p, q in zip(weights(together), weights(parts), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)


def test_num_iters_stops_and_counts() -> None:
    class Count(paddle.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, step: int, logs: Any = None) -> None:
            self.steps += 1

    count = Count()
    m = model()
    m.fit(Data(60, 1), batch_size=20, verbose=0, num_iters=7, callbacks=[count])
    assert count.steps == 7 and m.stop_training
    m.fit(Data(60, 1), batch_size=20, verbose=0, epochs=2, callbacks=count)
    assert count.steps == 13


def test_callbacks_are_called_in_order() -> None:
    calls: list[str] = []

    class Record(paddle.callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                calls.append(name[3:])
            return super().__getattribute__(name)

    m = model()
    m.fit(Data(20, 1), Data(10, 2), batch_size=10, verbose=0, callbacks=[Record()])
    batch = ["train_batch_begin", "train_batch_end"]
    evaluation = ["eval_begin", "eval_batch_begin", "eval_batch_end", "eval_end"]
    assert calls == ["train_begin", "epoch_begin", *batch * 2, "epoch_end", *evaluation, "train_end"]


def test_schedulers_step_by_batch_or_epoch() -> None:
    for callback, expected in ((None, 6), (paddle.callbacks.LRScheduler(by_step=False, by_epoch=True), 2)):
        scheduler = paddle.optimizer.lr.StepDecay(0.01, 100)
        model(scheduler).fit(Data(30, 1), batch_size=10, epochs=2, verbose=0, callbacks=callback)
        assert scheduler.last_epoch == expected
    with pytest.raises(ValueError):
        paddle.callbacks.LRScheduler(True, True)


def test_early_stopping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = paddle.callbacks.EarlyStopping("acc", patience=2, baseline=1.1)
    m = model()
    m.fit(Data(40, 1), Data(20, 2), batch_size=20, epochs=9, verbose=0, callbacks=[stop], save_dir=str(tmp_path))
    assert m.stop_training and stop.stopped_epoch == 2
    assert "Epoch 2: Early stopping." in capsys.readouterr().out
    with pytest.warns(UserWarning, match="Monitor of EarlyStopping"):
        stop.on_eval_end({})
    best = paddle.callbacks.EarlyStopping("loss", patience=5)
    m.fit(Data(40, 1), Data(20, 2), batch_size=20, verbose=0, callbacks=[best], save_dir=str(tmp_path))
    assert (tmp_path / "best_model.pdparams").is_file()
    with pytest.warns(UserWarning, match="needs validation data"):
        m.fit(Data(20, 1), batch_size=20, verbose=0, callbacks=[paddle.callbacks.EarlyStopping()])


def test_reduce_rate_on_plateau() -> None:
    reduce = paddle.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, verbose=0, min_lr=0.003)
    m = model(0.01)
    reduce.set_model(m)
    found = []
    for loss in (2.0, 2.0, 2.0, 1.0, 1.0):
        reduce.on_eval_end({"loss": [loss]})
        found.append(m._optimizer.get_lr())
    assert found == [0.01, 0.005, 0.003, 0.003, 0.003]
    with pytest.raises(ValueError):
        paddle.callbacks.ReduceLROnPlateau(factor=2)


def test_loggers_without_their_package_name_it() -> None:
    log = paddle.callbacks.VisualDL("logs")
    if "visualdl" not in sys.modules:
        with pytest.raises(ImportError, match="visualdl"):
            log._write("train/loss", 1, 0.5)


def test_wrong_arguments() -> None:
    m = paddle.Model(Net())
    with pytest.raises(AssertionError, match="prepare"):
        m.train_batch([digits(2, 1)[0]])
    with pytest.raises(TypeError, match="loss"):
        m.prepare(loss=3)
    with pytest.raises(AssertionError, match="Metric"):
        m.prepare(metrics=[3])
    with pytest.raises(ValueError, match="amp_configs"):
        m.prepare(amp_configs={"level": "O1", "speed": 3})
    with pytest.raises(AssertionError, match="train_data"):
        m.fit()
    with pytest.raises(ValueError, match="name"):
        paddle.Model(Net(), [InputSpec([None, 784])])


def test_mixed_precision_saves_the_scaler(tmp_path: Path) -> None:
    m = model()
    m.prepare(m._optimizer, m._loss, amp_configs={"level": "O1", "init_loss_scaling": 64.0})
    x, y = digits(10, 1)
    m.train_batch([x], [y])
    m.save(str(tmp_path / "m"))
    assert sorted(os.listdir(tmp_path)) == ["m.pdopt", "m.pdparams", "m.pdscaler"]
    m._scaler.set_init_loss_scaling(2.0)
    m.load(str(tmp_path / "m"))
    assert m._scaler.state_dict()["scale"].tolist() == [64.0]


# --- progress


class FakeBar:
    """Stands in for tqdm."""

    made: list[FakeBar] = []

    def __init__(self, **options: Any) -> None:
        self.options, self.n, self.text, self.closed = options, 0, "", False
        FakeBar.made.append(self)

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        self.text = text

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_bar_is_drawn_by_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeBar.made.clear()
    monkeypatch.setattr(progressbar, "_tqdm", lambda: FakeBar)
    model().fit(Data(40, 1), batch_size=10, verbose=1, log_freq=1)
    (bar,) = FakeBar.made
    assert bar.options["total"] == 4 and bar.n == 4 and bar.closed
    assert bar.text.startswith("loss: ") and "acc: " in bar.text


def test_lines_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progressbar, "_tqdm", lambda: None)
    out = io.StringIO()
    bar = progressbar.ProgressBar(num=12, verbose=1, file=out)
    bar.update(3, [("loss", [0.5]), ("acc", 0.0001), ("note", "x")])
    assert out.getvalue().startswith("step  3/12 - loss: 0.5000 - acc: 1.0000e-04 - note: x - ")
    assert out.getvalue().endswith("/step\n")
    with pytest.raises(TypeError):
        progressbar.ProgressBar(num=0)


def test_lines_with_times(capsys: pytest.CaptureFixture[str]) -> None:
    model().fit(Data(20, 1), batch_size=10, verbose=3, log_freq=1)
    assert "avg_reader_cost" in capsys.readouterr().out


# --- static mode


@pytest.fixture
def static_mode() -> Iterator[None]:
    paddle.enable_static()
    try:
        with paddle.static.scope_guard(Scope()), paddle.utils.unique_name.guard(), paddle.static.program_guard(
            paddle.static.Program(), paddle.static.Program()
        ):
            yield
    finally:
        paddle.disable_static()


def test_static_mode(static_mode: None, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="inputs"):
        paddle.Model(Net())
    m = model()
    m.fit(Data(1000, 1), batch_size=50, epochs=3, verbose=0, save_dir=str(tmp_path))
    assert m.evaluate(Data(200, 2), batch_size=50, verbose=0)["acc"] > 0.9
    assert m.predict(Data(20, 3), batch_size=10, stack_outputs=True, verbose=0)[0].shape == (20, 10)
    before = m.evaluate(Data(200, 2), batch_size=50, verbose=0)
    m.fit(Data(100, 7), batch_size=50, verbose=0)
    m.load(str(tmp_path / "final"))
    assert m.evaluate(Data(200, 2), batch_size=50, verbose=0) == before
    m.save(str(tmp_path / "i"), training=False)
    assert (tmp_path / "i.pdmodel").is_file() and (tmp_path / "i.pdiparams").is_file()
    x, y = digits(4, 1)
    with pytest.raises(AssertionError, match="update"):
        m.train_batch([x], [y], update=False)


def test_static_checkpoint_fits_other_names(static_mode: None, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
    batch = [x, (x.sum(1, keepdims=True) > 0).astype("int64")]

    def made() -> paddle.Model:
        specs = [InputSpec([None, 4], name="x")], [InputSpec([None, 1], "int64", "y")]
        m = paddle.Model(nn.Linear(4, 2), *specs)
        m.prepare(paddle.optimizer.Adam(0.1, parameters=m.parameters()), nn.CrossEntropyLoss())
        return m

    first = made()
    first.train_batch(batch[:1], batch[1:])
    first.save(str(tmp_path / "m"))
    second = made()
    assert second.network.weight.name != first.network.weight.name
    second.load(str(tmp_path / "m"))
    for _ in range(3):
        np.testing.assert_allclose(first.train_batch(batch[:1], batch[1:]), second.train_batch(batch[:1], batch[1:]), rtol=1e-6)


def test_static_and_dynamic_train_alike() -> None:
    x, y = digits(20, 5)
    dynamic = model()
    start = weights(dynamic)
    losses = [dynamic.train_batch([x], [y])[0][0] for _ in range(3)]
    paddle.enable_static()
    try:
        with paddle.static.scope_guard(Scope()), paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
            m = model()
            for p, value in zip(m.parameters(), start, strict=True):
                paddle.static.global_scope().var(p.name).set(value)
            found = [m.train_batch([x], [y])[0][0] for _ in range(3)]
    finally:
        paddle.disable_static()
    np.testing.assert_allclose(np.ravel(found), np.ravel(losses), rtol=1e-5)


# --- tables


class Small(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2D(1, 6, 3, padding=1), nn.BatchNorm2D(6), nn.ReLU(), nn.MaxPool2D(2, 2))
        self.fc = nn.Linear(6 * 14 * 14, 10)
        self.fc.bias.trainable = False

    def forward(self, x: Any) -> Any:
        return self.fc(paddle.flatten(self.features(x), 1))


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with paddle.utils.unique_name.guard():
        net = Small()
    assert paddle.summary(net, (None, 1, 28, 28)) == {"total_params": 11854, "trainable_params": 11832}
    text = capsys.readouterr().out
    # recorded from Paddle 2.6.2
    assert " BatchNorm2D-1    [[1, 6, 28, 28]]      [1, 6, 28, 28]          24       " in text
    assert "   Linear-1         [[1, 1176]]            [1, 10]            11,770     " in text
    assert "Forward/backward pass size (MB): 0.12" in text and net.training
    assert paddle.summary(net, input=paddle.zeros([2, 1, 28, 28]))["total_params"] == 11854
    assert paddle.Model(Small(), [InputSpec([None, 1, 28, 28], name="x")]).summary()["total_params"] == 11854
    with pytest.raises(ValueError):
        paddle.summary(net)
    with pytest.raises(ValueError):
        paddle.summary(net, (None, None, 28, 28))
    with pytest.raises(ValueError):
        paddle.summary(net, (1, 0, 28, 28))


class Tagger(nn.Layer):
    """A recurrent layer is a list of layers that is called itself: it has a line of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.head = nn.Embedding(20, 6), nn.LSTM(6, 5), nn.Linear(5, 2)

    def forward(self, words: paddle.Tensor) -> paddle.Tensor:
        return self.head(self.lstm(self.embedding(words))[0][:, -1])


def test_summary_of_a_recurrent_network(capsys: pytest.CaptureFixture[str]) -> None:
    with paddle.utils.unique_name.guard():
        net = Tagger()
    assert paddle.summary(net, (3, 7), dtypes="int64") == {"total_params": 392, "trainable_params": 392}
    # recorded from Paddle 2.6.2
    assert "    LSTM-1          [[3, 7, 6]]      [[3, 7, 5], [[1, 3, 5], [1, 3, 5]]]       260" in capsys.readouterr().out
    with paddle.utils.unique_name.guard():
        paddle.summary(nn.TransformerEncoderLayer(8, 2, 16), (2, 5, 8))
    assert "MultiHeadAttention-1 [[2, 5, 8], [2, 5, 8], [2, 5, 8], None]      [2, 5, 8]              0" in capsys.readouterr().out


def test_flops(capsys: pytest.CaptureFixture[str]) -> None:
    assert paddle.flops(Small(), [1, 1, 28, 28], print_detail=True) == 68208  # Paddle 2.6.2
    text = capsys.readouterr().out
    assert "Total Flops: 68208     Total Params: 11854" in text and "Treat it as zero FLOPs" in text

    def pool(layer: Any, x: Any, y: Any) -> None:
        layer.total_ops += 7

    assert paddle.flops(Small(), [1, 1, 28, 28], custom_ops={nn.MaxPool2D: pool}) == 68215
    with pytest.raises(TypeError):
        paddle.flops(3, [1])


def test_quiet_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(Data(20, 1), batch_size=10, verbose=0)

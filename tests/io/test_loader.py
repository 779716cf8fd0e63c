"""DataLoader in one process: batches, collating, arguments, static mode."""
from __future__ import annotations

import collections
import sys

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import io
from minipaddle.core.program import Program
from minipaddle.core.recorder import Recorder, recording

from .test_datasets import Squares, Stream


@pytest.fixture
def static_mode():
    with recording(Recorder(Program())):
        yield


def test_a_batch_is_a_list_of_tensors():
    batches = list(io.DataLoader(Squares(5), batch_size=2))
    assert [type(b) for b in batches] == [list] * 3
    x, y = batches[0]
    assert (x.dtype, y.dtype, x.stop_gradient) == (paddle.float32, paddle.int64, True)
    assert batches[2][1].numpy().tolist() == [16]
    assert len(io.DataLoader(Squares(5), batch_size=2, drop_last=True)) == 2


def test_every_call_starts_a_new_pass():
    loader = io.DataLoader(Squares(4), batch_size=2)
    assert [len(list(loader)), len(list(loader())), len(list(loader))] == [2, 2, 2]
    it = iter(loader)
    next(it)
    assert len(it) == 2 and iter(it) is it
    next(it)
    with pytest.raises(StopIteration):
        next(it)


def test_structures_are_kept():
    Point = collections.namedtuple("Point", "a b")

    class D(Squares):
        def __getitem__(self, i):
            return {"p": Point(np.ones(2), i), "s": "x", "t": paddle.full([2], i), "flag": i > 0, "deep": [[i * 0.5]]}

    batch = next(iter(io.DataLoader(D(2), batch_size=2)))
    assert batch["p"][0].shape == [2, 2] and batch["p"][1].dtype == paddle.int64
    assert batch["s"] == ["x", "x"]
    assert batch["t"].numpy().tolist() == [[0, 0], [1, 1]]
    assert batch["flag"].dtype == paddle.bool
    assert batch["deep"][0][0].dtype == paddle.float64


def test_wrong_samples_are_named():
    class Ragged(Squares):
        def __getitem__(self, i):
            return np.zeros(i + 1)

    with pytest.raises(ValueError, match=r"\[1\].*\[2\]"):
        list(io.DataLoader(Ragged(2), batch_size=2))

    class Fields(Squares):
        def __getitem__(self, i):
            return (1,) * (i + 1)

    with pytest.raises(RuntimeError, match="1, number 1 has 2"):
        list(io.DataLoader(Fields(2), batch_size=2))

    class Objects(Squares):
        def __getitem__(self, i):
            return object()

    with pytest.raises(TypeError, match="object"):
        list(io.DataLoader(Objects(2), batch_size=2))


def test_stop_iteration_in_a_data_set_is_an_error():
    class D(Squares):
        def __getitem__(self, i):
            raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(io.DataLoader(D(2)))


def test_tensor_dataset_batches_equal_its_samples():
    x, y = paddle.to_tensor(np.arange(12.0).reshape(6, 2)), paddle.arange(6)

    class General(io.TensorDataset):
        pass

    fast, slow = (list(io.DataLoader(kind([x, y]), batch_size=4)) for kind in (io.TensorDataset, General))
    for f, s in zip(fast, slow, strict=True):
        for a, b in zip(f, s, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape and (a.numpy() == b.numpy()).all()
    fast[0][0][0] = 99.0
    assert float(x[0, 0]) == 0.0


def test_no_batching():
    class Arrays(Squares):
        def __getitem__(self, i):
            return np.full([2], i), str(i)

    batches = list(io.DataLoader(Arrays(3), batch_size=None))
    assert len(batches) == 3 and batches[1][0].shape == [2] and batches[1][1] == "1"
    assert [int(b) if not isinstance(b, int) else b for b in io.DataLoader(Stream(3), batch_size=None)] == [0, 1, 2]


def test_streams():
    loader = io.DataLoader(Stream(5), batch_size=2)
    assert [b.numpy().tolist() for b in loader] == [[0, 1], [2, 3], [4]]
    assert len(list(io.DataLoader(Stream(5), batch_size=2, drop_last=True))) == 2
    with pytest.raises(ValueError, match="length"):
        len(loader)
    with pytest.raises(ValueError, match="shuffle"):
        io.DataLoader(Stream(5), shuffle=True)
    with pytest.raises(ValueError, match="batch_sampler"):
        io.DataLoader(Stream(5), batch_sampler=[[0]])


@pytest.mark.parametrize(
    "arguments",
    [{"num_workers": -1}, {"prefetch_factor": 0}, {"timeout": -1}, {"batch_size": 0}, {"batch_size": -2},
     {"batch_sampler": [[0]], "batch_size": 2}, {"batch_sampler": [[0]], "shuffle": True}, {"batch_sampler": [[0]], "drop_last": True},
     {"shuffle": 1}],
)  # fmt: skip
def test_wrong_arguments(arguments):
    with pytest.raises(AssertionError):
        io.DataLoader(Squares(4), **arguments)


def test_batch_sampler_may_be_any_iterable():
    out = [y.numpy().tolist() for _, y in io.DataLoader(Squares(4), batch_sampler=[[3, 0], [1]])]
    assert out == [[9, 0], [1]]


def test_places():
    x, _ = next(iter(io.DataLoader(Squares(4), places=[paddle.CPUPlace()])))
    assert x.place.is_cpu_place()
    with pytest.raises(NotImplementedError, match="2"):
        io.DataLoader(Squares(4), places=[paddle.CPUPlace(), paddle.CPUPlace()])
    with pytest.raises(ValueError, match="tpu"):
        io.DataLoader(Squares(4), places="tpu")


def test_static_mode_feeds(static_mode):
    with pytest.raises(AssertionError, match="feed_list"):
        io.DataLoader(Squares(4), return_list=False)
    default = next(iter(io.DataLoader(Squares(4), feed_list=["image", "label"], batch_size=2)))
    image, label = default
    assert default.feed_names == ["image", "label"] and isinstance(default, list) and label.numpy().tolist() == [0, 1]
    plain = next(iter(io.DataLoader(Squares(4), feed_list=["image", "label"], return_list=True)))
    assert type(plain) is list
    one = next(iter(io.DataLoader(Squares(4), feed_list=["image", "label"], return_list=False)))
    assert list(one[0]) == ["image", "label"]
    with pytest.raises(ValueError, match="1 variables.*2 fields"):
        next(iter(io.DataLoader(Squares(4), feed_list=["image"])))
    with pytest.raises(TypeError, match="entry 0"):
        io.DataLoader(Squares(4), feed_list=[3])


def test_feed_list_changes_nothing_in_dynamic_mode():
    batch = next(iter(io.DataLoader(Squares(4), feed_list=["image", "label"], return_list=False)))
    assert type(batch) is list and len(batch) == 2


def test_from_generator():
    def samples():
        for i in range(5):
            yield [float(i)], i

    loader = io.DataLoader.from_generator(capacity=4, return_list=True)
    with pytest.raises(AssertionError):
        next(iter(loader))
    loader.set_sample_generator(samples, batch_size=2, drop_last=False)
    out = [(x.numpy().tolist(), y.numpy().tolist()) for x, y in loader()]
    assert out == [([[0.0], [1.0]], [0, 1]), ([[2.0], [3.0]], [2, 3]), ([[4.0]], [4])]
    loader.set_batch_generator(lambda: iter([np.ones(3)]))
    assert [b[0].shape for b in loader] == [[3]]
    with pytest.raises(NotImplementedError, match="iterable"):
        io.DataLoader.from_generator(iterable=False)
    with pytest.raises(NotImplementedError, match="Dataset"):
        io.DataLoader.from_dataset(None, None)


def test_from_generator_in_static_mode(static_mode):
    loader = io.DataLoader.from_generator(feed_list=["x"], capacity=1)
    loader.set_sample_list_generator(lambda: iter([[(np.ones(2),), (np.zeros(2),)]]))
    (batch,) = loader
    assert batch[0]["x"].numpy().tolist() == [[1, 1], [0, 0]]


def test_multiprocessing_is_not_imported_without_workers():
    import subprocess

    code = (
        "import sys, numpy, minipaddle as p; list(p.io.DataLoader(p.io.TensorDataset([p.ones([4])])));"
        "sys.exit('multiprocessing' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

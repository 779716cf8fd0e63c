"""Data sets and samplers."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import io


class Squares(io.Dataset):
    def __init__(self, n: int):
        self.n = n

    def __getitem__(self, i):
        return np.float32(i), np.int64(i * i)

    def __len__(self):
        return self.n


class Stream(io.IterableDataset):
    def __init__(self, n: int):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def test_base_classes_name_what_is_missing():
    class Empty(io.Dataset):
        pass

    for action in (lambda d: d[0], len):
        with pytest.raises(NotImplementedError, match="Empty"):
            action(Empty())
    with pytest.raises(RuntimeError, match="Stream"):
        Stream(2)[0]
    assert list(Stream(3)) == [0, 1, 2]


def test_tensor_dataset_checks_rows():
    with pytest.raises(AssertionError, match="4 rows.*3"):
        io.TensorDataset([paddle.zeros([4, 2]), paddle.zeros([3])])
    d = io.TensorDataset([paddle.arange(4), paddle.arange(4)])
    assert len(d) == 4 and int(d[2][1]) == 2


def test_concat_compose_chain():
    d = io.ConcatDataset([Squares(2), Squares(3)])
    assert [int(d[i][1]) for i in range(len(d))] == [0, 1, 0, 1, 4]
    assert int(d[-5][1]) == 0
    with pytest.raises(ValueError, match="-6"):
        d[-6]
    with pytest.raises(IndexError, match="5"):
        d[5]
    assert len(io.ComposeDataset([Squares(3), Squares(3)])[1]) == 4
    with pytest.raises(AssertionError, match="3 and 2"):
        io.ComposeDataset([Squares(3), Squares(2)])
    assert list(io.ChainDataset([Stream(2), Stream(1)])) == [0, 1, 0]
    for combine in (io.ConcatDataset, io.ComposeDataset):
        with pytest.raises(AssertionError):
            combine([Stream(2)])
    with pytest.raises(AssertionError):
        io.ChainDataset([Squares(2)])


def test_random_split_repeats_under_seed():
    def split():
        paddle.seed(5)
        return [s.indices for s in io.random_split(Squares(10), [6, 4])]

    first = split()
    assert first == split()
    assert sorted(first[0] + first[1]) == list(range(10))
    with pytest.raises(ValueError, match="9.*10"):
        io.random_split(Squares(10), [5, 4])


def test_random_sampler_draws_from_numpy():
    np.random.seed(3)
    drawn = list(io.RandomSampler(Squares(6)))
    np.random.seed(3)
    assert drawn == np.random.choice(np.arange(6), 6, replace=False).tolist()
    assert list(io.RandomSampler(Squares(6), generator=iter([4, 1]))) == [4, 1]
    with pytest.raises(TypeError):
        io.RandomSampler(Squares(2), replacement=1)
    with pytest.raises(ValueError):
        io.RandomSampler(Squares(2), num_samples=1)
    with pytest.raises(ValueError):
        io.RandomSampler(Squares(2), True, num_samples=0)


def test_weighted_sampler():
    assert list(io.WeightedRandomSampler([0.0, 2.0, 0.0], 4)) == [1] * 4
    rows = io.WeightedRandomSampler(np.array([[1.0, 0.0], [0.0, 3.0]]), 2)
    assert list(rows) == [0, 0, 1, 1] and len(rows) == 4
    assert sorted(io.WeightedRandomSampler([1.0, 1.0, 0.5], 3, replacement=False)) == [0, 1, 2]
    for weights in ([-1.0, 1.0], [0.0, 0.0], [float("inf"), 1.0], [float("nan"), 1.0]):
        with pytest.raises(AssertionError):
            list(io.WeightedRandomSampler(weights, 1))
    with pytest.raises(AssertionError):
        list(io.WeightedRandomSampler([1.0, 0.0], 2, replacement=False))
    with pytest.raises(ValueError):
        io.WeightedRandomSampler([1.0], 0)


def test_subset_random_sampler():
    assert sorted(io.SubsetRandomSampler([3, 5, 9])) == [3, 5, 9]
    with pytest.raises(ValueError):
        io.SubsetRandomSampler([])


@pytest.mark.parametrize(
    "arguments",
    [{}, {"sampler": [0]}, {"dataset": Squares(2), "batch_size": 0}, {"dataset": Squares(2), "drop_last": 1},
     {"dataset": Stream(2)}, {"dataset": Squares(2), "shuffle": 1}, {"dataset": Squares(2), "sampler": io.SequenceSampler([0])}],
)  # fmt: skip
def test_batch_sampler_refuses(arguments):
    with pytest.raises(AssertionError):
        io.BatchSampler(**arguments)


@pytest.mark.parametrize("n", [1, 2, 7, 16, 23])
@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("drop_last", [False, True])
def test_distributed_batches_cover_the_data_evenly(n, ranks, drop_last):
    samplers = [io.DistributedBatchSampler(Squares(n), 4, ranks, r, drop_last=drop_last) for r in range(ranks)]
    batches = [list(s) for s in samplers]
    assert {len(b) for b in batches} == {len(samplers[0])}
    if not drop_last:
        flat = [i for b in batches for part in b for i in part]
        assert set(flat) == set(range(n)) and len(flat) == -(-n // ranks) * ranks


def test_distributed_batches_shuffle_by_epoch(monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    monkeypatch.setenv("PADDLE_TRAINER_ID", "1")
    s = io.DistributedBatchSampler(Squares(8), 2, shuffle=True)
    assert (s.nranks, s.local_rank) == (2, 1)
    first, second = list(s), list(s)
    assert first != second
    s.set_epoch(0)
    assert list(s) == first

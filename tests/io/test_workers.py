"""DataLoader with worker processes."""
from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import io


class Numbered(io.Dataset):
    """Later samples are faster, so that batches arrive out of order."""

    def __init__(self, n: int = 12, size: int = 3, delay: float = 0.0):
        self.n, self.size, self.delay = n, size, delay

    def __getitem__(self, i):
        if self.delay and i % 4 == 0:
            time.sleep(self.delay)
        return np.full(self.size, i, "float32"), i

    def __len__(self):
        return self.n


class Failing(Numbered):
    error: type[Exception] = ZeroDivisionError

    def __getitem__(self, i):
        if i == 5:
            raise self.error(f"sample {i}\nis bad")
        return super().__getitem__(i)


class OddError(ValueError):
    def __init__(self, a, b):
        super().__init__(a, b)


class Killed(Numbered):
    def __getitem__(self, i):
        if i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(i)


class Draws(Numbered):
    def __getitem__(self, i):
        return np.array([np.random.random(), random.random(), float(paddle.rand([1])), io.get_worker_info().id])


class Shared(io.IterableDataset):
    def __init__(self, n: int):
        self.n = n

    def __iter__(self):
        info = io.get_worker_info()
        return iter(range(self.n)) if info is None else iter(range(info.id, self.n, info.num_workers))


def numbers(loader):
    return [i for _, y in loader for i in y.numpy().tolist()]


def segments(pid=None):
    """Names of the shared memory of this process, or of another."""
    mark = f"mp{os.getpid() if pid is None else pid:x}_"
    return {n for n in os.listdir("/dev/shm") if n.startswith(mark)} if os.path.isdir("/dev/shm") else set()


def children():
    return [p for p in multiprocessing.active_children() if p.name.startswith("minipaddle-loader")]


@pytest.fixture(autouse=True)
def nothing_left_behind():
    yield
    gc.collect()
    assert not children()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("size", [3, 5000])
def test_order_is_the_samplers(shared, size):
    loader = io.DataLoader(Numbered(13, size, 0.01), batch_size=2, num_workers=2, use_shared_memory=shared)
    for _ in range(2):
        out = list(loader)
        assert [i for _, y in out for i in y.numpy().tolist()] == list(range(13))
        assert all((x.numpy() == y.numpy()[:, None]).all() and x.shape[1] == size for x, y in out)
        assert all(x.stop_gradient and x.dtype == paddle.float32 for x, _ in out)


def test_more_workers_than_batches():
    assert numbers(io.DataLoader(Numbered(2), num_workers=3, prefetch_factor=3)) == [0, 1]


def test_growing_batches_and_kept_tensors():
    class Growing(Numbered):
        def __getitem__(self, i):
            return np.full(1000 * (i % 7 + 1), i)

    out = list(io.DataLoader(Growing(30), batch_size=1, num_workers=2))
    assert all((x.numpy() == i).all() and x.shape == [1, 1000 * (i % 7 + 1)] for i, x in enumerate(out))


def test_structures_and_tensors_travel():
    class D(Numbered):
        def __getitem__(self, i):
            return {"t": paddle.full([2000], i), "s": str(i), "z": np.zeros([0, 3]), "f": (i, [i * 0.5])}

    batch = next(iter(io.DataLoader(D(4), batch_size=2, num_workers=1)))
    assert batch["t"].shape == [2, 2000] and batch["s"] == ["0", "1"] and batch["z"].shape == [2, 0, 3]
    assert batch["f"][1][0].numpy().tolist() == [0.0, 0.5]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError, ValueError, OddError])
def test_an_exception_keeps_class_and_traceback(error):
    class D(Failing):
        pass

    D.error = error if error is not OddError else staticmethod(lambda m: OddError(m, 1))
    loader = io.DataLoader(D(), batch_size=2, num_workers=2)
    it = iter(loader)
    got = [next(it)[1].numpy().tolist() for _ in range(2)]
    assert got == [[0, 1], [2, 3]]
    with pytest.raises(error if error is not OddError else RuntimeError) as caught:
        next(it)
    text = str(caught.value)
    assert "worker(0)" in text and "__getitem__" in text and "\n" in text and "sample 5" in text
    with pytest.raises(StopIteration):
        next(it)


def test_a_killed_worker_is_named():
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker 0 \(pid \d+\) was killed by signal SIGKILL"):
        list(io.DataLoader(Killed(), batch_size=2, num_workers=2))
    assert time.monotonic() - started < 10


def test_a_worker_that_exits_is_named():
    class Exits(Numbered):
        def __getitem__(self, i):
            os._exit(3)

    with pytest.raises(RuntimeError, match="exit code 3"):
        list(io.DataLoader(Exits(), num_workers=1))


def test_timeout():
    with pytest.raises(RuntimeError, match="timeout=0.2.*worker 0"):
        list(io.DataLoader(Numbered(4, delay=2.0), num_workers=1, timeout=0.2))


def test_seeds():
    def passes(workers, count=2):
        loader = io.DataLoader(Draws(4), batch_size=1, num_workers=workers)
        return [np.concatenate([b.numpy() for b in loader]) for _ in range(count)]

    first, second = passes(2)
    for drawn in (first[:, :3], second[:, :3]):
        assert len(np.unique(drawn)) == drawn.size  # no two workers, no two samples alike
    assert not (first == second)[:, :3].any()
    assert first[:, 3].tolist() == [0, 1, 0, 1]
    paddle.seed(11)
    a = passes(2)
    paddle.seed(11)
    b = passes(2)
    assert (np.array(a) == np.array(b)).all() and not (a[0] == a[1])[:, :3].any()


def test_persistent_workers_keep_their_processes_and_get_new_seeds():
    class Pids(Numbered):
        def __getitem__(self, i):
            return np.array([os.getpid(), np.random.randint(2**31)])

    loader = io.DataLoader(Pids(6), num_workers=2, persistent_workers=True)
    one, two = (np.concatenate([b.numpy() for b in loader]) for _ in range(2))
    assert set(one[:, 0]) == set(two[:, 0]) and len(set(one[:, 0])) == 2
    assert not set(one[:, 1]) & set(two[:, 1])
    for _ in range(3):  # broken off: what is under way must not be seen in the next pass
        next(iter(loader))
    assert len(list(loader)) == 6
    del loader
    gc.collect()
    assert not children()


def test_persistent_loader_recovers_from_an_error():
    loader = io.DataLoader(Failing(), batch_size=4, num_workers=1, persistent_workers=True)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            list(loader)


def test_worker_init_fn():
    class Names(Numbered):
        def __getitem__(self, i):
            return os.environ["WORKER"]

    def init(worker):
        os.environ["WORKER"] = f"w{worker}"

    assert [b[0] for b in io.DataLoader(Names(4), num_workers=2, worker_init_fn=init)] == ["w0", "w1", "w0", "w1"]
    assert io.get_worker_info() is None

    def bad(worker):
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        list(io.DataLoader(Names(4), num_workers=2, worker_init_fn=bad))


def test_streams_can_be_shared_out():
    out = [b.numpy().tolist() for b in io.DataLoader(Shared(7), batch_size=2, num_workers=2)]
    assert sorted(i for b in out for i in b) == list(range(7))
    assert out[:2] == [[0, 2], [1, 3]]
    assert len(list(io.DataLoader(Shared(7), batch_size=2, num_workers=2, drop_last=True))) == 3
    loader = io.DataLoader(Shared(5), batch_size=None, num_workers=2, persistent_workers=True)
    assert [sorted(loader), sorted(loader)] == [[0, 1, 2, 3, 4]] * 2


def test_dropping_the_iterator_ends_the_workers():
    before = segments()
    loader = io.DataLoader(Numbered(1000, 5000), num_workers=2)
    for _ in loader:
        break
    gc.collect()
    assert not children()
    assert not segments() - before


def test_no_memory_is_left_after_many_passes():
    loader = io.DataLoader(Numbered(40, 20000), batch_size=4, num_workers=2, persistent_workers=True)
    before = segments()
    next(iter(loader))
    for _ in range(3):
        list(loader)
    names = segments() - before
    assert len(names) <= 2 * 2 * 3
    for _ in range(5):
        list(loader)
    assert segments() - before == names  # segments are used again


def test_unpicklable_batches_are_an_error():
    def collate(samples):
        return [lambda: 0]

    with pytest.raises(Exception, match="(?i)pickle|local object"):
        list(io.DataLoader(Numbered(2), num_workers=1, collate_fn=collate))


def test_two_loaders_at_once():
    a, b = (io.DataLoader(Numbered(8), batch_size=2, num_workers=2) for _ in range(2))
    for (_, x), (_, y) in zip(a, b, strict=True):
        assert x.numpy().tolist() == y.numpy().tolist()


def test_workers_cannot_have_workers():
    class Nested(Numbered):
        def __getitem__(self, i):
            return next(iter(io.DataLoader(Numbered(2), num_workers=1)))

    with pytest.raises(AssertionError, match="num_workers=0"):
        list(io.DataLoader(Nested(2), num_workers=1))


# --- whole programs

PROGRAM = """
import os, sys, time
import numpy as np
import minipaddle as paddle

class D(paddle.io.Dataset):
    def __getitem__(self, i):
        if len(sys.argv) > 1: time.sleep(float(sys.argv[1]))
        return np.full(5000, i, 'float32'), i
    def __len__(self): return 10000

class Broken(D):
    def __getitem__(self, i): raise MyError(str(i))

class MyError(Exception): pass
"""


def script(tmp_path, body, *arguments, **options):
    file = tmp_path / "program.py"
    # a shell's background job ignores Ctrl-C, and hands that on
    listen = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    file.write_text(listen + PROGRAM + textwrap.dedent(body))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, str(file), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                            text=True, **options)  # fmt: skip


@pytest.mark.slow
def test_spawned_workers(tmp_path):
    body = """
    if __name__ == "__main__":
        import multiprocessing
        multiprocessing.set_start_method("spawn")
        loader = paddle.io.DataLoader(paddle.io.Subset(D(), range(12)), batch_size=2, num_workers=2)
        for _ in range(2):
            print([i for x, y in loader for i in y.numpy().tolist()])
        try:
            list(paddle.io.DataLoader(Broken(), num_workers=1))
        except MyError as error:
            print("caught", "Broken" in str(error) or "__getitem__" in str(error))
        try:
            list(paddle.io.DataLoader(D(), num_workers=1, collate_fn=lambda b: b))
        except RuntimeError as error:
            print("unpicklable" if "top level" in str(error) else error)
    """
    out, err = script(tmp_path, body).communicate(timeout=60)
    assert out.splitlines() == [str(list(range(12)))] * 2 + ["caught True", "unpicklable"], err
    assert err == ""


def test_the_program_ends_quietly_in_the_middle_of_a_pass(tmp_path):
    body = """
    it = iter(paddle.io.DataLoader(D(), batch_size=4, num_workers=2))
    print(next(it)[1].tolist())
    """
    process = script(tmp_path, body)
    out, err = process.communicate(timeout=60)
    assert out == "[0, 1, 2, 3]\n" and err == ""
    assert not segments(process.pid)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_program(tmp_path, how):
    body = """
    import multiprocessing
    signal_file = sys.stdout
    it = iter(paddle.io.DataLoader(D(), batch_size=4, num_workers=2))
    next(it)
    print(*[p.pid for p in multiprocessing.active_children()], flush=True)
    for _ in it: pass
    """
    process = script(tmp_path, body, "0.05", start_new_session=True)
    pids = [int(p) for p in process.stdout.readline().split()]
    assert len(pids) == 2
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as the terminal does
    else:
        process.kill()
    _, err = process.communicate(timeout=30)
    deadline = time.monotonic() + 15
    while any(alive(p) for p in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(p) for p in pids)
    assert not segments(process.pid)
    if how == signal.SIGINT:
        assert err.count("KeyboardInterrupt") == 1 and "Process minipaddle" not in err and "leaked" not in err

"""The parent's side of a DataLoader with worker processes. Imported when the first worker is needed.

Each worker has two pipes of its own, so no lock is shared and a killed worker cannot block the others. The parent waits on
all result pipes and on the ends of all processes at once.
"""
from __future__ import annotations

import copy
import itertools
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any

import numpy as np

from ...backend import rng
from . import flat, worker
from .worker import BATCH, END, ERROR

__all__ = ["Pool", "WorkerIterator"]

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_starting = threading.Lock()
JOIN_SECONDS = 3.0


def _context() -> Any:
    """The start method the user set, else fork where there is one: then data sets defined in ``__main__`` just work."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None or (chosen == "forkserver" and not sys.platform.startswith("linux")):
        chosen = "fork" if sys.platform.startswith("linux") else "spawn"
    return multiprocessing.get_context(chosen)


def _pass_seed() -> int:
    """A new seed for the workers of one pass: from `paddle.seed` if it was called, else from NumPy's state, as in Paddle."""
    if rng.default_generator._seeded:
        return rng.derive_seed()
    return int(np.random.randint(0, sys.maxsize, dtype=np.int64))


class Pool:
    """The worker processes of one loader."""

    def __init__(self, loader: Any, seed: int) -> None:
        if multiprocessing.current_process().daemon:
            raise AssertionError("a DataLoader inside of a worker process cannot have workers itself; use num_workers=0 there")
        self.owner = os.getpid()
        self.closed = False
        self.processes: list[Any] = []
        self.tasks: list[Any] = []
        self.results: list[Any] = []
        self.readers: list[Any] = []
        self.released: list[list[str]] = []
        ctx = _context()
        self.start_method = ctx.get_start_method()
        token = f"mp{self.owner:x}_{secrets.token_hex(4)}"  # short: some systems allow 30 characters
        shared = loader.use_shared_memory
        if shared:
            from multiprocessing import resource_tracker

            from .shared import Reader

            if sys.platform != "win32":
                resource_tracker.ensure_running()  # before the first fork, so that all processes share one
        _pools.add(self)
        try:
            with _starting:
                for i in range(loader.num_workers):
                    task_end, my_task_end = ctx.Pipe(duplex=False)
                    my_result_end, result_end = ctx.Pipe(duplex=False)
                    self.tasks.append(my_task_end)
                    self.results.append(my_result_end)
                    prefix = f"{token}_{i}" if shared else None
                    foreign = _parent_ends() if self.start_method == "fork" else []
                    process = ctx.Process(
                        target=worker.run,
                        name=f"minipaddle-loader-{i}",
                        daemon=True,
                        args=(i, loader.num_workers, loader.dataset, loader.auto_collate_batch, loader._collate, loader.drop_last,
                              loader.worker_init_fn, prefix, seed, task_end, result_end, foreign),
                    )  # fmt: skip
                    self._start(process)
                    self.processes.append(process)
                    task_end.close()
                    result_end.close()
                    self.readers.append(Reader(prefix) if prefix is not None else None)
                    self.released.append([])
        except BaseException:
            self.close()
            raise
        self.sentinels = {p.sentinel: i for i, p in enumerate(self.processes)}

    def _start(self, process: Any) -> None:
        with warnings.catch_warnings(), _threads_limited(self.start_method):
            # Python 3.12 warns about fork beside threads; the BLAS threads it sees are prepared for fork
            warnings.filterwarnings("ignore", ".*use of fork.*", DeprecationWarning)
            try:
                process.start()
            except (AttributeError, TypeError, ValueError, ImportError) as error:
                raise _cannot_send(error, self.start_method) from error
            except Exception as error:
                if type(error).__name__ != "PicklingError":
                    raise
                raise _cannot_send(error, self.start_method) from error

    def send(self, index: int, message: Any) -> None:
        """To worker `index`; a worker that is gone is found out when its result is waited for."""
        try:
            self.tasks[index].send(message)
        except (BrokenPipeError, ConnectionResetError, OSError):
            pass

    def release(self, index: int) -> list[str]:
        """Segments of a worker that were read since the last message to it."""
        names = self.released[index]
        self.released[index] = []
        return names

    def arrays(self, index: int, written: Any) -> list[np.ndarray[Any, Any]]:
        """The arrays of a batch: out of shared memory, or as they came through the pipe."""
        if isinstance(written, list):
            return written
        name, layout, retired = written
        found = self.readers[index].read(name, layout, retired)
        self.released[index].append(name)
        return found

    def skip(self, index: int, written: Any) -> None:
        """Release the shared memory of a batch without reading it."""
        name, _, retired = written
        self.released[index].append(name)
        for old in retired:
            self.readers[index].unlink(old)

    def died(self, index: int) -> str:
        """What to say about a worker that ended by itself."""
        process = self.processes[index]
        process.join(1)
        code = process.exitcode
        if code is not None and code < 0:
            try:
                how = f"was killed by signal {signal.Signals(-code).name}"
            except ValueError:
                how = f"was killed by signal {-code}"
            if code == -9:
                how += " (perhaps the system ran out of memory)"
            elif code == -7:
                how += " (perhaps /dev/shm is full: pass use_shared_memory=False)"
        else:
            how = f"ended with exit code {code}"
            if self.start_method != "fork":
                how += "; with the start method 'spawn' the main script must keep its code under: if __name__ == '__main__':"
        return f"DataLoader worker {index} (pid {process.pid}) {how}"

    def close(self) -> None:
        """End the workers, join them, free the shared memory. Does nothing in a forked child and the second time."""
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for end in self.tasks:
            try:
                end.send(None)
            except OSError:
                pass
        for end in (*self.tasks, *self.results):
            end.close()
        deadline = time.monotonic() + JOIN_SECONDS
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for action in ("terminate", "kill"):
            alive = [p for p in self.processes if p.exitcode is None]
            for process in alive:
                getattr(process, action)()
            for process in alive:
                process.join(1.0)
        for reader in self.readers:
            if reader is not None:
                reader.close()
        for process in self.processes:
            if process.exitcode is not None:
                process.close()
        _pools.discard(self)


def _parent_ends() -> list[Any]:
    """Every parent's end of a pipe to any worker: a forked worker must close them, or others never see that we are gone."""
    ends = [e for pool in list(_pools) for e in (*pool.tasks, *pool.results)]
    return [e for e in ends if not e.closed]


def _cannot_send(error: Exception, method: str) -> Exception:
    return RuntimeError(
        f"DataLoader: the data set, collate_fn or worker_init_fn cannot be sent to a worker process (start method {method!r}): "
        f"{type(error).__name__}: {error}. Define them at the top level of a module, or use num_workers=0"
    )


def _has_more(pipe: Any) -> bool:
    """Whether a message of an ended worker is still in its pipe."""
    try:
        return pipe.poll()
    except OSError:
        return False


class _threads_limited:
    """One BLAS thread for processes that are spawned inside; forked ones set it themselves."""

    NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

    def __init__(self, method: str) -> None:
        self.names = [n for n in self.NAMES if n not in os.environ] if method != "fork" else []

    def __enter__(self) -> None:
        for name in self.names:
            os.environ[name] = "1"

    def __exit__(self, *_: object) -> None:
        for name in self.names:
            os.environ.pop(name, None)


class WorkerIterator:
    """One pass over a loader with worker processes; batches come in the order of the sampler."""

    def __init__(self, loader: Any) -> None:
        self._loader = copy.copy(loader)  # a loader with persistent workers keeps us: hold no reference back to it
        self._loader._iterator = None
        self._count = loader.num_workers
        self._pass = 0
        self._pool = Pool(loader, _pass_seed())
        self._finalizer = weakref.finalize(self, self._pool.close)
        self._begin()

    def _begin(self) -> None:
        self._samples: Iterator[Any] = iter(self._loader._index_sampler())
        self._sent = 0  # number of the next task
        self._next = 0  # number of the batch that is due
        self._tasks: dict[int, int] = {}  # task that was sent -> worker
        self._arrived: dict[int, tuple[int, str, Any]] = {}  # task -> worker, kind, content
        self._active = [True] * self._count
        self._turn = itertools.cycle(range(self._count))
        self._more = True
        for _ in range(self._loader.prefetch_factor * self._count):
            self._dispatch()

    def reset(self) -> None:
        """Start the next pass with the same workers."""
        for index, kind, content in self._arrived.values():
            if kind == BATCH:
                self._give_back(index, content)
        self._pass += 1
        seed = _pass_seed()
        for i in range(self._count):
            self._pool.send(i, ("pass", self._pass, seed))
        self._begin()

    @property
    def broken(self) -> bool:
        """Whether the workers are gone."""
        return self._pool.closed

    def _dispatch(self) -> None:
        """Send the next list of indices to the next worker that still has data."""
        if not self._more:
            return
        for _ in range(self._count):
            index = next(self._turn)
            if self._active[index]:
                break
        else:
            self._more = False
            return
        try:
            indices = next(self._samples)
        except StopIteration:
            self._more = False
            return
        self._tasks[self._sent] = index
        self._pool.send(index, ("task", self._pass, self._sent, indices, self._pool.release(index)))
        self._sent += 1

    def __iter__(self) -> WorkerIterator:
        return self

    def __len__(self) -> int:
        return len(self._loader)

    def __next__(self) -> Any:
        if self._pool.closed:
            raise StopIteration
        try:
            return self._advance()
        except StopIteration:
            if not self._loader._persistent_workers:
                self.close()
            raise
        except BaseException:  # also KeyboardInterrupt: leave no process behind
            self.close()
            raise

    def _advance(self) -> Any:
        while True:
            arrived = self._arrived.pop(self._next, None)
            if arrived is None:
                if self._next >= self._sent:
                    raise StopIteration
                index = self._tasks[self._next]
                if not self._active[index]:  # its stream had ended before this task
                    self._forget()
                    continue
                self._wait()
                continue
            index, kind, content = arrived
            if kind == ERROR:
                raise content.exception()
            if kind == END:
                self._forget()
                continue
            self._forget()
            structure, written = content
            arrays = self._pool.arrays(index, written)
            self._dispatch()
            return self._loader._finish(flat.restore(structure, arrays))

    def _forget(self) -> None:
        self._tasks.pop(self._next, None)
        self._next += 1

    def _wait(self) -> None:
        """Block until something came in or a worker we wait for has died."""
        pool = self._pool
        results = {r: i for i, r in enumerate(pool.results)}
        sentinels = dict(pool.sentinels)
        timeout = self._loader.timeout or None
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = connection.wait([*results, *sentinels], left)
            if not ready:
                index = self._tasks[self._next]
                raise RuntimeError(
                    f"DataLoader: no batch came within timeout={timeout} seconds; waiting for worker {index} (pid "
                    f"{pool.processes[index].pid})"
                )
            due, came = self._next, False
            dead = []
            for source in ready:
                if source in results:
                    try:
                        came = self._receive(results[source], pool.results[results[source]].recv()) or came
                    except (EOFError, OSError):  # the pipe closed: the process is ending
                        dead.append(results.pop(source))
                elif source in sentinels and not _has_more(pool.results[sentinels[source]]):
                    dead.append(sentinels.pop(source))
            if due in self._arrived:
                return
            for index in dead:
                if any(who == index and task not in self._arrived for task, who in self._tasks.items()):
                    raise RuntimeError(f"{pool.died(index)} before it had delivered its batches")
            if came:
                return

    def _receive(self, index: int, message: tuple[int, int, str, Any]) -> bool:
        """Note one message; whether it belongs to this pass."""
        number_of_pass, number, kind, content = message
        if number_of_pass != self._pass:
            if kind == BATCH:  # left over from a pass that was broken off
                self._give_back(index, content)
            return False
        self._arrived[number] = (index, kind, content)
        if kind == END:
            self._active[index] = False
            self._dispatch()
        return True

    def _give_back(self, index: int, content: Any) -> None:
        """Release the shared memory of a batch that nobody reads."""
        written = content[1]
        if not isinstance(written, list):
            self._pool.skip(index, written)

    def close(self) -> None:
        """End the workers now."""
        self._finalizer()


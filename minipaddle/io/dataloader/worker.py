"""The worker process of a DataLoader.

Messages to a worker: ("task", pass, number, indices, released segments), ("pass", pass, seed), None to end.
From a worker: (pass, number, kind, content) with the kinds BATCH, ERROR and END (of a stream).
"""
from __future__ import annotations

import os
import queue
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import rng
from ...backend import xp as backend
from ...backend.threads import limit_threads
from ...core.context import context
from .fetcher import Fetch, make_fetcher
from .flat import flatten

__all__ = ["get_worker_info"]

BATCH, ERROR, END = "batch", "error", "end"
PARENT_CHECK = 5.0  # seconds between looks at whether the parent lives, where closing its pipe did not tell


class WorkerInfo:
    """What `get_worker_info` gives in a worker: `id`, `num_workers`, `dataset` (this worker's copy) and `seed`."""

    id: int
    num_workers: int
    dataset: Any
    seed: int

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed})"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Facts about the worker process this is called in; None in the main process."""
    return _worker_info


class _Text(str):
    """A message that a KeyError shows as it is, line breaks included."""

    def __repr__(self) -> str:
        return str(self)


class WorkerError:
    """An exception on its way from a worker to the parent: its class and its traceback as text."""

    def __init__(self, worker: int, error: BaseException) -> None:
        self.worker = worker
        self.kind = _sendable_class(type(error))
        self.name = type(error).__name__
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def exception(self) -> BaseException:
        """The exception to raise in the parent; RuntimeError where its class cannot be made from a message."""
        message = _Text(f"DataLoader worker({self.worker}) caught {self.name} with message:\n{self.text}")
        try:
            return self.kind(message)
        except Exception:
            return RuntimeError(message)


def _sendable_class(kind: type[BaseException]) -> type[BaseException]:
    """The class itself, or the nearest base that the parent can know."""
    for base in kind.__mro__:
        if not issubclass(base, Exception):
            break
        found: Any = sys.modules.get(base.__module__)
        for part in base.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is base:
            return RuntimeError if base in (Exception, StopIteration) and base is not kind else base
    return RuntimeError


def seed_worker(seed: int, worker: int) -> None:
    """Seed Python's, NumPy's and minipaddle's generators, differently for each worker and each `seed`."""
    words = np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, worker]).generate_state(8)
    random.seed(int(words[0]) << 32 | int(words[1]))
    rng.seed(int(words[2]) << 31 | int(words[3]) >> 1)
    np.random.seed(words[4:])


class _Inbox:
    """Reads the pipe from the parent in a thread, so that the parent never waits for a busy worker.

    Ends the process when the parent is gone: the main thread may then be stuck in the data set or in a full pipe.
    """

    def __init__(self, tasks: Any, cleanup: Callable[[], None]) -> None:
        self.parent = os.getppid()
        self.messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.done = threading.Event()
        self._tasks, self._cleanup = tasks, cleanup
        threading.Thread(target=self._listen, name="tasks", daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                while not self._tasks.poll(PARENT_CHECK):
                    if os.getppid() != self.parent:
                        raise EOFError
                message = self._tasks.recv()
                if message is None:
                    break
                self.messages.put(message)
        except (EOFError, OSError):
            if os.getppid() != self.parent:
                self._cleanup()
                os._exit(1)
        self.done.set()
        self.messages.put(None)


def run(
    worker: int,
    count: int,
    dataset: Any,
    auto_collate: bool,
    collate_fn: Any,
    drop_last: bool,
    init_fn: Any,
    prefix: str | None,
    seed: int,
    tasks: Any,
    results: Any,
    foreign: list[Any],
) -> None:
    """The life of worker number `worker` of `count`. prefix: of its shared memory segments, None to send arrays through the pipe."""
    global _worker_info
    for connection in foreign:  # the parent's ends, inherited by fork
        connection.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    context.recorder = None
    backend.set_device("cpu")
    limit_threads(1)  # workers share the machine with each other and with the parent
    writer = None
    if prefix is not None:
        from .shared import Writer

        writer = Writer(prefix)
    inbox = _Inbox(tasks, lambda: writer.close(unlink=True) if writer is not None else None)
    _worker_info = WorkerInfo(id=worker, num_workers=count, dataset=dataset, seed=seed)
    seed_worker(seed, worker)
    failed: WorkerError | None = None
    try:
        if init_fn is not None:
            init_fn(worker)
    except Exception as error:
        failed = WorkerError(worker, error)
    fetch: Fetch | None = None
    current, ended = 0, False
    try:
        while True:
            message = inbox.messages.get()
            if message is None:
                break
            if message[0] == "pass":
                _, current, seed = message
                fetch, ended = None, False
                _worker_info = WorkerInfo(id=worker, num_workers=count, dataset=dataset, seed=seed)
                seed_worker(seed, worker)
                continue
            _, number_of_pass, number, indices, released = message
            if writer is not None:
                writer.release(released)
            if number_of_pass != current or ended or inbox.done.is_set():
                continue
            try:
                if failed is not None:
                    results.send((current, number, ERROR, failed))
                    continue
                if fetch is None:
                    fetch = make_fetcher(dataset, auto_collate, collate_fn, drop_last, inbox.done.is_set)
                batch = fetch(indices)
            except StopIteration:
                ended = True
                results.send((current, number, END, None))
                continue
            except Exception as error:
                results.send((current, number, ERROR, WorkerError(worker, error)))
                continue
            if inbox.done.is_set():
                break
            _send(results, current, number, batch, writer, worker)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the parent let go of us
    finally:
        if writer is not None:
            writer.close(unlink=os.getppid() != inbox.parent)


def _send(results: Any, current: int, number: int, batch: Any, writer: Any, worker: int) -> None:
    arrays, structure = flatten(batch)
    written = writer.write(arrays) if writer is not None else None
    try:
        if written is not None:
            results.send((current, number, BATCH, (structure, written)))
        else:
            results.send((current, number, BATCH, (structure, arrays)))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # something in the batch cannot be pickled
        results.send((current, number, ERROR, WorkerError(worker, error)))

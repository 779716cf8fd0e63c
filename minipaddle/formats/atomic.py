"""Writing files so that a reader, or a crash, never meets half of one.

Each file is written under a temporary name in its own folder, flushed to the disk and renamed. Several files that
belong together are all written before the first is renamed: when one cannot be written, all old ones stay as they are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

__all__ = ["Content", "write_file", "write_files"]

Content = bytes | Callable[[BinaryIO], object]


def write_file(path: str, content: Content) -> None:
    """Write one file: `content` is its bytes, or a function that writes them. Missing folders are made.

    The exceptions of `open` (IsADirectoryError, PermissionError, NotADirectoryError, OSError when the disk is full)
    name `path`; whatever `content` raises passes through. In every such case the old file is untouched.
    """
    write_files({path: content})


def write_files(files: Mapping[str, Content]) -> None:
    """Write files that belong together; see `write_file`."""
    waiting: list[tuple[str, str, str]] = []
    done: set[str] = set()
    try:
        for path, content in files.items():
            with _naming(path):
                target = _target(path)
                if target is None:
                    with open(path, "wb") as device:  # /dev/null, a pipe: nothing to protect
                        _fill(device, content)
                    continue
                temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
            waiting.append((temporary, target, path))
            _write(temporary, target, path, content)
        for temporary, target, path in waiting:
            with _naming(path):
                os.replace(temporary, target)
            done.add(temporary)
    finally:
        for temporary, _, _ in waiting:
            if temporary not in done:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
    for folder in {os.path.dirname(target) for _, target, _ in waiting}:
        _sync_folder(folder)


def _target(path: str) -> str | None:
    """The file to replace (links followed), its folder made; None for something that is not an ordinary file."""
    folder = os.path.dirname(path)
    if folder:
        try:
            os.makedirs(folder, exist_ok=True)
        except FileExistsError:  # what is there is a file
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        return None
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return target


def _write(temporary: str, target: str, path: str, content: Content) -> None:
    with _naming(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with open(descriptor, "wb") as file:
        with contextlib.suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))  # a file that is replaced keeps its permissions
        with _naming(path, temporary):
            _fill(file, content)
            file.flush()
            os.fsync(file.fileno())


def _fill(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content)


@contextlib.contextmanager
def _naming(path: str, *only: str) -> Iterator[None]:
    """Errors of the operating system speak of `path`, not of a temporary name."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == path or (only and error.filename not in (None, *only)):
            raise
        raise type(error)(error.errno, error.strerror, path) from None


def _sync_folder(folder: str) -> None:
    """Make the renames last; some file systems cannot, and then they need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

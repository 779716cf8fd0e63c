"""Writing files so that a reader, or a crash, never meets half of one.

Each file is written under a temporary name in its own folder, flushed to the disk and renamed. Several files that
belong together are all written before the first is renamed: when one cannot be written, all old ones stay as they are.
When a rename fails, those before it are undone. Only a power cut between two renames can leave new beside old files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
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
    kept: dict[str, str | None] = {}  # target -> second name of the old file, None if there was none
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
                if len(waiting) > 1:
                    _keep(target, kept)
                os.replace(temporary, target)
    except BaseException:
        for temporary, target, _ in waiting:
            if target in kept and not os.path.exists(temporary):  # it was renamed
                with contextlib.suppress(OSError):
                    _restore(target, kept)
        raise
    finally:
        for leftover in (*(temporary for temporary, _, _ in waiting), *filter(None, kept.values())):
            with contextlib.suppress(OSError):
                os.unlink(leftover)
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


def _keep(target: str, kept: dict[str, str | None]) -> None:
    """Give the old file a second name, to bring it back by."""
    if not os.path.exists(target):
        kept[target] = None
        return
    second = kept[target] = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
    try:
        os.link(target, second)
    except OSError:  # a file system without links
        shutil.copy2(target, second)


def _restore(target: str, kept: dict[str, str | None]) -> None:
    old = kept[target]
    if old is None:
        os.unlink(target)
    else:
        os.replace(old, target)


def _write(temporary: str, target: str, path: str, content: Content) -> None:
    with _naming(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with _naming(path, temporary), open(descriptor, "wb") as file:  # closing the file may fail as well
        with contextlib.suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))  # a file that is replaced keeps its permissions
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

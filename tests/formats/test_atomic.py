"""Writing never leaves half a file, and never loses an old one."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from minipaddle.formats import atomic
from minipaddle.formats.atomic import write_file, write_files

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def only(folder, *names):
    assert sorted(os.listdir(folder)) == sorted(names)


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    write_file(str(path), b"one")
    assert path.read_bytes() == b"one"
    write_file(str(path), lambda f: f.write(b"two"))
    assert path.read_bytes() == b"two"
    only(path.parent, "file")


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_file("file", b"x")
    only(tmp_path, "file")


def test_failure_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new " * 1000)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(str(path), fail)
    assert path.read_bytes() == b"old"
    only(tmp_path, "file")


def test_one_failure_keeps_all_old_files(tmp_path):
    for name in "abc":
        (tmp_path / name).write_bytes(b"old")

    def fail(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_files({str(tmp_path / "a"): b"new", str(tmp_path / "b"): fail, str(tmp_path / "c"): b"new"})
    assert [(tmp_path / n).read_bytes() for n in "abc"] == [b"old"] * 3
    only(tmp_path, "a", "b", "c")


def test_failing_rename_removes_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(
        atomic.os, "replace", lambda a, b: (_ for _ in ()).throw(PermissionError(13, "Permission denied", a))
    )
    with pytest.raises(PermissionError) as caught:
        write_file(str(tmp_path / "a"), b"new")
    assert caught.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    only(tmp_path, "a")


@pytest.mark.parametrize("links", [True, False])
def test_failing_rename_undoes_those_before_it(tmp_path, monkeypatch, links):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "c").write_bytes(b"old")
    rename = os.replace

    def replace(source, target):
        if target.endswith("c") and not os.path.exists(str(tmp_path / "tried")):
            (tmp_path / "tried").touch()
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(atomic.os, "replace", replace)
    if not links:  # as on file systems that have none
        monkeypatch.setattr(atomic.os, "link", lambda a, b: (_ for _ in ()).throw(OSError(1, "not permitted")))
    with pytest.raises(KeyboardInterrupt):
        write_files({str(tmp_path / name): b"new" for name in "abc"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes() == b"old"
    only(tmp_path, "a", "c", "tried")
    write_files({str(tmp_path / name): b"new" for name in "abc"})
    assert [(tmp_path / name).read_bytes() for name in "abc"] == [b"new"] * 3
    only(tmp_path, "a", "b", "c", "tried")


def test_flushed_to_disk_before_the_rename(tmp_path, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(atomic.os, "fsync", lambda d: (calls.append("fsync"), sync(d))[1])
    monkeypatch.setattr(atomic.os, "replace", lambda a, b: (calls.append("replace"), rename(a, b))[1])
    write_files({str(tmp_path / "a"): b"1", str(tmp_path / "b"): b"2"})
    assert calls == ["fsync", "fsync", "replace", "replace", "fsync"]


def test_error_classes_and_names(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(IsADirectoryError) as caught:
        write_file(str(tmp_path / "folder"), b"")
    assert caught.value.filename == str(tmp_path / "folder")
    for below in ("below", "far/below"):
        with pytest.raises(NotADirectoryError) as caught:
            write_file(str(tmp_path / "file" / below), b"")
        assert caught.value.filename == str(tmp_path / "file" / below)
    if sys.platform == "linux":
        with pytest.raises(OSError):
            write_file("/proc/nothing/here", b"")
    only(tmp_path, "folder", "file")


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_permissions(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o400)
    with pytest.raises(PermissionError, match="file"):
        write_file(str(path), b"new")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="other") as caught:
            write_file(str(tmp_path / "other"), b"new")
        assert caught.value.filename == str(tmp_path / "other")
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_mode_and_links(tmp_path):
    old = os.umask(0o027)
    try:
        path = tmp_path / "file"
        write_file(str(path), b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_file(str(path), b"newer")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(old)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_file(str(link), b"through")
    assert link.is_symlink() and path.read_bytes() == b"through"
    write_file(os.devnull, b"nothing")
    only(tmp_path, "file", "link")


def test_long_names(tmp_path):
    name = "n" * 250
    write_file(str(tmp_path / name), b"x")
    only(tmp_path, name)

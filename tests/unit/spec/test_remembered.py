"""An unchanged folder is not packed again; one that changed in any way is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.spec import remembered
from launcher.spec.packaging import Package, pack


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "_RACY_NS", -(10**12))  # as if all were written long ago
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)")
    (folder / "b.txt").write_text("b")
    return folder


@pytest.fixture
def packed(workdir: Path, tmp_path: Path) -> Callable[[], Package]:
    (tmp_path / "out").mkdir()
    return lambda: pack(workdir, folder=tmp_path / "out", is_known=lambda _: True)


def test_an_unchanged_folder_is_not_read_again(
    workdir: Path, packed: Callable[[], Package]
) -> None:
    first = packed()
    assert first.tar is not None
    again = packed()
    assert again.tar is None
    assert (again.sha256, again.files, again.total_bytes) == (first.sha256, 2, 9)


def test_a_package_that_the_receiver_lacks_is_made_again(
    workdir: Path, packed: Callable[[], Package], tmp_path: Path
) -> None:
    first = packed()
    again = pack(workdir, folder=tmp_path / "out", is_known=lambda _: False)
    assert again.tar is not None
    assert again.sha256 == first.sha256


def _write_alike(folder: Path) -> None:
    file = folder / "train.py"
    before = file.stat()
    file.write_text("print(2)")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace_alike(folder: Path) -> None:
    file, fresh = folder / "train.py", folder / "fresh"
    fresh.write_text("print(2)")
    os.utime(fresh, ns=(0, file.stat().st_mtime_ns))
    fresh.replace(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "train.py").write_text("print(1) "),
        lambda folder: (folder / "train.py").chmod(0o755),
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "b.txt").unlink(),
        lambda folder: (folder / "b.txt").rename(folder / "c.txt"),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "link").symlink_to("b.txt"),
        _write_alike,
        _replace_alike,
    ],
)
def test_any_change_has_it_packed_again(
    workdir: Path, packed: Callable[[], Package], change: Callable[[Path], object]
) -> None:
    first = packed()
    tick_ends = time.monotonic() + 0.011  # the clock of a file system stands that long
    while time.monotonic() < tick_ends:
        pass
    change(workdir)
    again = packed()
    assert again.tar is not None
    assert again.sha256 != first.sha256


def test_what_was_just_written_is_not_believed(
    packed: Callable[[], Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_RACY_NS", 2 * 10**9)
    packed()
    assert packed().tar is not None


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"seen": 3}', "\x00"])
def test_a_broken_memory_is_none(
    workdir: Path, packed: Callable[[], Package], tmp_path: Path, record: str
) -> None:
    packed()
    (file,) = (tmp_path / "cache" / "launcher" / "packages").iterdir()
    assert set(json.loads(file.read_text())) == {"seen", "sha256"}
    file.write_text(record)
    assert packed().tar is not None


def test_a_home_that_cannot_be_written_to_does_without(
    packed: Callable[[], Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert packed().tar is not None
    assert packed().tar is not None

"""A backup becomes the state of a server again: verified whole, then put in its place."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from launcher.errors import ConflictError
from launcher.server.process import running_server
from launcher.store import snapshot
from launcher.store.backups import Entry, Manifest, Reader, reader_at, verified
from launcher.store.disk import full_disk_told
from launcher.units import format_size

_LAST = snapshot.MAIN
"""Put in its place last: without it the folder holds no state."""


def check(path: Path, tell: Callable[[str], None] = lambda _: None) -> Manifest:
    """The manifest of a backup, all of whose files are what was backed up.

    Raises:
        NotFoundError: nothing is there; SpecError: it is no backup; LauncherError: it is damaged.
    """
    with closing(reader_at(path)) as reader:
        tell(f"verifying {len(reader.manifest.files):,} files")
        for entry in reader.manifest.files:
            verified(reader, entry)
        return reader.manifest


def restore(
    path: Path,
    state_dir: Path,
    *,
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Manifest, Path | None]:
    """Make a state folder of a backup; also gives where what was there before lies now.

    Args:
        path: the backup.
        state_dir: empty or not there, unless `force`; then what is in it is put aside, within it.
        force: see there.
        tell: hears what is done.

    Raises:
        ConflictError: a server runs there, or the folder is not empty.
        LauncherError: the backup is damaged; `state_dir` is as it was.
    """
    with closing(reader_at(path)) as reader:
        return reader.manifest, _restore(reader, state_dir, force=force, tell=tell)


def _restore(
    reader: Reader, state_dir: Path, *, force: bool, tell: Callable[[str], None]
) -> Path | None:
    running = running_server(state_dir)
    if running is not None:
        raise ConflictError(
            f"a server runs on {state_dir}: {running}",
            hint="stop it first: launcher down for your own, else end its process",
        )
    here = _is_here(state_dir)
    if here and not force:
        raise ConflictError(
            f"{state_dir} is not empty: {here}",
            hint="--force puts that aside, within the folder, and restores; or name another folder",
        )
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = state_dir / f"restoring-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with full_disk_told(state_dir, "the backup's files"):
            tell(f"restoring {len(reader.manifest.files):,} files")
            for entry in reader.manifest.files:
                _place(reader, entry, fresh / entry.name)
        aside = _put_aside(state_dir) if here else None
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == _LAST):
            path.rename(state_dir / path.name)
        os.sync()
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return aside


def _place(reader: Reader, entry: Entry, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(target, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        if entry.parts is None:
            verified(reader, entry, file.write)
        else:
            verified(reader, entry, _Scattered(file.fileno(), entry).write)
            file.truncate(entry.length)
    target.chmod(entry.mode)


class _Scattered:
    """Writes what is kept of a file with holes where it stood."""

    def __init__(self, descriptor: int, entry: Entry) -> None:
        self._descriptor = descriptor
        self._parts = list(entry.parts or ())

    def write(self, data: bytes) -> None:
        while data and self._parts:
            offset, count = self._parts[0]
            part, data = data[:count], data[count:]
            os.pwrite(self._descriptor, part, offset)
            rest = (offset + len(part), count - len(part))
            self._parts[:1] = [rest] if rest[1] else []


def _is_here(state_dir: Path) -> str:
    """What a state folder holds, in words; empty when that is nothing."""
    if not state_dir.exists():
        return ""
    names = sorted(path.name for path in state_dir.iterdir() if snapshot.is_state(path.name))
    if not names:
        return ""
    if snapshot.MAIN not in names:
        return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")
    size = sum(file.lstat().st_blocks * 512 for file in state_dir.rglob("*") if file.is_file())
    jobs = snapshot.count_jobs(state_dir)
    return f"the state of a server with {jobs:,} job{'s' * (jobs != 1)} ({format_size(size)})"


def _put_aside(state_dir: Path) -> Path:
    moment = time.strftime("%Y%m%d-%H%M%S")
    aside = state_dir / f"{snapshot.KEPT_ASIDE}{moment}"
    aside.mkdir(mode=0o700)
    for path in list(state_dir.iterdir()):
        if snapshot.is_state(path.name):
            path.rename(aside / path.name)
    return aside

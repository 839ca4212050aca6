"""Checkpoints on their way to the server: hashed, uploaded, then committed by their manifest."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import ConflictError, LauncherError, UnreachableError
from launcher.executor.folders import JobFolder
from launcher.executor.preparing import sha256_of
from launcher.executor.uplink import Uplink
from launcher.model.checkpoint import FileEntry, Manifest, unsafe_path
from launcher.model.metric import CheckpointSaved

MOST_WAITING = 2
"""Checkpoints that wait while one is on its way; older ones are given up for newer ones."""


@dataclass(frozen=True)
class _Saved:
    attempt: int
    rank: int
    saved: CheckpointSaved
    path: Path


class Saver:
    """Commits what the ranks of this node saved, in their order. Used by two threads.

    A committed folder stays until the next one is committed: a restart on this node then resumes
    without a download.
    """

    def __init__(self, folder: JobFolder, note: Callable[[str], None]) -> None:
        self._folder, self._note = folder, note
        self._news = threading.Condition()
        self._waiting: list[_Saved] = []
        self._under_way: _Saved | None = None
        self._kept: list[Path] = []
        self._ended = False

    def add(self, attempt: int, rank: int, saved: CheckpointSaved) -> None:
        """A rank finished writing a checkpoint folder."""
        name = Path(saved.folder).name
        if unsafe_path(name):
            self._note(f"checkpoint of step {saved.step} not committed: no folder {saved.folder!r}")
            return
        path = self._folder.checkpoints(attempt) / name
        with self._news:
            # The same step saved again: the folder of the one before was replaced.
            self._waiting = [item for item in self._waiting if item.path != path]
            self._waiting.append(_Saved(attempt, rank, saved, path))
            whole = [item for item in self._waiting if not item.saved.sharded]
            given_up = whole[: max(0, len(whole) - MOST_WAITING)]
            self._waiting = [item for item in self._waiting if item not in given_up]
            self._news.notify_all()
        for item in given_up:
            shutil.rmtree(item.path, ignore_errors=True)
            self._note(f"checkpoint of step {item.saved.step} given up: newer ones wait already")

    @property
    def is_done(self) -> bool:
        with self._news:
            return not self._waiting and self._under_way is None

    def wait(self) -> bool:
        """Wait for something to save; False once there will be nothing more."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._ended)
            return not self._ended

    def end(self) -> None:
        """Nothing more is to be saved: whoever waits goes on."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def save_next(self, uplink: Uplink) -> None:
        """Commit the oldest that waits. A server that does not answer leaves it waiting.

        Raises:
            UnreachableError: try again later.
        """
        with self._news:
            if not self._waiting:
                return
            item = self._under_way = self._waiting.pop(0)
        try:
            self._save(uplink, item)
        except UnreachableError:
            with self._news:
                self._waiting.insert(0, item)
            raise
        except (LauncherError, OSError) as error:
            with self._news:
                replaced = any(other.path == item.path for other in self._waiting)
            if not replaced:
                self._note(f"checkpoint of step {item.saved.step} not committed: {error}")
                shutil.rmtree(item.path, ignore_errors=True)
        else:
            self._keep_only(item.path)
        finally:
            with self._news:
                self._under_way = None

    def _save(self, uplink: Uplink, item: _Saved) -> None:
        manifest = read_manifest(item.path, item.attempt, item.rank, item.saved)
        _upload(uplink, item.path, manifest)
        try:
            uplink.commit(manifest)
        except ConflictError:
            # A blob that the server had may have gone with an older checkpoint meanwhile.
            if not _upload(uplink, item.path, manifest):
                raise
            uplink.commit(manifest)

    def _keep_only(self, path: Path) -> None:
        for old in self._kept:
            if old != path:
                shutil.rmtree(old, ignore_errors=True)
        self._kept = [path]


def _upload(uplink: Uplink, path: Path, manifest: Manifest) -> bool:
    """Upload what the server has not; False when it has everything."""
    by_digest = {entry.sha256: path / entry.path for entry in manifest.files}
    missing = uplink.missing(sorted(by_digest))
    for digest in missing:
        with by_digest[digest].open("rb") as data:
            uplink.upload(digest, data)
    return bool(missing)


def read_manifest(path: Path, attempt: int, rank: int, saved: CheckpointSaved) -> Manifest:
    """The manifest of a folder that a rank finished.

    Raises:
        OSError: the folder or a file in it cannot be read.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"its folder {path.name} is gone")
    files = tuple(
        FileEntry(
            path=str(file.relative_to(path)),
            size=file.stat().st_size,
            sha256=sha256_of(file),
            mode=file.stat().st_mode & 0o777,
        )
        for file in sorted(path.rglob("*"))
        if file.is_file()
    )
    # JSON has no NaN; a metric that is none tells nothing about a checkpoint.
    metrics = {name: value for name, value in saved.metrics.items() if math.isfinite(value)}
    return Manifest(
        attempt, saved.step, files, metrics, saved.sharded, rank if saved.sharded else None
    )

"""Checkpoints on their way to the server: hashed, uploaded, then committed by their manifest."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from launcher.errors import ConflictError, DiskFullError, LauncherError, UnreachableError
from launcher.executor.folders import JobFolder
from launcher.executor.preparing import sha256_of
from launcher.executor.uplink import Uplink
from launcher.model.checkpoint import FileEntry, Manifest, Watched, unsafe_path
from launcher.model.metric import CheckpointSaved
from launcher.model.watched import without_others

MOST_WAITING = 2
"""Checkpoints that wait while one is on its way; older ones are given up for newer ones."""


@dataclass(frozen=True)
class _Saved:
    attempt: int
    rank: int
    saved: CheckpointSaved
    path: Path
    watched: Watched | None = None
    taken_at: float = 0.0


class Saver:
    """Commits what the ranks of this node saved, in their order. Used by two threads.

    A committed folder stays until the next one of its kind is committed: a restart on this node
    then resumes without a download.

    Args:
        folder: the job's.
        note: tells something that the job's events shall show.
        on_watched: called when watched files were committed, with the attempt and when the copy
            of them was taken.
    """

    def __init__(
        self,
        folder: JobFolder,
        note: Callable[[str], None],
        on_watched: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        self._folder, self._note, self._on_watched = folder, note, on_watched
        self._digests: dict[tuple[int, int, int], str] = {}
        self._news = threading.Condition()
        self._waiting: list[_Saved] = []
        self._under_way: _Saved | None = None
        self._kept: dict[bool, Path] = {}
        self._committed: set[Path] = set()
        self._ended = False
        self._told_full = False

    def add(self, attempt: int, rank: int, saved: CheckpointSaved) -> None:
        """A rank finished writing a checkpoint folder."""
        name = Path(saved.folder).name
        if unsafe_path(name):
            self._note(f"checkpoint of step {saved.step} not committed: no folder {saved.folder!r}")
            return
        path = self._folder.checkpoints(attempt) / name
        if path in self._committed and not path.is_dir():
            return  # a server that was restored takes its points once more
        self._add(_Saved(attempt, rank, saved, path))

    def add_watched(
        self,
        attempt: int,
        saved: CheckpointSaved,
        path: Path,
        watched: Watched,
        taken_at: float,
    ) -> None:
        """A copy of watched files; the saver removes it when it is not needed any more."""
        self._add(_Saved(attempt, 0, saved, path, watched, taken_at))

    def _add(self, fresh: _Saved) -> None:
        with self._news:
            # The same step saved again: the folder of the one before was replaced.
            self._waiting = [item for item in self._waiting if item.path != fresh.path]
            self._waiting.append(fresh)
            whole = [
                item
                for item in self._waiting
                if not item.saved.sharded and _is_watched(item) is _is_watched(fresh)
            ]
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
        """Commit the oldest that waits. A server that cannot take it now leaves it waiting.

        Raises:
            UnreachableError, DiskFullError: try again later.
        """
        with self._news:
            if not self._waiting:
                return
            item = self._under_way = self._waiting.pop(0)
        try:
            is_sent = self._save(uplink, item)
        except (UnreachableError, DiskFullError) as error:
            if isinstance(error, DiskFullError) and not self._told_full:
                self._told_full = True
                self._note(f"checkpoint of step {item.saved.step} waits: {error}")
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
            self._told_full = False
            self._committed.add(item.path)
            self._keep_only(item)
            if item.watched is not None and is_sent:
                self._on_watched(item.attempt, item.taken_at)
        finally:
            with self._news:
                self._under_way = None

    def _save(self, uplink: Uplink, item: _Saved) -> bool:
        """Commit it; False when other nodes have all of it already."""
        manifest = read_manifest(item.path, item.attempt, item.rank, item.saved, self._digest_of)
        if item.watched is not None:
            manifest = replace(manifest, watched=item.watched)
            if item.watched.node > 0:
                manifest = without_others(manifest, _whole(uplink))
            if not manifest.files:
                return False
        _upload(uplink, item.path, manifest)
        try:
            uplink.commit(manifest)
        except ConflictError:
            # A blob that the server had may have gone with an older checkpoint meanwhile.
            if not _upload(uplink, item.path, manifest):
                raise
            uplink.commit(manifest)
        return True

    def _keep_only(self, item: _Saved) -> None:
        old = self._kept.get(_is_watched(item))
        if old is not None and old != item.path:
            shutil.rmtree(old, ignore_errors=True)
        self._kept[_is_watched(item)] = item.path

    def _digest_of(self, file: Path) -> str:
        """Files of earlier copies that are in the next one too are read once."""
        found = file.stat()
        if found.st_nlink < 2:
            return sha256_of(file)
        key = (found.st_ino, found.st_size, found.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = sha256_of(file)
        return self._digests[key]


def _is_watched(item: _Saved) -> bool:
    return item.watched is not None


def _whole(uplink: Uplink) -> Manifest | None:
    newest = uplink.watched()
    return uplink.manifest(newest.id) if newest else None


def _upload(uplink: Uplink, path: Path, manifest: Manifest) -> bool:
    """Upload what the server has not; False when it has everything."""
    by_digest = {entry.sha256: path / entry.path for entry in manifest.files}
    missing = uplink.missing(sorted(by_digest))
    for digest in missing:
        with by_digest[digest].open("rb") as data:
            uplink.upload(digest, data)
    return bool(missing)


def read_manifest(
    path: Path,
    attempt: int,
    rank: int,
    saved: CheckpointSaved,
    digest_of: Callable[[Path], str] = sha256_of,
) -> Manifest:
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
            sha256=digest_of(file),
            mode=file.stat().st_mode & 0o777,
            modified=file.stat().st_mtime,
        )
        for file in sorted(path.rglob("*"))
        if file.is_file()
    )
    # JSON has no NaN; a metric that is none tells nothing about a checkpoint.
    metrics = {name: value for name, value in saved.metrics.items() if math.isfinite(value)}
    return Manifest(
        attempt, saved.step, files, metrics, saved.sharded, rank if saved.sharded else None
    )

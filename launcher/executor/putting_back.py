"""Before an attempt: the watched files, and only those, are made what was committed last.

What a dead attempt left is no basis to go on from: it may be torn, or newer than what the other
nodes have. As long as nothing was committed, the files are those of the package.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.outputs import find
from launcher.executor.preparing import SetupError, place_checkpoint, sha256_of
from launcher.executor.uplink import Uplink
from launcher.executor.watchfiles import clone, relative
from launcher.model import globs
from launcher.model.checkpoint import Manifest, unsafe_path
from launcher.model.watched import of_node, to_put_back
from launcher.model.wire import CheckpointRef

REPLACED = ".launcher-replaced"
"""Folder within a user's own, where what gives way there goes: nothing of it is ever removed."""


@dataclass(frozen=True)
class _Wanted:
    source: Path
    sha256: str
    mode: int


def put_back(
    folder: JobFolder,
    uplink: Uplink,
    patterns: Sequence[str],
    *,
    attempt: int,
    node: int,
    resume: CheckpointRef | None,
) -> Manifest | None:
    """Put the newest committed watched files in their places, every one verified by its hash.

    Args:
        folder: the job's, with the code in place.
        uplink: to the server.
        patterns: what is watched.
        attempt: that is about to start.
        node: index of this one.
        resume: checkpoint that the attempt resumes from, which is in place.

    Returns:
        The checkpoint that they are of; None when they are the package's own.

    Raises:
        SetupError: a file is not what was committed, or cannot be put in its place.
        UnreachableError: the server did not answer; try again.
    """
    keep_originals(folder, patterns)
    newest = uplink.watched()
    manifest = uplink.manifest(newest.id) if newest else None
    if newest is None or manifest is None:
        wanted = _originals(folder)
    else:
        source = place_checkpoint(folder, uplink, newest, node=node, beside=resume)
        wanted = {
            entry.path: _Wanted(source / entry.path, entry.sha256, entry.mode)
            for entry in to_put_back(of_node(manifest, node), patterns)
        }
    _Workdir(folder, relative(patterns), attempt).make(wanted)
    _forget_copies(folder, attempt)
    return manifest


def keep_originals(folder: JobFolder, patterns: Iterable[str]) -> None:
    """Copy the watched files of the package, once, before the first rank starts on this node."""
    if folder.originals.is_dir():
        return
    fresh = folder.originals.with_name("originals.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    inside = relative(patterns)
    for path in _folders(folder.work, inside):
        (fresh / path).mkdir(parents=True, exist_ok=True)
    for path in find(folder.work, inside):
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        clone(folder.work / path, fresh / path)
    fresh.rename(folder.originals)


class _Workdir:
    """The watched files of a workdir, to be made others."""

    def __init__(self, folder: JobFolder, patterns: Sequence[str], attempt: int) -> None:
        self._folder, self._patterns, self._attempt = folder, patterns, attempt
        self._work = folder.work

    def make(self, wanted: dict[str, _Wanted]) -> None:
        """Make them the wanted ones, and nothing else."""
        for path in find(self._work, self._patterns):
            if path not in wanted:
                self._give_way(path)
        self._remove_empty_folders()
        for path, one in sorted(wanted.items()):
            self._place(path, one)

    def _give_way(self, path: str) -> None:
        if self._folder.in_place is None:
            (self._work / path).unlink(missing_ok=True)
            return
        aside = self._work / REPLACED / f"{self._folder.job_id}-{self._attempt}" / path
        aside.parent.mkdir(parents=True, exist_ok=True)
        (self._work / path).replace(aside)

    def _remove_empty_folders(self) -> None:
        """Of a save that was cut short, unless the package has them: its program needs them."""
        for path in sorted(_folders(self._work, self._patterns), reverse=True):
            if not (self._folder.originals / path).is_dir():
                try:
                    (self._work / path).rmdir()
                except OSError:
                    continue  # it is not empty

    def _place(self, path: str, wanted: _Wanted) -> None:
        if unsafe_path(path):
            raise SetupError(f"the checkpoint names a file outside the workdir: {path!r}")
        target = self._work / path
        if target.is_file() and not target.is_symlink() and sha256_of(target) == wanted.sha256:
            target.chmod(wanted.mode)
            return
        fresh = target.with_name(f".{target.name}.launcher-new")
        try:
            if any((self._work / part).is_symlink() for part in Path(path).parents):
                raise SetupError(f"watched file {path!r} lies behind a link")
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            clone(wanted.source, fresh)
            fresh.chmod(wanted.mode)
            if sha256_of(fresh) != wanted.sha256:
                raise SetupError(f"watched file {path!r} is not what was committed")
            if self._folder.in_place is not None and target.exists():
                self._give_way(path)
            fresh.replace(target)
        except OSError as error:
            raise SetupError(
                f"watched file {path!r} cannot be put back: {error.strerror or error}"
            ) from error


def _originals(folder: JobFolder) -> dict[str, _Wanted]:
    return {
        path: _Wanted(place, sha256_of(place), place.stat().st_mode & 0o777)
        for path, place in _files_below(folder.originals)
    }


def _files_below(root: Path) -> Iterable[tuple[str, Path]]:
    return [(str(p.relative_to(root)), p) for p in sorted(root.rglob("*")) if p.is_file()]


def _folders(root: Path, patterns: Sequence[str]) -> list[str]:
    """Folders that the patterns mean, and what is in these; links are not followed."""
    found = []
    for parent, _, _ in os.walk(root):
        within = os.path.relpath(parent, root)
        if within != "." and any(globs.matches(pattern, within) for pattern in patterns):
            found.append(within)
    return found


def _forget_copies(folder: JobFolder, attempt: int) -> None:
    """Copies that earlier attempts made: what counts of them is committed, and in place."""
    for earlier in range(1, attempt):
        shutil.rmtree(folder.watched(earlier), ignore_errors=True)

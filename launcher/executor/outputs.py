"""Outputs of an attempt whose ranks have ended: found in the job's folder, hashed, uploaded.

Nothing outside of the folder is ever collected: folders behind links are not entered, and a link
to a file counts only when the file itself lies in the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from launcher.errors import ConflictError, DiskFullError, UnreachableError
from launcher.executor.folders import JobFolder
from launcher.executor.uplink import Uplink
from launcher.model import globs
from launcher.model.checkpoint import FileEntry
from launcher.model.outputs import OutputLimits, OutputReport, OutputRule, choose, words_of_refused

log = logging.getLogger(__name__)

_BLOCK = 1024 * 1024
_ASKED_AT_ONCE = 1000
_RETRY_S = 1.0
_FULL_RETRY_S = 10.0


class OutputCollector:
    """Collects the outputs of one node, on a thread of its own for each attempt.

    Args:
        folder: the job's files.
        rule: what is collected; None: nothing is, here.
        rank: the lowest one of this node.
        limits: what the server keeps of a job.
        connect: makes a connection to the server.
        note: tells something that the job's events shall show.
    """

    def __init__(
        self,
        folder: JobFolder,
        rule: OutputRule | None,
        *,
        rank: int,
        limits: OutputLimits,
        connect: Callable[[], Uplink],
        note: Callable[[str], None],
    ) -> None:
        self._folder, self._rule, self._rank, self._limits = folder, rule, rank, limits
        self._connect, self._note = connect, note
        self._given_up = threading.Event()

    def collect(self, attempt: int, then: Callable[[], None]) -> None:
        """Collect what the ended ranks of an attempt left, and call `then` in any case."""
        if self._rule is None:
            then()
            return
        threading.Thread(
            target=self._collect, args=(self._rule, attempt, then), name="outputs", daemon=True
        ).start()

    def close(self) -> None:
        """Stop asking a server that does not answer."""
        self._given_up.set()

    def _collect(self, rule: OutputRule, attempt: int, then: Callable[[], None]) -> None:
        try:
            with contextlib.closing(self._connect()) as uplink:
                self._until_taken(uplink, rule, attempt)
        except Exception as error:  # also a bug's: the attempt must end, with or without outputs
            log.info("outputs not collected", exc_info=error)
            self._note(f"outputs not collected: {error}")
        then()

    def _until_taken(self, uplink: Uplink, rule: OutputRule, attempt: int) -> None:
        told = False
        while True:
            try:
                return self._collect_once(uplink, rule, attempt)
            except (UnreachableError, DiskFullError) as error:
                log.info("outputs not uploaded yet: %s", error)
                if not told and isinstance(error, DiskFullError):
                    told = True
                    self._note(f"outputs wait: {error}")
                if self._given_up.wait(_FULL_RETRY_S if told else _RETRY_S):
                    raise

    def _collect_once(self, uplink: Uplink, rule: OutputRule, attempt: int) -> None:
        root = self._folder.work
        choice = choose(find(root, rule.paths), self._limits)
        files, unread = _read_all(root, choice.kept)
        report = OutputReport(attempt, self._rank, files)
        if files:
            _upload(uplink, root, files)
            try:
                uplink.give_outputs(report)
            except ConflictError:
                # A blob that the server had may have gone with an older output meanwhile.
                if not _upload(uplink, root, files):
                    raise
                uplink.give_outputs(report)
        if choice.refused:
            self._note(words_of_refused(choice, self._limits))
        if unread:
            more = f" and {len(unread) - 1:,} more" * (len(unread) > 1)
            self._note(f"outputs that cannot be read: {unread[0]}{more}")


def find(root: Path, patterns: Sequence[str]) -> dict[str, int]:
    """Path and size of every regular file within `root` that a pattern means.

    Folders that vanish or cannot be read meanwhile hold nothing.
    """
    found: dict[str, int] = {}
    inside = os.path.realpath(root)
    for pattern in patterns:
        parts = globs.split(pattern)
        if parts:
            found.update(_expand(inside, inside, "", parts))
    return found


def _expand(
    inside: str, folder: str, prefix: str, parts: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """What the parts of a pattern mean from a folder on; no parts: all that is in it."""
    if tuple(parts) == (globs.ANY_DEPTH,):
        parts = ()
    deep = bool(parts) and parts[0] == globs.ANY_DEPTH
    if deep:
        yield from _expand(inside, folder, prefix, parts[1:])
    for entry in _entries_of(folder):
        is_folder = entry.is_dir(follow_symlinks=False)
        if deep and (not is_folder or entry.name.startswith(".")):
            continue
        if parts and not deep and not globs.names(parts[0], entry.name):
            continue
        path, rest = f"{prefix}{entry.name}", parts if deep else parts[1:]
        if is_folder:
            yield from _expand(inside, entry.path, f"{path}/", rest)
        elif not rest and (size := _size_within(inside, entry)) is not None:
            yield path, size


def _entries_of(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except OSError:
        return []


def _size_within(inside: str, entry: os.DirEntry[str]) -> int | None:
    """Of a regular file in the folder, also of one that a link in it points to; else None."""
    try:
        found = entry.stat()
        if entry.is_symlink() and _leads_out(inside, entry.path):
            return None
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _leads_out(inside: str, path: str) -> bool:
    return not os.path.realpath(path).startswith(f"{inside.rstrip('/')}/")


def _read_all(
    root: Path, chosen: Sequence[tuple[str, int]]
) -> tuple[tuple[FileEntry, ...], list[str]]:
    """The entries of the files, and in words those that cannot be read."""
    files, unread = [], []
    for path, _ in chosen:
        try:
            path.encode()
            with _open(root, path) as file:
                files.append(_entry(path, file))
        except UnicodeEncodeError:
            unread.append(f"{path.encode(errors='replace').decode()} (its name is not UTF-8)")
        except OSError as error:
            unread.append(f"{path} ({error.strerror})")
    return tuple(files), unread


def _open(root: Path, path: str) -> BinaryIO:
    """A file of the folder, by its real path: what takes its place meanwhile is not followed."""
    real = os.path.realpath(root / path)
    if _leads_out(os.path.realpath(root), real):
        raise FileNotFoundError(2, "it leads out of the job's folder")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(real, flags), "rb")


def _entry(path: str, file: BinaryIO) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return FileEntry(path, size, digest.hexdigest(), os.fstat(file.fileno()).st_mode & 0o777)


def _upload(uplink: Uplink, root: Path, files: Sequence[FileEntry]) -> bool:
    """Upload what the server has not; False when it has everything."""
    paths = {entry.sha256: entry.path for entry in files}
    digests, uploaded = sorted(paths), False
    for start in range(0, len(digests), _ASKED_AT_ONCE):
        for digest in uplink.missing(digests[start : start + _ASKED_AT_ONCE]):
            with _open(root, paths[digest]) as data:
                uplink.upload(digest, data)
            uploaded = True
    return uploaded

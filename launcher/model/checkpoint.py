"""A checkpoint is a committed, complete folder with a manifest; retention never takes the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class FileEntry:
    """One file: relative POSIX path, size in bytes, sha256 in hex, permission bits."""

    path: str
    size: int
    sha256: str
    mode: int = 0o644


@dataclass(frozen=True)
class Manifest:
    """What rank `rank` (None: the whole gang) saved at `step` in one attempt."""

    attempt: int
    step: int
    files: tuple[FileEntry, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    sharded: bool = False
    rank: int | None = None

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)


def unsafe_path(path: str) -> bool:
    """True for a path that could leave the folder it is unpacked into.

    >>> unsafe_path("model.pt"), unsafe_path("../model.pt"), unsafe_path("/etc/passwd")
    (False, True, True)
    """
    pure = PurePosixPath(path)
    return not path or pure.is_absolute() or ".." in pure.parts or "\0" in path


def to_prune(committed: Iterable[tuple[int, int]], keep_last: int) -> list[int]:
    """Ids of the checkpoints that retention gives up; the newest always stays.

    Args:
        committed: (id, step) of those that are kept now; ids grow with the time of commit.
        keep_last: how many to keep, at least 1.
    """
    newest_first = sorted((identity for identity, _ in committed), reverse=True)
    return sorted(newest_first[max(keep_last, 1) :])

"""A checkpoint is a committed, complete folder with a manifest; retention never takes the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class FileEntry:
    """One file: relative POSIX path, size in bytes, sha256 in hex, permission bits."""

    path: str
    size: int
    sha256: str
    mode: int = 0o644
    modified: float = 0.0
    """When it was written, in seconds since the epoch: programs look for their newest file by it.
    0: not known."""


@dataclass(frozen=True)
class Watched:
    """What a manifest of watched files says beside them (launcher/model/watched.py)."""

    node: int
    """Whose agent sent it; of a whole: who sent last."""
    number: int = 0
    """Counts what that agent sent in the attempt, from 1."""
    per_node: bool = False
    """Every node has files of its own, in folders `node-<index>`."""
    owners: dict[str, int] = field(default_factory=dict)
    """Node that saved each file, of those that node 0 did not."""
    taken: dict[str, int] = field(default_factory=dict)
    """Of a whole: the last number that was taken of each node in the attempt."""


@dataclass(frozen=True)
class Manifest:
    """What rank `rank` (None: the whole gang) saved at `step` in one attempt."""

    attempt: int
    step: int
    files: tuple[FileEntry, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    sharded: bool = False
    rank: int | None = None
    watched: Watched | None = None
    """Set when the program saved by itself, and its files were collected."""

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


@dataclass(frozen=True)
class KeepBest:
    """Which checkpoints are kept for their figures. mode: `min` or `max`."""

    metric: str
    mode: str
    keep: int = 1


def best(committed: Iterable[tuple[int, Mapping[str, float]]], rule: KeepBest) -> list[int]:
    """Ids of the best checkpoints, the best first; of equal ones the earlier is better.

    Args:
        committed: (id, metrics) of each. Those without the metric, or with NaN, are none of them.
        rule: what is best.
    """
    sign = -1.0 if rule.mode == "max" else 1.0
    ranked = sorted(
        (sign * value, identity)
        for identity, metrics in committed
        if (value := metrics.get(rule.metric)) is not None and value == value  # noqa: PLR0124 - NaN
    )
    return [identity for _, identity in ranked[: rule.keep]]


def to_prune(committed: Iterable[tuple[int, int]], keep_last: int) -> list[int]:
    """Ids of the checkpoints that retention gives up; the newest always stays.

    Args:
        committed: (id, step) of those that are kept now; ids grow with the time of commit.
        keep_last: how many to keep, at least 1.
    """
    newest_first = sorted((identity for identity, _ in committed), reverse=True)
    return sorted(newest_first[max(keep_last, 1) :])

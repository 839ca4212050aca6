"""Outputs: files that a job leaves in its folder and that are kept: pictures, tables, models."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.model.checkpoint import FileEntry
from launcher.units import format_size


@dataclass(frozen=True)
class OutputRule:
    """Which files are outputs."""

    paths: tuple[str, ...]
    """Patterns (`launcher.model.globs`), relative to the job's folder."""
    every_node: bool = False
    """Collected on every node, not on that of rank 0 alone."""


@dataclass(frozen=True)
class OutputLimits:
    """How much of a job's outputs a server keeps."""

    files: int = 10_000
    size_bytes: int = 10 * 2**30


@dataclass(frozen=True)
class OutputReport:
    """The outputs of one node after an attempt. `rank`: the lowest one of that node."""

    attempt: int
    rank: int
    files: tuple[FileEntry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True)
class Choice:
    """What of the files that were found is collected."""

    kept: tuple[tuple[str, int], ...]
    """(path, size in bytes) of each."""
    refused: int = 0
    """How many of the files found no room within the limits."""

    @property
    def size(self) -> int:
        return sum(size for _, size in self.kept)


def choose(found: dict[str, int], limits: OutputLimits) -> Choice:
    """The files that fit within the limits, by their paths; one that is too large is passed over.

    >>> choose({"a": 5, "b": 90, "c": 6}, OutputLimits(10, 12)).kept
    (('a', 5), ('c', 6))
    """
    kept: list[tuple[str, int]] = []
    room = limits.size_bytes
    for path, size in sorted(found.items()):
        if len(kept) < limits.files and size <= room:
            kept.append((path, size))
            room -= size
    return Choice(tuple(kept), len(found) - len(kept))


def words_of_refused(choice: Choice, limits: OutputLimits) -> str:
    """What is told of the files that found no room."""
    what = f"{choice.refused:,} output{'s were' if choice.refused != 1 else ' was'} not collected"
    kept = f"{len(choice.kept):,} files with {format_size(choice.size)} were"
    return (
        f"{what}, {kept}: the server keeps {limits.files:,} files "
        f"and {format_size(limits.size_bytes)} of a job"
    )

"""When the files that a program saves by itself are complete. Pure.

A close event or a rename proves nothing: the kernel closes the files of a killed process too. What
counts is that a file rested while its writer lived, and what its own format says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from launcher.executor.formats import Structure

REST_S = 1.0
"""Unchanged for so long, seen twice with the writer alive in between: it rests."""
BURST_SHARE, LONGEST_REST_S = 0.25, 10.0
"""Several files must rest for this share of the time in which they were written, within bounds: a
program that gathers its weights pauses between the files of a folder."""
PATIENCE_S = 120.0
"""What keeps a checkpoint from being made for so long is told."""


class End(Enum):
    """What is known of the ranks of this node."""

    NOT_YET = "not yet"
    WELL = "well"
    """All have exited with 0: what they wrote is written."""
    BADLY = "badly"
    """One was killed, or failed: what it was writing may be torn."""


class Print(NamedTuple):
    """What changes when a file is written."""

    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Sight:
    """All watched files of a node at one moment: by path, absolute ones by their absolute path."""

    files: Mapping[str, Print] = field(default_factory=dict)
    matched: frozenset[str] = frozenset()
    """The patterns that mean at least one of them."""


@dataclass
class _Seen:
    print: Print
    since: float
    rested_s: float = 0.0
    """For how long it was seen unchanged, with its writer alive."""


StructureOf = Callable[[str, Print], Structure]


class Watch:
    """Looks at one node's watched files in one attempt.

    Args:
        base: the files as the attempt found them: there is nothing to save of these.
    """

    def __init__(self, base: Sight) -> None:
        self._taken = base
        self._now = base
        self._seen: dict[str, _Seen] = {}
        self._waits_since: float | None = None

    def see(self, sight: Sight, now: float, *, sound: bool) -> None:
        """Take a look.

        Args:
            sight: the files.
            now: seconds, monotonic.
            sound: no rank had been killed or had failed *after* the files were looked at.
        """
        self._now = sight
        before, self._seen = self._seen, {}
        for path, print_ in sight.files.items():
            known = before.get(path)
            if known is None or known.print != print_:
                known = _Seen(print_, now)
            elif sound:
                known.rested_s = now - known.since
            self._seen[path] = known
        if not self.written():
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now

    def written(self) -> list[str]:
        """The files that are new or changed since the last checkpoint."""
        files, taken = self._now.files, self._taken.files
        return sorted(path for path, print_ in files.items() if taken.get(path) != print_)

    def is_due(self, end: End, structure_of: StructureOf) -> bool:
        """Whether the files as they were seen last are a checkpoint: new, and all complete.

        Args:
            end: of the ranks.
            structure_of: looks at a file that is not known to be broken otherwise.
        """
        written = self.written()
        if not written or (end is not End.WELL and self._vanished()):
            return False
        return all(self._fault(path, end, structure_of) is None for path in written)

    def take(self) -> None:
        """What was seen last is on its way to the server."""
        self._taken = self._now
        self._waits_since = None

    def hindrance(self, now: float, structure_of: StructureOf) -> str | None:
        """What has kept a checkpoint from being made for so long that people should know."""
        if self._waits_since is None or now - self._waits_since < PATIENCE_S:
            return None
        for path in self.written():
            fault = self._fault(path, End.NOT_YET, structure_of)
            if fault:
                return f"{path} {fault}"
        vanished = self._vanished()
        return f"{vanished[0]} is gone" if vanished else None

    def faults(self, end: End, structure_of: StructureOf) -> list[str]:
        """Why the files that were seen last are no checkpoint, in words."""
        found = ((path, self._fault(path, end, structure_of)) for path in self.written())
        return [f"{path} {fault}" for path, fault in found if fault]

    def _vanished(self) -> list[str]:
        """Patterns that meant something before: the program is about to write it anew."""
        return sorted(self._taken.matched - self._now.matched)

    def _fault(self, path: str, end: End, structure_of: StructureOf) -> str | None:
        """Why a file that was written is not complete; None when it is."""
        seen = self._seen[path]
        rests = seen.rested_s >= self._rest_s()
        if end is End.NOT_YET and not rests:
            return "is being written"
        structure = structure_of(path, seen.print)
        if structure is Structure.TORN:
            return "is torn: its format says that something is missing"
        # Of several files, the next one may not have been begun.
        told = structure is Structure.WHOLE and len(self._now.files) == 1
        if end is End.BADLY and not rests and not told:
            return "was written just before its writer died"
        return None

    def _rest_s(self) -> float:
        """How long the files that were written must rest."""
        written = self.written()
        if len(written) < 2 or self._waits_since is None:
            return REST_S
        burst_s = max(self._seen[path].since for path in written) - self._waits_since
        return min(max(REST_S, BURST_SHARE * burst_s), LONGEST_REST_S)

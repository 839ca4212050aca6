"""The benchmark's side of `programs/marks.py`: reads when the ranks got where."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import wait_until


@dataclass(frozen=True)
class Mark:
    """`value` is a moment in seconds since the epoch, or a figure that the program measured."""

    name: str
    value: float
    rank: int
    attempt: int
    pid: int


class MarkedFolder:
    """Where the ranks of one run leave their marks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wait(
        self,
        name: str,
        *,
        attempt: int = 1,
        ranks: int = 2,
        first: bool = False,
        failed: Callable[[], str | None] = lambda: None,
    ) -> list[Mark]:
        """That mark of each rank, in their order, once all have set it.

        Args:
            name: of the mark.
            attempt: which launch of the gang.
            ranks: how many there are.
            first: of a mark that each sets many times, the first one.
            failed: why it will never come, if it will not; ends the benchmark with these words.
        """

        def all_there() -> list[Mark] | None:
            found = self._find(name, attempt)
            if first:
                found = list({mark.rank: mark for mark in reversed(found)}.values())
            reason = None if len(found) == ranks else failed()
            if reason:
                raise SystemExit(reason)
            return found if len(found) == ranks else None

        return wait_until(all_there, f"mark '{name}' of {ranks} ranks in attempt {attempt}")

    def last(self, name: str, **which: int) -> float:
        """When the last rank had set that mark."""
        return max(mark.value for mark in self.wait(name, **which))  # type: ignore[arg-type]

    def all(self, name: str, *, rank: int = 0) -> list[float]:
        """The values of a mark that a rank sets many times."""
        return [mark.value for mark in self._find(name, 1) if mark.rank == rank]

    def _find(self, name: str, attempt: int) -> list[Mark]:
        marks = [mark for file in sorted(self.path.glob("rank-*.jsonl")) for mark in _read(file)]
        return [mark for mark in marks if mark.name == name and mark.attempt == attempt]


@contextmanager
def marked_folder() -> Iterator[MarkedFolder]:
    path = Path(tempfile.mkdtemp(prefix="launcher-marks-"))
    try:
        yield MarkedFolder(path)
    finally:
        shutil.rmtree(path)


def _read(file: Path) -> Iterator[Mark]:
    whole, _, _ = file.read_text().rpartition("\n")  # without a line that is being written
    return (Mark(**json.loads(line)) for line in whole.splitlines())

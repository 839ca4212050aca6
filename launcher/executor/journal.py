"""What the ranks of this node had reported by a moment: it dates the files that they save.

Fed with the records that the server has taken, so that what is told of a checkpoint is never ahead
of the points that it stands on.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field

from launcher.model.metric import points_of, progress_of

RECENT = 5000
"""Reports of a rank that are kept one by one; of older ones the last value of each metric is."""


@dataclass(frozen=True)
class Standing:
    """How far the training was. `step`: None when nothing was reported."""

    step: int | None
    metrics: dict[str, float]


@dataclass
class _Rank:
    """Reports of one rank: (time, step, values), times by its clock."""

    step: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    recent: deque[tuple[float, int | None, dict[str, float]]] = field(default_factory=deque)

    def add(self, time: float, step: int | None, values: dict[str, float]) -> None:
        self.recent.append((time, step, values))
        if len(self.recent) > RECENT:
            _, old_step, old_values = self.recent.popleft()
            self.step = self.step if old_step is None else old_step
            self.metrics.update(old_values)

    def by(self, moment: float) -> Standing:
        step, metrics = self.step, dict(self.metrics)
        for time, later_step, values in self.recent:
            if time > moment:
                break
            step = step if later_step is None else later_step
            metrics.update(values)
        return Standing(step, metrics)


class Journal:
    """Of the attempt that was begun last. Used by several threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._attempt = 0
        self._ranks: dict[int, _Rank] = {}

    def begin(self, attempt: int) -> None:
        with self._turn:
            self._ranks = {}
            self._attempt = attempt

    def take(self, attempt: int, rank: int, record: dict[str, object]) -> None:
        """A record of a rank's spool, or one that its agent observed; called in their order."""
        time, progress = record.get("s", record.get("t")), progress_of(record)
        values = {point.name: point.value for point in points_of(record, attempt, rank)}
        if attempt != self._attempt or not isinstance(time, int | float):
            return
        if progress is not None or values:
            with self._turn:
                mine = self._ranks.setdefault(rank, _Rank())
                mine.add(float(time), progress.step if progress else None, values)

    def by(self, moment: float) -> Standing:
        """What had been reported by then, by the lowest rank that reports it.

        Args:
            moment: seconds since the epoch, by the clock of this machine.
        """
        step: int | None = None
        metrics: dict[str, float] = {}
        with self._turn:
            found = [self._ranks[rank].by(moment) for rank in sorted(self._ranks, reverse=True)]
        for standing in found:
            step = step if standing.step is None else standing.step
            metrics.update(standing.metrics)
        return Standing(step, {k: v for k, v in metrics.items() if math.isfinite(v)})

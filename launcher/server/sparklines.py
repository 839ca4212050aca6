"""Sparklines of many jobs at once, for a table that is drawn anew every two seconds.

A job's line is kept in memory and grows by what is new: a look costs one query for all jobs, and
one more for each that has new points.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from launcher.server.control import Control
from launcher.server.curve import stitch
from launcher.server.spark import Spark
from launcher.store.metrics import Metrics
from launcher.store.reading import LOSS, MainSeries
from launcher.views_curves import SparklineView

_JOBS_KEPT = 2000
_FRESH_S = 1.0
"""Who asks again that soon is told the same: many look at the same table."""
_CHOSEN_S = 30.0
"""A job without a series called loss may report a better one later."""
_LONGEST_LOOK_S = 0.25
"""For lines that are not in memory yet; the others come with the next look."""


@dataclass
class _Line:
    main: MainSeries
    chosen_at: float
    spark: Spark = field(default_factory=Spark)
    count: int = 0
    """Points of the series that are in it."""
    batch: int = 0
    """The last batch of those."""

    def is_settled(self, now: float) -> bool:
        """Whether no better series of the job is looked for now."""
        return self.main.name == LOSS or now - self.chosen_at < _CHOSEN_S


class Sparklines:
    """Called from worker threads, one look at a time."""

    def __init__(self, control: Control, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics: Metrics = control.store.metrics
        self._clock = clock
        self._turn = threading.Lock()
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._looked: dict[str, float] = {}

    def of(self, job_ids: Sequence[str]) -> tuple[list[SparklineView], list[str]]:
        """The lines of those that have any, and the ids of those that are not ready yet."""
        with self._turn:
            now = self._clock()
            old = [job for job in job_ids if now - self._looked.get(job, -_FRESH_S) >= _FRESH_S]
            later = self._bring_up(old, now)
            self._looked |= dict.fromkeys(set(old).difference(later), now)
            found = [_shown(job, self._lines[job]) for job in job_ids if job in self._lines]
            self._forget()
            return found, later

    def _bring_up(self, job_ids: Sequence[str], now: float) -> list[str]:
        """Add what is new; gives the ids of those that must wait for another look."""
        known = {job: line for job in job_ids if (line := self._lines.get(job)) is not None}
        counts = self._metrics.counts([line.main.id for line in known.values()])
        mains = self._metrics.main_series(
            [
                job
                for job in job_ids
                if job not in known
                or known[job].main.id not in counts
                or not known[job].is_settled(now)
            ]
        )
        later = []
        for job_id in job_ids:
            line = known.get(job_id)
            if line is None or job_id in mains or line.main.id not in counts:
                main = mains.get(job_id)
                if main is None:
                    self._lines.pop(job_id, None)
                elif line is not None and line.main.id == main.id:
                    line.chosen_at = now
                elif self._clock() - now > _LONGEST_LOOK_S:
                    later.append(job_id)
                else:
                    self._lines[job_id] = self._whole(job_id, main, now)
            elif counts[line.main.id] != line.count:
                self._add(job_id, line)
        return later

    def _whole(self, job_id: str, main: MainSeries, now: float) -> _Line:
        line = _Line(main, now)
        with self._metrics.reading(job_id) as reading:
            line.batch = reading.newest_batch()
            history = reading.history(main.id)
        line.spark.add(max(history, default=0), stitch(history))
        line.count = sum(len(points.steps) for points in history.values())
        return line

    def _add(self, job_id: str, line: _Line) -> None:
        with self._metrics.reading(job_id) as reading:
            for batch, attempt, points in reading.parts(line.main.id, line.batch):
                line.batch = batch
                line.count += len(points.steps)
                line.spark.add(attempt, points)
        self._lines.move_to_end(job_id)

    def _forget(self) -> None:
        """What nobody looks at."""
        while len(self._lines) > _JOBS_KEPT:
            self._lines.popitem(last=False)
        if len(self._looked) > 2 * _JOBS_KEPT:
            self._looked = {job: at for job, at in self._looked.items() if job in self._lines}


def _shown(job_id: str, line: _Line) -> SparklineView:
    xs, ys = line.spark.line()
    return SparklineView(job_id, line.main.name, line.main.rank, tuple(xs), tuple(ys))

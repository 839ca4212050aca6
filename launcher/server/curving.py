"""Curves of a job for charts: all of its attempts as one, no more points than a chart can show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from launcher.model.ending import Ending
from launcher.model.job import Attempt
from launcher.model.sample import REPORTED, SYSTEM
from launcher.server.control import Control
from launcher.server.curve import View, by_time, draw, is_ordered, stitch
from launcher.server.pace import SystemReading
from launcher.server.showing import number
from launcher.server.summary import summary_of
from launcher.store import checkpoints, events, jobs, stragglers
from launcher.store.packing import Arrays, joined
from launcher.store.reading import Reading, SeriesInfo
from launcher.store.stragglers import Straggler
from launcher.views_curves import CurveView, MarkView, SeriesView, SummaryView

Kind = Literal["reported", "system"]
X = Literal["step", "time"]

UNNAMED = 12
"""So many series are drawn when none is named."""
MOST = 64
"""So many at once."""
_MARKS = 1000
_LOG = "log"


@dataclass(frozen=True)
class Choice:
    """Which series of a job; where nothing is named, all."""

    names: Sequence[str] = ()
    ranks: Sequence[int] = ()
    kind: Kind = "reported"

    def of(self, found: Iterable[SeriesInfo]) -> list[SeriesInfo]:
        return [
            one
            for one in found
            if one.kind == self.kind
            and (not self.names or one.name in self.names)
            and (not self.ranks or one.rank in self.ranks)
        ]


class Told(NamedTuple):
    """How far a job is told by what was read of it: the newest of each of its histories."""

    events: int
    checkpoints: int
    logs: Mapping[tuple[int, int], int]
    """Attempt and rank -> length of its output."""
    batch: int = 0


@dataclass(frozen=True)
class Chart:
    """Curves, what happened to the training meanwhile, and how far that goes."""

    curves: tuple[CurveView, ...]
    marks: tuple[MarkView, ...]
    told: Told
    left_out: int


class Curving:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._store = control.store

    def series(self, job_id: str, kind: Kind) -> list[SeriesView]:
        with self._reading(job_id, kind) as reading:
            return [_shown(one) for one in Choice(kind=kind).of(reading.series())]

    def summaries(self, job_id: str) -> list[SummaryView]:
        """Each name in figures, of the lowest rank that reports it."""
        with self._store.metrics.reading(job_id) as reading:
            lowest: dict[str, SeriesInfo] = {}
            for one in reading.series():
                lowest.setdefault(one.name, one)
            return [summary_of(one, reading.history(one.id)) for one in lowest.values()]

    def chart(self, job_id: str, choice: Choice, x: X, view: View) -> Chart:
        """The curves of the first series of the choice, by name and rank."""
        # Read before the points: who follows from there may be told a mark again, but misses none.
        with self._store.read() as tx:
            saved = checkpoints.list_(tx, job_id)
            attempts = jobs.attempts(tx, job_id)
            marks = [*_restarts(attempts), *map(_saved, saved[-_MARKS:])]
            if choice.kind == SYSTEM and attempts:
                newest = attempts[-1].number
                marks += [_slow(one, newest) for one in stragglers.of(tx, job_id, newest)]
            told = Told(
                events.newest(tx, job_id), saved[-1].id if saved else 0, self._logs(tx, job_id)
            )
        with self._reading(job_id, choice.kind) as reading:
            told = told._replace(batch=reading.newest_batch())
            chosen = choice.of(reading.series(choice.names))
            most = MOST if choice.names else UNNAMED
            curves = tuple(_curve(reading, one, x, view) for one in chosen[:most])
        marks.sort(key=lambda mark: mark.time)
        return Chart(curves, tuple(marks), told, max(len(chosen) - most, 0))

    @contextmanager
    def _reading(self, job_id: str, kind: Kind) -> Iterator[Reading | SystemReading]:
        if kind == REPORTED:
            with self._store.metrics.reading(job_id) as reports:
                yield reports
        else:
            with self._store.samples.reading(job_id) as samples:
                yield SystemReading(samples)

    def _logs(self, tx: Connection, job_id: str) -> dict[tuple[int, int], int]:
        streams = self._store.logs.streams(tx, job_id)
        return {(log.attempt, log.rank): log.length for log in streams if log.stream == _LOG}


def _curve(reading: Reading | SystemReading, series: SeriesInfo, x: X, view: View) -> CurveView:
    # What was measured was so, whatever an attempt did again later: only steps are stitched.
    is_system = series.kind == SYSTEM
    history = _history(reading, series, x)
    parts = [history[attempt] for attempt in sorted(history)]
    curve = by_time(joined(parts)) if is_system else stitch(history)
    count = len(curve.steps)
    if x == "time":
        curve = by_time(curve)
    drawn = draw(curve.steps if x == "step" else curve.times, curve.values, view)
    xs, ys, odd = tuple(drawn.xs), tuple(drawn.ys), tuple(drawn.odd)
    return CurveView(series.name, series.rank, series.kind, count, xs, ys, odd)


def _history(reading: Reading | SystemReading, series: SeriesInfo, x: X) -> dict[int, Arrays]:
    if x == "time" or not isinstance(reading, Reading):
        return reading.history(series.id)
    history = reading.history(series.id, times=False)
    if all(is_ordered(points.steps) for points in history.values()):
        return history
    return reading.history(series.id)  # of points of one step the later one comes later


def _shown(series: SeriesInfo) -> SeriesView:
    return SeriesView(
        series.name,
        series.rank,
        series.kind,
        series.count,
        series.first_step,
        series.last_step,
        number(series.last_value),
        series.source,
    )


def _restarts(attempts: Iterable[Attempt]) -> list[MarkView]:
    """Where each attempt but the first one went on, and why the one before had ended."""
    marks = []
    before: Attempt | None = None
    for attempt in sorted(attempts, key=lambda one: one.number):
        verdict = before.verdict if before else None
        if before is not None:
            resized = verdict is not None and verdict.ending is Ending.RESIZED
            step = attempt.resume_step or 0
            text = f"attempt {attempt.number} from step {step}"
            if verdict is not None and verdict.words:
                text += f": {verdict.words}"
            began = attempt.started_at or attempt.granted_at
            kind = "resize" if resized else "restart"
            marks.append(MarkView(kind, step, began, attempt.number, text))
        before = attempt
    return marks


def _saved(stored: checkpoints.StoredCheckpoint) -> MarkView:
    text = f"checkpoint of step {stored.step}"
    return MarkView("checkpoint", stored.step, stored.created_at, stored.attempt, text)


def _slow(slow: Straggler, attempt: int) -> MarkView:
    where = f"rank {slow.rank} on {slow.node}" if slow.node else f"rank {slow.rank}"
    text = f"{where} is slow: done with a step after {slow.factor:.2g} times the gang's step time"
    return MarkView("straggler", slow.step, slow.since, attempt, text, slow.rank)

"""A job's life to scale: what it did when, what of it was lost, and the moments worth a mark. Pure.

What a person asks of it: where did the time go.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from launcher.model.job import WARNING
from launcher.units import format_duration
from launcher.views import AttemptView, JobView

PHASES = ("held", "queued", "setup", "starting", "training", "stopping")
"""In the order of a job's life; `lost` lies over what it is a part of."""
KINDS = ("held", "released", "queued", "retry", "set-up", "stopping", WARNING)
"""Of events: those that a timeline is made of."""
_NAMES = {
    "held": "held",
    "queued": "in the queue",
    "setup": "setting up its environment",
    "starting": "starting",
    "training": "training",
    "stopping": "stopping",
    "lost": "training that nothing went on from",
}
_WAITS = frozenset({"QUEUED", "HELD"})
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
_DAY_S = 86_400
_TICKS = 6
_SHORTEST_S = 1.0
"""Of the whole: a job that just came is drawn on a second."""
_FOLDED = 400
"""Marks: more would not be told apart."""


class Moment(NamedTuple):
    """An event or a commit, at `at` on the server's clock."""

    at: float
    kind: str
    text: str
    attempt: int | None = None


class Commit(NamedTuple):
    """A checkpoint that was committed, be it kept or not."""

    at: float
    step: int
    attempt: int
    kept: bool = True


class Segment(NamedTuple):
    phase: str
    start: float
    end: float
    attempt: int | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Shape(NamedTuple):
    """Something to draw: `left` and `width` in percent of the whole."""

    kind: str
    left: float
    width: float
    text: str
    attempt: int | None = None


class Timeline(NamedTuple):
    start: float
    end: float
    bars: tuple[Shape, ...]
    lost: tuple[Shape, ...]
    marks: tuple[Shape, ...]
    ticks: tuple[tuple[float, str], ...]
    """Place in percent, and the time since the beginning."""
    totals: tuple[tuple[str, str, str], ...]
    """Each phase that there was, its name, and how long it took in all."""


def timeline(
    job: JobView, moments: Sequence[Moment], commits: Sequence[Commit], now: float
) -> Timeline:
    """The life of a job, drawn.

    Args:
        job: with its attempts.
        moments: its events of `KINDS`, oldest first.
        commits: its checkpoints, oldest first.
        now: where it ends unless the job is over.
    """
    now = max(now, job.submitted_at)
    segments = list(life(job, moments, now))
    lost = list(lost_work(job.attempts, commits))
    over = job.is_over and job.ended_at is not None
    ends = [segment.end for segment in segments]
    end = max([job.ended_at or now, *ends] if over else [now, *ends])
    scale = _Scale(job.submitted_at, max(end, job.submitted_at + _SHORTEST_S))
    return Timeline(
        scale.start,
        scale.end,
        tuple(_bar(scale, one) for one in segments),
        tuple(_bar(scale, one) for one in lost),
        tuple(_marks(scale, job.attempts, moments, commits)),
        ticks(scale.start, scale.end),
        _totals(segments, lost),
    )


def life(job: JobView, moments: Sequence[Moment], now: float) -> Iterable[Segment]:
    """What the job did, piece by piece; nothing where it was over until somebody retried it."""
    free_from: float | None = job.submitted_at
    for attempt in job.attempts:
        granted = attempt.granted_at
        if granted is None:
            continue
        if free_from is not None:
            yield from _waiting(_back_since(free_from, granted, moments), granted, moments)
        yield from _attempt(attempt, moments, now)
        free_from = attempt.ended_at
    if free_from is not None and job.state in _WAITS:
        yield from _waiting(_back_since(free_from, now, moments), now, moments)
    elif free_from is not None and not job.attempts:
        yield from _waiting(free_from, job.ended_at or now, moments)


def lost_work(attempts: Sequence[AttemptView], commits: Sequence[Commit]) -> Iterable[Segment]:
    """Training that the next attempt did not go on from."""
    for number, attempt in enumerate(attempts[:-1]):
        began, ended, then = attempt.started_at, attempt.ended_at, attempts[number + 1]
        if began is None or ended is None:
            continue
        saved = [
            one.at
            for one in commits
            if then.resume_step is not None and one.step == then.resume_step and one.at <= ended
        ]
        since = max([began, *saved[-1:]])
        if ended > since:
            yield Segment("lost", since, ended, attempt.number)


def ticks(start: float, end: float) -> tuple[tuple[float, str], ...]:
    """Round durations since the beginning.

    >>> ticks(0.0, 100.0)
    ((0.0, '0s'), (30.0, '30s'), (60.0, '1m'), (90.0, '1m30s'))
    """
    whole = end - start
    step = next((one for one in _STEPS_S if whole / one <= _TICKS), None)
    if step is None:
        step = _DAY_S * math.ceil(whole / _DAY_S / _TICKS)
    # The last label needs room on its right.
    count = int(whole * 0.97 // step)
    return tuple(
        (round(100 * step * place / whole, 3), format_duration(step * place) or "0s")
        for place in range(count + 1)
    )


class _Scale(NamedTuple):
    start: float
    end: float

    def place(self, at: float) -> float:
        return round(min(max(100 * (at - self.start) / (self.end - self.start), 0.0), 100.0), 3)


def _waiting(start: float, end: float, moments: Sequence[Moment]) -> Iterable[Segment]:
    """In the queue, or held for a part of that time."""
    phase = "queued"
    for moment in moments:
        if moment.kind in {"held", "released"} and moment.at <= end:
            at = max(moment.at, start)
            if at > start:
                yield Segment(phase, start, at)
            start, phase = at, "held" if moment.kind == "held" else "queued"
    if end > start:
        yield Segment(phase, start, end)


def _back_since(ended: float, until: float, moments: Sequence[Moment]) -> float:
    """Since when it waits again: it may have been over for long before somebody retried it."""
    again = [one.at for one in moments if one.kind in {"retry", "queued"} and ended < one.at]
    return next((at for at in reversed(again) if at <= until), ended)


def _attempt(attempt: AttemptView, moments: Sequence[Moment], now: float) -> Iterable[Segment]:
    own = {one.kind: one.at for one in moments if one.attempt == attempt.number}
    granted = attempt.granted_at or now
    end = attempt.ended_at if attempt.ended_at is not None else max(now, granted)
    started = min(attempt.started_at if attempt.started_at is not None else end, end)
    ready = min(own.get("set-up", granted), started)
    stopping = max(min(own.get("stopping", end), end), started)
    edges = (granted, ready, started, stopping, end)
    for phase, begin, until in zip(PHASES[2:], edges, edges[1:], strict=False):
        if until > begin:
            yield Segment(phase, begin, until, attempt.number)


def _bar(scale: _Scale, one: Segment) -> Shape:
    left, right = scale.place(one.start), scale.place(one.end)
    whose = f"attempt {one.attempt}: " if one.attempt else ""
    text = f"{whose}{_NAMES[one.phase]}, {format_duration(one.seconds)}"
    return Shape(one.phase, left, round(right - left, 3), text, one.attempt)


def _marks(
    scale: _Scale,
    attempts: Sequence[AttemptView],
    moments: Sequence[Moment],
    commits: Sequence[Commit],
) -> Iterable[Shape]:
    for one in commits[:: max(1, math.ceil(len(commits) / _FOLDED))]:
        gone = "" if one.kept else ", pruned since"
        text = f"checkpoint of step {one.step}{gone}"
        yield Shape("checkpoint", scale.place(one.at), 0.0, text, one.attempt)
    for moment in moments:
        if moment.kind == WARNING:
            yield Shape("warning", scale.place(moment.at), 0.0, moment.text, moment.attempt)
    for attempt in attempts:
        if attempt.ended_at is not None and attempt.ending:
            words = f"attempt {attempt.number} ended: {attempt.words or attempt.ending}"
            kind = "good" if attempt.ending in {"FINISHED", "EXIT_ABORTED"} else "bad"
            if attempt.ending in {"PREEMPTED", "RESIZED", "NODE_DRAINED", "CANCELLED_BY_USER"}:
                kind = "neutral"
            yield Shape(kind, scale.place(attempt.ended_at), 0.0, words, attempt.number)


def _totals(
    segments: Sequence[Segment], lost: Sequence[Segment]
) -> tuple[tuple[str, str, str], ...]:
    found = []
    for phase in (*PHASES, "lost"):
        pieces = [one.seconds for one in (*segments, *lost) if one.phase == phase]
        if pieces:
            name = "set-up" if phase == "setup" else phase
            found.append((phase, name, format_duration(sum(pieces))))
    return tuple(found)

"""What is known of a job while it is followed. Pure: messages in, no clock and no output."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from launcher.follow import Ended, Interrupted, Message, MetricsBatch, StateChange
from launcher.model.metric import MetricPoint
from launcher.views import CheckpointView, JobView

_KEPT = 1000
"""Points of a curve that its sparkline is drawn of."""
_RATE_WINDOW = 20


@dataclass
class Curve:
    """The newest values of one series, of the lowest rank that reports it."""

    rank: int
    values: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass
class Board:
    """The newest of everything."""

    job: JobView
    curves: dict[str, Curve] = field(default_factory=dict)
    checkpoint: CheckpointView | None = None
    silent_s: float | None = None
    """How long the server does not answer; None while it does."""
    ended: bool = False
    _marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_RATE_WINDOW))
    """(time, step) of the newest reports of the running attempt."""
    _attempt: int = 0

    def take(self, message: Message) -> None:
        self.silent_s = message.silent_s if isinstance(message, Interrupted) else None
        if isinstance(message, StateChange):
            self.job = message.job
        elif isinstance(message, CheckpointView):
            self.checkpoint = message
        elif isinstance(message, MetricsBatch):
            for point in message.points:
                self._take_point(point)
        elif isinstance(message, Ended):
            self.ended = True

    @property
    def step(self) -> int | None:
        """The newest step that was heard of."""
        if self._marks:
            return self._marks[-1][1]
        return self.job.progress.step if self.job.progress else None

    @property
    def total_steps(self) -> int | None:
        return self.job.progress.total_steps if self.job.progress else None

    @property
    def steps_per_s(self) -> float | None:
        """Over the newest reports; as the server says while there are too few."""
        if len(self._marks) > 2:
            (begun, first), (now, last) = self._marks[0], self._marks[-1]
            if now > begun and last > first:
                return (last - first) / (now - begun)
        return self.job.progress.steps_per_s if self.job.progress else None

    @property
    def eta_s(self) -> float | None:
        rate, total, step = self.steps_per_s, self.total_steps, self.step
        if not rate or total is None or step is None:
            return self.job.progress.eta_s if self.job.progress else None
        return max(total - step, 0) / rate

    def _take_point(self, point: MetricPoint) -> None:
        curve = self.curves.get(point.name)
        if curve is None or point.rank < curve.rank:
            curve = self.curves[point.name] = Curve(point.rank)
        if point.rank == curve.rank:
            curve.values.append(point.value)
            self._mark(point)

    def _mark(self, point: MetricPoint) -> None:
        if point.attempt > self._attempt:
            self._attempt = point.attempt
            self._marks.clear()
        newer = not self._marks or point.step > self._marks[-1][1]
        if point.attempt == self._attempt and newer:
            self._marks.append((point.time, point.step))

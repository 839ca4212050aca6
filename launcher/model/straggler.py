"""Which ranks of a gang are slower than the others, out of when they report which step. Pure.

Two things can be seen, and they are different:

- **step time**: how long a rank takes from one step to the next, by its own clock. Ranks that wait
  for each other in every step all take the same time, that of the slowest one.
- **lag**: how long after the other ranks of its node a rank reports the same step. In a gang that
  waits for each other it shows what a rank does between the last wait and its report. Only ranks of
  one node are compared: nobody knows by how much the clocks of two machines differ.

A rank is slow at a step whose time is more than `FACTOR` times the gang's median, or that it
reports by more than the same part of a step later than its node's median. After `STEPS` such steps
in a row it is marked; after as many that were not, it is so no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low
from typing import NamedTuple, TypeVar

T = TypeVar("T")

FACTOR = 1.3
STEPS = 20
LEAST_LAG_S = 0.02
"""Less is how processes happen to be scheduled."""
LEAST_S, LEAST_REPORTS = 2.0, 3
"""A streak lasts so long at least: of steps of a millisecond, 20 are over before anybody looks."""
_ROWS_A_SECOND = 10.0
"""Of steps that follow faster, so many a second are compared."""
_ROWS = 256
"""Steps that are remembered. A rank that is behind by more is compared with the oldest of them."""
_FACTORS = 64


class Mark(NamedTuple):
    """A rank that is slow. `is_late`: by its lag, else by its step time."""

    rank: int
    step: int
    factor: float
    is_late: bool = False


class Recovered(NamedTuple):
    """A rank that is slow no more."""

    rank: int
    step: int


class _Report(NamedTuple):
    """`step_s`: seconds of each of the `steps` since the rank's report before."""

    step: int
    at: float
    steps: int
    step_s: float


class _Reference(NamedTuple):
    """What a step was like for the gang. `at`: when nodes with several ranks reported it."""

    step: int
    step_s: float
    at: Mapping[int, float]


@dataclass
class _Rank:
    """`slow`, `good`: the streak that goes on, in steps, seconds and reports."""

    node: int
    last: tuple[int, float] | None = None
    slow: tuple[int, float, int] = (0, 0.0, 0)
    good: tuple[int, float, int] = (0, 0.0, 0)
    factors: list[float] = field(default_factory=list)
    late: int = 0
    """Reports of the slow streak that were slow by lag alone."""
    is_marked: bool = False


class GangPace:
    """Compares the ranks of one attempt.

    Args:
        nodes: the node of each rank.
        marked: ranks that are marked already, by who compared before.
    """

    def __init__(self, nodes: Sequence[int], marked: Iterable[int] = ()) -> None:
        self._ranks = [_Rank(node) for node in nodes]
        for rank in marked:
            if rank < len(nodes):
                self._ranks[rank].is_marked = True
        self._reporting: set[int] = set()
        self._every = 1
        """Steps are compared by so many."""
        self._rows: dict[int, dict[int, _Report]] = {}
        self._references: dict[int, _Reference] = {}

    def take(
        self, rank: int, steps: Sequence[int], times: Sequence[float]
    ) -> list[Mark | Recovered]:
        """What a rank reported next changes this about the gang.

        Args:
            rank: which; one that is not of the gang is passed over.
            steps: in the order of its reports.
            times: of them, by the rank's clock, in seconds.
        """
        if len(self._ranks) < 2 or not 0 <= rank < len(self._ranks) or not steps:
            return []
        self._reporting.add(rank)
        self._keep_up(steps, times)
        found: list[Mark | Recovered] = []
        for step, at in zip(steps, times, strict=True):
            last = self._ranks[rank].last
            if last is not None and step // self._every == last[0] // self._every:
                continue
            report = self._next(rank, step, at)
            if report is not None:
                found += self._compare(rank, report)
        return found

    def _keep_up(self, steps: Sequence[int], times: Sequence[float]) -> None:
        """Compare fewer of the steps when they follow fast."""
        took_s = times[-1] - times[0]
        advanced = steps[-1] - steps[0]
        if len(steps) < 2 or not 0 < took_s < math.inf or advanced <= 0:
            return
        wanted = len(steps) / took_s / _ROWS_A_SECOND
        if wanted < 2:
            return
        every = 2 ** math.ceil(math.log2(wanted * advanced / len(steps)))
        if every > self._every:
            self._every = every
            self._rows.clear()
            self._references.clear()

    def _next(self, rank: int, step: int, at: float) -> _Report | None:
        """The report, if it tells the time of a step."""
        mine = self._ranks[rank]
        last, mine.last = mine.last, (step, at)
        if last is None or step <= last[0] or not 0 < at - last[1] < math.inf:
            return None
        steps = step - last[0]
        return _Report(step, at, steps, (at - last[1]) / steps)

    def _compare(self, rank: int, report: _Report) -> list[Mark | Recovered]:
        """As soon as most ranks were there; who comes later is compared with those."""
        place = report.step // self._every
        reference = self._references.get(place) or self._oldest(rank, place)
        if reference is not None:
            return self._judge(rank, report, reference)
        row = self._rows.setdefault(place, {})
        row[rank] = report
        if len(row) < max(2, len(self._reporting) // 2 + 1):
            _keep_newest(self._rows)
            return []
        del self._rows[place]
        reference = self._references[place] = self._reference(row)
        _keep_newest(self._references)
        return [turn for one in sorted(row) for turn in self._judge(one, row[one], reference)]

    def _oldest(self, rank: int, place: int) -> _Reference | None:
        """What a step is compared with that lies before all that are remembered."""
        oldest = next(iter(self._references), None)
        if oldest is not None:
            return self._references[oldest] if place < oldest else None
        first = next(iter(self._rows), None)
        if first is None or place >= first:
            return None
        others = {one: report for one, report in self._rows[first].items() if one != rank}
        return self._reference(others) if others else None

    def _reference(self, row: Mapping[int, _Report]) -> _Reference:
        step = median_low([report.step for report in row.values()])
        times: dict[int, list[float]] = {}
        for rank, report in row.items():
            if report.step == step:
                times.setdefault(self._ranks[rank].node, []).append(report.at)
        at = {node: median_low(found) for node, found in times.items()}
        return _Reference(step, median_low([report.step_s for report in row.values()]), at)

    def _judge(self, rank: int, report: _Report, reference: _Reference) -> list[Mark | Recovered]:
        mine = self._ranks[rank]
        by_time = report.step_s / reference.step_s
        by_lag = 1.0
        if report.step == reference.step and mine.node in reference.at:
            lag = (report.at - reference.at[mine.node]) / reference.step_s
            # Who is behind by more than a step does not wait for the others: its step time tells.
            waits = lag <= 1.0 and lag * reference.step_s >= LEAST_LAG_S
            by_lag = 1.0 + lag if waits else 1.0
        factor = max(by_time, by_lag)
        grown = (report.steps, report.steps * report.step_s, 1)
        if factor > FACTOR:
            mine.slow, mine.good = _longer(mine.slow, grown), (0, 0.0, 0)
            mine.factors = [*mine.factors, factor][-_FACTORS:]
            mine.late += by_time <= FACTOR
        else:
            mine.slow, mine.good = (0, 0.0, 0), _longer(mine.good, grown)
            mine.factors, mine.late = [], 0
        if not mine.is_marked and _is_long(mine.slow):
            mine.is_marked = True
            is_late = 2 * mine.late > mine.slow[2]
            return [Mark(rank, report.step, round(median(mine.factors), 2), is_late)]
        if mine.is_marked and _is_long(mine.good):
            mine.is_marked = False
            return [Recovered(rank, report.step)]
        return []


def _longer(streak: tuple[int, float, int], by: tuple[int, float, int]) -> tuple[int, float, int]:
    return streak[0] + by[0], streak[1] + by[1], streak[2] + by[2]


def _is_long(streak: tuple[int, float, int]) -> bool:
    steps, seconds, reports = streak
    return steps >= STEPS and seconds >= LEAST_S and reports >= LEAST_REPORTS


def _keep_newest(rows: dict[int, T]) -> None:
    while len(rows) > _ROWS:
        del rows[next(iter(rows))]

"""What projects hold against their quotas.

A quota bounds what a project's jobs that are not preemptible hold at once. Preemptible ones may
borrow what others leave idle; they give it back when a project within its quota wants it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TypeAlias

from launcher.model.job import Resources
from launcher.model.project import Project
from launcher.scheduler.room import UNITS, units
from launcher.scheduler.state import Running

KINDS = ("gpus", "cpus", "running")
Needs: TypeAlias = tuple[int, int, int]
"""Units of each of KINDS."""
_NOTHING: Needs = (0, 0, 0)


class Quotas:
    """Kept as gangs come and go; amounts in units, whole numbers."""

    def __init__(self) -> None:
        self._all: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._firm: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def hold(self, running: Running, sign: int = 1) -> None:
        """A gang of the project got resources; `sign` -1: it gave them back."""
        counts = [self._all] if running.preemptible else [self._all, self._firm]
        for count in counts:
            for index, amount in enumerate(needs(running.resources)):
                count[running.project][index] += sign * amount

    def short(self, wanted: Needs, project: Project) -> tuple[str, ...]:
        """The kinds of quota that keep a gang that is not preemptible from starting now."""
        return _over(self._firm[project.name], wanted, project)

    def within(self, wish: Resources, project: Project) -> Resources:
        """An elastic gang with as many workers as the quota lets start now; `short` was asked."""
        sizes = range(wish.fewest or wish.workers, wish.workers + 1)
        over = bisect_left(sizes, True, key=lambda n: bool(self.short(needs(wish.of(n)), project)))
        most = sizes[max(over - 1, 0)]
        return wish if most == wish.workers else wish.upto(most)

    def borrows(self, wanted: Needs, project: Project) -> bool:
        """True when the project would hold more than its quota with this gang."""
        return bool(_over(self._all[project.name], wanted, project))

    def is_over(self, project: Project) -> bool:
        """True when the project holds more than its quota: it borrows."""
        return bool(_over(self._all[project.name], _NOTHING, project))

    def firm(self, project: str) -> dict[str, float]:
        """What the project's quota bounds, and it holds: all but jobs that are preemptible."""
        return _told(self._firm[project])


def needs(resources: Resources) -> Needs:
    """What a gang needs of each kind of quota, in units."""
    each, workers = resources.per_worker(), resources.workers
    gpus, cpus = units(each.get("GPU", 0.0)), units(each.get("CPU", 0.0))
    return gpus * workers, cpus * workers, UNITS


def kinds_of(wanted: Needs) -> tuple[str, ...]:
    """The kinds of quota that a gang needs something of."""
    return tuple(kind for kind, need in zip(KINDS, wanted, strict=True) if need)


def _over(held: list[int], wanted: Needs, project: Project) -> tuple[str, ...]:
    limits = (project.gpus, project.cpus, project.running)
    if limits == (None, None, None):
        return ()
    return tuple(
        kind
        for kind, limit, has, need in zip(KINDS, limits, held, wanted, strict=True)
        if limit is not None and (need or wanted is _NOTHING) and has + need > units(limit)
    )


def _told(held: list[int]) -> dict[str, float]:
    return {kind: amount / UNITS for kind, amount in zip(KINDS, held, strict=True)}

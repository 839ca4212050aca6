"""What the jobs of a cluster give back, one after the other as they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from launcher.scheduler.floor import Floor
from launcher.scheduler.ledger import Booked
from launcher.scheduler.room import Column, Room
from launcher.scheduler.state import Running


def freed(floor: Floor, keys: Iterable[str]) -> Room:
    """What is free without some of those that hold something."""
    books = [floor.booked[key] for key in keys]
    spots = np.array([spot for one in books for spot in one.spots], np.int64)

    def column(name: str) -> Column:
        held = [amount for one in books for amount in one.amounts.get(name, one.nothing)]
        found = floor.free.column(name).copy()
        np.add.at(found, spots, np.array(held, np.int64))
        return _bounded(found, floor, name)

    return Room(floor.frame, column)


def soon(floor: Floor) -> Room:
    """What is free, or comes free with nobody's doing: gangs are ending, or news of it is late."""
    free = freed(floor, [key for key, one in floor.holders.items() if one.is_ending])
    if not floor.view.settles:
        return free
    promised = floor.promised()

    def column(name: str) -> Column:
        found: Column = np.maximum(free.column(name), promised.column(name))
        return found

    return Room(floor.frame, column)


class Giving:
    """Moments at which jobs end, and what is free from then on.

    Args:
        floor: the cluster.
        now: seconds since the epoch.
        guessed: whether ends count that nobody told and no experience tells.
        planned: gangs that will start here later, the last one last.
    """

    def __init__(
        self, floor: Floor, now: float, *, guessed: bool = True, planned: Sequence[Running] = ()
    ) -> None:
        self._floor, self._ledger = floor, floor.ledger
        self._ends = self._ledger.ends(now, guessed=guessed)
        self._part_ends = self._ends[self._ledger.rows]
        self._planned = [_Planned(one, floor) for one in planned]
        first = planned[-1].since if planned else -math.inf
        later = {one.ends_at for one in self._planned if one.ends_at > first}
        later.update(np.unique(self._ends[self._ends > first]).tolist())
        self._moments: list[float] = [first, *sorted(later)]

    def earliest(self, suffices: Callable[[Room], bool]) -> float | None:
        """From when on there is room; None: never. Before all of time: before any job ends.

        Not before the last gang that is planned has started.
        """
        moments, few, enough = self._moments, -1, 0
        last = len(moments) - 1
        while not suffices(self.room(moments[enough])):  # mostly a few ends suffice
            if enough == last:
                return None
            few, enough = enough, min(2 * enough + 1, last)
        while enough - few > 1:
            middle = (few + enough) // 2
            if suffices(self.room(moments[middle])):
                enough = middle
            else:
                few = middle
        return moments[enough]

    def room(self, at: float) -> Room:
        """What is free once all are over that end by a moment."""
        over = self._part_ends <= at
        spots = self._ledger.spots[over]

        def column(name: str) -> Column:
            found = self._floor.free.column(name).copy()
            for one in self._planned:
                if one.ends_at > at:
                    held = one.booked.amounts.get(name, one.booked.nothing)
                    np.subtract.at(found, one.booked.spots, held)
            np.add.at(found, spots, self._ledger.amounts(name)[over])
            return _bounded(found, self._floor, name)

        return Room(self._floor.frame, column)

    def over_by(self, at: float, nodes: Iterable[str]) -> tuple[Running, ...]:
        """Who ends by a moment on any of some nodes, the last one last."""
        index, ledger = self._floor.frame.index, self._ledger
        spots = np.array([index[node] for node in nodes if node in index], np.int64)
        here = (self._part_ends <= at) & np.isin(ledger.spots, spots)
        rows = set(ledger.rows[here].tolist())
        found = sorted((float(self._ends[row]), ledger.keys[row]) for row in rows)
        return tuple(self._floor.holders[key] for _, key in found)


class _Planned:
    """A gang that will run."""

    def __init__(self, running: Running, floor: Floor) -> None:
        self.booked = Booked(running, floor.frame)
        limit = running.lasts_s
        self.ends_at = math.inf if limit is None else running.since + limit


def _bounded(column: Column, floor: Floor, name: str) -> Column:
    """No more than the nodes have, however much strangers hold of it."""
    bounded: Column = np.minimum(column, floor.whole.column(name))
    return bounded

"""Who holds what of one cluster, and until when, as columns: a cycle asks the same of all of it.

Kept as gangs come and go, so that a cycle need not go through all that run.
"""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from launcher.scheduler.room import Column, Frame, units
from launcher.scheduler.state import Running

LEAST_LEFT_S = 60.0
"""A job that has run for longer than was expected is not over before that."""
_NOBODY = 0
"""The row of parts that nobody holds any more."""
_FEWEST = 64

Moments: TypeAlias = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)


class Booked:
    """What a gang holds, in units, by the indices of its nodes; gone ones hold nothing."""

    def __init__(self, running: Running, frame: Frame) -> None:
        here = [(frame.index[n], w) for n, w in running.workers_by_node if n in frame.index]
        self.spots = [spot for spot, _ in here]
        workers = [each for _, each in here]
        needs = running.resources.per_worker().items()
        self.amounts = {name: [each * units(need) for each in workers] for name, need in needs}
        """What it holds of each resource on each of its nodes."""
        self.nothing = [0] * len(workers)
        self.is_counted = running.is_counted
        self.weight = running.workers_by_node, running.is_counted, running.resources.footprint


class Ledger:
    """A row for each gang, and for each of its nodes a part."""

    def __init__(self) -> None:
        self.keys: list[str] = [""]
        """Of the rows; those of rows that are not used mean nothing."""
        self._row: dict[str, int] = {}
        self._unused: list[int] = []
        self._since = np.full(_FEWEST, np.nan)
        self._until = np.full(_FEWEST, np.nan)
        """By its limit; endless: it has none. Not a number, as `_since`: the row is not used."""
        self._is_ending = np.zeros(_FEWEST, np.bool_)
        self._size, self._gone = 0, 0
        self._parts: dict[str, tuple[int, int]] = {}
        """Where the parts of a gang begin and end."""
        self._rows = np.zeros(_FEWEST, np.int64)
        self._spots = np.zeros(_FEWEST, np.int64)
        self._amounts: dict[str, Column] = {}

    def write(self, key: str, running: Running) -> None:
        """A gang holds something, or is known better; what it holds is told by `book`."""
        row = self._row.get(key)
        if row is None:
            row = self._row[key] = self._new_row(key)
        limit = running.lasts_s
        self._since[row] = running.since
        self._until[row] = math.inf if limit is None else running.since + limit
        self._is_ending[row] = running.is_ending

    def book(self, key: str, booked: Booked) -> None:
        """What a gang that was written holds; instead of what was booked for it before."""
        self._unbook(key)
        if self._size + len(booked.spots) > len(self._rows):
            self._make_room(len(booked.spots))
        begin, end = self._size, self._size + len(booked.spots)
        self._rows[begin:end] = self._row[key]
        self._spots[begin:end] = booked.spots
        for name, amounts in booked.amounts.items():
            if name not in self._amounts:
                self._amounts[name] = np.zeros(len(self._rows), np.int64)
            self._amounts[name][begin:end] = amounts
        self._parts[key], self._size = (begin, end), end

    def strike(self, key: str) -> None:
        """It holds nothing any more."""
        self._unbook(key)
        row = self._row.pop(key)
        self._since[row] = self._until[row] = np.nan
        self._unused.append(row)

    @property
    def rows(self) -> Column:
        """Of each part the row of its gang."""
        return self._rows[: self._size]

    @property
    def spots(self) -> Column:
        """Of each part the index of its node."""
        return self._spots[: self._size]

    def amounts(self, name: str) -> Column:
        """How much of a resource each part is, in units."""
        known = self._amounts.get(name)
        return np.zeros(self._size, np.int64) if known is None else known[: self._size]

    def ends(self, now: float, *, guessed: bool) -> Moments:
        """When the gang of each row will be over; not a number: no gang.

        By its limit, or by what jobs of its name took. One that has run for longer, or of which
        nothing is known, is expected to run for as long again: without any knowledge that is the
        median (Gott, Nature 363, 1993).

        Args:
            now: seconds since the epoch.
            guessed: False makes it endless where neither a limit nor experience tells it.
        """
        since, until = self._since, self._until
        later = now + np.maximum(now - since, LEAST_LEFT_S)
        if not guessed:
            later = later + math.inf
        known = (until > now) & (until < math.inf)
        ends: Moments = np.where(known, until, later)
        ends[self._is_ending & ~np.isnan(since)] = now
        return ends

    def _new_row(self, key: str) -> int:
        if self._unused:
            row = self._unused.pop()
            self.keys[row] = key
            return row
        row = len(self.keys)
        self.keys.append(key)
        if row == len(self._since):
            self._since = _longer(self._since, 2 * row, np.nan)
            self._until = _longer(self._until, 2 * row, np.nan)
            self._is_ending = _longer(self._is_ending, 2 * row, False)
        return row

    def _unbook(self, key: str) -> None:
        begin, end = self._parts.pop(key, (0, 0))
        self._rows[begin:end] = _NOBODY
        for amounts in self._amounts.values():
            amounts[begin:end] = 0
        self._gone += end - begin

    def _make_room(self, parts: int) -> None:
        """For so many more: of those that are gone, or of more memory."""
        if 2 * self._gone > self._size:
            self._close_up()
        size = self._size + parts
        if 2 * size > len(self._rows):
            self._rows = _longer(self._rows, 4 * size, _NOBODY)
            self._spots = _longer(self._spots, 4 * size, 0)
            longer = {name: _longer(one, 4 * size, 0) for name, one in self._amounts.items()}
            self._amounts = longer

    def _close_up(self) -> None:
        kept = np.flatnonzero(self.rows != _NOBODY)
        begins = np.searchsorted(kept, [begin for begin, _ in self._parts.values()]).tolist()
        self._parts = {
            key: (at, at + end - begin)
            for at, (key, (begin, end)) in zip(begins, self._parts.items(), strict=True)
        }
        for column in (self._rows, self._spots, *self._amounts.values()):
            column[: len(kept)] = column[kept]
            column[len(kept) :] = 0
        self._size, self._gone = len(kept), 0


def _longer(column: NDArray[T], size: int, filling: float) -> NDArray[T]:
    found: NDArray[T] = np.full(size, filling, column.dtype)
    found[: len(column)] = column
    return found

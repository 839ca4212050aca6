"""One cluster through its life: what its nodes have, who holds it, and what is left."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from launcher.model.job import Resources
from launcher.scheduler.place import has_place
from launcher.scheduler.room import Column, Frame, Room, units
from launcher.scheduler.state import ClusterView, NodeView, Running


class Floor:
    """Free is the lesser of what two sources say.

    They are the last report, without what it does not know of yet, and what all that our own books
    hold leaves of the nodes.

    Args:
        view: the cluster's first report.
    """

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.holders: dict[str, Running] = {}
        self.grown = 0
        """Grows when something may have become free: what had no place before may have one now."""
        self._load(view)

    @property
    def name(self) -> str:
        return self.view.name

    def report(self, view: ClusterView) -> None:
        """The cluster as its executor sees it now."""
        is_same = view.nodes is self.view.nodes or view.nodes == self.view.nodes
        if view.is_live != self.view.is_live:
            self.grown += 1
        self.view = view
        if not is_same:
            self._load(view)

    def hold(self, key: str, running: Running) -> None:
        """A gang got resources here, or its holding is known better; `key`: of the allocation."""
        known = self.holders.get(key)
        if known == running:
            return
        self.holders[key] = running
        before, booked = self.booked.get(key), Booked(running, self.frame)
        if before is not None and before.weight == booked.weight:
            return
        if before is not None:
            self.grown += 1
            self._book(before, -1)
        self.booked[key] = booked
        self._book(booked, 1)

    def release(self, key: str) -> None:
        """It gave everything back."""
        if self.holders.pop(key, None) is not None:
            self.grown += 1
            self._book(self.booked.pop(key), -1)

    def could_hold(self, resources: Resources) -> bool:
        """True when the gang would have a place if nothing ran here."""
        key = resources.footprint
        if key not in self._could_hold:
            self._could_hold[key] = has_place(resources, self.whole)
        return self._could_hold[key]

    def has_place(self, resources: Resources) -> bool:
        """True when the gang has a place now."""
        key = resources.footprint
        if self._no_place.get(key) == self.grown:  # and nothing became free since it had none
            return False
        if has_place(resources, self.free):
            return True
        self._no_place[key] = self.grown
        return False

    # --- the books -------------------------------------------------------------------------------

    def _load(self, view: ClusterView) -> None:
        self.frame = Frame(view.nodes)
        self.whole = Room.whole(self.frame)
        self._reported: dict[str, Column] = {}
        self._held: dict[str, Column] = {}
        self._unknown: dict[str, Column] = {}
        self.booked = {key: Booked(one, self.frame) for key, one in self.holders.items()}
        self.free = Room(self.frame, self._left)
        self._could_hold: dict[Hashable, bool] = {}
        self._no_place: dict[Hashable, int] = {}
        self.grown += 1

    def _left(self, name: str) -> Column:
        """The free units of a resource that was not asked for yet."""
        self._reported[name] = self.frame.column(name, _free)
        self._held[name] = np.zeros(len(self.frame.nodes), np.int64)
        self._unknown[name] = np.zeros(len(self.frame.nodes), np.int64)
        for booked in self.booked.values():
            self._add(name, booked, 1)
        own = self.whole.column(name) - self._held[name]
        left: Column = np.minimum(self._reported[name] - self._unknown[name], own)
        return left

    def _book(self, booked: Booked, sign: int) -> None:
        spots = booked.spots
        for name in booked.amounts:
            if name in self.free.columns:
                self._add(name, booked, sign)
                known = self._reported[name][spots] - self._unknown[name][spots]
                own = self.whole.column(name)[spots] - self._held[name][spots]
                self.free.columns[name][spots] = np.maximum(np.minimum(known, own), 0)

    def _add(self, name: str, booked: Booked, sign: int) -> None:
        amounts = booked.amounts.get(name, booked.nothing)
        for spot, amount in zip(booked.spots, amounts, strict=True):
            self._held[name][spot] += sign * amount
            self._unknown[name][spot] += 0 if booked.is_counted else sign * amount


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


def _free(node: NodeView) -> Mapping[str, float]:
    return node.free

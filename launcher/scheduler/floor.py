"""One cluster through its life: what its nodes have, who holds it, and what is left."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from launcher.model.job import Resources
from launcher.scheduler.asked import Asked
from launcher.scheduler.ledger import Booked, Ledger
from launcher.scheduler.place import has_place
from launcher.scheduler.prospect import Prospect
from launcher.scheduler.room import Column, Frame, Room
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
        self.elastic: dict[str, Running] = {}
        """Those of the holders that could be larger."""
        self.may_be_preempted: dict[str, Running] = {}
        """Those of the holders of whom it is true."""
        self._asked = Asked()
        self._is_trial = False
        self._asked_beside: Asked | None = None
        """Beside gangs that are here on trial; None: there are none."""
        self._load(view)

    @property
    def name(self) -> str:
        return self.view.name

    def report(self, view: ClusterView) -> None:
        """The cluster as its executor sees it now."""
        is_same = view.nodes is self.view.nodes or view.nodes == self.view.nodes
        could_grow_alike = view.pools == self.view.pools
        self.view = view
        if not is_same:
            self._load(view)
        elif not could_grow_alike:
            self._look_ahead(view)

    def hold(self, key: str, running: Running) -> None:
        """A gang got resources here, or its holding is known better; `key`: of the allocation."""
        known = self.holders.get(key)
        if known == running:
            return
        self.holders[key] = running
        self._note(key, running)
        self.ledger.write(key, running)
        before, booked = self.booked.get(key), Booked(running, self.frame)
        if before is not None and before.weight == booked.weight:
            return
        if self._is_trial and self._asked_beside is None:
            self._asked_beside = self._asked.beside()
        asked = self._asked_beside or self._asked
        if before is not None:
            asked.grown()
            self._book(before, -1)
        asked.shrunk()
        self.booked[key] = booked
        self.ledger.book(key, booked)
        self._book(booked, 1)

    def release(self, key: str) -> None:
        """It gave everything back."""
        self.elastic.pop(key, None)
        self.may_be_preempted.pop(key, None)
        if self.holders.pop(key, None) is not None:
            (self._asked_beside or self._asked).grown()
            self._book(self.booked.pop(key), -1)
            self.ledger.strike(key)

    def promised(self) -> Room:
        """What all that our own books hold leaves, whatever the last report says."""

        def column(name: str) -> Column:
            self.free.column(name)  # from when on the books are kept of it
            left: Column = self.whole.column(name) - self._held[name]
            return left

        return Room(self.frame, column)

    def could_hold(self, resources: Resources) -> bool:
        """True when the gang would have a place if nothing ran here, and all came that could."""
        key = resources.footprint
        if key not in self._could_hold:
            self._could_hold[key] = has_place(resources, self.whole) or (
                self.prospect is not None and self.prospect.holds(resources.smallest, self.whole)
            )
        return self._could_hold[key]

    def has_place(self, resources: Resources) -> bool:
        """True when the gang has a place now."""
        return (self._asked_beside or self._asked).has_place(resources, self.free)

    def begin_trial(self) -> None:
        """What is held from now on is taken back before anything else happens here."""
        self._is_trial = True

    def end_trial(self) -> None:
        """All of it was taken back: what is free is what it was."""
        self._is_trial, self._asked_beside = False, None

    def _note(self, key: str, running: Running) -> None:
        for chosen, is_one in (
            (self.elastic, running.wish is not None),
            (self.may_be_preempted, running.may_be_preempted),
        ):
            if is_one:
                chosen[key] = running
            else:
                chosen.pop(key, None)

    # --- the books -------------------------------------------------------------------------------

    def _load(self, view: ClusterView) -> None:
        self.frame = Frame(node for node in view.nodes if not node.leaving)
        self.whole = Room.whole(self.frame)
        self._reported: dict[str, Column] = {}
        self._held: dict[str, Column] = {}
        self._unknown: dict[str, Column] = {}
        self.booked = {key: Booked(one, self.frame) for key, one in self.holders.items()}
        self.ledger = Ledger()
        for key, running in self.holders.items():
            self.ledger.write(key, running)
            self.ledger.book(key, self.booked[key])
        self.free = Room(self.frame, self._left)
        self._asked = Asked()
        self._look_ahead(view)

    def _look_ahead(self, view: ClusterView) -> None:
        can_grow = view.pools.can_grow
        self.prospect = Prospect(view.name, self.frame, view.pools) if can_grow else None
        """With the nodes that could come; None: none could."""
        self._could_hold: dict[Hashable, bool] = {}

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
                if sign < 0:
                    self.free.gained(name)

    def _add(self, name: str, booked: Booked, sign: int) -> None:
        amounts = booked.amounts.get(name, booked.nothing)
        for spot, amount in zip(booked.spots, amounts, strict=True):
            self._held[name][spot] += sign * amount
            self._unknown[name][spot] += 0 if booked.is_counted else sign * amount


def _free(node: NodeView) -> Mapping[str, float]:
    return node.free

"""How many workers of a gang each node has room for.

Amounts are counted as Ray counts them, in whole ten-thousandths, so that ten workers of 0.1 CPU fit
on one CPU, here as there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from launcher.model.job import Resources
from launcher.scheduler.state import NodeView, WorkersByNode

ACCELERATOR_LABELS = ("ray.io/accelerator-type", "nvidia.com/gpu.product")
ACCELERATOR_RESOURCE = "accelerator_type:"
UNITS = 10_000
"""Of Ray's fixed point in 1.0."""

Column: TypeAlias = NDArray[np.int64]
"""One number for each node of a frame."""


def accelerators(node: NodeView) -> set[str]:
    """The kinds of accelerator a node says it has, by its labels and by Ray's resource names."""
    named = {node.labels[label] for label in ACCELERATOR_LABELS if label in node.labels}
    marks = (name for name in node.total if name.startswith(ACCELERATOR_RESOURCE))
    return named | {mark.removeprefix(ACCELERATOR_RESOURCE) for mark in marks}


def matches(node: NodeView, resources: Resources) -> bool:
    """True when the node carries the gang's labels and accelerator, whatever it has free."""
    if any(node.labels.get(key) != value for key, value in resources.labels.items()):
        return False
    if resources.accelerator is None:
        return True
    wanted = resources.accelerator.casefold()
    return any(kind.casefold() == wanted for kind in accelerators(node))


def units(amount: float) -> int:
    """An amount in Ray's fixed point."""
    return round(amount * UNITS)


class Frame:
    """The nodes of one cluster in the order of their ids, so that no answer depends on a report's.

    All rooms of them share it.
    """

    def __init__(self, nodes: Iterable[NodeView]) -> None:
        self.nodes = sorted(nodes, key=lambda node: node.node_id)
        self.index = {node.node_id: index for index, node in enumerate(self.nodes)}
        self._matching: dict[Hashable, NDArray[np.bool_] | None] = {}
        self._needs: dict[Hashable, tuple[tuple[str, int], ...]] = {}

    def column(self, name: str, amounts: Callable[[NodeView], Mapping[str, float]]) -> Column:
        """What each node has of a resource, in units."""
        found = (units(amounts(node).get(name, 0)) for node in self.nodes)
        return np.fromiter(found, np.int64, len(self.nodes))

    def matching(self, resources: Resources) -> NDArray[np.bool_] | None:
        """Of each node whether it matches; None: all do."""
        if resources.accelerator is None and not resources.labels:
            return None
        key = resources.accelerator, frozenset(resources.labels.items())
        if key not in self._matching:
            found = np.array([matches(node, resources) for node in self.nodes], np.bool_)
            self._matching[key] = None if found.all() else found
        return self._matching[key]

    def needs(self, resources: Resources) -> tuple[tuple[str, int], ...]:
        """What a worker needs, in units, the scarce one first."""
        key = resources.footprint
        found = self._needs.get(key)
        if found is None:
            each = sorted(resources.per_worker().items(), key=lambda pair: pair[0] != "GPU")
            found = tuple((name, units(amount)) for name, amount in each if units(amount))
            self._needs[key] = found
        return found


class Room:
    """Amounts of the nodes of one cluster, which shrink as gangs are placed.

    They are kept as one column a resource, since a cycle asks the same of all nodes many times.

    Args:
        frame: the nodes.
        make: gives the column of a resource that was not asked for yet.
    """

    def __init__(self, frame: Frame, make: Callable[[str], Column]) -> None:
        self.frame, self._make = frame, make
        self.columns: dict[str, Column] = {}
        self._open: dict[str, Column] = {}

    @classmethod
    def whole(cls, nodes: Iterable[NodeView] | Frame) -> Room:
        """Of the nodes as if nothing ran on them."""
        frame = nodes if isinstance(nodes, Frame) else Frame(nodes)
        return cls(frame, lambda name: frame.column(name, lambda node: node.total))

    @classmethod
    def reported(cls, nodes: Iterable[NodeView]) -> Room:
        """Of the nodes as they say that they are."""
        frame = Frame(nodes)
        return cls(frame, lambda name: frame.column(name, lambda node: node.free))

    @classmethod
    def lesser(cls, one: Room, other: Room) -> Room:
        """What both have; both are of one frame."""
        return cls(one.frame, lambda name: np.minimum(one.column(name), other.column(name)))

    def copy(self) -> Room:
        fresh = Room(self.frame, self._make)
        fresh.columns = {name: column.copy() for name, column in self.columns.items()}
        return fresh

    def spots(
        self, resources: Resources, limit: int, only: Collection[str] | None = None
    ) -> tuple[Column, Column]:
        """The nodes that have room for a worker: their indices, and for how many workers.

        Args:
            resources: of the gang.
            limit: the most workers that a node may get.
            only: the resources to look at; None: all that a worker needs.
        """
        needs = [one for one in self.frame.needs(resources) if only is None or one[0] in only]
        spots = self._open_for(needs[0][0]) if needs else np.arange(len(self.frame.nodes))
        matching = self.frame.matching(resources)
        if matching is not None:
            spots = spots[matching[spots]]
        rooms = np.full(len(spots), limit, np.int64)
        for name, need in needs:
            np.minimum(rooms, self.column(name)[spots] // need, out=rooms)
            if name == needs[0][0]:  # mostly it leaves few
                enough = rooms > 0
                spots, rooms = spots[enough], rooms[enough]
                if not len(spots):
                    return spots, rooms
        enough = rooms > 0
        return spots[enough], rooms[enough]

    def _open_for(self, name: str) -> Column:
        """The nodes that have any of a resource, and some that have not any more."""
        known = self._open.get(name)
        if known is None:
            known = self._open[name] = np.flatnonzero(self.column(name))
        return known

    def gained(self, name: str) -> None:
        """A node may have more of a resource than before."""
        self._open.pop(name, None)

    def workers(self, resources: Resources, limit: int) -> int:
        """For how many workers of a gang there is room, `limit` at most on each node."""
        return int(self.spots(resources, limit)[1].sum())

    def column(self, name: str) -> Column:
        """What each node has of a resource, in units; never below 0 to begin with."""
        if name not in self.columns:
            self.columns[name] = np.maximum(self._make(name), 0)
        return self.columns[name]

    def has(self, node: NodeView, name: str) -> float:
        """How much of a resource one node has."""
        return float(self.column(name)[self.frame.index[node.node_id]]) / UNITS

    def sum(self, name: str) -> float:
        """How much of a resource all nodes have together."""
        return float(self.column(name).sum()) / UNITS

    def take(self, resources: Resources, workers_by_node: WorkersByNode) -> None:
        """Give a gang what it needs."""
        self._add(resources, workers_by_node, -1)

    def give(self, resources: Resources, workers_by_node: WorkersByNode) -> None:
        """Take back what a gang held; nodes that are not there any more have nothing to give."""
        self._add(resources, workers_by_node, 1)

    def _add(self, resources: Resources, workers_by_node: WorkersByNode, sign: int) -> None:
        index = self.frame.index
        for name, amount in resources.per_worker().items():
            column, each = self.column(name), sign * units(amount)
            if sign > 0:
                self.gained(name)
            for node_id, workers in workers_by_node:
                if node_id in index:
                    column[index[node_id]] += workers * each

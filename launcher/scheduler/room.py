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
        self._matching: dict[Hashable, Column] = {}

    def column(self, name: str, amounts: Callable[[NodeView], Mapping[str, float]]) -> Column:
        """What each node has of a resource, in units."""
        found = (units(amounts(node).get(name, 0)) for node in self.nodes)
        return np.fromiter(found, np.int64, len(self.nodes))

    def matching(self, resources: Resources) -> Column:
        """Indices of the nodes that match."""
        key = resources.accelerator, frozenset(resources.labels.items())
        if key not in self._matching:
            found = [i for i, node in enumerate(self.nodes) if matches(node, resources)]
            self._matching[key] = np.array(found, np.int64)
        return self._matching[key]


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
        spots = self.frame.matching(resources)
        rooms = np.full(len(spots), limit, np.int64)
        needs = resources.per_worker().items()
        for name, amount in sorted(needs, key=lambda pair: pair[0] != "GPU"):  # the scarce one
            need = units(amount)
            if need and (only is None or name in only):
                has = self.column(name)
                has = has if len(spots) == len(has) else has[spots]
                enough = has >= need
                spots, has = spots[enough], has[enough]
                rooms = np.minimum(rooms[enough], has // need)
        return spots, rooms

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
            for node_id, workers in workers_by_node:
                if node_id in index:
                    column[index[node_id]] += workers * each

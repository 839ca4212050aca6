"""How many workers of a gang each node has room for.

Amounts are counted as Ray counts them, in whole ten-thousandths, so that ten workers of 0.1 CPU fit
on one CPU, here as there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

from launcher.model.job import Resources
from launcher.scheduler.state import NodeView, Running, WorkersByNode

ACCELERATOR_LABELS = ("ray.io/accelerator-type", "nvidia.com/gpu.product")
ACCELERATOR_RESOURCE = "accelerator_type:"
_UNITS = 10_000  # of Ray's fixed point in 1.0


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


class Room:
    """Amounts of the nodes of one cluster, which shrink as gangs are placed.

    They are kept as one column a resource, since a cycle asks the same of all nodes many times.
    Nodes stand in the order of their ids, so that no answer depends on the order of a report.
    """

    def __init__(
        self, nodes: Iterable[NodeView], amounts: Callable[[NodeView], Mapping[str, float]]
    ) -> None:
        self.nodes = sorted(nodes, key=lambda node: node.node_id)
        self._amounts = [amounts(node) for node in self.nodes]
        self._columns: dict[str, list[int]] = {}
        self._matching: dict[Hashable, list[bool]] = {}
        self._index = {node.node_id: index for index, node in enumerate(self.nodes)}

    @classmethod
    def whole(cls, nodes: Iterable[NodeView]) -> Room:
        """Of the nodes as if nothing ran on them."""
        return cls(nodes, lambda node: node.total)

    @classmethod
    def free(cls, nodes: Iterable[NodeView], running: Iterable[Running] = ()) -> Room:
        """Of the nodes as they are, without what was granted since they were reported."""
        held = _Held(running)
        return cls(nodes, held.leaves)

    def workers(
        self, resources: Resources, limit: int, only: Collection[str] | None = None
    ) -> list[int]:
        """For each node, how many workers it has room for, `limit` at most.

        Args:
            resources: of the gang.
            limit: a number of workers.
            only: the resources to look at; None: all that a worker needs.
        """
        rooms = [limit * is_match for is_match in self._matches(resources)]
        for name, amount in resources.per_worker().items():
            need = round(amount * _UNITS)
            if need and (only is None or name in only):
                pairs = zip(rooms, self._column(name), strict=True)
                rooms = [room if room * need <= has else has // need for room, has in pairs]
        return rooms

    def amounts(self, name: str) -> list[float]:
        """For each node, how much of a resource it has."""
        return [units / _UNITS for units in self._column(name)]

    def has(self, node: NodeView, name: str) -> float:
        """How much of a resource one node has."""
        return self._column(name)[self._index[node.node_id]] / _UNITS

    def take(self, resources: Resources, workers_by_node: WorkersByNode) -> None:
        """Give a gang what it needs."""
        for name, amount in resources.per_worker().items():
            column, need = self._column(name), round(amount * _UNITS)
            for node_id, workers in workers_by_node:
                column[self._index[node_id]] -= workers * need

    def _matches(self, resources: Resources) -> list[bool]:
        key = resources.accelerator, frozenset(resources.labels.items())
        if key not in self._matching:
            self._matching[key] = [matches(node, resources) for node in self.nodes]
        return self._matching[key]

    def _column(self, name: str) -> list[int]:
        if name not in self._columns:
            column = [max(round(has.get(name, 0) * _UNITS), 0) for has in self._amounts]
            self._columns[name] = column
        return self._columns[name]


class _Held:
    """What running jobs hold on each node, and how much of it the report does not know yet."""

    def __init__(self, running: Iterable[Running]) -> None:
        self._held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._unknown: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for job in running:
            for node_id, workers in job.workers_by_node:
                for name, amount in job.held(workers).items():
                    self._held[node_id][name] += amount
                    self._unknown[node_id][name] += 0 if job.is_counted else amount

    def leaves(self, node: NodeView) -> Mapping[str, float]:
        """What the node has left; never more than what our own books leave of it."""
        if node.node_id not in self._held:
            return node.free
        left = dict(node.free)
        for name, held in self._held[node.node_id].items():
            reported = node.free.get(name, 0) - self._unknown[node.node_id][name]
            left[name] = min(reported, node.total.get(name, 0) - held)
        return left

"""What a cluster has, and what it would have with nodes that its pools could add.

Nodes that are not there yet stand behind those that are, in one frame, so that a gang is placed on
both as on any nodes. The fewest are looked for with which it has a place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from launcher.model.job import Resources
from launcher.model.pools import Pool, Pools
from launcher.scheduler.place import has_place, place
from launcher.scheduler.room import Column, Frame, Room
from launcher.scheduler.state import ClusterView, NodeView, WorkersByNode

_MOST = 512
"""Of a pool no more nodes than these are reckoned with at once."""
_MARK = "~"
"""Begins the ids of nodes that are not there; stands behind every sign of an id of Ray's."""


@dataclass(frozen=True)
class Grown:
    """A gang's place on a cluster that grew."""

    where: WorkersByNode
    """Of nodes that are there and of nodes that are not: `is_there`."""
    more: Mapping[str, int]
    """By pool: how many nodes it takes beside those that were asked for already."""


class Prospect:
    """The nodes of one cluster, and behind them those that could come.

    Args:
        cluster: its name.
        frame: of the nodes that are there.
        pools: by what it could grow.
    """

    def __init__(self, cluster: str, frame: Frame, pools: Pools) -> None:
        self.pools = [pool for pool in pools.pools if pools.within(pool)]
        self._most = pools.more
        coming = [list(_nodes(cluster, pool, pools.within(pool))) for pool in self.pools]
        self.frame = Frame([*frame.nodes, *(node for nodes in coming for node in nodes)])
        self._whole = Room.whole(self.frame)
        # As the frame has them: by id, and the names of pools are a part of it.
        behind = [_parts(node.node_id) for node in self.frame.nodes[len(frame.nodes) :]]
        index = {pool.name: at for at, pool in enumerate(self.pools)}
        self._pool = np.array([index[name] for name, _ in behind], np.int64)
        self._number = np.array([number for _, number in behind], np.int64)

    def left(self, room: Room) -> Room:
        """What nobody has taken yet, as `find` wants it.

        Args:
            room: of the nodes that are there.
        """
        there = len(room.frame.nodes)

        def column(name: str) -> Column:
            return np.concatenate([room.column(name), self._whole.column(name)[there:]])

        return Room(self.frame, column)

    def holds(self, resources: Resources, whole: Room) -> bool:
        """True when the gang would have a place if nothing ran there and all came that could."""
        return self.find(resources, self.left(whole), {}) is not None

    def find(
        self,
        resources: Resources,
        left: Room,
        asked: Mapping[str, int],
        kept: Mapping[str, int] = MappingProxyType({}),
    ) -> Grown | None:
        """The gang's place with the fewest more nodes, of the cheapest pool; None: there is none.

        Pools without trouble go first, then what leaves GPUs unused last.

        Args:
            resources: of the gang.
            left: what nobody has taken yet; stays as it is.
            asked: by pool, how many nodes will come anyhow.
            kept: by pool, how many shall be left to another one.
        """
        where = place(resources, self._open(left, asked))
        if where is not None:
            return Grown(where, {})
        most = self._most - sum(asked.values()) - sum(kept.values())
        found = []
        for pool in self.pools:
            limit = min(_count(pool) - kept.get(pool.name, 0), most + asked.get(pool.name, 0))
            count = self._fewest(resources, left, asked, pool, limit)
            if count is not None:
                found.append((_cost(pool, count), pool, count))
        if not found:
            return self._of_several(resources, left, asked, kept, most)
        _, pool, count = min(found, key=lambda one: one[0])
        opened = {**asked, pool.name: asked.get(pool.name, 0) + count}
        where = place(resources, self._open(left, opened))
        assert where is not None
        return Grown(where, {pool.name: count})

    def _fewest(
        self, resources: Resources, left: Room, asked: Mapping[str, int], pool: Pool, limit: int
    ) -> int | None:
        """How many more nodes of one pool suffice."""
        before = asked.get(pool.name, 0)

        def suffices(count: int) -> bool:
            opened = {**asked, pool.name: before + count}
            return has_place(resources, self._open(left, opened))

        few, enough = 0, min(limit - before, resources.workers)
        if enough <= 0 or not suffices(enough):
            return None
        while enough - few > 1:
            middle = (few + enough) // 2
            few, enough = (few, middle) if suffices(middle) else (middle, enough)
        return enough

    def _of_several(
        self,
        resources: Resources,
        left: Room,
        asked: Mapping[str, int],
        kept: Mapping[str, int],
        most: int,
    ) -> Grown | None:
        """Where no pool by itself has enough."""
        if len(self.pools) < 2 or most <= 0:
            return None
        if resources.placement == "spread":  # on as many nodes as it likes, but not of new ones
            resources = replace(resources, placement="pack")
        counts = {pool.name: _count(pool) - kept.get(pool.name, 0) for pool in self.pools}
        where = place(resources, self._open(left, counts))
        used: Counter[str] = Counter()
        for node_id, _ in where or ():
            if not is_there(node_id):
                name, number = _parts(node_id)
                used[name] = max(used[name], number + 1 - asked.get(name, 0))
        more = {name: count for name, count in used.items() if count > 0}
        return Grown(where, more) if where and sum(more.values()) <= most else None

    def _open(self, left: Room, opened: Mapping[str, int]) -> Room:
        """Of what is left: the nodes that are there, and so many of each pool."""
        limits = np.array([opened.get(pool.name, 0) for pool in self.pools], np.int64)
        there = len(self.frame.nodes) - len(self._pool)
        is_open = np.ones(len(self.frame.nodes), np.int64)
        if len(self._pool):
            is_open[there:] = self._number < limits[self._pool]

        def column(name: str) -> Column:
            found: Column = left.column(name) * is_open
            return found

        return Room(self.frame, column)


def is_there(node_id: str) -> bool:
    """Not one that could come."""
    return not node_id.startswith(_MARK)


def could_come(view: ClusterView) -> list[NodeView]:
    """The nodes that a cluster could get; each called by its pool."""
    pools = view.pools
    return [node for pool in pools.pools for node in _nodes(view.name, pool, pools.within(pool))]


def _nodes(cluster: str, pool: Pool, count: int) -> Iterator[NodeView]:
    for number in range(min(count, _MOST)):
        node_id = f"{_MARK}{pool.name}{_MARK}{number:06}"
        of = f"pool {pool.name}"
        yield NodeView(cluster, node_id, of, pool.resources, pool.resources, pool.labels)


def _parts(node_id: str) -> tuple[str, int]:
    name, _, number = node_id.removeprefix(_MARK).rpartition(_MARK)
    return name, int(number)


def _count(pool: Pool) -> int:
    return min(pool.more, _MOST)


def _cost(pool: Pool, count: int) -> tuple[bool, float, float, int, str]:
    each = pool.resources
    gpus, cpus = each.get("GPU", 0.0) * count, each.get("CPU", 0.0) * count
    return bool(pool.trouble), gpus, cpus, count, pool.name

"""One gang on the nodes of one cluster: whole, or not at all.

- `pack`: as few nodes as possible; of these the tightest, so that whole nodes and idle GPUs stay
  free for others. `spread`: as many nodes as possible; of these the roomiest. `single_node`: one.
- Each node gets the same number of workers. With `uneven` numbers are as equal as the room allows,
  and `workers_per_node` is the most that a node may get.
- `nodes` is the exact number of nodes.
- An elastic gang gets as many workers as have a place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

import numpy as np

from launcher.model.job import Resources
from launcher.scheduler.room import Column, Room
from launcher.scheduler.state import WorkersByNode


def place(resources: Resources, room: Room) -> WorkersByNode | None:
    """Where the gang goes in the room of one cluster, which stays as it is; None: nowhere.

    The node with most workers comes first.
    """
    return next((found for gang in _sizes(resources, room) if (found := _place(gang, room))), None)


def _place(resources: Resources, room: Room) -> WorkersByNode | None:
    spots, rooms = _spots(resources, room)
    count = _node_count(resources, rooms)
    if count is None:
        return None
    choose = _roomiest if resources.placement == "spread" else _tightest
    chosen = choose(resources, room, spots, rooms, count)
    workers = _level(chosen, resources.workers)
    workers.sort(key=lambda pair: (-pair[1], pair[0]))
    return tuple((room.frame.nodes[index].node_id, number) for index, number in workers)


def has_place(resources: Resources, room: Room, only: Collection[str] | None = None) -> bool:
    """True when `place` has an answer; costs less.

    Args:
        resources: of the gang.
        room: of the nodes of one cluster.
        only: the resources to look at; None: all that a worker needs.
    """
    return any(
        _node_count(gang, _spots(gang, room, only)[1]) is not None
        for gang in _sizes(resources, room, only)
    )


def lacking(resources: Resources, room: Room) -> tuple[str, ...]:
    """The resources for which the gang has no place, each by itself too scarce or too scattered.

    All of them when only their combination has no place; none when no amount would help, as there
    are too few nodes that match. Only for a gang that has no place.
    """
    if not has_place(resources, room, only=()):
        return ()
    names = tuple(resources.per_worker())
    return tuple(name for name in names if not has_place(resources, room, only=(name,))) or names


def _sizes(
    resources: Resources, room: Room, only: Collection[str] | None = None
) -> Iterable[Resources]:
    """The gangs that this one may be, the largest first, but of those for which room is short."""
    if not resources.is_elastic:
        return (resources,)
    fewest = resources.fewest or 1
    most = min(resources.workers, int(_spots(resources, room, only)[1].sum()))
    return (resources.of(workers) for workers in range(most, fewest - 1, -1))


def _spots(
    resources: Resources, room: Room, only: Collection[str] | None = None
) -> tuple[Column, Column]:
    return room.spots(resources, resources.workers_per_node or resources.workers, only)


def _node_count(resources: Resources, rooms: Column) -> int | None:
    """On how many nodes the gang goes, if at all."""
    counts = _counts(resources, len(rooms))
    if not counts:
        return None
    if resources.workers == 1:
        return 1
    most = max(counts)
    rooms = rooms if len(rooms) <= most else np.partition(rooms, len(rooms) - most)[-most:]
    largest_first = np.sort(rooms)[::-1].tolist()
    if resources.uneven:
        together = [0, *accumulate(largest_first)]
        return next((n for n in counts if together[n] >= resources.workers), None)
    return next((n for n in counts if largest_first[n - 1] * n >= resources.workers), None)


def _counts(resources: Resources, most: int) -> list[int]:
    """The numbers of nodes that the gang's shape allows, the best first."""
    workers = resources.workers
    most = min(most, workers, 1 if resources.placement == "single_node" else workers)
    counts: Iterable[int] = range(1, most + 1)
    if resources.nodes:
        counts = [n for n in counts if n == resources.nodes]
    if not resources.uneven:
        counts = [n for n in counts if workers % n == 0]
        if resources.workers_per_node:
            counts = [n for n in counts if n * resources.workers_per_node == workers]
    return sorted(counts, reverse=resources.placement == "spread")


def _roomiest(
    _: Resources, room: Room, spots: Column, rooms: Column, count: int
) -> list[tuple[int, int]]:
    order = np.lexsort((spots, room.column("GPU")[spots], -rooms))[:count]
    return _pairs(rooms[order], spots[order])


def _tightest(
    resources: Resources, room: Room, spots: Column, rooms: Column, count: int
) -> list[tuple[int, int]]:
    """Nodes that are left with least. Free GPUs count first: CPU jobs shall not strand them."""
    if not resources.uneven:
        enough = rooms * count >= resources.workers
        spots, rooms = spots[enough], rooms[enough]
    order = np.lexsort((spots, room.column("CPU")[spots], rooms, room.column("GPU")[spots]))
    if not resources.uneven:
        return _pairs(rooms[order[:count]], spots[order[:count]])
    return _tightest_together(_pairs(rooms[order], spots[order]), resources.workers, count)


def _pairs(rooms: Column, spots: Column) -> list[tuple[int, int]]:
    return list(zip(rooms.tolist(), spots.tolist(), strict=True))


def _tightest_together(
    spots: list[tuple[int, int]], workers: int, count: int
) -> list[tuple[int, int]]:
    """The first of `spots` each time that still lets the roomiest of the others hold the rest."""
    chosen: list[tuple[int, int]] = []
    others = sorted(room for room, _ in spots)
    for later in reversed(range(count)):
        held_later = sum(others[-later:]) if later else 0
        spot = next(spot for spot in spots if spot[0] >= workers - held_later)
        chosen.append(spot)
        spots.remove(spot)
        others.remove(spot[0])
        workers -= spot[0]
    return chosen


def _level(rooms: Sequence[tuple[int, int]], workers: int) -> list[tuple[int, int]]:
    """(index, workers) of each (room, index): as equal as the rooms allow, at least one."""
    placed = []
    for position, (room, index) in enumerate(sorted(rooms)):
        number = min(room, workers // (len(rooms) - position))
        placed.append((index, number))
        workers -= number
    return placed

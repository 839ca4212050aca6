"""One gang on the nodes of one cluster: whole, or not at all.

- `pack`: as few nodes as possible; of these the tightest, so that whole nodes and idle GPUs stay
  free for others. `spread`: as many nodes as possible; of these the roomiest. `single_node`: one.
- Each node gets the same number of workers. With `uneven` numbers are as equal as the room allows,
  and `workers_per_node` is the most that a node may get.
- `nodes` is the exact number of nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

from launcher.model.job import Resources
from launcher.scheduler.room import Room
from launcher.scheduler.state import NodeView, WorkersByNode


def fit(resources: Resources, nodes: Iterable[NodeView]) -> WorkersByNode | None:
    """Where the gang goes in what the nodes report free; the node with most workers first."""
    return place(resources, Room.free(nodes))


def place(resources: Resources, room: Room) -> WorkersByNode | None:
    """Where the gang goes in the room of one cluster, which stays as it is; None: nowhere."""
    rooms = _rooms(resources, room)
    count = _node_count(resources, rooms)
    if count is None:
        return None
    choose = _roomiest if resources.placement == "spread" else _tightest
    chosen = choose(resources, room, rooms, count)
    workers = _level([(rooms[index], index) for index in chosen], resources.workers)
    workers.sort(key=lambda pair: (-pair[1], pair[0]))
    return tuple((room.nodes[index].node_id, number) for index, number in workers)


def has_place(resources: Resources, room: Room, only: Collection[str] | None = None) -> bool:
    """True when `place` has an answer; costs less.

    Args:
        resources: of the gang.
        room: of the nodes of one cluster.
        only: the resources to look at; None: all that a worker needs.
    """
    return _node_count(resources, _rooms(resources, room, only)) is not None


def lacking(resources: Resources, room: Room) -> tuple[str, ...]:
    """The resources for which the gang has no place, each by itself too scarce or too scattered.

    All of them when only their combination has no place; none when no amount would help, as there
    are too few nodes that match. Only for a gang that has no place.
    """
    if not has_place(resources, room, only=()):
        return ()
    names = tuple(resources.per_worker())
    return tuple(name for name in names if not has_place(resources, room, only=(name,))) or names


def _rooms(resources: Resources, room: Room, only: Collection[str] | None = None) -> list[int]:
    return room.workers(resources, resources.workers_per_node or resources.workers, only)


def _node_count(resources: Resources, rooms: Sequence[int]) -> int | None:
    """On how many nodes the gang goes, if at all."""
    largest_first = sorted(filter(None, rooms), reverse=True)
    counts = _counts(resources, len(largest_first))
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


def _roomiest(_: Resources, room: Room, rooms: Sequence[int], count: int) -> list[int]:
    gpus = room.amounts("GPU")
    return sorted(range(len(rooms)), key=lambda i: (-rooms[i], gpus[i], i))[:count]


def _tightest(resources: Resources, room: Room, rooms: Sequence[int], count: int) -> list[int]:
    """Nodes that are left with least. Free GPUs count first: CPU jobs shall not strand them."""
    gpus, cpus = room.amounts("GPU"), room.amounts("CPU")
    some = (i for i, has in enumerate(rooms) if has)
    spots = sorted(some, key=lambda i: (gpus[i], rooms[i], cpus[i], i))
    if not resources.uneven:
        return [i for i in spots if rooms[i] * count >= resources.workers][:count]
    return _tightest_together(spots, rooms, resources.workers, count)


def _tightest_together(
    spots: list[int], rooms: Sequence[int], workers: int, count: int
) -> list[int]:
    """The first of `spots` each time that still lets the roomiest of the others hold the rest."""
    chosen: list[int] = []
    others = sorted(rooms[i] for i in spots)
    for later in reversed(range(count)):
        held_later = sum(others[-later:]) if later else 0
        spot = next(i for i in spots if rooms[i] >= workers - held_later)
        chosen.append(spot)
        spots.remove(spot)
        others.remove(rooms[spot])
        workers -= rooms[spot]
    return chosen


def _level(rooms: list[tuple[int, int]], workers: int) -> list[tuple[int, int]]:
    """(index, workers) of each (room, index): as equal as the rooms allow, at least one."""
    placed = []
    for position, (room, index) in enumerate(sorted(rooms)):
        number = min(room, workers // (len(rooms) - position))
        placed.append((index, number))
        workers -= number
    return placed

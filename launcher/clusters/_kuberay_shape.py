"""How a gang becomes pods, equal ones where it can: nobody knows the nodes beforehand. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.model.job import Resources


@dataclass(frozen=True)
class PodGroup:
    """`pods` pods that carry `workers` of the gang's workers each."""

    workers: int
    pods: int


def groups_of(gang: Resources, gpus_per_pod: int | None = None) -> tuple[PodGroup, ...]:
    """The pods of a gang, the larger ones first.

    Args:
        gang: of an elastic one, as many workers as it may have.
        gpus_per_pod: `placement: pack` fills a pod up to so many GPUs; None: a pod each worker.
    """
    workers = gang.workers
    if gang.placement == "single_node" or gang.replicas_per_rank > 1:
        return (PodGroup(workers, 1),)
    if gang.nodes:
        return _level(workers, gang.nodes)
    if gang.workers_per_node:
        return _level(workers, -(-workers // gang.workers_per_node))
    if gang.placement == "spread" or not gpus_per_pod or not gang.gpus_per_worker:
        return (PodGroup(1, workers),)
    room = max(gpus_per_pod // gang.gpus_per_worker, 1)
    each = next(size for size in range(min(room, workers), 0, -1) if workers % size == 0)
    return (PodGroup(each, workers // each),)


def _level(workers: int, pods: int) -> tuple[PodGroup, ...]:
    """As equal as it goes, as the scheduler places a gang that may be uneven.

    >>> _level(7, 3)
    (PodGroup(workers=3, pods=1), PodGroup(workers=2, pods=2))
    """
    each, more = divmod(workers, pods)
    larger = (PodGroup(each + 1, more),) if more else ()
    return (*larger, PodGroup(each, pods - more))

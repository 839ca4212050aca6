"""One live cluster during a cycle: what is free, who holds the rest, and who blocks it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from launcher.model.job import Resources
from launcher.scheduler.place import has_place, place
from launcher.scheduler.room import Room
from launcher.scheduler.state import ClusterView, Running, Waiting, WorkersByNode


class Floor:
    """Shrinks as jobs are placed; from its first blocked job on, nobody else is."""

    def __init__(self, view: ClusterView, running: Iterable[Running]) -> None:
        self.name = view.name
        self.holders = [job for job in running if job.cluster == view.name]
        self.free = Room.free(view.nodes, self.holders)
        self.whole = Room.whole(view.nodes)
        self.blocker: Waiting | None = None
        self._could_hold: dict[Hashable, bool] = {}

    def could_hold(self, resources: Resources) -> bool:
        """True when the gang would have a place if nothing ran here."""
        key = footprint(resources)
        if key not in self._could_hold:
            self._could_hold[key] = has_place(resources, self.whole)
        return self._could_hold[key]

    def take(self, job: Waiting) -> WorkersByNode | None:
        """Place the job and give it what it needs; None: blocked, or no place."""
        if self.blocker is not None:
            return None
        where = place(job.resources, self.free)
        if where is not None:
            self.free.take(job.resources, where)
            self.holders.append(Running(job.job_id, job.name, self.name, where, job.resources))
        return where


def footprint(resources: Resources) -> Hashable:
    """Equal for gangs of equal needs and shape (Resources holds dicts, which do not hash)."""
    return (
        resources.workers,
        frozenset(resources.per_worker().items()),
        frozenset(resources.labels.items()),
        resources.accelerator,
        resources.placement,
        resources.nodes,
        resources.workers_per_node,
        resources.uneven,
    )

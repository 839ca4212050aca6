"""When the jobs of the queue will start, as far as limits and experience tell.

The gangs are planned in order, each at the earliest moment at which the ends of those before it
make room, and never before one that stands in front of it: what starts earlier, by passing it
unharmed, is a gift. Where a job has no limit and none of its name ever ended, nothing is foretold.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from launcher.scheduler.cycle import Cycle
from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import Giving
from launcher.scheduler.place import has_place, place
from launcher.scheduler.state import Running, Waiting, started


def forecast(jobs: Iterable[Waiting], cycle: Cycle) -> dict[str, float]:
    """Job id -> when it starts, seconds since the epoch, of those of which it can be told.

    Args:
        jobs: the first of the queue, in order.
        cycle: the last look at the queue.
    """
    starts: dict[str, float] = {}
    planned: defaultdict[str, list[Running]] = defaultdict(list)
    unknown: set[str] = set()
    for job in jobs:
        kind = cycle.queue.kind(job)
        if cycle.is_behind(job.project, kind):
            continue
        fitting = cycle.fitting(kind)
        known = [floor for floor in fitting if floor.name not in unknown]
        found = [one for floor in known if (one := _earliest(job, floor, cycle.now, planned))]
        if found:
            first = min(found, key=lambda one: (one.since, one.cluster))
            planned[first.cluster].append(first)
            starts[job.job_id] = first.since
        else:  # nobody behind it can be told of either, where it may run
            unknown.update(floor.name for floor in fitting)
    return starts


def _earliest(
    job: Waiting, floor: Floor, now: float, planned: dict[str, list[Running]]
) -> Running | None:
    """The gang as it will run here; None: nobody knows when."""
    before = planned.get(floor.name, [])
    giving = Giving(floor, now, guessed=False, planned=before)
    at = giving.earliest(lambda room: has_place(job.resources, room))
    where = place(job.resources, giving.room(at)) if at is not None and at < math.inf else None
    if at is None or where is None:
        return None
    return started(job, floor.name, where, max(at, now))

"""Which elastic gangs are stopped to go on with more workers, of what nobody who waits could use.

One of a cluster at a time, and only while nothing else is on its way there: until it is back nobody
else shall count on the room that it stopped for.
"""

from __future__ import annotations

from launcher.scheduler.cycle import Cycle
from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import freed
from launcher.scheduler.place import place
from launcher.scheduler.shares import Owner
from launcher.scheduler.state import Growth, Running


def grow(cycle: Cycle) -> tuple[Growth, ...]:
    """Who grows.

    Args:
        cycle: whoever waits and has a place got it.
    """
    calm = (
        floor
        for floor in cycle.floors
        if floor.elastic
        and not floor.view.settles
        and floor.name not in cycle.reservations
        and not any(one.is_ending for one in floor.holders.values())
    )
    found = (_grow_one(cycle, floor) for floor in calm)
    return tuple(growth for growth in found if growth is not None)


def _grow_one(cycle: Cycle, floor: Floor) -> Growth | None:
    def stands(key: str) -> tuple[float, str]:
        one = floor.elastic[key]
        factor = cycle.fairness.factor(Owner(one.project, one.user), held=True)
        return cycle.queue.less(one.priority, one.submitted_at) - factor, key

    able = [key for key, one in floor.elastic.items() if one.may_grow(cycle.now)]
    for key in sorted(able, key=stands):
        one = floor.elastic[key]
        workers = _room_for(cycle, floor, key, one)
        if workers > one.resources.workers:
            return Growth(one.job_id, workers)
    return None


def _room_for(cycle: Cycle, floor: Floor, key: str, one: Running) -> int:
    """How many workers it would have if it were placed anew."""
    wish = one.wish
    assert wish is not None
    if not one.preemptible:
        cycle.quotas.hold(one, -1)
        wish = cycle.quotas.within(wish, cycle.shares.project(one.project))
        cycle.quotas.hold(one, 1)
    where = place(wish, freed(floor, [key]))
    return sum(workers for _, workers in where or ())

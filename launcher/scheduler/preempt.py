"""Whom a blocked gang may put off: only as many as it needs, and only if it then surely fits."""

from __future__ import annotations

from collections.abc import Callable

from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import freed
from launcher.scheduler.place import has_place
from launcher.scheduler.room import Room
from launcher.scheduler.state import Running, Waiting

WORTH_S = 60.0
"""A gang that starts within so long by itself puts nobody off."""


def victims(job: Waiting, floor: Floor, yields: Callable[[Running], bool], now: float) -> list[str]:
    """Keys of the holdings to be preempted for a gang that has no place; none if that is no help.

    The lowest priority goes first, then who loses the least work. Those that are ending anyway, or
    by their limits within WORTH_S, are not put off, nor is anyone else while their ends suffice.

    Args:
        job: it waits, and is the first that the cluster could hold.
        floor: the cluster.
        yields: whether a running job that lets itself be preempted gives way to this one.
        now: seconds since the epoch.
    """

    def suffices(room: Room) -> bool:
        return has_place(job.resources, room)

    able = [key for key, one in floor.may_be_preempted.items() if yields(one)]
    if not able:
        return []
    leaving = {key for key, one in floor.holders.items() if _leaves_soon(one, now)}
    if suffices(freed(floor, leaving)):
        return []
    able = [key for key in able if key not in leaving]
    able.sort(key=lambda key: (_loss(floor.holders[key], now), key))
    if not suffices(freed(floor, [*leaving, *able])):
        return []
    few, enough = 0, len(able)
    while enough - few > 1:
        middle = (few + enough) // 2
        if suffices(freed(floor, [*leaving, *able[:middle]])):
            enough = middle
        else:
            few = middle
    chosen = able[:enough]
    for key in reversed(chosen[:-1]):  # without the last one it does not fit
        others = [other for other in chosen if other != key]
        if suffices(freed(floor, [*leaving, *others])):
            chosen = others
    return chosen


def _leaves_soon(one: Running, now: float) -> bool:
    """By what is known: a guess is no reason to let an urgent job wait."""
    if one.is_ending or one.lasts_s is None:
        return one.is_ending
    return now < one.since + one.lasts_s <= now + WORTH_S


def _loss(one: Running, now: float) -> tuple[int, float]:
    """Priority, and the work since the newest checkpoint: seconds times the gang's size."""
    each = one.resources.per_worker()
    size = one.resources.workers * (each.get("GPU") or each.get("CPU") or 1.0)
    since = max(one.saved_at or one.since, one.since)
    return one.priority, (now - since) * size

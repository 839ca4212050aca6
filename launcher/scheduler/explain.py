"""Why a job waits, as a tired user would want to read it: with names and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.model.job import Resources
from launcher.scheduler import words
from launcher.scheduler.fits import could_hold, misfit, on_kind, shape
from launcher.scheduler.floor import Floor
from launcher.scheduler.place import lacking
from launcher.scheduler.room import matches
from launcher.scheduler.state import ANY, ClusterView, Waiting
from launcher.scheduler.stock import free_in_all, stock
from launcher.units import format_duration


def backs_off(job: Waiting, now: float) -> str:
    return f"backs off after its last attempt; the next is due in {_wait(job.not_before - now)}"


def blocked(job: Waiting, floors: Sequence[Floor]) -> str:
    """Of a job that each of these live clusters could hold, and none holds now."""
    if len(floors) == 1:
        return _blocked_on(job, floors[0])
    return "; ".join(f"on {floor.name}: {_blocked_on(job, floor)}" for floor in floors)


def homeless(job: Waiting, clusters: Sequence[ClusterView]) -> str:
    """Of a job that no live cluster could hold.

    Args:
        job: the one that waits.
        clusters: all that ever reported.
    """
    named = sorted(
        (view for view in clusters if job.cluster in {ANY, view.name}), key=lambda view: view.name
    )
    if not named:
        if job.cluster == ANY:
            return "no cluster is up yet"
        others = ", ".join(sorted(view.name for view in clusters if view.is_live))
        return f"cluster {job.cluster} is not up yet" + f" (there is {others})" * bool(others)
    silent = [view for view in named if not view.is_live]
    if len(silent) == len(named):
        return _silent(silent)
    bare = [view.name for view in named if view.is_live and not view.nodes]
    furnished = [view for view in named if view.is_live and view.nodes]
    if not furnished:
        return f"cluster {' and '.join(bare)} has no nodes yet"
    text = misfit(job.resources, furnished).message
    hopes = [view for view in silent if could_hold(job.resources, view.nodes)]
    return "; ".join([text, _silent(hopes)] if hopes else [text])


def _silent(clusters: Sequence[ClusterView]) -> str:
    texts = [
        f"{view.name} does not answer (silent for {_wait(view.silent_s)})" for view in clusters
    ]
    return f"cluster {', '.join(texts)}"


def _wait(seconds: float) -> str:
    """Whole seconds: a text that waits to be read needs no tenths."""
    return format_duration(max(round(seconds), 1))


def _blocked_on(job: Waiting, floor: Floor) -> str:
    ahead = floor.blocker
    if ahead is None:
        return _short(job.resources, floor)
    return f"waits behind {ahead.job_id}, which needs {words.headline(ahead.resources)}"


def _short(resources: Resources, floor: Floor) -> str:
    """What the gang lacks: too little is free, or it is free in the wrong places."""
    nodes = [node for node in floor.free.nodes if matches(node, resources)]
    short = words.by_weight(lacking(resources, floor.free))
    for name in short:
        needed = resources.per_worker()[name] * resources.workers
        free = free_in_all(floor, nodes, name)
        if round(needed - free, 4) > 0:
            needs = f"needs {words.amount(name, needed)}{on_kind(resources)}"
            verb = "is" if free == 1 or name == "memory" else "are"
            has = f"{words.bare(name, free)} {verb} free"
            return f"{needs}, {has} ({stock(floor, nodes, [name])})"
    needs = f"needs {words.gang(resources, short)}{shape(resources, floor.free)}"
    return f"{needs}; {_scattered(resources, floor)} ({stock(floor, nodes, short)})"


def _scattered(resources: Resources, floor: Floor) -> str:
    fitting = sum(floor.free.workers(resources, resources.workers))
    if fitting >= resources.workers:
        return "what is free is scattered"
    if resources.workers == 1:
        return "no node has that free"
    return f"there is room for {fitting or 'none'}"

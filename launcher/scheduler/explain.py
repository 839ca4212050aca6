"""Why a job waits, as a tired user would want to read it: with names and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from launcher.model.job import Resources
from launcher.scheduler import words
from launcher.scheduler.cycle import Cycle
from launcher.scheduler.departing import besides, only_there
from launcher.scheduler.fits import misfit, on_kind, shape, would_hold
from launcher.scheduler.floor import Floor
from launcher.scheduler.growing import full, grows
from launcher.scheduler.place import lacking
from launcher.scheduler.reserve import Reservation
from launcher.scheduler.room import matches
from launcher.scheduler.state import ANY, ClusterView, Waiting
from launcher.scheduler.stock import free_in_all, stock
from launcher.units import format_duration, rounded


def backs_off(job: Waiting, now: float) -> str:
    return f"backs off after its last attempt; the next is due in {_wait(job.not_before - now)}"


def waits(
    job: Waiting,
    cycle: Cycle,
    clusters: Sequence[ClusterView],
    now: float,
    asked_at: float | None = None,
) -> str:
    """Of a job that stands in the queue.

    Args:
        job: it waits.
        cycle: what the last look at the queue came to.
        clusters: all that ever reported.
        now: seconds since the epoch.
        asked_at: when nodes were asked for the first time for it.
    """
    if (lack := cycle.scaling.jobs.get(job.job_id)) is not None:
        [view] = [view for view in clusters if view.name == lack.cluster]
        return grows(lack, view, asked_at, now)
    first, _ = cycle.short.get(job.project, ("", set()))
    ahead = {one.job.job_id for one in cycle.reservations.values()}
    if job.job_id in ahead or job.job_id == first:
        return _waits(job, cycle, clusters, now)
    # The same of all others of a project that are alike: a list of them is asked for at once.
    key = job.project, cycle.queue.kind(job).key
    if key not in cycle.words:
        cycle.words[key] = _waits(job, cycle, clusters, now)
    return cycle.words[key]


def _waits(job: Waiting, cycle: Cycle, clusters: Sequence[ClusterView], now: float) -> str:
    job = replace(job, resources=job.resources.smallest)
    first, kinds = cycle.short.get(job.project, ("", set()))
    kind = cycle.queue.kind(job)
    if first == job.job_id or cycle.is_behind(job.project, kind):
        return _over_quota(job, first, sorted(kinds), cycle)
    # Clusters were reported since: what could hold it then may be gone, or have come.
    usable = [floor for floor in cycle.floors if job.may_run_on(floor.name)]
    fitting = [floor for floor in usable if floor.could_hold(job.resources)]
    if not fitting:
        return homeless(job, clusters)
    texts = [_blocked_on(job, floor, cycle.reservations.get(floor.name), now) for floor in fitting]
    if len(fitting) == 1:
        return texts[0]
    named = zip(fitting, texts, strict=True)
    return "; ".join(f"on {floor.name}: {text}" for floor, text in named)


def _over_quota(job: Waiting, first: str, kinds: Sequence[str], cycle: Cycle) -> str:
    project = cycle.shares.project(job.project)
    holds = cycle.quotas.firm(job.project)
    quotas = {"gpus": project.gpus, "cpus": project.cpus, "running": project.running}
    nouns = {"gpus": "GPUs", "cpus": "CPUs", "running": "jobs running"}
    texts = [
        f"{words.number(holds[kind])} of {words.number(quotas[kind] or 0)} {nouns[kind]}"
        for kind in kinds
    ]
    at = f"project {job.project} is at its quota ({', '.join(texts)})"
    if first == job.job_id:
        needs = [words.headline(job.resources)] if set(kinds) - {"running"} else []
        return " and ".join([at, *(f"the job needs {need}" for need in needs)])
    return f"{at}; waits behind {first} of the same project"


def homeless(job: Waiting, clusters: Sequence[ClusterView]) -> str:
    """Of a job that no live cluster could hold.

    Args:
        job: the one that waits.
        clusters: all that ever reported.
    """
    named = sorted(
        (view for view in clusters if job.may_run_on(view.name)), key=lambda view: view.name
    )
    if barred := _barred(job, clusters, named):
        return barred
    if not named:
        if job.cluster == ANY:
            return "no cluster is up yet"
        others = ", ".join(sorted(view.name for view in clusters if view.is_live))
        return f"cluster {job.cluster} is not up yet" + f" (there is {others})" * bool(others)
    silent = [view for view in named if not view.is_live]
    if len(silent) == len(named):
        return _silent(silent)
    live = [view for view in named if view.is_live]
    furnished = [view for view in live if view.nodes or view.pools.can_grow]
    if not furnished:
        return f"cluster {' and '.join(view.name for view in live)} has no nodes yet"
    text = only_there(job.resources, furnished) or misfit(job.resources, furnished).message
    hopes = [view for view in silent if would_hold(job.resources, view)]
    return "; ".join([text, _silent(hopes)] if hopes else [text])


def _barred(job: Waiting, clusters: Sequence[ClusterView], named: Sequence[ClusterView]) -> str:
    """Of a job that would have a cluster if its project might use it; else empty."""
    if job.cluster != ANY and not job.reach.allows(job.cluster):
        return f"project {job.project} may not use cluster {job.cluster}"
    others = sorted(view.name for view in clusters if not job.reach.allows(view.name))
    if named or not others or job.cluster != ANY:
        return ""
    return f"project {job.project} may not use cluster {', '.join(others)}, and no other is up"


def _silent(clusters: Sequence[ClusterView]) -> str:
    texts = [
        f"{view.name} does not answer (silent for {_wait(view.silent_s)})" for view in clusters
    ]
    return f"cluster {', '.join(texts)}"


def _wait(seconds: float) -> str:
    """Whole seconds: a text that waits to be read needs no tenths."""
    return format_duration(max(round(seconds), 1))


def _blocked_on(job: Waiting, floor: Floor, reservation: Reservation | None, now: float) -> str:
    departing = besides(job.resources, floor.view.nodes)
    is_first = reservation is None or reservation.job.job_id == job.job_id
    if is_first and floor.has_place(job.resources):
        return "what it needs came free just now; it starts with the next look at the queue"
    if reservation is None:
        return _short(job.resources, floor) + departing + full(job.resources, floor)
    ahead, starts = reservation.job, _starts(reservation, now)
    if ahead.job_id != job.job_id:
        needs = words.headline(ahead.resources.smallest)
        text = f"waits behind {ahead.job_id}, which needs {needs}"
        return f"{text} and {starts}" if starts else text
    text = _short(job.resources, floor) + departing
    return f"{text}; it {starts}" if starts else text + full(job.resources, floor)


def _starts(reservation: Reservation, now: float) -> str:
    """`starts when bert-x1y2z3 ends, in about 40m`; empty where nobody can know."""
    leaving = [one.job_id for one in reservation.awaits if one.is_ending]
    awaited = [one for one in reservation.awaits if not one.is_ending]
    if awaited:
        last = awaited[-1]
        is_known = all(one.lasts_s and one.since + one.lasts_s > now for one in awaited)
        when = rounded((reservation.at or now) - now)
        return f"starts when {last.job_id} ends, in about {when}" if is_known else ""
    if leaving:
        return f"starts as soon as {', '.join(words.some(leaving, 3, 'job', of=len(leaving)))} left"
    return ""


def _short(resources: Resources, floor: Floor) -> str:
    """What the gang lacks: too little is free, or it is free in the wrong places."""
    nodes = [node for node in floor.frame.nodes if matches(node, resources)]
    short = words.by_weight(lacking(resources, floor.free) or resources.per_worker())
    for name in short:
        needed = resources.per_worker()[name] * resources.workers
        free = free_in_all(floor, nodes, name)
        if round(needed - free, 4) > 0:
            least = words.at_least(resources)
            needs = f"needs {least}{words.amount(name, needed)}{on_kind(resources)}"
            if not any(node.total.get(name) for node in nodes):
                return f"{needs}; cluster {floor.name} has no such node now, and can start some"
            verb = "is" if free == 1 or name == "memory" else "are"
            has = f"{words.bare(name, free)} {verb} free"
            return f"{needs}, {has} ({stock(floor, nodes, [name])})"
    needs = f"needs {words.gang(resources, short)}{shape(resources, floor.free)}"
    return f"{needs}; {_scattered(resources, floor)} ({stock(floor, nodes, short)})"


def _scattered(resources: Resources, floor: Floor) -> str:
    fitting = floor.free.workers(resources, resources.workers)
    if fitting >= resources.workers:
        return "what is free is scattered"
    if resources.workers == 1:
        return "no node has that free"
    return f"there is room for {fitting or 'none'}"

"""The queue: (state, now) -> who is placed where, and why the others wait.

Jobs are taken by priority, higher first, then in the order of their submission: a job that was
queued again after a failure or a lost node keeps its turn. **Nobody is overtaken**: a job that
finds no place now blocks the clusters that could hold it, and all jobs behind it wait there, also
those that would fit. Overtaking would starve large gangs, as there is always a small job that fits;
filling the gaps without delaying the large gang takes run times (backfill).

Two kinds of job block nobody: one in its back-off, and one that the nodes could not hold even with
nothing else on them, say while a node is away. It keeps its turn, and blocks once the node is back.
"""

from __future__ import annotations

from collections.abc import Hashable

from launcher.scheduler import explain
from launcher.scheduler.floor import Floor, footprint
from launcher.scheduler.state import ANY, Decisions, Placement, State, Waiting


def decide(state: State, now: float) -> Decisions:
    """One cycle. The same state gives the same decisions, in whatever order its parts are.

    Args:
        state: of all clusters and jobs.
        now: server clock, seconds since the epoch.
    """
    live = sorted((view for view in state.clusters if view.is_live), key=lambda view: view.name)
    floors = [Floor(view, state.running) for view in live]
    placements: list[Placement] = []
    reasons: dict[str, str] = {}
    homeless: dict[Hashable, str] = {}
    for job in sorted(state.waiting, key=_turn):
        if job.not_before > now:
            reasons[job.job_id] = explain.backs_off(job, now)
            continue
        fitting = [floor for floor in floors if _may_run(job, floor)]
        placement = _place(job, fitting)
        if placement is not None:
            placements.append(placement)
        elif fitting:
            reasons[job.job_id] = explain.blocked(job, fitting)
            _block(job, fitting)
        else:
            key = job.cluster, footprint(job.resources)
            homeless[key] = homeless.get(key) or explain.homeless(job, state.clusters)
            reasons[job.job_id] = homeless[key]
    return Decisions(tuple(placements), reasons)


def _turn(job: Waiting) -> tuple[float, float, str]:
    return -job.priority, job.submitted_at, job.job_id


def _may_run(job: Waiting, floor: Floor) -> bool:
    return job.cluster in {ANY, floor.name} and floor.could_hold(job.resources)


def _place(job: Waiting, floors: list[Floor]) -> Placement | None:
    """On the first of the clusters that has a place."""
    for floor in floors:
        workers_by_node = floor.take(job)
        if workers_by_node is not None:
            return Placement(job.job_id, floor.name, workers_by_node)
    return None


def _block(job: Waiting, floors: list[Floor]) -> None:
    for floor in floors:
        floor.blocker = floor.blocker or job

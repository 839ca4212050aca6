"""The queue as a function: (state, now) -> who is placed where, who is preempted, who waits why."""

from __future__ import annotations

from launcher.scheduler.cycle import Policy
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.state import Decisions, State


def decide(state: State, now: float, policy: Policy | None = None) -> Decisions:
    """One cycle. The same state gives the same decisions, in whatever order its parts are.

    Args:
        state: of all clusters and jobs.
        now: server clock, seconds since the epoch.
        policy: what counts.
    """
    return scheduler_of(state, policy).decide(now)


def scheduler_of(state: State, policy: Policy | None = None) -> Scheduler:
    """A scheduler that was told all of a state."""
    scheduler = Scheduler(policy)
    for view in state.clusters:
        scheduler.report(view)
    scheduler.set_projects(state.projects)
    for usage in state.usage:
        scheduler.set_past(usage)
    in_order = sorted(state.running, key=lambda one: (one.job_id, one.since, one.workers_by_node))
    for number, running in enumerate(in_order):
        scheduler.hold(f"{running.job_id}.{number}", running)
    scheduler.fill(state.waiting)
    return scheduler

"""The loop that grants attempts: looks at all jobs when something changed, and once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from launcher.logbook import about
from launcher.model import lifecycle
from launcher.scheduler.state import Placement
from launcher.server import rules
from launcher.server.agents import Agents
from launcher.server.control import Control
from launcher.server.notify import SCHEDULE

log = logging.getLogger(__name__)

_REST, _LEAST_REST_S, _LONGEST_REST_S = 3.0, 0.02, 1.0
"""Rests after a cycle, as a multiple of its time, at least and at most: with many submits a second
the rest of the server must get on too, and one cycle serves all that came during a rest."""
_AT_ONCE = 100
"""So many jobs are granted in one transaction: others may write in between."""
CYCLE_S, STEADY_CYCLE_S = 1.0, 3.0
"""Between two cycles without a change; the longer one while all jobs run or have ended: only limits
and leases fall due then, which are long, and the CPU may be one that a job trains on."""


async def schedule_for_ever(control: Control, agents: Agents) -> None:
    """One cycle after every change, and one now and then for what time alone changes."""
    with control.notifier.listen(SCHEDULE) as changes:
        while True:
            pause_s, begun = CYCLE_S, time.monotonic()
            try:
                if await asyncio.to_thread(cycle, control, agents):
                    pause_s = STEADY_CYCLE_S
                control.monitor.cycled(time.monotonic() - begun)
            except Exception:  # the loop is the queue: it must outlive any one job's trouble
                log.exception("a scheduling cycle broke")
                await asyncio.sleep(CYCLE_S)
            rest_s = max((time.monotonic() - begun) * _REST, _LEAST_REST_S)
            await asyncio.sleep(min(rest_s, _LONGEST_REST_S))
            await changes.wait(pause_s)


def cycle(control: Control, agents: Agents) -> bool:
    """Time's effects, grants in place, then the queue; True when all that has not ended runs."""
    now, books = control.clock(), control.books
    leaving = control.floor.leaving()
    for job in books.active():
        if leaving:
            control.advance(job, lambda job: rules.leave(job, leaving, now))
        control.advance(job, lambda job: lifecycle.tick(job, now))
        if job.attempt is not None and not job.attempt.is_over:
            control.advance(job, lambda job: agents.expire(job, now))
        if lifecycle.wants_grant(job, now):
            control.grant_in_place(job.id)
    for job in books.overdue(now):
        control.advance(job, lambda job: lifecycle.tick(job, now, control.reason(job)))
    decisions = books.decide(now)
    for cluster in books.tell_asked(decisions.scaling, now):
        control.notifier.notify(f"cluster:{cluster}")
    for preemption in decisions.preemptions:
        control.preempt(preemption.job_id, by=preemption.by)
    for growth in decisions.growths:
        control.grow(growth.job_id, growth.workers)
    for first in range(0, len(decisions.placements), _AT_ONCE):
        _grant(control, decisions.placements[first : first + _AT_ONCE])
    control.tell_reasons()
    return books.is_steady


def _grant(control: Control, placements: Sequence[Placement]) -> None:
    """All in one transaction; where one of them breaks it, each in its own."""
    try:
        control.grant(placements)
    except Exception:  # a bug's too: of a hundred jobs it shall hold up none but its own
        ids = [one.job_id for one in placements]
        log.exception("granting %s", ", ".join(ids), extra=about(*ids))
        if len(placements) > 1:
            for one in placements:
                _grant(control, [one])

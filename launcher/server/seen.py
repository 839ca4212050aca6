"""An allocation as the scheduler is told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from launcher.model.job import Allocation, Attempt, Job
from launcher.scheduler.state import Running


@dataclass(frozen=True)
class Seen:
    """All that the scheduler's view of an allocation is made of."""

    allocation: Allocation
    job: Job
    is_counted: bool
    lasts_s: float | None
    saved_at: float | None

    def is_same(self, other: Seen) -> bool:
        """Cheap: jobs and allocations are never changed, but made anew."""
        return (
            self.allocation is other.allocation
            and self.job is other.job
            and (self.is_counted, self.lasts_s, self.saved_at)
            == (other.is_counted, other.lasts_s, other.saved_at)
        )

    def as_running(self) -> Running:
        """What it holds, for whom, and until when."""
        allocation, job = self.allocation, self.job
        attempt, gang = job.attempt, job.resources.of(allocation.workers)
        is_its = attempt is not None and attempt.allocation == allocation.number
        return Running(
            job.id,
            job.name,
            allocation.cluster,
            tuple((slot.node_id, slot.workers) for slot in allocation.slots),
            gang,
            is_counted=self.is_counted,
            project=job.project,
            user=job.user,
            priority=job.priority,
            submitted_at=job.in_line_since,
            since=_held_since(allocation, attempt if is_its else None),
            lasts_s=self.lasts_s,
            saved_at=self.saved_at,
            preemptible=job.policy.preemptible,
            is_ending=not (allocation.is_wanted and is_its and attempt and not attempt.stopping),
            wish=job.resources if gang.workers < job.resources.workers else None,
            grows_from=_grows_from(job) if is_its else math.inf,
        )


def _held_since(allocation: Allocation, attempt: Attempt | None) -> float:
    """From when on it counts as held: what was before is past usage already."""
    if attempt is None:
        return allocation.created_at
    return attempt.granted_at if attempt.ended_at is None else attempt.ended_at


def _grows_from(job: Job) -> float:
    started_at = job.attempt.started_at if job.attempt is not None else None
    return math.inf if started_at is None else started_at + job.policy.resize_every_s

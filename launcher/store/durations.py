"""How long jobs of a name took: what is expected of the next one that sets no limit."""

from __future__ import annotations

import math

from sqlalchemy import Connection, and_, select

from launcher.model.states import JobState
from launcher.store import tables

_LOOKED_AT = 20
_QUANTILE = 0.9
_jobs, _attempts = tables.jobs, tables.attempts


def expected_s(tx: Connection, project: str, name: str) -> float | None:
    """The time that nine of ten of the last jobs of this name did not exceed; None: none ended.

    Of jobs that succeeded in one attempt from the beginning. Rounded up to two digits, so that one
    more job seldom changes what is expected of all that wait.
    """
    last = and_(_attempts.c.job_id == _jobs.c.id, _attempts.c.number == _jobs.c.newest_attempt)
    whole = and_(_attempts.c.resume_checkpoint.is_(None), _attempts.c.started_at.is_not(None))
    query = (
        select(_attempts.c.ended_at - _attempts.c.granted_at)
        .join(_jobs, last)
        .where(
            _jobs.c.project == project,
            _jobs.c.name == name,
            _jobs.c.state == JobState.SUCCEEDED.value,
            whole,
        )
        .order_by(_jobs.c.submitted_at.desc())
        .limit(_LOOKED_AT)
    )
    took = sorted(tx.scalars(query))
    return rounded_up(took[math.ceil(len(took) * _QUANTILE) - 1]) if took else None


def rounded_up(seconds: float) -> float:
    """To two digits, and at least to a second.

    >>> rounded_up(0.2), rounded_up(12.3), rounded_up(4567.0)
    (1.0, 13.0, 4600.0)
    """
    if seconds <= 1:
        return 1.0
    step = 10.0 ** max(math.floor(math.log10(seconds)) - 1, 0)
    return math.ceil(seconds / step) * step

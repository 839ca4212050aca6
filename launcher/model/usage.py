"""Past usage: what attempts held, worth half as much every half-life. Pure.

Decay is exponential: a resource-second counts 2^(-age / H). That makes it a state of one number: no
history is kept, what was added at different moments is brought to one of them by a factor, and the
order of it all does not matter (Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay: a practical
time decay model for streaming systems", ICDE 2009, section III). Slurm's multifactor plugin decays
the same way (PriorityDecayHalfLife, 7 days there too), by a step every few minutes; here the
integral is taken exactly, once, when an attempt is over:

    integral from a to b of r 2^(-(b - t) / H) dt  =  r H / ln 2 (1 - 2^(-(b - a) / H))
"""

from __future__ import annotations

import math
from dataclasses import replace

from launcher.model.job import Job
from launcher.model.project import Usage

HALF_LIFE_S = 7 * 86400.0
_RATE = math.log(2) / HALF_LIFE_S


def decayed(usage: Usage, to: float) -> Usage:
    """The same usage as of a later moment. A clock that went back makes nothing grow."""
    if to <= usage.at:
        return usage
    left = math.exp(-_RATE * (to - usage.at))
    return replace(usage, gpu_s=usage.gpu_s * left, cpu_s=usage.cpu_s * left, at=to)


def together(one: Usage, other: Usage) -> Usage:
    """Both usages of a user of a project, as of the later moment of the two."""
    at = max(one.at, other.at)
    one, other = decayed(one, at), decayed(other, at)
    return replace(one, gpu_s=one.gpu_s + other.gpu_s, cpu_s=one.cpu_s + other.cpu_s)


def held_s(begin: float, end: float) -> float:
    """Decayed seconds, as of `end`, of holding something since `begin`."""
    return -math.expm1(-_RATE * max(end - begin, 0.0)) / _RATE


def usage_of(before: Job, after: Job) -> Usage | None:
    """What a change of a job adds to the past: all that was held during a span that is over now.

    The spans of a job are its attempts, from grant to end, and the back-off between two attempts of
    one allocation, which keeps its resources for the next one. What a running attempt holds is no
    past yet.
    """
    span = _span(before, after)
    if span is None or after.allocation is None:
        return None
    workers = after.allocation.workers
    each, seconds = after.resources.per_worker(), held_s(*span)
    return Usage(
        after.project,
        after.user,
        gpu_s=workers * each.get("GPU", 0.0) * seconds,
        cpu_s=workers * each.get("CPU", 0.0) * seconds,
        at=span[1],
    )


def _span(before: Job, after: Job) -> tuple[float, float] | None:
    """Begin and end of the span that the change closes."""
    old, new = before.attempt, after.attempt
    if new is None:
        return None
    if old is None or old.number != new.number:
        if old is None or old.ended_at is None or old.allocation != new.allocation:
            return None
        return old.ended_at, new.granted_at
    if new.ended_at is None or old.is_over:
        return None
    return new.granted_at, new.ended_at


def dominant_s(usage: Usage, gpus: float, cpus: float) -> float:
    """Seconds for which the usage was all of the GPUs or all of the CPUs, whichever is more.

    The dominant share of Ghodsi et al. ("Dominant resource fairness", NSDI 2011), summed over time.

    Args:
        usage: of a user, or of a project.
        gpus: of all clusters; a resource of which there is none does not count.
        cpus: likewise.
    """
    parts = [used / there for used, there in ((usage.gpu_s, gpus), (usage.cpu_s, cpus)) if there]
    return max(parts, default=0.0)

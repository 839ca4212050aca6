"""How a project shares the clusters with others, as `quota` and `top` show it."""

from __future__ import annotations

from launcher.views import ProjectView

SHARE = ("PROJECT", "GPUS", "CPUS", "RUNNING", "QUEUED", "WEIGHT", "PAST")


def share(one: ProjectView) -> tuple[str, ...]:
    """What it holds of what it may, its weight, and its part of what all held."""
    now, quota = one.now, one.quota
    return (
        one.name,
        _of(now.gpus, quota.gpus),
        _of(now.cpus, quota.cpus),
        _of(now.running, quota.running),
        _of(now.queued, quota.queued),
        f"{one.weight:g}",
        f"{one.past:.0%}",
    )


def _of(held: float | None, quota: float | None) -> str:
    """As `12/16`; `12` where there is no limit."""
    limit = "" if quota is None else f"/{quota:g}"
    return f"{held or 0:g}{limit}"

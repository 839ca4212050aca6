"""Projects: who shares the clusters, what each may hold at once, and what its users held before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Project:
    """Who shares what. None: no limit; a project that nobody set up has none.

    `gpus`, `cpus` and `running` are its quota: what its jobs that are not preemptible may hold at
    once. Preemptible ones may borrow what others leave idle.
    """

    name: str
    weight: float = 1.0
    """Its share beside those of the other projects that want something."""
    gpus: float | None = None
    cpus: float | None = None
    running: int | None = None
    queued: int | None = None
    """How many of its jobs may wait; one more is refused at submit."""


@dataclass(frozen=True)
class Usage:
    """What a user of a project held in the past: resource-seconds, halved every half-life."""

    project: str
    user: str
    gpu_s: float
    cpu_s: float
    at: float = 0.0
    """The moment as of which it is halved, in seconds since the epoch on the server's clock."""

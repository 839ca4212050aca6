"""What a trial of the scheduler came to."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.scheduler.state import Placement


@dataclass(frozen=True)
class Tried:
    """What would become of a job: its place, or why it would wait."""

    placement: Placement | None
    preempts: tuple[str, ...]
    position: int | None
    starts_at: float | None
    """When it would start if not now, as far as it can be told."""
    why: str
    later: Placement | None = None
    """Where, if not now, as far as that can be told."""

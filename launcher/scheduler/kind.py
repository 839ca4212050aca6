"""What jobs have in common that are alike in all that decides where they may run."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from launcher.model.job import Resources
from launcher.scheduler.quota import needs
from launcher.scheduler.state import Waiting


@dataclass(eq=False)
class Kind:
    """Compared by identity: there is one of each in a queue."""

    key: Hashable
    cluster: str
    resources: Resources
    lasts_s: float | None
    preemptible: bool
    needs: tuple[int, int, int]
    """Of each kind of quota, in units."""
    count: int = 0
    """How many jobs of it wait."""

    @classmethod
    def of(cls, job: Waiting) -> Kind:
        kept = job.cluster, job.resources, job.lasts_s, job.preemptible
        return cls(kind_key(job), *kept, needs(job.resources))


def kind_key(job: Waiting) -> Hashable:
    """Equal for jobs of one kind."""
    return job.cluster, job.lasts_s, job.preemptible, job.resources.footprint

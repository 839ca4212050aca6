"""What jobs have in common that are alike in all that decides where they may run."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

from launcher.model.job import Resources
from launcher.model.reach import Reach
from launcher.scheduler.line import Place
from launcher.scheduler.quota import needs
from launcher.scheduler.shares import Owner
from launcher.scheduler.state import Waiting


@dataclass(eq=False)
class Kind:
    """Compared by identity: there is one of each in a queue."""

    key: Hashable
    cluster: str
    resources: Resources
    lasts_s: float | None
    preemptible: bool
    reach: Reach
    needs: tuple[int, int, int]
    """Of each kind of quota, in units; of an elastic gang those of the smallest."""
    count: int = 0
    """How many jobs of it wait."""
    lanes: dict[Owner, list[Place]] = field(default_factory=dict)
    """Of those that stand in line, a line of each owner."""
    _least: float | None = None

    @cached_property
    def length(self) -> float:
        """How long a job of it lasts; endless where nobody knows."""
        return math.inf if self.lasts_s is None else self.lasts_s

    @property
    def least(self) -> float:
        """The smallest that any of those in line has of what stands for its points."""
        if self._least is None:
            self._least = min((lane[0][0] for lane in self.lanes.values()), default=math.inf)
        return self._least

    def changed(self) -> None:
        """Somebody joined or left."""
        self._least = None

    @classmethod
    def of(cls, job: Waiting) -> Kind:
        kept = job.cluster, job.resources, job.lasts_s, job.preemptible, job.reach
        return cls(kind_key(job), *kept, needs(job.resources.smallest))


def kind_key(job: Waiting) -> Hashable:
    """Equal for jobs of one kind."""
    return job.cluster, job.reach, job.lasts_s, job.preemptible, job.resources.footprint

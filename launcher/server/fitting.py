"""Whether a new job could ever run, remembered: sweeps ask the same of the same nodes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from launcher.model.job import Resources
from launcher.model.reach import Reach
from launcher.scheduler.fits import Misfit, never_fits
from launcher.scheduler.state import ClusterView
from launcher.server.reaching import usable


class Fits:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._shape: list[Any] = []
        self._known: dict[Hashable, Misfit | None] = {}

    def look(
        self, resources: Resources, views: Sequence[ClusterView], cluster: str, reach: Reach
    ) -> Misfit | None:
        """As `never_fits`, on those of the clusters that may be used."""
        # The views of nodes that stayed as they were are the same objects: quickly compared.
        shape = [(view.name, view.is_live, view.nodes, view.pools) for view in views]
        if shape != self._shape:
            self._shape, self._known = shape, {}
        key = resources.footprint, resources.replicas_per_rank, cluster, reach
        if key not in self._known:
            self._known[key] = never_fits(resources, usable(views, reach), cluster)
        return self._known[key]

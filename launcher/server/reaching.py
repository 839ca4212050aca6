"""Which clusters a new job may use, by its project: refused at submit, or not looked at."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.errors import SpecError
from launcher.model.reach import Reach
from launcher.scheduler.state import ANY, ClusterView
from launcher.spec.jobspec import JobSpec


def usable(views: Sequence[ClusterView], reach: Reach) -> list[ClusterView]:
    """Those of the clusters by which a job of such a project is judged."""
    return [view for view in views if reach.allows(view.name)]


def expect_reach(spec: JobSpec, reach: Reach) -> None:
    """Refuse a job that names a cluster which its project may not use.

    Raises:
        SpecError: that is so.
    """
    if spec.cluster == ANY or reach.allows(spec.cluster):
        return
    raise SpecError(
        f"cluster: project '{spec.project}' may not use cluster {spec.cluster}; "
        f"it may use {reach.words}",
        hint="leave cluster out, or name another one; an admin of the server changes it: "
        f"launcher project allow {spec.project} {spec.cluster}",
    )

"""Curves of jobs drawn: in a notebook, in a terminal, into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.api.caller import Ref, refs_of
from launcher.api.curves import Curves
from launcher.api.jobs import Jobs

if TYPE_CHECKING:
    from launcher.charts import Chart
    from launcher.plots import Wish, X
    from launcher.views import JobView
    from launcher.views_curves import CurvesView, SeriesView

_COLUMNS = 2000
"""More than a picture has; smoothing goes by what is left after thinning."""


@dataclass(frozen=True)
class Plot:
    """Charts of some jobs, one a metric. A notebook shows it; `print` draws it as text."""

    charts: tuple[Chart, ...]
    others: tuple[str, ...] = ()
    """Metrics that there are beside those that are drawn."""

    def save(self, file: str | Path) -> None:
        """Into a picture: .png, .svg or .pdf. Needs matplotlib.

        Raises:
            LauncherError: matplotlib is not installed, or the file cannot be written.
        """
        from launcher.charts import draw

        draw(self.charts, Path(file))

    def __str__(self) -> str:
        from launcher.charts import in_terminal

        drawn = [
            in_terminal(one.curves, one.axes, columns=80, colour=False, marks=one.marks)
            for one in self.charts
        ]
        return "\n\n".join(drawn) or "no metrics"

    def _repr_html_(self) -> str:
        from launcher.charts import as_svg

        return "\n".join(map(as_svg, self.charts)) or "<p>no metrics</p>"


class Plotting(Curves, Jobs):
    def plot(
        self,
        jobs: Ref | Sequence[Ref],
        *metrics: str,
        ranks: Sequence[int] = (),
        x: X = "step",
        log: bool = False,
        smooth: float = 0.0,
    ) -> Plot:
        """Curves of one job or of several, overlaid; cheap however long they are.

        Args:
            jobs: one, or several.
            metrics: a chart each. Default: the main one, mostly the loss.
            ranks: whose. Default: the lowest that reports the metric.
            x: over steps, or over the time since each job's first point.
            log: a logarithmic axis.
            smooth: from 0 to below 1, the weight of what came before.

        Raises:
            NotFoundError: no such job, metric or rank; the text names what is near.
        """
        from launcher.plots import Wish

        found = [self.job(ref) for ref in refs_of(jobs)]
        return self.plot_of(found, Wish(tuple(metrics), tuple(ranks), x, log, smooth))

    def plot_of(self, jobs: Sequence[JobView], wish: Wish) -> Plot:
        """`plot` of jobs that are known.

        Raises:
            NotFoundError: see there.
        """
        from launcher.plots import Drawn, charts_of, choose

        kind, series = self._series_with(jobs, wish.names)
        choice = choose(series, [job.id for job in jobs], wish)
        drawn = [
            Drawn(job.id, f"{job.name} ({job.id})", self._chosen(job.id, ranks, kind, wish.x))
            for job, ranks in zip(jobs, choice.ranks, strict=True)
        ]
        return Plot(tuple(charts_of(drawn, choice, wish)), choice.others)

    def _series_with(
        self, jobs: Sequence[JobView], names: Sequence[str]
    ) -> tuple[str, list[list[SeriesView]]]:
        """What the programs reported; if they report none of the names, what was measured."""
        series = [self.series(job.id) for job in jobs]
        reported = {one.name for each in series for one in each}
        if names and reported.isdisjoint(names):
            measured = [self.series(job.id, kind="system") for job in jobs]
            if not {one.name for each in measured for one in each}.isdisjoint(names):
                return "system", measured
        return "reported", series

    def _chosen(self, job: str, ranks: dict[str, tuple[int, ...]], kind: str, x: X) -> CurvesView:
        """The curves of a job, and nothing where it has none of them."""
        ranks = {name: wanted for name, wanted in ranks.items() if wanted}
        if not ranks:
            from launcher.views_curves import CurvesView

            return CurvesView(x)
        wanted = sorted({rank for each in ranks.values() for rank in each})
        view = self.curves(job, *ranks, ranks=wanted, kind=kind, x=x, width=_COLUMNS)
        kept = tuple(one for one in view.curves if one.rank in ranks[one.name])
        return replace(view, curves=kept)

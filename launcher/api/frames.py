"""Metrics as pandas frames, which notebooks work with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from launcher.api.caller import Ref, refs_of
from launcher.api.jobs import Jobs
from launcher.errors import LauncherError
from launcher.views import JobView, Series

if TYPE_CHECKING:
    from pandas import DataFrame

_COLUMNS = ("job", "name", "rank", "attempt", "step", "value", "time")


class Frames(Jobs):
    def frame(
        self,
        jobs: Ref | Sequence[Ref],
        *metrics: str,
        rank: int | None = None,
        long: bool = False,
    ) -> DataFrame:
        """Every point of the curves, as a pandas frame.

        By default a row a step and a column a metric, of the lowest rank that reports it: what
        `.plot()` takes. Of several jobs the columns have two levels, metric and job, so that
        `frame["loss"].plot()` compares them. For a curve of a million points that is only looked
        at, `plot` is much cheaper.

        Args:
            jobs: one, or several.
            metrics: Default: all.
            rank: only this one's.
            long: a row a point instead, of all ranks, with job, name, rank, attempt, step, value
                and time (UTC).

        Raises:
            LauncherError: pandas is not installed.
            NotFoundError: there is no such job.
        """
        pandas = _pandas()
        found = [self.job(ref) for ref in refs_of(jobs)]
        curves = [(job, self._curves_of(job, metrics, rank)) for job in found]
        table = pandas.DataFrame.from_records(
            [row for job, each in curves for row in _rows(job, each)], columns=list(_COLUMNS)
        )
        if long:
            return table.assign(time=pandas.to_datetime(table["time"], unit="s", utc=True))
        lone = isinstance(jobs, str) or not isinstance(jobs, Iterable)
        lowest = table.groupby(["job", "name"])["rank"].transform("min")
        table = table[table["rank"] == lowest]
        columns = "name" if lone else ["name", "job"]
        # A step that was reported twice in one attempt: the last word counts.
        wide = table.pivot_table(
            index="step", columns=columns, values="value", aggfunc="last", dropna=False, sort=False
        )
        return wide.sort_index().rename_axis(columns=None if lone else ["metric", "job"])

    def _curves_of(
        self, job: JobView, metrics: Sequence[str], rank: int | None
    ) -> Iterable[Series]:
        only = metrics[0] if len(metrics) == 1 else None
        found = self.metrics(job, name=only, rank=rank)
        return [curve for curve in found if not metrics or curve.name in metrics]


def _rows(job: JobView, curves: Iterable[Series]) -> Iterator[tuple[Any, ...]]:
    for curve in curves:
        for step, value, time, attempt in curve.points:
            yield job.id, curve.name, curve.rank, attempt, step, value, time


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise LauncherError(
            "a frame needs pandas, which is not installed here",
            hint="pip install pandas; client.metrics(job) gives the points without it",
        ) from error
    return pd

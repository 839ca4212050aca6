"""What of jobs is drawn: which series, over what, smoothed how. Pure: views in, charts out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from launcher.charts import Axes, Chart, Curve, Mark
from launcher.errors import NotFoundError
from launcher.views_curves import CurvesView, CurveView, MarkView, SeriesView

X = Literal["step", "time"]
_SIGNS = {"restart": "R", "resize": "E", "checkpoint": "·"}
_SINCE = "since its first point"
_TOLD = 12
"""So many names are told of those that there are."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see.

    Without names the main series. `ranks`: without any the lowest that has the series. `smooth`:
    from 0 to below 1, the weight of what came before, as in TensorBoard.
    """

    names: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    x: X = "step"
    log: bool = False
    smooth: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What is asked for: names, and their ranks in each job. `others`: names that are not drawn."""

    names: tuple[str, ...]
    ranks: tuple[dict[str, tuple[int, ...]], ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobCurve(Curve):
    """The curve of one rank of one job."""

    job: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Drawn:
    """One job with the curves that the server gave. `label`: what its curves are called."""

    job: str
    label: str
    view: CurvesView


def choose(series: Sequence[Collection[SeriesView]], jobs: Sequence[str], wish: Wish) -> Choice:
    """Which series of which ranks are drawn.

    Args:
        series: of each job.
        jobs: their ids.
        wish: names and ranks.

    Returns:
        Nothing of jobs that have no series at all: they may be young.

    Raises:
        NotFoundError: no job has a name, or a rank of it.
    """
    known = [one.name for each in series for one in each]
    if not known:
        return Choice((), tuple({} for _ in series))
    counts = Counter(name for each in series for name in dict.fromkeys(one.name for one in each))
    names = wish.names or tuple(main_series(counts))
    for name in names:
        if name not in counts:
            raise missing(name, list(dict.fromkeys(known)), jobs)
    ranks = tuple(
        {name: _ranks(each, name, wish.ranks) for name in names if _has(each, name)}
        for each in series
    )
    if wish.ranks and names and not any(found for each in ranks for found in each.values()):
        there = sorted({one.rank for each in series for one in each if one.name in names})
        asked, told = _listed(wish.ranks), _listed(there)
        raise NotFoundError(
            f"{_whose(jobs)} no {_listed(names)} of rank {asked}",
            hint=f"there is that of rank {told}",
        )
    return Choice(names, ranks, tuple(name for name in dict.fromkeys(known) if name not in names))


def main_series(counts: Counter[str]) -> list[str]:
    """What is looked at first, as a list of one: the loss, if there is any; none without series.

    >>> main_series(Counter(["lr", "val_loss", "loss"])), main_series(Counter(["acc"]))
    (['loss'], ['acc'])
    """

    def order(name: str) -> tuple[int, int]:
        words = name.lower()
        return (words != "loss") + (words != "loss" and "loss" not in words), -counts[name]

    return sorted(counts, key=order)[:1]


def missing(name: str, known: Sequence[str], jobs: Sequence[str]) -> NotFoundError:
    """The answer to a name that no job has."""
    import difflib  # only for those who mistyped

    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    meant = f"; did you mean {near[0]}" if near else ""
    hint = f"there {'is' if len(known) == 1 else 'are'} {told_names(known)}" if known else None
    return NotFoundError(f"{_whose(jobs)} no metric '{name}'{meant}", hint=hint)


def told_names(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more:,} more" if more > 0 else "")


def charts_of(drawn: Sequence[Drawn], choice: Choice, wish: Wish) -> list[Chart]:
    """One chart a name, with the curves of all jobs that have it."""
    charts = []
    for name in choice.names:
        curves = [
            JobCurve(_label(one, curve, drawn, choice), points, one.job, curve.rank)
            for one in drawn
            for curve in one.view.curves
            if curve.name == name and (points := tuple(_points(one, curve, wish)))
        ]
        marks = tuple(_marks(drawn[0], wish)) if len(drawn) == 1 else ()
        axes = Axes(_x_name(wish), name, log=wish.log, seconds=wish.x == "time")
        charts.append(Chart(axes, tuple(curves), marks))
    return charts


def smoothed(values: Iterable[float], weight: float) -> list[float]:
    """Exponential mean, free of the bias towards its beginning; what is no number stays as it is.

    >>> smoothed([1.0, 3.0], 0.5), smoothed([1.0, 3.0], 0.0)
    ([1.0, 2.3333333333333335], [1.0, 3.0])
    """
    mean, left, told = 0.0, 1.0, []
    for value in values:
        if not math.isfinite(value):
            told.append(value)
            continue
        mean = weight * mean + (1 - weight) * value
        left *= weight
        told.append(mean / (1 - left))
    return told


def as_data(charts: Sequence[Chart], x: X) -> dict[str, object]:
    """The points that are drawn, for programs."""
    return {
        "x": x,
        "charts": [
            {
                "metric": chart.axes.y,
                "curves": [
                    {"job": curve.job, "rank": curve.rank, "points": curve.points}
                    for curve in chart.curves
                    if isinstance(curve, JobCurve)
                ],
                "marks": [{"x": mark.x, "text": mark.text} for mark in chart.marks],
            }
            for chart in charts
        ],
    }


def _points(one: Drawn, curve: CurveView, wish: Wish) -> Iterable[tuple[float, float]]:
    begin = _begin(one, wish)
    ys = [_value(y) for y in curve.ys]
    ys = smoothed(ys, wish.smooth) if wish.smooth else ys
    return zip((x - begin for x in curve.xs), ys, strict=True)


def _value(y: float | None) -> float:
    return math.nan if y is None else y


def _begin(one: Drawn, wish: Wish) -> float:
    """The moment that is 0 on a time axis."""
    if wish.x == "step":
        return 0.0
    return min((curve.xs[0] for curve in one.view.curves if curve.xs), default=0.0)


def _marks(one: Drawn, wish: Wish) -> Iterable[Mark]:
    at: Callable[[MarkView], float] = (lambda mark: mark.time) if wish.x == "time" else (
        lambda mark: mark.step
    )  # fmt: skip
    begin = _begin(one, wish)
    for mark in one.view.marks:
        words = mark.text or f"{mark.kind} at step {mark.step}"
        yield Mark(at(mark) - begin, _SIGNS.get(mark.kind, "?"), words)


def _label(one: Drawn, curve: CurveView, drawn: Sequence[Drawn], choice: Choice) -> str:
    """The job; its rank too where several are drawn."""
    several = any(len(ranks) > 1 for each in choice.ranks for ranks in each.values())
    rank = f" rank {curve.rank}" if several or curve.rank else ""
    odd = f" (no numbers at {len(curve.odd)} of its points)" if curve.odd else ""
    labels = [other.label for other in drawn]
    job = one.label if labels.count(one.label) == 1 else one.job
    return f"{job}{rank}{odd}"


def _ranks(each: Collection[SeriesView], name: str, wanted: Sequence[int]) -> tuple[int, ...]:
    there = sorted(one.rank for one in each if one.name == name)
    return tuple(rank for rank in there if rank in wanted) if wanted else tuple(there[:1])


def _has(each: Collection[SeriesView], name: str) -> bool:
    return any(one.name == name for one in each)


def _x_name(wish: Wish) -> str:
    return "step" if wish.x == "step" else _SINCE


def _whose(jobs: Sequence[str]) -> str:
    return f"job {jobs[0]} has" if len(jobs) == 1 else "these jobs have"


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))

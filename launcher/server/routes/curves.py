"""Curves of a job, as charts show them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from launcher.errors import SpecError
from launcher.server.curve import View
from launcher.server.curving import Chart, Choice, Curving, Kind, Told, X
from launcher.server.routes.context import LARGEST, Answer, Asks, Here, must_be_user
from launcher.server.routes.cursor import Cursor
from launcher.store import jobs
from launcher.views import as_json
from launcher.views_curves import CurvesView

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

_WIDEST = 8000
_SPARKLINES = 500
End = Annotated[float | None, Query(allow_inf_nan=False)]
"""Of what a chart shows."""


@router.get("/jobs/{ref}/series")
def list_series(here: Here, ref: str, kind: Kind = "reported") -> Answer:
    """All series of a job, by name and rank, without their points."""
    found = Curving(here.control).series(here.control.resolve(ref), kind)
    return Answer({"series": [vars(one) for one in found]})  # there may be thousands


@router.get("/jobs/{ref}/summaries")
def summarise(here: Here, ref: str) -> Answer:
    """Each name in figures instead of points, of the lowest rank that reports it."""
    return Answer(
        {"summaries": as_json(Curving(here.control).summaries(here.control.resolve(ref)))}
    )


@router.get("/jobs/{ref}/curves")
def draw_curves(
    *,
    here: Here,
    ref: str,
    name: Annotated[list[str] | None, Query()] = None,
    rank: Annotated[list[Annotated[int, Query(ge=0, le=LARGEST)]] | None, Query()] = None,
    kind: Kind = "reported",
    x: X = "step",
    low: Annotated[End, Query(alias="from")] = None,
    high: Annotated[End, Query(alias="to")] = None,
    width: Annotated[int, Query(ge=1, le=_WIDEST)] = 1000,
) -> Answer:
    """One curve a series, stitched over all attempts.

    At most about two points for each of `width` columns between `from` and `to` (default: the
    curve's own ends), among them the lowest and the highest of each. Values that are no numbers
    are null in `ys`, and named in `odd`. Without `name` the first 12 series; `left_out` says how
    many more there are. `follow` goes on from `cursor`.
    """
    choice = Choice(name or (), rank or (), kind)
    chart = Curving(here.control).chart(
        here.control.resolve(ref), choice, x, View(low, high, width)
    )
    return Answer(as_json(_view(chart, x)))


@router.get("/sparklines")
def draw_sparklines(
    here: Here, asks: Asks, job: Annotated[list[str] | None, Query()] = None
) -> Answer:
    """The shape of the main curve of each job: its loss, if it has one.

    `job`: whole ids. A job without points has no line; one that is in `later` has it next time.
    """
    asked = list(dict.fromkeys(job or ()))
    if len(asked) > _SPARKLINES:
        raise SpecError(f"{len(asked)} jobs at once; at most {_SPARKLINES} sparklines are drawn")
    if asks.within is not None:
        with here.control.store.read() as tx:
            projects = jobs.projects_of(tx, asked)
        asked = [one for one in asked if projects.get(one) in asks.within]
    found, later = here.sparklines.of(asked)
    return Answer({"sparklines": as_json(found), "later": later})


def _view(chart: Chart, x: X) -> CurvesView:
    return CurvesView(x, chart.curves, chart.marks, _cursor(chart.told).text(), chart.left_out)


def _cursor(told: Told) -> Cursor:
    logs = {f"{attempt}.{rank}": length for (attempt, rank), length in told.logs.items()}
    return Cursor(told.events, told.checkpoints, told.batch, 0, logs)

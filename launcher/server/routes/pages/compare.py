"""Many jobs side by side: their curves in the same charts, and in what they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from launcher.comparing import Compared, rows
from launcher.errors import LauncherError
from launcher.model.access import Caller
from launcher.server.curving import Curving
from launcher.server.masking import Mask
from launcher.server.routes.context import Asks, Here, Services
from launcher.server.routes.pages import page
from launcher.views import JobView
from launcher.views_curves import SeriesView, SummaryView

router = APIRouter()
MOST = 40
"""Jobs on one page."""
_SERIES = 2000
"""Of each job, of those that are named in the table."""


@router.get("/compare")
def compare_page(
    request: Request,
    here: Here,
    asks: Asks,
    job: Annotated[list[str] | None, Query()] = None,
    jobs: str = "",
) -> Response:
    """`job=A&job=B`, or `jobs=A,B`."""
    found, problems = _found(here, asks, [*(job or ()), *jobs.split(",")])
    data: dict[str, Any] = {
        "compared": found,
        "problems": problems,
        "rows": rows([Compared(one, _last_values(here, one.id)) for one in found]) if found else [],
        "began": {one.id: _began(one) for one in found},
    }
    return page.answer(request, here, "compare.html", data)


def _found(here: Services, asks: Caller, refs: Iterable[str]) -> tuple[list[JobView], list[str]]:
    """The jobs that are meant, each once, and what is wrong with the others."""
    found: dict[str, JobView] = {}
    problems: list[str] = []
    for ref in dict.fromkeys(text.strip() for text in refs if text.strip()):
        try:
            job_id = here.control.resolve(ref, asks.within)
            if job_id not in found and len(found) < MOST:
                found[job_id] = here.showing.job(job_id)
            elif job_id not in found:
                problems.append(f"{ref}: more than {MOST} jobs are not shown on one page")
        except LauncherError as error:
            problems.append(error.message)
    return Mask(here.control.store, asks.within).views(found.values()), problems


def _last_values(here: Services, job_id: str) -> tuple[SummaryView, ...]:
    """The newest value of each name: what a table of many jobs says costs no points."""
    known = Curving(here.control).series(job_id, "reported")[:_SERIES]
    lowest: dict[str, SeriesView] = {}
    for one in known:
        lowest.setdefault(one.name, one)
    return tuple(
        SummaryView(one.name, one.rank, one.count, last=one.last_value) for one in lowest.values()
    )


def _began(job: JobView) -> float:
    """When its first attempt did: where its curves begin, by time."""
    moments = [one.started_at or one.granted_at for one in job.attempts]
    return min((moment for moment in moments if moment), default=job.submitted_at)

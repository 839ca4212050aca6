"""Many jobs side by side: their curves in the same charts, and in what they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from launcher.comparing import Compared, rows
from launcher.errors import LauncherError
from launcher.server.curving import Curving
from launcher.server.routes.context import Here, Services
from launcher.server.routes.pages import entrance, page
from launcher.views import JobView, Series

router = APIRouter()
MOST = 40
"""Jobs on one page."""
_SERIES = 2000
"""Of each job, of those that are named in the table."""


@router.get("/compare")
def compare_page(
    request: Request,
    here: Here,
    job: Annotated[list[str] | None, Query()] = None,
    jobs: str = "",
) -> Response:
    """`job=A&job=B`, or `jobs=A,B`."""
    if (answer := entrance.in_place_of(request, here)) is not None:
        return answer
    found, problems = _found(here, [*(job or ()), *jobs.split(",")])
    data: dict[str, Any] = {
        "compared": found,
        "problems": problems,
        "rows": rows([Compared(one, _last_points(here, one.id)) for one in found]) if found else [],
        "began": {one.id: _began(one) for one in found},
    }
    return page.answer(request, here, "compare.html", data)


def _found(here: Services, refs: Iterable[str]) -> tuple[list[JobView], list[str]]:
    """The jobs that are meant, each once, and what is wrong with the others."""
    found: dict[str, JobView] = {}
    problems: list[str] = []
    for ref in dict.fromkeys(text.strip() for text in refs if text.strip()):
        try:
            job_id = here.control.resolve(ref)
            if job_id not in found and len(found) < MOST:
                found[job_id] = here.showing.job(job_id)
            elif job_id not in found:
                problems.append(f"{ref}: more than {MOST} jobs are not shown on one page")
        except LauncherError as error:
            problems.append(error.message)
    return list(found.values()), problems


def _last_points(here: Services, job_id: str) -> tuple[Series, ...]:
    """The newest value of each series: what a table says needs no more, and costs no points."""
    known = Curving(here.control).series(job_id, "reported")[:_SERIES]
    return tuple(
        Series(one.name, one.rank, ((one.last_step, float(one.last_value), math.nan, 1),))
        for one in known
        if one.last_value is not None
    )


def _began(job: JobView) -> float:
    """When its first attempt did: where its curves begin, by time."""
    moments = [one.started_at or one.granted_at for one in job.attempts]
    return min((moment for moment in moments if moment), default=job.submitted_at)

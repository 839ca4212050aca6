"""The page of all jobs: a table that is looked through by its address."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from launcher.model.access import Caller
from launcher.model.job import Job
from launcher.model.states import ACTIVE, JobState
from launcher.server.masking import Mask
from launcher.server.routes.context import Asks, Here, Services
from launcher.server.routes.pages import page
from launcher.store import listing
from launcher.store.listing import Wanted
from launcher.views import JobView

router = APIRouter()
_ON_A_PAGE = 50
_LARGEST_PAGE = 1_000_000
_LONGEST_TEXT = 200
_NEWEST = "-submitted"

GROUPS: dict[str, frozenset[JobState]] = {
    "running": ACTIVE,
    "waiting": frozenset({JobState.QUEUED, JobState.HELD}),
    "succeeded": frozenset({JobState.SUCCEEDED}),
    "failed": frozenset({JobState.FAILED}),
    "cancelled": frozenset({JobState.CANCELLED}),
}
"""Tabs over the table, each with the states of its jobs."""


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `sort`: an order of `listing`, with `-` the other way round."""

    state: str = ""
    project: str = ""
    user: str = ""
    cluster: str = ""
    q: str = ""
    sort: str = _NEWEST
    page: int = 1

    @property
    def wanted(self) -> Wanted:
        states = GROUPS.get(self.state, frozenset())
        return Wanted(states, self.project, self.user, self.cluster, self.q)

    @property
    def is_filtered(self) -> bool:
        return self.wanted != Wanted()

    def address(self, **changed: Any) -> str:
        """Of the same page with other values; what is as usual is not written."""
        values = vars(self) | {"page": 1} | changed
        usual = vars(Asked())
        query = {name: value for name, value in values.items() if value != usual[name]}
        return f"/?{urlencode(query)}" if query else "/"

    def sorted_by(self, name: str, *, first: str = "") -> str:
        """The address of the order by a column: `first` is `-` where the largest comes first."""
        other = "" if first else "-"
        return self.address(sort=f"{other if self.sort == first + name else first}{name}")

    def direction(self, name: str) -> str:
        """Of the column's order, as `aria-sort` says it; empty when it is another one's."""
        if self.sort.removeprefix("-") != name:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"


@dataclass(frozen=True)
class Row:
    """A job as its line shows it."""

    view: JobView
    since: float
    """When what it does now began, or when it was submitted."""
    lasted_s: float | None
    """How long its newest attempt took; None while it runs or waits."""
    metric: tuple[str, Any] | None
    """Name and newest value of its main series."""

    @property
    def part(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        progress = self.view.progress
        if progress is None or not progress.total_steps:
            return None
        return min(max(progress.step / progress.total_steps, 0.0), 1.0)


_Text = Annotated[str, Query(max_length=_LONGEST_TEXT)]


@router.get("/")
def jobs_page(
    *,
    request: Request,
    here: Here,
    asks: Asks,
    state: _Text = "",
    project: _Text = "",
    user: _Text = "",
    cluster: _Text = "",
    q: _Text = "",
    sort: _Text = _NEWEST,
    page_number: Annotated[str, Query(alias="page")] = "",
) -> Response:
    known = state if state in GROUPS else ""
    order = sort if sort.removeprefix("-") in listing.ORDERS else _NEWEST
    asked = Asked(known, project, user, cluster, q.strip(), order, _page(page_number))
    if page.is_part(request):
        return page.answer(request, here, "_jobs.html", _table(here, asks, asked))
    told = _table(here, asks, asked) | _choices(here, asks)
    return page.answer(request, here, "jobs.html", told)


def _page(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) < 9
    return min(max(int(text), 1), _LARGEST_PAGE) if is_number else 1


def _table(here: Services, asks: Caller, asked: Asked) -> dict[str, Any]:
    wanted = replace(asked.wanted, within=asks.within)
    with here.control.store.read() as tx:
        by_state = listing.count(tx, wanted)
        states = asked.wanted.states or JobState
        total = sum(by_state[state] for state in states)
        last = max(math.ceil(total / _ON_A_PAGE), 1)
        number = min(asked.page, last)
        found = listing.page(
            tx,
            wanted,
            order=asked.sort.removeprefix("-"),
            descending=asked.sort.startswith("-"),
            offset=(number - 1) * _ON_A_PAGE,
            limit=_ON_A_PAGE,
        )
    first = (number - 1) * _ON_A_PAGE + 1
    counts = {name: sum(by_state[state] for state in of) for name, of in GROUPS.items()}
    return {
        "asked": asked,
        "rows": list(_rows(here, asks, found)),
        "counts": {"": sum(by_state.values())} | counts,
        "total": total,
        "number": number,
        "last": last,
        "shown": (first, first + len(found) - 1),
        "is_empty": not total and not asked.is_filtered,
    }


def _rows(here: Services, asks: Caller, found: list[Job]) -> Iterable[Row]:
    mains = here.control.store.metrics.main_series([job.id for job in found])
    shown = Mask(here.control.store, asks.within).views(here.showing.jobs(found))
    for job, view in zip(found, shown, strict=True):
        attempt, main = job.attempt, mains.get(job.id)
        began = (attempt.started_at or attempt.granted_at) if attempt else None
        lasted_s = job.ended_at - began if job.ended_at is not None and began is not None else None
        value = view.latest.get(main.name) if main else None
        metric = (main.name, value) if main and value is not None else None
        since = began if job.state in ACTIVE and began else job.queued_at
        yield Row(view, since, lasted_s, metric)


def _choices(here: Services, asks: Caller) -> dict[str, Any]:
    """What can be chosen in the form."""
    with here.control.store.read() as tx:
        projects, users = listing.projects_and_users(tx, asks.within)
    clusters = [one.name for one in here.control.floor.clusters()]
    return {"projects": projects, "users": users, "clusters": sorted(clusters)}

"""The page of the clusters: their nodes, who holds them, and who waits for them."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from launcher.server.floorplan import Floorplan, floorplan
from launcher.server.occupancy import held_by, occupancy
from launcher.server.routes.context import Asks, Here, Services
from launcher.server.routes.pages import page
from launcher.store.jobs import Within

router = APIRouter()
_MOST_CELLS = 64


@router.get("/cluster")
def cluster_page(request: Request, here: Here, asks: Asks) -> Response:
    template = "_cluster.html" if page.is_part(request) else "cluster.html"
    return page.answer(request, here, template, _seen(here, asks.within))


def _seen(here: Services, within: Within) -> dict[str, Any]:
    seen = occupancy(here.control, within)
    plans = _plans(here, within)
    return {
        "plans": plans,
        "hues": here.palette.of(one.holder.job for plan in plans for one in plan.tenants),
        "gaps": _gaps,
        "waiting": seen.waiting,
        "more": seen.more,
        "projects": here.projects.all(within),
        "disk": here.gauge.read(),
    }


def _plans(here: Services, within: Within) -> list[Floorplan]:
    books, clusters = here.control.books, here.control.floor.clusters()
    return [floorplan(one, held_by(books.held_on(one.name), within)) for one in clusters]


@cache
def _gaps(count: float) -> str:
    """The path of the lines between cells; none where they would be too small to be told apart."""
    return "".join(f"M{at} 0V1" for at in range(1, int(count))) if count <= _MOST_CELLS else ""

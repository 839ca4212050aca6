"""Who holds what of the clusters, who waits, and how projects share."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Depends

from launcher.server.occupancy import occupancy, with_use
from launcher.server.routes.context import Answer, Asks, Here, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["server"], dependencies=[Depends(must_be_user)])


@router.get("/occupancy")
def show(here: Here, asks: Asks) -> Answer:
    seen, projects = occupancy(here.control, asks.within), here.projects.all(asks.within)
    clusters = with_use(seen.clusters, here.load.newest())
    told = replace(seen, clusters=clusters, disk=here.gauge.read(), projects=tuple(projects))
    return Answer(as_json(told))

"""Who holds what of the clusters, and who waits."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Depends

from launcher.server.occupancy import occupancy
from launcher.server.routes.context import Answer, Here, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["server"], dependencies=[Depends(must_be_user)])


@router.get("/occupancy")
def show(here: Here) -> Answer:
    seen = replace(occupancy(here.control), disk=here.gauge.read())
    return Answer(as_json(seen))

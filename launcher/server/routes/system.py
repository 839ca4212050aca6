"""The server itself: how it is, what clusters it has, and its end."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, BackgroundTasks, Depends

from launcher import __version__
from launcher.errors import ConflictError
from launcher.server.routes.context import Answer, Asks, Here, must_be_user
from launcher.views import as_json

open_router = APIRouter(prefix="/api/v1", tags=["server"])
router = APIRouter(prefix="/api/v1", tags=["server"], dependencies=[Depends(must_be_user)])


@open_router.get("/healthz")
async def health(here: Here) -> Answer:
    about = {"server_id": here.control.store.server_id, "version": __version__}
    return Answer({"ok": True} | about)


@router.get("/server")
def server(here: Here, asks: Asks) -> Answer:
    """What runs where; what names jobs of all projects is for who may look at all."""
    seen = here.showing.server()
    if asks.within is not None:
        clusters = tuple(replace(one, orphans=()) for one in seen.clusters)
        seen = replace(seen, clusters=clusters, state_dir="")
    return Answer(as_json(seen))


@router.post("/shutdown", status_code=202)
def shut_down(here: Here, after: BackgroundTasks) -> dict[str, bool]:
    if not here.settings.embedded:
        raise ConflictError("this server is not an embedded one", hint="stop its process")
    after.add_task(here.settings.shut_down)
    return {"ok": True}

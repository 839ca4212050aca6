"""Attaching running Ray clusters to this server, and detaching them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from launcher.errors import LauncherError
from launcher.server.routes.context import Answer, Here, must_be_user

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/v1/clusters", tags=["clusters"], dependencies=[Depends(must_be_user)]
)


class Attach(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ray_url: str
    """Of the dashboard of the Ray head."""
    ray_token: str | None = None
    server_url: str | None = None
    """How the nodes reach this server, where that is not its own URL."""


class Detach(BaseModel):
    model_config = ConfigDict(extra="forbid")

    force: bool = False
    """Also while jobs run there, and when Ray does not answer."""


@router.post("/{name}/attach")
def attach(name: str, wish: Attach, here: Here) -> StreamingResponse:
    """JSON lines as it goes on: {"step": …}, at the end {"done": true} or {"error": …}."""
    steps = here.attaching.attach(name, wish.ray_url, wish.ray_token, wish.server_url)
    return StreamingResponse(_lines(steps), media_type="application/x-ndjson")


@router.post("/{name}/detach")
def detach(name: str, wish: Detach, here: Here) -> Answer:
    return Answer({"jobs": here.attaching.detach(name, force=wish.force)})


def _lines(steps: Iterator[str]) -> Iterator[str]:
    try:
        for step in steps:
            yield json.dumps({"step": step}) + "\n"
    except LauncherError as error:
        told = {"error": error.message, "hint": error.hint, "kind": type(error).__name__}
        yield json.dumps(told) + "\n"
    except Exception as error:
        log.exception("attaching broke")
        yield json.dumps({"error": f"attaching broke: {type(error).__name__}: {error}"}) + "\n"
    else:
        yield json.dumps({"done": True}) + "\n"

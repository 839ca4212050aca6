"""What executors ask: a session, what their cluster shall have, and that their reports be taken."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from launcher.model import codec
from launcher.model.wire import Hello, Report
from launcher.server.notify import cluster_topic
from launcher.server.routes.context import Here, message, must_be_user

router = APIRouter(
    prefix="/api/v1/executor", include_in_schema=False, dependencies=[Depends(must_be_user)]
)

LONGEST_WAIT_S = 20.0


@router.post("/session")
async def session(request: Request, here: Here) -> JSONResponse:
    hello = await message(request, Hello)
    return JSONResponse(codec.encode(await asyncio.to_thread(here.executors.open_session, hello)))


@router.get("/desired")
async def desired(
    here: Here, cluster: str, fence: int, seen: str = "", wait: float = 0.0
) -> JSONResponse:
    topic = cluster_topic(cluster)
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    while True:
        ticket = here.control.notifier.ticket(topic)
        wanted = await asyncio.to_thread(here.executors.desired, cluster, fence)
        left_s = give_up - time.monotonic()
        if wanted.version != seen or left_s <= 0:
            return JSONResponse(codec.encode(wanted))
        await here.control.notifier.wait(topic, ticket, left_s)


@router.post("/report")
async def report(request: Request, here: Here) -> dict[str, str]:
    told = await message(request, Report)
    return {"receipt": await asyncio.to_thread(here.executors.take, told)}

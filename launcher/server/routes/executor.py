"""What executors ask: a session, what their cluster shall have, and that their reports be taken."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Depends, Request

from launcher.model import codec
from launcher.model.wire import Hello, Report
from launcher.server.notify import cluster_topic
from launcher.server.routes.context import (
    LONGEST_WAIT_S,
    Answer,
    Count,
    Here,
    Wait,
    message,
    must_be_user,
)

router = APIRouter(
    prefix="/api/v1/executor", include_in_schema=False, dependencies=[Depends(must_be_user)]
)


@router.post("/session")
async def session(request: Request, here: Here) -> Answer:
    hello = await message(request, Hello)
    return Answer(codec.encode(await asyncio.to_thread(here.executors.open_session, hello)))


@router.get("/desired")
async def desired(
    here: Here, cluster: str, fence: Count, seen: str = "", wait: Wait = 0.0
) -> Answer:
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    with here.control.notifier.listen(cluster_topic(cluster)) as changes:
        while True:
            wanted = await asyncio.to_thread(here.executors.desired, cluster, fence)
            left_s = give_up - time.monotonic()
            if wanted.version != seen or left_s <= 0:
                return Answer(codec.encode(wanted))
            await changes.wait(left_s)


@router.post("/report")
async def report(request: Request, here: Here) -> Answer:
    told = await message(request, Report)
    return Answer({"receipt": await asyncio.to_thread(here.executors.take, told)})

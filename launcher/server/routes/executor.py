"""What executors ask: a session, what their cluster shall have, and that their reports be taken."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from launcher.errors import UnauthorizedError
from launcher.model import codec
from launcher.model.wire import Hello, Report
from launcher.server.notify import cluster_topic
from launcher.server.routes.context import (
    LONGEST_WAIT_S,
    Answer,
    Count,
    Here,
    Services,
    Wait,
    bearer,
    message,
)

router = APIRouter(prefix="/api/v1/executor", include_in_schema=False)


class Speaker:
    """Who asks: an executor with the server's own token, or with one of a single cluster."""

    def __init__(self, token: str, here: Services) -> None:
        self._token, self._attachments = token, here.attaching.attachments
        self._accounts = here.accounts
        self._is_owner = self._accounts.is_owner(token)
        self._own = here.own_clusters.secrets
        is_known = (
            self._attachments.knows(token)
            or self._own.knows(token)
            or self._accounts.is_executors(token)
        )
        if not self._is_owner and not is_known:
            raise UnauthorizedError("this server does not know the token that was sent")

    async def expect(self, cluster: str) -> None:
        """Refuse one that speaks for another cluster than its token's.

        Raises:
            UnauthorizedError: that is so.
        """
        if not self._is_owner:
            await asyncio.to_thread(self._check, cluster)  # it may ask the database

    def _check(self, cluster: str) -> None:
        if not (
            self._attachments.opens(self._token, cluster)
            or self._own.opens(self._token, cluster)
            or self._accounts.speaks_for(self._token, cluster)
        ):
            raise UnauthorizedError(f"this token does not speak for cluster '{cluster}'")


async def speaker(request: Request, here: Here) -> Speaker:
    if here.accounts.is_owner(bearer(request)):
        return Speaker(bearer(request), here)
    return await asyncio.to_thread(Speaker, bearer(request), here)


Asks = Annotated[Speaker, Depends(speaker)]


@router.post("/session")
async def session(request: Request, here: Here, asks: Asks) -> Answer:
    hello = await message(request, Hello)
    await asks.expect(hello.cluster)
    return Answer(codec.encode(await asyncio.to_thread(here.executors.open_session, hello)))


@router.get("/desired")
async def desired(
    *, here: Here, asks: Asks, cluster: str, fence: Count, seen: str = "", wait: Wait = 0.0
) -> Response:
    await asks.expect(cluster)
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    with here.control.notifier.listen(cluster_topic(cluster)) as changes:
        while True:
            told = await asyncio.to_thread(here.executors.desired, cluster, fence)
            left_s = give_up - time.monotonic()
            if told.version != seen or left_s <= 0:
                return Response(told.text, media_type="application/json")
            await changes.wait(left_s)


@router.post("/report")
async def report(request: Request, here: Here, asks: Asks) -> Answer:
    told = await message(request, Report)
    await asks.expect(told.cluster)
    return Answer({"receipt": await asyncio.to_thread(here.executors.take, told)})

"""That something changed, for pages that show many jobs: what, they ask by themselves."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from launcher.server.notify import EVERY_CLUSTER, EVERY_JOB, EVERY_OUTPUT, Notifier
from launcher.server.routes.context import Here, must_be_user

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

KEEP_ALIVE_S = 10.0
_SETTLE_S = 0.1
"""Changes that come closer together are told together."""
_JOBS_EVERY_S, _OUTPUT_EVERY_S = 1.0, 3.0
"""However much happens, it is told no more often."""
_LIFE = secrets.token_hex(4)
"""Of this process: another one counts anew."""


@router.get("/follow")
async def follow(
    here: Here,
    cursor: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events without end: `changed` when any job or cluster did.

    In `data`, `output` is true where programs only printed or reported something. Who comes back
    with the newest id hears at once whether anything happened in between.
    """
    known = cursor or last_event_id
    stream = _tell(here.control.notifier, known)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _tell(notifier: Notifier, known: str | None) -> AsyncIterator[bytes]:
    with (
        notifier.listen(EVERY_JOB, EVERY_CLUSTER) as jobs,
        notifier.listen(EVERY_JOB, EVERY_CLUSTER, EVERY_OUTPUT) as anything,
    ):
        missed = known is not None and known != _identity(notifier)
        yield _message(notifier, "changed" if missed else "ready", is_output=False)
        told_at = time.monotonic()
        while True:
            if not await anything.wait(KEEP_ALIVE_S):
                yield b": still here\n\n"
                continue
            await asyncio.sleep(_SETTLE_S)
            is_output = not jobs.take()
            if is_output:  # what jobs do meanwhile is told earlier
                is_output = not await jobs.wait(
                    max(told_at + _OUTPUT_EVERY_S - time.monotonic(), 0)
                )
            await asyncio.sleep(told_at + _JOBS_EVERY_S - time.monotonic())
            jobs.take()
            anything.take()
            told_at = time.monotonic()
            yield _message(notifier, "changed", is_output=is_output)


def _identity(notifier: Notifier) -> str:
    return f"{_LIFE}.{notifier.count}"


def _message(notifier: Notifier, kind: str, *, is_output: bool) -> bytes:
    data = json.dumps({"output": is_output})
    return f"id: {_identity(notifier)}\nevent: {kind}\ndata: {data}\n\n".encode()

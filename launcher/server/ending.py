"""What still waits when the server is told to end is answered in words, not cut off."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.server.again import is_repeatable, refuse

_ENDS = ("this server was told to end", "ask again: it, or another one, answers soon")


class Ending:
    """Wraps an application. uvicorn cancels what is not done a second after it was told to end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 for what was not begun to be answered; who follows a stream comes back."""
        begun = scope["type"] != "http"

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            if begun:
                raise
            await refuse(send, *_ENDS, retry=is_repeatable(scope))


def is_failure(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's log is more than the end of what waited or was followed."""
    error = record.exc_info[1] if record.exc_info else None
    is_told = record.getMessage().endswith("timeout graceful shutdown exceeded")
    return not (is_told or isinstance(error, asyncio.CancelledError))

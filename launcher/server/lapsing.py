"""Ends the streams of whoever may not have them any more: they were let in hours ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.model.access import Action, Caller
from launcher.server.access import ACTION, CALLER, PROJECT
from launcher.server.accounts import Accounts

LOOK_EVERY_S = 10.0
"""No stream is silent for longer: each says now and then that it is still there."""


class Lapsing:
    """Wraps an application: an answer that takes long is judged again and again.

    Args:
        app: the application, whose gate notes who was let in to what.
        clock: monotonic.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        looked_at, has_ended = self._clock(), False

        async def send_lasting(message: Message) -> None:
            nonlocal looked_at, has_ended
            caller: Caller | None = scope.get(CALLER)
            if has_ended:
                return  # the application hears in a moment that its client is gone
            now = self._clock()
            if caller is not None and caller.token and now - looked_at > LOOK_EVERY_S:
                looked_at = now
                accounts: Accounts = scope["app"].state.services.accounts
                has_ended = not await asyncio.to_thread(
                    _still_may, accounts, caller, scope[ACTION], scope.get(PROJECT)
                )
            over: Message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(over if has_ended else message)

        await self._app(scope, receive, send_lasting)


def _still_may(accounts: Accounts, caller: Caller, action: Action, project: str | None) -> bool:
    """Whether the token is still good, and may do what it was let in for."""
    now = accounts.caller_of(caller.token)
    if now is None:
        return False
    if project is None:
        return now.within is None or caller.within is not None
    return now.may(action, project)

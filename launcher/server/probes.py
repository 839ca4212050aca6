"""What Kubernetes, or whoever else keeps a server running, asks it: nobody needs a token for that.

`/healthz`: the process answers. `/readyz`: it could serve a user, for the database answers it and
somebody decides.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from launcher.errors import LauncherError

HEALTH, READY = "/healthz", "/readyz"
_LONGEST_S = 4.0


async def answer_probe(scope: Scope, send: Send, look: Callable[[], str]) -> bool:
    """Answer a request if it is one of these; `look`: what keeps the server from serving, or ""."""
    if scope["type"] != "http" or scope["path"] not in {HEALTH, READY}:
        return False
    problem = ""
    if scope["path"] == READY:
        try:
            problem = await asyncio.wait_for(asyncio.to_thread(look), _LONGEST_S)
        except asyncio.TimeoutError:
            problem = f"the database did not answer within {_LONGEST_S:g} s"
        except LauncherError as error:
            problem = error.message
    content = json.dumps({"ok": not problem} | ({"error": problem} if problem else {})).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    status = 503 if problem else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return True


class Probes:
    """Answers them around an application; `look` as above."""

    def __init__(self, app: ASGIApp, look: Callable[[], str]) -> None:
        self._app, self._look = app, look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await answer_probe(scope, send, self._look):
            await self._app(scope, receive, send)

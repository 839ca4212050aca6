"""Times every request for the monitor: until its answer begins, by its route in the code."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.server.monitoring import Monitor

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNROUTED = "none"
"""The route of what is served nowhere, whatever path was asked for."""


class Timing:
    """Wraps an application whose state holds the services."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        monitor: Monitor = scope["app"].state.services.monitor
        begun, streams = time.monotonic(), 0

        async def send_timed(message: Message) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                seconds = None if _waits(scope) else time.monotonic() - begun
                method = scope["method"] if scope["method"] in _METHODS else "other"
                monitor.answered(method, route_of(scope), message["status"], seconds)
                streams = int(_is_stream(message))
                monitor.streaming(streams)
            await send(message)

        try:
            await self._app(scope, receive, send_timed)
        finally:
            monitor.streaming(-streams)


def route_of(scope: Scope) -> str:
    """As `/api/v1/jobs/{ref}`; one word for all that is served nowhere."""
    route = scope.get("route")
    return str(getattr(route, "path", UNROUTED))


def _waits(scope: Scope) -> bool:
    """Long polls say how long they would wait."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return query.get("wait", ["0"])[-1] not in {"0", "0.0"}


def _is_stream(message: Message) -> bool:
    headers = dict(message.get("headers", ()))
    return bool(headers.get(b"content-type", b"").startswith(b"text/event-stream"))

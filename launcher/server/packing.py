"""Pages, scripts and JSON go compressed to browsers. What is told bit by bit goes as it comes."""

from __future__ import annotations

import asyncio
import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_WORTH = frozenset(
    {"text/html", "text/css", "text/javascript", "image/svg+xml", "application/json"}
)
_LEVEL = 4
_LEAST, _LARGE = 1000, 64 * 1024
"""Bytes that are worth it, and that are compressed beside the event loop."""


class Packing:
    """Compresses answers that come in one piece.

    A stream is not: its reader would be told when the compressor has enough, not when something
    happens. So Starlette's middleware will not do, of which some versions compress streams too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_wanted = scope["type"] == "http" and _takes_gzip(Headers(scope=scope))
        await self._app(scope, receive, _Packed(send).send if is_wanted else send)


def _takes_gzip(headers: Headers) -> bool:
    words = headers.get("accept-encoding", "").split(",")
    return any(word.strip() in {"gzip", "gzip;q=1.0"} for word in words)


class _Packed:
    """One answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        """Kept back until it is known whether all comes in one piece."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_worth(message):
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")
            if is_whole and len(message.get("body", b"")) >= _LEAST:
                message = await _packed(start, message)
            await self._send(start)
        await self._send(message)


def _is_worth(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    return kind in _WORTH and "content-encoding" not in headers


async def _packed(start: Message, message: Message) -> Message:
    """The only body of an answer, compressed; `start` tells of it then."""
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    body = message["body"]
    if len(body) > _LARGE:
        body = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    else:
        body = gzip.compress(body, _LEVEL, mtime=0)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return {**message, "body": body}

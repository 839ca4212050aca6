"""Requests passed on to the server that decides, as they came, and its answers as they come.

Bodies and answers are streams both ways: events, uploads, downloads, commands on nodes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpcore
from starlette.types import Message, Receive, Scope, Send

from launcher.server.again import is_repeatable, refuse

Headers = list[tuple[bytes, bytes]]

PASSED_ON = b"x-launcher-passed-on"
_CONNECT_S = 3.0
_CONNECTIONS, _KEPT, _KEPT_S = 2000, 64, 20.0
"""At once; idle ones, and for how long: shorter than a server keeps them, which is 75 s."""
_OF_ONE_CONNECTION = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade", b"expect"),
    }
)


_BROKE_OFF = "the server that decides broke off before it answered", "ask again"


@dataclass(frozen=True)
class Term:
    """The time in which the server at that address decides. `over`: set at its end."""

    leader: str
    over: asyncio.Event = field(default_factory=asyncio.Event)


class BrokenOffError(Exception):
    """The server that decides broke off in the middle of an answer."""


class Passing:
    """Connections to the server that decides, whichever it is.

    Args:
        trusted: certificates by which servers know each other, where they speak TLS.
    """

    def __init__(self, trusted: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_S,
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def pass_on(self, term: Term, scope: Scope, receive: Receive, send: Send) -> bool:
        """Have a request answered by the server that decides; False: it does not answer.

        Raises:
            BrokenOffError: see there. What was answered so far is sent.
        """
        body, answer = _Body(receive), _Answer(send)
        answering = asyncio.create_task(self._exchange(term.leader, scope, body, answer))
        # Whoever is paused keeps its connections; another one decides by then.
        tasks = [answering, *map(asyncio.create_task, (body.wait_until_left(), term.over.wait()))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                return answering.result()
        finally:
            for task in tasks:
                task.cancel()
            # The connection is given back, or closed where an answer was not read to its end.
            await asyncio.gather(*tasks, return_exceptions=True)
        if not term.over.is_set():
            return True  # the client has left
        if answer.begun:
            raise BrokenOffError
        await refuse(send, *_BROKE_OFF, retry=is_repeatable(scope))
        return True

    async def _exchange(self, leader: str, scope: Scope, body: _Body, answer: _Answer) -> bool:
        headers = _sent(scope)
        if not _has_body(headers):
            body.end()
        request = httpcore.Request(
            scope["method"],
            _address(leader, scope),
            headers=headers,
            content=body.blocks() if _has_body(headers) else None,
            extensions={"timeout": {"connect": _CONNECT_S}},
        )
        try:
            response = await self._pool.handle_async_request(request)
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            return False
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            await refuse(answer.send, *_BROKE_OFF, retry=is_repeatable(scope))
            return True
        try:
            await answer.send(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": _passed(response.headers),
                }
            )
            async for block in response.aiter_stream():
                await answer.send({"type": "http.response.body", "body": block, "more_body": True})
            await answer.send({"type": "http.response.body", "body": b"", "more_body": False})
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise BrokenOffError from error
        finally:
            await response.aclose()
        return True


class _Answer:
    """What is sent to the client, and whether anything was."""

    def __init__(self, send: Send) -> None:
        self._send, self.begun = send, False

    async def send(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


class _Body:
    """The body of a request as it comes, and the end of whoever sent it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read, self._left = asyncio.Event(), asyncio.Event()

    async def blocks(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._left.set()
                await asyncio.Event().wait()  # `wait_until_left` ends this
            if block := message.get("body", b""):
                yield block
            if not message.get("more_body", False):
                self.end()
                return

    def end(self) -> None:
        """Nothing more of it comes."""
        self._read.set()

    async def wait_until_left(self) -> None:
        """Until the client is gone, however much of the body was read."""
        reading = asyncio.create_task(self._read.wait())
        leaving = asyncio.create_task(self._left.wait())
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            leaving.cancel()
        while not self._left.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                return


def was_passed_on(scope: Scope) -> bool:
    return bool(_value(scope["headers"], PASSED_ON))


def _address(leader: str, scope: Scope) -> httpcore.URL:
    parts = urlsplit(leader)
    target: bytes = parts.path.rstrip("/").encode() + scope["raw_path"]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    scheme, host = parts.scheme.encode(), (parts.hostname or "").encode()
    return httpcore.URL(scheme=scheme, host=host, port=parts.port, target=target)


def _sent(scope: Scope) -> Headers:
    """The headers of a request, as it came but for what is of its connection alone."""
    headers = [pair for pair in scope["headers"] if pair[0] not in _OF_ONE_CONNECTION]
    before = _value(scope["headers"], b"x-forwarded-for")
    client = (scope.get("client") or ("",))[0].encode()
    way = b", ".join(part for part in (before, client) if part)
    headers = [pair for pair in headers if pair[0] != b"x-forwarded-for"]
    if way:
        headers.append((b"x-forwarded-for", way))
    if not _value(scope["headers"], b"host"):  # HTTP/1.0 knows none
        headers.append((b"host", b"launcher"))
    if _value(scope["headers"], b"transfer-encoding"):
        headers.append((b"transfer-encoding", b"chunked"))
    return [*headers, (PASSED_ON, b"1")]


def _passed(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION]


def _has_body(headers: Headers) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


def _value(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")

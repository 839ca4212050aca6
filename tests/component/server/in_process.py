"""The application as its clients meet it, without sockets: requests of ASGI in a loop of a thread.

Streams are read as they come, bodies can break off, and clients can hang up in the middle.
"""

import asyncio
import contextlib
import json
import queue
import threading
import time
from urllib.parse import unquote, urlencode, urlsplit

from launcher.follow import read_events

PATIENCE_S = 20.0
BROKEN_OFF = object()
"""In the place of a block of a body: the client is gone."""
STALLED = object()
"""In the place of a block of a body: nothing comes until the client hangs up."""


class Reply:
    """A whole answer."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        self.cookies = [value.decode() for name, value in headers if name == b"set-cookie"]

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    @property
    def error(self):
        """The text of a refusal, which has our form."""
        refusal = self.json()
        assert set(refusal) == {"error", "hint"}
        return refusal["error"]


class Stream:
    """An answer that is being given. Closing it is hanging up."""

    def __init__(self):
        self._parts = queue.Queue()
        self._hung_up = asyncio.Event()
        self.task = None

    def put(self, part):
        self._parts.put(part)

    def get(self):
        part = self._parts.get(timeout=PATIENCE_S)
        if isinstance(part, BaseException):
            raise part
        return part

    def blocks(self):
        """Blocks of the body until its end."""
        while (message := self.get())["type"] == "http.response.body":
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    def lines(self):
        rest = b""
        for block in self.blocks():
            *lines, rest = (rest + block).split(b"\n")
            yield from lines


class Browser:
    """Sends requests to an application that lives as long as this is entered.

    `life`: its lifespan, if another than it was made with.
    """

    def __init__(self, app, life=None):
        self._app, self._life = app, life or app.router.lifespan_context
        self._begun, self._end = threading.Event(), asyncio.Event()
        self._loop = None
        # `asyncio.run`, as under a real server: anyio keeps its threads as long as that lasts.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    def __enter__(self):
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _live(self):
        self._loop = asyncio.get_running_loop()
        async with self._life(self._app):
            self._begun.set()
            await self._end.wait()

    @contextlib.contextmanager
    def background(self, coroutine):
        """A task of the application's loop, until the end of the block."""
        task = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            yield
        finally:
            task.cancel()

    def ask(self, method, address, *, headers=None, body=b"", data=None):
        """The whole answer. `body`: bytes, or a list of blocks; `data`: sent as JSON."""
        with self.open(method, address, headers=headers, body=body, data=data) as stream:
            start = stream.get()
            return Reply(start["status"], start["headers"], b"".join(stream.blocks()))

    @contextlib.contextmanager
    def open(self, method, address, *, headers=None, body=b"", data=None):
        """The answer as it comes: its beginning by `get`, then its blocks or lines."""
        headers = headers or {}
        if data is not None:
            body = json.dumps(data).encode()
            headers = {"Content-Type": "application/json"} | headers
        blocks = body if isinstance(body, list) else [body]
        stream = Stream()
        answering = asyncio.run_coroutine_threadsafe(
            self._answer(_scope(method, address, headers), blocks, stream), self._loop
        )
        try:
            yield stream
        finally:
            self._loop.call_soon_threadsafe(stream._hung_up.set)
            with contextlib.suppress(Exception):  # the stream's reader was given it
                answering.result(PATIENCE_S)

    async def _answer(self, scope, blocks, stream):
        waiting = list(blocks)

        async def receive():
            if waiting and waiting[0] not in {BROKEN_OFF, STALLED}:
                block = waiting.pop(0)
                return {"type": "http.request", "body": block, "more_body": bool(waiting)}
            if not waiting or waiting[0] is STALLED:
                await stream._hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            stream.put(message)

        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            stream.put(error)
            raise
        stream.put({"type": "end"})


def _scope(method, address, headers):
    parts = urlsplit(address)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def with_query(path, **query):
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def records(stream):
    """Server-sent events of an open stream."""
    assert stream.get()["status"] == 200
    return read_events(stream.lines())


def until(happened, what):
    """Wait for a condition that other threads bring about."""
    give_up = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, f"{what} did not happen"
        threading.Event().wait(0.001)

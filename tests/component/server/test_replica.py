"""A server among several passes on what it is asked, as it came, to the one that decides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from in_process import BROKEN_OFF, Browser, until

from launcher.errors import TryAgainError
from launcher.server.passing import Passing
from launcher.server.probes import Probes
from launcher.server.replica import Replica


class Heart:
    """As a test wants it."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.leader: str | None = None
        self.began_anew: list[int] = []
        self.stopped = self.looked = False

    def start(self, changed: Any) -> None:
        self.changed = changed

    def lead(self, epoch: int | None) -> None:
        self.epoch = epoch
        self.changed()

    def begin_anew(self, epoch: int) -> None:
        self.began_anew.append(epoch)
        self.lead(None)

    def let_go(self) -> None:
        self.lead(None)

    def look_soon(self) -> None:
        self.looked = True

    def stop(self) -> None:
        self.stopped = True


class Leader:
    """The server that decides: tells what it was asked. A real one, on a socket."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.breaks_off = False
        config = uvicorn.Config(self, port=0, log_level="critical", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started, "the start of the leader")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/stream":
            await self._stream(receive, send)
        elif scope["path"] == "/silent":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        else:
            await self._tell(scope, receive, send)

    async def _tell(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        told = {
            "asked": [scope["method"], scope["raw_path"].decode(), scope["query_string"].decode()],
            "headers": [[n.decode(), v.decode("latin-1")] for n, v in scope["headers"]],
            "body": len(body),
        }
        headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-own", b"yes")]
        await send({"type": "http.response.start", "status": 418, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    async def _stream(self, receive: Any, send: Any) -> None:
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        if self.breaks_off:
            return
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@pytest.fixture
def leader() -> Iterator[Leader]:
    with contextlib.closing(Leader()) as leader:
        yield leader


class Own:
    """The application of the replica itself, and the services that live as long as it leads."""

    def __init__(self) -> None:
        self.lives: list[tuple[int, str]] = []
        self.fails = False
        self.broke: Any = None
        self.waits = threading.Event()

    @contextlib.asynccontextmanager
    async def begin(self, epoch: int, broke: Any) -> Any:
        if self.fails:
            raise RuntimeError("no services")
        self.broke = broke
        self.lives.append((epoch, "begins"))
        yield
        self.lives.append((epoch, "ends"))

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        if scope["path"] == "/waits":
            self.waits.set()
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"own"})


@pytest.fixture
def heart() -> Heart:
    return Heart()


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def database() -> dict[str, bool]:
    return {"answers": True}


@pytest.fixture
def replica(heart: Heart, own: Own, database: dict[str, bool]) -> Iterator[Browser]:
    def look() -> None:
        if not database["answers"]:
            raise TryAgainError("the database does not answer")

    app = Replica(own, own.begin, heart, Passing(), look)  # type: ignore[arg-type]
    with Browser(app, lambda _: living(app)) as browser:
        yield browser


@contextlib.asynccontextmanager
async def living(app: Any) -> Any:
    """Its lifespan, as a real server brings it about."""
    come: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, come.get, told.put))
    await come.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    yield
    await come.put({"type": "lifespan.shutdown"})
    assert (await told.get())["type"] == "lifespan.shutdown.complete"
    await task


def test_a_request_comes_to_the_leader_as_it_came_and_its_answer_as_it_is(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    heart.leader = leader.url
    headers = {"Authorization": "Bearer own", "Host": "launcher.example", "Cookie": "c=%00"}
    reply = replica.ask("PUT", "/a%2Fb/%C3%A4?x=%20&y=", headers=headers, body=[b"one", b"two"])
    told = reply.json()
    assert reply.status == 418
    assert reply.headers["x-own"] == "yes"
    assert reply.cookies == ["a=1", "b=2"]
    assert told["asked"] == ["PUT", "/a%2Fb/%C3%A4", "x=%20&y="]
    came = dict(told["headers"])
    for name, value in headers.items():
        assert came[name.lower()] == value
    assert came["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("named", [True, False])
def test_a_body_of_any_size_is_passed_on_whole(
    replica: Browser, heart: Heart, leader: Leader, named: bool
) -> None:
    heart.leader = leader.url
    blocks = [b"x" * 100_000] * 30
    size = {"Content-Length": "3000000"} if named else {"Transfer-Encoding": "chunked"}
    reply = replica.ask("PUT", "/blobs", headers=size, body=blocks)
    assert reply.json()["body"] == 3_000_000


def test_a_stream_is_passed_on_as_it_comes_and_ends_there_when_the_client_leaves(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    heart.leader = leader.url
    with replica.open("GET", "/stream") as stream:
        assert stream.get()["status"] == 200
        assert next(stream.lines()) == b"data: 1"
        assert not leader.left.is_set()
    assert leader.left.wait(10)


def test_an_answer_that_breaks_off_has_no_end_here_either(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    heart.leader, leader.breaks_off = leader.url, True
    with replica.open("GET", "/stream") as stream:
        parts = [stream.get()]
        while parts[-1]["type"] != "end":
            parts.append(stream.get())
    assert [part.get("more_body", True) for part in parts[1:-1]] == [True]


def test_a_client_that_breaks_off_its_body_breaks_it_off_there(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    heart.leader = leader.url
    size = {"Content-Length": "10"}
    with replica.open("PUT", "/silent", headers=size, body=[b"half", BROKEN_OFF]):
        assert leader.left.wait(10)


def test_what_the_one_who_decided_does_not_answer_is_given_up_when_another_one_does(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    """A paused process keeps its connections, and answers nothing."""
    heart.leader = leader.url
    for method, may_again in (("GET", True), ("POST", False)):
        heart.leader = leader.url
        leader.left.clear()
        with replica.open(method, "/silent") as stream:
            threading.Timer(0.2, lambda: setattr(heart, "leader", "http://127.0.0.1:9")).start()
            start = stream.get()
        assert start["status"] == 503
        assert (b"retry-after" in dict(start["headers"])) == may_again
        assert leader.left.wait(10)


def test_where_nobody_decides_it_is_told_when_to_ask_again(replica: Browser) -> None:
    reply = replica.ask("POST", "/api/v1/jobs")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.error == "no server decides just now"
    assert replica.ask("GET", "/healthz").status == 200
    assert replica.ask("GET", "/readyz").status == 503


def test_a_leader_that_is_gone_is_told_and_looked_for(replica: Browser, heart: Heart) -> None:
    heart.leader = "http://127.0.0.1:9"
    reply = replica.ask("POST", "/api/v1/jobs")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert "http://127.0.0.1:9, does not answer" in reply.error
    assert heart.looked


def test_what_was_passed_on_is_not_passed_on_again(
    replica: Browser, heart: Heart, leader: Leader
) -> None:
    heart.leader = leader.url
    reply = replica.ask("GET", "/api/v1/jobs", headers={"X-Launcher-Passed-On": "1"})
    assert (reply.status, reply.error) == (503, "another server decides now")


def test_who_decides_answers_by_itself_until_it_ceases_to(
    replica: Browser, heart: Heart, own: Own, leader: Leader
) -> None:
    heart.lead(7)
    until(lambda: own.lives == [(7, "begins")], "the beginning")
    until(lambda: replica.ask("GET", "/").body == b"own", "an answer")
    with replica.open("GET", "/waits") as stream:
        assert own.waits.wait(10)
        heart.leader = leader.url
        heart.lead(None)
        assert stream.get()["status"] == 503
    until(lambda: own.lives == [(7, "begins"), (7, "ends")], "the end")
    assert replica.ask("GET", "/").status == 418
    heart.leader = None
    heart.lead(9)
    until(lambda: own.lives[-1] == (9, "begins"), "the second beginning")


def test_a_transaction_that_broke_off_makes_everything_anew(
    replica: Browser, heart: Heart, own: Own
) -> None:
    heart.lead(7)
    until(lambda: own.broke is not None, "the beginning")
    own.broke()
    until(lambda: own.lives == [(7, "begins"), (7, "ends")], "the end")
    assert heart.began_anew == [7]


def test_who_cannot_begin_lets_others_decide(
    replica: Browser, heart: Heart, own: Own, caplog: pytest.LogCaptureFixture
) -> None:
    own.fails = True
    heart.lead(7)
    until(lambda: heart.epoch is None, "letting go")
    assert "this server cannot decide" in caplog.text
    assert replica.ask("GET", "/").status == 503


def test_probes_tell_a_living_process_from_one_that_can_serve(
    replica: Browser, heart: Heart, database: dict[str, bool]
) -> None:
    heart.leader = "http://127.0.0.1:9"
    assert replica.ask("GET", "/readyz").json() == {"ok": True}
    database["answers"] = False
    reply = replica.ask("GET", "/readyz")
    assert (reply.status, reply.json()["error"]) == (503, "the database does not answer")
    assert replica.ask("GET", "/healthz").json() == {"ok": True}


def test_a_server_that_ends_lets_go(heart: Heart, own: Own) -> None:
    app = Replica(own, own.begin, heart, Passing(), lambda: None)  # type: ignore[arg-type]
    with Browser(app, lambda _: living(app)):
        heart.lead(3)
        until(lambda: own.lives == [(3, "begins")], "the beginning")
    assert own.lives == [(3, "begins"), (3, "ends")]
    assert heart.stopped


@pytest.mark.parametrize(("problem", "status"), [("", 200), ("no server decides", 503)])
def test_a_server_alone_answers_probes_too_and_nothing_else(
    own: Own, problem: str, status: int
) -> None:
    app = Probes(own, lambda: problem)
    with Browser(app, lambda _: contextlib.nullcontext()) as browser:
        assert browser.ask("GET", "/readyz").status == status
        assert browser.ask("GET", "/healthz").status == 200
        assert browser.ask("GET", "/readyz/else").body == b"own"

"""How a Horovod gang meets over HTTP: a client that speaks as the C++ one does, and strangers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from machine import wait_until

from launcher.executor import rendezvous as rendezvous_
from launcher.executor.ports import Ports
from launcher.executor.rendezvous import Rendezvous

HOST = "127.0.0.1"


@pytest.fixture
def port() -> Iterator[int]:
    """Reserved as an agent reserves it."""
    ports = Ports(HOST)
    yield ports.reserve()
    ports.close()


@pytest.fixture
def rendezvous(port: int) -> Iterator[Rendezvous]:
    kept = Rendezvous(HOST, port)
    yield kept
    kept.close()


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request by a connection of its own, as `HTTPRequest.hpp` of Horovod writes it."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    return answer(port, head.encode() + body)


def answer(port: int, sent: bytes) -> tuple[int, bytes]:
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            answered = b"".join(iter(partial(connection.recv, 4096), b""))
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head  # the client knows no other spelling
    return int(head.split()[1]), body


def wait_for(port: int, path: str) -> bytes:
    while True:
        status, body = ask(port, "GET", path)
        if status == 200:
            return body
        assert status == 404


def connect_full_mesh(port: int, scope: str, rank: int, size: int, mark: str) -> list[bytes]:
    """What gloo's `connectFullMesh` and Horovod's `Rendezvous` ask; the addresses of all others."""
    assert ask(port, "PUT", f"/{scope}/rank_{rank}", b"host")[0] == 200
    for other in range(rank):
        ask(port, "GET", f"/{scope}/rank_{other}")
    assert ask(port, "PUT", f"/{scope}/{rank}", f"{mark} {rank}".encode() * 50)[0] == 200
    return [wait_for(port, f"/{scope}/{other}") for other in range(size) if other != rank]


def meet(port: int, size: int, mark: str, scope: str = "global") -> list[list[bytes]]:
    """All ranks of a gang meet, each in a thread; then each takes back its own."""
    barrier = threading.Barrier(size)

    def rank(number: int) -> list[bytes]:
        found = connect_full_mesh(port, scope, number, size, mark)
        barrier.wait()
        assert ask(port, "DELETE", f"/{scope}/{number}")[0] == 200
        return found

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(rank, range(size)))


@pytest.mark.parametrize("size", [1, 2, 12])
def test_ranks_find_each_other_and_may_meet_again(
    rendezvous: Rendezvous, port: int, size: int
) -> None:
    assert not rendezvous.has_come()
    for mark in ("first", "after hvd.shutdown()"):
        found = meet(port, size, mark)
        for number, addresses in enumerate(found):
            others = [other for other in range(size) if other != number]
            assert addresses == [f"{mark} {other}".encode() * 50 for other in others]
    assert rendezvous.has_come()


def test_scopes_are_apart(rendezvous: Rendezvous, port: int) -> None:
    ask(port, "PUT", "/global/0", b"all")
    ask(port, "PUT", "/local_10.0.0.1-0/0", b"those of one node")
    ask(port, "PUT", "/global_process_set_hash_1f/0", b"some")
    assert ask(port, "GET", "/local_10.0.0.1-0/0") == (200, b"those of one node")
    assert ask(port, "GET", "/global/0") == (200, b"all")


def test_what_is_not_there_is_answered_after_a_while(
    rendezvous: Rendezvous, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendezvous_, "HOLD_S", 0.01)
    assert ask(port, "GET", "/global/0") == (404, b"")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /global/../../etc/passwd HTTP/1.1\r\n\r\n", 400),
        (b"PUT /global/0 HTTP/1.1\r\n\r\n", 411),
        (b"PUT /global/0 HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411),
        (b"PUT /global/0 HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /global/0 HTTP/1.1\r\n\r\n", 501),
    ],
    ids=["a browser", "a scanner", "no length", "less than nothing", "too much", "another method"],
)
def test_who_does_not_speak_horovods_way_is_refused(
    rendezvous: Rendezvous, port: int, sent: bytes, status: int
) -> None:
    assert answer(port, sent)[0] == status
    assert not rendezvous.has_come()


def test_a_gang_meets_whoever_else_knocks(
    rendezvous: Rendezvous, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as stack:
        for noise in (
            b"",
            b"\x16\x03\x01\x02\x00",
            b"PUT /global/0 HTTP/1.1\r\nContent-Length: 9\r\n\r\nab",
        ):
            stranger = stack.enter_context(socket.create_connection((HOST, port)))
            stranger.sendall(noise)
        hasty = socket.create_connection((HOST, port))
        hasty.sendall(b"GET /global/none HTTP/1.1\r\n\r\n")
        hasty.close()
        assert [len(found) for found in meet(port, 3, "ours")] == [2, 2, 2]
    assert capfd.readouterr() == ("", "")  # the agent's log is not theirs


def test_the_end_of_an_attempt_lets_go_of_ranks_that_wait_and_of_the_port(port: int) -> None:
    kept = Rendezvous(HOST, port)
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"GET /global/0 HTTP/1.1\r\n\r\n")
        wait_until(lambda: kept._store._awaited, "a rank that waits")
        kept.close()
        assert connection.recv(4096).startswith(b"HTTP/1.0 404 ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
    Rendezvous(HOST, port).close()

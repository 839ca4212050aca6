import contextlib
import io
import json
import pickle
import socket
import threading
from dataclasses import dataclass, field

import pytest

from launcher import transport
from launcher.errors import (
    ConflictError,
    DiskFullError,
    ForbiddenError,
    LauncherError,
    NotFoundError,
    SpecError,
    UnauthorizedError,
    UnreachableError,
)
from launcher.transport import Connection, RefusedError, until_heard


@dataclass
class Peer:
    """Accepts connections and answers each request with the next bytes; b"" closes unanswered."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                with connection, contextlib.suppress(ConnectionError):
                    self._talk(connection)

    def _talk(self, connection):
        with connection.makefile("rb") as incoming:
            while request := self._read(incoming):
                self.requests.append(request)
                answer = self.answers.pop(0)
                connection.sendall(answer)
                if not answer or b"Connection: close" in answer:
                    return

    def _read(self, incoming):
        first = incoming.readline()
        if not first:
            return None
        headers = {}
        while (line := incoming.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            headers[name.strip().lower().decode()] = value.strip().decode()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(incoming.readline(), 16):
                body += incoming.read(size)
                incoming.readline()
            incoming.readline()
        else:
            body = incoming.read(int(headers.get("content-length", 0)))
        return first.decode().strip(), headers, body


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def connection(peer):
    with contextlib.closing(Connection(peer.url, "t0ken", timeout_s=5.0)) as connection:
        yield connection


def answer(body=b"{}", status=200, more=""):
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def refusal(status, error="it is so", hint="do that"):
    return answer(json.dumps({"error": error, "hint": hint}).encode(), status)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_an_answer_has_status_headers_and_json(peer, connection):
    peer.answers = [answer(b'{"a": 1}', 201, "X-Log-Offset: 7\r\n")]
    response = connection.request("POST", "/jobs?x=1", json={"b": 2})
    assert (response.status, response.json(), response.headers["x-log-offset"]) == (
        201,
        {"a": 1},
        "7",
    )
    line, headers, body = peer.requests[0]
    assert line == "POST /jobs?x=1 HTTP/1.1"
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"b": 2}


def test_requests_share_one_connection(peer, connection):
    peer.answers = [answer()] * 3
    for _ in range(3):
        connection.request("GET", "/")
    assert peer.connections == 1


def test_a_path_of_the_url_comes_before_the_path_of_a_request(peer):
    peer.answers = [answer()]
    with contextlib.closing(Connection(f"{peer.url}/launcher/")) as connection:
        connection.request("GET", "/jobs")
    assert peer.requests[0][0] == "GET /launcher/jobs HTTP/1.1"


def test_a_connection_that_the_server_closed_while_idle_is_made_anew_for_any_request(
    peer, connection
):
    peer.answers = [answer(more="Connection: keep-alive\r\n"), answer(b"2")]
    connection.request("GET", "/")
    kept = connection._kept.sock
    kept.shutdown(socket.SHUT_RD)  # what a server's close looks like from here
    assert connection.request("POST", "/", json={}).body == b"2"
    assert peer.connections == 2


def test_a_repeatable_request_is_sent_again_when_the_kept_connection_breaks_under_it(
    peer, connection
):
    peer.answers = [answer(), b"", answer(b"2")]
    connection.request("GET", "/1")
    assert connection.request("GET", "/2").body == b"2"
    assert [line for line, _, _ in peer.requests] == [
        "GET /1 HTTP/1.1",
        "GET /2 HTTP/1.1",
        "GET /2 HTTP/1.1",
    ]


def test_a_request_that_may_not_be_repeated_is_not(peer, connection):
    peer.answers = [answer(), b""]
    connection.request("GET", "/1")
    with pytest.raises(UnreachableError, match="closed the connection"):
        connection.request("POST", "/2", json={})
    assert len(peer.requests) == 2


@pytest.mark.parametrize("more", [{"headers": {"Idempotency-Key": "k"}}, {"repeatable": True}])
def test_a_post_is_repeated_with_a_key_or_on_the_callers_word(peer, connection, more):
    peer.answers = [answer(), b"", answer(b"2")]
    connection.request("GET", "/1")
    assert connection.request("POST", "/2", json={}, **more).body == b"2"


def test_a_file_is_sent_from_where_it_stands_and_again_from_there(peer, connection):
    file = io.BytesIO(b"xx" + b"data" * 100_000)
    file.seek(2)
    peer.answers = [answer(), b"", answer()]
    connection.request("GET", "/1")
    connection.request("PUT", "/2", body=file)
    bodies = [(headers["content-length"], body) for _, headers, body in peer.requests[1:]]
    assert bodies == [("400000", b"data" * 100_000)] * 2


def test_chunks_are_sent_as_they_come(peer, connection):
    peer.answers = [answer()]
    connection.request("PUT", "/", body=iter([b"ab", b"cd"]))
    assert peer.requests[0][2] == b"abcd"


def test_a_first_request_is_not_repeated_by_itself(peer, connection):
    peer.answers = [b""]
    with pytest.raises(UnreachableError):
        connection.request("GET", "/")
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, SpecError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (413, SpecError),
        (422, SpecError),
        (503, UnreachableError),
        (507, DiskFullError),
    ],
)
def test_a_refusal_is_the_error_of_its_status_in_the_servers_words(peer, connection, status, kind):
    peer.answers = [refusal(status)]
    with pytest.raises(LauncherError) as caught:
        connection.request("GET", "/")
    assert (type(caught.value), caught.value.message, caught.value.hint) == (
        kind,
        "it is so",
        "do that",
    )


def test_the_connection_serves_on_after_a_refusal(peer, connection):
    peer.answers = [refusal(404), answer(b"2")]
    with pytest.raises(NotFoundError):
        connection.request("GET", "/1")
    assert connection.request("GET", "/2").body == b"2"
    assert peer.connections == 1


@pytest.mark.parametrize(
    ("raw", "said", "hint"),
    [
        (answer(b"<html>", 500), "answered 500", "log"),
        (answer(b"[1]", 400), "answered 400", None),
        (answer(b"", 302, "Location: https://there\r\n"), "answered 302", "https://there"),
        (answer(b"", 401), "answered 401", "LAUNCHER_TOKEN"),
    ],
)
def test_an_answer_of_somebody_else_is_told_with_its_status(peer, connection, raw, said, hint):
    peer.answers = [raw]
    with pytest.raises(LauncherError, match=said) as caught:
        connection.request("GET", "/")
    assert peer.url in caught.value.message
    assert caught.value.hint is None if hint is None else hint in caught.value.hint


def test_a_port_where_nothing_listens_is_told_apart_as_refused():
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RefusedError) as caught:
        Connection(url, hint="start it").request("GET", "/")
    assert caught.value.message == f"no connection to the server at {url}: nothing listens there"
    assert caught.value.hint == "start it"


def test_an_unknown_host_is_told(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    with pytest.raises(UnreachableError, match="not known on this network") as caught:
        Connection("http://far-away").request("GET", "/")
    assert not isinstance(caught.value, RefusedError)


def test_a_silent_server_is_given_up_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        connection = Connection(f"http://127.0.0.1:{port}", timeout_s=0.05)
        with pytest.raises(UnreachableError, match=r"no answer within 0\.05s"):
            connection.request("GET", "/")


def test_what_does_not_speak_http_is_told(peer, connection):
    peer.answers = [b"SSH-2.0-OpenSSH_9.6\r\nConnection: close\r\n"]
    with pytest.raises(UnreachableError, match="does not speak HTTP"):
        connection.request("GET", "/")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:port", ""])
def test_an_address_that_is_none_is_refused_with_the_form_to_write(url):
    with pytest.raises(SpecError, match="is no address of a server"):
        Connection(url)


def test_a_refusal_of_a_large_body_is_read_although_the_server_closed_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse():
            client, _ = listening.accept()
            with client:
                client.recv(1000)
                client.sendall(refusal(413, "too large"))
                client.shutdown(socket.SHUT_WR)
                while client.recv(2**20):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        connection = Connection(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout_s=5.0)
        with contextlib.closing(connection), pytest.raises(SpecError, match="too large"):
            connection.request("PUT", "/", body=b"x" * 2**22)
        connection.close()
        thread.join()


def chunked(*chunks, end=True):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    parts = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + parts + (b"0\r\n\r\n" if end else b"")


def test_a_stream_gives_lines_over_the_bounds_of_chunks(peer, connection):
    peer.answers = [chunked(b"one\r\ntw", b"o\n\nthree")]
    with connection.stream("GET", "/") as stream:
        assert list(stream.lines()) == [b"one", b"two", b""]


def test_a_stream_gives_bytes_as_they_are(peer, connection):
    peer.answers = [answer(b"x" * 300_000, more="Connection: close\r\n")]
    with connection.stream("GET", "/") as stream:
        assert b"".join(stream) == b"x" * 300_000


@pytest.mark.parametrize(
    "torn",
    [
        chunked(b"one\n", end=False),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\none\n",
    ],
)
def test_a_stream_that_breaks_off_is_an_error_and_no_end(peer, connection, torn):
    peer.answers = [torn]
    with connection.stream("GET", "/") as stream:
        lines = stream.lines()
        assert next(lines) == b"one"
        with pytest.raises(UnreachableError, match="in the middle"):
            next(lines)


def test_a_stream_that_is_refused_raises_the_error_of_its_status(peer, connection):
    peer.answers = [refusal(404)]
    with pytest.raises(NotFoundError, match="it is so"), connection.stream("GET", "/"):
        pass


def test_requests_go_on_beside_an_open_stream(peer):
    with contextlib.closing(Connection(peer.url)) as connection:
        peer.answers = [chunked(b"one\n"), answer(b"2")]
        with connection.stream("GET", "/") as stream:
            assert connection.request("GET", "/").body == b"2"
            assert list(stream.lines()) == [b"one"]


def test_no_proxy_stands_before_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert transport._proxy("http", "127.0.0.1") is None
    assert transport._proxy("http", "localhost") is None


def test_the_environments_proxy_is_used_for_other_machines_but_those_that_it_excepts(monkeypatch):
    monkeypatch.setenv("http_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert transport._proxy("http", "far.example") == ("proxy", 3128)
    assert transport._proxy("http", "inside.example") is None


def test_a_plain_proxy_is_asked_for_the_whole_url(peer, monkeypatch):
    monkeypatch.setenv("http_proxy", peer.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    peer.answers = [answer()]
    with contextlib.closing(Connection("http://far.example:99/base")) as connection:
        connection.request("GET", "/jobs")
    assert peer.requests[0][0] == "GET http://far.example:99/base/jobs HTTP/1.1"


def test_its_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(RefusedError("gone", hint="start it")))
    assert (type(error), error.message, error.hint) == (RefusedError, "gone", "start it")


def test_silence_is_asked_through_for_a_while_and_a_refusal_is_not(monkeypatch):
    monkeypatch.setattr("launcher.transport._PAUSE_S", 0.0)
    answers = [UnreachableError("away"), RefusedError("away"), "here"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until_heard(ask, 60.0) == "here"
    for refusal in UnauthorizedError("no"), NotFoundError("none"):
        answers[:] = [refusal, "here"]
        with pytest.raises(type(refusal)):
            until_heard(ask, 60.0)
    answers[:] = [UnreachableError("away")] * 1000
    with pytest.raises(UnreachableError):
        until_heard(ask, 0.0)


NOT_NOW = "Retry-After: 0\r\n"


def test_what_is_to_be_asked_again_is_until_it_is_answered(peer):
    """As of several servers, while another one takes over."""
    peer.answers = [answer(b"", 503, NOT_NOW), answer(b"", 503, NOT_NOW), answer(b"done")]
    with contextlib.closing(Connection(peer.url, patience_s=20)) as patient:
        body = io.BytesIO(b"passed over, sent")
        body.seek(13)
        assert patient.request("PUT", "/", body=body).body == b"done"
    assert [sent for _, _, sent in peer.requests] == [b"sent"] * 3


def test_a_stream_is_asked_for_again_too(peer):
    peer.answers = [answer(b"", 503, NOT_NOW), answer(b"line\n")]
    with (
        contextlib.closing(Connection(peer.url, patience_s=20)) as patient,
        patient.stream("GET", "/") as stream,
    ):
        assert list(stream.lines()) == [b"line"]


@pytest.mark.parametrize(("patience_s", "headers"), [(20, ""), (0, NOT_NOW)])
def test_what_may_have_been_done_and_who_has_no_patience_is_told_at_once(peer, patience_s, headers):
    peer.answers = [answer(b"", 503, headers)]
    with (
        contextlib.closing(Connection(peer.url, patience_s=patience_s)) as connection,
        pytest.raises(UnreachableError),
    ):
        connection.request("POST", "/")


def test_a_body_that_comes_once_is_not_sent_again(peer):
    peer.answers = [answer(b"", 503, NOT_NOW)]
    with (
        contextlib.closing(Connection(peer.url, patience_s=20)) as patient,
        pytest.raises(UnreachableError),
    ):
        patient.request("PUT", "/", body=iter([b"once"]))

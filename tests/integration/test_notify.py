"""Messages to a real receiver: tried again, over a killed server too, and taken once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from machine import wait_until
from stack import Stack


class Receiver:
    """Answers with the statuses that are prepared, then with 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/services/hidden-part?a=1"

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    def close(self) -> None:
        self.may_answer.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/services/hidden-part?a=1"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append((headers, body))
                receiver.may_answer.wait(30)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_a_message_outlives_a_killed_server_and_is_taken_once(
    stack: Stack, receiver: Receiver
) -> None:
    stack.client.set_secret("SLACK_URL", receiver.url)
    receiver.answers = [503, 500]
    told = {"url_secret": "SLACK_URL", "when": ["failed"]}
    job = stack.submit("import sys; sys.exit(3)", workers=1, notify=told)
    stack.wait(job, "FAILED")
    log = stack.server.log
    wait_until(lambda: "answered 503" in log.read_text(), "the first try, and a note of it")
    stack.server.kill()
    stack.start_server()
    wait_until(lambda: len(receiver.got) >= 3, "the third try")
    other = stack.submit("import sys; sys.exit(4)", workers=1, notify=told)
    stack.wait(other, "FAILED")
    wait_until(lambda: len(receiver.got) >= 4, "the message about another job")
    assert len(set(receiver.ids()[:3])) == 1
    assert len(set(receiver.ids())) == 2
    headers, content = receiver.got[2]
    body = json.loads(content)
    assert body["data"]["job"] == job
    assert body["data"]["ending"] == "PROGRAM_FAILED"
    assert "exit code 3" in body["text"]
    key = stack.client.notify_key(url_secret="SLACK_URL").removeprefix("whsec_")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    digest = hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert "hidden-part" not in str(stack.client.job(job))
    assert "hidden-part" not in str(stack.client.events(job))
    stack.client.remove_secret("SLACK_URL")


def test_a_receiver_that_does_not_answer_holds_nobody_up(stack: Stack, receiver: Receiver) -> None:
    receiver.may_answer.clear()
    told = {"url": receiver.url, "when": ["started", "succeeded"]}
    jobs = [stack.submit("print(1)", workers=1, notify=told) for _ in range(2)]
    for job in jobs:
        stack.wait(job, "SUCCEEDED")
    wait_until(lambda: len(receiver.got) >= 2, "messages that get no answer")
    assert stack.client.server().pid
    receiver.may_answer.set()
    wait_until(lambda: len(set(receiver.ids())) == 4, "all messages")
    kinds = sorted(json.loads(body)["type"] for _, body in receiver.got)
    assert {"job.started", "job.succeeded"} == set(kinds)

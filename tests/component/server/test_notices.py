"""Messages are written with the change, tried until taken, and given up in words."""

import json
from collections import Counter

import pytest

from launcher.errors import UnreachableError
from launcher.server import posting
from launcher.server.notices import Notices
from launcher.server.posting import Reply
from launcher.store import outbox

URL = "https://hooks.example/services/T0/secret-part"


class Receiver:
    """Answers with what is prepared, then with 200."""

    def __init__(self):
        self.answers, self.got = [], []

    def __call__(self, url, headers, content):
        self.got.append((url, headers, json.loads(content)))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, str):
            raise UnreachableError(answer)
        return answer if isinstance(answer, Reply) else Reply(answer)


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def notices(server, receiver):
    return Notices(server.control, server.services.secrets, receiver)


def send(notices):
    """Try all that is due; how many there were."""
    claimed = notices.claim(Counter())
    for message in claimed:
        notices.deliver(message)
    return len(claimed)


@pytest.fixture
def ended(server):
    """Id of a job that ended with somebody to be told."""

    def end(**notify):
        job = server.new_job(notify=notify or {"url": URL})
        assert server.order("cancel", job).status == 200
        return job

    return end


def events(server, job):
    found = server.get(f"/jobs/{job}/events")["events"]
    return [event["text"] for event in found if event["kind"] == "notify"]


def test_the_end_of_a_job_is_told_once(server, notices, receiver, ended):
    job = ended()
    assert send(notices) == 1
    ((url, headers, body),) = receiver.got
    assert url == URL
    assert body["data"]["job"] == job
    assert body["type"] == "job.cancelled"
    assert "key=" not in body["text"]
    assert headers["webhook-id"].startswith("msg_")
    server.wall.now += 10**6
    assert send(notices) == 0
    assert events(server, job) == []


def test_moments_that_nobody_asked_for_are_not_told(notices, ended, server):
    ended(url=URL, when=["failed"])
    server.order("cancel", server.new_job())
    assert send(notices) == 0


def test_a_message_is_tried_again_later_with_the_same_id(server, notices, receiver, ended):
    ended()
    receiver.answers = [503, "hooks.example: nothing listens there"]
    assert send(notices) == 1
    assert send(notices) == 0
    server.wall.now += 1.1
    assert send(notices) == 1
    server.wall.now += 5.1
    assert send(notices) == 1
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in receiver.got}) == 3


def test_a_receiver_that_asks_for_a_pause_gets_it(server, notices, receiver, ended):
    ended()
    receiver.answers = [Reply(429, retry_after_s=100.0)]
    send(notices)
    server.wall.now += 99
    assert send(notices) == 0
    server.wall.now += 2
    assert send(notices) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 410])
def test_an_answer_that_will_not_change_ends_the_tries_in_words(
    server, notices, receiver, ended, status
):
    job = ended()
    receiver.answers = [status]
    send(notices)
    server.wall.now += 10**6
    assert send(notices) == 0
    (told,) = events(server, job)
    assert told == (
        f"nobody was told that it was cancelled: hooks.example answered {status} (1 try)"
    )


def test_a_receiver_that_never_answers_is_given_up_in_words(server, notices, receiver, ended):
    job = ended()
    receiver.answers = ["hooks.example did not answer within 10 s"] * 20
    while send(notices):
        server.wall.now += 10**5
    (told,) = events(server, job)
    assert "did not answer within 10 s (10 tries)" in told
    assert "secret-part" not in told


def test_what_a_dead_server_was_sending_is_due_again(server, notices, receiver, ended):
    ended()
    assert len(notices.claim(Counter())) == 1  # and then it dies
    assert send(notices) == 0
    server.wall.now += 31
    assert send(notices) == 1


def test_two_servers_of_one_database_do_not_send_the_same(server, notices, ended):
    ended()
    with server.store.read() as tx:
        (message,) = outbox.due(tx, server.wall.now)
    assert notices._claim(message, server.wall.now)
    assert not notices._claim(message, server.wall.now)


def test_a_slow_receiver_does_not_take_every_turn(server, notices, ended):
    for _ in range(5):
        ended()
    ended(url="https://other.example/")
    receivers = [message.url for message in notices.claim(Counter())]
    assert sorted(receivers) == sorted([URL, URL, "https://other.example/"])
    assert notices.claim(Counter(receivers)) == []


def test_an_address_that_is_a_secret_is_opened_when_it_is_needed(server, notices, receiver, ended):
    server.ask("PUT", "/secrets/SLACK", body=URL.encode())
    job = ended(url_secret="SLACK")
    with server.store.read() as tx:
        (message,) = outbox.due(tx, server.wall.now)
    assert URL not in repr(message)
    assert URL not in server.ask("GET", f"/jobs/{job}").text
    send(notices)
    assert receiver.got[0][0] == URL


def test_an_address_that_was_forgotten_is_tried_again_and_told(server, notices, receiver, ended):
    server.ask("PUT", "/secrets/SLACK", body=URL.encode())
    job = ended(url_secret="SLACK")
    server.ask("DELETE", "/secrets/SLACK")
    while send(notices):
        server.wall.now += 10**5
    assert receiver.got == []
    assert "no secret 'SLACK' of project 'default'" in events(server, job)[0]


def test_messages_go_with_their_job(server, notices, ended):
    job = ended()
    assert server.ask("DELETE", f"/jobs/{job}").status == 200
    assert send(notices) == 0


def test_a_job_that_is_removed_while_it_is_told_breaks_nothing(server, notices, receiver, ended):
    job = ended()
    (message,) = notices.claim(Counter())
    server.ask("DELETE", f"/jobs/{job}")
    receiver.answers = [404]
    notices.deliver(message)


def test_a_receiver_is_tried_by_hand(server, monkeypatch):
    sent = []
    monkeypatch.setattr(server.services.notices, "_send", lambda *a: sent.append(a) or Reply(204))
    reply = server.ask("POST", "/notify/test", data={"url": URL})
    assert reply.json() == {"status": 204}
    assert json.loads(sent[0][2])["type"] == "test"
    key = server.ask("POST", "/notify/key", data={"url": URL}).json()["key"]
    assert key.startswith("whsec_")
    assert server.ask("POST", "/notify/test", data={"url": "hooks.example"}).error == (
        "'hooks.example' is no address; write it with https:// in front"
    )
    assert server.ask("POST", "/notify/test", data={}).status == 422


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://metadata.example/", "169.254.169.254"),
        ("http://metadata.example/", "::ffff:169.254.169.254"),
        ("http://[fe80::1]/", "fe80::1"),
    ],
)
def test_an_address_where_clouds_give_out_credentials_is_never_posted_to(monkeypatch, url, found):
    monkeypatch.setattr(
        posting.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (found, 80))]
    )
    monkeypatch.setattr(posting.socket, "create_connection", lambda *_, **__: pytest.fail("went"))
    with pytest.raises(UnreachableError, match="an address that the server posts nothing to"):
        posting.post(url, {}, b"")

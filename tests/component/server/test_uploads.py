"""Bodies on their way into the blobs."""

import contextlib
import os
import threading

import pytest
from in_process import BROKEN_OFF, STALLED, until
from players import API, TOKEN, bearer, sha256

BLOCKS = [os.urandom(300_000) for _ in range(8)]
DATA = b"".join(BLOCKS)


@pytest.fixture
def upload(server):
    """Sends a body; gives the answer."""
    return lambda digest, body: server.ask("PUT", f"/packages/{digest}", body=body)


def left_behind(server):
    """Files in the store that are no blobs."""
    root = server.services.settings.state_dir / "blobs"
    return [path.name for path in root.rglob("*") if path.is_file() and len(path.name) != 64]


def test_a_body_in_many_blocks_is_stored_under_its_digest(server, upload):
    digest = sha256(DATA)
    assert server.ask("HEAD", f"/packages/{digest}").status == 404
    reply = upload(digest, BLOCKS)
    assert (reply.status, reply.json()) == (201, {"size": len(DATA)})
    assert server.ask("HEAD", f"/packages/{digest}").status == 200
    assert server.store.blobs.path(digest).read_bytes() == DATA
    assert left_behind(server) == []


def test_an_agents_blob_is_taken_by_the_same_rules(server, agent):
    digest = sha256(DATA)
    for body, status in (([b"x"], 409), ([BLOCKS[0], BROKEN_OFF], 400), (BLOCKS, 200)):
        assert agent.ask("PUT", f"/blobs/{digest}", body=body).status == status
        assert server.store.blobs.has(digest) == (status == 200)


def test_an_empty_body_is_a_blob_too(server, upload):
    assert upload(sha256(b""), b"").json() == {"size": 0}
    assert server.store.blobs.size(sha256(b"")) == 0


def test_a_body_of_another_digest_is_refused_and_nothing_of_it_is_stored(server, upload):
    digest = sha256(b"something else")
    reply = upload(digest, BLOCKS)
    assert reply.status == 409
    assert digest in reply.error
    assert sha256(DATA) in reply.error
    assert not server.store.blobs.has(digest)
    assert left_behind(server) == []


def test_an_address_that_is_no_digest_is_refused(upload):
    for digest in ("0" * 63, "A" * 64, "x", "..%2f" * 8):
        reply = upload(digest, BLOCKS)
        assert reply.status in {404, 422}, digest
        assert reply.error


def test_a_body_that_breaks_off_leaves_nothing_and_can_be_sent_again(server, upload, caplog):
    digest = sha256(DATA)
    assert upload(digest, [*BLOCKS[:5], BROKEN_OFF]).body == b""
    assert not server.store.blobs.has(digest)
    assert left_behind(server) == []
    assert caplog.text == ""
    assert upload(digest, BLOCKS).json() == {"size": len(DATA)}


def test_a_body_that_is_there_already_is_read_to_its_end_and_not_stored_again(server, upload):
    digest = sha256(DATA)
    upload(digest, BLOCKS)
    before = server.store.blobs.path(digest).stat().st_ino
    assert upload(digest, BLOCKS).json() == {"size": len(DATA)}
    assert server.store.blobs.path(digest).stat().st_ino == before


def test_several_senders_of_one_body_all_succeed(server, upload):
    digest, replies = sha256(DATA), []
    senders = [
        threading.Thread(target=lambda: replies.append(upload(digest, list(BLOCKS))))
        for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [reply.json() for reply in replies] == [{"size": len(DATA)}] * 4
    assert server.store.blobs.path(digest).read_bytes() == DATA
    assert left_behind(server) == []


def test_a_full_disk_is_told_with_its_own_status(server, upload, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("launcher.store.blobs.os.fsync", full)
    reply = upload(sha256(DATA), BLOCKS)
    assert reply.status == 507
    assert "no space left" in reply.error
    assert left_behind(server) == []


def test_only_the_blobs_that_are_not_there_are_asked_for(agent):
    here, absent = agent.upload(b"here"), sha256(b"absent")
    reply = agent.ask("POST", "/blobs/missing", data={"sha256": [here, absent, absent]})
    assert reply.json() == {"missing": [absent]}


def test_a_list_of_digests_that_is_none_is_refused(agent):
    for body in (b"", b"[]", b'{"sha256": 3}', b"{}", b'{"sha256": ["x"]}'):
        reply = agent.ask("POST", "/blobs/missing", body=body)
        assert reply.status == 422, body
        assert reply.error


def test_the_writer_of_a_body_takes_no_more_than_it_has_written(server, monkeypatch):
    """A sender that is faster than the disk waits, so the body is never whole in memory."""
    asked, go_on = [], threading.Event()

    def put(_digest, chunks):
        asked.append(len(next(iter(chunks))))
        go_on.wait(20)
        return sum(map(len, chunks))

    monkeypatch.setattr(server.store.blobs, "put", put)
    replies = []
    address = f"{API}/packages/{sha256(DATA)}"
    sending = threading.Thread(
        target=lambda: replies.append(
            server.browser.ask("PUT", address, headers=bearer(TOKEN), body=[DATA] * 8)
        )
    )
    sending.start()
    until(lambda: asked, "the first block")
    assert asked == [len(DATA)]
    assert server.ask("GET", "/healthz").status == 200  # the event loop is free meanwhile
    go_on.set()
    sending.join()
    assert replies[0].json() == {"size": 7 * len(DATA)}


def test_slow_senders_keep_nobody_else_from_being_answered(server, agent):
    """As many of them as an event loop has threads of its own, at most."""
    with contextlib.ExitStack() as slow:
        for number in range(32):
            address = f"{API}/agent/blobs/{sha256(bytes([number]))}"
            slow.enter_context(
                server.browser.open(
                    "PUT", address, headers=bearer(agent.token), body=[b"x", STALLED]
                )
            )
        assert agent.sync()["grant"] == 1
        assert agent.log(b"x") == [1]

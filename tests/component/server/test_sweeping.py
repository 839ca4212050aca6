"""Files that were sent and that nothing came to name go a day later; no other file ever does."""

import os
import time

import pytest
from in_process import until
from players import sha256

from launcher.server.sweeping import KEPT_S, Sweeping
from launcher.store.database import Database
from launcher.store.leader import Leadership, LostLeadError

DATA, OTHER = b"weights", b"other weights"


@pytest.fixture
def sweep(server):
    return Sweeping(server.control, server.services.committing).sweep


def age(server, by=KEPT_S + 60):
    """All files were sent, and last asked for, so long ago."""
    moment = time.time() - by
    for digests in server.store.blobs.older(time.time() + 60):
        for digest in digests:
            os.utime(server.store.blobs.path(digest), (moment, moment))


def has(server, *contents):
    return [server.store.blobs.has(sha256(one)) for one in contents]


def commit(agent, step, *contents, **more):
    """Without an upload before it."""
    files = [
        {"path": f"{number}.pt", "size": len(one), "sha256": sha256(one)}
        for number, one in enumerate(contents)
    ]
    return agent.ask(
        "POST", "/checkpoints", data={"attempt": 1, "step": step, "files": files} | more
    )


def missing(agent, *contents):
    asked = {"sha256": [sha256(one) for one in contents]}
    return agent.ask("POST", "/blobs/missing", data=asked).json()["missing"]


def test_what_an_attempt_sent_and_never_committed_goes_after_a_day(server, agent, job, sweep):
    agent.upload(DATA)
    agent.end("PROGRAM_FAILED")
    age(server, KEPT_S - 60)
    assert sweep() == 0
    assert has(server, DATA) == [True]
    age(server)
    assert sweep() == len(DATA)
    assert has(server, DATA) == [False]
    assert sweep() == 0


def test_a_package_that_was_sent_and_never_submitted_goes_after_a_day(server, sweep):
    assert server.ask("PUT", f"/packages/{sha256(DATA)}", body=DATA).status == 201
    age(server)
    assert sweep() == len(DATA)
    assert server.ask("HEAD", f"/packages/{sha256(DATA)}").status == 404
    assert "was not uploaded" in server.submit(code=sha256(DATA)).error


def test_what_is_named_in_any_way_stays_for_ever(server, executor, agent, job, sweep):
    kinds = {
        kind: kind.encode() for kind in ("code", "checkpoint", "part", "watched", "output", "lock")
    }
    server.ask("PUT", f"/packages/{sha256(kinds['code'])}", body=kinds["code"])
    server.new_job(code=sha256(kinds["code"]))
    assert agent.commit(1, {"a": kinds["checkpoint"]}).status == 200
    agent.upload(kinds["part"])
    assert commit(agent, 2, kinds["part"], rank=0, sharded=True).json() == {"committed": None}
    watched = {"node": 0, "nodes": 1}
    assert agent.commit(3, {"b": kinds["watched"]}, watched=watched).status == 200
    agent.upload(kinds["output"])
    entry = {"path": "curve.png", "size": 6, "sha256": sha256(kinds["output"])}
    report = {"attempt": 1, "rank": 0, "files": [entry]}
    assert agent.ask("POST", "/outputs", data=report).status == 200
    assert agent.ask("PUT", "/lock", body=kinds["lock"]).status == 200
    kinds["lock"] = f"# {job}\n".encode() + kinds["lock"]
    assert has(server, *kinds.values()) == [True] * len(kinds)
    age(server)
    assert sweep() == 0
    assert has(server, *kinds.values()) == [True] * len(kinds)
    assert agent.ask("GET", "/lock").body == b"lock"


def test_who_was_told_that_a_file_is_here_may_name_it_for_a_day(server, agent, job, sweep):
    for content in (DATA, OTHER):
        agent.upload(content)
    age(server)
    assert missing(agent, DATA) == []
    assert sweep() == len(OTHER)
    assert commit(agent, 1, DATA).status == 200
    assert missing(agent, OTHER) == [sha256(OTHER)]


def test_a_file_that_is_sent_again_may_be_named_for_a_day(server, agent, job, sweep):
    agent.upload(DATA)
    age(server)
    agent.upload(DATA)
    assert sweep() == 0
    assert commit(agent, 1, DATA).status == 200


def test_who_was_told_that_a_package_is_here_may_submit_it_for_a_day(server, sweep):
    server.ask("PUT", f"/packages/{sha256(DATA)}", body=DATA)
    age(server)
    assert server.ask("HEAD", f"/packages/{sha256(DATA)}").status == 200
    assert sweep() == 0
    assert server.submit(code=sha256(DATA)).status == 201


def test_a_lock_that_comes_again_after_a_killed_server_stays(
    server, agent, job, sweep, monkeypatch
):
    """The server was killed between the file and the row."""
    with monkeypatch.context() as patch:
        patch.setattr(server.control, "change", lambda *_: None)
        agent.ask("PUT", "/lock", body=b"torch==2.4\n")
    age(server)
    put = server.store.blobs.put

    def put_and_sweep(*given):
        size = put(*given)
        assert sweep() == 0
        return size

    monkeypatch.setattr(server.store.blobs, "put", put_and_sweep)
    assert agent.ask("PUT", "/lock", body=b"torch==2.4\n").body == b"torch==2.4\n"


def test_a_commit_that_comes_between_the_look_and_the_removal_keeps_its_file(
    server, agent, job, sweep, monkeypatch
):
    """The look that is not in the turn of commits decides nothing."""
    agent.upload(DATA)
    age(server)
    sweeping = Sweeping(server.control, server.services.committing)
    look = sweeping._unnamed

    def look_and_commit(digests):
        for found in look(digests):
            assert found == [sha256(DATA)]
            assert commit(agent, 1, DATA).status == 200
            age(server)  # as if the commit had not renewed it
            yield found

    monkeypatch.setattr(sweeping, "_unnamed", look_and_commit)
    assert sweeping.sweep() == 0
    assert has(server, DATA) == [True]


def test_files_of_a_checkpoint_that_another_job_begins_from_stay(server, agent, job, sweep):
    assert agent.commit(1, {"a": DATA}).status == 200
    heir = server.new_job(from_job=job)
    for step in range(2, 9):
        assert agent.commit(step, {"a": b"%d" % step}).status == 200
    age(server)
    assert sweep() == 0
    assert has(server, DATA) == [True]
    server.order("cancel", heir)


def test_a_running_server_sweeps_by_itself(stage, fresh_state, routes, run_server, monkeypatch):
    monkeypatch.setattr("launcher.server.sweeping._FIRST_S", 0.0)
    store = stage.fill(fresh_state)
    store.blobs.put(sha256(DATA), [DATA])
    os.utime(store.blobs.path(sha256(DATA)), (1.0, 1.0))
    with run_server(stage.folder, store, routes) as server:
        until(lambda: has(server, DATA) == [False], "the file to be gone")


@pytest.mark.on_postgresql
def test_a_server_that_ceased_to_decide_sweeps_nothing(server, agent, sweep, tmp_path, monkeypatch):
    agent.upload(DATA)
    age(server)
    leadership = Leadership(Database(server.store._main._engine, tmp_path), "http://one")
    epoch = leadership.take()
    led = server.store.led(epoch, lambda: None)
    leadership.give_up(epoch)
    assert Leadership(Database(server.store._main._engine, tmp_path), "http://two").take()
    with monkeypatch.context() as patch:
        patch.setattr(server.control, "store", led)
        with pytest.raises(LostLeadError):
            sweep()
    assert has(server, DATA) == [True]

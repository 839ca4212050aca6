"""Sessions of executors, what they are told to hold, and the scheduler between."""

import contextlib
import threading

import pytest
from in_process import Browser, until
from players import TOKEN, Agent, Clock, Executor, Server, node

from launcher.server.app import make_app
from launcher.server.floor import LIVE_S, Floor
from launcher.server.scheduling import schedule_for_ever
from launcher.server.settings import Settings

# --- sessions ------------------------------------------------------------------------------------


def test_a_second_executor_is_refused_while_the_first_one_lives(server, executor):
    reply = server.ask("POST", "/executor/session", data=executor.hello)
    assert (reply.status, reply.error) == (409, "an executor on head serves cluster 'local'")
    assert executor.ask_desired().status == 200


def test_a_silent_executor_is_replaced(server, executor):
    server.monotonic.now += LIVE_S + 1
    assert Executor(server).fence == executor.fence + 1


def test_an_executor_replaces_the_session_that_it_knows_to_be_dead(server, executor):
    reply = server.ask("POST", "/executor/session", data=executor.hello | {"replaces": 99})
    assert reply.status == 409
    assert Executor(server, replaces=executor.fence).fence == executor.fence + 1


def test_the_words_of_an_older_session_are_refused(server, executor):
    Executor(server, replaces=executor.fence)
    for reply in (executor.ask_desired(), executor.send(node("n9"))):
        assert reply.status == 409
        assert reply.error == f"session {executor.fence} of cluster 'local' is over"
    assert server.get("/server")["clusters"][0]["nodes"] == []


def test_an_unknown_cluster_has_no_session(server):
    reply = server.ask("GET", "/executor/desired?cluster=other&fence=1")
    assert reply.status == 409


def test_each_cluster_has_an_executor_of_its_own(server, executor):
    assert Executor(server, "other").fence == 1
    assert executor.ask_desired().status == 200


def test_an_executor_speaks_for_nothing_that_is_on_another_cluster(server, executor, job):
    Agent(server, executor.desired()["allocations"][0]).sync(attempt=1, started=1)
    wanted = executor.desired()["allocations"]
    other = Executor(server, "other")
    other.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "failed", "reason": "x"}])
    assert server.show(job)["state"] == "RUNNING"
    assert executor.desired()["allocations"] == wanted


def test_no_executor_is_given_the_token_of_a_job_that_was_on_another_cluster(server, executor, job):
    (wanted,) = executor.desired()["allocations"]
    server.order("cancel", job)
    executor.report(allocations=[{"id": wanted["id"], "state": "gone"}])
    back = {"id": wanted["id"], "state": "up"}
    executor.report(allocations=[back])
    assert [one["id"] for one in executor.desired()["stop"]] == [wanted["id"]], "it is there again"
    executor.report(allocations=[{"id": wanted["id"], "state": "gone"}])
    other = Executor(server, "other")
    other.report(allocations=[back])
    assert wanted["token"] not in other.ask_desired().text


def test_an_executor_of_another_version_of_the_protocol_is_refused(server, executor):
    reply = server.ask("POST", "/executor/session", data=executor.hello | {"wire": 99})
    assert reply.status == 409
    assert "99" in reply.error


@pytest.mark.parametrize("path", ["/executor/session", "/executor/report"])
def test_a_message_that_is_none_is_refused(server, path):
    for body in (b"", b"{}", b"[1]", b'{"cluster": 3}'):
        reply = server.ask("POST", path, body=body)
        assert reply.status == 422
        assert reply.error.startswith("not a ")


# --- wishes --------------------------------------------------------------------------------------


def test_an_executor_is_told_what_to_hold_and_what_to_give_back(server, executor, job):
    desired = executor.desired()
    (wanted,) = desired["allocations"]
    assert (wanted["id"], wanted["job_id"], desired["stop"]) == (f"{job}.1", job, [])
    (place,) = wanted["nodes"]
    assert (place["ranks"], place["bundle"], place["over"]) == (2, {"CPU": 2.0}, False)
    server.order("cancel", job)
    desired = executor.desired()
    assert desired["allocations"] == []
    (unwanted,) = desired["stop"]
    assert (unwanted["id"], unwanted["nodes"][0]["over"]) == (f"{job}.1", True)
    executor.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "gone"}])
    assert executor.desired()["stop"] == []


def test_wishes_have_the_same_version_as_long_as_they_are_the_same(server, executor, job):
    first = executor.desired()
    executor.report(node("n1", free=1), node("n2"))
    server.new_job()
    assert executor.desired() == first
    Agent(server, first["allocations"][0]).sync()
    assert executor.desired()["version"] != first["version"]


def test_an_executor_that_has_the_wishes_waits_until_they_change(server, executor):
    version = executor.desired()["version"]
    assert executor.ask_desired(seen=version, wait=0.02).json()["version"] == version
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(executor.ask_desired(seen=version, wait=20))
    )
    asking.start()
    job = server.new_job()
    server.cycle()
    asking.join()
    assert [a["job_id"] for a in answers[0].json()["allocations"]] == [job]


def test_an_allocation_that_the_server_never_made_is_left_alone(server, executor):
    unknown = [
        {"id": "other-aaaaaa.1", "state": "orphan"},
        {"id": "other-aaaaaa.2", "state": "gone"},
        {"id": "nonsense", "state": "up"},
    ]
    executor.report(node("n1"), allocations=unknown)
    desired = executor.desired()
    assert (desired["allocations"], desired["stop"]) == ([], [])


def test_an_allocation_that_was_given_back_and_is_there_again_is_stopped(server, executor):
    job = server.new_job()
    server.cycle()
    server.order("cancel", job)
    executor.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "gone"}])
    assert executor.desired()["stop"] == []
    executor.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "orphan"}])
    assert [wanted["id"] for wanted in executor.desired()["stop"]] == [f"{job}.1"]


# --- the scheduler -------------------------------------------------------------------------------


def test_a_job_waits_with_a_reason_until_nodes_are_reported_that_hold_it(server):
    job = server.new_job()
    server.cycle()
    assert server.show(job)["state"] == "QUEUED"
    assert server.show(job)["reason"]
    executor = Executor(server)
    executor.report(node("n1", cpus=1, free=0), node("n2", cpus=4, free=1))
    server.cycle()
    waits = server.show(job)["reason"]
    assert "CPU" in waits
    executor.report(node("n1", cpus=1, free=0), node("n2", cpus=4))
    server.cycle()
    shown = server.show(job)
    assert (shown["state"], shown["reason"]) == ("STARTING", None)
    assert [place["node_id"] for place in shown["nodes"]] == ["n2"]


def test_the_queue_is_served_by_priority_and_then_by_age(server, executor):
    first, second, urgent = (
        server.new_job(resources={"workers": 8}, priority=priority) for priority in (50, 50, 60)
    )
    states = {}
    for _ in range(3):
        server.cycle()
    for job in (first, second, urgent):
        states[job] = server.show(job)["state"]
    assert states == {first: "QUEUED", second: "QUEUED", urgent: "STARTING"}
    assert server.show(second)["reason"] != ""


def test_resources_that_the_executor_could_not_get_bring_the_job_back_to_the_queue(
    server, executor, job
):
    failed = {"id": f"{job}.1", "state": "failed", "reason": "another user took node n1"}
    executor.report(node("n1"), allocations=[failed])
    shown = server.show(job)
    assert (shown["state"], shown["attempts"][0]["ending"]) == ("QUEUED", "START_TIMEOUT")


def test_the_scheduler_looks_when_a_job_comes_and_when_nodes_come(stage, fresh_state):
    settings = Settings(stage.folder, "http://127.0.0.1:80", TOKEN)
    with contextlib.closing(stage.fill(fresh_state)) as store:
        app = make_app(store, settings, Floor(Clock(1000.0)))
        with Browser(app) as browser:
            server = Server(browser, app, Clock(1_700_000_000.0), Clock(1000.0))
            job = server.new_job()
            until(lambda: "no cluster" in (server.show(job)["reason"] or ""), "the first look")
            Executor(server).report(node("n1"))
            until(lambda: server.show(job)["state"] == "STARTING", "the placement")


def test_the_scheduler_outlives_a_cycle_that_breaks(server, monkeypatch, caplog):
    cycles = []

    def breaks_once(*_):
        cycles.append(1)
        if len(cycles) == 1:
            raise ZeroDivisionError

    monkeypatch.setattr("launcher.server.scheduling.cycle", breaks_once)
    monkeypatch.setattr("launcher.server.scheduling.CYCLE_S", 0.001)
    with server.browser.background(schedule_for_ever(server.control, server.services.agents)):
        until(lambda: len(cycles) > 2, "another cycle")
    assert "a scheduling cycle broke" in caplog.text

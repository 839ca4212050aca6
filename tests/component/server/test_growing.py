"""Clusters that grow for those that wait: what executors say and are told, and what users see."""

from __future__ import annotations

import io
import threading

import pytest
from players import SPEC, node
from rich.console import Console

from launcher.cli.live.occupancy import picture
from launcher.model.codec import decode
from launcher.model.wire import Desired
from launcher.views_occupancy import Occupancy

PAIR = {"resources": {"workers": 2, "nodes": 2, "cpus_per_worker": 8}}


def pools(more=2, coming=0, trouble="", most=2):
    """As an executor tells of them."""
    pool = {"name": "big", "resources": {"CPU": 8.0}, "labels": {"size": "big"}, "most": most}
    return {"pools": [pool | {"more": more, "coming": coming, "trouble": trouble}], "more": more}


def in_pool(name, cpus=8, free=None):
    return node(name, cpus, free) | {"pool": "big"}


@pytest.fixture
def growing(executor):
    executor.report(node("n1"), pools=pools())
    return executor


def test_an_executor_that_says_nothing_of_pools_finds_all_as_it_was(server, executor):
    reply = server.submit(**PAIR)
    assert (reply.status, reply.error.split(";")[0]) == (
        422,
        "needs 2 workers \N{MULTIPLICATION SIGN} 8 CPUs on 2 nodes",
    )
    server.cycle()
    assert decode(Desired, executor.desired()).asked is None
    [cluster] = server.get("/occupancy")["clusters"]
    assert cluster["pools"] == []
    # What was refused is taken as soon as the same nodes could get company.
    executor.report(node("n1"), node("n2"), pools=pools())
    assert server.submit(**PAIR).status == 201


def test_a_gang_that_the_cluster_could_grow_for_is_taken_and_asked_for(server, growing):
    server.cycle()
    assert growing.desired()["asked"] == []
    job = server.new_job(**PAIR)
    before = server.show(job)["reason"]
    server.cycle()
    assert growing.desired()["asked"] == [
        {"resources": {"CPU": 8.0}, "labels": {"size": "big"}, "count": 2}
    ]
    server.wall.now += 40
    server.cycle()
    words = "waits for 2 nodes of pool big, for which cluster local was asked 40s ago"
    assert (server.show(job)["reason"], before) != (before, words)
    assert server.show(job)["reason"] == words

    growing.report(node("n1"), in_pool("b1"), pools=pools(more=1, coming=1))
    server.cycle()
    assert server.show(job)["reason"] == (
        "waits for 1 node of pool big, which cluster local is starting (asked 40s ago)"
    )
    growing.report(node("n1"), in_pool("b1"), in_pool("b2"), pools=pools(more=0))
    server.cycle()
    [wanted] = growing.desired()["allocations"]
    assert wanted["job_id"] == job
    up = [{"id": wanted["id"], "state": "up"}]
    taken = in_pool("b1", free=0), in_pool("b2", free=0)
    growing.report(node("n1"), *taken, pools=pools(more=0), allocations=up)
    server.cycle()
    assert growing.desired()["asked"] == []


def test_a_wish_is_told_at_once_and_withdrawn_with_the_job(server, growing):
    server.cycle()
    version = growing.desired()["version"]
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(growing.ask_desired(seen=version, wait=20).json())
    )
    asking.start()
    job = server.new_job(**PAIR)
    server.cycle()
    asking.join()
    assert answers[0]["asked"]
    server.order("cancel", job)
    server.cycle()
    desired = growing.desired()
    assert desired["asked"] == []
    assert desired["version"] != answers[0]["version"]


def test_a_gang_that_could_never_come_is_refused(server, growing):
    reply = server.submit(resources={"workers": 3, "nodes": 3, "cpus_per_worker": 8})
    assert reply.status == 422
    assert "cluster local grows to" in reply.error


def test_a_plan_says_what_would_be_started_and_asks_for_nothing(server, growing):
    server.cycle()
    reply = server.ask("POST", "/plan", data={"spec": SPEC | PAIR, "user": "ada"})
    assert reply.json()["text"] == (
        "would wait: needs 2 nodes of pool big, which cluster local would start; 1st in the queue"
    )
    server.cycle()
    assert growing.desired()["asked"] == []


def test_a_node_that_was_taken_away_meanwhile_costs_no_retry(server, growing):
    job = server.new_job(**PAIR)
    growing.report(in_pool("b1"), in_pool("b2"), pools=pools(more=0))
    server.cycle()
    [wanted] = growing.desired()["allocations"]
    failed = {"id": wanted["id"], "state": "failed", "reason": "node b2 was lost before it could"}
    growing.report(in_pool("b1"), allocations=[failed], pools=pools(more=1))
    server.cycle()
    gone = {"id": wanted["id"], "state": "gone"}
    growing.report(in_pool("b1"), allocations=[gone], pools=pools(more=1))
    for _ in range(2):
        server.wall.now += 60
        server.monotonic.now += 1
        growing.report(in_pool("b1"), pools=pools(more=1))
        server.cycle()
    view = server.show(job)
    assert (view["state"], view["failures"]) == ("QUEUED", 0)
    assert [one["count"] for one in growing.desired()["asked"]] == [1, 1], "one stays, one comes"


def test_a_restarted_server_takes_nothing_back_before_it_has_heard(server, growing):
    server.new_job(**PAIR)
    server.monotonic.now += 60  # its executor was silent: nothing is decided
    server.cycle()
    assert growing.desired()["asked"] is None


def test_top_shows_pools_with_what_is_started_and_what_is_not(server, growing):
    server.new_job(**PAIR)
    growing.report(node("n1"), pools=pools(coming=1, trouble="InsufficientCapacity"))
    server.cycle()
    seen = decode(Occupancy, server.get("/occupancy"))
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(picture(seen, width=120))
    text = console.export_text()
    assert "pool big  0 of 2 nodes, 1 is starting, 1 more asked for  InsufficientCapacity" in text

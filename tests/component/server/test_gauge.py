"""A disk that fills: told in every answer in time, and new work refused at last."""

import pytest
from players import Executor, node, sha256

from launcher.server.floor import LIVE_S
from launcher.server.gauge import judge
from launcher.transport import CLUSTERS, NOTICE

GIB = 2**30


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [
        (77 * GIB, 252 * GIB, ""),
        (19 * GIB, 252 * GIB, "low"),  # less than a tenth
        (25 * GIB, 10_000 * GIB, ""),  # of a large disk a tenth is plenty
        (19 * GIB, 10_000 * GIB, "low"),
        (GIB, 8 * GIB, "low"),
        (400 * 2**20, 252 * GIB, "full"),
        (60 * 2**20, 64 * 2**20, ""),  # a small one is not always full
        (3 * 2**20, 64 * 2**20, "full"),
    ],
)
def test_a_disk_is_low_and_full_by_what_is_left_of_it(free, total, state):
    disk = judge(free, total)
    assert (disk.is_low, disk.is_full) == (state != "", state == "full")


@pytest.fixture
def disk(server, monkeypatch):
    """Its free bytes are what the test says."""
    usage = type("Usage", (), {"free": 100 * GIB, "total": 252 * GIB})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr("launcher.server.gauge._LOOK_EVERY_S", 0.0)
    return usage


def test_every_answer_warns_while_the_disk_is_low_and_the_server_shows_it(server, disk):
    assert NOTICE.lower() not in server.ask("GET", "/jobs").headers
    assert not server.get("/server")["disk"]["is_low"]
    disk.free = 2 * GIB - 1
    assert server.ask("GET", "/jobs").headers[NOTICE.lower()] == (
        "the server's disk is nearly full: 2 GiB free"
    )
    assert server.get("/occupancy")["disk"]["is_low"]
    assert server.submit().status == 201  # it warns, and takes


def test_every_answer_names_the_clusters_and_who_of_them_is_silent(server):
    Executor(server, "lab").report(node("n1"))
    server.monotonic.now += LIVE_S + 1
    Executor(server, "gpu").report(node("n2"))
    server.cycle()
    told = server.ask("GET", "/jobs").headers[CLUSTERS.lower()]
    assert sorted(told.split(", ")) == ["gpu", "lab (silent)"]


def test_a_full_disk_refuses_new_work_in_words_and_takes_what_running_jobs_print(
    server, agent, disk
):
    disk.free = 300 * 2**20
    refused = server.submit()
    assert refused.status == 507
    assert "no room for a new job: 300 MiB free on the disk of " in refused.error
    assert "launcher prune" in refused.json()["hint"]
    assert server.ask("PUT", f"/packages/{sha256(b'x')}", body=b"x").status == 507
    assert agent.ask("POST", "/blobs/missing", data={"sha256": []}).status == 507
    assert agent.log(b"still printing\n") == [15]
    assert agent.points(1, loss=1.0)[0] > 0
    assert agent.sync()["grant"] == 1
    disk.free = 100 * GIB
    assert server.submit().status == 201


def test_a_body_that_would_take_the_last_room_is_refused_before_it_is_written(server, disk):
    disk.free = 600 * 2**20
    headers = {"Content-Length": str(200 * 2**20)}
    reply = server.ask("PUT", f"/packages/{sha256(b'x')}", body=b"x", headers=headers)
    assert reply.status == 507
    assert server.ask("PUT", f"/packages/{sha256(b'x')}", body=b"x").status == 201


def test_a_job_that_is_submitted_again_by_its_key_is_no_new_work(server, disk):
    first = server.submit(key="k").json()["id"]
    disk.free = 0
    assert server.submit(key="k").json()["id"] == first

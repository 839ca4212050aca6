"""What the scheduler is told, and what becomes of what it decides."""

from __future__ import annotations

import threading
from dataclasses import replace

from launcher.scheduler.state import Placement
from launcher.server import scheduling
from launcher.server.books import Books


def test_a_server_that_starts_again_decides_the_same(server, executor, job):
    jobs = [server.new_job(resources={"workers": n}, priority=50 + n % 2) for n in (8, 1, 2, 6)]
    server.cycle()
    now, kept = server.wall.now, server.control.books
    fresh = Books(server.store, server.control.floor)
    assert fresh.decide(now) == kept.decide(now)
    assert [fresh.why(one, now) for one in jobs] == [kept.why(one, now) for one in jobs]
    assert fresh.in_turn(now, 9) == kept.in_turn(now, 9)
    assert fresh.held_on("local") == kept.held_on("local")


def test_what_jobs_of_a_name_took_is_expected_of_those_that_wait(server, agent):
    agent.sync(started=1)
    waits = server.new_job(
        name=server.show(agent.job)["name"], resources={"workers": 8}
    )  # all there is
    behind = server.new_job(name="other", resources={"workers": 8})
    server.cycle()
    server.wall.now += 30
    agent.end()
    assert server.show(agent.job)["state"] == "SUCCEEDED"
    books = server.control.books
    expected = books._scheduler.queue.jobs[waits].lasts_s
    assert expected is not None
    assert expected >= 30
    assert books._scheduler.queue.jobs[behind].lasts_s is None


def test_a_trial_is_one_cycle_and_leaves_what_the_last_one_came_to(server, executor, monkeypatch):
    running, waits = (server.new_job(name=name, resources={"workers": 8}) for name in "ab")
    server.cycle()
    server.cycle()  # which sees what the first one granted
    books, now = server.control.books, server.wall.now
    cycles, decide = [], type(books._scheduler).decide
    monkeypatch.setattr(
        type(books._scheduler), "decide", lambda *asked: cycles.append(asked) or decide(*asked)
    )
    before, last = books.why(waits, now), books._scheduler.last
    tried = books.try_out(replace(books.known(waits), id="tried-aaaaaa", priority=90), now)
    assert (tried.placement, tried.position, len(cycles)) == (None, 1, 1)
    assert books.why(waits, now) == before
    assert books._scheduler.last is last
    assert server.show(running)["state"] == "STARTING"


def test_one_job_that_cannot_be_granted_holds_up_no_other(server, executor, monkeypatch):
    bad, good = server.new_job(resources={"workers": 1}), server.new_job(resources={"workers": 1})
    place = scheduling.lifecycle.place

    def breaks(job, *arguments):
        if job.id == bad:
            raise RuntimeError("a bug")
        return place(job, *arguments)

    monkeypatch.setattr(scheduling.lifecycle, "place", breaks)
    server.cycle()
    assert [server.show(one)["state"] for one in (bad, good)] == ["QUEUED", "STARTING"]


def test_who_left_the_queue_is_not_decided_on_any_more(server, executor):
    job = server.new_job()
    server.order("cancel", job)
    books = server.control.books
    assert books.in_turn(server.wall.now, 9) == []
    server.control.grant([Placement(job, "local", (("n1", 2),))])
    assert server.show(job)["state"] == "CANCELLED"


def test_gangs_granted_together_are_as_those_granted_alone(server, executor):
    jobs = [server.new_job(resources={"workers": 2}) for _ in range(3)]
    now = server.wall.now
    server.control.grant([Placement(one, "local", (("n1", 2),)) for one in [*jobs[:2], "gone"]])
    server.control.grant([Placement(jobs[2], "local", (("n2", 2),))])
    shown = [server.show(one) for one in jobs]
    assert {one["state"] for one in shown} == {"STARTING"}
    assert [one["attempts"][0]["granted_at"] for one in shown] == [now] * 3
    assert [one["nodes"][0]["node_id"] for one in shown] == ["n1", "n1", "n2"]
    stories = [
        [event["kind"] for event in server.get(f"/jobs/{one}/events")["events"]] for one in jobs
    ]
    assert stories[0] == stories[1] == stories[2]
    assert {one["id"].rpartition(".")[0] for one in executor.desired()["allocations"]} == set(jobs)


def test_two_changes_of_a_quota_reach_the_books_in_the_order_in_which_they_are_stored(
    server, monkeypatch
):
    projects, books = server.services.projects, server.control.books
    set_projects, second = books.set_projects, []

    def slow(known):
        if not second:
            second.append(threading.Thread(target=projects.change, args=("vision", {"gpus": 2.0})))
            second[0].start()
            second[0].join(0.05)
        set_projects(known)

    monkeypatch.setattr(books, "set_projects", slow)
    projects.change("vision", {"gpus": 1.0})
    second[0].join()
    assert books._scheduler.shares.project("vision").gpus == 2.0

"""What the scheduler is told, and what becomes of what it decides."""

from __future__ import annotations

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
    assert fresh.in_turn(now) == kept.in_turn(now)


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
    assert books.in_turn(server.wall.now) == []
    server.control.grant([Placement(job, "local", (("n1", 2),))])
    assert server.show(job)["state"] == "CANCELLED"

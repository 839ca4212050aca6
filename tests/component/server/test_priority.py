"""The priority of a job that waits or runs is changed, and the queue follows."""

import pytest


def prioritise(server, *jobs, priority=80, **more):
    data = {"jobs": jobs, "priority": priority} | more
    return server.ask("POST", "/queue/priority", data=data)


def outcome(server, job):
    (one,) = prioritise(server, job).json()["outcomes"]
    return one


def test_a_job_that_waits_moves_ahead_and_its_events_tell_by_whom(server, executor):
    late = server.new_job(name="late", resources={"workers": 8})
    first = server.new_job(name="first", priority=60, resources={"workers": 8})
    assert prioritise(server, late, user="ada").status == 200
    assert server.show(late)["priority"] == 80
    server.cycle()
    assert [server.show(job)["state"] for job in (late, first)] == ["STARTING", "QUEUED"]
    told = server.get(f"/jobs/{late}/events")["events"]
    assert ("priority", "priority changed from 50 to 80 by ada") in [
        (event["kind"], event["text"]) for event in told
    ]


def test_a_job_that_runs_takes_a_priority_too(server, agent, job):
    agent.sync(attempt=1, started=1)
    assert not outcome(server, job)["problem"]
    shown = server.show(job)
    assert (shown["state"], shown["priority"]) == ("RUNNING", 80)


def test_the_same_priority_again_is_no_event(server):
    job = server.new_job()
    prioritise(server, job, priority=50)
    kinds = [event["kind"] for event in server.get(f"/jobs/{job}/events")["events"]]
    assert "priority" not in kinds


@pytest.mark.parametrize("ends", [["cancel"], ["cancel", "retry", "cancel"]])
def test_an_ended_job_is_refused_in_words(server, ends):
    job = server.new_job()
    for verb in ends:
        assert server.order(verb, job).status == 200
    told = outcome(server, job)
    assert told["problem"] == (
        f"job '{job}' is CANCELLED: only one that waits or runs has a priority"
    )
    assert f"launcher clone {job} --set priority=80" in told["hint"]


def test_a_job_that_is_being_cancelled_is_refused_too(server, agent, job):
    agent.sync(attempt=1, started=1)
    server.order("cancel", job)
    assert "is CANCELLING" in outcome(server, job)["problem"]


@pytest.mark.parametrize("priority", [-1, 101, 5.5, "80", None])
def test_a_priority_is_a_whole_number_from_0_to_100(server, priority):
    job = server.new_job()
    reply = prioritise(server, job, priority=priority)
    assert reply.status == 422
    assert reply.error.startswith("priority: input should be")
    assert server.show(job)["priority"] == 50


def test_a_name_that_means_no_job_leaves_all_as_they_are(server):
    job = server.new_job()
    assert prioritise(server, job, "nobody").status == 404
    assert server.show(job)["priority"] == 50


def test_of_several_jobs_those_that_can_are_changed_and_the_others_told(server):
    ended, waiting = server.new_job(), server.new_job()
    server.order("cancel", ended)
    found = prioritise(server, ended, waiting).json()["outcomes"]
    assert [bool(one["problem"]) for one in found] == [True, False]
    assert server.show(waiting)["priority"] == 80


def test_an_array_is_named_as_a_whole(server):
    server.new_job(array="0-2")
    (array,) = {job["array_id"] for job in server.get("/jobs")["jobs"]}
    assert len(prioritise(server, array).json()["outcomes"]) == 3

"""What is measured, as a follower is told it; and step times beside it."""

import json

import pytest
from sampled import NOW, measured, report, samples

from launcher.model.straggler import STEPS


def of_kind(stream, kind):
    return json.loads(next(record for record in stream if record.kind == kind).data)


def test_a_sample_is_told_as_it_comes_to_who_asked_for_samples(server, agent, job):
    with server.follow(job, samples="all") as stream:
        of_kind(stream, "state")
        (length,) = samples(agent, measured(NOW))
        first = of_kind(stream, "samples")["points"]
        assert {"name": "node/cpu", "rank": 0, "time": NOW, "value": 50.0} in first
        assert len(first) == 5
        samples(agent, measured(NOW + 5, cpu=60.0), offset=length)
        later = of_kind(stream, "samples")["points"]
        assert {"name": "node/cpu", "rank": 0, "time": NOW + 5, "value": 60.0} in later


def test_who_comes_when_there_are_samples_or_is_told_of_many_at_once_asks_for_the_curves(
    server, agent, job
):
    (length,) = samples(agent, measured(NOW))
    with server.follow(job, samples="all") as stream:
        assert of_kind(stream, "samples") == {"again": True}
        samples(agent, measured(NOW + 5), measured(NOW + 10), offset=length)
        assert of_kind(stream, "samples") == {"again": True}


def test_who_did_not_ask_is_told_of_no_sample(server, agent, job):
    samples(agent, measured(NOW))
    agent.end("FINISHED")
    assert "samples" not in [record.kind for record in server.story(job)]


def test_a_series_is_followed_by_its_name_whatever_is_in_it(server, agent, job):
    odd = "f1, macro [%]"
    agent.points(1, 2, **{odd: 0.5, "f1": 0.1, "loss": 1.0})
    agent.end("FINISHED")
    found = [
        point["name"]
        for record in server.story(job, name=odd)
        if record.kind == "metrics"
        for point in json.loads(record.data)["points"]
    ]
    assert found == [odd, odd]


def system(server, job, **query):
    return server.get(
        f"/jobs/{job}/curves", kind="system", x="time", name="rank/step_time", **query
    )


def test_step_times_stand_among_what_is_measured(server, agent, job):
    report(agent, 0, range(3), 2.0)
    report(agent, 1, range(3), 3.0)
    listed = server.get(f"/jobs/{job}/series", kind="system")["series"]
    assert [(one["name"], one["rank"], one["count"], one["source"]) for one in listed] == [
        ("rank/step_time", 0, 2, "loss"),
        ("rank/step_time", 1, 2, "loss"),
    ]
    one, other = system(server, job)["curves"]
    assert (one["xs"], one["ys"]) == ([1002.0, 1004.0], [2.0, 2.0])
    assert (other["xs"], other["ys"]) == ([1003.0, 1006.0], [3.0, 3.0])
    assert [one["rank"] for one in system(server, job, rank=1)["curves"]] == [1]


def test_between_two_attempts_there_is_no_step(server, agent, job):
    report(agent, 0, range(3), 2.0)
    line = json.dumps({"t": 5000.0, "k": "m", "step": 3, "m": {"loss": 1.0}}) + "\n"
    agent.append(("spool", 2, 0, 0, line.encode()))
    (curve,) = system(server, job)["curves"]
    assert curve["xs"] == [1002.0, 1004.0]


@pytest.mark.parametrize("kind", ["reported", "system"])
def test_a_slow_rank_is_marked_beside_its_step_times_alone(server, agent, job, kind):
    agent.sync(attempt=1, started=1)
    steps = range(STEPS + 5)
    report(agent, 0, steps, 1.0)
    report(agent, 1, steps, 2.0)
    marks = server.get(f"/jobs/{job}/curves", kind=kind)["marks"]
    slow = [mark for mark in marks if mark["kind"] == "straggler"]
    if kind == "reported":
        assert slow == []
    else:
        (mark,) = slow
        assert (mark["rank"], mark["attempt"]) == (1, 1)
        assert "2 times the gang's step time" in mark["text"]

"""Files that programs save by themselves: committed by agents, and what the next attempt gets."""

import pytest
from players import Agent, sha256


@pytest.fixture
def watch(agent):
    """Commits watched files as the agent of a node."""
    numbers = {}

    def watch(step, files, *, by=agent, node=0, **more):
        numbers[by.token, node] = numbers.get((by.token, node), 0) + 1
        watched = {"node": node, "number": numbers[by.token, node]}
        return by.commit(step, files, watched=watched, **more)

    return watch


def put_back(agent):
    return agent.ask("GET", "/watched").json()["committed"]


def next_attempt(server, agent):
    agent.end("PROGRAM_FAILED", began=True)
    server.cycle()
    return agent.sync()


@pytest.fixture
def retrying(server, executor):
    job = server.new_job(retries={"max": 3, "backoff": 0}, checkpoints={"watch": ["*.pt"]})
    server.cycle()
    (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
    agent = Agent(server, wanted)
    agent.sync()
    return agent


def test_without_a_commit_there_is_nothing_to_put_back(agent):
    assert put_back(agent) is None


def test_the_newest_watched_files_are_put_back_and_resumed_from(server, retrying, watch):
    for step in (10, 10, 20):
        assert watch(step, {"a.pt": b"weights %d" % step}, by=retrying).status == 200
    newest = put_back(retrying)
    assert newest["step"] == 20
    assert next_attempt(server, retrying)["resume"] == newest
    events = [event["text"] for event in server.get(f"/jobs/{retrying.job}/events")["events"]]
    assert "checkpoint of step 20 committed (10 B, watched files)" in events
    assert any(text.endswith("resumes from step 20") for text in events)


def test_a_program_that_saves_by_the_sdk_resumes_from_what_it_saved(server, retrying, watch):
    retrying.commit(7, {"model": b"saved"})
    watch(9, {"history.csv": b"1,2"}, by=retrying)
    assert next_attempt(server, retrying)["resume"]["step"] == 7
    assert put_back(retrying)["step"] == 9


def test_a_word_that_comes_again_commits_nothing_new(server, agent, watch, job):
    first = watch(10, {"a.pt": b"1"}).json()["committed"]
    again = agent.commit(10, {"a.pt": b"1"}, watched={"node": 0, "number": 1}).json()["committed"]
    assert again == first
    assert len(server.get(f"/jobs/{job}/checkpoints")["checkpoints"]) == 1


def test_an_attempt_that_is_over_commits_nothing(server, retrying, watch):
    next_attempt(server, retrying)
    assert watch(10, {"a.pt": b"late"}, by=retrying).status == 409
    assert put_back(retrying) is None


def test_what_another_node_has_of_its_own_is_not_kept(server, agent, watch):
    watch(10, {"a.pt": b"of node 0"})
    assert watch(10, {"a.pt": b"of node 1"}, node=1).json()["committed"]["step"] == 10
    asked = agent.ask("POST", "/blobs/missing", data={"sha256": [sha256(b"of node 1")]})
    assert asked.json()["missing"] == [sha256(b"of node 1")]


def test_the_best_stay_beside_the_newest(server, executor, watch):
    keep = {"keep_last": 1, "keep_best": {"metric": "acc", "mode": "max"}}
    job = server.new_job(checkpoints={"watch": ["*.pt"], **keep})
    server.cycle()
    (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
    agent = Agent(server, wanted)
    agent.sync()
    for step, acc in ((1, 0.5), (2, 0.9), (3, 0.7), (4, 0.8)):
        watch(step, {"a.pt": b"%d" % step}, by=agent, metrics={"acc": acc})
    kept = server.get(f"/jobs/{job}/checkpoints")["checkpoints"]
    assert [one["step"] for one in kept] == [2, 4]


def test_a_job_that_begins_from_another_finds_its_watched_files(server, executor, agent, watch):
    watch(30, {"a.pt": b"weights"})
    job = server.new_job(from_job=agent.job, resources={"workers": 1})
    server.cycle()
    (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
    other = Agent(server, wanted, address="10.0.0.2:7000")
    assert other.sync()["resume"] == put_back(other)
    assert put_back(other)["step"] == 30

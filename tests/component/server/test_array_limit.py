"""How many of an array may be in the queue or run at once, changed while they wait and run."""

import pytest
from players import Agent

from launcher.store import arrays


@pytest.fixture
def sweep(server):
    """The id of a new array."""
    return lambda array, **spec: server.submit(array=array, **spec).json()["array_id"]


@pytest.fixture
def limit(server):
    def limit(name, value, *, status=200):
        reply = server.ask(
            "POST", "/queue/limit", data={"jobs": [name], "limit": value, "user": "ada"}
        )
        assert reply.status == status, reply.body
        return reply.json()["outcomes"] if status == 200 else reply.error

    return limit


def elements(server, array):
    with server.store.read() as tx:
        return [server.control.get(tx, job) for job in arrays.elements(tx, array)]


def in_turn(server, array):
    return [job.array_index for job in elements(server, array) if job.is_eligible]


def test_a_higher_limit_lets_more_into_the_queue_at_once(server, sweep, limit):
    array = sweep("0-9%2")
    outcomes = limit(array, 5)
    assert [one["job"] for one in outcomes] == [f"{array}-{index}" for index in range(10)]
    assert in_turn(server, array) == [0, 1, 2, 3, 4]
    why = server.get(f"/jobs/{array}-7/why")["text"]
    assert why == f"{array}-7 waits for its turn: 5 of {array} at once"
    told = server.get(f"/jobs/{array}-7/events")["events"]
    assert ("limit", f"limit of {array} changed from 2 to 5 by ada") in [
        (event["kind"], event["text"]) for event in told
    ]


@pytest.mark.parametrize("value", [None, 10, 200])
def test_without_a_limit_or_with_room_for_all_each_has_its_turn(server, sweep, limit, value):
    array = sweep("0-9%2")
    limit(array, value)
    assert in_turn(server, array) == list(range(10))
    assert {job.array_limit for job in elements(server, array)} == {None}


def test_a_lower_limit_leaves_what_started_and_the_next_starts_when_there_is_room(
    server, executor, sweep, limit
):
    array = sweep("0-5%4", resources={"workers": 2})
    server.cycle()
    running = [Agent(server, wanted) for wanted in executor.desired()["allocations"]]
    assert len(running) == 4
    for agent in running:
        agent.sync(attempt=1, started=1)
    limit(array, 2)
    states = [job.state.value for job in elements(server, array)]
    assert states == ["RUNNING"] * 4 + ["QUEUED"] * 2
    for ends, expected in ((0, []), (1, []), (2, [4]), (3, [4, 5])):
        running[ends].end()
        assert in_turn(server, array) == expected


def test_a_lower_limit_takes_those_that_only_wait_out_of_the_queue(server, executor, sweep, limit):
    array = sweep("0-9%6", resources={"workers": 8})  # of which none has room
    server.new_job(name="holder", resources={"workers": 1}, priority=90)
    server.cycle()
    limit(array, 2)
    assert in_turn(server, array) == [0, 1]
    limit(array, 3)
    assert in_turn(server, array) == [0, 1, 2]


def test_an_array_without_a_limit_takes_one(server, sweep, limit):
    array = sweep("0-5")
    limit(array, 2)
    assert in_turn(server, array) == [0, 1]
    server.order("cancel", f"{array}-0")
    assert in_turn(server, array) == [1, 2]


def test_one_that_is_retried_waits_by_the_new_limit(server, sweep, limit):
    array = sweep("0-3%4")
    server.order("cancel", f"{array}-0")
    limit(array, 2)
    assert in_turn(server, array) == [1, 2]
    server.order("retry", f"{array}-0")
    assert in_turn(server, array) == [1, 2]


def test_an_element_stands_for_its_array_and_a_job_of_none_is_refused(server, sweep, limit):
    array, job = sweep("0-5%2"), server.new_job()
    assert len(limit(f"{array}-4", 3)) == 6
    assert in_turn(server, array) == [0, 1, 2]
    (refused,) = limit(job, 3)
    assert refused["problem"] == f"job '{job}' is of no array: only an array has a limit"
    assert "launcher quota set" in refused["hint"]


@pytest.mark.parametrize("value", [0, -1, 2.5, "4"])
def test_a_limit_is_a_whole_number_from_1(server, sweep, limit, value):
    array = sweep("0-5%2")
    assert limit(array, value, status=422).startswith("limit: input should be")
    assert in_turn(server, array) == [0, 1]

"""GET /jobs/{ref}/follow: a job as it happens."""

import base64
import contextlib
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from players import Agent, Executor, node

from launcher.server.notify import job_topic
from launcher.server.routes import feeds, follow, telling
from launcher.server.routes.cursor import Cursor


def told(story):
    """What a follower was told: bytes of each log, points, ids of events and of checkpoints."""
    logs, points, ids = {}, [], {"event": [], "checkpoint": []}
    for record in story:
        data = json.loads(record.data)
        if record.kind == "log":
            known = logs.setdefault((data["attempt"], data["rank"]), [data["offset"], b""])
            assert known[0] + len(known[1]) == data["offset"], "a hole or an overlap"
            known[1] += base64.b64decode(data["data"])
        elif record.kind == "metrics":
            points += [(p["name"], p["rank"], p["step"], p["value"]) for p in data["points"]]
        elif record.kind in ids:
            ids[record.kind].append(data["id"])
    return {key: tuple(value) for key, value in logs.items()}, points, ids


@pytest.fixture
def ended(server, agent, job):
    """A job that said all kinds of things and ended."""
    agent.log(b"one\ntwo\n\xff three\n", rank=0)
    agent.log(b"other\n", rank=1)
    agent.points(1, 2, 3, loss=0.5, accuracy=float("nan"))
    agent.commit(2, {"model.pt": b"x"})
    agent.end("FINISHED")
    return job


def kinds(story):
    return [record.kind for record in story]


# --- the order of things -------------------------------------------------------------------------


def test_the_state_comes_first_and_the_end_last_after_everything(server, ended):
    story = server.story(ended)
    assert (kinds(story)[0], kinds(story)[-1]) == ("state", "end")
    assert json.loads(story[0].data)["state"] == "SUCCEEDED"
    assert json.loads(story[0].data)["spec"] is None
    assert json.loads(story[-1].data) == {"state": "SUCCEEDED"}
    logs, points, ids = told(story)
    assert logs == {(1, 0): (0, b"one\ntwo\n\xff three\n"), (1, 1): (0, b"other\n")}
    assert len(points) == 6
    events = server.get(f"/jobs/{ended}/events")["events"]
    assert ids == {"event": [event["id"] for event in events], "checkpoint": [1]}


def test_what_is_no_number_is_told_as_a_string(server, ended):
    _, points, _ = told(server.story(ended))
    assert ("accuracy", 0, 1, "nan") in points


def test_a_job_is_told_as_it_happens(server, agent, job):
    with server.follow(job) as stream:

        def next_of(kind):
            return json.loads(next(record for record in stream if record.kind == kind).data)

        assert next_of("state")["state"] == "STARTING"
        agent.log(b"hello\n")
        assert base64.b64decode(next_of("log")["data"]) == b"hello\n"
        agent.points(7, loss=0.5)
        assert next_of("metrics")["points"][0]["step"] == 7
        agent.commit(7, {"model.pt": b"x"})
        assert next_of("checkpoint")["step"] == 7
        agent.sync(attempt=1, started=1)
        while next_of("state")["state"] != "RUNNING":
            pass
        server.order("cancel", job, force=True)
        agent.sync(quiet=1)
        assert next_of("end") == {"state": "CANCELLED"}
        assert list(stream) == []


def test_a_waiting_job_is_told_with_the_reason_that_it_waits_for(server):
    job = server.new_job()
    with server.follow(job) as stream:
        next(stream)
        Executor(server).report(node("n1", free=0))
        server.cycle()
        states = (json.loads(record.data) for record in stream if record.kind == "state")
        assert any("CPU" in (state["reason"] or "") for state in states)


def test_a_quiet_job_keeps_its_stream_alive_with_comments(server, job, monkeypatch):
    monkeypatch.setattr(follow, "KEEP_ALIVE_S", 0.001)
    address = f"/api/v1/jobs/{job}/follow"
    headers = {"Authorization": "Bearer user-token"}
    with server.browser.open("GET", address, headers=headers) as stream:
        start = stream.get()
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        lines = list(itertools.islice((line for line in stream.lines() if line[:1] == b":"), 2))
    assert lines == [b": still here"] * 2


def test_an_agent_hears_that_somebody_looks_on(server, agent, job):
    with server.follow(job) as stream:
        next(stream)
        assert agent.append(("log", 1, 0, 0, b"seen\n")).json()["followed"]


def test_a_follower_that_hung_up_is_forgotten(server, job):
    notifier = server.control.notifier
    with server.follow(job) as stream:
        next(stream)
        assert job_topic(job) in notifier.topics()
    assert job_topic(job) not in notifier.topics()


# --- choosing ------------------------------------------------------------------------------------


def test_only_the_logs_that_are_wanted_are_told(server, ended):
    for logs, ranks in (
        ("all", {0, 1}),
        ("none", set()),
        ("0", {0}),
        ("0,1", {0, 1}),
        ("7", set()),
    ):
        assert {rank for _, rank in told(server.story(ended, logs=logs))[0]} == ranks


@pytest.mark.parametrize("query", ["logs=x", "logs=", "tail=-1", "cursor=x", "cursor=eJyLBgAAXgBd"])
def test_a_wish_that_can_not_be_read_is_refused(server, job, query):
    reply = server.ask("GET", f"/jobs/{job}/follow?{query}")
    assert reply.status == 422
    assert reply.error


@pytest.mark.parametrize("numbers", [[-1, 0, 0, 0], [2**63, 0, 0, 0], [True, "1", 0, 0], [0, 0, 0]])
def test_a_cursor_with_numbers_that_can_not_be_is_refused(server, job, numbers):
    cursor = Cursor(*numbers).text()
    if len(numbers) < 4:
        cursor = cursor[:-6]
    assert server.ask("GET", f"/jobs/{job}/follow?cursor={cursor}").status == 422


def test_a_tail_is_of_the_logs_that_are_there_at_the_beginning(server, agent, job):
    agent.log(b"1\n2\n3\n")
    with server.follow(job, tail=1) as stream:
        story = [next(stream)]
        agent.log(b"4\n", offset=6)
        agent.log(b"a\nb\nc\n", rank=1)
        agent.end("FINISHED")
        story += stream
    assert told(story)[0] == {(1, 0): (4, b"3\n4\n"), (1, 1): (0, b"a\nb\nc\n")}


def test_a_tail_of_no_lines_tells_what_is_written_from_now_on(server, agent, job):
    agent.log(b"old\n")
    with server.follow(job, tail=0) as stream:
        next(stream)
        agent.log(b"new\n", offset=4)
        agent.end("FINISHED")
        assert told(stream)[0] == {(1, 0): (4, b"new\n")}


def test_who_comes_back_with_a_cursor_gets_no_tail_again(server, agent, job):
    """Not even of a log of which nothing was told yet: all of it was written since."""
    agent.log(b"1\n2\n3\n")
    with server.follow(job, tail=1) as stream:
        cursor = next(stream).id
    agent.log(b"4\n5\n", offset=6)
    agent.log(b"a\nb\nc\n", rank=1)
    agent.end("FINISHED")
    logs, _, _ = told(server.story(job, tail=1, cursor=cursor))
    assert logs == {(1, 0): (4, b"3\n4\n5\n"), (1, 1): (0, b"a\nb\nc\n")}


# --- coming back ---------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    """So that a short history takes many looks and messages."""
    monkeypatch.setattr(telling, "_EVENTS_A_LOOK", 2)
    monkeypatch.setattr(telling, "_POINTS_A_MESSAGE", 2)
    monkeypatch.setattr(telling, "_LOG_BYTES_A_LOOK", 8)
    monkeypatch.setattr(telling, "_LOG_BYTES_A_MESSAGE", 3)
    monkeypatch.setattr(telling, "_LOG_BYTES_A_RANK", 2)
    monkeypatch.setattr(feeds, "SETTLE_S", 0)
    monkeypatch.setattr("launcher.store.reading._POINTS_A_READ", 5)
    monkeypatch.setattr("launcher.store.reading._BATCHES_A_READ", 2)


def test_who_comes_back_from_any_message_is_told_the_rest_exactly(server, ended, small_parts):
    whole = server.story(ended)
    assert len(whole) > 15
    for cut, record in enumerate(whole, 1):
        again = server.story(ended, cursor=record.id)
        assert kinds(again)[0] == "state"
        assert told([*whole[:cut], *again]) == told(whole)


TURNS = st.fixed_dictionaries(
    {
        "rank": st.integers(0, 1),
        "line": st.binary(max_size=12),
        "points": st.integers(0, 4),
        "cut": st.integers(1, 3),
    }
)


@given(turns=st.lists(TURNS, min_size=1, max_size=4))
@settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_stream_that_is_cut_anywhere_while_the_job_goes_on_tells_everything_once(
    server, executor, small_parts, turns
):
    job = server.new_job()
    server.cycle()
    (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
    agent = Agent(server, wanted)
    agent.sync(attempt=1, started=1)
    written, points, story, cursor = {0: b"", 1: b""}, [], [], None
    spooled = 0
    for number, turn in enumerate(turns):
        rank, line = turn["rank"], turn["line"]
        agent.log(line, rank=rank, offset=len(written[rank]))
        written[rank] += line
        steps = range(number * 10, number * 10 + turn["points"])
        if steps:
            (spooled,) = agent.points(*steps, offset=spooled, loss=1.0)
        points += [("loss", 0, step, 1.0) for step in steps]
        with server.follow(job, cursor=cursor) as stream:
            heard = list(itertools.islice(stream, turn["cut"]))
        story += heard
        cursor = heard[-1].id
    agent.end("FINISHED")
    executor.report(node("n1"), node("n2"), allocations=[{"id": wanted["id"], "state": "gone"}])
    story += server.story(job, cursor=cursor)
    logs, heard_points, ids = told(story)
    assert {rank: log for (_, rank), (_, log) in logs.items()} == {
        rank: log for rank, log in written.items() if log
    }
    assert heard_points == points
    events = server.get(f"/jobs/{job}/events")["events"]
    assert ids["event"] == [event["id"] for event in events]


def test_a_browser_comes_back_with_the_id_of_its_last_event(server, ended):
    whole = server.story(ended)
    again = server.story(ended, headers={"Last-Event-ID": whole[-2].id})
    assert kinds(again) == ["state", "end"]


def test_a_cursor_of_a_thousand_ranks_fits_into_an_address():
    logs = {f"{attempt}.{rank}": 10**8 + rank * 7919 for attempt in (1, 2) for rank in range(512)}
    cursor = Cursor(10**6, 10**6, 10**6, 10**6, logs)
    assert len(cursor.text()) < 12_000  # uvicorn refuses a request's head of 16 KiB
    assert Cursor.parse(cursor.text()) == cursor


# --- long histories ------------------------------------------------------------------------------


@pytest.fixture
def largest_look(server, monkeypatch):
    """The most bytes of messages that any look gave."""
    sizes = [0]
    look = telling.look

    def measured(*asked):
        news = look(*asked)
        sizes.append(sum(map(len, news.messages)))
        return news

    monkeypatch.setattr(telling, "look", measured)
    return lambda: max(sizes)


def test_a_long_log_is_told_in_bounded_parts(server, agent, job, largest_look):
    data = bytes(range(256)) * 4096 * 5  # 5 MiB
    agent.log(data)
    agent.end("FINISHED")
    assert told(server.story(job))[0] == {(1, 0): (0, data)}
    assert largest_look() < 4 * 1024 * 1024


def test_many_points_are_told_in_bounded_parts(server, agent, job, largest_look, monkeypatch):
    monkeypatch.setattr("launcher.store.reading._POINTS_A_READ", 1500)
    for rank in range(6):
        agent.points(*range(1000), rank=rank, loss=1.0)
    agent.end("FINISHED")
    _, points, _ = told(server.story(job))
    assert points == [("loss", rank, step, 1.0) for rank in range(6) for step in range(1000)]
    assert largest_look() < 2500 * 120


def test_every_log_is_told_in_the_first_parts_however_long_another_one_is(server, agent, job):
    agent.log(b"x" * 3_000_000, rank=0)
    agent.log(b"short\n", rank=1)
    with server.follow(job) as stream:
        logs = (json.loads(record.data) for record in stream if record.kind == "log")
        first = list(itertools.islice(logs, 9))
    assert {log["rank"] for log in first} == {0, 1}


def test_a_look_takes_a_bounded_number_of_queries(server, agent, job, count_queries):
    with count_queries() as for_one:
        agent.end("FINISHED")
        server.story(job)
    for rank in range(6):
        agent.log(b"x", rank=rank)
        agent.points(1, rank=rank, loss=1.0)
    with count_queries() as for_many:
        server.story(job)
    assert len(for_many) <= 2 * 13
    assert len(for_one) > 0


# --- choosing series -----------------------------------------------------------------------------


def names_told(story):
    records = (json.loads(record.data) for record in story if record.kind == "metrics")
    return [point["name"] for record in records for point in record["points"]]


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("all", {"accuracy", "loss"}),
        ("none", set()),
        ("loss", {"loss"}),
        ("loss,accuracy", {"accuracy", "loss"}),
        ("other", set()),
    ],
)
def test_only_the_series_that_are_wanted_are_told(server, ended, metrics, names):
    story = server.story(ended, metrics=metrics)
    assert set(names_told(story)) == names
    assert set(json.loads(story[0].data)["latest"]) == names
    assert kinds(story)[-1] == "end"


def test_an_empty_list_of_series_is_refused(server, job):
    assert server.ask("GET", f"/jobs/{job}/follow?metrics=").status == 422


def test_who_comes_back_for_another_series_is_told_what_follows(server, agent, job):
    (offset,) = agent.points(1, 2, loss=0.5, accuracy=0.1)
    with server.follow(job, metrics="loss") as stream:
        cursor = next(record for record in stream if record.kind == "metrics").id
    agent.points(3, offset=offset, loss=0.4, accuracy=0.2)
    agent.end()
    assert names_told(server.story(job, metrics="accuracy", cursor=cursor)) == ["accuracy"]


# --- many followers ------------------------------------------------------------------------------


def test_followers_at_the_same_place_share_their_looks(server, agent, job, monkeypatch):
    looks, look = [], telling.look
    monkeypatch.setattr(telling, "look", lambda *asked: looks.append(1) or look(*asked))
    with contextlib.ExitStack() as life:
        streams = [life.enter_context(server.follow(job)) for _ in range(20)]
        for stream in streams:
            assert next(stream).kind == "state"
        before = len(looks)
        agent.points(1, loss=0.5)
        for stream in streams:
            assert names_told([next(r for r in stream if r.kind == "metrics")]) == ["loss"]
        assert len(looks) - before <= 10  # most of them shared


def test_a_follower_that_stands_still_holds_up_no_other(server, agent, job):
    with server.follow(job) as idle, server.follow(job) as keen:
        next(idle)
        next(keen)
        offset = 0
        for step in range(5):
            (offset,) = agent.points(step, offset=offset, loss=0.5)
            assert names_told([next(r for r in keen if r.kind == "metrics")]) == ["loss"]
        agent.end()
        assert len(names_told(idle)) == 5

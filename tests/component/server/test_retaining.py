"""What is kept of ended jobs goes when it has become too old, and is told of."""

import base64
import json

import pytest
from players import sha256

from launcher.model.retention import DEFAULT_LOG_SIZE, Rules

DAY = 86400.0
CODE = b"packaged"

OVER_THE_LIMIT = "rank 0: printed more than 64 KiB: the oldest quarter and the newest are kept"


@pytest.fixture
def ended(server, agent, job):
    """The job: it printed, reported, committed two checkpoints, and failed."""
    agent.log(b"hello\n" * 100)
    agent.points(1, 2, loss=0.5)
    for step in (1, 2):
        assert agent.commit(step, {"model.pt": b"weights %d" % step}).status == 200
    agent.end("PROGRAM_FAILED")
    assert server.show(job)["state"] == "FAILED"
    return job


def set_rules(server, *, project="", default=(), **values):
    named = {kind.replace("_", "-"): value for kind, value in values.items()}
    data = {"project": project, "values": named, "default": list(default)}
    return server.ask("PUT", "/retention", data=data)


def apply(server, *, dry_run=False):
    reply = server.ask("POST", "/retention/apply", data={"dry_run": dry_run})
    assert reply.status == 200, reply.body
    return {(one["job"], one["kind"]): one["size"] for one in reply.json()["expired"]}


def told(server, job):
    found = server.get(f"/jobs/{job}/events")["events"]
    return [event["text"] for event in found if event["kind"] == "retention"]


def test_without_rules_nothing_ever_goes(server, ended):
    server.wall.now += 1000 * DAY
    assert apply(server) == {}
    assert server.get("/retention") == {"rules": []}


def test_what_is_older_than_its_rule_goes_once_with_an_event_and_a_date(server, ended):
    set_rules(server, logs=30 * DAY, metrics=60 * DAY)
    server.wall.now += 30 * DAY - 1
    assert apply(server) == {}
    server.wall.now += 2
    assert apply(server, dry_run=True) == {(ended, "logs"): 600}
    assert server.get(f"/jobs/{ended}/logs")["streams"]
    assert apply(server) == {(ended, "logs"): 600}
    assert apply(server) == {}
    assert server.get(f"/jobs/{ended}/logs") == {"streams": []}
    assert told(server, ended) == ["logs (600 B) removed by retention 30 days after its end"]
    (gone,) = server.show(ended)["expired"]
    assert (gone["kind"], gone["at"], gone["size"]) == ("logs", server.wall.now, 600)
    assert server.get(f"/jobs/{ended}/metrics")["series"]


def test_metrics_go_and_their_last_values_stay(server, ended):
    set_rules(server, metrics=DAY)
    server.wall.now += 2 * DAY
    assert (ended, "metrics") in apply(server)
    assert server.get(f"/jobs/{ended}/metrics") == {"series": []}
    assert server.show(ended)["latest"] == {"loss": 0.5}


def test_the_newest_checkpoint_stays_until_it_is_named(server, ended):
    blobs = server.store.blobs
    set_rules(server, checkpoints=DAY)
    server.wall.now += 2 * DAY
    assert apply(server) == {(ended, "checkpoints"): 9}
    (left,) = server.get(f"/jobs/{ended}/checkpoints")["checkpoints"]
    assert left["step"] == 2
    assert blobs.missing([sha256(b"weights 1"), sha256(b"weights 2")]) == [sha256(b"weights 1")]
    set_rules(server, last_checkpoints=DAY)
    assert apply(server) == {(ended, "last-checkpoints"): 9}
    assert not blobs.has(sha256(b"weights 2"))


def test_a_project_has_rules_of_its_own_that_win(server, ended):
    set_rules(server, logs=DAY)
    set_rules(server, project="default", logs=None)
    server.wall.now += 2 * DAY
    assert apply(server) == {}  # for ever, in this project
    set_rules(server, project="default", default=["logs"])
    assert apply(server) == {(ended, "logs"): 600}


def test_jobs_that_have_not_ended_keep_everything(server, agent, job):
    agent.log(b"hello\n")
    set_rules(server, logs=0, jobs=0, checkpoints=0, code=0)
    server.wall.now += DAY
    assert apply(server) == {}


def test_a_job_that_was_retried_has_logs_again_which_age_anew(server, ended):
    set_rules(server, logs=DAY)
    server.wall.now += 2 * DAY
    apply(server)
    assert server.order("retry", ended).status == 200
    assert server.show(ended)["expired"] == []
    server.wall.now += 2 * DAY
    assert apply(server) == {}
    server.order("cancel", ended)
    server.wall.now += 2 * DAY
    apply(server)
    assert server.show(ended)["state"] == "CANCELLED"


def test_code_goes_when_no_younger_job_has_it_and_then_nothing_is_retried(server):
    server.ask("PUT", f"/packages/{sha256(CODE)}", body=CODE)
    old = server.new_job(code=sha256(CODE))
    server.order("cancel", old)
    server.wall.now += 10 * DAY
    young = server.new_job(code=sha256(CODE))
    server.order("cancel", young)
    set_rules(server, code=5 * DAY)
    assert apply(server) == {}  # the old job's rule held; the young one keeps the package
    assert server.store.blobs.has(sha256(CODE))
    server.wall.now += 10 * DAY
    assert apply(server) == {(young, "code"): len(CODE)}
    refused = server.order("retry", old)
    assert refused.status == 409
    assert refused.error == f"the code of job '{old}' was removed by retention"
    data = {"spec": server.show(old)["spec"], "code_of": old}
    assert server.ask("POST", "/jobs", data=data).status == 409


def test_whole_jobs_go_by_the_same_rules(server, ended):
    set_rules(server, jobs=7 * DAY)
    server.wall.now += 8 * DAY
    # The clusters' resources are long given back; in this test nobody says so.
    server.monotonic.now += 3600
    assert (ended, "jobs") in apply(server)
    assert server.ask("GET", f"/jobs/{ended}").status == 404


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("lgs", DAY, "there is no retention of 'lgs'"),
        ("log-size", 10, "log-size 10 B: the least is 64 KiB"),
        ("logs", -1, "logs: an age below 0"),
    ],
)
def test_a_rule_that_can_not_be_is_refused_in_words(server, kind, value, words):
    reply = set_rules(server, **{kind: value})
    assert reply.status == 422
    assert words in reply.error


def test_a_server_that_is_started_again_knows_its_rules():
    rules = Rules({("", "logs"): 5.0, ("demo", "logs"): None, ("demo", "log-size"): 1e6})
    assert rules.age_s("other", "logs") == 5.0
    assert rules.age_s("demo", "logs") is None
    assert rules.age_s("demo", "jobs") is None
    assert (rules.log_size("demo"), rules.log_size("other")) == (1e6, DEFAULT_LOG_SIZE)


def test_a_log_over_its_limit_is_told_although_its_node_had_given_up_some_of_it(server, agent, job):
    set_rules(server, project="default", log_size=64 * 1024)
    head = {"stream": "log", "attempt": 1, "rank": 0, "offset": 0, "size": 0}
    body = json.dumps([head | {"skip": 5000, "why": "room"}]).encode() + b"\n"
    assert agent.ask("POST", "/append", body=body).json()["lengths"] == [5000]
    agent.log(b"a line\n" * 20_000, offset=5000)
    told_of = [e["text"] for e in server.get(f"/jobs/{job}/events")["events"]]
    assert [("missing" in text, text == OVER_THE_LIMIT) for text in told_of[-2:]] == [
        (True, False),
        (False, True),
    ]


def test_a_log_over_the_projects_limit_is_kept_short_while_it_is_written(server, agent, job):
    set_rules(server, project="default", log_size=64 * 1024)
    data = b"".join(b"line %06d\n" % number for number in range(20_000))
    offset = 0
    for start in range(0, len(data), 50_000):
        (offset,) = agent.log(data[start : start + 50_000], offset=start)
    assert offset == len(data)
    (stream,) = server.get(f"/jobs/{job}/logs")["streams"]
    assert stream["length"] == len(data)
    assert stream["length"] - stream["missing"] < 80_000
    told_of = [e["text"] for e in server.get(f"/jobs/{job}/events")["events"]]
    assert told_of.count(OVER_THE_LIMIT) == 1
    tail = server.ask("GET", f"/jobs/{job}/logs/1/0?tail=2")
    assert tail.body == b"line 019998\nline 019999\n"
    head = server.ask("GET", f"/jobs/{job}/logs/1/0")
    assert head.body.startswith(b"line 000000\n")
    offset = int(head.headers["x-log-offset"]) + len(head.body)
    rest = server.ask("GET", f"/jobs/{job}/logs/1/0?offset={offset}")
    assert rest.body.startswith(b"[launcher: ")
    assert int(rest.headers["x-log-offset"]) > offset
    agent.end()
    told = [json.loads(record.data) for record in server.story(job) if record.kind == "log"]
    followed = b"".join(base64.b64decode(one["data"]) for one in told)
    assert followed == head.body + rest.body


def test_bytes_that_agents_have_no_more_are_told_once_as_they_double(server, agent, job):
    agent.log(b"one\n")
    for number in range(4):
        piece = {"stream": "log", "attempt": 1, "rank": 0, "offset": 4 + number * 1000}
        head = [piece | {"size": 0, "skip": 1000, "why": "room"}]
        reply = agent.ask("POST", "/append", body=json.dumps(head).encode() + b"\n")
        assert reply.json()["lengths"] == [1004 + number * 1000]
    texts = [e["text"] for e in server.get(f"/jobs/{job}/events")["events"]]
    assert len([text for text in texts if "are missing: its node ran out of room" in text]) == 1

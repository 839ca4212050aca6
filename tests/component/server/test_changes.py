"""That something changed, told to pages that show many jobs."""

import pytest
from in_process import records
from players import API, TOKEN, Executor, bearer, node

from launcher.server.routes import changes


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    for name, seconds in (("_SETTLE_S", 0.0), ("_JOBS_EVERY_S", 0.0), ("_OUTPUT_EVERY_S", 0.01)):
        monkeypatch.setattr(changes, name, seconds)


@pytest.fixture
def listen(server):
    def listen(cursor=None):
        headers = bearer(TOKEN) | ({"Last-Event-ID": cursor} if cursor else {})
        return server.browser.open("GET", f"{API}/follow", headers=headers)

    return listen


def test_a_new_job_is_told_and_who_knows_the_newest_hears_nothing_again(server, listen):
    with listen() as stream:
        told = records(stream)
        assert next(told).kind == "ready"
        server.new_job()
        newest = next(told)
        assert (newest.kind, newest.data) == ("changed", '{"output": false}')
    with listen(newest.id) as stream:
        assert next(records(stream)).kind == "ready"


def test_who_was_away_meanwhile_hears_that_something_changed(server, listen):
    with listen() as stream:
        known = next(records(stream)).id
    server.new_job()
    with listen(known) as stream:
        assert next(records(stream)).kind == "changed"
    with listen("of-another-life.7") as stream:
        assert next(records(stream)).kind == "changed"


def test_what_programs_report_is_told_as_that(server, listen, agent):
    agent.sync(attempt=1, started=1)
    with listen() as stream:
        told = records(stream)
        next(told)
        agent.points(1, loss=0.5)
        assert next(told).data == '{"output": true}'


def test_nodes_that_come_are_told(server, listen):
    with listen() as stream:
        told = records(stream)
        next(told)
        Executor(server).report(node("n1"))
        assert next(told).kind == "changed"


def test_as_long_as_nothing_happens_it_is_told_that_the_connection_lives(listen, monkeypatch):
    monkeypatch.setattr(changes, "KEEP_ALIVE_S", 0.01)
    with listen() as stream:
        assert stream.get()["status"] == 200
        blocks = stream.blocks()
        next(blocks)
        assert next(blocks) == b": still here\n\n"

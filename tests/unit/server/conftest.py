from __future__ import annotations

import contextlib
import shutil

import pytest
from in_process import Browser
from players import TOKEN, Agent, Clock, Executor, Server, node
from sqlalchemy import Engine, event

from launcher.server.app import make_app
from launcher.server.floor import Floor
from launcher.server.settings import Settings
from launcher.store import open_store


@pytest.fixture(scope="session")
def fresh_state(tmp_path_factory):
    """The folder of a new store: copying it is a hundred times faster than migrating again."""
    folder = tmp_path_factory.mktemp("fresh") / "state"
    open_store(folder).close()
    return folder


@pytest.fixture
def store(tmp_path, fresh_state):
    store = open_store(shutil.copytree(fresh_state, tmp_path / "state"))
    yield store
    store.close()


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "state", "http://127.0.0.1:80", TOKEN, embedded=True)


@pytest.fixture
def no_scheduler(monkeypatch):
    """Nothing is placed until a test calls `Server.cycle`."""

    async def rest(*_):
        pass

    monkeypatch.setattr("launcher.server.app.schedule_for_ever", rest)


@pytest.fixture(scope="session")
def routes(fresh_state):
    """An application that answers for those of all tests: its routes take long to build."""
    with contextlib.closing(open_store(fresh_state)) as store:
        return make_app(store, Settings(fresh_state, "", ""), Floor())


@pytest.fixture
def server(store, settings, no_scheduler, routes):
    monotonic = Clock(1000.0)
    app = make_app(store, settings, Floor(monotonic))
    routes.state = app.state
    with Browser(routes, living=app) as browser:
        yield Server(browser, app, Clock(1_700_000_000.0), monotonic)


@pytest.fixture
def executor(server):
    """Of the one cluster, which has two nodes of four cores."""
    executor = Executor(server)
    executor.report(node("n1"), node("n2"))
    return executor


@pytest.fixture
def job(server, executor):
    """Id of a job that is granted: two ranks on node n1."""
    job = server.new_job()
    server.cycle()
    return job


@pytest.fixture
def agent(server, executor, job):
    """The only one of the job's allocation, registered and granted attempt 1."""
    (wanted,) = executor.desired()["allocations"]
    agent = Agent(server, wanted)
    assert agent.sync()["grant"] == 1
    return agent


@pytest.fixture
def count_queries():
    """What was asked of the databases while a block ran."""

    @contextlib.contextmanager
    def counting():
        asked = []

        def note(_connection, _cursor, statement, *_):
            if statement.startswith("SELECT"):
                asked.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            yield asked
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    return counting

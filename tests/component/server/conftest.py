from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from in_process import Browser
from kube_server import KubeServer
from play_kubernetes import Gke, attach
from play_operator import Operator
from players import TOKEN, Agent, Clock, Executor, Server, node
from sqlalchemy import Engine, event

from launcher.server.app import life_of, make_app
from launcher.server.floor import Floor
from launcher.server.settings import Settings


@pytest.fixture(scope="session")
def granted(fresh_state, open_unsynced, routes, tmp_path_factory):
    """A state in which an executor has two nodes of four cores, and a job of two ranks is granted.

    Tests get a copy of it: to bring it about costs ten requests.
    """
    folder = shutil.copytree(fresh_state, tmp_path_factory.mktemp("granted") / "state")
    with running(folder, open_unsynced(folder), routes) as server:
        executor = Executor(server)
        executor.report(node("n1"), node("n2"))
        job = server.new_job()
        server.cycle()
        (wanted,) = executor.desired()["allocations"]
    return Granted(folder, executor.fence, job, wanted)


class Granted(NamedTuple):
    folder: Path
    fence: int
    job: str
    wanted: dict[str, Any]


@pytest.fixture(scope="session")
def routes(fresh_state, open_unsynced):
    """An application that answers for those of all tests: its routes take long to build."""
    with contextlib.closing(open_unsynced(fresh_state)) as store:
        return make_app(store, Settings(fresh_state, "", ""), Floor())


@contextlib.contextmanager
def running(folder, store, routes):
    """A server on that state; closes it. Nothing is placed until `Server.cycle` is called."""
    settings = Settings(folder, "http://127.0.0.1:80", TOKEN, embedded=True)
    monotonic = Clock(1000.0)
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(store):
        patch.setattr("launcher.server.app.schedule_for_ever", rest)
        patch.setattr("launcher.server.app.retain_for_ever", rest)
        patch.setattr("launcher.server.app.send_for_ever", rest)
        with Browser(routes, life_of(store, settings, Floor(monotonic))) as browser:
            yield Server(browser, routes, Clock(1_700_000_000.0), monotonic)


async def rest(*_):
    pass


@pytest.fixture(scope="session")
def run_server():
    """`running`, for a module whose tests share a server."""
    return running


@pytest.fixture
def server(request, stage, fresh_state, routes):
    """Of a new state, or of `granted` for tests of a granted job."""
    origin = fresh_state
    if "job" in request.fixturenames:
        origin = request.getfixturevalue("granted").folder
    with running(stage.folder, stage.fill(origin), routes) as server:
        yield server


@pytest.fixture
def executor(request, server):
    """Of the one cluster, which has two nodes of four cores."""
    fence = request.getfixturevalue("granted").fence if "job" in request.fixturenames else None
    executor = Executor(server, fence=fence)
    executor.report(node("n1"), node("n2"))
    return executor


@pytest.fixture
def job(granted):
    """Id of a job that is granted: two ranks on node n1."""
    return granted.job


@pytest.fixture
def agent(server, job, granted):
    """The only one of the job's allocation, registered and granted attempt 1."""
    agent = Agent(server, granted.wanted)
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


@pytest.fixture
def kube(tmp_path, monkeypatch):
    with KubeServer() as kube:
        monkeypatch.setenv("LAUNCHER_KUBECONFIG", str(kube.kubeconfig(tmp_path)))
        yield kube


@pytest.fixture
def operator(kube):
    return Operator(kube)


@pytest.fixture
def gke(server, kube, operator):
    assert attach(server)[-1] == {"done": True}
    return Gke(server, kube, operator)

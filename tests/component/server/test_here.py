"""What an embedded server sees on its own machine before a job waits for it."""

from dataclasses import replace

import pytest
from players import Executor, node


@pytest.fixture
def shared(server, monkeypatch):
    """The same server, as one that is no user's own."""
    settings = replace(server.services.settings, embedded=False)
    services = replace(server.services, settings=settings)
    monkeypatch.setattr(server.app.state, "services", services)
    return server


def test_a_job_in_place_is_bound_to_this_machine(server, executor, tmp_path):
    job = server.new_job(in_place=True, workdir=str(tmp_path))
    shown = server.show(job)
    assert shown["cluster"] == "local"
    server.cycle()
    (wanted,) = executor.desired()["allocations"]
    setup = server.ask("GET", f"/agent/setup/{wanted['id']}", token=wanted["token"]).json()
    assert (setup["launch"]["in_place"], setup["launch"]["code"]) == (str(tmp_path), "")


def test_a_folder_that_is_not_here_is_refused(server, tmp_path):
    reply = server.submit(in_place=True, workdir=str(tmp_path / "gone"))
    assert reply.status == 422
    assert reply.error == f"in_place: there is no folder {tmp_path}/gone on this machine"


def test_in_place_is_refused_where_the_nodes_are_elsewhere(server, shared, tmp_path):
    reply = shared.submit(in_place=True, workdir=str(tmp_path))
    assert reply.status == 422
    assert reply.error == "in_place: the nodes of this server cannot see your folder"
    assert "unset LAUNCHER_SERVER" in reply.json()["hint"]


def test_in_place_is_refused_on_another_cluster(server, tmp_path):
    reply = server.submit(in_place=True, workdir=str(tmp_path), cluster="prod")
    assert reply.error == "in_place: only the cluster local is on this machine, not prod"


def test_targets_of_links_are_looked_for_all_at_once(server, executor, tmp_path):
    links = {"a": str(tmp_path), "b": "/nowhere/b", "c": "/nowhere/c"}
    reply = server.submit(links=links)
    assert reply.status == 422
    assert reply.error.splitlines() == [
        f"links.{name}: /nowhere/{name} does not exist on this machine" for name in "bc"
    ]
    assert server.submit(links={"a": str(tmp_path)}).status == 201


def test_links_of_a_job_that_may_run_elsewhere_are_left_to_the_nodes(server, executor):
    Executor(server, "prod").report(node("p1"))
    assert server.submit(links={"b": "/nowhere/b"}).status == 201
    assert server.submit(links={"b": "/nowhere/b"}, cluster="local").status == 422


def test_links_on_a_shared_server_are_left_to_the_nodes(server, shared):
    assert shared.submit(links={"b": "/nowhere/b"}).status == 201

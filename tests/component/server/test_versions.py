"""Executors and agents of another release than the server's: served, sent away, or kept waiting"""

import pytest

from launcher import __version__
from launcher.model import versions
from launcher.server import agents as agents_module


@pytest.fixture
def third_release(executor, agent, monkeypatch):
    """The server is upgraded to version 3 of the wire, and serves 2 too; executor and agent run."""
    for module in (versions, agents_module):
        monkeypatch.setattr(module, "WIRE_VERSION", 3)
        monkeypatch.setattr(module, "OLDEST_WIRE", 2)


def open_session(server, hello, wire):
    return server.ask("POST", "/executor/session", data=hello | {"cluster": "lab", "wire": wire})


@pytest.mark.parametrize("wire", [2, 3])
def test_executors_of_this_release_and_of_the_one_before_are_served(
    server, executor, third_release, wire
):
    assert open_session(server, executor.hello, wire).status == 200


@pytest.mark.parametrize(
    ("wire", "next_step"),
    [(1, f"upgrade it to launcher {__version__}"), (4, "upgrade the server first")],
)
def test_other_executors_are_told_both_versions_and_the_next_step(
    server, executor, third_release, wire, next_step
):
    reply = open_session(server, executor.hello, wire)
    assert reply.status == 409
    assert reply.error == (
        f"this server (launcher {__version__}) speaks version 2 and 3 of the protocol, "
        f"the executor of cluster 'lab' on head (launcher {executor.hello['launcher_version']}) "
        f"{wire}"
    )
    assert reply.json()["hint"].startswith(next_step)


def test_a_cluster_tells_why_its_executor_is_not_served_until_one_is(
    server, executor, third_release
):
    hello = executor.hello | {"replaces": executor.fence}
    reply = server.ask("POST", "/executor/session", data=hello | {"wire": 1})
    assert reply.error in note(server)
    assert server.ask("POST", "/executor/session", data=hello | {"wire": 3}).status == 200
    assert note(server) == ""


def note(server):
    (cluster,) = server.get("/server")["clusters"]
    return cluster["note"]


def test_an_agent_of_the_release_before_goes_on(agent, third_release):
    agent.status["wire"] = 2
    orders = agent.sync()
    assert (orders["grant"], orders["close"]) == (1, False)


def test_an_agent_of_an_older_release_is_told_to_close_and_its_job_begins_again(
    server, agent, third_release
):
    agent.status["wire"] = 1
    assert agent.sync()["close"]
    agent.status |= {"quiet": 1, "closed": "the server says so"}
    agent.sync()
    job = server.show(agent.job)
    assert job["state"] == "QUEUED"
    told = [event["text"] for event in server.get(f"/jobs/{agent.job}/events")["events"]]
    assert any("of the protocol, the agent of node 0 1" in text for text in told), told


def test_an_agent_of_a_newer_release_is_asked_to_wait_for_the_server(server, agent, third_release):
    before = server.show(agent.job)
    agent.status |= {"wire": 4, "quiet": 1, "closed": "something that this server does not know"}
    reply = agent.send()
    assert reply.status == 409
    assert reply.json()["hint"].startswith("upgrade the server first")
    assert server.show(agent.job)["state"] == before["state"]

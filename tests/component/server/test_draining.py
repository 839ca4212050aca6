"""Nodes that are about to go: by whose word, what becomes of jobs there, and of those that wait."""

import pytest
from players import Agent, Executor, node

from launcher.server.draining import Draining


@pytest.fixture
def lab(server):
    return Lab(server)


class Lab:
    """A cluster of two nodes of 4 CPUs, and its executor."""

    def __init__(self, server):
        self.server, self.executor = server, Executor(server)
        self.nodes = [node("n1"), node("n2")]
        self.executor.report(*self.nodes)

    def running(self, **spec):
        job = self.server.new_job(**spec)
        self.server.cycle()
        wanted = self.executor.desired()["allocations"][-1]
        agents = [
            Agent(self.server, wanted, one["index"], f"10.0.0.{one['index']}:7000")
            for one in wanted["nodes"]
        ]
        for agent in agents:
            agent.sync()
        for agent in agents:
            agent.sync(attempt=1, started=1)
        assert self.server.show(job)["state"] == "RUNNING"
        return job, agents

    def on(self, job):
        return {one["node_id"] for one in self.server.show(job)["nodes"]}

    def drain(self, name, **more):
        return self.server.ask("POST", "/drains", data={"node": name, "user": "ada"} | more)

    def undrain(self, name, **more):
        return self.server.ask("POST", "/drains/end", data={"node": name} | more)

    def left(self, job, agents):
        """The gang saved and stopped; what held it is given back."""
        for agent in agents:
            agent.sync(verdict={"ending": "FINISHED", "began": True}, quiet=1, closed="told to")
        assert self.server.show(job)["state"] == "QUEUED"
        self.report(allocations=[{"id": f"{job}.1", "state": "gone"}])

    def report(self, **more):
        self.executor.report(*self.nodes, **more)
        self.server.cycle()

    def shown(self):
        (cluster,) = self.server.get("/occupancy")["clusters"]
        return {one["node_id"]: one["leaving"] for one in cluster["nodes"]}


# --- by hand -------------------------------------------------------------------------------------


def test_a_drained_node_is_left_and_gets_nothing_until_it_is_undrained(lab):
    job, agents = lab.running(resources={"workers": 4})
    (place,) = lab.on(job)
    assert lab.drain(f"host-of-{place}", why="a new disk").status == 200
    lab.server.cycle()
    assert [agent.sync()["stop"] for agent in agents] == [True]
    words = f"host-of-{place} (drained by ada: a new disk)"
    lab.left(job, agents)
    (attempt, *_) = lab.server.show(job)["attempts"]
    assert (attempt["ending"], attempt["words"]) == (
        "NODE_DRAINED",
        f"a node was drained: {words}",
    )
    assert lab.shown()[place] == "drained by ada: a new disk"
    assert lab.on(job) == {"n1", "n2"} - {place}  # at once, with nobody's patience lost
    waits = lab.server.new_job(resources={"workers": 4})
    lab.server.cycle()
    why = lab.server.get(f"/jobs/{waits}/why")["text"]
    assert f"host-of-{place} is about to go (drained by ada: a new disk)" in why
    assert lab.undrain(f"host-of-{place}").status == 200
    lab.server.cycle()
    assert lab.on(waits) == {place}
    assert not any(lab.shown().values())


def test_what_runs_on_a_node_that_is_left_when_idle_ends_by_itself(lab):
    job, agents = lab.running(resources={"workers": 4})
    (place,) = lab.on(job)
    lab.drain(f"host-of-{place}", when_idle=True)
    lab.server.cycle()
    assert not agents[0].sync()["stop"]
    more = [lab.server.new_job(resources={"workers": 4}) for _ in range(2)]
    lab.server.cycle()
    states = sorted(lab.server.show(one)["state"] for one in more)
    assert states == ["QUEUED", "STARTING"]


def test_two_nodes_of_a_gang_are_drained_at_once_in_one_attempt(lab):
    job, agents = lab.running(resources={"workers": 8})
    assert lab.on(job) == {"n1", "n2"}
    for name in ("n1", "n2"):
        lab.drain(f"host-of-{name}")
    lab.server.cycle()
    lab.left(job, agents)
    (attempt,) = lab.server.show(job)["attempts"]
    assert attempt["words"] == (
        "a node was drained: host-of-n1 (drained by ada); host-of-n2 (drained by ada)"
    )
    why = lab.server.get(f"/jobs/{job}/why")["text"]
    assert "would have a place if no node left: host-of-n1 is about to go (drained by ada)" in why


def test_a_restart_of_the_server_forgets_no_drain(lab):
    lab.drain("host-of-n1", why="a new disk")
    floor = lab.server.control.floor.anew()
    with lab.server.store.read() as tx:
        floor.remember(tx)
    (view,) = floor.clusters()
    assert [one.leaving for one in view.nodes] == ["drained by ada: a new disk", ""]
    assert [one.words for one in Draining(lab.server.control).all()] == [
        "drained by ada: a new disk"
    ]


def test_who_is_meant_must_be_clear(lab):
    other = Executor(lab.server, "other")
    other.report(node("n1"), node("n3"))
    assert lab.drain("host-of-n9").json()["hint"] == "launcher top shows all nodes"
    reply = lab.drain("host-of-n1")
    assert reply.status == 409
    assert "host-of-n1 of cluster local, host-of-n1 of cluster other" in reply.json()["error"]
    assert lab.drain("host-of-n1", cluster="other").json()["cluster"] == "other"
    assert lab.undrain("host-of-n3").json()["hint"] == "drained by hand: host-of-n1"
    other.report(node("n3"))  # it is gone, and may come back
    assert lab.undrain("host-of-n1").json()["cluster"] == "other"
    assert lab.undrain("host-of-n1").json()["hint"] == "no node is drained by hand"


def test_a_machine_is_drained_by_its_name_whatever_ray_runs_on_it_later(lab):
    lab.drain("host-of-n1")
    again = node("n7") | {"host": "host-of-n1"}
    lab.executor.report(again, node("n2"))
    assert [bool(leaving) for _, leaving in sorted(lab.shown().items())] == [False, True]


def test_the_audit_has_who_drained_which_node(lab):
    lab.drain("host-of-n1")
    lab.undrain("host-of-n1")
    did = [(one["did"], one["thing"]) for one in lab.server.get("/audit")["entries"]]
    assert ("node.drain", "host-of-n1 of local") in did
    assert ("node.undrain", "host-of-n1 of local") in did


# --- by the word of Ray, and of nodes -------------------------------------------------------------


def test_a_node_that_its_executor_calls_leaving_is_left(lab):
    job, agents = lab.running(resources={"workers": 4})
    (place,) = lab.on(job)
    goes = {"n1": 0, "n2": 1}[place]
    lab.nodes[goes] |= {"leaving": "Ray drains it"}
    lab.report()
    assert agents[0].sync()["stop"]
    lab.left(job, agents)
    assert lab.on(job) == {"n1", "n2"} - {place}


def test_an_agents_own_word_holds_for_its_node_as_long_as_that_is_there(lab):
    job, agents = lab.running(resources={"workers": 4})
    (place,) = lab.on(job)
    agents[0].sync(leaving=f"host-of-{place} (Kubernetes ends pod x)")
    lab.server.cycle()
    assert lab.shown()[place] == "Kubernetes ends pod x"
    assert agents[0].sync()["stop"]
    lab.left(job, agents)
    assert lab.on(job) == {"n1", "n2"} - {place}
    lab.executor.report(*(one for one in lab.nodes if one["node_id"] != place))
    lab.report()  # another life of that node
    assert lab.shown()[place] == ""


def test_an_agent_of_a_released_version_says_nothing_of_it(lab):
    job, agents = lab.running(resources={"workers": 4})
    assert "leaving" not in agents[0].status
    lab.server.cycle()
    assert not any(lab.shown().values())
    assert lab.server.show(job)["state"] == "RUNNING"


@pytest.mark.parametrize("is_drained", [True, False])
def test_undraining_overrules_what_a_node_said_before(lab, is_drained):
    _, agents = lab.running(resources={"workers": 8})
    agents[0].sync(leaving="host (spot)")
    named = next(one for one, leaving in lab.shown().items() if leaving)
    if is_drained:
        lab.drain(f"host-of-{named}")
    lab.undrain(f"host-of-{named}")
    assert not any(lab.shown().values())

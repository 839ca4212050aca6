"""What an executor tells of an allocation, and when; Ray is what a cluster of it would answer."""

import threading
from queue import Queue

import pytest

from launcher.executor.channel import Listener, key_of
from launcher.executor.holding import Holding
from launcher.model.wire import WantedAllocation, WantedNode

ALLOCATION = WantedAllocation(
    "digits-k3m9ap.1", "digits-k3m9ap", "token", (WantedNode(0, "n1", 1, {"CPU": 1.0}),)
)
PATIENCE_S = 20.0


class Ray:
    """A cluster with room; its agents are of the test."""

    def __init__(self, address):
        self.address = address
        self.deeds = []

    def hold(self, _wanted, _timeout_s):
        self.deeds.append("hold")

    def start_agents(self, _wanted, configs, on_started):
        for index in configs:
            on_started(index, self.address)

    def kill_agent(self, _allocation, _index):
        self.deeds.append("kill")

    def release(self, _allocation):
        self.deeds.append("release")


class Agent:
    """Listens as an agent does, and leaves when it is asked to."""

    def __init__(self):
        self.linked, self.asked = threading.Event(), threading.Event()
        self.listener = Listener("127.0.0.1", key_of("token", ALLOCATION.id, 0), self._serve)

    def _serve(self, channel, _hello):
        channel.send({"asked_at": 1.0, "session": 1})  # which only one that is linked renews
        for message in channel.messages():
            if "renew" in message:
                self.linked.set()
            elif "close" in message:
                self.asked.set()
                self.listener.close()


@pytest.fixture
def agent():
    agent = Agent()
    yield agent
    agent.listener.close()


@pytest.fixture
def told():
    return Queue()


@pytest.fixture
def held(agent, told):
    held = Holding(ALLOCATION, Ray(agent.listener.address), {}, told.put, session=lambda: 1)
    assert told.get(timeout=PATIENCE_S) == "up"
    while not agent.linked.wait(0.01):
        held.renew()
    return held


def test_what_is_given_back_is_told_once_it_is_gone_and_not_on_the_way(held, agent, told):
    held.stop()
    assert told.get(timeout=PATIENCE_S) == "gone"
    assert agent.asked.is_set()
    assert told.empty()
    (report,) = held.report({"n1"}).agents
    assert report.state == "dead"
    assert held._ray.deeds == ["hold", "kill", "release"]


def test_an_agent_that_dies_while_it_is_wanted_is_told_at_once(held, agent, told):
    agent.listener.close()
    assert told.get(timeout=PATIENCE_S) == "up"
    (report,) = held.report({"n1"}).agents
    assert report.state == "dead"
    held.stop()
    assert told.get(timeout=PATIENCE_S) == "gone"

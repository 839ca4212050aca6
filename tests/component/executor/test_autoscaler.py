"""When an executor asks its autoscaler, and what it leaves alone; Ray itself is replaced."""

from __future__ import annotations

import pytest

from launcher.executor import autoscaler, pools
from launcher.executor.autoscaler import AGAIN_S, READ_EVERY_S, Autoscaler, config_file
from launcher.model.node import NodeReport
from launcher.model.pools import AskedNode

TWO = (AskedNode({"GPU": 1.0}, {"zone": "a"}, 2),)
TOLD = [{"resources": {"GPU": 1.0}, "labels": {"zone": "a"}}] * 2
CONFIG = {"max_workers": 2, "available_node_types": {"gpu": {"resources": {"GPU": 1}}}}


class Ray:
    """What is asked of it, in order, and the mark in its store."""

    def __init__(self):
        self.asked = []
        self.mark = []

    def request(self, nodes):
        assert self.mark == nodes
        self.asked.append(nodes)

    def put(self, nodes):
        self.mark = list(nodes)


@pytest.fixture
def ray(monkeypatch):
    fake = Ray()
    monkeypatch.setattr(autoscaler, "_request", fake.request)
    monkeypatch.setattr(autoscaler, "_asked_before", lambda: fake.mark)
    monkeypatch.setattr(autoscaler, "_mark", fake.put)
    monkeypatch.setattr(autoscaler, "_said", lambda: (pools.Said({"gpu": 1}), {"n1": "gpu"}))
    return fake


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(clock, ray):
    def make(find=lambda: CONFIG):
        made = Autoscaler(find, clock)
        made.look([])
        return made

    return make


def test_it_is_asked_once_again_after_a_while_and_told_when_nobody_waits_any_more(ray, make, clock):
    one = make()
    one.ask(TWO)
    one.ask(TWO)
    assert ray.asked == [TOLD]
    clock.now += AGAIN_S  # a head that was restarted has forgotten
    one.ask(TWO)
    assert ray.asked == [TOLD, TOLD]
    one.ask(())
    clock.now += AGAIN_S
    one.ask(())
    assert ray.asked == [TOLD, TOLD, []]


def test_what_an_executor_asked_for_that_was_killed_is_withdrawn_by_the_next_one(ray, make):
    make().ask(TWO)
    make().ask(())
    assert ray.asked == [TOLD, []]


def test_what_somebody_else_asked_for_is_left_alone(ray, make):
    make().ask(())
    assert ray.asked == []


def test_without_an_autoscaler_nothing_is_asked_and_nothing_is_told(ray, make):
    one = make(lambda: None)
    one.ask(TWO)
    assert ray.asked == []
    assert one.look([NodeReport("n1", "h", "", {}, {})])[1] is None


def test_nodes_and_pools_are_told_and_the_configuration_is_read_anew(ray, make, clock):
    reads = []
    one = make(lambda: reads.append(1) or CONFIG)
    (node,), found = one.look([NodeReport("n1", "h", "", {"GPU": 1.0}, {})])
    assert node.pool == "gpu"
    [pool] = found.pools
    assert (pool.most, pool.more, pool.coming) == (2, 1, 1)
    assert len(reads) == 1
    clock.now += READ_EVERY_S
    one.look([])
    assert len(reads) == 2


def test_a_configuration_that_cannot_be_read_for_a_while_stays_as_it_was(ray, make, clock):
    def find():
        if clock.now:
            raise OSError("the API is away")
        return CONFIG

    one = make(find)
    clock.now += READ_EVERY_S
    assert one.look([])[1] is not None


def test_an_autoscaler_of_which_nothing_can_be_read_is_waited_for_a_little(ray, clock):
    def find():
        raise OSError("this account may not read it")

    one = Autoscaler(find, clock)
    for _ in range(2):
        with pytest.raises(OSError, match="this account may not read it"):
            one.look([])
    assert one.look([NodeReport("n1", "h", "", {}, {})])[1] is None
    one.ask(TWO)
    assert ray.asked == []


def test_a_ray_that_does_not_answer_keeps_nobody_from_work(ray, make, monkeypatch):
    one = make()

    def fail(*_):
        raise TimeoutError("no answer")

    monkeypatch.setattr(autoscaler, "_said", fail)
    (node,), found = one.look([NodeReport("n1", "h", "", {"GPU": 1.0}, {})])
    assert (node.pool, found.pools[0].coming) == ("gpu", 1)
    with monkeypatch.context() as away:
        away.setattr(autoscaler, "_request", fail)
        one.ask(TWO)
    one.ask(TWO)
    assert ray.asked == [TOLD]


def test_the_autoscalers_file_is_found_by_the_clusters_address(tmp_path):
    processes = {
        "1": ["init"],
        "7": ["python", "monitor.py", "--gcs-address=10.0.0.1:6379"],
        "8": ["python", "monitor.py", "--gcs-address=10.0.0.9:6379", "--autoscaling-config=/other"],
        "9": ["python", "monitor.py", "--gcs-address=10.0.0.1:6379", "--autoscaling-config=/mine"],
    }
    for pid, words in processes.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text("\0".join(words) + "\0")
    (tmp_path / "self").mkdir()
    (tmp_path / "10").mkdir()  # it has just ended
    assert str(config_file("10.0.0.1:6379", tmp_path)) == "/mine"
    assert config_file("10.0.0.2:6379", tmp_path) is None

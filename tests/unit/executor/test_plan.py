"""What an executor begins: absence stops nothing, and nothing is begun twice."""

import pytest

from launcher.executor.plan import GiveBack, Make, plan, unproven
from launcher.model.wire import Desired, WantedAllocation, WantedNode


def wanted(name, *nodes):
    return WantedAllocation(name, name.partition(".")[0], "token", nodes)


A, B = wanted("a.1"), wanted("b.1")


def test_what_is_wanted_is_made_once():
    desired = Desired("", (A,))
    assert plan(desired, held=[], stopping=[]) == [Make(A)]
    assert plan(desired, held=["a.1"], stopping=[]) == []


def test_absence_stops_nothing():
    assert plan(Desired(""), held=["a.1", "b.1"], stopping=[]) == []


def test_what_is_to_stop_is_given_back_once_even_if_it_is_not_held():
    desired = Desired("", (), (A,))
    assert plan(desired, held=[], stopping=[]) == [GiveBack(A)]
    assert plan(desired, held=["a.1"], stopping=["a.1"]) == []


@pytest.mark.parametrize("desired", [Desired("", (A,), (A,)), Desired("", (A,))])
def test_what_is_on_its_way_back_is_not_made(desired):
    assert plan(desired, held=[], stopping=["a.1"]) == []


def test_one_allocation_goes_while_another_comes():
    assert plan(Desired("", (B,), (A,)), ["a.1"], []) == [GiveBack(A), Make(B)]


@pytest.mark.parametrize(
    ("node", "dead", "waits"),
    [
        (WantedNode(0, "n", 1, {}, "10.0.0.1:7"), [], True),
        (WantedNode(0, "n", 1, {}, "10.0.0.1:7"), [0], False),
        (WantedNode(0, "n", 1, {}, "10.0.0.1:7", over=True), [], False),
        (WantedNode(0, "n", 1, {}), [], False),
    ],
    ids=["heard of", "proven dead", "over at the server", "never registered"],
)
def test_an_allocation_is_given_back_when_no_rank_can_run_on_its_nodes(node, dead, waits):
    assert bool(unproven(wanted("a.1", node), dead)) is waits

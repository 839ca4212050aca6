"""Schedules that once broke a promise, each on its own. Every turn of the world checks them all."""

from __future__ import annotations

import signal

import pytest
from sim_agent import Agent
from sim_node import Program
from sim_world import ORPHAN_S, World

from launcher.executor.core import Launch
from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import AllocationState
from launcher.model.states import JobState

LEASE_AND_MARGIN_S = 42.0
FOR_EVER = Program(runs_s=1e9)


@pytest.fixture
def world():
    made = []

    def make(nodes=1, *programs, on=None, **policy):
        world = World(nodes)
        made.append(world)
        world.submit(*(programs or [FOR_EVER]), nodes=on or nodes, **policy)
        return world

    yield make
    for one in made:
        try:
            one.finish()
        finally:
            one.close()


def attempt(world):
    return world.job("job-0").attempt


def node_of(world):
    return world.live_ranks() and world.job("job-0").allocation.slots[0].node_id


def cut(world, one, *others):
    world.net.cuts |= {frozenset((one, other)) for other in others}


# --- leases --------------------------------------------------------------------------------------


def test_the_ranks_of_an_agent_that_stands_still_are_dead_before_it_counts_as_dead(world):
    """SIGSTOP of the agent leaves its ranks running: the keeper must end them."""
    world = world(2, on=1)
    world.run_until("ranks")
    world.agents()[0].is_stopped = True
    world.run(LEASE_AND_MARGIN_S + 10)
    assert attempt(world).number == 2
    assert world.live_ranks()


def test_an_agent_that_stood_still_between_decision_and_start_starts_nothing(world):
    world = world(2, on=1)
    while not world.agents():
        world.run(0.5)
    world.agents()[0].freezes_at = Launch
    world.run(10.0)
    stopped = world.agents()[0]
    assert stopped.is_stopped
    world.run(LEASE_AND_MARGIN_S + 10)
    stopped.is_stopped = False
    world.run(5.0)
    assert attempt(world).number == 2


def test_a_lease_that_ran_out_is_not_revived_by_a_late_renewal(world):
    world = world(1)
    world.run_until("ranks")
    agent = world.agents()[0]
    core, now = agent.core, agent.now()
    core.executor_says(10**6, core.session, now + 31, now + 31)
    assert core._closing


def test_a_link_of_which_the_agent_never_heard_gives_no_lease(world):
    """Connected, but the first message lost: the agent runs on, and is not declared dead."""
    world = world(2, on=1)
    world.run_until("ranks")
    node = node_of(world)
    cut(world, node, "server")
    world.kill_executors()
    world.run(2.0)
    world.start_executor(knows=True)
    while not world.executors[-1].holdings:
        world.executors[-1].turn()
    for line in next(iter(world.executors[-1].holdings.values()))._lines.values():
        line.turn()
        assert line.channel is not None
    cut(world, node, "x0")
    world.run(LEASE_AND_MARGIN_S + 30)
    assert attempt(world).number == 1
    assert world.live_ranks()


def test_a_report_that_comes_late_declares_nobody_dead_who_was_renewed_since(world):
    world = world(2, on=1)
    world.run_until("ranks")
    world.run(4.0)
    node = node_of(world)
    cut(world, node, "x0")
    world.run(LEASE_AND_MARGIN_S)
    world.net.faults["x0 report"] = "hold request"
    world.run(1.0)
    world.net.cuts.clear()
    world.run(4.0)
    cut(world, node, "server")
    world.run(LEASE_AND_MARGIN_S)
    world.net.held.pop()()
    world.check()
    assert attempt(world).number == 1


def test_an_executor_whose_session_is_over_renews_no_lease(world):
    """Else the one that took over would see silence where the old one keeps ranks alive."""
    world = world(2, on=1)
    world.run_until("ranks")
    node = node_of(world)
    world.executors[-1].is_stopped = True
    world.start_executor(knows=False)
    world.run(30.0)
    assert world.agents()[0].core.session == world.executors[-1].fence > world.executors[0].fence
    cut(world, node, "server", "x1")
    cut(world, "server", "x0")
    world.executors[0].is_stopped = False
    world.run(LEASE_AND_MARGIN_S + 20)
    assert attempt(world).number == 2


def test_an_executor_that_is_back_before_the_server_does_not_end_the_ranks(world):
    """The lease ran out while nobody was linked, which is no matter; the link begins a new one."""
    world = world(1)
    world.run_until("ranks")
    cut(world, "n0", "server")
    world.kill_executors()
    world.run(LEASE_AND_MARGIN_S)
    world.start_executor(knows=True)
    world.run(20.0)
    assert world.agents()[0].core.executor_linked
    assert attempt(world).number == 1
    assert world.live_ranks()


def test_an_executor_that_the_server_does_not_hear_keeps_no_rank_alive_for_ever(world):
    world = world(1)
    world.run_until("ranks")
    cut(world, "server", "x0", "n0")
    world.run(ORPHAN_S + 60)
    assert world.live_ranks() == []


def test_an_agent_without_server_leaves_although_it_could_not_ship(world):
    world = world(1)
    world.run_until("ranks")
    world.kill_server()
    world.kill_executors()
    world.run(ORPHAN_S + 30)
    assert world.agents() == []


def test_an_agent_that_was_made_a_second_time_runs_nothing(world):
    """The first one registered and died; the executor had older wishes, without its address."""
    world = world(1)
    world.run_until("ranks")
    first = world.agents()[0]
    first.kill()
    world.kill_executors()
    second = Agent(world, first.node, first.allocation, 0, 99)
    first.node.agents.append(second)
    world.run(30.0)
    assert world.agents() == []
    assert world.live_ranks() == []


# --- proofs of death -----------------------------------------------------------------------------


def test_an_address_does_not_refuse_while_its_ranks_are_being_buried(world):
    world = world(2, on=1)
    world.run_until("ranks")
    world.agents()[0].kill(burial_s=8.0)
    world.run(6.0)
    assert attempt(world).number == 1
    world.run(30.0)
    assert attempt(world).number == 2


def test_resources_given_back_prove_nothing_of_an_agent_that_was_not_heard(world):
    """Its executor was cut off right after it made the agent, which registered by itself."""
    world = world(2, on=1)
    while not world.nodes["n0"].agents and not world.nodes["n1"].agents:
        world.run(0.5)
    node = next(name for name, n in world.nodes.items() if n.agents)
    cut(world, node, "x0")
    world.run_until("ranks")
    cut(world, node, "server")
    world.run(100.0)
    assert world.job("job-0").allocation.state is AllocationState.STOPPING
    assert attempt(world).number == 1
    world.run(ORPHAN_S)
    assert attempt(world).number == 2


def test_a_lost_machine_whose_executor_died_with_it_holds_its_job_for_hours_not_for_ever(world):
    """No executor is linked to it, none can prove its death, and none is missing either."""
    world = world(2, on=1)
    world.run_until("ranks")
    node = node_of(world)
    world.power_off(node)
    world.kill_executors()
    world.start_executor(knows=True)
    world.run(LEASE_AND_MARGIN_S + 20)
    assert attempt(world).number == 1
    world.run(ORPHAN_S)
    assert attempt(world).number == 2
    assert world.live_ranks()


def test_an_allocation_on_a_machine_that_never_comes_back_is_given_back(world):
    world = world(2, Program(runs_s=5.0), on=1)
    world.run_until("ranks")
    node = node_of(world)
    world.run_until("SUCCEEDED")
    world.kill_executors()
    world.power_off(node)
    world.run(5.0)
    world.start_executor(knows=True)
    world.run(60.0)
    assert world.job("job-0").allocation.state is AllocationState.GONE


# --- gangs ---------------------------------------------------------------------------------------


def test_a_group_that_a_late_answer_brought_back_is_given_back(world):
    """Its executor died before it made an agent there: nobody would ever have removed it."""
    world = world(1, Program(runs_s=1.0))
    world.run_until("SUCCEEDED")
    while world.ray.groups:
        world.run(1.0)
    world.kill_executors()
    world.ray.groups.add("job-0.1")
    world.start_executor(knows=True)
    world.run(30.0)
    assert world.ray.groups == set()


def test_a_gang_ends_although_one_of_its_agents_never_came(world):
    """The leader waited for the slot that the server had closed: nobody told it."""
    world = world(3)
    while attempt(world) is None:
        world.run(0.5)
    cut(world, "n0", "server", "x0", "n1", "n2")
    world.run(20.0)
    world.server.change("job-0", lambda job: lifecycle.stop(job, Ending.START_TIMEOUT, 1e9))
    world.run(30.0)
    assert world.job("job-0").attempt.is_over or world.job("job-0").attempt.number > 1


def test_a_gang_whose_nodes_hear_the_server_but_not_each_other_ends(world):
    """The leader's stop never came to the other node, whose lease the server renewed for ever."""
    world = world(3, on=2)
    world.run_until("ranks")
    leader, other = (slot.node_id for slot in world.job("job-0").allocation.slots)
    cut(world, leader, other)
    [rank] = [rank for rank in world.live_ranks() if rank.index == 0]
    rank.hear(signal.SIGKILL)
    world.run(60.0)
    assert attempt(world).number == 2


def test_a_cancel_overrules_the_timeout_that_is_under_way(world):
    world = world(1, Program(runs_s=1e9, ignores_term=True), run_timeout_s=20.0)
    world.run_until("ranks")
    while attempt(world).stopping is None:
        world.run(1.0)
    world.server.change("job-0", lambda job: lifecycle.cancel(job, 1e9, by="somebody"))
    world.run_until("CANCELLED")
    assert attempt(world).verdict.ending is Ending.CANCELLED_BY_USER


def test_a_running_job_is_not_queued_again(world):
    world = world(1)
    world.run_until("RUNNING")
    with pytest.raises(lifecycle.IllegalTransitionError):
        world.server.change("job-0", lambda job: lifecycle.retry(job, 1e9, by="somebody"))
    assert world.state() is JobState.RUNNING


def test_a_program_that_failed_is_tried_again_in_its_allocation(world):
    world = world(2, Program(runs_s=3.0, code=1), Program(runs_s=3.0), max_retries=1)
    world.run_until("SUCCEEDED", limit_s=90.0)
    assert (attempt(world).number, attempt(world).allocation) == (2, 1)
    assert len(world.database.points) == 4


def test_all_that_was_reported_arrives_once_although_every_shipment_goes_wrong(world):
    world = world(1, Program(runs_s=30.0))
    world.run_until("ranks")
    name = f"{world.agents()[0].name} ships"
    for fault in ("lose answer", "double", "hold request", "hold answer", "lose request") * 4:
        world.net.faults[name] = fault
        world.run(1.0)
        if world.net.held:
            world.net.held.pop(0)()
    world.run_until("SUCCEEDED")
    (points,) = world.database.points.values()
    (written,) = world.nodes["n0"].spools.values()
    assert len(points) == written.count(b"\n")

"""Raylets that die, stand still and come back; each test has Ray nodes of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from stack import PROGRAMS, Stack

from launcher.clusters import _processes

pytestmark = pytest.mark.slow


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A head that carries nothing, and two nodes that may go."""
    (tmp_path / "nodes").mkdir()
    with (
        RayNodes(tmp_path / "nodes", cpus=[2, 2, 2]) as nodes,
        RayView(nodes.address, tmp_path / "view.log") as view,
    ):
        stack = Stack(tmp_path, nodes, view)
        try:
            stack.start()
            wait_until(lambda: len(_nodes(stack)) == 3, "three nodes")
            yield stack
            stack.clean_up()
            stack.assert_nothing_is_left()
        finally:
            stack.end()


def _nodes(stack: Stack) -> set[str]:
    return {n.node_id for cluster in stack.client.server().clusters for n in cluster.nodes}


def begin(stack: Stack, diary: Diary) -> tuple[str, int]:
    """A job on two nodes that has a checkpoint, and the number of a node of it (not the head)."""
    env = {"DIARY": str(diary.folder)}
    job = stack.submit(PROGRAMS / "meet.py", placement="spread", env=env)
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    number = max(stack.nodes.node_ids.index(node.node_id) for node in stack.client.job(job).nodes)
    assert number > 0
    return job, number


def await_next_attempt(stack: Stack, diary: Diary, job: str, struck_at: float, what: str) -> None:
    """Wait for the first steps of a later attempt, and tell how long they took to come."""
    stack.wait_for(job, lambda: diary.newest() > 1, "the next attempt")
    took_s = diary.began(diary.newest()) - struck_at
    print(f"\nRECOVERY {what}: first step of the next attempt: {took_s:.2f} s")


def end(stack: Stack, diary: Diary, job: str) -> None:
    diary.finish()
    stack.wait(job, "SUCCEEDED")
    assert_every_point_once(stack.client, job, diary)


def test_a_raylet_that_stands_still_and_comes_back_costs_at_most_one_attempt(
    own_stack: Stack, diary: Diary
) -> None:
    """Ray declares its node dead; the ranks there run on, and nobody starts them elsewhere."""
    stack = own_stack
    job, number = begin(stack, diary)
    with machine.Sampler(job) as sampler:
        stack.nodes.pause(number)
        lost = stack.nodes.node_ids[number]
        stack.wait_for(job, lambda: lost not in _nodes(stack), "that Ray gives the node up")
        steps = len(diary.steps()[1, 0])
        stack.wait_for(job, lambda: len(diary.steps()[1, 0]) > steps + 50, "steps all the same")
        assert len(stack.client.job(job).attempts) == 1
        stack.nodes.resume(number)  # the raylet hears that it is dead, and ends with its workers
        struck_at = time.time()
        await_next_attempt(stack, diary, job, struck_at, "a raylet came back")
        end(stack, diary, job)
    assert not sampler.overlaps
    assert not diary.overlaps()


def test_a_job_ends_well_while_a_raylet_stands_still(own_stack: Stack, diary: Diary) -> None:
    stack = own_stack
    job, number = begin(stack, diary)
    stack.nodes.pause(number)
    lost = stack.nodes.node_ids[number]
    stack.wait_for(job, lambda: lost not in _nodes(stack), "that Ray gives the node up")
    end(stack, diary, job)
    assert len(stack.client.job(job).attempts) == 1
    stack.nodes.resume(number)


def test_a_lost_machine_costs_one_attempt_on_the_others(own_stack: Stack, diary: Diary) -> None:
    stack = own_stack
    job, number = begin(stack, diary)
    with machine.Sampler(job) as sampler:
        stack.nodes.lose(number)
        struck_at = time.time()
        await_next_attempt(stack, diary, job, struck_at, "a node was lost")
        diary.finish()
        ended = stack.wait(job, "SUCCEEDED")
    assert not sampler.overlaps
    assert not diary.overlaps()
    assert ended.attempts[0].ending in {"WORKER_LOST", "NODE_LOST"}


@pytest.mark.parametrize("frozen", ["agent", "agent, keeper and rank"])
def test_an_agent_that_stands_still_is_given_up_after_its_lease(
    own_stack: Stack, diary: Diary, frozen: str
) -> None:
    """Its keeper ends the ranks in time; where all stand still, the ranks end when they wake."""
    stack = own_stack
    job, _ = begin(stack, diary)
    rank = machine.ranks(job)[1]
    keeper = machine.parent(rank)
    agent = machine.process(machine.parent(keeper))
    still = [agent] if frozen == "agent" else [*map(machine.process, (rank, keeper)), agent]
    with machine.Sampler(job) as sampler:
        for process in still:
            _processes.send(process, signal.SIGSTOP)
        struck_at = time.time()
        await_next_attempt(stack, diary, job, struck_at, f"{frozen} fell silent")
        for process in still:
            _processes.send(process, signal.SIGCONT)
        wait_until(lambda: not any(map(_processes.alive, still)), "the end of what stood still")
        end(stack, diary, job)
    if frozen == "agent":
        assert not sampler.overlaps
        assert not diary.overlaps()


def test_an_elastic_job_goes_on_with_the_machines_that_are_left(
    own_stack: Stack, diary: Diary
) -> None:
    stack, client = own_stack, own_stack.client
    job = stack.submit(
        PROGRAMS / "meet.py",
        resources={"workers": {"min": 2, "max": 3}, "cpus_per_worker": 2},
        env={"DIARY": str(diary.folder)},
    )
    stack.wait_for(job, lambda: client.checkpoints(job), "a checkpoint")
    assert client.job(job).workers == 3
    lost = next(node.node_id for node in client.job(job).nodes if 0 not in node.ranks)
    number = stack.nodes.node_ids.index(lost)
    stack.nodes.lose(number if number > 0 else 2)
    struck_at = time.time()
    await_next_attempt(stack, diary, job, struck_at, "an elastic job lost a node")
    assert client.job(job).workers == 2
    diary.finish()
    stack.wait(job, "SUCCEEDED")
    assert not diary.overlaps()

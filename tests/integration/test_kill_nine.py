"""SIGKILL to each process of a running job, one at a time: nothing is lost, nothing runs twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from stack import PROGRAMS, Stack

from launcher.views import JobView


class Training:
    """A job of programs/meet.py on two nodes, watched from its first step to its end."""

    def __init__(self, stack: Stack, diary: Diary, job: str) -> None:
        self.stack, self.diary, self.job = stack, diary, job

    def await_checkpoint(self) -> None:
        client = self.stack.client
        self.stack.wait_for(self.job, lambda: client.checkpoints(self.job), "a checkpoint")

    def await_next_attempt(self, struck_at: float, what: str) -> None:
        """Wait for the first steps of a later attempt, and tell how long they took to come."""
        self.stack.wait_for(self.job, lambda: self.diary.newest() > 1, "the next attempt")
        began_at = self.diary.began(self.diary.newest())
        tell(f"{what}: first step of the next attempt", began_at - struck_at)

    def await_points(self) -> None:
        """Wait until the server has points of steps that were not done yet when it was asked."""
        done = max(step for steps in self.diary.steps().values() for step in steps)

        def has_newer() -> bool:
            progress = self.stack.client.job(self.job).progress
            return progress is not None and progress.step > done + 5

        self.stack.wait_for(self.job, has_newer, "newer points")

    def end(self) -> JobView:
        self.diary.finish()
        ended = self.stack.wait(self.job, "SUCCEEDED")
        assert_every_point_once(self.stack.client, self.job, self.diary)
        assert not self.diary.overlaps()
        for earlier, later in pairwise(ended.attempts):
            assert earlier.ended_at is not None
            assert later.granted_at is not None
            assert earlier.ended_at <= later.granted_at
        return ended


@pytest.fixture
def training(stack: Stack, diary: Diary) -> Iterator[Training]:
    job = stack.submit(
        PROGRAMS / "meet.py",
        placement="spread",
        retries=2,
        env={"DIARY": str(diary.folder)},
        timeouts={"grace": 1},
    )
    begun = Training(stack, diary, job)
    with machine.Sampler(job) as sampler:
        begun.await_checkpoint()
        yield begun
    assert sampler.looks > 5
    assert not sampler.overlaps


def tell(what: str, seconds: float) -> None:
    """A figure for people; machines and their load differ, so nothing is asserted of it."""
    print(f"\nRECOVERY {what}: {seconds:.2f} s")


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_stops_the_gang_and_the_job_resumes(training: Training, rank: int) -> None:
    ranks = machine.ranks(training.job)
    machine.kill(ranks[rank])
    struck_at = time.time()
    wait_until(lambda: not machine.ranks(training.job, attempt=1), "the end of the gang")
    tell(f"rank {rank} killed: its gang stopped", time.time() - struck_at)
    training.await_next_attempt(struck_at, f"rank {rank} killed")
    first, second = training.end().attempts
    assert (first.ending, first.first_failing) == ("KILLED", rank)
    assert first.allocation == second.allocation
    assert second.resume_step


@pytest.mark.parametrize("index", [0, 1])
def test_a_killed_agent_takes_its_ranks_along_and_the_job_resumes(
    training: Training, index: int
) -> None:
    ranks = machine.ranks(training.job)
    machine.kill(machine.agent_of(ranks[index]))
    struck_at = time.time()
    training.await_next_attempt(struck_at, f"agent of node {index} killed")
    first, second = training.end().attempts
    assert first.ending == "WORKER_LOST"
    assert second.allocation == first.allocation + 1
    assert second.resume_step


def test_a_killed_keeper_takes_its_ranks_along_and_the_job_resumes(training: Training) -> None:
    ranks = machine.ranks(training.job)
    machine.kill(machine.parent(ranks[1]))
    training.await_next_attempt(time.time(), "keeper killed")
    first, second = training.end().attempts
    assert first.allocation == second.allocation


def test_a_killed_executor_is_not_missed_and_the_next_one_takes_over(training: Training) -> None:
    stack = training.stack
    stack.executor.kill()
    struck_at = time.time()
    training.await_points()
    stack.start_executor()
    tell("executor killed: the next one speaks for the cluster", time.time() - struck_at)
    assert len(training.end().attempts) == 1


@pytest.mark.slow
def test_a_job_ends_and_leaves_nothing_without_an_executor(training: Training) -> None:
    stack = training.stack
    stack.executor.kill()
    assert len(training.end().attempts) == 1
    wait_until(lambda: not machine.marked(training.job), "the end of all processes")
    stack.start_executor()


def test_a_killed_server_is_not_missed_and_hears_everything_when_it_is_back(
    training: Training,
) -> None:
    stack = training.stack
    stack.server.kill()
    struck_at = time.time()
    before = len(training.diary.steps()[1, 0])
    wait_until(
        lambda: len(training.diary.steps()[1, 0]) > before + 50, "steps while the server is down"
    )
    started_at = time.time()
    stack.start_server()
    training.await_points()
    tell(f"server away for {started_at - struck_at:.1f} s: points again", time.time() - started_at)
    assert len(training.end().attempts) == 1


def test_a_rank_killed_while_the_server_is_down_costs_one_attempt(training: Training) -> None:
    stack = training.stack
    stack.server.kill()
    machine.kill(machine.ranks(training.job)[1])
    wait_until(lambda: not machine.ranks(training.job), "the end of the gang")
    stack.start_server()
    training.await_next_attempt(time.time(), "rank killed, server back")
    assert [attempt.ending for attempt in training.end().attempts] == ["KILLED", "FINISHED"]


@pytest.mark.slow
def test_server_and_executor_killed_together_leave_the_training_alone(training: Training) -> None:
    stack = training.stack
    stack.server.kill()
    stack.executor.kill()
    before = len(training.diary.steps()[1, 0])
    wait_until(lambda: len(training.diary.steps()[1, 0]) > before + 50, "steps without both")
    stack.start_server()
    stack.start_executor()
    training.await_points()
    assert len(training.end().attempts) == 1

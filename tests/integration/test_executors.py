"""Several executors of one cluster, clusters of one server, and allocations nobody asked for."""

from __future__ import annotations

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from stack import PROGRAMS, Stack

pytestmark = pytest.mark.slow  # each waits until the server gives a dead executor up


def test_a_second_executor_waits_and_takes_over_when_the_first_dies(
    stack: Stack, diary: Diary
) -> None:
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    first, second = stack.executor, stack.new_executor("second")
    second.arguments[1] = stack.url
    second.start()
    try:
        wait_until(lambda: "serves cluster 'test'" in second.log.read_text(), "its refusal")
        first.kill()
        wait_until(lambda: "session " in second.log.read_text(), "the second one's session")
        diary.finish()
        ended = stack.wait(job, "SUCCEEDED")
        assert len(ended.attempts) == 1
        assert_every_point_once(stack.client, job, diary)
        wait_until(lambda: not stack.left_over(), "nothing is left")
    finally:
        second.kill()
        stack.start_executor()


def test_an_executor_that_dies_while_it_starts_agents_is_followed_by_one_that_does(
    stack: Stack, diary: Diary
) -> None:
    """Killed at whatever point it has come to; the next one finds groups and agents there."""
    stack.executor.kill()
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    diary.finish()
    stack.start_executor()
    wait_until(
        lambda: f"{job}.1: resources held" in stack.executor.log.read_text(), "a placement group"
    )
    stack.executor.kill()
    stack.start_executor()
    ended = stack.wait(job, "SUCCEEDED")
    assert_every_point_once(stack.client, job, diary)
    assert not diary.overlaps()
    assert len(ended.attempts) <= 2


def test_a_job_cancelled_while_no_executor_lives_is_cleared_by_the_next(stack: Stack) -> None:
    job = stack.submit("import time\nprint('ready', flush=True)\ntime.sleep(1000)")
    stack.wait_for(job, lambda: stack.client.log_streams(job), "its log")
    stack.executor.kill()
    stack.client.cancel(job, force=True)
    stack.wait(job, "CANCELLED")
    wait_until(lambda: not machine.marked(job), "the end of its processes")
    stack.start_executor()

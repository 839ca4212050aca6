"""The example job in two gloo processes on two nodes: to its end, and through the death of one."""

from __future__ import annotations

from pathlib import Path

import machine
import pytest
from stack import Stack

DIGITS = Path(__file__).parents[2] / "jobs" / "pytorch-digits"
STEPS_PER_EPOCH = 23  # with two workers


def test_the_digits_learn_and_a_killed_rank_costs_no_point(stack: Stack) -> None:
    job = stack.submit(
        DIGITS,
        entrypoint="train.py --epochs 4 --step-pause 0.02",
        placement="spread",
        retries=1,
        checkpoints={"keep_last": 1},
    )
    with machine.Sampler(job) as sampler:
        stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
        machine.kill(machine.ranks(job)[1])
        ended = stack.wait(job, "SUCCEEDED")
    assert not sampler.overlaps
    first, second = ended.attempts
    assert (first.ending, first.first_failing) == ("KILLED", 1)
    assert second.resume_step
    assert second.resume_step % STEPS_PER_EPOCH == 0
    for series in stack.client.metrics(job, name="loss"):
        assert [point[0] for point in series.points] == list(range(1, 4 * STEPS_PER_EPOCH + 1))
    [accuracy, _] = stack.client.metrics(job, name="accuracy")
    assert [point[0] for point in accuracy.points] == [STEPS_PER_EPOCH * n for n in (1, 2, 3, 4)]
    assert accuracy.points[-1][1] > 0.85
    assert [one.step for one in stack.client.checkpoints(job)] == [4 * STEPS_PER_EPOCH]


@pytest.mark.slow
def test_a_cancelled_training_saves_at_one_step_and_resumes_there(stack: Stack) -> None:
    job = stack.submit(DIGITS, entrypoint="train.py --epochs 4 --step-pause 0.02")
    # With its second report the program has asked should_stop() once: it is one that asks.
    stack.wait_for(job, lambda: reported(stack, job) >= 2, "its second step")
    stack.client.cancel(job)
    ended = stack.wait(job, "CANCELLED")
    assert ended.attempt is not None
    assert [exit_.code for exit_ in ended.attempt.exits] == [0, 0]
    [saved] = stack.client.checkpoints(job)[-1:]
    stack.client.retry(job)
    again = stack.wait(job, "SUCCEEDED")
    assert again.attempts[-1].resume_step == saved.step
    for series in stack.client.metrics(job, name="loss"):
        assert [point[0] for point in series.points] == list(range(1, 4 * STEPS_PER_EPOCH + 1))


def reported(stack: Stack, job: str) -> int:
    """The newest step that the server knows."""
    progress = stack.client.job(job).progress
    return progress.step if progress else 0

"""JAX's programs, unmodified: `jax.distributed.initialize()` finds out where it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import machine
import pytest
from stack import Stack

PROGRAMS = Path(__file__).parent / "programs"


def answer(stack: Stack, job: str, rank: int = 0, attempt: int = 1) -> dict[str, Any]:
    """The last line of JSON among what the rank and its libraries printed."""
    lines = [line for line in stack.log(job, rank, attempt).splitlines() if line[:1] == b"{"]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_two_processes_train_as_one_does_and_end_with_equal_weights(stack: Stack) -> None:
    program = PROGRAMS / "jax_loop.py"
    two = stack.submit(program, framework="jax", workers=2, placement="spread")
    one = stack.submit(program, framework="jax", workers=1)
    for job in (two, one):
        ended = stack.wait(job, "SUCCEEDED")
        assert not ended.warnings
    first, second = answer(stack, two, 0), answer(stack, two, 1)
    assert first == second
    assert (first["processes"], len(first["losses"])) == (2, 20)
    assert first["losses"][-1] < first["losses"][0] / 2
    alone = answer(stack, one)
    assert alone["processes"] == 1
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-4)


def test_a_killed_process_costs_no_step_and_all_end_with_equal_weights(stack: Stack) -> None:
    job = stack.submit(
        PROGRAMS / "jax_loop.py",
        entrypoint="train.py --pause 0.3",
        framework="jax",
        workers=2,
        retries=1,
    )
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    machine.kill(machine.ranks(job)[1])
    ended = stack.wait(job, "SUCCEEDED")
    first, second = ended.attempts
    assert (first.ending, first.first_failing) == ("KILLED", 1)
    assert second.resume_step in {5, 10, 15}
    for curve in stack.client.metrics(job, name="loss"):
        assert [step for step, *_ in curve.points] == list(range(1, 21))
    assert answer(stack, job, 0, 2) == answer(stack, job, 1, 2)

"""TensorFlow's programs, unmodified: in one process with several devices, and in several."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import machine
import pytest
from stack import Stack

PROGRAMS = Path(__file__).parent / "programs"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
SEVERAL = {"strategy": "multi_worker_mirrored"}


def answer(stack: Stack, job: str, rank: int = 0, attempt: int = 1) -> dict[str, Any]:
    """The last line of JSON among what the rank and its libraries printed."""
    lines = [line for line in stack.log(job, rank, attempt).splitlines() if line[:1] == b"{"]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def submit(stack: Stack, program: str, workers: int, **keys: Any) -> str:
    env = QUIET | keys.pop("env", {})
    arguments = keys.pop("arguments", "")
    return stack.submit(
        PROGRAMS / program,
        entrypoint=f"train.py {arguments}",
        framework="tensorflow",
        workers=workers,
        env=env,
        **keys,
    )


def test_a_loop_over_two_workers_is_that_of_one_and_that_of_two_devices(stack: Stack) -> None:
    two = submit(stack, "tensorflow_loop.py", 2, tensorflow=SEVERAL, placement="spread")
    one = submit(stack, "tensorflow_loop.py", 1, tensorflow=SEVERAL)
    mirrored = submit(stack, "tensorflow_loop.py", 2, arguments="--devices 2")
    for job in (two, one, mirrored):
        ended = stack.wait(job, "SUCCEEDED")
        assert not [word for word in ended.warnings if "not distributed" in word]
    first, second = answer(stack, two, 0), answer(stack, two, 1)
    assert first == second
    assert (first["replicas"], len(first["losses"])) == (2, 20)
    assert first["losses"][-1] < first["losses"][0] / 2
    alone, devices = answer(stack, one), answer(stack, mirrored)
    assert (alone["replicas"], devices["replicas"]) == (1, 2)
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-4)
    assert devices["losses"] == pytest.approx(alone["losses"], rel=1e-4)


@pytest.mark.slow
def test_a_killed_worker_costs_no_step_and_a_loss_of_nan_is_kept(stack: Stack) -> None:
    job = submit(
        stack,
        "tensorflow_loop.py",
        2,
        arguments="--pause 0.3 --spoil 2",
        tensorflow=SEVERAL,
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
        assert [step for step, value, *_ in curve.points if math.isnan(value)] == [2]
    assert answer(stack, job, 0, 2) == answer(stack, job, 1, 2)


def test_workers_that_are_one_process_are_one_rank_with_the_resources_of_all(stack: Stack) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    ended = stack.run(
        program,
        framework="tensorflow",
        workers=2,
        resources={"gpus_per_worker": 1, "cpus_per_worker": 2},
    )
    [node] = ended.nodes
    assert node.ranks == (0,)
    env = answer(stack, ended.id)
    assert (env["WORLD_SIZE"], env["OMP_NUM_THREADS"]) == ("1", "4")
    assert env["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "TF_CONFIG" not in env


def test_fit_of_legacy_keras_over_two_workers_gives_equal_weights(stack: Stack) -> None:
    legacy = {"TF_USE_LEGACY_KERAS": "1"}
    job = submit(stack, "tensorflow_fit.py", 2, tensorflow=SEVERAL, env=legacy)
    mirrored = submit(stack, "tensorflow_fit.py", 2, env={"REPLICAS": "2"})
    for one in (job, mirrored):
        stack.wait(one, "SUCCEEDED")
    first, second = answer(stack, job, 0), answer(stack, job, 1)
    assert first == second
    assert first["keras"] == "tf_keras"
    assert (first["replicas"], first["losses"][-1] < first["losses"][0]) == (2, True)
    devices = answer(stack, mirrored)
    assert devices["keras"] == "keras"
    assert (devices["replicas"], devices["losses"][-1] < devices["losses"][0]) == (2, True)

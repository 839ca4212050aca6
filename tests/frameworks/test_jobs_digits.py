"""jobs/digits: one task in seven programs; each learns it, in two workers and in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from own_jobs import last_value, output, run
from stack import Stack

QUICK = ("pytorch", "jax")
LONG = (
    *("tensorflow", "tensorflow-multi-worker"),
    *("keras-tensorflow", "keras-torch", "keras-jax"),
)
GOOD = 0.96
FEWER_STEPS = {
    # Keras's `fit` under MirroredStrategy takes 0.1 s a step on two parts of a CPU, 6 ms on one.
    "keras-tensorflow": "--epochs 32 --batch-size 128 --lr 0.016"
}


def assert_learnt(stack: Stack, job: str, folder: Path) -> None:
    """What the program printed became a metric, and its table came back."""
    accuracy = last_value(stack, job, "test_accuracy")
    assert accuracy >= GOOD
    assert last_value(stack, job, "val_loss") < 0.3
    report = json.loads(output(stack, job, "report.json", folder))
    assert report["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    for digit in range(10):
        assert report[str(digit)].keys() == {"precision", "recall", "f1-score", "support"}


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_two_workers_learn_the_digits(stack: Stack, tmp_path: Path, name: str) -> None:
    ended = run(stack, f"digits/{name}", arguments=FEWER_STEPS.get(name, ""))
    assert ended.warnings == ()
    assert_learnt(stack, ended.id, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_one_worker_learns_them_too(stack: Stack, tmp_path: Path, name: str) -> None:
    arguments = "--cpu-replicas 1" if name in {"tensorflow", "keras-tensorflow"} else ""
    ended = run(stack, f"digits/{name}", workers=1, arguments=arguments)
    assert_learnt(stack, ended.id, tmp_path)

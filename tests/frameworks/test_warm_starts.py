"""Each framework, forked from an interpreter that had imported it: the same training as cold."""

from __future__ import annotations

import machine
import pytest
from machine import wait_until
from own_jobs import last_value, run
from stack import Stack

from launcher.executor.folders import preloaded_root

QUICK = ("jax", "keras-torch")
LONG = ("pytorch", "tensorflow", "tensorflow-multi-worker", "keras-tensorflow", "keras-jax")


def is_ready(mark: str) -> bool:
    """Whether an interpreter with this variable waits on this machine."""
    for ready in preloaded_root().glob("*/*.sock"):
        pid = ready.with_suffix(".lock").read_text()
        if pid and machine.environment(int(pid)).get("TORCH_OF_TEST") == mark:
            return True
    return False


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_a_warm_start_trains_as_a_cold_one(stack: Stack, name: str) -> None:
    env = {"TORCH_OF_TEST": f"warm-{name}"}
    cold = run(stack, f"digits/{name}", arguments="--epochs 3", env=env)
    wait_until(lambda: is_ready(env["TORCH_OF_TEST"]), "what is preloaded for the next one")
    stack.assert_nothing_is_left()  # so that the next one comes to the same node
    warm = run(stack, f"digits/{name}", arguments="--epochs 3", env=env)
    told = [event.text for event in stack.client.events(warm.id)]
    assert [text for text in told if text.startswith("warm start")]
    for value in ("test_accuracy", "val_loss"):
        first, second = (last_value(stack, job.id, value) for job in (cold, warm))
        assert second == pytest.approx(first, abs=0.02)

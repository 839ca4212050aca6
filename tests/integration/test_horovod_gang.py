"""Horovod jobs on the whole way, without Horovod: a few lines meet in its place over the store.

tests/frameworks/test_horovod.py has the real one, where it is built.
"""

from __future__ import annotations

import machine
from stack import PROGRAMS, Stack

MEETS = """
import json, os, time
import horovod, launcher
launcher.report(step=1, loss=1.0)
print(json.dumps(horovod.init()), flush=True)
if os.environ["LAUNCHER_ATTEMPT"] == os.environ.get("STAYS_IN"):
    time.sleep(600)
"""
FORGETS = """
import launcher
for step in range(1, 4):
    launcher.report(step=step, loss=1 / step)
"""
FOUR = {"nodes": 2, "workers_per_node": 2}


def submit(stack: Stack, program: str, **keys: object) -> str:
    """A job whose folder brings a Horovod along."""
    record = "Metadata-Version: 2.1\nName: horovod\nVersion: 0.28.1\n"
    files = {
        "train.py": program,
        "horovod/__init__.py": (PROGRAMS / "meets_as_horovod.py").read_text(),
        "horovod-0.28.1.dist-info/METADATA": record,
    }
    return stack.submit(files, framework="horovod", **keys)


def test_ranks_meet_at_the_leader_across_nodes(stack: Stack) -> None:
    job = submit(stack, MEETS, workers=4, resources=FOUR)
    stack.wait(job, "SUCCEEDED")
    found = stack.answers(job, 4)
    assert found[0] == {
        "global": ["rank 1", "rank 2", "rank 3"],
        "local": ["rank 1"],
        "cross": ["rank 2"],
    }
    assert found[3] == {
        "global": ["rank 0", "rank 1", "rank 2"],
        "local": ["rank 2"],
        "cross": ["rank 1"],
    }
    assert not told_apart(stack, job)


def test_every_attempt_meets_at_a_store_of_its_own(stack: Stack) -> None:
    job = submit(stack, MEETS, retries=1, env={"STAYS_IN": "1"})
    stack.wait_for(job, lambda: len(stack.client.log_streams(job)) == 2, "two logs")
    stack.wait_for(job, lambda: all(stack.log(job, rank) for rank in (0, 1)), "that both met")
    ranks = machine.ranks(job)
    env = machine.environment(ranks[0])
    assert env["MASTER_PORT"] == env["HOROVOD_GLOO_RENDEZVOUS_PORT"]
    machine.kill(ranks[1])
    stack.wait(job, "SUCCEEDED")
    assert stack.answers(job, 2, attempt=2) == stack.answers(job, 2, attempt=1)


def test_a_program_that_never_comes_to_the_store_is_told_so(stack: Stack) -> None:
    job = submit(stack, FORGETS)
    stack.wait(job, "SUCCEEDED")
    (told,) = told_apart(stack, job)
    assert told.startswith("your program is not distributed: no rank came to the rendezvous")
    assert "call hvd.init() and wrap the optimizer in hvd.DistributedOptimizer" in told


def told_apart(stack: Stack, job: str) -> list[str]:
    return [event.text for event in stack.client.events(job) if "not distributed" in event.text]

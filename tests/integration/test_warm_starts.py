"""Jobs whose ranks are forked from an interpreter that had imported torch: the whole path."""

from __future__ import annotations

import os
import sys
from typing import Any

import machine
from machine import wait_until
from stack import Stack

from launcher.executor.folders import preloaded_root

TRAINS = """
import json, os, sys
import torch
import torch.distributed as dist
import launcher
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
torch.manual_seed(0)
model = DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(1, 21):
    loss = model(torch.full((8, 4), float(dist.get_rank() + 1))).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    launcher.report(step=step, loss=loss.item())
dist.barrier()
dist.destroy_process_group()
print(json.dumps({"argv": sys.argv, "loss": loss.item(), "lr": os.environ.get("LR"),
                  "weights": [p.tolist() for p in model.parameters()]}))
"""


def warm(stack: Stack, job: str) -> list[tuple[int | None, str]]:
    """Attempt and words of every warm start of a job."""
    told = stack.client.events(job)
    return [(event.attempt, event.text) for event in told if event.text.startswith("warm start")]


def is_ready(env: dict[str, str]) -> bool:
    """Whether an interpreter with these variables waits on this machine."""
    for ready in preloaded_root().glob("*/*.sock"):
        pid = ready.with_suffix(".lock").read_text()
        if pid and env.items() <= machine.environment(int(pid)).items():
            return True
    return False


def leaves_one(stack: Stack, program: str, *, env: dict[str, str], **keys: Any) -> str:
    """A job that has succeeded, with what it leaves for the next of its kind."""
    job = succeeds(stack, program, env=env, **keys)
    wait_until(lambda: is_ready(env), "what is preloaded for the next one")
    stack.clean_up()  # so that the next one comes to the same node
    stack.assert_nothing_is_left()
    return job


def succeeds(stack: Stack, program: str, **keys: Any) -> str:
    job = stack.run(program, **keys)
    assert job.state == "SUCCEEDED", stack.story(job.id)
    return job.id


def own(test: str) -> dict[str, str]:
    """A variable that imports may read, so that no other test has left what this one wants."""
    return {"TORCH_OF_TEST": f"{test}-{os.getpid()}"}


def test_the_next_job_is_forked_from_what_the_first_one_left_and_computes_the_same(
    stack: Stack,
) -> None:
    env = own("same")
    first = leaves_one(stack, TRAINS, entrypoint="train.py --lr 3", env=env)
    second = succeeds(stack, TRAINS, entrypoint="train.py --lr 3", env={**env, "LR": "7"})
    assert warm(stack, first) == []
    assert warm(stack, second) == [(1, "warm start on node 0: torch had been imported")]
    trained = [stack.answers(job, 2) for job in (first, second)]
    assert [[rank.pop("lr") for rank in ranks] for ranks in trained] == [[None] * 2, ["7"] * 2]
    assert trained[0] == trained[1]
    losses = [
        [
            [point[:2] for point in series.points]
            for series in stack.client.metrics(job, name="loss")
        ]
        for job in (first, second)
    ]
    assert losses[0] == losses[1]


def test_a_job_that_does_not_want_it_or_has_other_variables_starts_cold(stack: Stack) -> None:
    env = own("other")
    leaves_one(stack, SHORT, env=env, workers=1)
    cold = {"interpreter": sys.executable, "warm_start": False}
    others = [
        succeeds(stack, SHORT, env=env, workers=1, python=cold),
        succeeds(stack, SHORT, env={**env, "OMP_NUM_THREADS": "3"}, workers=1),
        succeeds(stack, {"train.py": SHORT, "torch.py": ""}, env=env, workers=1),
    ]
    assert [warm(stack, job) for job in others] == [[], [], []]


SHORT = "import torch, launcher"
CRASHES = """
import os
import torch
import launcher
if launcher.attempt() == 1:
    os.kill(os.getpid(), 11)
"""
LIVES_ON = """
import os, sys, time
import torch
import launcher
begun = launcher.resume_from()
print("begun", begun is not None, flush=True)
for step in range(int(open(begun / "step").read()) + 1 if begun else 1, 4):
    with launcher.checkpoint(step) as folder:
        (folder / "step").write_text(str(step))
    launcher.report(step=step, total_steps=3)
    while step == 2 and not begun:
        time.sleep(0.05)
"""


def test_a_killed_rank_is_forked_again_and_resumes(stack: Stack) -> None:
    env = own("again")
    leaves_one(stack, SHORT, env=env, workers=1)
    job = stack.submit(LIVES_ON, env=env, workers=1, retries=1)
    stack.wait_for(job, lambda: stack.client.checkpoints(job)[1:], "the second checkpoint")
    machine.kill(machine.ranks(job)[0])
    ended = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in ended.attempts] == ["KILLED", "FINISHED"]
    assert ended.attempts[1].resume_step == 2
    assert [number for number, _ in warm(stack, job)] == [1, 2]
    assert stack.log(job, 0, 2) == b"begun True\n"


def test_one_that_crashed_starts_cold_the_next_time_and_that_costs_no_retry(stack: Stack) -> None:
    env = own("crash")
    leaves_one(stack, SHORT, env=env, workers=1)
    job = succeeds(stack, CRASHES, env=env, workers=1)
    endings = [attempt.ending for attempt in stack.client.job(job).attempts]
    assert endings == ["WARM_START_FAILED", "FINISHED"]
    assert [number for number, _ in warm(stack, job)] == [1]

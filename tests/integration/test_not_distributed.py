"""A program that never joins its ranks trains as often as it has ranks: the user hears of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from stack import Stack

FORGOT = """
import time, launcher
for step in range(1, 4):
    launcher.report(step=step, loss=1 / step)
    time.sleep(0.1)
"""
MEETS = """
import gc, os, time
import torch.distributed as dist
time.sleep(float(os.environ.get("PREPARES_S", 0)))
dist.init_process_group("gloo", **{how})
dist.barrier()
dist.destroy_process_group()
gc.collect()
os._exit(0)
"""
BY_A_FILE = "{'init_method': 'file://' + os.environ['MEETING'], 'rank': int(os.environ['RANK']),"
BY_A_FILE += " 'world_size': 2}"


def warnings(stack: Stack, job: str) -> list[str]:
    return [event.text for event in stack.client.events(job) if event.kind == "warning"]


def test_ranks_that_never_met_are_told_of_wherever_a_user_looks(stack: Stack) -> None:
    job = stack.run(FORGOT)
    assert job.state == "SUCCEEDED"
    [told] = warnings(stack, job.id)
    assert told.startswith("your program is not distributed: no rank opened MASTER_PORT")
    assert "call torch.distributed.init_process_group()" in told
    assert job.warnings == (told,)
    for command in ("show", "why"):
        assert told in launcher(stack, command, job.id)


def test_a_training_that_goes_on_is_told_before_its_end(stack: Stack) -> None:
    job = stack.submit(FORGOT + "\nwhile True:\n    time.sleep(0.1)\n")
    stack.wait_for(job, lambda: warnings(stack, job), "the warning")
    assert stack.client.job(job).state in {"STARTING", "RUNNING"}
    stack.client.cancel(job)
    stack.wait(job, "CANCELLED")
    assert len(warnings(stack, job)) == 1


@pytest.mark.parametrize("placement", ["pack", "spread"])
def test_a_program_that_meets_for_a_moment_is_not_accused(stack: Stack, placement: str) -> None:
    """Its store is open for some hundredths of a second."""
    job = stack.run(MEETS.replace("{how}", "{}"), placement=placement)
    assert (job.state, job.warnings) == ("SUCCEEDED", ())


def test_a_program_that_prepares_before_it_meets_is_not_accused(stack: Stack) -> None:
    job = stack.run(MEETS.replace("{how}", "{}"), env={"PREPARES_S": "3"})
    assert (job.state, job.warnings) == ("SUCCEEDED", ())


def test_a_command_that_only_says_something_is_not_accused(stack: Stack) -> None:
    job = stack.run({"a": ""}, framework="command", entrypoint="echo $RANK")
    assert (job.state, job.warnings) == ("SUCCEEDED", ())


def test_ranks_that_meet_some_other_way_are_not_accused(stack: Stack, tmp_path) -> None:
    """By a file; they report steps while they are connected to each other."""
    program = MEETS.replace("{how}", BY_A_FILE).replace(
        "dist.barrier()",
        "import launcher\n"
        "for step in range(30):\n"
        "    dist.barrier()\n"
        "    launcher.report(step=step)\n"
        "    time.sleep(0.1)",
    )
    job = stack.run(program, env={"MEETING": str(tmp_path / "meeting")})
    assert (job.state, job.warnings) == ("SUCCEEDED", ())


def launcher(stack: Stack, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "launcher", *arguments],
        env={"PATH": "/usr/bin:/bin", "LAUNCHER_SERVER": stack.url, "LAUNCHER_TOKEN": stack.token},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout

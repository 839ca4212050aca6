"""Cancelling: softly at the same step of all ranks, by signal, by force."""

from __future__ import annotations

import json
import time

import machine
from diary import Diary
from machine import wait_until
from stack import PROGRAMS, Stack

from launcher.views import JobView

ASKS = """
import json, os, time
from pathlib import Path
import launcher

calls = 0
pause = 0.004 * (1 + launcher.rank())  # ranks at speeds of their own
while True:
    calls += 1
    launcher.report(step=calls, x=0.0)
    if launcher.should_stop():
        break
    time.sleep(pause)
if launcher.rank() == 0:
    with launcher.checkpoint(calls) as folder:
        (folder / "calls").write_text(str(calls))
print(json.dumps(calls))
"""
HEARS = """
import pathlib, signal, sys, time

def save(number, frame):
    print("saved", signal.Signals(number).name, flush=True)
    sys.exit(0)

signal.signal(signal.{signal}, save)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def cancel(stack: Stack, job: str, *, force: bool = False) -> tuple[JobView, float]:
    """Cancel it; the job after its end, and the seconds until then."""
    asked_at = time.monotonic()
    stack.client.cancel(job, force=force)
    return stack.wait(job, "CANCELLED"), time.monotonic() - asked_at


def await_ready(stack: Stack, job: str, ranks: int = 2) -> None:
    def are_ready() -> bool:
        streams = {s.rank for s in stack.client.log_streams(job) if s.length}
        return len(streams) == ranks

    stack.wait_for(job, are_ready, "the ranks' first words")


def test_should_stop_turns_true_at_the_same_call_of_all_ranks(stack: Stack) -> None:
    """Here each rank has a speed of its own; in a training the collectives keep them together."""
    job = stack.submit(ASKS, workers=4)
    stack.wait_for(job, lambda: stack.client.job(job).latest, "a report")
    ended, took_s = cancel(stack, job)
    print(f"\nRECOVERY a program that asks should_stop() cancelled: {took_s:.2f} s")
    calls = [json.loads(stack.log(job, rank)) for rank in range(4)]
    assert len(set(calls)) == 1
    assert [checkpoint.step for checkpoint in stack.client.checkpoints(job)] == [calls[0]]
    assert ended.attempt is not None
    assert ended.attempt.ending == "CANCELLED_BY_USER"
    assert [exit_.code for exit_ in ended.attempt.exits] == [0] * 4


def test_a_program_hears_the_stop_signal_and_may_save(stack: Stack) -> None:
    job = stack.submit(HEARS.format(signal="SIGTERM"))
    await_ready(stack, job)
    cancel(stack, job)
    assert [stack.log(job, rank) for rank in (0, 1)] == [b"ready\nsaved SIGTERM\n"] * 2


def test_the_stop_signal_is_the_one_that_the_spec_names(stack: Stack) -> None:
    job = stack.submit(HEARS.format(signal="SIGUSR1"), stop_signal="SIGUSR1", workers=1)
    await_ready(stack, job, ranks=1)
    cancel(stack, job)
    assert stack.log(job) == b"ready\nsaved SIGUSR1\n"


def test_the_program_behind_a_shell_hears_the_signal_too(stack: Stack) -> None:
    script = "trap '' TERM\npython train.py\necho shell saw $?\n"
    job = stack.submit(
        HEARS.format(signal="SIGTERM"), framework="command", entrypoint=script, workers=1
    )
    await_ready(stack, job, ranks=1)
    cancel(stack, job)
    assert stack.log(job) == b"ready\nsaved SIGTERM\nshell saw 0\n"


def test_a_program_that_ignores_the_signal_is_killed(stack: Stack) -> None:
    job = stack.submit(DEAF, timeouts={"grace": 1})
    await_ready(stack, job)
    ended, took_s = cancel(stack, job)
    print(f"\nRECOVERY a deaf program cancelled: {took_s:.2f} s")
    assert took_s >= 1
    assert ended.attempt is not None
    assert {exit_.code for exit_ in ended.attempt.exits} == {-9}


def test_force_kills_at_once(stack: Stack) -> None:
    job = stack.submit(DEAF, timeouts={"grace": 1000})
    await_ready(stack, job)
    _, took_s = cancel(stack, job, force=True)
    print(f"\nRECOVERY a deaf program cancelled by force: {took_s:.2f} s")
    assert took_s < 8


def test_force_after_a_soft_cancel_does_not_wait_for_it(stack: Stack) -> None:
    job = stack.submit(DEAF, timeouts={"grace": 1000})
    await_ready(stack, job)
    stack.client.cancel(job)
    cancel(stack, job, force=True)


def test_a_job_that_waits_is_cancelled_at_once(stack: Stack) -> None:
    holder = stack.submit(DEAF, workers=2, resources={"cpus_per_worker": 4})
    await_ready(stack, holder)
    waiting = stack.submit(DEAF, workers=2, resources={"cpus_per_worker": 4})
    stack.wait_for(waiting, lambda: stack.client.job(waiting).reason, "a reason to wait")
    ended, _ = cancel(stack, waiting)
    assert ended.attempts == ()
    cancel(stack, holder, force=True)


def test_a_cancelled_job_is_retried_from_its_checkpoint(stack: Stack, diary: Diary) -> None:
    job = stack.submit(
        PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)}, timeouts={"grace": 1}
    )
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    cancel(stack, job, force=True)
    wait_until(lambda: not machine.marked(job), "the end of all processes")
    diary.finish()
    stack.client.retry(job)
    again = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in again.attempts] == ["CANCELLED_BY_USER", "FINISHED"]
    assert again.attempts[1].resume_step

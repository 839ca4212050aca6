"""How programs end, and in what words the user hears of it."""

from __future__ import annotations

import time

import machine
import pytest
from diary import Diary
from machine import wait_until
from stack import Stack

HOLD = """
import time
while True:
    time.sleep(0.1)
"""


def rank_0(deed: str, *, others: str = HOLD) -> str:
    """A program whose rank 0 does one thing and whose other ranks do another."""
    first = "\n".join(f"    {line}" for line in deed.strip().splitlines())
    rest = "\n".join(f"    {line}" for line in others.strip().splitlines())
    return f"import os, sys, time\nif os.environ['RANK'] == '0':\n{first}\nelse:\n{rest}\n"


@pytest.mark.parametrize(
    ("deed", "ending", "words"),
    [
        ("raise ValueError('no such layer: conv9')", "PROGRAM_FAILED", "exit code 1"),
        ("sys.exit(3)", "PROGRAM_FAILED", "exit code 3"),
        ("sys.exit(137)", "KILLED", "exit code 137, as after SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "PROGRAM_FAILED", "SIGSEGV (segmentation fault)"),
        ("raise MemoryError('Cannot allocate 8 GiB')", "OUT_OF_MEMORY", "out of memory"),
    ],
    ids=["exception", "code 3", "code 137", "segfault", "memory"],
)
def test_a_failing_rank_ends_the_gang_with_words_that_name_it(
    stack: Stack, deed: str, ending: str, words: str
) -> None:
    job = stack.run(rank_0(f"print('epoch 7', flush=True)\n{deed}"))
    assert job.state == "FAILED"
    assert job.attempt is not None
    assert (job.attempt.ending, job.attempt.first_failing) == (ending, 0)
    assert f"rank 0: {words}" in (job.attempt.words or "") or words in (job.attempt.words or "")
    failed, stopped = job.attempt.exits
    assert "epoch 7" in failed.tail
    assert (failed.stopped, stopped.stopped) == (False, True)
    if ending == "PROGRAM_FAILED" and "layer" in deed:
        assert "ValueError: no such layer: conv9" in (job.attempt.words or "")


def test_a_gang_is_over_within_a_second_of_its_first_death(stack: Stack, diary: Diary) -> None:
    """Also when the others do not listen to SIGTERM, and have children that do not either."""
    stubborn = f"""
import pathlib, signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, '-c', 'import signal, time; '
                  'signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)'])
pathlib.Path({str(diary.folder)!r}, 'ready').touch()
{HOLD}"""
    job = stack.submit(rank_0(HOLD, others=stubborn))
    wait_until((diary.folder / "ready").exists, "the other rank")
    wait_until(lambda: len(machine.marked(job)) == 3, "three processes")
    machine.kill(machine.ranks(job)[0])
    struck_at = time.monotonic()
    wait_until(lambda: not machine.marked(job), "the end of the gang")
    took_s = time.monotonic() - struck_at
    print(f"\nRECOVERY a stubborn gang stopped: {took_s:.2f} s")
    assert took_s < 3  # a second on a machine that is not crowded
    ended = stack.wait(job, "FAILED")
    assert ended.attempt is not None
    assert (ended.attempt.ending, ended.attempt.first_failing) == ("KILLED", 0)


def test_a_rank_that_exits_early_with_0_does_not_stop_the_gang(stack: Stack, diary: Diary) -> None:
    finish = f"""
while not os.path.exists({str(diary.folder / "finish")!r}):
    time.sleep(0.05)
print('all done')
"""
    job = stack.submit(rank_0("sys.exit(0)", others=finish))
    stack.wait(job, "RUNNING")
    stack.wait_for(job, lambda: list(machine.ranks(job)) == [1], "rank 1 alone")
    diary.finish()
    ended = stack.wait(job, "SUCCEEDED")
    assert ended.attempt is not None
    assert [exit_.code for exit_ in ended.attempt.exits] == [0, 0]
    assert stack.log(job, rank=1) == b"all done\n"


ABORT = "print('terminate called without an active exception', flush=True)\nos.abort()"


def test_an_abort_at_exit_after_the_final_step_is_a_success_in_words(stack: Stack) -> None:
    work = "import launcher\nlauncher.report(step=10, total_steps=10, loss=1)\n"
    job = stack.run(rank_0(work + ABORT, others=work))
    assert (job.state, job.attempt and job.attempt.ending) == ("SUCCEEDED", "EXIT_ABORTED")
    assert job.attempt is not None
    assert "SIGABRT" in (job.attempt.words or "")


def test_an_abort_before_the_final_step_is_a_failure(stack: Stack) -> None:
    work = "import launcher\nlauncher.report(step=5, total_steps=10, loss=1)\n"
    job = stack.run(rank_0(work + ABORT, others=work + HOLD))
    assert (job.state, job.attempt and job.attempt.ending) == ("FAILED", "PROGRAM_FAILED")


def test_a_program_that_fails_is_restarted_in_place_on_a_new_port(
    stack: Stack,
) -> None:
    program = """
import json, os, sys, launcher
launcher.report(step=1, loss=1)
keys = ("MASTER_PORT", "LAUNCHER_ALLOCATION", "TORCHELASTIC_RESTART_COUNT")
print(json.dumps([os.environ[key] for key in keys]))
sys.exit(os.environ["TORCHELASTIC_RESTART_COUNT"] == "0")
"""
    job = stack.run(program, retries=1)
    assert job.state == "SUCCEEDED"
    assert job.failures == 1
    (port, allocation, first), *_ = stack.answers(job.id, 2, attempt=1)
    (new_port, same_allocation, second), *_ = stack.answers(job.id, 2, attempt=2)
    assert (first, second) == ("0", "1")
    assert allocation == same_allocation
    assert port != new_port


def test_a_program_that_fails_before_it_began_is_not_retried(stack: Stack) -> None:
    job = stack.run("import sys; sys.exit('a typo')", retries=3)
    assert (job.state, len(job.attempts)) == ("FAILED", 1)
    assert "no-retry" in {event.kind for event in stack.client.events(job.id)}


def test_a_program_that_does_not_exist_fails_in_words(stack: Stack) -> None:
    job = stack.run({}, framework="command", entrypoint=["./no-such-program"], workers=1)
    assert job.state == "FAILED"
    assert "cannot run './no-such-program'" in stack.log(job.id).decode()


def test_a_gang_that_can_never_fit_is_refused_at_submit(stack: Stack) -> None:
    with pytest.raises(Exception, match="needs 100") as refused:
        stack.submit(HOLD, workers=100, placement="pack")
    assert "resources.workers (now 100)" in refused.value.hint

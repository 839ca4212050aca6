"""Logs byte for byte, metrics point for point, checkpoints whole: also while the server is away."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from stack import PROGRAMS, Stack

from launcher.clusters import _processes

STRANGE = b"caf\xe9 \xff\xfe\x00 \x1b[31mred\x1b[0m\rstep 1\rstep 2\r\n\n\tlast line without an end"


def test_logs_arrive_byte_for_byte(stack: Stack) -> None:
    """Also stderr, in its place between the lines of stdout."""
    program = f"""
import os
os.write(1, {STRANGE[:10]!r})
os.write(2, b"to stderr\\n")
os.write(1, {STRANGE[10:]!r})
"""
    job = stack.run(program)
    for rank in (0, 1):
        assert stack.log(job.id, rank) == STRANGE[:10] + b"to stderr\n" + STRANGE[10:]


FLOOD = """
import hashlib, os, sys
size, block = int(sys.argv[1]), os.urandom(1 << 20)
digest = hashlib.sha256()
for i in range(size):
    piece = bytes([i % 256]) + block[1:]
    os.write(1, piece)
    digest.update(piece)
with open(sys.argv[2], "w") as out:
    out.write(digest.hexdigest())
"""


@pytest.mark.parametrize(
    "mebibytes", [8, pytest.param(100, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_a_flood_arrives_whole_in_bounded_memory(
    stack: Stack, tmp_path: Path, mebibytes: int
) -> None:
    """The server answers others all the while, and the node's disk is given back as it ships."""
    digest = tmp_path / "digest"
    before = _processes.memory_bytes(machine.process(stack.server.pid))
    job = stack.submit(FLOOD, entrypoint=f"train.py {mebibytes} {digest}", workers=1)
    slowest = 0.0

    def is_over() -> bool:
        nonlocal slowest
        asked_at = time.monotonic()
        found = stack.client.job(job)
        slowest = max(slowest, time.monotonic() - asked_at)
        return found.state == "SUCCEEDED"

    stack.wait_for(job, is_over, "its end")
    whole = hashlib.sha256()
    for piece in stack.client.log(job, 1, 0):
        whole.update(piece)
    grown = _processes.memory_bytes(machine.process(stack.server.pid)) - before
    print(f"\nFLOOD {mebibytes} MiB: slowest answer {slowest:.2f} s, server grew {grown >> 20} MiB")
    assert whole.hexdigest() == digest.read_text()
    assert grown < 100 << 20


def test_points_of_every_shape_come_back(stack: Stack) -> None:
    program = """
import math, launcher
launcher.report(step=1, loss=math.nan, lr=1e-320, wins=7)
launcher.report(step=2, loss=-math.inf, note="no number")
launcher.report(loss=0.5)
"""
    job = stack.run(program, workers=1)
    [loss] = stack.client.metrics(job.id, name="loss")
    assert [str(point[1]) for point in loss.points] == ["nan", "0.5", "-inf"]
    [lr] = stack.client.metrics(job.id, name="lr")
    assert lr.points[0][1] == 1e-320


def test_a_server_that_is_paused_costs_the_program_nothing(stack: Stack, diary: Diary) -> None:
    """It accepts connections and answers nobody: the worst kind of down."""
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    stack.client.close()  # a kept connection would hang with the server
    _processes.send(machine.process(stack.server.pid), signal.SIGSTOP)
    try:
        times = diary.pauses(1, 0)
        wait_until(lambda: len(diary.pauses(1, 0)) > len(times) + 100, "100 steps more")
        slowest = max(diary.pauses(1, 0)[len(times) :])
    finally:
        _processes.send(machine.process(stack.server.pid), signal.SIGCONT)
    print(f"\nRECOVERY slowest step while the server was paused: {slowest:.3f} s")
    diary.finish()
    ended = stack.wait(job, "SUCCEEDED")
    assert len(ended.attempts) == 1
    assert_every_point_once(stack.client, job, diary)


def test_a_program_that_ends_while_the_server_is_down_has_succeeded(
    stack: Stack, diary: Diary
) -> None:
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    stack.server.kill()
    diary.finish()
    wait_until(lambda: not machine.ranks(job), "the end of the ranks")
    stack.start_server()
    stack.wait(job, "SUCCEEDED")
    assert_every_point_once(stack.client, job, diary)
    last = diary.steps()[1, 0][-1]
    assert stack.log(job).decode().splitlines() == [f"step {n}" for n in range(1, last + 1)]
    assert stack.client.checkpoints(job)[-1].step == last


SAVES = """
import json, os, sys, launcher
from pathlib import Path
resumed = launcher.resume_from()
first = int((resumed / "deep" / "step").read_text()) + 1 if resumed else 1
for step in range(first, first + 3):
    launcher.report(step=step, loss=1 / step)
    with launcher.checkpoint(step, {"loss": 1 / step}) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "step").write_text(str(step))
        (folder / "script.sh").write_text("#!/bin/sh")
        (folder / "script.sh").chmod(0o755)
        if launcher.rank() > 0:
            (folder / "deep" / "step").write_text("thrown away")
try:
    with launcher.checkpoint(step + 1) as folder:
        (folder / "deep").mkdir()
        raise OSError("disk full")
except OSError:
    pass
print(json.dumps([first, sorted(str(p) for p in resumed.rglob("*")) if resumed else []]))
sys.exit(launcher.attempt() == 1)
"""


def test_checkpoints_are_kept_resumed_from_and_brought_home(stack: Stack, tmp_path: Path) -> None:
    job = stack.run(SAVES, retries=1, checkpoints={"keep_last": 2})
    assert job.state == "SUCCEEDED", stack.story(job.id)
    kept = stack.client.checkpoints(job.id)
    assert [(one.step, one.attempt) for one in kept] == [(5, 2), (6, 2)]
    assert kept[-1].metrics == {"loss": 1 / 6}
    for first, files in stack.answers(job.id, 2, attempt=2):
        assert first == 4
        assert [Path(file).name for file in files] == ["deep", "step", "script.sh"]
    stack.client.download_checkpoint(job.id, tmp_path / "home")
    assert (tmp_path / "home" / "deep" / "step").read_text() == "6"
    assert (tmp_path / "home" / "script.sh").stat().st_mode & 0o777 == 0o755


def test_a_checkpoint_that_was_never_finished_is_never_resumed_from(
    stack: Stack, diary: Diary
) -> None:
    program = f"""
import os, sys, time, launcher
from pathlib import Path
resumed = launcher.resume_from()
if resumed:
    print((resumed / "model").read_text())
    sys.exit()
for step, text in ((1, "whole"), (2, "torn")):
    launcher.report(step=step, loss=1)
    with launcher.checkpoint(step) as folder:
        (folder / "model").write_text(text)
        if step == 2:
            Path({str(diary.folder)!r}, "ready").touch()
            time.sleep(1000)
"""
    job = stack.submit(program, workers=1, retries=1)
    wait_until((diary.folder / "ready").exists, "a checkpoint in the making")
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "the whole one")
    machine.kill(machine.ranks(job)[0])
    stack.wait(job, "SUCCEEDED")
    assert stack.log(job, attempt=2) == b"whole\n"
    assert [checkpoint.step for checkpoint in stack.client.checkpoints(job)] == [1]


def test_a_checkpoint_whose_files_vanish_is_given_up_in_words(stack: Stack) -> None:
    """The program deletes what it has saved: a manifest of it would be a lie."""
    program = """
import json, os, shutil, launcher
with launcher.checkpoint(1) as folder:
    (folder / "model").write_bytes(os.urandom(1 << 20))
shutil.rmtree(os.environ["LAUNCHER_CHECKPOINT_DIR"])
"""
    job = stack.run(program, workers=1)
    told = [event.text for event in stack.client.events(job.id)]
    kept = stack.client.checkpoints(job.id)
    assert kept or any("checkpoint of step 1 not committed" in text for text in told)


def test_follow_tells_all_of_a_job_across_a_restart_of_the_server(
    stack: Stack, diary: Diary
) -> None:
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    told = {0: bytearray(), 1: bytearray()}
    points: list[tuple[int, int]] = []
    restarted = False
    for message in stack.client.follow(job):
        kind = type(message).__name__
        if kind == "LogChunk":
            assert message.offset == len(told[message.rank])
            told[message.rank] += message.data
        elif kind == "MetricsBatch":
            points += [(point.rank, point.step) for point in message.points]
        elif kind == "CheckpointView" and not restarted:
            stack.server.kill()
            stack.start_server()
            restarted = True
            diary.finish()
    assert restarted
    for rank, steps in ((0, diary.steps()[1, 0]), (1, diary.steps()[1, 1])):
        assert bytes(told[rank]).decode().splitlines() == [f"step {step}" for step in steps]
        assert [step for of, step in points if of == rank] == steps

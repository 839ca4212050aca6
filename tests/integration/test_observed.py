"""Curves of a program that knows nothing of us, exactly once, whichever process is killed."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import machine
import pytest
from stack import PROGRAMS, Stack

from launcher.executor import eventfiles
from launcher.model.printed import Cutter
from launcher.model.progress_bar import Bars

HAS_TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


def drawn(stack: Stack, job: str, attempt: int) -> Counter[tuple[str, int]]:
    """Name and step of every point that the stored output of an attempt stands for."""
    bars = Bars()
    pieces = Cutter().take(stack.log(job, attempt=attempt))
    readings = (reading for piece in pieces for reading in bars.take(piece))
    return Counter((name, reading.step) for reading in readings for name in reading.values)


def in_event_file(folder: Path, attempt: int) -> int:
    """Whole records of the attempt's file; each is one epoch."""
    count, at = 0, 0
    while (found := eventfiles.read(folder, f"{attempt}.tfevents", at)).end > at:
        count, at = count + len(found.payloads), found.end
    return count


def stored(stack: Stack, job: str, attempt: int) -> Counter[tuple[str, int]]:
    curves = stack.client.metrics(job, raw=True)
    points = ((curve.name, point) for curve in curves for point in curve.points)
    return Counter((name, point[0]) for name, point in points if point[3] == attempt)


def assert_all_once(stack: Stack, job: str, told: Path, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        expected = drawn(stack, job, attempt)
        if HAS_TENSORBOARD:
            epochs = in_event_file(told, attempt)
            expected += Counter(("train/score", epoch) for epoch in range(1, epochs + 1))
        assert expected
        assert stored(stack, job, attempt) == expected


@pytest.fixture
def job(stack: Stack, tmp_path: Path) -> str:
    job = stack.submit(
        PROGRAMS / "draws.py",
        workers=1,
        retries=2,
        env={"DIARY": str(tmp_path)},
        metrics={"patterns": "keras", "tensorboard": "logs"},
        timeouts={"grace": 1},
    )
    stack.wait_for(job, lambda: latest(stack, job) >= 80, "points")
    return job


def latest(stack: Stack, job: str) -> int:
    progress = stack.client.job(job).progress
    return progress.step if progress else 0


def test_a_killed_agent_and_server_neither_lose_nor_double_a_point(
    stack: Stack, job: str, tmp_path: Path
) -> None:
    stack.server.kill()
    machine.kill(machine.agent_of(machine.ranks(job)[0]))
    stack.start_server()
    stack.wait_for(job, lambda: len(stack.client.job(job).attempts) == 2, "the next attempt")
    stack.wait_for(job, lambda: ("val_loss", 200) in stored(stack, job, 2), "points of it")
    (tmp_path / "finish").touch()
    ended = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in ended.attempts] == ["WORKER_LOST", "FINISHED"]
    assert_all_once(stack, job, tmp_path, 2)

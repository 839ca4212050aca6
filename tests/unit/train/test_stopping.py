"""The rank's side of the stop protocol, with the test as the agent."""

from __future__ import annotations

import mmap
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from launcher.train import should_stop
from launcher.train.stopping import (
    CALLS,
    COMMITTED,
    NOTHING,
    PROPOSED,
    SIZE,
    STATE,
    TARGET,
    StopFile,
)


def agents_view(path: Path) -> memoryview:
    with path.open("a+b") as file:
        file.truncate(SIZE)
        return memoryview(mmap.mmap(file.fileno(), SIZE)).cast("q")


def propose(words: memoryview, target: int, state: int = PROPOSED) -> None:
    words[TARGET] = target
    words[STATE] = state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rank-0.spool.stop"


def test_the_file_is_four_little_endian_words_and_counts_the_calls(path: Path) -> None:
    file = StopFile(str(path))
    assert [file.should_stop() for _ in range(3)] == [False] * 3
    assert struct.unpack("<4q", path.read_bytes()) == (3, 0, NOTHING, 0)


def test_a_file_that_the_agent_made_is_used_as_it_is(path: Path) -> None:
    path.write_bytes(struct.pack("<4q", 0, 2, COMMITTED, 0))
    file = StopFile(str(path))
    assert [file.should_stop() for _ in range(3)] == [False, True, True]


def test_ranks_at_different_calls_stop_at_the_same_one(tmp_path: Path) -> None:
    ranks = [StopFile(str(tmp_path / str(number))) for number in range(3)]
    for number, rank in enumerate(ranks):
        for _ in range(10 * number):
            assert not rank.should_stop()
    for number in range(3):
        propose(agents_view(tmp_path / str(number)), 25, COMMITTED)
    calls = [1 + next(n for n in range(100) if rank.should_stop()) for rank in ranks]
    assert calls == [25, 15, 5]


def test_a_call_before_the_proposed_one_does_not_wait(path: Path) -> None:
    file = StopFile(str(path))
    propose(agents_view(path), 2)
    assert file.should_stop() is False


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        ((1, COMMITTED), True),
        ((1, NOTHING), False),
        ((9, PROPOSED), False),
        ((9, COMMITTED), False),
    ],
    ids=["committed", "withdrawn", "another proposed", "another committed"],
)
def test_at_the_proposed_call_the_outcome_is_awaited(
    path: Path, outcome: tuple[int, int], answer: bool
) -> None:
    words = agents_view(path)
    propose(words, 1)

    def decide_once_the_rank_waits() -> None:
        while words[CALLS] < 1:
            pass
        if outcome[0] != 1:
            words[STATE] = NOTHING
        propose(words, *outcome)

    agent = threading.Thread(target=decide_once_the_rank_waits)
    agent.start()
    assert StopFile(str(path), patience_s=30).should_stop() is answer
    agent.join()


def test_an_agent_that_never_decides_costs_one_wait_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    file = StopFile(str(path))
    propose(agents_view(path), 1)
    assert file.should_stop() is False
    assert 4.9 < sum(slept) < 5.1
    assert file.should_stop() is False
    assert sum(slept) < 5.1
    agents_view(path)[STATE] = COMMITTED
    assert file.should_stop() is True


def test_outside_a_job_it_is_false_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAUNCHER_SPOOL", str(tmp_path / "spool"))
    assert should_stop() is False
    assert list(tmp_path.iterdir()) == []


def test_in_a_job_the_file_stands_beside_the_spool(job: Any) -> None:
    propose(agents_view(Path(f"{job.spool}.stop")), 2, COMMITTED)
    assert [should_stop(), should_stop()] == [False, True]


def test_a_file_that_cannot_be_made_is_said_once(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAUNCHER_SPOOL", str(job.spool / "missing" / "spool"))
    assert [should_stop(), should_stop()] == [False, False]
    assert capsys.readouterr().err.count("should_stop will stay False") == 1


def test_processes_that_run_freely_stop_at_the_same_call(job: Any, tmp_path: Path) -> None:
    program = """
from launcher import should_stop
calls = 1
while not should_stop():
    calls += 1
print(calls)
"""
    spools = [tmp_path / f"rank-{number}" for number in range(3)]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**job.environment, "LAUNCHER_SPOOL": str(spool)},
            stdout=subprocess.PIPE,
        )
        for spool in spools
    ]
    try:
        views = [agents_view(Path(f"{spool}.stop")) for spool in spools]
        target = agree(views)
        assert [int(rank.communicate(timeout=60)[0]) for rank in ranks] == [target] * 3
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()


def agree(views: list[memoryview]) -> int:
    """What the leader does: propose a call, and commit it if it still lies ahead of every rank."""
    ahead = 1000
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not all(view[CALLS] for view in views):
            continue
        target = max(view[CALLS] for view in views) + ahead
        for view in views:
            propose(view, target)
        if all(view[CALLS] < target for view in views):
            for view in views:
                view[STATE] = COMMITTED
            return target
        for view in views:
            view[STATE] = NOTHING
        ahead *= 2
    pytest.fail("no target was agreed within 60 s")

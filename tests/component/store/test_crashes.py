"""The server is killed with -9 while it appends; what it acknowledged is there, and nothing twice.

Slow for a unit test (processes start, the disk syncs): it buys invariant 4 against real crashes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from launcher.model.job import Job
from launcher.store import jobs, open_store

JOB = "digits-k3m9ap"
LINES = 4000
SOURCE = b"".join(
    json.dumps({"t": 1.0, "k": "m", "step": step, "m": {"loss": step / 7}}).encode() + b"\n"
    for step in range(LINES)
)

WRITER = """
import pathlib, random, sys
from launcher.store import open_store
folder, seed, url = sys.argv[1:]
source = pathlib.Path(folder, "source").read_bytes()
chance = random.Random(int(seed))
store = open_store(pathlib.Path(folder, "state"), url or None)
points = store.metrics.append("digits-k3m9ap", 1, 0, 0, b"")
with store.begin() as tx:
    log = store.logs.append(tx, "digits-k3m9ap", 1, 0, "out", 0, b"")
while True:
    size = chance.randrange(1, 700)
    points = store.metrics.append("digits-k3m9ap", 1, 0, points, source[points : points + size])
    with store.begin() as tx:
        log = store.logs.append(
            tx, "digits-k3m9ap", 1, 0, "out", log, source[log : log + size]
        )
    print(points, log, flush=True)
"""


@contextmanager
def writing(folder: Path, seed: int, url: str | None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(folder), str(seed), url or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("seed", "rounds"),
    [(0, 2), *(pytest.param(seed, 3, marks=pytest.mark.slow) for seed in range(1, 10))],
)
def test_nothing_is_lost_or_doubled_by_kills_at_any_moment(
    tmp_path: Path, make_job: Callable[..., Job], databases: Any, seed: int, rounds: int
) -> None:
    url = databases.url_of(tmp_path / "state")
    (tmp_path / "source").write_bytes(SOURCE)
    _prepare(tmp_path, url, make_job)
    chance = Random(seed)
    for round_ in range(rounds):
        acknowledged = _write_and_kill(tmp_path, url, chance, seed * 10 + round_)
        _check(tmp_path, url, *acknowledged)
    _finish(tmp_path, url)


def _prepare(folder: Path, url: str | None, make_job: Callable[..., Job]) -> None:
    store = open_store(folder / "state", url)
    with store.begin() as tx:
        jobs.insert(tx, make_job(), None)
    store.close()


def _write_and_kill(folder: Path, url: str | None, chance: Random, seed: int) -> tuple[int, int]:
    """Kill the writer after some of its words; gives the lengths that it told last."""
    with writing(folder, seed, url) as process:
        assert process.stdout is not None
        told = "0 0"
        for _ in range(chance.randrange(1, 40)):
            told = process.stdout.readline()
        # It is somewhere in its next append now; where, the clock decides.
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    whole = [line for line in [told, *rest] if len(line.split()) == 2]
    points, log = whole[-1].split()
    return int(points), int(log)


def _check(folder: Path, url: str | None, points: int, log: int) -> None:
    store = open_store(folder / "state", url)
    length = store.metrics.append(JOB, 1, 0, 0, b"")
    with store.read() as tx:
        ((_, _, _, log_length, _),) = store.logs.streams(tx, JOB)
    found = [(point.step, point.value) for point in store.metrics.points(JOB)]
    content = store.logs.read(JOB, 1, 0, "out", 0, log_length)
    store.close()
    assert length >= points
    assert log_length >= log
    assert found == [(step, step / 7) for step in range(SOURCE[:length].count(b"\n"))]
    assert content == SOURCE[:log_length]


def _finish(folder: Path, url: str | None) -> None:
    """Send everything once more, as a sender does that was never answered."""
    store = open_store(folder / "state", url)
    assert store.metrics.append(JOB, 1, 0, 0, SOURCE) == len(SOURCE)
    with store.begin() as tx:
        assert store.logs.append(tx, JOB, 1, 0, "out", 0, SOURCE) == len(SOURCE)
    steps = [point.step for point in store.metrics.points(JOB)]
    content = store.logs.read(JOB, 1, 0, "out", 0, 2 * len(SOURCE))
    unreadable = store.metrics.unreadable(JOB)
    store.close()
    assert steps == list(range(LINES))
    assert content == SOURCE
    assert unreadable == 0

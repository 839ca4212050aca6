"""The cluster is in a network that can only be left: its link is cut, and healed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import behind_nat
import exec_client
import pytest
from behind_nat import BehindNat
from diary import Diary, assert_every_point_once
from machine import wait_until
from remote import Remote
from stack import PROGRAMS

from launcher.executor.main import POLL_S
from launcher.model.wire import LEASE_MARGIN_S, LEASE_S

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(bool(behind_nat.missing()), reason=behind_nat.missing()),
]
A_LONG_POLL_S = POLL_S + 5.0
A_BREATH_S = 3.0
"""What a step may take on a loaded machine; far less than any wait for the server."""
A_LOST_LEASE_S = LEASE_S + LEASE_MARGIN_S + 10.0
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(3600)\n"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[BehindNat]:
    with BehindNat(tmp_path) as network:
        yield network


@pytest.fixture
def remote(network: BehindNat, tmp_path: Path) -> Iterator[Remote]:
    (tmp_path / "stack").mkdir()
    remote = Remote(tmp_path / "stack", network)
    try:
        remote.start()
        yield remote
    finally:
        network.heal()
        remote.end()


class Follower:
    """`launcher logs --follow` of a job, from now to its end."""

    def __init__(self, remote: Remote, job: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "logs", job, "--follow"],
            env=exec_client.environment(remote),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def end(self) -> list[str]:
        """All lines, once the command has ended by itself."""
        assert self._process.wait(timeout=60) == 0
        self._reader.join()
        return self.lines

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            self.lines += stream


@pytest.mark.parametrize(
    ("cut_s", "moves"),
    [
        pytest.param(A_LONG_POLL_S, False, id="a-moment"),
        pytest.param(A_LOST_LEASE_S, True, id="long", marks=pytest.mark.slow),
    ],
)
def test_a_cut_link_costs_a_training_nothing_and_what_was_asked_meanwhile_is_done_after_it(
    network: BehindNat, remote: Remote, tmp_path: Path, cut_s: float, moves: bool
) -> None:
    """`moves`: the router comes back with another address, as many do."""
    assert_cannot_be_reached(network.inside(0))
    diaries = [Diary(network.tmp(number) / "diary") for number in range(2)]  # on their own disks
    training = remote.submit(
        PROGRAMS / "meet.py", resources={"nodes": 2}, env={"DIARY": "/tmp/diary"}
    )
    doomed = remote.submit(WAITS, workers=1)
    remote.wait(doomed, "RUNNING")
    remote.wait_for(training, lambda: all(one.steps() for one in diaries), "its first steps")
    follower = Follower(remote, training)
    host = hostname_beside(remote, training)

    network.cut()
    cut_at = time.monotonic()
    wait_until(lambda: not any(one.live for one in remote.client.server().clusters), "silence")
    assert remote.client.cancel(doomed).state == "CANCELLING"
    waiting = remote.submit("print('trained')", workers=1)
    time.sleep(max(0.0, cut_at + cut_s - time.monotonic()))
    assert remote.client.job(training).state == "RUNNING"
    assert remote.client.job(doomed).state == "CANCELLING"
    assert remote.client.job(waiting).state == "QUEUED"
    if moves:
        network.move()
    network.heal()

    remote.wait(doomed, "CANCELLED")
    remote.wait(waiting, "SUCCEEDED")
    assert hostname_beside(remote, training) == host
    for one in diaries:
        one.finish()
    view = remote.wait(training, "SUCCEEDED")
    assert len(view.attempts) == 1
    together = Diary(tmp_path / "diary")
    for one in diaries:
        shutil.copytree(one.folder, together.folder, dirs_exist_ok=True)
    assert_every_point_once(remote.client, training, together)
    steps = together.steps()[1, 0]
    for rank in range(2):
        assert max(together.pauses(1, rank)) < A_BREATH_S
        assert logged_steps(remote.log(training, rank).decode().splitlines()) == steps
    assert sorted(logged_steps(follower.end())) == sorted(steps * 2)


def logged_steps(lines: list[str]) -> list[int]:
    return [int(line.rpartition("step ")[2]) for line in lines if "step " in line]


def hostname_beside(remote: Remote, job: str) -> str:
    """Of rank 0, as `launcher exec` tells it."""
    done = exec_client.run(remote, job, "--", "hostname")
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def assert_cannot_be_reached(address: str) -> None:
    with pytest.raises(OSError, match="timed out"):
        socket.create_connection((address, 6380), timeout=2.0)

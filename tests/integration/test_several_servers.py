"""Two servers on one PostgreSQL: one decides, the other passes on, and takes over within 10 s."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import machine
import pytest
from diary import Diary
from machine import wait_until
from own_postgresql import OwnPostgreSQL, programs
from ray_nodes import RayNodes
from ray_view import RayView
from several_servers import SeveralServers
from stack import PROGRAMS
from test_kill_nine import Training, tell

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(programs() is None, reason="there is no PostgreSQL: see .ci/postgresql"),
]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with OwnPostgreSQL(fsync="on", synchronous_commit="on", full_page_writes="on") as server:
        yield server


@pytest.fixture(scope="module")
def started(
    ray_nodes: RayNodes,
    ray_view: RayView,
    postgresql: OwnPostgreSQL,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SeveralServers]:
    stack = SeveralServers(tmp_path_factory.mktemp("several"), ray_nodes, ray_view, postgresql)
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


@pytest.fixture
def stack(started: SeveralServers) -> Iterator[SeveralServers]:
    started.start_server()
    started.submitted.clear()
    yield started
    started.clean_up()
    started.assert_nothing_is_left()


@pytest.fixture
def training(stack: SeveralServers, diary: Diary) -> Iterator[Training]:
    job = stack.submit(
        PROGRAMS / "meet.py",
        placement="spread",
        env={"DIARY": str(diary.folder)},
        timeouts={"grace": 1},
    )
    with machine.Sampler(job) as sampler:
        begun = Training(stack, diary, job)
        begun.await_checkpoint()
        yield begun
    assert sampler.looks > 5
    assert not sampler.overlaps


def test_the_leader_is_killed_and_another_server_decides_within_ten_seconds(
    stack: SeveralServers, training: Training
) -> None:
    leader, other, epoch = stack.leader, stack.follower, stack.epoch
    struck_at = time.monotonic()
    leader.kill()
    with stack.asking(other):
        job = stack.submit("print('ready')", workers=1)
    submitted_s = time.monotonic() - struck_at
    granted = stack.wait_for(job, lambda: stack.client.job(job).attempt, "a decision")
    decided_s = time.monotonic() - struck_at
    stack.wait_for(job, lambda: _has_started(stack, job), "the start of another job")
    started_s = time.monotonic() - struck_at
    tell("leader killed: a job is taken by another server", submitted_s)
    tell("leader killed: that job is granted its attempt", decided_s)
    tell("leader killed: that job has started", started_s)
    assert granted.number == 1
    assert decided_s < 10
    assert stack.epoch == epoch + 1
    training.await_points()
    stack.wait(job, "SUCCEEDED")
    assert len(training.end().attempts) == 1


def _has_started(stack: SeveralServers, job: str) -> bool:
    attempt = stack.client.job(job).attempt
    return attempt is not None and attempt.started_at is not None


def test_a_leader_that_was_paused_wakes_and_changes_nothing(
    stack: SeveralServers, training: Training
) -> None:
    leader, other, epoch = stack.leader, stack.follower, stack.epoch
    os.kill(leader.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: stack.epoch > epoch, "another leader")
        assert stack.leader is other
        with stack.asking(other):
            training.await_points()
    finally:
        os.kill(leader.pid, signal.SIGCONT)
    # It passes on what it is asked: the same job, by the one that decides.
    seen = wait_until(lambda: stack.client_of(leader).job(training.job), "an answer")
    assert seen.state == "RUNNING"
    training.await_points()
    assert stack.leader is other
    assert len(training.end().attempts) == 1


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGQUIT]
)
def test_the_database_restarts_and_the_training_goes_on(
    stack: SeveralServers, training: Training, postgresql: OwnPostgreSQL, how: signal.Signals
) -> None:
    begun = time.monotonic()
    postgresql.stop(how)
    time.sleep(1)  # what the agents send meanwhile is not taken
    postgresql.start()
    training.await_points()
    tell(
        f"database restarted with {how.name}: points again after its stop", time.monotonic() - begun
    )
    assert len(training.end().attempts) == 1


@pytest.mark.slow
def test_a_leader_that_is_told_to_end_hands_over_at_once(stack: SeveralServers) -> None:
    leader, other, begun = stack.leader, stack.follower, time.monotonic()
    leader.kill(signal.SIGTERM)
    wait_until(lambda: stack.client_of(other).server().pid == other.pid, "an answer")
    tell("leader ended: another server decides", time.monotonic() - begun)
    assert len(list(stack.state_dir.glob("server-*.json"))) == 1, "it took its record along"
    assert not {"Traceback", "ERROR"}.intersection(leader.log.read_text().split())

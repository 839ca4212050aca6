"""A server is lost with its disk and restored from a backup: what runs goes on, and is told of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from stack import PROGRAMS, Stack

from launcher.errors import NotFoundError


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """On Ray of its own: what a restored server does not know stays there."""
    with RayNodes(tmp_path / "nodes", cpus=[4], gpus=[0]) as nodes:
        stack = Stack(tmp_path, nodes, RayView(nodes.address, tmp_path / "view.log"))
        try:
            stack.start()
            yield stack
        finally:
            stack.end()


def launcher(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "launcher", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_server_restored_from_a_backup_goes_on_with_what_runs(
    own_stack: Stack, diary: Diary, tmp_path: Path
) -> None:
    stack, client, target = own_stack, own_stack.client, tmp_path / "backup.tar"
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    stack.wait_for(job, lambda: client.checkpoints(job), "a checkpoint")
    assert launcher("backup", "--state-dir", stack.state_dir, target) == str(target)
    assert "1 job" in launcher("restore", "--check", target)
    late = stack.submit("import time; time.sleep(600)", workers=1)
    stack.wait(late, "RUNNING")
    before = len(diary.steps()[1, 0])
    wait_until(lambda: len(diary.steps()[1, 0]) > before + 50, "steps after the backup")

    stack.server.kill()
    shutil.rmtree(stack.state_dir)
    launcher("restore", target, "--state-dir", stack.state_dir)
    stack.start_server()

    assert client.job(job).state == "RUNNING"
    with pytest.raises(NotFoundError):
        client.job(late)
    wait_until(
        lambda: any(late in name for one in client.server().clusters for name in one.orphans),
        "the word that something unknown runs",
    )
    assert machine.ranks(late)  # and it is left alone
    diary.finish()
    ended = stack.wait(job, "SUCCEEDED")
    assert len(ended.attempts) == 1
    assert_every_point_once(client, job, diary)
    lines = [f"step {step}" for step in diary.steps()[1, 0]]
    assert stack.log(job, 0).decode().splitlines() == lines
    for one in machine.marked(late):
        os.kill(one.pid, signal.SIGKILL)
    stack.submitted.remove(late)

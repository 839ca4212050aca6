"""A server, its executor and its agents of different releases: upgraded while a job trains.

"The release before" is a wheel of another commit, "the release to come" this tree with the next
version of the wire (releases.py). What a person types is each release's own command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import releases
from diary import Diary, assert_every_point_once
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from releases import Release
from stack import PROGRAMS, Stack

from launcher.client import Client
from launcher.server.process import SERVER, read_record

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(bool(releases.missing()), reason=releases.missing()),
]


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return releases.previous(tmp_path_factory.mktemp("previous"))


@pytest.fixture(scope="module")
def coming(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return releases.coming(tmp_path_factory.mktemp("coming"))


@pytest.fixture
def stack(ray_nodes: RayNodes, ray_view: RayView, tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack", ray_nodes, ray_view)
    try:
        yield stack
        stack.clean_up()
        stack.assert_nothing_is_left()
    finally:
        stack.end()


def launcher(release: Release, stack: Stack, *words: str) -> str:
    """What a command of that release says to a user of this server."""
    ours = {"LAUNCHER_SERVER": stack.url, "LAUNCHER_TOKEN": stack.token, "NO_COLOR": "1"}
    done = subprocess.run(
        [release.python, "-m", "launcher", *words],
        env=os.environ | ours,
        cwd=stack.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def replace_server(stack: Stack, release: Release) -> None:
    """As an upgrade does it: ended in good order, started again at the same address."""
    port = stack.url.rpartition(":")[2]
    stack.server.kill(signal.SIGTERM)
    stack.server.python = release.python
    stack.server.arguments[-1] = port
    stack.start_server()
    assert stack.client.server().version == release.version


class Own:
    """A user's machine: a server of his own, and commands of any release."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._state_dir = folder, folder / "state"

    def call(self, release: Release, *words: str) -> str:
        """What a command says on both streams; it has to succeed."""
        ours = {
            "LAUNCHER_STATE_DIR": str(self._state_dir),
            "LAUNCHER_LOCAL_CPUS": "4",
            "LAUNCHER_LOCAL_GPUS": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [release.python, "-m", "launcher", *words],
            env={k: v for k, v in os.environ.items() if not k.startswith("LAUNCHER_")} | ours,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        record = read_record(self._state_dir / SERVER)
        assert record is not None
        client = Client(str(record["url"]), (self._state_dir / "token").read_text().strip())
        with contextlib.closing(client):
            yield client


def test_a_job_trains_on_while_server_and_executor_are_upgraded(
    stack: Stack, previous: Release, coming: Release, diary: Diary
) -> None:
    stack.server.python = stack.executor.python = previous.python
    stack.start()
    job = stack.submit(PROGRAMS / "meet.py", env={"DIARY": str(diary.folder)})
    wait_until(lambda: stack.client.checkpoints(job), "a checkpoint")

    replace_server(stack, coming)
    wait_until(stack.has_nodes, "the executor of the release before")
    before = stack.client.checkpoints(job)[0].step
    wait_until(lambda: stack.client.checkpoints(job)[0].step > before, "a checkpoint after it")
    beside = stack.run("print('trained')", workers=1)
    assert beside.state == "SUCCEEDED", "agents that the executor of before has made"

    stack.executor.kill(signal.SIGTERM)
    stack.executor.python = coming.python
    stack.start_executor()
    before = stack.client.checkpoints(job)[0].step
    wait_until(lambda: stack.client.checkpoints(job)[0].step > before, "a checkpoint after it")

    diary.finish()
    assert len(stack.wait(job, "SUCCEEDED").attempts) == 1
    assert_every_point_once(stack.client, job, diary)


@pytest.mark.slow  # tests/unit/spec/test_stored.py has what differs
def test_a_client_of_the_release_before_works_with_a_newer_server(
    stack: Stack, previous: Release, coming: Release
) -> None:
    stack.server.python = stack.executor.python = coming.python
    stack.start()
    (stack.folder / "train.py").write_text("print('from an old client')\n")
    out = launcher(previous, stack, "run", "--workers", "1", "--", "train.py")
    assert "from an old client" in out
    [job] = json.loads(launcher(previous, stack, "list", "--output", "json"))
    assert job["state"] == "SUCCEEDED"
    stack.submitted.append(job["id"])
    assert "from an old client" in launcher(previous, stack, "logs", job["id"])
    assert job["id"] in launcher(previous, stack, "show", job["id"])


@pytest.mark.slow  # tests/component/server/test_versions.py has its words
def test_an_executor_that_is_newer_than_its_server_waits_in_words_until_that_is_upgraded(
    stack: Stack, coming: Release
) -> None:
    stack.start()
    stack.executor.kill(signal.SIGTERM)
    stack.executor.python = coming.python
    stack.executor.start()
    log = stack.executor.log
    wait_until(lambda: "upgrade the server first" in log.read_text(), "its words")
    assert f"(launcher {coming.version}) 2" in log.read_text()
    [cluster] = stack.client.server().clusters
    assert "upgrade the server first" in cluster.note
    replace_server(stack, coming)
    wait_until(stack.has_nodes, "its session")
    assert stack.run("print('trained')", workers=1).state == "SUCCEEDED"


@pytest.mark.slow
def test_your_own_server_is_upgraded_by_the_next_launcher_up_while_a_job_trains(
    previous: Release, coming: Release, tmp_path: Path, diary: Diary
) -> None:
    own = Own(tmp_path)
    (tmp_path / "train.py").write_text((PROGRAMS / "meet.py").read_text())
    spec = {
        "entrypoint": "train.py",
        "env": {"DIARY": str(diary.folder)},
        "resources": {"workers": 2},
    }
    (tmp_path / "job.yaml").write_text(json.dumps(spec))
    try:
        own.call(previous, "run", "--detach", "job.yaml")
        with own.client() as client:
            [job] = client.jobs()
            wait_until(lambda: client.checkpoints(job.id), "a checkpoint")
            said = own.call(coming, "up")
            assert (
                f"launcher {previous.version} of the server gives way to {coming.version}" in said
            )
            assert client.server().version == coming.version
            diary.finish()
            assert client.wait(job.id).state == "SUCCEEDED"
            assert len(client.job(job.id).attempts) == 1
            assert_every_point_once(client, job.id, diary)
    finally:
        own.call(coming, "down", "-y")

"""A running Ray cluster is attached by its dashboard's address: nothing is installed there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray_head
from machine import wait_until
from ray_head import TOKEN, RayHead

from launcher.client import Client
from launcher.clusters._ray_jobs import RayJobs
from launcher.errors import ConflictError, UnauthorizedError
from launcher.server.process import running_server

NAME = "shared"
WAITS = """
import os, sys, time
print("here", sys.executable, flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
print("went on", flush=True)
"""

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(bool(ray_head.missing()), reason=ray_head.missing()),
]


class Desk:
    """A user's own server, without an executor of its own, and his command line."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state_dir = folder, folder / "state"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LAUNCHER_")},
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LAUNCHER_STATE_DIR": str(folder / "no-state"),
        }
        self.client: Client | None = None
        self._log = (folder / "server.log").open("wb")
        self._server = subprocess.Popen(
            [
                *(sys.executable, "-m", "launcher", "server"),
                *("--state-dir", str(self.state_dir), "--port", "0"),
            ],
            stdout=self._log,
            stderr=self._log,
            env=self.environment,
        )
        try:
            self._use()
        except BaseException:
            self.end()
            raise

    def _use(self) -> None:
        self.url = wait_until(lambda: running_server(self.state_dir), "the server")
        token = self.state_dir / "token"
        self.client = Client(self.url, token.read_text().strip())
        wait_until(self._answers, "an answer of the server")
        self.cli("context", "add", "desk", self.url, "--token-file", str(token))
        self.cli("context", "use", "desk")

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.folder / "server.log").read_text()
        try:
            return bool(self.client.server().server_id)
        except Exception:
            return False

    def cli(self, *words: str, code: int = 0, **environment: str) -> str:
        """What a command says, on both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "launcher", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment | environment,
            cwd=self.folder,
            timeout=200,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def submit(self, *arguments: str) -> str:
        workdir = self.folder / f"job-{time.monotonic_ns()}"
        workdir.mkdir()
        (workdir / "train.py").write_text(WAITS)
        spec = {
            "name": "waits",
            "framework": "command",
            "entrypoint": ["python", "train.py", *arguments],
            "workdir": str(workdir),
            "cluster": NAME,
        }
        from launcher.spec.judge import spec_from_data

        return self.client.submit(spec_from_data(spec)).job.id

    def wait(self, job: str, state: str) -> None:
        wait_until(
            lambda: self.client.job(job).state == state,
            lambda: f"{state}: {self.client.job(job)} {self.client.events(job)}",
        )

    def log(self, job: str) -> str:
        return b"".join(self.client.log(job, 1, 0)).decode()

    def end(self) -> None:
        if self.client is not None:
            self.client.close()
        self._server.kill()
        self._server.wait()
        self._log.close()


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    with RayHead(tmp_path_factory.mktemp("head")) as head:
        yield head


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.end()


@pytest.fixture
def attached(desk: Desk, head: RayHead) -> Iterator[str]:
    """What attaching said."""
    yield desk.cli("attach", head.url, "--name", NAME, RAY_AUTH_TOKEN=TOKEN)
    desk.cli("detach", NAME, "--force")


def executors(head: RayHead) -> list[str]:
    """Ids of the Ray jobs of ours that have not ended."""
    with contextlib.closing(RayJobs(head.url, TOKEN)) as jobs:
        return [job.id for job in jobs.jobs() if job.metadata and not job.has_ended]


def test_the_clusters_python_has_nothing_of_ours(head):
    code = "import ray; import launcher"
    done = subprocess.run(
        [head.python, "-c", code], cwd="/", env={}, capture_output=True, text=True, check=False
    )
    assert "No module named 'launcher'" in done.stderr


def test_ray_that_asks_for_a_token_is_told_apart_from_one_that_refuses_it(desk, head):
    with pytest.raises(UnauthorizedError, match="asks for a token"):
        list(desk.client.attach(NAME, head.url))
    with pytest.raises(UnauthorizedError, match="refuses the token"):
        list(desk.client.attach(NAME, head.url, ray_token="wrong"))
    assert "RAY_AUTH_TOKEN" in desk.cli("attach", head.url, "--name", NAME, code=4)


def test_a_server_that_the_head_does_not_reach_is_told_and_leaves_nothing_there(desk, head):
    with pytest.raises(Exception, match="does not reach your server"):
        list(desk.client.attach(NAME, head.url, ray_token=TOKEN, server_url="http://127.0.0.1:9"))
    assert executors(head) == []
    assert [one.name for one in desk.client.server().clusters] == []


def test_an_attached_cluster_runs_jobs_with_its_own_python(desk, head, attached, tmp_path):
    assert "attached shared: 1 node, 4 CPUs" in attached
    told = json.loads(desk.cli("context", "--output", "json"))
    assert [one["name"] for one in told["clusters"] if one["live"]] == [NAME]
    (tmp_path / "go").touch()
    job = desk.submit(str(tmp_path / "go"))
    desk.wait(job, "SUCCEEDED")
    assert f"here {head.python}" in desk.log(job)


def test_a_second_attach_is_refused_by_name_and_by_cluster(desk, head, attached):
    with pytest.raises(ConflictError, match="serves cluster 'shared' already"):
        list(desk.client.attach(NAME, head.url, ray_token=TOKEN))
    with pytest.raises(ConflictError, match="attached to this server already, as cluster 'shared'"):
        list(desk.client.attach("other", head.url, ray_token=TOKEN))
    assert len(executors(head)) == 1


def test_jobs_keep_a_cluster_from_being_detached_and_end_well_when_it_is_forced(
    desk, head, attached, tmp_path
):
    job = desk.submit(str(tmp_path / "go"))
    desk.wait(job, "RUNNING")
    with pytest.raises(ConflictError, match=job):
        desk.client.detach(NAME)
    assert desk.client.detach(NAME, force=True) == [job]
    assert executors(head) == []
    (tmp_path / "go").touch()
    desk.wait(job, "SUCCEEDED")
    assert "went on" in desk.log(job)
    desk.cli("attach", head.url, "--name", NAME, RAY_AUTH_TOKEN=TOKEN)


def test_an_executor_whose_token_was_taken_back_leaves(desk, head, attached):
    (job,) = executors(head)
    head.pause()  # the server's word to end it waits there, so that it can only leave by itself
    try:
        desk.client.detach(NAME, force=True)
        wait_until(
            lambda: "does not know the token" in head.log(job),
            lambda: f"the executor's leave-taking: {head.log(job)}",
        )
    finally:
        head.resume()
    wait_until(lambda: job not in executors(head), "the end of the executor")
    desk.cli("attach", head.url, "--name", NAME, RAY_AUTH_TOKEN=TOKEN)


def test_a_head_that_was_started_anew_is_attached_again_by_itself(desk, head, attached, tmp_path):
    (before,) = executors(head)
    head.stop()
    head.start()
    wait_until(lambda: executors(head) not in ([], [before]), "the next executor")
    wait_until(
        lambda: [one for one in desk.client.server().clusters if one.live and one.nodes],
        "nodes of the cluster",
    )
    (tmp_path / "go").touch()
    desk.wait(desk.submit(str(tmp_path / "go")), "SUCCEEDED")


def test_a_server_beside_the_executor_serves_who_cannot_be_reached(desk, head, tmp_path):
    head.also_has("trainlaunch[server]", "fastapi-offline")
    port = ray_head._free_ports(1)[0]
    said = desk.cli(
        *("attach", head.url, "--with-server", "--name", "there", "--port", str(port)),
        *("--state-dir", str(tmp_path / "there")),
        RAY_AUTH_TOKEN=TOKEN,
    )
    try:
        assert "they last as long as that disk" in said
        told = json.loads(desk.cli("context", "--output", "json"))
        assert told["server"] == f"http://127.0.0.1:{port}"
        assert [one["live"] for one in told["clusters"]] == [True]
        assert "SUCCEEDED" in desk.cli("run", "--", "echo", "hello")
    finally:
        desk.cli("detach", "there", "--force")
        desk.cli("context", "use", "desk")
    assert executors(head) == []

"""`ray up` of cluster/onprem.yaml over a real sshd: a head with an executor, and a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import ssh_cluster
from machine import wait_until
from ssh_cluster import SshCluster
from stack import Service, Stack

NAME = "lab"
PROGRAM = """
import json, os, socket
print(json.dumps([socket.gethostname(), os.environ["WORLD_SIZE"], os.nice(0)]))
"""
WAITS = """
import os, time
import launcher
launcher.report(step=1, loss=1.0)
while os.environ["LAUNCHER_ATTEMPT"] == "1":
    time.sleep(0.05)
"""

pytestmark = [
    pytest.mark.apart,
    pytest.mark.slow,  # three minutes; tests/component/clusters has the quick part
    pytest.mark.skipif(bool(ssh_cluster.missing()), reason=ssh_cluster.missing()),
]


class Outside(Stack):
    """The server alone: Ray and executor are what `ray up` makes of the definition."""

    def __init__(self, folder: Path, cluster: SshCluster) -> None:
        self._cluster = cluster
        super().__init__(folder, None, None)  # type: ignore[arg-type]
        self.server.arguments += ["--host", cluster.gateway, "--insecure-http"]

    def new_executor(self, name: str) -> Service:
        """None of ours; it is never started."""
        return Service("executor", self.folder / f"{name}.log", [])

    def wait_for_worker(self) -> None:
        wait_until(self._has_worker, lambda: f"{self._log()}")

    def _has_worker(self) -> bool:
        return any(
            cluster.live and any(node.total.get("CPU") for node in cluster.nodes)
            for cluster in self.client.server().clusters
            if cluster.name == NAME
        )

    def _log(self) -> str:
        log = self._cluster.head.home / "launcher" / "executor.log"
        return log.read_text()[-3000:] if log.exists() else "no executor.log on the head"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SshCluster]:
    with SshCluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def outside(cluster: SshCluster, tmp_path: Path) -> Iterator[Outside]:
    (tmp_path / "stack").mkdir()
    stack = Outside(tmp_path / "stack", cluster)
    try:
        stack.start_server()
        yield stack
    finally:
        stack.end()


def executors(cluster: SshCluster) -> list[int]:
    return cluster.running(cluster.head, "launcher executor", "--ray-address auto")


def test_an_on_premises_cluster_comes_up_over_ssh_and_trains(
    cluster: SshCluster, outside: Outside
) -> None:
    definition = cluster.definition(CLUSTER_NAME=NAME, SERVER_URL=outside.url)
    secrets = definition.parent / "secrets"
    secrets.mkdir(exist_ok=True)
    (secrets / "ray-token").write_text("a-long-random-text-that-nobody-else-has")
    (secrets / "executor-token").write_text(outside.token)
    cluster.ray("up", "-y", "--no-config-cache", definition.name)
    outside.wait_for_worker()

    job = outside.run(PROGRAM, cluster=NAME)
    assert job.state == "SUCCEEDED", outside.story(job.id)
    on_the_worker = ["worker", "2", os.nice(0)]  # and not at Ray's nice 15
    assert outside.answers(job.id, 2) == [on_the_worker] * 2

    [executor] = executors(cluster)
    os.kill(executor, signal.SIGKILL)
    wait_until(lambda: set(executors(cluster)) - {executor}, "another executor")

    waiting = outside.submit(WAITS, cluster=NAME)
    outside.wait(waiting, "RUNNING")
    outside.wait_for(waiting, lambda: outside.client.metrics(waiting), "its report")
    [before] = cluster.running(cluster.head, "executor.sh", "--keep")
    cluster.ray("up", "-y", "--no-config-cache", definition.name)
    assert cluster.running(cluster.head, "executor.sh", "--keep") != [before]
    view = outside.wait(waiting, "SUCCEEDED")
    assert len(view.attempts) == 2

    cluster.ray("exec", definition.name, "bash ~/launcher/executor.sh --stop")
    assert not executors(cluster)
    cluster.ray("down", "-y", definition.name)
    assert not cluster.running(cluster.head, "raylet")
    assert_installed(cluster)


def assert_installed(cluster: SshCluster) -> None:
    """What the definition asked pip for: launcher on the head alone."""
    asked = {
        machine.name: (machine.home / "launcher/venv/bin/asked").read_text()
        for machine in (cluster.head, cluster.worker)
    }
    assert all("ray[default]==" in words for words in asked.values())
    assert "trainlaunch" in asked["head"]
    assert "trainlaunch" not in asked["worker"]

"""A job on a cluster of its own, through the whole path: only Kubernetes itself is played.

The pods of its RayJob are real Ray nodes, and its entrypoint is what the RayJob says: a real
`launcher executor --once`, which ends by itself when all of the job is with the server.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_server import KubeServer
from machine import wait_until
from play_operator import Operator
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Stack

from launcher.errors import NotFoundError

pytestmark = pytest.mark.apart

PROGRAM = """
import os
import launcher
rank = int(os.environ["RANK"])
print(f"rank {rank} of {os.environ['WORLD_SIZE']}", flush=True)
launcher.report(step=1, loss=0.5 + rank)
"""


class PlayedKubernetes:
    """The API server, and an operator whose pods are Ray nodes that run already."""

    def __init__(self, kube: KubeServer, nodes: RayNodes, folder: Path) -> None:
        self.kube, self.operator = kube, Operator(kube)
        self._nodes, self._folder = nodes, folder
        self.entrypoint: subprocess.Popen[bytes] | None = None

    def start(self, name: str) -> None:
        """What KubeRay does with a RayJob: pods, Ray in them, then its entrypoint on the head."""
        self.operator.make_pods(name, "Running")
        head, *workers = self.operator.pods(name)
        for number, pod in enumerate([*workers, head]):  # node 0 of Ray is a worker here
            address = f"127.0.0.{number + 1}"
            self.operator.set_pod(pod["metadata"]["name"], podIP=address)
        rayjob = self.kube.get("rayjobs", name)
        words = shlex.split(rayjob["spec"]["entrypoint"])
        token = self._folder / "token"
        secret = self.kube.get("secrets", f"{name}-launcher")
        token.write_text(secret["stringData"]["token"])
        words[words.index("--token-file") + 1] = str(token)
        words[words.index("--ray-address") + 1] = self._nodes.address.address
        with (self._folder / "entrypoint.log").open("ab") as log:
            self.entrypoint = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._nodes.address.environment},
                start_new_session=True,
            )

    def end(self) -> None:
        if self.entrypoint is not None and self.entrypoint.poll() is None:
            os.killpg(self.entrypoint.pid, signal.SIGKILL)
            self.entrypoint.wait(timeout=30)

    @property
    def words(self) -> str:
        return (self._folder / "entrypoint.log").read_text()[-3000:]


@pytest.fixture
def played(tmp_path: Path) -> Iterator[tuple[Stack, PlayedKubernetes]]:
    with KubeServer() as kube, RayNodes(tmp_path / "nodes", cpus=[1, 1]) as nodes:
        (tmp_path / "stack").mkdir()
        with RayView(nodes.address, tmp_path / "view.log") as view:
            stack = Stack(tmp_path / "stack", nodes, view)
            stack.server.environment["LAUNCHER_KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
            kubernetes = PlayedKubernetes(kube, nodes, tmp_path)
            try:
                stack.start_server()
                settings = {"image": "reg/ray:1", "has_gpus": False, "server_url": stack.url}
                list(stack.client.attach_kubernetes("gke", **settings))
                yield stack, kubernetes
            finally:
                kubernetes.end()
                stack.end()


def test_a_job_runs_in_a_rayjob_to_its_end_and_its_executor_ends_with_it(
    played: tuple[Stack, PlayedKubernetes],
) -> None:
    stack, kubernetes = played
    kube = kubernetes.kube
    job = stack.submit(PROGRAM, workers=2, cluster="gke")
    name = f"{job}-1"
    wait_until(lambda: kube.get("secrets", f"{name}-launcher"), "the RayJob and its Secret")
    kubernetes.start(name)
    stack.wait(job, "SUCCEEDED")
    assert [stack.log(job, rank) for rank in range(2)] == [b"rank 0 of 2\n", b"rank 1 of 2\n"]
    entrypoint = kubernetes.entrypoint
    assert entrypoint is not None
    assert entrypoint.wait(timeout=60) == 0, kubernetes.words
    kubernetes.operator.finish(name)
    wait_until(lambda: not stack.client.server().clusters, "the end of its cluster")
    stack.assert_nothing_is_left()


@pytest.mark.slow
def test_an_executor_that_dies_is_begun_anew_and_costs_no_attempt(
    played: tuple[Stack, PlayedKubernetes],
) -> None:
    stack, kubernetes = played
    kube = kubernetes.kube
    program = f"import time, pathlib\n{PROGRAM}\nprint('waits', flush=True)\n"
    program += "while not pathlib.Path(os.environ['GO']).exists(): time.sleep(0.1)\n"
    go = stack.folder / "go"
    job = stack.submit(program, workers=2, cluster="gke", env={"GO": str(go)})
    name = f"{job}-1"
    wait_until(lambda: kube.get("secrets", f"{name}-launcher"), "the RayJob and its Secret")
    kubernetes.start(name)
    stack.wait_for(job, lambda: b"waits" in _printed(stack, job), "its ranks")
    entrypoint = kubernetes.entrypoint
    assert entrypoint is not None
    listed = Path(f"/proc/{entrypoint.pid}/task/{entrypoint.pid}/children").read_text()
    [child] = map(int, listed.split())
    os.kill(child, signal.SIGKILL)
    go.touch()
    stack.wait(job, "SUCCEEDED")
    assert len(stack.client.job(job).attempts) == 1
    assert entrypoint.wait(timeout=90) == 0, kubernetes.words


def _printed(stack: Stack, job: str) -> bytes:
    with contextlib.suppress(NotFoundError):  # nothing was printed yet
        return stack.log(job)
    return b""

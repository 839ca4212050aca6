"""Several Ray nodes on one machine, each with processes of its own, to be killed and stopped.

    with RayNodes(tmp_path, cpus=[2, 2]) as nodes:
        os.environ.update(nodes.address.environment)
        ray.init(nodes.address.address, namespace="test", log_to_driver=False)
        ...
        nodes.kill(1)

Node 0 is the head: an embedded cluster. Node i has the address 127.0.0.<i + 1>. Whatever a test has
done to them, all their processes are ended on exit, and what these have started too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from launcher.clusters import _folders, _processes, _start
from launcher.clusters._processes import Process
from launcher.clusters._record import Record
from launcher.clusters.base import RayAddress
from launcher.clusters.local import LocalRay

_START_TIMEOUT_S = 120.0
# A killed raylet is noticed after 3 s instead of 15, a silent one after 9 s instead of 65.
_QUICK_TO_NOTICE = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


class RayNodes:
    """Ray nodes of the given CPUs and fake GPUs; use it in a `with`.

    `apart`: the files of ours on each but the head lie in a folder of its own, as on a machine.
    """

    def __init__(
        self,
        folder: Path,
        cpus: Sequence[int],
        gpus: Sequence[int] | None = None,
        *,
        apart: bool = False,
    ):
        self._folder = folder
        self._apart = apart
        self._cpus = list(cpus)
        self._gpus = list(gpus) if gpus is not None else [0] * len(self._cpus)
        self._head = LocalRay(
            folder / "ray", cpus=self._cpus[0], gpus=self._gpus[0], settings=_QUICK_TO_NOTICE
        )
        self._nodes: list[_Node] = []
        self.address: RayAddress
        self.node_ids: list[str]
        """Ray's node ids, in the order of `cpus`."""

    def __enter__(self):
        try:
            self.address = self._head.ensure()
            record = Record.read(self._folder / "ray" / "ray.json")
            assert record is not None
            self._nodes = [_Node(record.leader, record.temp_dir)]
            for number in range(1, len(self._cpus)):
                self._nodes.append(self._add(number, record.port))
            self.node_ids = [node.located() for node in self._nodes]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for node in reversed(self._nodes):
            node.end()
        self._head.stop(grace_s=0)

    def spool(self, number: int) -> Path:
        """Of a node that is `apart`."""
        return self._folder / f"spool-{number}"

    def raylet_pid(self, number: int) -> int:
        return self._nodes[number].raylet.pid

    def processes(self, number: int) -> set[Process]:
        """All processes of a node: Ray's, and what its workers have started."""
        return self._nodes[number].processes()

    def kill(self, number: int) -> None:
        """SIGKILL to the raylet alone: the node is lost, its machine is not."""
        self._signal(number, signal.SIGKILL)

    def stop(self, number: int) -> None:
        """SIGTERM to the raylet: the node leaves in good order."""
        self._signal(number, signal.SIGTERM)

    def pause(self, number: int) -> None:
        """SIGSTOP to the raylet: the node falls silent."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self._signal(number, signal.SIGCONT)

    def lose(self, number: int) -> None:
        """SIGKILL to everything on the node at once: the machine has lost its power."""
        for process in self.processes(number):
            _processes.send(process, signal.SIGKILL)

    def _signal(self, number: int, what: signal.Signals) -> None:
        _processes.send(self._nodes[number].raylet, what)

    def _add(self, number: int, port: int) -> _Node:
        name = hashlib.sha256(f"{self._folder}:{number}".encode()).hexdigest()[:10]
        temp_dir = _folders.short_folder(self._folder).with_name(f"n-{name}")
        shutil.rmtree(temp_dir, ignore_errors=True)
        temp_dir.mkdir(mode=0o700)
        options = [
            f"--address=127.0.0.1:{port}",
            f"--node-ip-address=127.0.0.{number + 1}",
            f"--temp-dir={temp_dir}",
            f"--num-cpus={self._cpus[number]}",
            f"--num-gpus={self._gpus[number]}",
        ]
        with (self._folder / f"node-{number}.log").open("wb") as log:
            child = subprocess.Popen(
                _start.ray_command(*options),
                cwd=temp_dir,
                env={
                    **_start.ray_environment(os.environ, cpus=self._cpus[number]),
                    **self.address.environment,
                    **({"LAUNCHER_SPOOL_ROOT": str(self.spool(number))} if self._apart else {}),
                },
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert child.stdin is not None
        with child.stdin:
            child.stdin.write(b"start\n")
        begun = _processes.stat(child.pid)
        assert begun is not None
        return _Node(begun.process, temp_dir, child)


class _Node:
    """The session of one node's processes."""

    def __init__(
        self, leader: Process, temp_dir: Path, starting: subprocess.Popen[bytes] | None = None
    ):
        self._record = Record(leader, temp_dir)
        self._starting = starting
        self.raylet = leader

    def located(self) -> str:
        """Wait until the node is up; its id."""
        if self._starting is not None:
            assert self._starting.wait(_START_TIMEOUT_S) == 0
        [self.raylet] = [one.process for one in self._record.members() if one.name == "raylet"]
        arguments = Path(f"/proc/{self.raylet.pid}/cmdline").read_text().split("\0")
        [node_id] = [one.partition("=")[2] for one in arguments if one.startswith("--node_id=")]
        return node_id

    def processes(self) -> set[Process]:
        return self._record.processes()

    def end(self) -> None:
        if self._starting is not None:
            self._starting.kill()
            self._starting.wait()
        _processes.end(self.processes, grace_s=0)
        shutil.rmtree(self._record.temp_dir, ignore_errors=True)

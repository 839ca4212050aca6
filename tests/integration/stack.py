"""A server and an executor as real processes on real Ray nodes; the test is their supervisor.

stack.start()
job = stack.submit({"train.py": "print(1)"}, workers=2)
stack.wait(job, "SUCCEEDED")
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import machine
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView

from launcher.client import Client
from launcher.errors import LauncherError
from launcher.server.process import running_server
from launcher.spec.judge import spec_from_data
from launcher.views import AttemptView, JobView

T = TypeVar("T")
PROGRAMS = Path(__file__).parent / "programs"


class Service:
    """A process that is started again after the test killed it."""

    def __init__(self, name: str, log: Path, arguments: list[str]) -> None:
        self.name, self.log, self.arguments = name, log, arguments
        self.environment: dict[str, str] = {}
        self.prefix: list[str] = []
        """What runs the command line elsewhere, as in a network namespace."""
        self.python = sys.executable
        """Whose `launcher` it is."""
        self._is_meant_to_live = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.is_alive
        self._is_meant_to_live = True
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, self.python, "-m", "launcher", self.name, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **self.environment},
                start_new_session=True,
            )

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and wait for its end."""
        assert self._process is not None
        self._is_meant_to_live = False
        self._process.send_signal(number)
        self._process.wait(timeout=60)

    def assert_did_not_end_by_itself(self) -> None:
        words = self.log.read_text()[-3000:] if self.log.exists() else "it said nothing"
        assert self.is_alive or not self._is_meant_to_live, f"the {self.name} ended: {words}"


class Stack:
    """Several may stand on the same Ray nodes: each has a namespace of its own.

    Args:
        folder: a new one, for state, logs and the jobs' workdirs.
        nodes: Ray.
        view: of the same Ray.
    """

    def __init__(self, folder: Path, nodes: RayNodes, view: RayView) -> None:
        self.folder, self.nodes, self._view = folder, nodes, view
        self.state_dir = folder / "state"
        self.server = Service(
            "server", folder / "server.log", ["--state-dir", str(self.state_dir), "--port", "0"]
        )
        self.executor = self.new_executor("executor")
        self.submitted: list[str] = []
        self.server_id = ""
        self._count = 0
        self._client: Client | None = None

    # --- its processes ----------------------------------------------------------------------------

    def start(self) -> None:
        self.start_server()
        self.start_executor()

    def start_server(self) -> None:
        self.server.start()
        wait_until(self._answers, "an answer of the server")
        self.server_id = self.client.server().server_id

    def start_executor(self) -> None:
        """Start the executor, and wait until it speaks for the cluster."""
        self.executor.arguments[1] = self.url
        sessions = self._sessions()
        self.executor.start()

        def speaks() -> bool:
            self.executor.assert_did_not_end_by_itself()
            return self._sessions() > sessions and self.has_nodes()

        wait_until(speaks, "a session of the executor")

    def new_executor(self, name: str) -> Service:
        """One more executor of the same cluster; not started."""
        arguments = ["--server", "", "--ray-address", "", "--cluster", "test"]
        service = Service("executor", self.folder / f"{name}.log", arguments)
        arguments[3] = self.nodes.address.address
        arguments += ["--token-file", str(self.state_dir / "token")]
        service.environment = dict(self.nodes.address.environment)
        return service

    def _sessions(self) -> int:
        """How many sessions the executor has opened, in all its lives."""
        log = self.executor.log
        return log.read_text().count("session ") if log.exists() else 0

    def has_nodes(self) -> bool:
        return any(cluster.live and cluster.nodes for cluster in self.client.server().clusters)

    def _answers(self) -> bool:
        assert self.server.is_alive, self.server.log.read_text()
        try:
            return running_server(self.state_dir) is not None and self.client.server().pid > 0
        except LauncherError:
            return False

    def end(self) -> None:
        """End everything by its pid; called in any condition."""
        try:
            if self.server.is_alive:
                self.clean_up()
        finally:
            self._kill_all()

    def _kill_all(self) -> None:
        for service in (self.executor, self.server):
            if service.is_alive:
                service.kill()
        if self._client is not None:
            self._client.close()
        for job in self.submitted:
            for one in machine.marked(job):
                os.kill(one.pid, signal.SIGKILL)
        if self.server_id:
            shutil.rmtree(self.jobs_folder, ignore_errors=True)

    def clean_up(self) -> None:
        """End the jobs that a failed test left running."""
        for job in self.client.jobs(["QUEUED", "SETUP", "STARTING", "RUNNING", "CANCELLING"]):
            self.client.cancel(job.id, force=True)
        wait_until(
            lambda: not self.client.jobs(["QUEUED", "SETUP", "STARTING", "RUNNING", "CANCELLING"]),
            "the end of all jobs",
        )

    # --- jobs -------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        found = running_server(self.state_dir)
        assert found is not None
        return found

    @property
    def token(self) -> str:
        return (self.state_dir / "token").read_text().strip()

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.url, self.token)
        return self._client

    def submit(
        self,
        program: str | bytes | Path | Mapping[str, str | bytes],
        *,
        entrypoint: str | list[str] = "train.py",
        workers: int = 2,
        placement: str = "pack",
        retries: int = 0,
        backoff: float = 0.0,
        resources: Mapping[str, Any] | None = None,
        **keys: Any,
    ) -> str:
        """Submit a program; the job's id.

        Args:
            program: the text of train.py, the texts of several files, or a folder or file here.
            keys: further keys of the spec.
        """
        return self.submit_view(
            {
                "name": "job",
                "workdir": str(self._workdir(program)),
                "entrypoint": entrypoint,
                "framework": "pytorch",
                "python": {"interpreter": sys.executable},
                "resources": {
                    "workers": workers,
                    "gpus_per_worker": 0,
                    "placement": placement,
                    **(resources or {}),
                },
                "retries": {"max": retries, "backoff": backoff},
                **keys,
            }
        ).id

    def submit_view(self, spec: dict[str, Any]) -> JobView:
        job = self.client.submit(spec_from_data(spec), python=sys.executable).job
        self.submitted.append(job.id)
        return job

    def _workdir(self, program: str | bytes | Path | Mapping[str, str | bytes]) -> Path:
        if isinstance(program, Path) and program.is_dir():
            return program
        self._count += 1
        folder = self.folder / f"workdir-{self._count}"
        if isinstance(program, Path):
            program = program.read_bytes()
        files = {"train.py": program} if isinstance(program, str | bytes) else program
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    def wait(self, job: str, *states: str) -> JobView:
        """The job once it is in one of the states; another end than these fails the test."""

        def is_there() -> JobView | None:
            found = self.client.job(job)
            return found if found.state in states else None

        return self.wait_for(job, is_there, " or ".join(states))

    def wait_for(self, job: str, holds: Callable[[], T], what: str) -> T:
        """The first true answer of `holds`, which must come before the job's end."""

        def look() -> T:
            found = holds()
            if not found:
                is_over = self.client.job(job).is_over
                assert holds() or not is_over, f"{what}: {self.story(job)}"
                self.server.assert_did_not_end_by_itself()
                self.executor.assert_did_not_end_by_itself()
            return found

        return wait_until(look, lambda: f"{what}: {self.story(job)}")

    def run(self, *arguments: Any, **keys: Any) -> JobView:
        """Submit a program and wait for its end, whichever it is."""
        return self.wait(self.submit(*arguments, **keys), "SUCCEEDED", "FAILED", "CANCELLED")

    def last_attempt(self, job: str) -> AttemptView:
        attempt = self.client.job(job).attempt
        assert attempt is not None
        return attempt

    def log(self, job: str, rank: int = 0, attempt: int = 1) -> bytes:
        return b"".join(self.client.log(job, attempt, rank))

    def answers(self, job: str, ranks: int, attempt: int = 1) -> list[Any]:
        """What each rank printed as one line of JSON."""
        return [json.loads(self.log(job, rank, attempt)) for rank in range(ranks)]

    def story(self, job: str) -> str:
        """What happened to a job, for the words of a failed test."""
        events = [event for event in self.client.events(job) if event.kind != "checkpoint"]
        lines = [f"{event.time:.2f} {event.kind}: {event.text}" for event in events]
        view = self.client.job(job)
        exits = [str(exit_) for attempt in view.attempts for exit_ in attempt.exits]
        return "\n".join([f"{job} is {view.state}: {view.reason}", *lines, *exits])

    # --- what is there ----------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        return f"launcher-{self.server_id}"

    @property
    def jobs_folder(self) -> Path:
        """Where agents of this server keep the jobs' files on this machine."""
        return Path(tempfile.gettempdir()) / f"launcher-{os.getuid()}" / "jobs" / self.server_id

    def assert_nothing_is_left(self) -> None:
        """No process, agent, placement group or folder of any job, once all have ended."""
        wait_until(lambda: not self.left_over(), lambda: f"left over: {self.left_over()}")

    def left_over(self) -> list[str]:
        processes = [f"{job}: {one}" for job in self.submitted for one in machine.marked(job)]
        keepers = [f"keeper of {job}: {p}" for job in self.submitted for p in machine.keepers(job)]
        held = [name for name in self._view.held(self.namespace) if self._is_ours(name)]
        names = [path.name for path in self.jobs_folder.glob("*")] if self.submitted else []
        folders = [name for name in names if "@" in name or name.startswith("gone-")]
        return [*processes, *keepers, *held, *folders]

    def _is_ours(self, name: str) -> bool:
        return any(name.startswith(f"{job}.") for job in self.submitted)

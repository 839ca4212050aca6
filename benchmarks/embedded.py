"""A server and Ray of this benchmark's own, in a folder of its own; gone when it ends."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measuring import wait_until

from launcher.client import Client
from launcher.spec.judge import spec_from_data
from launcher.views import JobView

PROGRAMS = Path(__file__).parent / "programs"
LAUNCHER = str(Path(sys.executable).with_name("launcher"))
WORKERS = 2
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) \w+ (.*)")


@contextmanager
def fresh_state(cpus: int | None = None) -> Iterator[Path]:
    """The folder of an own server that does not run yet; whatever runs on it then is ended.

    Args:
        cpus: how many its Ray says that it has; None: those that there are.
    """
    folder = Path(tempfile.mkdtemp(prefix="launcher-benchmark-"))
    before = dict(os.environ)
    for name in ("LAUNCHER_SERVER", "LAUNCHER_TOKEN", "VIRTUAL_ENV", "CONDA_PREFIX"):
        os.environ.pop(name, None)
    os.environ["LAUNCHER_STATE_DIR"] = str(folder / "state")
    os.environ["LAUNCHER_LOCAL_CPUS"] = str(cpus or max(WORKERS, os.cpu_count() or 1))
    try:
        yield folder / "state"
    finally:
        _launcher("down", "--purge", "--yes")
        shutil.rmtree(folder)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def embedded(cpus: int | None = None) -> Iterator[Embedded]:
    """A cluster that is up, with nothing to do; `cpus` as of `fresh_state`."""
    with fresh_state(cpus) as state_dir:
        _launcher("up")
        client = Client()
        try:
            yield Embedded(state_dir, client)
        finally:
            client.close()


class Embedded:
    """The user's own server and Ray, as `launcher up` starts them."""

    def __init__(self, state_dir: Path, client: Client) -> None:
        self.state_dir, self.client = state_dir, client

    def submit(self, program: str, *arguments: str, workers: int = WORKERS, **keys: Any) -> JobView:
        """Queue a program of `programs/`; `keys` are further keys of the spec."""
        spec = spec_from_data(
            {
                "name": "benchmark",
                "framework": "pytorch",
                "entrypoint": [program, *arguments],
                "workdir": str(PROGRAMS),
                "resources": {"workers": workers, "gpus_per_worker": 0},
                **keys,
            }
        )
        return self.client.submit(spec, python=sys.executable).job

    def await_end(self, job: str) -> JobView:
        """The job once it is over and its place is free again; a failure ends the benchmark."""

        def is_over() -> JobView | None:
            found = self.client.job(job)
            return found if found.is_over and self._is_free() else None

        ended = wait_until(is_over, f"the end of {job}")
        if ended.state == "FAILED":
            sys.exit(f"{job} failed: {ended.reason}")
        return ended

    def end(self, job: str) -> None:
        self.client.cancel(job, force=True)
        self.await_end(job)

    def moments(self, job: str) -> dict[str, float]:
        """When the job got where, seconds since the epoch: its events and the executor's log.

        Events that repeat (one of each attempt) are numbered: `granted 2`.
        """
        found: dict[str, float] = {}
        for event in self.client.events(job):
            kind = event.kind if event.attempt in {None, 1} else f"{event.kind} {event.attempt}"
            found.setdefault(kind, event.time)
        for moment, text in log_lines(self.state_dir / "executor.log"):
            if f"{job}.1: resources held" in text:
                found["held"] = moment
            elif f"{job}.1: up" in text:
                found["up"] = moment
        return found

    def _is_free(self) -> bool:
        nodes = [node for cluster in self.client.server().clusters for node in cluster.nodes]
        return bool(nodes) and all(node.free.get("CPU") == node.total.get("CPU") for node in nodes)


def _launcher(*words: str) -> None:
    done = subprocess.run([LAUNCHER, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"launcher {words[0]}: {done.stderr}")


def log_lines(log: Path) -> Iterator[tuple[float, str]]:
    """Time (seconds since the epoch) and text of a log's lines."""
    for line in log.read_text(errors="replace").splitlines():
        if match := _STAMP.match(line):
            whole = time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S"))
            yield whole + int(match[2]) / 1000, match[3]

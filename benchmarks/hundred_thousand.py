"""What it takes to look at a server that has a hundred thousand jobs, half of them waiting.

Eight hundred run on a cluster that is spoken for by `apart.Executor`. The store was filled before
the server started, so that its start is measured too.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

from apart import Caller, Executor, server_apart
from embedded import LAUNCHER
from measuring import Section, rounds_parser, say, spread, wait_until

from launcher.model import lifecycle
from launcher.model.job import Event, Job
from launcher.model.states import JobState
from launcher.server.control import new_job
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import spec_from_data
from launcher.store import events, jobs, open_store

PROJECTS = "vision", "speech", "games"
NODES = 100
"""Of 8 CPUs each; a job takes one."""
AT_ONCE = 1000


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="default: 100,000")
    args = parser.parse_args()
    section = Section(f"{args.jobs:,} jobs", rounds=args.rounds)

    def fill(folder: Path) -> None:
        say("fills the store")
        fill_store(folder, args.jobs)

    with server_apart(fill) as server:
        caller, executor = Caller(server), Executor(server, NODES)
        begun = time.perf_counter()
        executor.report()
        wait_until(lambda: executor.ask() >= NODES * 8, "the grants")
        say(f"{NODES * 8} granted after {time.perf_counter() - begun:.1f} s")
        rows = [
            [name, spread([1000 * _timed(look, executor) for _ in range(args.rounds)], "ms")]
            for name, look in looks(caller, executor.newest).items()
        ]
        memory = server.memory() / 2**20
    section.table(["", f"goal 300 ms; {args.jobs // 2:,} wait, {NODES * 8} run"], rows)
    section.note(f"The server has one core, and takes {memory:.0f} MiB.")
    section.print()


def looks(caller: Caller, running: str) -> dict[str, Callable[[], object]]:
    def get(path: str) -> Callable[[], object]:
        return lambda: caller.ask("GET", path)

    def command(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run([LAUNCHER, *words], capture_output=True, check=True)

    waiting = caller.ask("GET", "/jobs?limit=1&state=QUEUED")["jobs"][0]["id"]
    return {
        "jobs API, 100": get("/jobs?limit=100"),
        "jobs API, 100 that wait": get("/jobs?limit=100&state=QUEUED"),
        "jobs API, 100 that succeeded, of a project": get(
            "/jobs?limit=100&state=SUCCEEDED&project=games"
        ),
        "what `launcher top` asks for": get("/occupancy"),
        "why, of one that waits": get(f"/jobs/{waiting}/why"),
        "one job that waits": get(f"/jobs/{waiting}"),
        "one job that runs": get(f"/jobs/{running}"),
        "projects": get("/projects"),
        "`launcher list`, the whole command": command("list"),
        "`launcher list --state queued`": command("list", "--state", "queued"),
        "`launcher show`": command("show", waiting),
        "`launcher why`": command("why", waiting),
    }


def _timed(look: Callable[[], object], executor: Executor) -> float:
    """Seconds."""
    executor.report()  # it lives
    begun = time.perf_counter()
    look()
    return time.perf_counter() - begun


def fill_store(folder: Path, count: int) -> None:
    """Every second job has succeeded, the others wait; of three projects."""
    with closing(open_store(folder)) as store:
        for first in range(0, count, AT_ONCE):
            now = time.time() - (count - first) / AT_ONCE * 60
            waiting = [_job(number, now) for number in range(first, first + AT_ONCE)]
            ended = [_ended(job, now) for job in waiting[::2]]
            with store.begin() as tx:
                jobs.insert_all(tx, waiting, {})
                jobs.save_all(tx, ended)
                told = [(job.id, Event("submitted", "submitted by ada")) for job in waiting]
                events.append_all(tx, told, now)


def _job(number: int, now: float) -> Job:
    spec = _spec(f"sweep-{number % 100}", PROJECTS[number % 3])
    return new_job(spec, code="", user="ada", python="", now=now + number % AT_ONCE / 100)


@cache
def _spec(name: str, project: str) -> JobSpec:
    return spec_from_data(
        {
            "name": name,
            "framework": "command",
            "entrypoint": ["true"],
            "workdir": "/tmp",
            "project": project,
            "resources": {"workers": 1, "gpus_per_worker": 0},
        }
    )


def _ended(job: Job, now: float) -> Job:
    placed = lifecycle.place(job, "old", [("n1", 1)], now).job
    assert placed.attempt is not None
    attempt = replace(placed.attempt, started_at=now + 1, ended_at=now + 9)
    state = JobState.SUCCEEDED
    return replace(placed, attempt=attempt, state=state, ended_at=now + 9, reason="")


if __name__ == "__main__":
    main()

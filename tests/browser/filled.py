"""A store as months of use leave it: many jobs, and series of every odd kind."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from launcher.model import lifecycle
from launcher.model.job import Event, Job
from launcher.model.states import JobState
from launcher.server.control import new_job
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import spec_from_data
from launcher.store import Store, events, jobs

PROJECTS = "vision", "speech", "games"
ENDS = (*["SUCCEEDED"] * 6, "FAILED", "CANCELLED")
MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
_AT_ONCE = 1000


def fill(store: Store, count: int) -> None:
    """Every second job is over, the others wait."""
    for first in range(0, count, _AT_ONCE):
        now = time.time() - (count - first) * 0.06
        numbers = range(first, min(first + _AT_ONCE, count))
        waiting = [job(f"sweep-{number % 100}", now + number % 100, number) for number in numbers]
        ended = [over(one, ENDS[at % len(ENDS)]) for at, one in enumerate(waiting[::2])]
        insert(store, waiting, ended)


def insert(store: Store, waiting: list[Job], ended: Iterable[Job] = ()) -> None:
    with store.begin() as tx:
        jobs.insert_all(tx, waiting, {})
        jobs.save_all(tx, list(ended))
        told = [(one.id, Event("submitted", "submitted by ada")) for one in waiting]
        events.append_all(tx, told, waiting[0].submitted_at)


def job(name: str, now: float, number: int = 0, **keys: object) -> Job:
    spec = _spec(name, PROJECTS[number % 3], json.dumps(keys))
    return new_job(spec, code="", user=("ada", "bob")[number % 2], python="", now=now)


def over(one: Job, state: str, lasted_s: float = 480.0) -> Job:
    """The job as it is once it has run."""
    begun = one.submitted_at
    placed = lifecycle.place(one, "old", [("n1", 1)], begun).job
    assert placed.attempt is not None
    attempt = replace(placed.attempt, started_at=begun + 1, ended_at=begun + lasted_s)
    return replace(
        placed, attempt=attempt, state=JobState(state), ended_at=begun + lasted_s, reason=""
    )


def report(store: Store, job_id: str, values: dict[str, Iterable[float]], rank: int = 0) -> None:
    """Points of these names, a step each, as rank and agent would have sent them."""
    columns = {name: list(numbers) for name, numbers in values.items()}
    lines = [
        json.dumps(
            {
                "k": "m",
                "t": 1_790_000_000 + step,
                "step": step,
                "m": {
                    name: numbers[step] for name, numbers in columns.items() if step < len(numbers)
                },
            }
        )
        for step in range(max(map(len, columns.values())))
    ]
    store.metrics.append(job_id, 1, rank, 0, ("\n".join(lines) + "\n").encode())


def falling(steps: int) -> list[float]:
    """What a loss looks like."""
    return [
        2.3 * math.exp(-step / steps * 4) + 0.1 * math.sin(step / 3) ** 2 for step in range(steps)
    ]


@cache
def _spec(name: str, project: str, keys: str) -> JobSpec:
    return spec_from_data(
        {
            "name": name,
            "framework": "command",
            "entrypoint": ["true"],
            "workdir": "/tmp",
            "project": project,
            "resources": {"workers": 1, "gpus_per_worker": 0},
            **json.loads(keys),
        }
    )

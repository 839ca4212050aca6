"""From the death of a rank, or of its agent, to the next step of all ranks.

Beside it the same program's cold start: from its submit to its first step, in the same run.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import start
from embedded import Embedded, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, interleaved, ratio, rounds_parser, spread, wait_until
from preload import left_by

from launcher.clusters import _processes

_LONG = ["--steps", "10000000", "--pause", "0.02", "--tell"]
_STAGES = {
    "ended": "the server knows that the attempt ended",
    "granted 2": "the next is granted",
    "line": "first line of the program (last rank)",
    "step": "first step (last rank)",
}


@dataclass(frozen=True)
class Recovery:
    """Seconds: to the first step from the submit, and from each death; `stages` of the rank's."""

    started: float
    rank: float
    stages: Mapping[str, float]
    agent: float = math.nan


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("kill -9 to the next step, 2 ranks, no checkpoint", rounds=args.rounds)
    with embedded() as cluster:
        left_by(lambda: start.launcher(cluster), "the first job")
        variants = {"warm": partial(killed, cluster), "cold": partial(killed_twice, cluster)}
        results = interleaved(args.rounds, variants)
    cold = [run.started for run in results["cold"]]
    rows = [["cold start: submit to first step", spread(cold), ""]]
    for words, after in (
        ("a rank is killed: cold restart in place", [run.rank for run in results["cold"]]),
        ("the same, warm", [run.rank for run in results["warm"]]),
        ("an agent is killed: cold, new allocation", [run.agent for run in results["cold"]]),
    ):
        rows.append([words, spread(after), ratio(after, cold)])
    section.table(["", "seconds", "÷ cold start"], rows)
    section.note("Where the time goes after the death of a rank that is started cold, and warm:")
    for way in ("cold", "warm"):
        section.stages([run.stages for run in results[way]], _STAGES)
    section.print()


def killed(cluster: Embedded) -> Recovery:
    """A rank dies; its gang is forked again in place."""
    with _running(cluster) as (job, marks, started):
        return Recovery(started, *_rank_killed(cluster, job, marks))


def killed_twice(cluster: Embedded) -> Recovery:
    """In place after the rank's death; with a new agent, so a new allocation, after the agent's."""
    with _running(cluster, python={"warm_start": False}) as (job, marks, started):
        after_rank, stages = _rank_killed(cluster, job, marks)
        killed_at = _kill(_agent_of(marks.wait("step", attempt=2)[-1].pid))
        return Recovery(started, after_rank, stages, marks.last("step", attempt=3) - killed_at)


@contextmanager
def _running(cluster: Embedded, **keys: Any) -> Iterator[tuple[str, MarkedFolder, float]]:
    """A job that trains, its marks, and how long it took from its submit to its first step."""
    with marked_folder() as marks:
        retries = {"max": 3, "backoff": "0s"}
        begun = time.time()
        words = ["--marks", str(marks.path), *_LONG]
        job = cluster.submit("ddp.py", *words, retries=retries, **keys).id
        started = marks.last("step") - begun
        wait_until(lambda: cluster.client.job(job).progress, "a report that the server has")
        yield job, marks, started
        cluster.end(job)


def _rank_killed(
    cluster: Embedded, job: str, marks: MarkedFolder
) -> tuple[float, dict[str, float]]:
    """Seconds until all ranks train again, and those of the stages."""
    died = _kill(marks.wait("step")[-1].pid)
    reached = {name: marks.last(name, attempt=2) - died for name in ("line", "step")}
    first = next(one for one in cluster.client.job(job).attempts if one.number == 1)
    moments = {**cluster.moments(job), "ended": first.ended_at or math.nan}
    return reached["step"], {name: at - died for name, at in moments.items()} | reached


def _kill(pid: int) -> float:
    """When."""
    died = time.time()
    os.kill(pid, signal.SIGKILL)
    return died


def _agent_of(rank: int) -> int:
    """The parent of the keeper, which is the parent of the rank."""
    keeper = _processes.stat(rank)
    agent = _processes.stat(keeper.parent) if keeper else None
    assert agent is not None
    return agent.parent


if __name__ == "__main__":
    main()

"""From the death of a rank, or of its agent, to the next step of all ranks.

Beside it the same program's cold start: from its submit to its first step, in the same run.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from embedded import Embedded, embedded
from marked import marked_folder
from measuring import Section, interleaved, ratio, rounds_parser, spread, wait_until

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

    cold: float
    rank: float
    agent: float
    stages: Mapping[str, float]


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("kill -9 to the next step, 2 ranks, no checkpoint", rounds=args.rounds)
    with embedded() as cluster:
        [runs] = interleaved(args.rounds, {"killed twice": partial(killed_twice, cluster)}).values()
    cold = [run.cold for run in runs]
    rows = [["cold start: submit to first step", spread(cold), ""]]
    for words, after in (
        ("a rank is killed: restart in place", [run.rank for run in runs]),
        ("an agent is killed: new allocation", [run.agent for run in runs]),
    ):
        rows.append([words, spread(after), ratio(after, cold)])
    section.table(["", "seconds", "÷ cold start"], rows)
    section.note("Where the time goes after the death of a rank:")
    section.stages([run.stages for run in runs], _STAGES)
    section.print()


def killed_twice(cluster: Embedded) -> Recovery:
    """In place after the rank's death; with a new agent, so a new allocation, after the agent's."""
    with marked_folder() as marks:
        retries = {"max": 3, "backoff": "0s"}
        begun = time.time()
        job = cluster.submit("ddp.py", "--marks", str(marks.path), *_LONG, retries=retries).id
        cold = marks.last("step") - begun
        wait_until(lambda: cluster.client.job(job).progress, "a report that the server has")
        rank = marks.wait("step")[-1].pid
        died = _kill(rank)
        reached = {name: marks.last(name, attempt=2) - died for name in ("line", "step")}
        first = next(one for one in cluster.client.job(job).attempts if one.number == 1)
        moments = {**cluster.moments(job), "ended": first.ended_at or math.nan}
        agent = _agent_of(marks.wait("step", attempt=2)[-1].pid)
        killed = _kill(agent)
        after_agent = marks.last("step", attempt=3) - killed
        cluster.end(job)
        stages = {name: moment - died for name, moment in moments.items()} | reached
        return Recovery(cold, reached["step"], after_agent, stages)


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

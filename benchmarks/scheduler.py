"""How long a scheduling cycle takes, on clusters and queues of several sizes.

In steady state a cycle follows one arrival, or one end; from scratch the scheduler is told all that
runs and waits before. The cluster is full; the queue is of 20 projects with 5 users each, and of
240 kinds of job.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import product

from measuring import Section, rounds_parser, say, spread

from launcher.model.job import Resources
from launcher.scheduler.decide import scheduler_of
from launcher.scheduler.floor import Floor
from launcher.scheduler.place import place
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.state import (
    ClusterView,
    NodeView,
    Running,
    State,
    Waiting,
    WorkersByNode,
    started,
)

GIB = 2**30
NOW = 100_000.0
SIZES = ((1_000, 1_000), (1_000, 10_000), (1_000, 100_000), (10_000, 10_000), (10_000, 100_000))
"""Nodes of 8 GPUs, and jobs that wait."""
SHAPES = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (4, 2), (8, 1), (16, 1), (32, 1), (64, 1))
"""Workers and GPUs of each."""
KINDS = list(product(SHAPES, (1, 2, 4, 6), (0, 8 * GIB), (None, 3_600.0, 86_400.0)))
"""With CPUs and memory of each worker, and the time that the job may take."""


def main() -> None:
    args = rounds_parser(__doc__, default=60).parse_args()
    section = Section("A scheduling cycle", rounds=args.rounds)
    rows = []
    for nodes, queued in SIZES:
        say(f"{nodes} nodes, {queued} jobs wait")
        state = full(nodes, queued)
        begun = time.perf_counter()
        scheduler = scheduler_of(state)
        told = time.perf_counter() - begun
        scheduler.decide(NOW)
        scratch = time.perf_counter() - begun
        arrival, end = _steady(scheduler, args.rounds)
        counts = [f"{nodes:,}", f"{len(state.running):,}", f"{queued:,}"]
        steady = [spread(arrival, "ms"), spread(end, "ms")]
        rows.append([*counts, *steady, f"{scratch * 1000:.0f} ms", f"{told * 1000:.0f} ms"])
    headings = ["nodes", "gangs run", "jobs wait", "after an arrival", "after an end"]
    section.table([*headings, "from scratch", "of that being told"], rows)
    section.note(
        "Goals: with 1,000 nodes and 10,000 jobs 10 ms in steady state and 150 ms from scratch; "
        "with 10,000 nodes and 100,000 jobs 50 ms in steady state."
    )
    section.print()


def full(nodes: int, queued: int, seed: int = 1) -> State:
    """A cluster without a free GPU, and jobs that wait for it."""
    chance = random.Random(seed)
    has = {"GPU": 8.0, "CPU": 64.0, "memory": 512.0 * GIB}
    view = ClusterView(
        "gpu", tuple(NodeView("gpu", f"n{i:05}", f"node-{i}", has, has) for i in range(nodes))
    )
    floor = Floor(view)
    running = [_running(job, where) for job, where in _filling(floor, chance, int(1.2 * nodes * 8))]
    waiting = [_job(f"q{i}", chance, NOW - chance.random() * 50_000) for i in range(queued)]
    return State((view,), tuple(waiting), tuple(running))


def _filling(
    floor: Floor, chance: random.Random, tries: int
) -> Iterator[tuple[Waiting, WorkersByNode]]:
    for number in range(tries):
        job = _job(f"r{number}", chance, NOW - 60_000)
        where = place(job.resources, floor.free)
        if where is None:  # then the smallest
            gang = Resources(1, gpus_per_worker=1)
            job = _job(f"r{number}", chance, NOW - 60_000, gang)
            where = place(gang, floor.free)
        if where is None:
            return
        floor.hold(job.job_id, _running(job, where))
        yield job, where


def _job(
    job_id: str, chance: random.Random, submitted_at: float, gang: Resources | None = None
) -> Waiting:
    (workers, gpus), cpus, memory, lasts_s = chance.choice(KINDS)
    return Waiting(
        job_id,
        name=f"name-{chance.randrange(50)}",
        priority=chance.choice((30, 50, 50, 50, 70)),
        submitted_at=submitted_at,
        queued_at=submitted_at,
        not_before=0.0,
        cluster="any",
        resources=gang
        or Resources(workers, cpus_per_worker=cpus, gpus_per_worker=gpus, memory_per_worker=memory),
        project=f"project-{chance.randrange(20)}",
        user=f"user-{chance.randrange(5)}",
        lasts_s=lasts_s,
    )


def _running(job: Waiting, where: WorkersByNode, since: float = NOW - 3_000) -> Running:
    return started(job, "gpu", where, since)


def _steady(scheduler: Scheduler, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of cycles after an arrival, and after an end; what they decide is done."""
    chance, arrival, end = random.Random(2), [], []
    for number in range(rounds):
        now = NOW + 1 + number
        scheduler.put(_job(f"a{number}", chance, now))
        arrival.append(_cycle(scheduler, now))
        scheduler.release(chance.choice(sorted(scheduler.floors["gpu"].holders)))
        end.append(_cycle(scheduler, now + 0.5))
    return arrival, end


def _cycle(scheduler: Scheduler, now: float) -> float:
    begun = time.perf_counter()
    decisions = scheduler.decide(now)
    took = (time.perf_counter() - begun) * 1000
    for placement in decisions.placements:
        job = scheduler.queue.jobs[placement.job_id]
        scheduler.drop(job.job_id)
        scheduler.hold(job.job_id, _running(job, placement.workers_by_node, now))
    return took


if __name__ == "__main__":
    main()

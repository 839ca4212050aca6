"""What a site would have submitted to launcher, had it been the one that the trace records.

A trace says what ran; these are the assumptions that make jobs of it:

- **A pod is a job** of one worker (or of `workers`, where the site's own column says so) that runs
  as long as its pod did. One that still ran when the record ended runs to its end. One that was
  deleted before it ran is left out: nobody knows how long it would have run. So is one that no node
  of those that are simulated could hold.
- **GPUs are whole**: launcher grants whole GPUs, so a pod that asked for a part of one takes one.
- **`gpu_spec` is `resources.accelerator`**, which takes one kind: of several, the one of which the
  nodes have most GPUs.
- **Class of service**: best-effort pods (`BE`) are preemptible and the rest are not, as in Alibaba.
  Nothing else is known of what matters more, so all have launcher's priority of 50, and `BE` one
  point less: others pass it, and may preempt it, if they were submitted up to a day later. More
  points are more days, and two jobs of five are `BE`: with 40 they bear all of an overload.
- **Users**: Alibaba's trace names none. Pods that ask for exactly the same are taken to be of one
  user, as replicas and reruns of one program are.
- **Limits**: people do not know run times, they guess high, in round numbers: the limit is one of
  those between 1 and 3 times the run time, and at least 5 minutes.
- **Load**: at 1.5 the time between arrivals is that of the trace divided by 1.5; run times stay.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from launcher.model.job import Resources
from launcher.scheduler.fits import could_hold
from launcher.scheduler.room import accelerators
from launcher.scheduler.simulation.trace import Pod
from launcher.scheduler.state import NodeView

PRIORITY = 50
PREEMPTIBLE = "BE"
"""The class of service whose jobs are preemptible."""

LIMITS = ("guessed", "exact", "none")
USERS = ("alike", "one")
_MOST_OVERRATED = 3.0
"""A guessed limit is at most so many times the run time."""
_M, _H, _D = 60.0, 3600.0, 86400.0
_ROUND_S = (
    *(5 * _M, 10 * _M, 15 * _M, 30 * _M, 45 * _M, _H, 1.5 * _H, 2 * _H, 3 * _H, 4 * _H, 6 * _H),
    *(8 * _H, 12 * _H, 18 * _H, _D, 1.5 * _D, 2 * _D, 3 * _D, 4 * _D, 5 * _D, 7 * _D, 10 * _D),
    *(14 * _D, 21 * _D, 30 * _D, 45 * _D, 60 * _D, 90 * _D, 120 * _D, 180 * _D, 270 * _D, 365 * _D),
)
"""What people write as a limit."""


@dataclass(frozen=True)
class Submission:
    """A job that is going to be submitted, and how long it will truly run. Times in seconds."""

    job_id: str
    kind: str
    """Its class of service."""
    submitted_at: float
    runs_s: float
    """On its nodes, until it is done; only the simulation knows."""
    resources: Resources
    priority: int = PRIORITY
    preemptible: bool = False
    project: str = "default"
    user: str = ""
    lasts_s: float | None = None
    """Its limit, which the scheduler knows."""

    @property
    def gpus(self) -> int:
        return self.resources.workers * self.resources.gpus_per_worker


@dataclass(frozen=True)
class Assumptions:
    """What may be taken for true in more than one way."""

    limits: str = "guessed"
    """Of run times, one of `LIMITS`."""
    users: str = "alike"
    """Whose the pods are of which the trace does not say it, one of `USERS`."""
    priorities: Mapping[str, int] = field(default_factory=lambda: {PREEMPTIBLE: PRIORITY - 1})
    """By class of service; `PRIORITY` for others."""


@dataclass(frozen=True)
class Workload:
    """Jobs in the order of their submission, and what of the trace is not among them."""

    jobs: tuple[Submission, ...]
    left_out: Mapping[str, int]
    """Why, and how many."""
    in_part: int
    """Jobs that asked for a part of a GPU and take a whole one."""


def workload(pods: Sequence[Pod], nodes: Sequence[NodeView], assumed: Assumptions) -> Workload:
    """The jobs of a trace for these nodes, submitted when their pods were created.

    Args:
        pods: in the order of their creation.
        nodes: that shall run them.
        assumed: what the trace does not say.
    """
    ends_at = max(max(p.created_at, p.scheduled_at or 0, p.deleted_at or 0) for p in pods)
    left_out: Counter[str] = Counter()
    jobs, in_part = [], 0
    kinds = _gpus_by_kind(nodes)
    fitting: dict[object, bool] = {}
    for pod in pods:
        if pod.scheduled_at is None:
            left_out["deleted before they ran"] += 1
            continue
        job = _submission(pod, ends_at, kinds, assumed)
        shape = job.resources.footprint
        if shape not in fitting:
            fitting[shape] = could_hold(job.resources, nodes)
        if not fitting[shape]:
            left_out["larger than these nodes"] += 1
            continue
        in_part += pod.gpu_share < 1
        jobs.append(job)
    return Workload(tuple(jobs), dict(left_out), in_part)


def at_load(jobs: Iterable[Submission], load: float) -> tuple[Submission, ...]:
    """The same jobs, submitted in a `load`th of the time."""
    return tuple(replace(job, submitted_at=job.submitted_at / load) for job in jobs)


def share_of(nodes: Sequence[NodeView], share: float) -> tuple[NodeView, ...]:
    """So large a part of the nodes, at least one, with as many of each kind as that makes.

    Nodes of a kind are alike in GPUs, their model, CPUs and memory. Kinds follow each other by
    size, and nodes are taken at equal distances, so that a kind of few nodes is not always lost.
    """
    ordered = sorted(nodes, key=lambda node: (*_build(node), node.node_id))
    count = max(1, round(len(ordered) * share))
    return tuple(ordered[int((n + 0.5) * len(ordered) / count)] for n in range(count))


def kinds_of(nodes: Sequence[NodeView]) -> str:
    """What the nodes are, in words: `4 x 8 G2, 3 x 2 T4`."""
    ordered = sorted(nodes, key=_build, reverse=True)
    groups = groupby(ordered, key=lambda node: _build(node)[:2])
    return ", ".join(
        f"{sum(1 for _ in alike)} x {gpus:g} {model or 'GPUs'}" for (gpus, model), alike in groups
    )


def _build(node: NodeView) -> tuple[float, str, float, float]:
    model = "|".join(sorted(accelerators(node)))
    return node.total["GPU"], model, node.total["CPU"], node.total["memory"]


def _submission(
    pod: Pod, ends_at: float, kinds: Mapping[str, float], assumed: Assumptions
) -> Submission:
    begun_at = pod.created_at if pod.scheduled_at is None else pod.scheduled_at
    runs_s = (ends_at if pod.deleted_at is None else pod.deleted_at) - begun_at
    priority = assumed.priorities.get(pod.kind, PRIORITY)
    return Submission(
        job_id=pod.name,
        kind=pod.kind,
        submitted_at=pod.created_at,
        runs_s=runs_s,
        resources=Resources(
            workers=pod.workers,
            cpus_per_worker=pod.cpus,
            gpus_per_worker=pod.gpus,
            memory_per_worker=pod.memory,
            accelerator=max(pod.accelerators, key=lambda kind: kinds.get(kind, 0), default=None),
        ),
        priority=priority if pod.priority is None else pod.priority,
        preemptible=pod.kind == PREEMPTIBLE,
        project=pod.project or "default",
        user=pod.user or (_alike(pod) if assumed.users == "alike" else ""),
        lasts_s=pod.limit_s or _limit(pod.name, runs_s, assumed.limits),
    )


def _alike(pod: Pod) -> str:
    """The same for pods that ask for the same."""
    needs = pod.cpus, pod.memory / 2**30, pod.gpus, pod.gpu_share
    return "-".join([pod.kind, *(f"{need:g}" for need in needs)])


def _limit(name: str, runs_s: float, limits: str) -> float | None:
    """What the user says that the job may run; by chance, but the same each time.

    >>> _limit("digits", 4000, "guessed"), _limit("mnist", 4000, "guessed")
    (10800.0, 7200.0)
    """
    if limits == "none":
        return None
    if limits == "exact":
        return runs_s
    chosen = [limit for limit in _ROUND_S if runs_s <= limit <= _MOST_OVERRATED * runs_s]
    if not chosen:
        return max(_ROUND_S[0], runs_s)
    return chosen[int(zlib.crc32(name.encode()) / 2**32 * len(chosen))]


def _gpus_by_kind(nodes: Iterable[NodeView]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for node in nodes:
        for kind in accelerators(node):
            kinds[kind] += int(node.total["GPU"])
    return kinds

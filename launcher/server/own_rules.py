"""What shall become of a job's own cluster, by what is known of it. Pure.

A cluster is left only for what its job or Kubernetes says: that something was not seen is no word,
so whatever may be merely late is asked for again before it counts (`must_be_sure`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from launcher.clusters._kuberay_reading import PodState, RayJobStatus, status_of
from launcher.model.ending import Ending
from launcher.model.job import Job
from launcher.model.own_cluster import OwnCluster, OwnState
from launcher.model.states import ACTIVE

PULL_PATIENCE_S = 120.0
"""A registry may be away for so long before a job fails for its image."""
OVER_PATIENCE_S = 600.0
"""So long an executor may ship what is left, before its cluster is deleted all the same."""
LEAVE_PATIENCE_S = 60.0
"""KubeRay takes away the cluster of a RayJob that is done; after so long it is deleted here."""

Action = Literal["wait", "make", "over", "leave"]


@dataclass(frozen=True)
class Next:
    """What to do with an own cluster."""

    action: Action = "wait"
    cause: str = ""
    """Why it leaves, if not because its job ended."""
    refused: str = ""
    """Not empty: it can never be made; its job fails with these words."""
    must_be_sure: bool = False
    """It follows from something not being there: to be asked for anew first."""


@dataclass(frozen=True)
class Seen:
    """What Kubernetes showed last of one RayJob."""

    rayjob: Mapping[str, Any] | None
    pods: Sequence[PodState] = ()
    head: str = ""
    """uid of its head pod, as it was seen first."""
    pull_fails_s: float = 0.0
    """Since when an image cannot be pulled."""

    @property
    def status(self) -> RayJobStatus:
        return status_of(self.rayjob) if self.rayjob is not None else RayJobStatus()


def is_wanted(own: OwnCluster, job: Job | None) -> bool:
    """Whether the job has a use for its own cluster: an attempt there, or one to come."""
    if job is None or own.state is not OwnState.WANTED:
        return False
    if job.state in ACTIVE:
        return True
    last = job.attempt
    made_room = (
        job.allocation is not None
        and job.allocation.cluster == own.name
        and last is not None
        and last.verdict is not None
        and last.verdict.ending is Ending.PREEMPTED
    )
    return job.is_eligible and not made_room


def next_of(own: OwnCluster, job: Job | None, seen: Seen, *, holds: bool, for_s: float) -> Next:
    """What follows for a cluster that is WANTED or OVER.

    Args:
        own: as stored.
        job: its job as stored; None: it was removed.
        seen: of its RayJob, from Kubernetes.
        holds: an allocation there was not given back yet.
        for_s: since when it is in its state.
    """
    if own.state is OwnState.OVER:
        return _when_over(seen, for_s)
    runs = job is not None and job.state in ACTIVE
    lost = _lost(own, seen, runs=runs)
    if is_wanted(own, job):
        if not own.uid:
            return Next("make")
        return lost or Next()
    if lost is not None:
        return Next("leave", must_be_sure=lost.must_be_sure)
    return Next() if holds else Next("over")


def _when_over(seen: Seen, for_s: float) -> Next:
    if seen.rayjob is None:
        return Next("leave", must_be_sure=True)
    status = seen.status
    is_done = status.has_succeeded or status.has_failed or status.is_refused or status.is_leaving
    # Nobody ships from a cluster that Kueue took away, or whose Ray never came up. A head that is
    # not ready just now does: pods tell that late, and change their minds.
    never_ran = not any(pod.is_head and not pod.waits and not pod.has_ended for pod in seen.pods)
    return Next("leave") if is_done or never_ran or for_s > OVER_PATIENCE_S else Next()


def _lost(own: OwnCluster, seen: Seen, *, runs: bool) -> Next | None:
    """Why nothing comes of this cluster any more; None: something may.

    `runs`: a gang does. A pod that is made anew beside it, in vain, takes nothing from it.
    """
    if seen.rayjob is None:
        return Next("leave", "its RayJob was deleted", must_be_sure=True) if own.uid else None
    if own.uid and seen.rayjob["metadata"].get("uid") != own.uid:
        return Next("leave", "its RayJob was deleted, and another one has its name now")
    if seen.pull_fails_s > PULL_PATIENCE_S and not runs:
        words = next((pod.cannot_start for pod in seen.pods if pod.cannot_start), "")
        return Next("leave", words, refused=words)
    return _ended(seen) or _without_head(seen)


def _ended(seen: Seen) -> Next | None:
    """What KubeRay says of a RayJob that comes to nothing any more."""
    status = seen.status
    if status.is_refused:
        words = f"KubeRay refuses its RayJob: {status.message}"
        return Next("leave", words, refused=words)
    if status.is_leaving:
        return Next("leave", "its RayJob is being deleted")
    if status.has_failed:
        return Next("leave", f"its RayJob failed: {_why(status, seen)}")
    if status.has_succeeded:
        return Next("leave", "its executor ended before the job did")
    return None


def _without_head(seen: Seen) -> Next | None:
    """A Ray without the head that it had is another one, of which nobody knows."""
    heads = [pod for pod in seen.pods if pod.is_head]
    ended = next((pod for pod in heads if pod.has_ended), None)
    if ended is not None:
        return Next("leave", ended.ended_words or f"its head pod {ended.name} ended")
    if seen.head and not seen.status.is_suspended and all(pod.uid != seen.head for pod in heads):
        return Next("leave", "its head pod went away", must_be_sure=True)
    return None


def _why(status: RayJobStatus, seen: Seen) -> str:
    pods = "; ".join(pod.ended_words for pod in seen.pods if pod.ended_words)
    return pods or status.message or "KubeRay does not say why"

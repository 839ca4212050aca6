"""What becomes of a job's own cluster, by what is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.clusters._kuberay_reading import PodState
from launcher.model.job import Job, Policy, Resources
from launcher.model.own_cluster import OwnCluster, OwnState
from launcher.model.states import JobState
from launcher.server.own_rules import PULL_PATIENCE_S, Next, Seen, next_of

_OWN = OwnCluster("digits-k3m9ap", 1, "gke", uid="u1")
_RAYJOB: dict[str, Any] = {"metadata": {"name": _OWN.rayjob, "uid": "u1"}}


def _job(state: JobState) -> Job:
    return Job(
        id=_OWN.job_id, name="digits", spec={}, state=state, submitted_at=0.0, queued_at=0.0,
        user="ada", project="vision", cluster="gke", resources=Resources(workers=1),
        policy=Policy(), priority=50, code="",
    )  # fmt: skip


def _next(own: OwnCluster, state: JobState, *pods: PodState, **seen: Any) -> Next:
    told = Seen(_RAYJOB, pods, **seen)
    return next_of(own, _job(state), told, holds=False, for_s=1.0)


@pytest.mark.parametrize(
    ("pod", "action"),
    [
        (PodState("head", "p1", is_head=True, runs=True), "wait"),
        (PodState("head", "p1", is_head=True, runs=False), "wait"),
        (PodState("head", "p1", is_head=True, waits="its image is pulled"), "leave"),
        (PodState("head", "p1", is_head=True, has_ended=True), "leave"),
        (PodState("worker", "p2", runs=True), "leave"),
    ],
    ids=["ready", "not ready just now", "never came up", "ended", "no head"],
)
def test_a_cluster_that_is_over_is_left_once_nobody_can_ship_from_it(
    pod: PodState, action: str
) -> None:
    own = _OWN.become(OwnState.OVER, 0.0)
    assert _next(own, JobState.SUCCEEDED, pod).action == action


@pytest.mark.parametrize(
    ("state", "action"), [(JobState.QUEUED, "leave"), (JobState.RUNNING, "wait")]
)
def test_an_image_that_cannot_be_pulled_ends_no_attempt_that_runs(
    state: JobState, action: str
) -> None:
    pod = PodState("worker", "p2", cannot_start="image x cannot be pulled")
    found = _next(_OWN, state, pod, pull_fails_s=PULL_PATIENCE_S + 1)
    assert (found.action, found.refused) == (action, pod.cannot_start if action == "leave" else "")

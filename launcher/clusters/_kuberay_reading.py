"""What RayJobs, pods and Workloads say, in words and as what it means for the job. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.model.ending import Ending

_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_MISMADE = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_ENDED = frozenset({"Succeeded", "Failed"})
_PREEMPTED = frozenset({"PreemptionByScheduler", "Preempted", "Preempting"})


@dataclass(frozen=True)
class RayJobStatus:
    """What KubeRay says of a RayJob."""

    deployment: str = ""
    """`Initializing`, `Running`, `Complete`, `Failed`, `Suspended`, `ValidationFailed`, …"""
    message: str = ""
    is_leaving: bool = False
    """It is being deleted."""

    @property
    def has_succeeded(self) -> bool:
        return self.deployment == "Complete"

    @property
    def is_refused(self) -> bool:
        return self.deployment == "ValidationFailed"

    @property
    def has_failed(self) -> bool:
        return self.deployment == "Failed"

    @property
    def is_suspended(self) -> bool:
        return self.deployment in {"Suspended", "Suspending"}


def status_of(rayjob: Mapping[str, Any]) -> RayJobStatus:
    """The status of a RayJob."""
    status = rayjob.get("status") or {}
    words = str(status.get("message") or "")
    reason = str(status.get("reason") or "")
    return RayJobStatus(
        str(status.get("jobDeploymentStatus") or ""),
        words or reason,
        bool(rayjob["metadata"].get("deletionTimestamp")),
    )


def pods_not_made(rayjob: Mapping[str, Any]) -> str:
    """Why KubeRay could not make all pods, as for a quota of the namespace; empty: it could."""
    cluster = (rayjob.get("status") or {}).get("rayClusterStatus") or {}
    for condition in cluster.get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""


@dataclass(frozen=True)
class PodState:
    """One pod of a RayJob's cluster."""

    name: str
    uid: str
    ip: str = ""
    is_head: bool = False
    is_leaving: bool = False
    """It is being deleted; its containers may still run."""
    leaving_words: str = ""
    has_ended: bool = False
    """The kubelet says that all its containers ended, or nobody will ever start them."""
    runs: bool = False
    waits: str = ""
    """Why it does not run yet."""
    has_no_node: bool = False
    cannot_start: str = ""
    """The same, where waiting longer hardly helps: its image cannot be pulled."""
    ending: Ending = Ending.NODE_LOST
    """What it means for ranks on it that the pod went away, as far as it can be told."""
    ended_words: str = ""


def pod_state(pod: Mapping[str, Any]) -> PodState:
    """What a pod says of itself."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    name = metadata["name"]
    ending, words = _how_it_ends(name, pod, status, containers)
    is_leaving = bool(metadata.get("deletionTimestamp"))
    unplaced = _unplaced(name, status)
    waits, cannot = (unplaced, "") if unplaced else _waits(name, status, containers)
    phase = status.get("phase")
    return PodState(
        name=name,
        uid=metadata.get("uid", ""),
        ip=status.get("podIP") or "",
        is_head=(metadata.get("labels") or {}).get("ray.io/node-type") == "head",
        is_leaving=is_leaving,
        leaving_words=_condition(status, "DisruptionTarget") if is_leaving else "",
        has_ended=phase in _ENDED,
        runs=phase == "Running" and all(one.get("ready") for one in containers),
        waits="" if phase in _ENDED else waits,
        has_no_node=bool(unplaced),
        cannot_start=cannot,
        ending=ending,
        ended_words=words,
    )


def _unplaced(name: str, status: Mapping[str, Any]) -> str:
    """Why it has no node, in the words of Kubernetes' scheduler; empty: it has one."""
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = condition.get("message") or condition.get("reason") or "not scheduled"
            return f"Kubernetes has no node for pod {name}: {said}"
    return ""


def _waits(
    name: str, status: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]
) -> tuple[str, str]:
    all_ = [*(status.get("initContainerStatuses") or []), *containers]
    for container in all_:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, said = waiting.get("reason") or "", waiting.get("message") or ""
        if reason in _PULLS:
            words = f"image {container.get('image', '')} cannot be pulled: {said or reason}"
            return words, words
        if reason in _MISMADE:
            return f"pod {name}: {reason}: {said}", ""
        if reason and reason != "PodInitializing":
            return f"pod {name} is being started ({reason})", ""
    if status.get("phase") == "Pending":
        return f"pod {name} is being started", ""
    return "", ""


def _how_it_ends(
    name: str,
    pod: Mapping[str, Any],
    status: Mapping[str, Any],
    containers: Sequence[Mapping[str, Any]],
) -> tuple[Ending, str]:
    limits = {
        one["name"]: ((one.get("resources") or {}).get("limits") or {}).get("memory")
        for one in (pod.get("spec") or {}).get("containers") or []
    }
    node = (pod.get("spec") or {}).get("nodeName") or "its node"
    for one in containers:
        state, last = one.get("state") or {}, one.get("lastState") or {}
        ended = state.get("terminated") or last.get("terminated")
        if ended and ended.get("reason") == "OOMKilled":
            limit = limits.get(one["name"])
            of = (
                f"its limit is {limit}" if limit else "it has no limit of its own: the node is full"
            )
            words = f"container {one['name']} of pod {name} on {node} was killed for memory: {of}"
            return Ending.OUT_OF_MEMORY, words
    reason, said = status.get("reason") or "", status.get("message") or ""
    if reason == "Evicted":
        return Ending.NODE_LOST, f"pod {name} was evicted from {node}: {said}".rstrip(": ")
    disruption = _condition(status, "DisruptionTarget")
    if reason in _PREEMPTED or disruption:
        return Ending.NODE_LOST, f"pod {name} was taken from {node}: {disruption or said or reason}"
    if reason:
        return Ending.NODE_LOST, f"pod {name} on {node}: {reason} {said}".rstrip()
    for one in containers:
        ended = (one.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            why = ended.get("message") or ended.get("reason") or ""
            code = ended["exitCode"]
            words = f"container {one['name']} of pod {name} ended with code {code}: {why}"
            return Ending.NODE_LOST, words.rstrip(": ")
    return Ending.NODE_LOST, ""


def _condition(status: Mapping[str, Any], kind: str) -> str:
    """What a condition that holds says; empty where it does not hold."""
    for condition in status.get("conditions") or []:
        if condition.get("type") == kind and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason") or kind)
    return ""


def kueue_words(workload: Mapping[str, Any] | None) -> str:
    """Why Kueue keeps a RayJob waiting, in its own words; empty: it admitted it."""
    if workload is None:
        return "Kueue has not seen it yet"
    status = workload.get("status") or {}
    conditions = {one.get("type"): one for one in status.get("conditions") or []}
    if conditions.get("Admitted", {}).get("status") == "True":
        return ""
    for kind in ("Evicted", "QuotaReserved", "Admitted"):
        one = conditions.get(kind)
        if one and (kind == "Evicted") == (one.get("status") == "True"):
            return f"Kueue: {one.get('message') or one.get('reason') or kind}"
    checks = [
        f"{one.get('name')}: {one.get('message') or one.get('state')}"
        for one in status.get("admissionChecks") or []
        if one.get("state") != "Ready"
    ]
    return f"Kueue: {'; '.join(checks)}" if checks else "Kueue has not decided yet"


def owner_of(workload: Mapping[str, Any]) -> str:
    """Name of the RayJob that a Workload is for; empty: of something else."""
    owners = workload["metadata"].get("ownerReferences") or []
    return next((str(one["name"]) for one in owners if one.get("kind") == "RayJob"), "")


def _urgency(pod: PodState) -> tuple[bool, bool, bool]:
    """What its user should hear of first."""
    return bool(pod.cannot_start), pod.has_no_node, bool(pod.waits)


def waiting_words(rayjob: Mapping[str, Any], pods: Sequence[PodState], pods_wanted: int) -> str:
    """Why a job whose RayJob is there does not run yet; empty: its Ray starts.

    Args:
        rayjob: as it was seen last.
        pods: of it.
        pods_wanted: how many there shall be, the head among them.
    """
    worst = max(pods, key=_urgency, default=None)
    if worst is not None and worst.waits:
        more = sum(1 for pod in pods if pod.waits) - 1
        verb = "wait" if more > 1 else "waits"
        return worst.waits + (f"; {more} more of its pods {verb}" if more else "")
    if len(pods) < pods_wanted:
        failed = pods_not_made(rayjob)
        said = f": {failed}" if failed else ""
        if not pods and not said and not (rayjob.get("status") or {}).get("jobDeploymentStatus"):
            return "KubeRay has not seen its RayJob yet (does its operator run?)"
        return f"KubeRay made {len(pods)} of {pods_wanted} pods{said}"
    return "Ray starts in its pods"

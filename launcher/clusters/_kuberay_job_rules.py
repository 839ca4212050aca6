"""What KubeRay's operator, and Kueue, refuse in a RayJob. Pure; see `_kuberay_rules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
KUEUE_MOST_GROUPS = 7
"""Kueue counts eight kinds of pods in a workload, and the head is one."""
_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")


def job_complaints(spec: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """Of a RayJob, without what is said of its cluster alone. `labels`: the RayJob's own."""
    found = [*_of_cluster(spec), *_of_mode(spec), *_of_times(spec), *_of_deletion(spec)]
    if QUEUE_LABEL in labels:
        found += _of_kueue(spec)
    return found


def _of_cluster(spec: Mapping[str, Any]) -> Iterator[str]:
    selector = spec.get("clusterSelector")
    if not selector and not spec.get("rayClusterSpec"):
        yield "spec: needs rayClusterSpec or clusterSelector"
    if selector and not selector.get("ray.io/cluster"):
        yield "spec.clusterSelector: needs ray.io/cluster with the name of one"
    if selector and spec.get("backoffLimit"):
        yield "spec.backoffLimit: not with clusterSelector: each try makes a cluster"
    if spec.get("suspend") and selector:
        yield "spec.suspend: not with clusterSelector"
    if spec.get("suspend") and not spec.get("shutdownAfterJobFinishes"):
        yield "spec.suspend: needs shutdownAfterJobFinishes: true"


def _of_mode(spec: Mapping[str, Any]) -> Iterator[str]:
    mode = spec.get("submissionMode", "K8sJobMode")
    if mode not in MODES:
        yield f"spec.submissionMode: '{mode}' is none of {', '.join(MODES)}"
    if mode == "InteractiveMode" and spec.get("backoffLimit"):
        yield "spec.backoffLimit: not with InteractiveMode"
    if mode != "SidecarMode":
        return
    for key in ("submitterPodTemplate", "submitterConfig", "clusterSelector"):
        if spec.get(key):
            yield f"spec.{key}: not with SidecarMode"
    head = (spec.get("rayClusterSpec") or {}).get("headGroupSpec") or {}
    policy = ((head.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy not in {None, "", "Never"}:
        yield f"spec.rayClusterSpec.headGroupSpec: restartPolicy {policy}: SidecarMode takes Never"


def _of_times(spec: Mapping[str, Any]) -> Iterator[str]:
    kept_s = spec.get("ttlSecondsAfterFinished", 0)
    if kept_s < 0:
        yield f"spec.ttlSecondsAfterFinished: {kept_s} is negative"
    if kept_s > 0 and not spec.get("shutdownAfterJobFinishes"):
        yield "spec.ttlSecondsAfterFinished: needs shutdownAfterJobFinishes: true"
    for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        if spec.get(key) is not None and spec[key] <= 0:
            yield f"spec.{key}: {spec[key]} must be above 0"
    if (spec.get("backoffLimit") or 0) < 0:
        yield f"spec.backoffLimit: {spec['backoffLimit']} is negative"


def _of_deletion(spec: Mapping[str, Any]) -> Iterator[str]:
    strategy = spec.get("deletionStrategy")
    if strategy is None:
        return
    rules, at = strategy.get("deletionRules") or [], "spec.deletionStrategy"
    is_old = bool(strategy.get("onSuccess") or strategy.get("onFailure"))
    if not rules and not (strategy.get("onSuccess") and strategy.get("onFailure")):
        yield f"{at}: needs deletionRules, or both onSuccess and onFailure"
    if rules and is_old:
        yield f"{at}: deletionRules stand alone, without onSuccess and onFailure"
    if rules and spec.get("shutdownAfterJobFinishes"):
        yield f"{at}.deletionRules: not with shutdownAfterJobFinishes"
    after: dict[tuple[str, str], dict[str, int]] = {}
    for index, rule in enumerate(rules):
        place, condition = f"{at}.deletionRules[{index}]", rule.get("condition") or {}
        said = [key for key in ("jobStatus", "jobDeploymentStatus") if condition.get(key)]
        if len(said) != 1:
            yield f"{place}.condition: needs one of jobStatus and jobDeploymentStatus"
            continue
        yield from _of_rule(rule, spec, place)
        seconds = after.setdefault((said[0], condition[said[0]]), {})
        if rule["policy"] in seconds:
            yield f"{place}: a second {rule['policy']} for {condition[said[0]]}"
        seconds.setdefault(rule["policy"], condition.get("ttlSeconds", 0))
    for (_, status), seconds in after.items():
        times = [seconds[policy] for policy in _ORDER if policy in seconds]
        if times != sorted(times):
            yield f"{at}: of {status}, workers go before their cluster, and that before the RayJob"


def _of_rule(rule: Mapping[str, Any], spec: Mapping[str, Any], at: str) -> Iterator[str]:
    if (rule.get("condition") or {}).get("ttlSeconds", 0) < 0:
        yield f"{at}.condition.ttlSeconds: is negative"
    if spec.get("clusterSelector") and rule["policy"] in {"DeleteCluster", "DeleteWorkers"}:
        yield f"{at}.policy: {rule['policy']} is not with clusterSelector"
    is_scaled = (spec.get("rayClusterSpec") or {}).get("enableInTreeAutoscaling")
    if is_scaled and rule["policy"] == "DeleteWorkers":
        yield f"{at}.policy: DeleteWorkers is not with the autoscaler"


def _of_kueue(spec: Mapping[str, Any]) -> Iterator[str]:
    cluster = spec.get("rayClusterSpec") or {}
    groups = [group.get("groupName") for group in cluster.get("workerGroupSpecs") or ()]
    if not spec.get("shutdownAfterJobFinishes"):
        yield "spec.shutdownAfterJobFinishes: Kueue needs true"
    if spec.get("clusterSelector"):
        yield "spec.clusterSelector: Kueue orders no job of a cluster that runs"
    if cluster.get("enableInTreeAutoscaling"):
        yield "spec.rayClusterSpec.enableInTreeAutoscaling: not with Kueue"
    if "head" in groups:
        yield "spec.rayClusterSpec.workerGroupSpecs: Kueue calls the head's pods head; rename it"
    if len(groups) > KUEUE_MOST_GROUPS:
        yield (
            f"spec.rayClusterSpec.workerGroupSpecs: {len(groups)} groups, "
            f"and Kueue takes {KUEUE_MOST_GROUPS}"
        )

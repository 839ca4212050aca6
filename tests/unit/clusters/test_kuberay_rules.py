"""Each unwritten rule of KubeRay's operator: broken once, and told with its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from launcher.clusters._kuberay_rules import complaints

GROUP = {
    "groupName": "gpu",
    "minReplicas": 0,
    "maxReplicas": 2,
    "rayStartParams": {"object-store-memory": "200000000"},
    "template": {"spec": {"containers": [{"name": "ray-worker"}]}},
}
SPEC = {
    "rayVersion": "2.60.0",
    "authOptions": {"mode": "token"},
    "headGroupSpec": {
        "rayStartParams": {"num-cpus": "0"},
        "template": {"spec": {"containers": [{"name": "ray-head", "env": []}]}},
    },
    "workerGroupSpecs": [GROUP],
}
SCALED = {"enableInTreeAutoscaling": True, "autoscalerOptions": {"version": "v2"}}
FT = {"gcsFaultToleranceOptions": {"redisAddress": "redis:6379"}}
ROCKSDB = {"gcsFaultToleranceOptions": {"backend": "rocksdb", "redisAddress": "redis:6379"}}


def cluster(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "RayCluster",
        "metadata": {"name": "train-ray"},
        "spec": copy.deepcopy(SPEC) | copy.deepcopy(spec),
    }


def job(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "RayJob",
        "metadata": {"name": "digits-1"},
        "spec": {
            "submissionMode": "HTTPMode",
            "shutdownAfterJobFinishes": True,
            "rayClusterSpec": copy.deepcopy(SPEC),
            **copy.deepcopy(spec),
        },
    }


def queued(**spec: Any) -> dict[str, Any]:
    made = job(**spec)
    made["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "vision"}
    return made


def group(**more: Any) -> dict[str, Any]:
    return {"workerGroupSpecs": [GROUP | more]}


def head(**more: Any) -> dict[str, Any]:
    return {"headGroupSpec": SPEC["headGroupSpec"] | more}  # type: ignore[operator]


def head_with(name: str, value: str = "x") -> dict[str, Any]:
    containers = [{"name": "ray-head", "env": [{"name": name, "value": value}]}]
    return head(template={"spec": {"containers": containers}})


def restarts(where: str, policy: str = "Always") -> dict[str, Any]:
    made = {"template": {"spec": {"containers": [{"name": "ray"}], "restartPolicy": policy}}}
    return head(**made) if where == "head" else group(**made)


def annotated(name: str, **spec: Any) -> dict[str, Any]:
    made = cluster(**spec)
    made["metadata"]["annotations"] = {name: "true"}
    return made


def named(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    manifest["metadata"]["name"] = name
    return manifest


def rule(policy: str, seconds: int = 0, **condition: str) -> dict[str, Any]:
    said = condition or {"jobStatus": "FAILED"}
    return {"policy": policy, "condition": {**said, "ttlSeconds": seconds}}


def deletes(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return job(deletionStrategy={"deletionRules": list(rules)}, **spec)


KEPT = {"shutdownAfterJobFinishes": False}
WITHOUT_SIZE = {key: value for key, value in GROUP.items() if key != "maxReplicas"}
ON_CLUSTER = {"clusterSelector": {"ray.io/cluster": "shared"}}

BROKEN = {
    # names
    "a long name": (named(cluster(), "a" * 54), "has 54 characters; a RayCluster has at most 53"),
    "a long job": (named(job(), "a" * 48), "has 48 characters; a RayJob has at most 47"),
    "a digit first": (named(cluster(), "1st"), "must begin with a letter"),
    # groups
    "no container": (cluster(headGroupSpec={"template": {"spec": {}}}), "headGroupSpec.template"),
    "a group without": (cluster(**group(template={})), "workerGroupSpecs[0].template"),
    "a number": (cluster(**head(rayStartParams={"num-cpus": 0})), "must be a string: '0'"),
    "resources twice": (
        cluster(**group(rayStartParams={"num-gpus": "1"}, resources={"GPU": "1"})),
        "workerGroupSpecs[0]: resources stand in rayStartParams (num-gpus)",
    ),
    "labels at start": (cluster(**group(rayStartParams={"labels": "a=b"})), "rayStartParams.label"),
    "no label": (cluster(**group(labels={"a b": "c"})), "'a b: c' is no label"),
    "no size": (cluster(workerGroupSpecs=[WITHOUT_SIZE]), "minReplicas and maxReplicas"),
    "negative": (cluster(**group(minReplicas=-1)), "workerGroupSpecs[0].minReplicas: -1"),
    "least above most": (cluster(**group(minReplicas=3)), "3 is above maxReplicas 2"),
    "suspended": (cluster(**SCALED, **group(suspend=True)), "suspend: not with the autoscaler"),
    "idle below 0": (cluster(**SCALED, **group(idleTimeoutSeconds=-1)), "idleTimeoutSeconds: -1"),
    "idle without v2": (cluster(**group(idleTimeoutSeconds=60)), "needs autoscalerOptions.version"),
    "priority, old": (
        cluster(rayVersion="2.55.1", **SCALED, **group(priority=1)),
        "needs rayVersion 2.56.0 or newer, and it is '2.55.1'",
    ),
    "priority, v1": (cluster(**group(priority=1)), "priority: needs autoscalerOptions.version v2"),
    # fault tolerance
    "user of Redis": (cluster(**FT, **head_with("REDIS_USERNAME")), "redisUsername"),
    "address alone": (cluster(**head_with("RAY_REDIS_ADDRESS")), "RAY_REDIS_ADDRESS needs"),
    "annotated too": (annotated("ray.io/ft-enabled", **FT), "the annotation ray.io/ft-enabled"),
    "storage annotated": (
        annotated("ray.io/external-storage-namespace", **FT),
        "the annotation ray.io/external-storage-namespace",
    ),
    "password at start": (
        cluster(**FT, **head(rayStartParams={"redis-password": "x"})),
        "rayStartParams.redis-password",
    ),
    "password in env": (cluster(**FT, **head_with("REDIS_PASSWORD")), "REDIS_PASSWORD stands in"),
    "Redis with a volume": (
        cluster(
            gcsFaultToleranceOptions={"redisAddress": "redis:6379", "storage": {"size": "1Gi"}}
        ),
        "storage: not with redis",
    ),
    "rocksdb with Redis": (cluster(**ROCKSDB), "redisAddress: not with rocksdb"),
    # autoscaler
    "idle of all": (
        cluster(autoscalerOptions={"idleTimeoutSeconds": -1}),
        "idleTimeoutSeconds: -1",
    ),
    "v2 by env alone": (
        cluster(**head_with("RAY_enable_autoscaler_v2", "1")),
        "needs enableInTreeAutoscaling",
    ),
    "v2 twice": (
        cluster(**SCALED, **head_with("RAY_enable_autoscaler_v2", "1")),
        "keep the latter",
    ),
    "head restarts": (cluster(**SCALED, **restarts("head")), "headGroupSpec.template.spec.restart"),
    "group restarts": (
        cluster(**SCALED, **restarts("group")),
        "workerGroupSpecs[0].template.spec.restart",
    ),
    # access
    "token, old": (cluster(rayVersion="2.51.0"), "2.52.0 or newer, and it is '2.51.0'"),
    "token, unknown": (cluster(rayVersion=""), "2.52.0 or newer, and it is ''"),
    "tokens of Kubernetes": (
        cluster(authOptions={"enableK8sTokenAuth": True}),
        "enableK8sTokenAuth: needs mode token",
    ),
    "those, old": (
        cluster(rayVersion="2.54.0", authOptions={"mode": "token", "enableK8sTokenAuth": True}),
        "enableK8sTokenAuth: needs spec.rayVersion 2.55.0",
    ),
    "two tokens": (
        cluster(authOptions={"mode": "token", "enableK8sTokenAuth": True, "secretName": "x"}),
        "secretName and enableK8sTokenAuth",
    ),
    # RayJob
    "no cluster": (job(rayClusterSpec=None), "needs rayClusterSpec or clusterSelector"),
    "an unnamed one": (job(clusterSelector={"a": "b"}), "needs ray.io/cluster"),
    "tries on a running one": (job(backoffLimit=1, **ON_CLUSTER), "backoffLimit: not with cluster"),
    "suspend on a running one": (job(suspend=True, **ON_CLUSTER), "suspend: not with clusterSel"),
    "suspend, kept": (job(suspend=True, **KEPT), "needs shutdownAfterJobFinishes: true"),
    "no such mode": (job(submissionMode="Http"), "'Http' is none of K8sJobMode, HTTPMode"),
    "interactive tries": (job(submissionMode="InteractiveMode", backoffLimit=1), "Interactive"),
    "sidecar, submitter": (
        job(submissionMode="SidecarMode", submitterPodTemplate={"spec": {}}),
        "submitterPodTemplate: not with SidecarMode",
    ),
    "sidecar restarts": (
        job(submissionMode="SidecarMode", rayClusterSpec=SPEC | restarts("head")),
        "SidecarMode takes Never",
    ),
    "kept below 0": (job(ttlSecondsAfterFinished=-1), "-1 is negative"),
    "a time without an end": (job(ttlSecondsAfterFinished=60, **KEPT), "ttlSecondsAfterFinished"),
    "no time": (job(activeDeadlineSeconds=0), "activeDeadlineSeconds: 0 must be above 0"),
    "no time before": (job(preRunningDeadlineSeconds=0), "preRunningDeadlineSeconds: 0"),
    "tries below 0": (job(backoffLimit=-1), "backoffLimit: -1 is negative"),
    "upgrades": (job(rayClusterSpec=SPEC | {"upgradeStrategy": {}}), "upgradeStrategy"),
    "its own tokens": (
        job(rayClusterSpec=SPEC | {"authOptions": {"mode": "token", "enableK8sTokenAuth": True}}),
        "enableK8sTokenAuth: not for a RayJob",
    ),
    "its cluster": (
        job(rayClusterSpec=SPEC | group(minReplicas=3)),
        "spec.rayClusterSpec.workerGroupSpecs[0].minReplicas",
    ),
    # what goes when
    "no rules": (deletes(**KEPT), "needs deletionRules"),
    "old and new": (
        job(
            deletionStrategy={
                "onSuccess": {},
                "onFailure": {"policy": "DeleteSelf"},
                "deletionRules": [rule("DeleteSelf")],
            },
            **KEPT,
        ),
        "deletionRules stand alone",
    ),
    "rules and the end": (deletes(rule("DeleteSelf")), "not with shutdownAfterJobFinishes"),
    "no status": (
        deletes({"policy": "DeleteSelf", "condition": {}}, **KEPT),
        "needs one of jobStatus and jobDeploymentStatus",
    ),
    "a time below 0": (deletes(rule("DeleteSelf", -1), **KEPT), "ttlSeconds: is negative"),
    "the same twice": (deletes(rule("DeleteSelf"), rule("DeleteSelf"), **KEPT), "a second Delete"),
    "itself before its cluster": (
        deletes(rule("DeleteSelf", 10), rule("DeleteCluster", 20), **KEPT),
        "workers go before their cluster",
    ),
    "another's cluster": (
        deletes(rule("DeleteCluster"), **ON_CLUSTER, **KEPT),
        "DeleteCluster is not with clusterSelector",
    ),
    "scaled workers": (
        deletes(rule("DeleteWorkers"), rayClusterSpec=SPEC | SCALED, **KEPT),
        "DeleteWorkers is not with the autoscaler",
    ),
    # Kueue
    "queued, kept": (queued(**KEPT), "Kueue needs true"),
    "queued on a running one": (queued(**ON_CLUSTER), "Kueue orders no job of a cluster"),
    "queued and scaled": (queued(rayClusterSpec=SPEC | SCALED), "not with Kueue"),
    "a group called head": (
        queued(rayClusterSpec=SPEC | group(groupName="head")),
        "Kueue calls the head's pods head",
    ),
    "eight groups": (
        queued(rayClusterSpec=SPEC | {"workerGroupSpecs": [GROUP] * 8}),
        "8 groups, and Kueue takes 7",
    ),
}


TAKEN = {
    "plain": cluster(),
    "scaled": cluster(**SCALED, **group(idleTimeoutSeconds=60, priority=1, maxReplicas=9)),
    "scaled without bounds": cluster(**SCALED, workerGroupSpecs=[WITHOUT_SIZE]),
    "never restarted": cluster(**SCALED, **restarts("head", "Never")),
    "fault tolerant": cluster(**FT),
    "the old way": annotated("ray.io/ft-enabled", **head_with("RAY_REDIS_ADDRESS")),
    "an old Ray without tokens": cluster(rayVersion="2.40.0", authOptions={"mode": "disabled"}),
    "tokens of Kubernetes": cluster(authOptions={"mode": "token", "enableK8sTokenAuth": True}),
    "a job": job(ttlSecondsAfterFinished=60, backoffLimit=0),
    "a job on a running one": job(rayClusterSpec=None, **ON_CLUSTER, **KEPT),
    "a job that is queued": queued(suspend=True),
    "workers go first": deletes(rule("DeleteWorkers", 1), rule("DeleteCluster", 2), **KEPT),
}


@pytest.mark.parametrize("manifest", TAKEN.values(), ids=TAKEN)
def test_what_the_operator_takes_is_not_complained_of(manifest: dict[str, Any]) -> None:
    assert complaints(manifest) == []


@pytest.mark.parametrize(("manifest", "words"), BROKEN.values(), ids=BROKEN)
def test_what_the_operator_refuses_is_told(manifest: dict[str, Any], words: str) -> None:
    found = complaints(manifest)
    assert [said for said in found if words in said], found


def test_all_of_it_is_told_at_once() -> None:
    broken = named(cluster(rayVersion="2.40.0", **group(minReplicas=5, labels={"": ""})), "1")
    assert len(complaints(broken)) == 4


@pytest.mark.parametrize("name", ["a", "train-ray", "a" * 53])
def test_names_that_fit_are_taken(name: str) -> None:
    assert complaints(named(cluster(), name)) == []

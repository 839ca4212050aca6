"""The RayJob of one job, and the Secret beside it, as plain data. Pure.

The RayJob's own job is the executor; it serves this job alone and ends when all is collected.
KubeRay never tries anything again (`backoffLimit: 0`): that is the server's to decide.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.clusters._kuberay_gpus import LABEL, RESOURCE, products
from launcher.clusters._kuberay_hook import lifecycle
from launcher.clusters._kuberay_merge import merged
from launcher.clusters._kuberay_shape import PodGroup, groups_of
from launcher.model.job import Resources
from launcher.model.own_cluster import OWN_SECRET, KubernetesCluster, OwnCluster

API_VERSION = "ray.io/v1"
CONTAINER = "ray"
"""Of head and workers alike, so that one pod template in a spec fits both."""
SERVER, JOB, RAYJOB = "launcher/server", "launcher/job", "launcher/rayjob"
"""Labels of all that is ours: the server's id, the job's id, the RayJob's name."""
NUMBER, CLUSTER = "launcher/number", "launcher/cluster"
"""Annotations of a RayJob: which of its job's it is, and of which attached cluster."""
TOKEN_FOLDER, TOKEN_KEY = "/etc/launcher", "token"
SPOOL_FOLDER = "/launcher"
"""A volume that outlives the containers of a pod: what ranks write until the server has it."""

_GIB = 2**30
_HEAD = {"cpu": "1", "memory": "4Gi"}
_HEAD_SHM_BYTES = _GIB
_OBJECT_STORE_BYTES = 200_000_000
"""Ray's least but for a margin: nothing of ours passes through it."""
_OVERHEAD_BYTES = _GIB
"""Memory of a pod beside its workers': Ray's own processes and our agent."""
_SHM_BYTES = 16 * _GIB
"""Of /dev/shm where a spec limits no memory; with a limit half of that."""
_AFTER_GRACE_S = 30


@dataclass(frozen=True)
class Order:
    """All that the manifests of one job are made of."""

    own: OwnCluster
    at: KubernetesCluster
    server_id: str
    project: str
    user: str
    resources: Resources
    image: str
    grace_s: float
    priority: int = 50
    pod: Mapping[str, Any] = field(default_factory=dict)
    """What the spec writes of its pods."""


def rayjob(order: Order) -> dict[str, Any]:
    """The RayJob."""
    own, at = order.own, order.at
    spec: dict[str, Any] = {
        "submissionMode": "HTTPMode",
        "entrypoint": shlex.join(_entrypoint(order)),
        "backoffLimit": 0,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 0,
        "suspend": at.kueue,
        "rayClusterSpec": {
            "rayVersion": at.ray_version,
            "authOptions": {"mode": "token"},
            "headGroupSpec": _head(order),
            "workerGroupSpecs": [
                _workers(order, group, index)
                for index, group in enumerate(groups_of(order.resources, at.gpus_per_pod))
            ],
        },
    }
    metadata = {
        "name": own.rayjob,
        "namespace": at.namespace,
        "labels": _labels(order) | _queue(order),
        "annotations": {
            NUMBER: str(own.number),
            CLUSTER: own.cluster,
            "launcher/project": order.project,
            "launcher/user": order.user,
        },
    }
    return {"apiVersion": API_VERSION, "kind": "RayJob", "metadata": metadata, "spec": spec}


def secret_name(own: OwnCluster) -> str:
    return f"{own.rayjob}{OWN_SECRET}"


def secret(order: Order, token: str, uid: str) -> dict[str, Any]:
    """The Secret with the token of the job's executor; it goes with the RayJob of that uid.

    Pods that mount it wait until it is there, so it may be made after the RayJob.
    """
    owner = {
        "apiVersion": API_VERSION,
        "kind": "RayJob",
        "name": order.own.rayjob,
        "uid": uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(order.own),
            "namespace": order.at.namespace,
            "labels": _labels(order),
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {TOKEN_KEY: token},
    }


def _entrypoint(order: Order) -> list[str]:
    return [
        *("launcher", "executor", "--once", order.own.job_id, "--cluster", order.own.name),
        *("--server", order.at.server_url, "--ray-address", "auto"),
        *("--token-file", f"{TOKEN_FOLDER}/{TOKEN_KEY}"),
    ]


def _labels(order: Order) -> dict[str, str]:
    return {
        SERVER: order.server_id,
        JOB: order.own.job_id,
        RAYJOB: order.own.rayjob,
        "launcher/project": label_value(order.project),
        "launcher/user": label_value(order.user),
    }


def label_value(text: str) -> str:
    """The nearest text that a label may hold.

    >>> label_value("Ada Lovelace <ada@example.org>")
    'Ada-Lovelace-ada-example.org'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text)[:63].strip("-_.")


def _queue(order: Order) -> dict[str, str]:
    if not order.at.kueue:
        return {}
    labels = {"kueue.x-k8s.io/queue-name": order.at.queue_of(order.project)}
    priority_class = order.at.priority_class_of(order.priority)
    return labels | ({"kueue.x-k8s.io/priority-class": priority_class} if priority_class else {})


def _head(order: Order) -> dict[str, Any]:
    start = {
        "dashboard-host": "0.0.0.0",  # noqa: S104 - where KubeRay asks it
        "num-cpus": "0",  # no rank shall take memory from the head of its own cluster
        "num-gpus": "0",
        "object-store-memory": str(_OBJECT_STORE_BYTES),
    }
    amounts = {"requests": dict(_HEAD), "limits": {"memory": _HEAD["memory"]}}
    pod = _pod(order, amounts, _HEAD_SHM_BYTES)
    container = pod["spec"]["containers"][0]
    container["volumeMounts"].append(
        {"name": "launcher-token", "mountPath": TOKEN_FOLDER, "readOnly": True}
    )
    pod["spec"]["volumes"].append(
        {"name": "launcher-token", "secret": {"secretName": secret_name(order.own)}}
    )
    return {"rayStartParams": start, "template": merged(pod, order.pod)}


def _workers(order: Order, group: PodGroup, index: int) -> dict[str, Any]:
    gang = order.resources
    cpus = math.ceil(gang.cpus_per_worker * group.workers)
    gpus = gang.gpus_per_worker * group.workers
    memory = gang.memory_per_worker * group.workers
    custom = {name: amount * group.workers for name, amount in gang.custom.items()}
    start = {
        "num-cpus": str(cpus),
        "num-gpus": str(gpus),
        "object-store-memory": str(_OBJECT_STORE_BYTES),
    }
    start |= {"memory": str(memory)} if memory else {}
    start |= {"resources": _in_ray_start(custom)} if custom else {}
    amounts: dict[str, str] = {"cpu": str(cpus)}
    amounts |= {"memory": str(memory + _OVERHEAD_BYTES)} if memory else {}
    amounts |= {RESOURCE: str(gpus)} if gpus else {}
    limits = {name: amount for name, amount in amounts.items() if name != "cpu"}
    pod = _pod(order, {"requests": amounts, "limits": limits}, _shm(memory))
    _choose_nodes(pod["spec"], gang)
    return {
        "groupName": "workers" if index == 0 else f"workers-{index + 1}",
        "replicas": group.pods,
        "minReplicas": group.pods,
        "maxReplicas": group.pods,
        "rayStartParams": start,
        "template": merged(pod, order.pod),
    }


def _shm(memory: int) -> int:
    return (memory + _OVERHEAD_BYTES) // 2 if memory else _SHM_BYTES


def _in_ray_start(custom: Mapping[str, float]) -> str:
    """As KubeRay passes it through a shell to `ray start --resources`."""
    inside = ", ".join(f'\\"{name}\\": {amount:g}' for name, amount in sorted(custom.items()))
    return f'"{{{inside}}}"'


def _pod(order: Order, amounts: dict[str, Any], shm_bytes: int) -> dict[str, Any]:
    environment = {
        "LAUNCHER_SPOOL_ROOT": f"{SPOOL_FOLDER}/spool",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray would kill the agent for the memory of its ranks.
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_worker_niceness": "0",
    }
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": order.image,
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": amounts,
        "lifecycle": lifecycle(),
        "volumeMounts": [
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - the volume's place
            {"name": "spool", "mountPath": SPOOL_FOLDER},
        ],
    }
    spec: dict[str, Any] = {
        "containers": [container],
        "restartPolicy": "Never",  # a pod that ended is made anew by KubeRay, under another name
        "terminationGracePeriodSeconds": math.ceil(order.grace_s) + _AFTER_GRACE_S,
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(shm_bytes)}},
            {"name": "spool", "emptyDir": {}},
        ],
    }
    if order.at.service_account:
        spec["serviceAccountName"] = order.at.service_account
    return {"metadata": {"labels": _labels(order)}, "spec": spec}


def _choose_nodes(spec: dict[str, Any], gang: Resources) -> None:
    """GPU nodes by their product; further labels as the spec says."""
    chosen = dict(sorted(gang.labels.items()))
    found = products(gang.accelerator) if gang.accelerator else ()
    if len(found) == 1:
        chosen[LABEL] = found[0]
    elif found:
        wanted = {"key": LABEL, "operator": "In", "values": list(found)}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [wanted]}]}
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        }
    if chosen:
        spec["nodeSelector"] = chosen
    if gang.gpus_per_worker:
        spec["tolerations"] = [{"key": RESOURCE, "operator": "Exists", "effect": "NoSchedule"}]

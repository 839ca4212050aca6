"""The chart over a matrix of values: linted, rendered, and judged as a cluster would."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest
from manifests import CHART, VERSIONS, complaints, notes, one, render

TOKENS = {"admin": {"existingSecret": "tokens"}, "executor": {"existingSecret": "tokens"}}
SHARED = {"persistence": {"accessModes": ["ReadWriteMany"]}}
POSTGRESQL = {"kind": "postgresql", "existingSecret": "db", "key": "uri"}
ENTRY = {"name": "A", "value": "1"}
SECRET_ENTRY = {"valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}}
LIKE_RAY_CLUSTER: dict[str, Any] = {
    "containerEnv": [ENTRY],
    "envFrom": [{"secretRef": {"name": "more"}}],
    "labels": {"team": "vision"},
    "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "volumes": [{"name": "log-volume", "emptyDir": {}}, {"name": "data", "emptyDir": {}}],
    "volumeMounts": [
        {"name": "log-volume", "mountPath": "/tmp/ray"},
        {"name": "data", "mountPath": "/data"},
    ],
    "initContainers": [{"name": "wait", "image": "busybox:1.36"}],
    "sidecarContainers": [{"name": "logs", "image": "fluent/fluent-bit:4"}],
    "podSecurityContext": {"runAsUser": 1001},
    "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}},
    "rayStartParams": {"num-cpus": 3, "object-store-memory": 1000000000},
    "resources": {"limits": {"cpu": 2, "memory": "4Gi"}, "requests": {"cpu": "2"}},
    "ports": [{"name": "tensorboard", "containerPort": 6006}],
    "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    "runtimeClassName": "nvidia",
    "priorityClassName": "training",
    "serviceAccountName": "ours",
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
    ],
    "dnsConfig": {"nameservers": ["10.0.0.1"]},
    "command": ["echo"],
    "args": ["hello"],
}
MATRIX: dict[str, dict[str, Any]] = {
    "nothing said": {},
    "a trial": {"server": {"persistence": {"enabled": False}}},
    "one server on PostgreSQL": {"database": POSTGRESQL},
    "three servers": {"server": {"replicas": 3, **SHARED}, "database": POSTGRESQL},
    "a claim that is there": {"server": {"persistence": {"existingClaim": "files"}}},
    "the server alone": {"rayCluster": {"enabled": False}},
    "a cluster of a server elsewhere": {
        "server": {"enabled": False},
        "executor": {"serverUrl": "https://queue.example.com", "ca": {"secretName": "ca"}},
        "tokens": TOKENS,
    },
    "TLS of the server's own": {
        "server": {"tls": {"secretName": "cert"}, "service": {"port": 443}},
        "executor": {"ca": {"secretName": "cert"}},
    },
    **{
        f"behind {controller or 'another one'}": {
            "ingress": {
                "enabled": True,
                "host": "launcher.example.com",
                "controller": controller,
                "className": "main",
                "tlsSecretName": "cert",
            }
        }
        for controller in ("", "ingress-nginx", "nginx", "haproxy", "alb")
    },
    "clusters of jobs": {"kubernetes": {"enabled": True, "kueue": True, "namespace": "training"}},
    "clusters of jobs alone": {
        "kubernetes": {"enabled": True, "namespace": "training"},
        "rayCluster": {"enabled": False},
    },
    "Ray on PostgreSQL's neighbour": {
        "gcsFaultTolerance": {
            "enabled": True,
            "redisAddress": "redis:6379",
            "redisPassword": SECRET_ENTRY,
            "externalStorageNamespace": "train",
        }
    },
    "autoscaler v2": {"head": {"enableInTreeAutoscaling": True}, "worker": {"maxReplicas": 8}},
    "autoscaler v1": {
        "head": {"enableInTreeAutoscaling": True, "autoscalerOptions": {"version": "v1"}},
        "worker": {"maxReplicas": 8, "restartPolicy": "OnFailure"},
    },
    "an older Ray": {"head": {"rayVersion": "2.49.2"}, "image": {"tag": "2.49.2"}},
    "no words of Ray's": {"rayCluster": {"authMode": "disabled", "upgradeStrategy": "Recreate"}},
    "several groups": {
        "worker": {"disabled": True},
        "additionalWorkerGroups": {
            "gpu": {"replicas": 4, "resources": {"limits": {"nvidia.com/gpu": 8}}},
            "cpu": {"replicas": 0, "maxReplicas": 3},
            "off": {"disabled": True},
        },
    },
    "a head that works": {
        "worker": {"disabled": True},
        "head": {"rayStartParams": {"num-cpus": "4"}},
    },
    "values of ray-cluster": {
        "fullnameOverride": "raycluster",
        "image": {
            "repository": "registry.example.com/ray",
            "tag": "2.60.0",
            "pullPolicy": "Always",
        },
        "imagePullSecrets": [{"name": "registry"}],
        "common": {"containerEnv": [{"name": "B", "value": "2"}]},
        "head": LIKE_RAY_CLUSTER | {"headService": {"metadata": {"annotations": {"a": "b"}}}},
        "worker": LIKE_RAY_CLUSTER | {"groupName": "workers", "replicas": 2, "maxReplicas": 5},
        "additionalWorkerGroups": {"small": {"disabled": False, "maxReplicas": 2}},
        "service": {"type": "NodePort"},
        "annotations": {"team": "vision"},
    },
    "a closed network": {
        "networkPolicy": {
            "server": {"from": [{"namespaceSelector": {}}]},
            "ray": {
                "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8265}]}],
                "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
            },
        }
    },
    "an open network": {"networkPolicy": {"enabled": False}},
    "all of the server's": {
        "server": {
            "publicUrl": "https://launcher.example.com",
            "openMetrics": True,
            "extraArgs": ["--max-output-size", "50GiB"],
            "containerEnv": [ENTRY],
            "envFrom": [{"configMapRef": {"name": "more"}}],
            "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
            "serviceAccountName": "ours",
            "labels": {"team": "platform"},
            "annotations": {"a": "b"},
            "priorityClassName": "system",
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"operator": "Exists"}],
            "topologySpreadConstraints": LIKE_RAY_CLUSTER["topologySpreadConstraints"],
        },
        "tokens": TOKENS,
        "podDisruptionBudget": {"head": True},
    },
}


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_what_is_rendered_is_taken_by_kubernetes_and_kuberay(values: dict[str, Any]) -> None:
    assert complaints(render(values)) == []


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_the_chart_is_linted_without_a_word(values: dict[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True, kube_version=f"v{VERSIONS[0]}.0")
    said = [each["error"] for each in report["messages"]]
    assert (report["errors"], said) == ([], ["icon is recommended"])


def test_what_is_wrong_in_a_manifest_would_be_seen() -> None:
    objects = render()
    server = one(objects, "Deployment")["spec"]["template"]["spec"]
    server["containers"][0]["imagePullPolicies"] = "Always"
    server["volumes"].append({"name": "tmp", "emptyDir": {}})
    ray = one(objects, "RayCluster")
    ray["spec"]["workerGroupSpecs"][0]["template"]["spec"]["restartPolicies"] = "Never"
    policy = one(objects, "NetworkPolicy", "-ray")
    policy["spec"]["policyTypes"] = "Ingress"
    found = complaints(objects)
    for words in ("imagePullPolicies", "volumes: tmp twice", "restartPolicies", "is not of type"):
        assert any(words in said for said in found), words


def test_the_notes_begin_with_three_commands_that_are_there() -> None:
    lines = [line.strip() for line in notes().splitlines()]
    assert lines[2] == ("kubectl -n ml port-forward service/train-launcher-server 8080:8080")
    assert lines[6].startswith("kubectl -n ml get secret train-launcher-admin")
    assert lines[7].startswith("launcher context add train http://localhost:8080 --token-file")
    assert lines[8] == "launcher run --workers 2 --gpus-per-worker 0 -- train.py"


def test_behind_an_ingress_the_notes_name_its_address() -> None:
    ingress = {"enabled": True, "host": "launcher.example.com", "tlsSecretName": "cert"}
    said = notes({"ingress": ingress, "server": {"persistence": {"enabled": False}}})
    assert "launcher context add train https://launcher.example.com --token-file" in said
    assert "port-forward" not in said
    assert "jobs, logs and checkpoints go with the server's pod" in said

"""Wrong values: refused before anything reaches the cluster, in words, all at once."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest
import yaml
from manifests import render

ELSEWHERE = "{server: {enabled: false}, executor: {serverUrl: 'https://q'}}"
SCALED = "head: {enableInTreeAutoscaling: true}"
WRONG = {
    # the schema's: a key that is not there, a value of another kind, one of none that are known
    "{imagee: {tag: x}}": "at '': additional properties 'imagee' not allowed",
    "{server: {replica: 2}}": "at '/server': additional properties 'replica' not allowed",
    "{head: {initArgs: {}}}": "at '/head': additional properties 'initArgs' not allowed",
    "{worker: {gpus: 2}}": "at '/worker': additional properties 'gpus' not allowed",
    "{additionalWorkerGroups: {gpu: {replica: 2}}}": "at '/additionalWorkerGroups/gpu': additional",
    "{additionalWorkerGroups: {GPU: {}}}": "'GPU' does not match pattern",
    "{additionalWorkerGroups: [gpu]}": "at '/additionalWorkerGroups': got array, want object",
    "{server: {replicas: two}}": "at '/server/replicas': got string, want integer",
    "{server: {replicas: 0}}": "at '/server/replicas': minimum: got 0, want 1",
    "{server: {persistence: {size: 100GB}}}": "at '/server/persistence/size': '100GB' does",
    "{server: {persistence: {size: 100}}}": "at '/server/persistence/size': got number",
    "{server: {persistence: {accessModes: [RWX]}}}": "value must be one of 'ReadWriteOnce'",
    "{server: {publicUrl: launcher.example.com}}": "at '/server/publicUrl'",
    "{server: {containerEnv: [{name: A, value: 1}]}}": "/value': got number, want string",
    "{server: {containerEnv: {A: b}}}": "at '/server/containerEnv': got object, want array",
    "{server: {terminationGracePeriodSeconds: 1}}": "minimum: got 1, want 5",
    "{database: {kind: mysql}}": "at '/database/kind': value must be one of 'sqlite', 'postgresql'",
    "{image: {tag: 2.6}}": "at '/image/tag': got number, want string",
    "{image: {pullPolicy: always}}": "at '/image/pullPolicy': value must be one of",
    "{ingress: {controller: kong}}": "at '/ingress/controller': value must be one of",
    "{ingress: {enabled: 'yes'}}": "at '/ingress/enabled': got string, want boolean",
    "{head: {rayVersion: '2.60'}}": "at '/head/rayVersion': '2.60' does not match pattern",
    "{head: {autoscalerOptions: {version: 2}}}": "value must be one of 'v1', 'v2'",
    "{head: {autoscalerOptions: {idleTimeout: 2}}}": "additional properties 'idleTimeout'",
    "{head: {sharedMemorySize: 1 GiB}}": "at '/head/sharedMemorySize': '1 GiB' does not match",
    "{worker: {minReplicas: -1}}": "at '/worker/minReplicas': minimum: got -1, want 0",
    "{worker: {nodeSelector: {gpu: true}}}": "at '/worker/nodeSelector/gpu': got boolean, want str",
    "{worker: {resources: {limits: {memory: 8 GB}}}}": "at '/worker/resources/limits/memory'",
    "{executor: {cluster: My Pool}}": "at '/executor/cluster': 'My Pool' does not match pattern",
    "{graceSeconds: 1m}": "at '/graceSeconds': got string, want integer",
    "{spool: {mountPath: spool}}": "at '/spool/mountPath': 'spool' does not match pattern",
    "{rayCluster: {upgradeStrategy: Rolling}}": "at '/rayCluster/upgradeStrategy': value must be",
    "{gcsFaultTolerance: {redisPassword: secret}}": "got string, want object",
    # the chart's own: what does not go together
    "{fullnameOverride: Team}": "the name 'Team' of this release's objects: it must begin with",
    f"{{fullnameOverride: {'a' * 41}}}": "have at most 40 characters",
    "{server: {replicas: 2}}": "server.replicas is 2 with SQLite, which one process alone",
    "{server: {replicas: 3}, database: {kind: postgresql, existingSecret: db}}": (
        'server.replicas is 3 on a volume of accessModes ["ReadWriteOnce"]'
    ),
    "{server: {replicas: 3, persistence: {enabled: false}}}": "server.replicas is 3 without a vol",
    "{database: {kind: postgresql}}": "database.existingSecret is empty: name the Secret",
    "{database: {existingSecret: db}}": "database.existingSecret is 'db' and database.kind is sqli",
    "{ingress: {enabled: true}}": "ingress.host is empty: name the host that users will type",
    "{server: {enabled: false}, rayCluster: {enabled: false}}": "nothing is left to install",
    "{server: {enabled: false}}": "executor.serverUrl is empty: say where the server is",
    ELSEWHERE: "tokens.executor.existingSecret is empty: name the Secret with the token",
    "{server: {enabled: false}, ingress: {enabled: true, host: a}}": "there is nothing behind it",
    "{rayCluster: {authMode: token}, head: {rayVersion: 2.49.0}}": "head.rayVersion is 2.49.0: Ray",
    "{gcsFaultTolerance: {enabled: true}}": "redisAddress is empty: name the Redis",
    "{kubernetes: {enabled: true}}": "kubernetes.namespace is empty: name the namespace that jobs",
    "{kubernetes: {enabled: true, namespace: ml}}": "kubernetes.namespace is ml, the release's own",
    "{kubernetes: {enabled: true, namespace: My Jobs}}": "at '/kubernetes/namespace': 'My Jobs'",
    "{worker: {disabled: true}}": "head.rayStartParams.num-cpus is 0: no job could ever run",
    "{head: {enableInTreeAutoscaling: true, restartPolicy: Always}}": "head.restartPolicy",
    f"{{{SCALED}, worker: {{restartPolicy: Always}}}}": "group workergroup: restartPolicy",
    f"{{{SCALED}, worker: {{minReplicas: 3}}}}": "minReplicas is 3 and maxReplicas 1",
    "{worker: {replicas: 3, maxReplicas: 2}}": "replicas is 3, outside of minReplicas 2",
    "{additionalWorkerGroups: {workergroup: {}}}": "two groups of workers are called workergroup",
    "{head: {terminationGracePeriodSeconds: 60}}": "head.terminationGracePeriodSeconds is 60, and",
    "{graceSeconds: 300, worker: {terminationGracePeriodSeconds: 90}}": (
        "group workergroup: terminationGracePeriodSeconds is 90, and graceSeconds + 30 are 330"
    ),
}


@pytest.mark.parametrize(("values", "words"), WRONG.items(), ids=WRONG)
def test_wrong_values_are_refused_in_words(values: str, words: str) -> None:
    with pytest.raises(helm.HelmError) as refused:
        render(yaml.safe_load(values))
    assert words in str(refused.value)


def test_what_does_not_go_together_is_told_at_once() -> None:
    values: dict[str, Any] = {
        "server": {"replicas": 2},
        "ingress": {"enabled": True},
        "worker": {"terminationGracePeriodSeconds": 10, "minReplicas": 4},
    }
    with pytest.raises(helm.HelmError) as refused:
        render(values)
    lines = [line for line in str(refused.value).splitlines() if line.startswith("  ")]
    assert len(lines) == 5


def test_a_release_whose_name_is_no_name_of_ray_is_told_the_way_out() -> None:
    with pytest.raises(helm.HelmError, match="set fullnameOverride"):
        render(name="1st")

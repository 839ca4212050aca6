"""The chart installed into a new namespace of a real Kubernetes, and a way to its server from here.

with namespace(RESTRICTED) as name, ChartRelease(name) as release:
    release.client.jobs()
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml
from kubernetes import client
from machine import wait_until
from real_kubernetes import IMAGE, KUBECONFIG, connection, make

from launcher.client import Client
from launcher.clusters._kube_api import PODS, Kind, KubeApi

ROOT = Path(__file__).parents[2]
CHART = ROOT / "k8s/chart"
RAYCLUSTERS = Kind("rayclusters", "ray.io")
NAME = "launcher"
_ADMIN = "a" * 40


class ChartRelease:
    """k8s/examples/cpu-trial with the image under test.

    Args:
        namespace: a new one.
        grows: its workers are started by Ray's autoscaler, from none.
    """

    def __init__(self, namespace: str, *, grows: bool = False) -> None:
        self.namespace = namespace
        self.api = KubeApi(namespace, kubeconfig=KUBECONFIG)
        self._helm = helm_python.Config(kubeconfig_path=KUBECONFIG, namespace=namespace)
        self._values = _values()
        self._pods = 4
        if grows:
            little = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
            options = {"idleTimeoutSeconds": 15, "resources": little}
            head = {"enableInTreeAutoscaling": True, "autoscalerOptions": options}
            self._values["head"] |= head
            self._values["worker"] |= {"minReplicas": 0, "maxReplicas": 2}
            self._pods = 2
        self._forward: subprocess.Popen[str] | None = None
        self._client: Client | None = None

    def __enter__(self):
        tokens = {"admin-token": _ADMIN, "executor-token": "e" * 40}
        secret = {"metadata": {"name": "launcher-tokens"}, "stringData": tokens}
        make({"apiVersion": "v1", "kind": "Secret"} | secret, self.namespace)
        self._helm.install(CHART, NAME, self._values, namespace=self.namespace)
        self.await_ready()
        self.reach()
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()
        self._helm.uninstall(NAME)
        self._helm.close()
        self.api.close()

    def upgrade(self, values: Mapping[str, Any]) -> None:
        self._helm.upgrade(CHART, NAME, {**self._values, **values}, namespace=self.namespace)

    def kill(self, pod: str) -> None:
        """Without its grace, as by `kubectl delete pod --grace-period=0 --force`."""
        core = client.CoreV1Api(connection())
        core.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def run(self, pod: str, container: str, *command: str) -> str:
        words = ["exec", pod, "-c", container, "--", *command]
        return subprocess.run(
            [*self._kubectl, *words], check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def server_with(self, **values: Any) -> dict[str, Any]:
        """The server's values with some more, for an upgrade."""
        return {"server": {**self._values["server"], **values}}

    # --- what is there ---------------------------------------------------------------------------

    def pods(self, kind: str) -> dict[str, str]:
        """uid by name: of `head`, `worker` or `server`."""
        key = "app.kubernetes.io/component" if kind == "server" else "ray.io/node-type"
        found, _ = self.api.list(PODS, f"{key}={kind}")
        return {
            one["metadata"]["name"]: one["metadata"]["uid"]
            for one in found
            if not one["metadata"].get("deletionTimestamp")
        }

    def ray_cluster(self) -> tuple[str, int]:
        """What is new where anything of it was changed."""
        [found] = self.api.list(RAYCLUSTERS)[0]
        return found["metadata"]["uid"], found["metadata"]["generation"]

    def await_ready(self) -> None:
        wait_until(self._are_ready, lambda: f"pods that are ready: {self._not_ready()}")

    def _are_ready(self) -> bool:
        found = self.api.list(PODS)[0]
        return len(found) == self._pods and not self._not_ready()

    def _not_ready(self) -> list[str]:
        return [
            one["metadata"]["name"]
            for one in self.api.list(PODS)[0]
            if one["metadata"].get("deletionTimestamp") or not _is_ready(one)
        ]

    # --- the way to its server -------------------------------------------------------------------

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    def reach(self) -> None:
        """As a laptop does. The way ends with the server's pod: then it is begun anew."""
        self._hang_up()
        self._forward = subprocess.Popen(
            [*self._kubectl, "port-forward", "service/launcher-server", ":8080"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._forward.stdout is not None
        line = self._forward.stdout.readline()
        assert line.startswith("Forwarding from 127.0.0.1:"), line
        port = line.split(" -> ")[0].rpartition(":")[2]
        self._client = Client(f"http://127.0.0.1:{port}", _ADMIN)

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._forward is not None:
            self._forward.kill()
            self._forward.wait(timeout=30)
            assert self._forward.stdout is not None
            self._forward.stdout.close()

    @property
    def _kubectl(self) -> list[str]:
        return ["kubectl", "--kubeconfig", KUBECONFIG, "-n", self.namespace]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _values() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        (ROOT / "k8s/examples/cpu-trial.values.yaml").read_text()
    )
    repository, _, tag = IMAGE.rpartition(":")
    image = {"repository": repository, "tag": tag}
    values["server"]["image"] = values["image"] = image
    return values

"""A real Kubernetes, where TEST_KUBECONFIG names one; docs/development.md#on-a-real-kubernetes.

    with namespace() as name:
        api = KubeApi(name, kubeconfig=KUBECONFIG)

The user of its current context has to be one who may do everything.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.clusters._kube_api import RAYJOBS, KubeApi, KubeError

KUBECONFIG = os.environ.get("TEST_KUBECONFIG", "")
IMAGE = os.environ.get("TEST_IMAGE", "")
"""Ray, this launcher with its server, PyTorch and scikit-learn."""

needs_api = pytest.mark.skipif(
    not KUBECONFIG, reason="TEST_KUBECONFIG names no Kubernetes (an API server is enough)"
)
needs_nodes = pytest.mark.skipif(
    not (KUBECONFIG and IMAGE),
    reason="TEST_KUBECONFIG and TEST_IMAGE name no Kubernetes with nodes, KubeRay and our image",
)
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def client() -> Any:
    """The official client's module."""
    return pytest.importorskip("kubernetes.client")


@functools.cache
def connection() -> Any:
    from kubernetes import config

    return config.new_client_from_config(KUBECONFIG)


@functools.cache
def _any_kind() -> Any:
    from kubernetes.dynamic import DynamicClient

    return DynamicClient(connection())


def make(manifest: Mapping[str, Any], namespace: str, *, is_trial: bool = False) -> Any:
    """Have an object of any kind stored, or only judged; unknown fields are refused."""
    kind = _any_kind().resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    trial = {"dry_run": "All"} if is_trial else {}
    return kind.create(
        body=dict(manifest), namespace=namespace, field_validation="Strict", **trial
    ).to_dict()


def remove(api_version: str, kind: str, name: str) -> None:
    _any_kind().resources.get(api_version=api_version, kind=kind).delete(name=name)


@contextlib.contextmanager
def namespace(labels: Mapping[str, str] | None = None) -> Iterator[str]:
    """A new one, that is deleted with all that is in it.

    A Kubernetes without KubeRay's kinds fails here, in words.
    """
    name = f"launcher-test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": dict(labels or {})}
    make({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, "")
    try:
        await_kuberay(name)
        yield name
    finally:
        client().CoreV1Api(connection()).delete_namespace(name)


def await_kuberay(name: str) -> None:
    try:
        KubeApi(name, kubeconfig=KUBECONFIG).list(RAYJOBS)
    except KubeError as error:
        raise AssertionError(
            "KubeRay's kinds are not installed there: kubectl apply --server-side -f ITS CRDs"
        ) from error


def account(name: str, role: Mapping[str, Any], namespace: str, folder: Path) -> str:
    """A kubeconfig of a new service account that has the rights of a Role, and no others."""
    metadata = {"name": name}
    make({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, namespace)
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    make({**rbac, "kind": "Role", "metadata": metadata, "rules": role["rules"]}, namespace)
    of = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    who = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    bound = {"kind": "RoleBinding", "metadata": metadata, "roleRef": of, "subjects": who}
    make(rbac | bound, namespace)
    core = client().CoreV1Api(connection())
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = core.create_namespaced_service_account_token(name, namespace, request).status.token
    return with_token(token, folder / f"{name}.kubeconfig")


def with_token(token: str, file: Path) -> str:
    """The kubeconfig again, for somebody else."""
    text = yaml.safe_load(Path(KUBECONFIG).read_text())
    chosen = next(c for c in text["contexts"] if c["name"] == text["current-context"])
    chosen["context"]["user"] = "somebody"
    text["users"] = [{"name": "somebody", "user": {"token": token}}]
    file.write_text(json.dumps(text))
    return str(file)


def await_(holds: Any, what: str, patience_s: float = 60.0) -> Any:
    give_up = time.monotonic() + patience_s
    while not (found := holds()):
        assert time.monotonic() < give_up, f"{what} did not happen"
        time.sleep(0.1)
    return found

"""The same on a real cluster with KubeRay, where TEST_KUBECONFIG names one.

TEST_KUBECONFIG    a kubeconfig; its current context is used
TEST_NAMESPACE     where RayJobs are made; default: default
TEST_IMAGE         Ray and this launcher
TEST_SERVER_HOST   this machine, as pods reach it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import wait_until
from stack import Stack

from launcher.clusters._kube_api import PODS, RAYJOBS, KubeApi
from launcher.model.own_cluster import rayjob_name

KUBECONFIG = os.environ.get("TEST_KUBECONFIG", "")
NAMESPACE = os.environ.get("TEST_NAMESPACE", "default")
DIGITS = Path(__file__).parents[2] / "jobs" / "digits"

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(not KUBECONFIG, reason="TEST_KUBECONFIG names no cluster with KubeRay"),
]


@pytest.fixture
def api() -> Iterator[KubeApi]:
    made = KubeApi(NAMESPACE, kubeconfig=KUBECONFIG)
    yield made
    made.close()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A server here, that listens to the pods; no Ray of this machine."""
    made = Stack.__new__(Stack)
    Stack.__init__(made, tmp_path, _NoNodes(), None)  # type: ignore[arg-type]
    made.server.environment["LAUNCHER_KUBECONFIG"] = KUBECONFIG
    made.server.arguments += ["--host", "0.0.0.0", "--insecure-http"]
    try:
        made.start_server()
        port = made.url.rpartition(":")[2]
        settings = {
            "namespace": NAMESPACE,
            "image": os.environ["TEST_IMAGE"],
            "server_url": f"http://{os.environ['TEST_SERVER_HOST']}:{port}",
            "has_gpus": False,
        }
        list(made.client.attach_kubernetes("kube", **settings))
        yield made
        made.clean_up()
        wait_until(lambda: not made.client.server().clusters, "the end of all clusters")
    finally:
        made.end()


class _NoNodes:
    class address:  # noqa: N801 - stands for the attribute of Ray nodes
        address, environment = "", {}


def digits(stack: Stack, **keys: object) -> str:
    return stack.submit(
        DIGITS, entrypoint="train_pytorch.py --epochs 30", cluster="kube", python={}, **keys
    )


def pods(api: KubeApi, job: str) -> dict[str, str]:
    """Names by node type."""
    found, _ = api.list(PODS, f"launcher/rayjob={rayjob_name(job, 1)}")
    return {one["metadata"]["labels"]["ray.io/node-type"]: one["metadata"]["name"] for one in found}


def running(stack: Stack, job: str) -> None:
    stack.wait(job, "RUNNING")
    wait_until(lambda: stack.client.checkpoints(job), "a checkpoint")


def attempts(stack: Stack, job: str) -> int:
    return len(stack.wait(job, "SUCCEEDED").attempts)


def test_digits_trains_in_a_rayjob(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    assert attempts(stack, job) == 1
    wait_until(lambda: not pods(api, job), "the end of its pods")


def test_a_worker_pod_that_is_deleted_costs_an_attempt(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    running(stack, job)
    api.delete(PODS, pods(api, job)["worker"])
    assert attempts(stack, job) == 2
    assert api.get(RAYJOBS, rayjob_name(job, 2)) is None


def test_a_head_pod_that_is_deleted_costs_the_rayjob(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    running(stack, job)
    api.delete(PODS, pods(api, job)["head"])
    assert attempts(stack, job) == 2
    assert api.get(RAYJOBS, rayjob_name(job, 2)) is not None


def test_a_rayjob_that_is_deleted_is_made_anew(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    running(stack, job)
    api.delete(RAYJOBS, rayjob_name(job, 1))
    assert attempts(stack, job) == 2


def test_a_node_that_is_drained_lets_the_gang_save(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    running(stack, job)
    worker = api.get(PODS, pods(api, job)["worker"])
    assert worker is not None
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": worker["metadata"]["name"], "namespace": NAMESPACE},
    }
    # What `kubectl drain` asks for each pod of a node.
    api._core.create_namespaced_pod_eviction(worker["metadata"]["name"], NAMESPACE, eviction)
    wait_until(
        lambda: any(event.kind == "draining" for event in stack.client.events(job)), "the word"
    )
    assert attempts(stack, job) == 2

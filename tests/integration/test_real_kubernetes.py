"""A cluster for each job on a real Kubernetes: docs/development.md#on-a-real-kubernetes.

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
from real_kubernetes import IMAGE, KUBECONFIG, needs_nodes
from stack import PROGRAMS, Stack

from launcher.clusters._kube_api import PODS, RAYJOBS, KubeApi
from launcher.model.own_cluster import rayjob_name

NAMESPACE = os.environ.get("TEST_NAMESPACE", "default")
DIGITS = Path(__file__).parents[2] / "jobs" / "digits"

pytestmark = [pytest.mark.apart, needs_nodes]


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
            "image": IMAGE,
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


def digits(stack: Stack) -> str:
    return stack.submit(
        DIGITS, entrypoint="train_pytorch.py --epochs 30", cluster="kube", python={}
    )


def goes_on(stack: Stack) -> str:
    """A job that takes long enough to be disturbed, and has a checkpoint."""
    job = stack.submit(PROGRAMS / "goes_on.py", cluster="kube", python={}, env={"STEPS": "2000"})
    stack.wait(job, "RUNNING")
    wait_until(lambda: stack.client.checkpoints(job), "a checkpoint")
    return job


def pods(api: KubeApi, job: str) -> dict[str, str]:
    """Names by node type."""
    found, _ = api.list(PODS, f"launcher/rayjob={rayjob_name(job, 1)}")
    return {one["metadata"]["labels"]["ray.io/node-type"]: one["metadata"]["name"] for one in found}


def attempts(stack: Stack, job: str) -> int:
    return len(stack.wait(job, "SUCCEEDED").attempts)


def test_digits_trains_in_a_rayjob(stack: Stack, api: KubeApi) -> None:
    job = digits(stack)
    assert attempts(stack, job) == 1
    wait_until(lambda: not pods(api, job), "the end of its pods")


def test_a_worker_pod_that_is_killed_costs_an_attempt(stack: Stack, api: KubeApi) -> None:
    job = goes_on(stack)
    worker = pods(api, job)["worker"]
    # Without its grace: nothing in it hears that it goes.
    api._core.delete_namespaced_pod(worker, NAMESPACE, grace_period_seconds=0)
    assert attempts(stack, job) == 2
    assert stack.client.job(job).attempts[0].ending in {"NODE_LOST", "WORKER_LOST"}
    assert api.get(RAYJOBS, rayjob_name(job, 2)) is None


def test_a_worker_pod_that_is_deleted_waits_until_its_gang_saved(
    stack: Stack, api: KubeApi
) -> None:
    job = goes_on(stack)
    api.delete(PODS, pods(api, job)["worker"])
    assert_left(stack, job)
    assert api.get(RAYJOBS, rayjob_name(job, 2)) is None


def test_a_head_pod_that_is_deleted_costs_the_rayjob(stack: Stack, api: KubeApi) -> None:
    job = goes_on(stack)
    api.delete(PODS, pods(api, job)["head"])
    assert attempts(stack, job) == 2
    assert api.get(RAYJOBS, rayjob_name(job, 2)) is not None


def test_a_rayjob_that_is_deleted_is_made_anew(stack: Stack, api: KubeApi) -> None:
    job = goes_on(stack)
    api.delete(RAYJOBS, rayjob_name(job, 1))
    assert attempts(stack, job) == 2


def test_a_node_that_is_drained_lets_the_gang_save(stack: Stack, api: KubeApi) -> None:
    job = goes_on(stack)
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
    assert_left(stack, job)


def assert_left(stack: Stack, job: str) -> None:
    """It left its place in good order, and went on from what it saved then."""
    assert attempts(stack, job) == 2
    left, last = stack.client.job(job).attempts
    assert left.ending == "NODE_DRAINED"
    [first] = stack.client.metrics(job, name="value", rank=0, raw=True)
    assert last.resume_step == max(step for step, *_, attempt in first.points if attempt == 1)

"""A shared Ray cluster and its server by the chart: docs/development.md#on-a-real-kubernetes.

Also needed: kubectl, and volumes for claims without a class.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from machine import wait_until
from real_kubernetes import RESTRICTED, namespace, needs_nodes

from launcher.client import Client
from launcher.spec.judge import spec_from_data
from launcher.views import JobView

if TYPE_CHECKING:
    from chart_release import ChartRelease

PROGRAM = Path(__file__).parent / "programs/goes_on.py"
DIGITS = Path(__file__).parents[2] / "jobs/pytorch-digits"
# Containers of a pod see each other's processes.
KILLS_EXECUTOR = """
import os, pathlib, signal
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    words = path.read_bytes().split(b"\\0")
    if b"executor" in words and int(path.parent.name) != os.getpid():
        os.kill(int(path.parent.name), signal.SIGKILL)
        print(path.parent.name)
"""

pytestmark = [
    pytest.mark.apart,
    needs_nodes,
    pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl"),
]


@pytest.fixture(scope="module")
def installed() -> Iterator[ChartRelease]:
    pytest.importorskip("helm_python")
    from chart_release import ChartRelease  # needs what is installed only where it is tested

    with namespace(RESTRICTED) as name, ChartRelease(name) as release:
        yield release


@pytest.fixture
def release(installed: ChartRelease) -> Iterator[ChartRelease]:
    installed.await_ready()
    wait_until(lambda: len(nodes(installed.client)) == 3, "three nodes")
    yield installed
    for job in installed.client.jobs(["QUEUED", "SETUP", "STARTING", "RUNNING", "CANCELLING"]):
        installed.client.cancel(job.id, force=True)


def nodes(client: Client) -> list[Any]:
    return [node for one in client.server().clusters if one.live for node in one.nodes]


def submit(client: Client, workdir: Path, entrypoint: str, **keys: Any) -> str:
    spec = {
        "name": "job",
        "workdir": str(workdir),
        "entrypoint": entrypoint,
        "framework": "pytorch",
        "resources": {"workers": 2, "gpus_per_worker": 0, "placement": "spread"},
    }
    return client.submit(spec_from_data(spec | keys)).job.id


def goes_on(client: Client, steps: int) -> str:
    """A job that takes long enough to be disturbed, once it has a checkpoint."""
    job = submit(client, PROGRAM.parent, PROGRAM.name, env={"STEPS": str(steps)})
    wait_until(lambda: client.checkpoints(job), "a checkpoint")
    return job


def end(release: ChartRelease, job: str) -> JobView:
    wait_until(lambda: release.client.job(job).is_over, f"the end of {job}")
    found = release.client.job(job)
    assert found.state == "SUCCEEDED", found.reason
    return found


def assert_no_step_is_lost(client: Client, job: str, steps: int) -> None:
    found = client.metrics(job, name="value")
    assert {curve.rank for curve in found} == {0, 1}
    for curve in found:
        told = [point[0] for point in curve.points]
        assert (told[0], told[-1]) == (1, steps)
        assert [pair for pair in pairwise(told) if pair[1] != pair[0] + 1] == []


def test_digits_trains_in_the_shared_cluster(release: ChartRelease) -> None:
    job = submit(release.client, DIGITS, "train.py --epochs 10")
    assert len(end(release, job).attempts) == 1
    [accuracy] = [s for s in release.client.summaries(job) if s.name == "accuracy"]
    assert accuracy.last is not None
    assert accuracy.last > 0.9


def test_an_upgrade_in_the_middle_of_a_job_loses_no_step_and_leaves_ray_alone(
    release: ChartRelease,
) -> None:
    job = goes_on(release.client, steps=400)
    ray = (release.ray_cluster(), release.pods("head"), release.pods("worker"))
    server = release.pods("server")
    release.upgrade(release.server_with(containerEnv=[{"name": "UPGRADED", "value": "1"}]))
    wait_until(lambda: set(release.pods("server").values()) - set(server.values()), "the new one")
    release.await_ready()
    release.reach()
    assert len(end(release, job).attempts) == 1
    assert_no_step_is_lost(release.client, job, 400)
    assert (release.ray_cluster(), release.pods("head"), release.pods("worker")) == ray


def test_an_executor_that_is_killed_is_begun_anew_and_costs_no_attempt(
    release: ChartRelease,
) -> None:
    job = goes_on(release.client, steps=300)
    [head] = release.pods("head")
    assert release.run(head, "executor", "python", "-c", KILLS_EXECUTOR).split()
    assert len(end(release, job).attempts) == 1
    assert_no_step_is_lost(release.client, job, 300)
    assert [*release.pods("head")] == [head]


@pytest.mark.parametrize("kind", ["worker", "head"])
def test_a_pod_that_goes_costs_an_attempt(release: ChartRelease, kind: str) -> None:
    job = goes_on(release.client, steps=2000)
    release.kill(next(iter(release.pods(kind))))
    first, second = end(release, job).attempts
    assert second.resume_step
    # Without a grace it has two seconds: the gang may save in them, or not.
    assert first.ending in {"NODE_DRAINED", "NODE_LOST", "WORKER_LOST"}, first.words
    assert_no_step_is_lost(release.client, job, 2000)


def test_workers_are_started_for_a_job_and_go_when_nobody_needs_them() -> None:
    pytest.importorskip("helm_python")
    from chart_release import ChartRelease

    with namespace(RESTRICTED) as name, ChartRelease(name, grows=True) as release:
        wait_until(lambda: nodes(release.client), "the head")
        job = submit(release.client, PROGRAM.parent, PROGRAM.name, env={"STEPS": "50"})
        wait_until(lambda: len(release.pods("worker")) == 2, "both pods, for neither goes alone")
        end(release, job)
        wait_until(lambda: not release.pods("worker"), "their end")

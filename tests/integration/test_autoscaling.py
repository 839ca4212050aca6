"""Jobs for which Ray's own autoscaler starts nodes, and takes them away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from growing_nodes import GrowingNodes, pool
from machine import wait_until
from ray_view import RayView
from stack import Stack

from launcher.errors import SpecError

SAYS_SO = """
print("there", flush=True)
"""
STAYS = """
import time
print("there", flush=True)
time.sleep(600)
"""
TWO_SMALL = {"nodes": 2, "cpus_per_worker": 2, "labels": {"pool": "small"}}


class Growing(NamedTuple):
    nodes: GrowingNodes
    stack: Stack
    trouble: str
    """What a job says whose nodes the cloud has not: Ray's second autoscaler keeps the reason."""

    def reason(self, job: str) -> str:
        return self.stack.client.job(job).reason or ""


@pytest.fixture(
    params=[pytest.param(False, id="v1", marks=pytest.mark.slow), pytest.param(True, id="v2")]
)
def growing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Growing]:
    """A server, and an executor on a cluster that has only its head."""
    pools = {"small": pool("small", cpus=2, most=3), "big": pool("big", cpus=4, most=1)}
    (tmp_path / "stack").mkdir()
    with (
        GrowingNodes(tmp_path / "nodes", pools, second=request.param) as nodes,
        RayView(nodes.address, tmp_path / "view.log") as view,
    ):
        stack = Stack(tmp_path / "stack", nodes, view)
        try:
            stack.start()
            trouble = "monitor.log of Ray's head says why" if request.param else "InsufficientCap"
            yield Growing(nodes, stack, trouble)
        finally:
            stack.end()


def test_a_gang_larger_than_the_cluster_makes_it_grow_and_leaves_nothing(growing: Growing) -> None:
    nodes, stack, _ = growing
    with pytest.raises(SpecError, match="cluster test grows to 10 CPUs in all"):
        stack.submit(SAYS_SO, workers=5, resources={"nodes": 5, "cpus_per_worker": 2})
    assert nodes.raylets() == 0

    job = stack.submit(STAYS, workers=2, resources=TWO_SMALL)
    stack.wait_for(job, lambda: "of pool small" in growing.reason(job), "its reason")
    [cluster] = stack.client.occupancy().clusters
    assert {one.name: (one.nodes, one.most) for one in cluster.pools}["big"] == (0, 1)
    stack.wait(job, "RUNNING")
    assert nodes.raylets() == 2

    # What it holds counts as held: for another one another node comes.
    one = stack.submit(SAYS_SO, workers=1, resources={"cpus_per_worker": 3})
    stack.wait(one, "SUCCEEDED")
    assert stack.client.job(job).state == "RUNNING"

    stack.client.cancel(job)
    stack.wait(job, "CANCELLED")
    wait_until(lambda: nodes.raylets() == 0, "idle nodes are taken away")
    stack.assert_nothing_is_left()


def test_what_a_killed_executor_asked_for_is_withdrawn_and_a_cloud_without_room_is_told(
    growing: Growing,
) -> None:
    nodes, stack, _ = growing
    cancelled = stack.submit(STAYS, workers=2, resources=TWO_SMALL)
    wait_until(lambda: nodes.raylets() > 0, "a node comes")
    stack.executor.kill()
    stack.client.cancel(cancelled, force=True)
    stack.start_executor()
    stack.wait(cancelled, "CANCELLED")
    wait_until(lambda: nodes.raylets() == 0, "nodes that nobody needs any more are taken away")

    nodes.refuse("InsufficientCapacity")
    job = stack.submit(SAYS_SO, workers=1, resources={"cpus_per_worker": 3})
    stack.wait_for(job, lambda: growing.trouble in growing.reason(job), "the cloud's words")
    assert stack.client.job(job).state == "QUEUED"
    nodes.refuse("")
    stack.executor.kill()
    stack.start_executor()
    assert stack.wait(job, "SUCCEEDED").failures == 0

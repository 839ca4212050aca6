"""Nodes that are about to go: the gang saves, and goes on elsewhere from there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Stack

from launcher.clusters._kuberay_hook import HOOK

SAVES_WHEN_ASKED = """
import os, time
from pathlib import Path
import launcher

found = launcher.resume_from()
step = int(Path(found, "step").read_text()) if found else 0
while step < 100_000:
    step += 1
    launcher.report(step=step, value=float(step))
    if launcher.should_stop():
        if launcher.rank() == 0:
            with launcher.checkpoint(step) as folder:
                (folder / "step").write_text(str(step))
        break
    if Path(os.environ["DIARY"], "finish").exists():
        break
    time.sleep(0.01)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A head that carries nothing, and three nodes that may go."""
    (tmp_path / "nodes").mkdir()
    with (
        RayNodes(tmp_path / "nodes", cpus=[0, 1, 1, 1], apart=True) as nodes,
        RayView(nodes.address, tmp_path / "view.log") as view,
    ):
        made = Stack(tmp_path, nodes, view)
        try:
            made.start()
            wait_until(lambda: len(_shown(made)) == 4, "four nodes")
            yield made
            made.clean_up()
            made.assert_nothing_is_left()
        finally:
            made.end()


def _shown(stack: Stack) -> dict[str, str]:
    """Of each node why it leaves, by its number."""
    (cluster,) = stack.client.occupancy().clusters
    return {node.node_id: node.leaving for node in cluster.nodes}


def begin(stack: Stack, workers: int = 2) -> tuple[str, list[int]]:
    """A job that trains, and the numbers of its nodes."""
    job = stack.submit(
        SAVES_WHEN_ASKED, workers=workers, placement="spread", env={"DIARY": str(stack.folder)}
    )
    stack.wait_for(job, lambda: stack.client.job(job).latest, "a report")
    return job, numbers(stack, job)


def numbers(stack: Stack, job: str) -> list[int]:
    return [stack.nodes.node_ids.index(node.node_id) for node in stack.client.job(job).nodes]


def next_attempt(stack: Stack, job: str, number: int = 2) -> int:
    """Wait for it; the number of steps that it does once more."""
    what = f"the first step of attempt {number}"
    stack.wait_for(job, lambda: _steps(stack, job, number), what)
    return _steps(stack, job, number - 1)[-1] - _steps(stack, job, number)[0] + 1


def _steps(stack: Stack, job: str, attempt: int) -> list[int]:
    found = stack.client.metrics(job, name="value", raw=True)
    return sorted(p[0] for series in found for p in series.points if p[3] == attempt)


def ending(stack: Stack, job: str, number: int = 1) -> tuple[str | None, str]:
    (attempt,) = (one for one in stack.client.job(job).attempts if one.number == number)
    return attempt.ending, attempt.words or ""


def end(stack: Stack, job: str) -> None:
    (stack.folder / "finish").touch()
    stack.wait(job, "SUCCEEDED")


def test_a_node_that_ray_drains_is_left_and_no_step_is_done_twice(stack: Stack) -> None:
    job, (*_, number) = begin(stack)
    drain = [sys.executable, "-m", "ray.scripts.scripts", "drain-node"]
    drain += ["--address", stack.nodes.address.address, "--node-id", stack.nodes.node_ids[number]]
    drain += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
    subprocess.run(
        [*drain, "--deadline-remaining-seconds", "120"],
        env={**os.environ, **stack.nodes.address.environment},
        check=True,
        timeout=60,
    )
    assert next_attempt(stack, job) <= 1
    assert number not in numbers(stack, job)
    kind, words = ending(stack, job)
    assert kind == "NODE_DRAINED"
    assert "Ray drains it, which ends it at " in words
    end(stack, job)


def test_a_pod_that_is_ended_waits_until_its_ranks_saved_and_left(stack: Stack) -> None:
    job, (number, *_) = begin(stack)  # the leader's
    spool = stack.nodes.spool(number)
    assert list((spool / "present").iterdir())
    environment = {**os.environ, "LAUNCHER_SPOOL_ROOT": str(spool), "HOSTNAME": "worker-7"}
    subprocess.run(["/bin/sh", "-c", HOOK], env=environment, check=True, timeout=60)
    stack.nodes.lose(number)
    assert not list((spool / "present").iterdir())
    assert next_attempt(stack, job) <= 1
    assert number not in numbers(stack, job)
    kind, words = ending(stack, job)
    assert (kind, "Kubernetes ends pod worker-7" in words) == ("NODE_DRAINED", True)
    end(stack, job)


def test_nodes_drained_by_hand_are_left_until_that_is_over(stack: Stack) -> None:
    job, held = begin(stack)
    for number in held:  # both at once: only one is left
        stack.client.drain(stack.nodes.node_ids[number], why="a new disk")
    stack.wait(job, "QUEUED")
    assert "is about to go (drained by " in stack.client.why(job)
    kind, words = ending(stack, job)
    assert (kind, words.count("a new disk") > 0) == ("NODE_DRAINED", True)
    stack.server.kill()
    stack.start_server()
    stack.wait_for(job, stack.has_nodes, "the executor")
    shown = [bool(_shown(stack)[node]) for node in stack.nodes.node_ids]
    assert shown == [number in held for number in range(4)]
    assert stack.client.job(job).state == "QUEUED"
    stack.client.undrain(stack.nodes.node_ids[held[0]])
    assert next_attempt(stack, job) <= 1
    stack.client.undrain(stack.nodes.node_ids[held[1]])
    end(stack, job)

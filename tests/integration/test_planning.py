"""`launcher plan` foretells what a real gang then gets: its nodes, and its environment."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from machine import wait_until
from stack import Stack

from launcher.model.plan import Plan
from launcher.spec.judge import spec_from_data

TELL = """
import json, os
print(json.dumps(dict(os.environ)), flush=True)
"""
OURS = ("LAUNCHER_", "TORCH", "MASTER_", "CUDA_", "GLOO_", "NCCL_", "OMP_", "GROUP_", "ROLE_")
"""Beginnings of the names that no node brings along by itself."""


def as_told(foretold: str, found: str) -> bool:
    """Whether a value is the one that was foretold, with something in the place of each `<…>`."""
    parts = re.split(r"<[^<>]+>", foretold)
    return re.fullmatch(".+".join(map(re.escape, parts)), found) is not None


def plan_of(stack: Stack, spec: dict[str, Any]) -> Plan:
    return stack.client.plan(spec_from_data(spec), python=sys.executable)


def test_a_job_runs_where_its_plan_said_and_finds_the_environment_that_it_said(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "tell.py").write_text(TELL)
    spec: dict[str, Any] = {
        "name": "tell",
        "workdir": str(tmp_path),
        "framework": "pytorch",
        "entrypoint": "tell.py",
        "python": {"interpreter": sys.executable},
        "resources": {"workers": 4, "placement": "spread", "gpus_per_worker": 1},
        "env": {"LR": "0.1", "PYTHONPATH": "/nowhere"},
        "retries": {"max": 2},
    }
    known = {job.id for job in stack.client.jobs()}
    packages = sorted((stack.state_dir / "blobs").rglob("*"))
    # What another test ran may be on its way out still.
    wait_until(lambda: plan_of(stack, spec).outcome == "now", "a free cluster")
    plan = plan_of(stack, spec)
    assert (plan.outcome, plan.text) == ("now", "would start now on 2 nodes of cluster test")
    assert {job.id for job in stack.client.jobs()} == known
    assert sorted((stack.state_dir / "blobs").rglob("*")) == packages

    job = stack.submit_view(spec).id
    view = stack.wait(job, "SUCCEEDED")
    assert [(node.node_id, node.host, node.ranks) for node in view.nodes] == [
        (node.node_id, node.host, node.ranks) for node in plan.nodes
    ]
    (found,) = stack.answers(job, 1)
    foretold = {name: text.replace("<job id>", job) for name, text in plan.environment.items()}
    assert foretold.keys() <= found.keys()
    assert [name for name in foretold if not as_told(foretold[name], found[name])] == []
    assert {name for name in found if name.startswith(OURS)} <= foretold.keys()


def test_what_has_no_place_waits_and_what_never_has_one_is_told_so(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("import time; time.sleep(600)\n")
    spec: dict[str, Any] = {
        "name": "long",
        "workdir": str(tmp_path),
        "framework": "command",
        "entrypoint": [sys.executable, "train.py"],
        "python": {"interpreter": sys.executable},
        "resources": {"workers": 12},
        "timeouts": {"run": "30m"},
    }
    job = stack.submit_view(spec).id
    stack.wait(job, "RUNNING")
    plan = plan_of(stack, spec)
    assert (plan.outcome, plan.position, len(plan.nodes)) == ("waits", 1, 2)
    assert f"starts when {job} ends, in about 30m" in plan.text
    never = plan_of(stack, spec | {"resources": {"workers": 13}})
    assert never.outcome == "never"
    assert never.text.startswith("can never run: needs 13 workers")
    stack.client.cancel(job, force=True)
    stack.wait(job, "CANCELLED")

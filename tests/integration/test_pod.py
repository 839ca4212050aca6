"""The chart's containers as processes: commands, user, volumes, end; and a job through both."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import namespaces
import pytest

pytestmark = pytest.mark.apart


def shut() -> str:
    """Where the chart's user is kept out of this checkout; empty: nowhere.

    A Python in root's home is no matter: `pod.py` brings it within reach.
    """
    for path in (Path(sys.prefix), Path(__file__)):
        for folder in path.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                return f"{folder} lets no other user in, so none can run what is in {path.parent}"
    return ""


WHY_NOT = (
    namespaces.missing() or ("" if find_spec("helm_python") else "no helm-python-sdk") or shut()
)


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_server_and_executor_run_as_the_chart_says_without_root_and_on_a_read_only_root(
    tmp_path: Path,
) -> None:
    from manifests import one, pod_templates, render

    objects = render({"executor": {"serverUrl": "http://localhost:8080"}})
    server = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    executor = pod_templates(one(objects, "RayCluster"))[0]["spec"]["initContainers"][0]
    seen, words = run_apart("pod.py", {"server": server, "executor": executor}, tmp_path)
    assert seen["root is written"] is False
    assert (seen["healthy"], seen["job"]) == (200, 0), words
    niceness = os.nice(0)  # Ray's own would be 15
    said = {f"r{rank} │ rank {rank} 1000 {niceness}" for rank in (0, 1)}
    assert said <= {*words["job.log"].splitlines()}
    grace_s = one(objects, "Deployment")["spec"]["template"]["spec"][
        "terminationGracePeriodSeconds"
    ]
    assert (seen["server's end"], seen["seconds"] < grace_s / 2) == (0, True), seen


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_worker_pod_that_is_ended_costs_its_job_no_step(tmp_path: Path) -> None:
    from manifests import one, pod_templates, render

    objects = render({"executor": {"serverUrl": "http://localhost:8080"}})
    head, worker = pod_templates(one(objects, "RayCluster"))
    containers = {
        "server": one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0],
        "executor": head["spec"]["initContainers"][0],
        "worker": worker["spec"]["containers"][0],
    }
    seen, words = run_apart("pod_drained.py", containers, tmp_path)
    said = [line.rpartition("│ ")[2] for line in words["job.log"].splitlines()]
    (saved,) = [int(line.split()[-1]) for line in said if line.startswith("saved")]
    assert f"goes on from {saved}" in said
    first, second = seen["attempts"]
    assert (first["ending"], second["ending"], second["resume_step"]) == (
        "NODE_DRAINED",
        "FINISHED",
        saved,
    )
    assert "Kubernetes ends pod worker-" in first["words"]
    assert seen["job"] == 0
    grace_s = worker["spec"]["terminationGracePeriodSeconds"]
    print(f"\nthe pod's hook took {seen['hook_s']} s of {grace_s}")
    assert seen["hook_s"] < grace_s


def run_apart(
    program: str, containers: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Run containers in namespaces; what the program saw, and the ends of their logs."""
    for entry in containers["executor"]["env"]:  # what a Secret of KubeRay's would say
        if entry["name"] == "RAY_AUTH_TOKEN":
            entry["value"] = "f" * 64
    for name, container in containers.items():
        (folder / f"{name}.json").write_text(json.dumps(container))
    apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "--kill-child"]
    ended = subprocess.run(
        [*apart, sys.executable, str(Path(__file__).with_name(program)), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    words = {path.name: path.read_text()[-4000:] for path in folder.glob("*.log")}
    assert ended.returncode == 0, (ended.stderr[-2000:], words)
    return json.loads(ended.stdout.splitlines()[-1]), words

"""The jobs of jobs/, submitted by the specs that they come with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from stack import Stack

from launcher.views import JobView

JOBS = Path(__file__).parents[2] / "jobs"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1"}


def submit(
    stack: Stack,
    name: str,
    *,
    arguments: str = "",
    workers: int | None = None,
    python: str = sys.executable,
    env: dict[str, str] | None = None,
    **keys: Any,
) -> str:
    """Submit `digits/pytorch`; the job's id.

    Args:
        arguments: added to the entrypoint's; what is given twice holds as given last.
        workers: in place of the spec's.
        env: added to what keeps the libraries quiet.
        keys: in place of the spec's.
    """
    path = JOBS / f"{name}.yaml"
    spec: dict[str, Any] = yaml.safe_load(path.read_text())
    spec["entrypoint"] = f"{spec['entrypoint']} {arguments}".strip()
    if workers is not None:
        spec["resources"] |= {"workers": workers}
    own = {"workdir": str(path.parent), "python": {"interpreter": python}}
    return stack.submit_view({**spec, **own, "env": QUIET | (env or {}), **keys}).id


def run(stack: Stack, name: str, **keys: Any) -> JobView:
    """Submit a job and wait until it has succeeded."""
    return stack.wait(submit(stack, name, **keys), "SUCCEEDED")


def last_value(stack: Stack, job: str, metric: str) -> float:
    """The newest point of rank 0, as the server knows it."""
    first, *_ = stack.client.metrics(job, name=metric)
    return float(first.points[-1][1])


def output(stack: Stack, job: str, path: str, folder: Path) -> bytes:
    """A file that the job left."""
    [found] = [one for one in stack.client.outputs(job) if one.path == path]
    target = folder / path
    stack.client.files(job).get_output(found, target)
    return target.read_bytes()

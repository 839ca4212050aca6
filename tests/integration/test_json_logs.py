"""Logs as JSON: an object a line, of server, executor and agents; the job in those about one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Stack

SLEEPS = "import time\nprint('here', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def own_stack(ray_nodes: RayNodes, ray_view: RayView, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path, ray_nodes, ray_view)
    for service in (stack.server, stack.executor):
        service.arguments += ["--log-format", "json"]
    try:
        stack.start()
        yield stack
        stack.clean_up()
    finally:
        stack.end()


def objects(file: Path) -> list[dict[str, Any]]:
    """Every line of a log."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_line_is_an_object_and_names_its_job(own_stack: Stack) -> None:
    job = own_stack.submit(SLEEPS, workers=1)
    own_stack.wait(job, "RUNNING")

    def agents_log() -> Path | None:
        return next(own_stack.jobs_folder.glob(f"{job}@*/agent.log"), None)

    of_agent = objects(wait_until(agents_log, "the agent's log"))
    own_stack.client.cancel(job, force=True)
    own_stack.wait(job, "CANCELLED")
    wait_until(lambda: f'"message": "{job}.1: gone' in own_stack.executor.log.read_text(), "gone")
    of_server = objects(own_stack.server.log)
    of_executor = [
        json.loads(line)
        for line in own_stack.executor.log.read_text().splitlines()
        if line.startswith("{")  # Ray prints there what it likes
    ]
    for service, told in ("server", of_server), ("executor", of_executor), ("agent", of_agent):
        assert {line["service"] for line in told} == {service}
        on_job = [line for line in told if job in line["message"]]
        assert on_job, f"the {service} said nothing of {job}"
        assert all(job in {line.get("job"), *line.get("jobs", [])} for line in on_job)
    assert {line["cluster"] for line in of_executor} == {"test"}
    assert all(line["job"] == job and line["allocation"] == f"{job}.1" for line in of_agent)
    assert any(line.get("attempt") == 1 for line in of_agent)
    assert any(line.get("attempt") == 1 for line in of_server)

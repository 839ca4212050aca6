"""Environments of a job: made once on a node, of the same versions everywhere, or never used."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import pytest
import wheels
from machine import wait_until
from stack import Stack

from launcher.executor.building import found_uv
from launcher.views import JobView

pytestmark = pytest.mark.skipif(not found_uv(os.environ), reason="uv is not installed")

START_S = 5  # an agent on a busy machine takes three
ROOT = Path(tempfile.gettempdir()) / f"launcher-{os.getuid()}" / "environments"
PROGRAM = """
import importlib.util, json, os, sys
import launcher, NAME
launcher.report(step=1, loss=0.5)
print(json.dumps({
    "version": NAME.VERSION, "python": sys.version_info[:2], "prefix": sys.prefix,
    "active": os.environ.get("VIRTUAL_ENV"),
    "foreign": [m for m in ("ray", "pydantic", "torch") if importlib.util.find_spec(m)],
}))
"""


@pytest.fixture(autouse=True)
def tidied() -> Iterator[None]:
    """No environment of these tests stays on the machine."""
    before = set(ROOT.iterdir()) if ROOT.is_dir() else set()
    yield
    if ROOT.is_dir():
        for made in set(ROOT.iterdir()) - before - {ROOT / "cache", ROOT / "wishes"}:
            shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def name() -> str:
    """Of a package that no test had before."""
    return f"pack{uuid.uuid4().hex[:8]}"


@pytest.fixture
def shelf(tmp_path: Path, name: str) -> Path:
    """A folder of wheels, in place of an index: the package in version 1.0."""
    wheels.write_wheel(tmp_path / "shelf", name)
    return tmp_path / "shelf"


def of(shelf: Path, *packages: str, **more: Any) -> dict[str, Any]:
    return {"requirements": ["--no-index", f"--find-links {shelf}", *packages], **more}


def told(stack: Stack, job: str, kind: str) -> list[str]:
    return [event.text for event in stack.client.events(job) if event.kind == kind]


def setup_logs(stack: Stack, job: str) -> str:
    """What was said on all nodes."""
    streams = [one for one in stack.client.log_streams(job) if one.stream == "setup"]
    parts = [stack.client.log(job, one.attempt, one.rank, stream="setup") for one in streams]
    return b"".join(chunk for part in parts for chunk in part).decode()


def succeeded(stack: Stack, job: JobView) -> str:
    assert job.state == "SUCCEEDED", stack.story(job.id)
    return job.id


def test_ranks_of_another_python_find_the_packages_they_ask_for_and_no_others(
    stack: Stack, shelf: Path, name: str
) -> None:
    python = wheels.other_python()
    if python is None:
        pytest.skip("no python of another minor version from 3.8 on; pypy3 of Debian is one")
    program = PROGRAM.replace("NAME", name)
    keys = {"python": of(shelf, name, interpreter=python), "placement": "spread"}
    job = succeeded(stack, stack.run(program, **keys))
    first, second = stack.answers(job, 2)
    assert first == second
    assert (first["version"], first["foreign"]) == ("1.0", [])
    assert tuple(first["python"]) != sys.version_info[:2]
    assert Path(first["prefix"]).is_relative_to(ROOT)
    assert first["active"] == first["prefix"]
    [loss] = stack.client.metrics(job, name="loss", rank=0)
    assert [point[:2] for point in loss.points] == [(1, 0.5)]
    # Both nodes are on this machine: one of them made it, the other one found it.
    assert sorted(text.rpartition(": ")[2][:4] for text in told(stack, job, "note")) == [
        "made",
        "was ",
    ]
    assert f" + {name}==1.0" in setup_logs(stack, job)
    assert told(stack, job, "set-up") == ["the environment is in place on 2 nodes"]


def test_a_bare_environment_with_nothing_in_it_runs_ranks(stack: Stack, tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    program = PROGRAM.replace("launcher, NAME", "launcher").replace("NAME.VERSION", "0")
    job = succeeded(stack, stack.run(program, python={"interpreter": python}))
    assert [one["foreign"] for one in stack.answers(job, 2)] == [[], []]


def test_every_attempt_has_the_versions_of_the_first_and_a_new_text_the_newest(
    stack: Stack, shelf: Path, name: str, tmp_path: Path
) -> None:
    marker = tmp_path / "again"
    program = PROGRAM.replace("NAME", name) + f"sys.exit(not os.path.exists({str(marker)!r}))\n"
    failed = stack.run(program, workers=1, python=of(shelf, name))
    assert failed.state == "FAILED"
    wheels.write_wheel(shelf, name, "2.0")
    marker.touch()
    for made in ROOT.glob("[0-9a-f]*"):
        if name in "".join(path.name for path in made.glob("*/lib/*/site-packages/*")):
            shutil.rmtree(made)  # not even a node that has to make it anew takes other versions
    stack.client.retry(failed.id)
    again = succeeded(stack, stack.wait(failed.id, "SUCCEEDED", "FAILED"))
    versions = [stack.answers(again, 1, attempt)[0]["version"] for attempt in (1, 2)]
    assert versions == ["1.0", "1.0"]
    newer = succeeded(stack, stack.run(program, workers=1, python=of(shelf, name, f"{name}>=1")))
    assert stack.answers(newer, 1)[0]["version"] == "2.0"


def test_two_jobs_that_want_the_same_make_it_once(stack: Stack, shelf: Path, name: str) -> None:
    program = PROGRAM.replace("NAME", name)
    jobs = [stack.submit(program, workers=1, python=of(shelf, name)) for _ in range(2)]
    prefixes = set()
    for job in jobs:
        succeeded(stack, stack.wait(job, "SUCCEEDED", "FAILED"))
        prefixes.add(stack.answers(job, 1)[0]["prefix"])
    assert len(prefixes) == 1
    notes = [text for job in jobs for text in told(stack, job, "note")]
    assert sorted(text.rpartition(": ")[2][:4] for text in notes) == ["made", "was "]


def test_what_cannot_be_resolved_fails_the_job_in_the_resolvers_words(
    stack: Stack, shelf: Path, name: str
) -> None:
    job = stack.run(PROGRAM, python=of(shelf, f"{name}==9"))
    assert job.state == "FAILED"
    assert stack.last_attempt(job.id).ending == "SETUP_FAILED"
    assert f"there is no version of {name}==9" in (job.reason or "")
    assert f"{name}==9" in setup_logs(stack, job.id)


def test_a_file_of_requirements_with_a_package_of_the_workdir(
    stack: Stack, shelf: Path, name: str
) -> None:
    own = wheels.write_wheel(shelf.parent / "own", f"{name}_own", requires=[name])
    files = {
        "train.py": PROGRAM.replace("NAME", f"{name}_own"),
        "deps/requirements.txt": f"-r base.txt\n./wheels/{own.name}\n",
        "deps/base.txt": "--no-index\n--find-links ../wheels\n",
        f"wheels/{own.name}": own.read_bytes(),
        f"wheels/{name}-1.0-py3-none-any.whl": (
            shelf / f"{name}-1.0-py3-none-any.whl"
        ).read_bytes(),
    }
    job = succeeded(stack, stack.run(files, python={"requirements": "deps/requirements.txt"}))
    assert [one["version"] for one in stack.answers(job, 2)] == ["1.0", "1.0"]


def begun(stack: Stack, tmp_path: Path, start_s: int = 60) -> tuple[str, int]:
    """A job whose environment takes for ever to be made: its id, and the process that makes it."""
    mark = tmp_path / "building"
    files = {"train.py": "print(1)", **wheels.slow_package(mark)}
    keys = {"python": {"requirements": ["--no-index", "./slow"]}, "timeouts": {"start": start_s}}
    job = stack.submit(files, workers=1, **keys)
    wait_until(lambda: mark.exists() and mark.read_text(), lambda: stack.story(job))
    return job, int(mark.read_text())


def test_the_making_does_not_eat_the_time_to_start_and_a_cancel_ends_it_at_once(
    stack: Stack, tmp_path: Path
) -> None:
    job, builder = begun(stack, tmp_path, START_S)
    granted_at = stack.last_attempt(job).granted_at or 0.0
    wait_until(lambda: time.time() > granted_at + 2 * START_S, "more than the time to start")
    assert stack.client.job(job).state == "SETUP"
    assert "it is being made on node 0" in stack.client.why(job)
    stack.client.cancel(job)
    stack.wait(job, "CANCELLED")
    wait_until(lambda: builder not in set(machine.pids()), "the end of the build", 5.0)
    stack.assert_nothing_is_left()


def test_what_a_killed_agent_began_is_never_used(stack: Stack, tmp_path: Path, name: str) -> None:
    job, builder = begun(stack, tmp_path)
    (tmp_path / "building").unlink()
    keeper = machine.keepers(job)[0]
    machine.kill(machine.parent(keeper))
    wait_until(lambda: builder not in set(machine.pids()), "the end of the build")
    wait_until((tmp_path / "building").exists, "the next try")
    assert stack.client.job(job).state == "SETUP"
    records = [json.loads(path.read_text()) for path in ROOT.glob("*/made.json")]
    assert all(record["bytes"] for record in records)
    stack.client.cancel(job, force=True)
    stack.wait(job, "CANCELLED")


def test_an_interpreter_that_a_node_lacks_ends_the_job_in_words(stack: Stack) -> None:
    job = stack.run("print(1)", workers=1, python={"interpreter": "/nowhere/bin/python"})
    assert job.state == "FAILED"
    assert stack.last_attempt(job.id).ending == "SETUP_FAILED"
    assert "/nowhere/bin/python does not exist on node " in (job.reason or "")

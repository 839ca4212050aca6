from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.model.job import Job, Policy, Resources
from launcher.store import Store, jobs

JOB = Job(
    id="digits-k3m9ap",
    name="digits",
    project="default",
    priority=50,
    cluster="any",
    spec={"name": "digits", "env": {"A": "1"}},
    code="",
    resources=Resources(2, gpus_per_worker=1, custom={"tpu": 0.5}),
    policy=Policy(max_retries=3, run_timeout_s=60.0),
    submitted_at=100.0,
    user="ada",
    queued_at=100.0,
)


@pytest.fixture
def store(stage: Any, fresh_state: Path) -> Iterator[Store]:
    with contextlib.closing(stage.fill(fresh_state)) as store:
        yield store


@pytest.fixture(scope="module")
def shared_store(
    tmp_path_factory: pytest.TempPathFactory,
    fresh_state: Path,
    open_unsynced: Callable[[Path], Store],
) -> Iterator[Store]:
    """One store for the many examples of a property test: each takes a job id of its own."""
    folder = shutil.copytree(fresh_state, tmp_path_factory.mktemp("shared") / "state")
    with contextlib.closing(open_unsynced(folder)) as store:
        yield store


@pytest.fixture
def make_job() -> Callable[..., Job]:
    def make(**fields: Any) -> Job:
        return replace(JOB, **fields)

    return make


@pytest.fixture
def job(store: Store) -> Job:
    """A job that is stored."""
    with store.begin() as tx:
        jobs.insert(tx, JOB, "its key")
    return JOB


@pytest.fixture
def report_line() -> Callable[..., bytes]:
    """Spool lines as `launcher.report` writes them."""

    def line(step: int, time: float = 5.0, total: int | None = None, **values: float) -> bytes:
        record: dict[str, Any] = {"t": time, "k": "m", "step": step, "m": values}
        if total is not None:
            record["n"] = total
        return json.dumps(record).encode() + b"\n"

    return line

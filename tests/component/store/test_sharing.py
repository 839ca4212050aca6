"""Projects and past usage as they are stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.model.job import Job
from launcher.model.project import Project, Usage
from launcher.model.states import JobState
from launcher.model.usage import HALF_LIFE_S
from launcher.store import Store, jobs, projects, usage


def test_a_project_that_nobody_set_up_has_no_limits(store: Store) -> None:
    with store.read() as tx:
        assert projects.get(tx, "vision") == Project("vision")
        assert projects.all(tx) == []


def test_a_project_is_kept_as_it_was_set_last(store: Store) -> None:
    vision = Project("vision", 2.0, gpus=16.0, running=10)
    with store.begin() as tx:
        projects.put(tx, Project("vision", gpus=8.0, queued=5))
        projects.put(tx, vision)
        projects.put(tx, Project("speech", cpus=0.5))
    with store.read() as tx:
        assert projects.get(tx, "vision") == vision
        assert [one.name for one in projects.all(tx)] == ["speech", "vision"]
    with store.begin() as tx:
        projects.remove(tx, "vision")
        assert [one.name for one in projects.all(tx)] == ["speech"]


def test_usage_is_added_at_the_moment_of_what_is_newer(store: Store) -> None:
    with store.begin() as tx:
        usage.add(tx, Usage("vision", "ada", 100.0, 10.0, at=HALF_LIFE_S))
        usage.add(tx, Usage("vision", "bob", 1.0, 1.0, at=5.0))
        usage.add(tx, Usage("vision", "ada", 100.0, 10.0, at=0.0))
        usage.add(tx, Usage("vision", "ada", 100.0, 10.0, at=2 * HALF_LIFE_S))
    with store.read() as tx:
        ada, bob = usage.all(tx)
    assert bob == Usage("vision", "bob", 1.0, 1.0, at=5.0)
    assert ada.at == 2 * HALF_LIFE_S
    assert (ada.gpu_s, ada.cpu_s) == pytest.approx((175.0, 17.5))


def test_only_what_waits_counts_to_the_queue(store: Store, job: Job) -> None:
    with store.begin() as tx:
        for number, state in enumerate(JobState):
            jobs.insert(tx, replace(job, id=f"a-{number}", state=state, project="vision"), None)
    with store.read() as tx:
        assert projects.queued(tx, "vision") == 2  # QUEUED and HELD
        assert projects.queued(tx, "nobody") == 0
        assert projects.queued_of_all(tx) == {"vision": 2, job.project: 1}

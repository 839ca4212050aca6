from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table

from launcher.errors import ConflictError
from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import (
    Allocation,
    AllocationState,
    Attempt,
    Event,
    Job,
    Policy,
    RankExit,
    Resources,
    Verdict,
)
from launcher.model.states import JobState
from launcher.names import new_job_id
from launcher.store import Store, jobs, tables

MakeJob = Callable[..., Job]
NODES = [("node-a", 1), ("node-b", 1)]


def placed(job: Job, now: float = 200.0) -> Job:
    return lifecycle.place(job, "local", NODES, now, resume=(7, 40)).job


def ended(job: Job, now: float = 300.0) -> Job:
    """The job after both nodes' ranks failed."""
    exits = (RankExit(0, 1, tail="Traceback\x00"), RankExit(1, -9, stopped=True))
    verdict = Verdict(Ending.PROGRAM_FAILED, "rank 0 exited with 1", 0, exits, began=True)
    job = lifecycle.give_verdict(job, 1, verdict).job
    for index in range(2):
        job = lifecycle.close_slot(job, 1, index, now, proof="its agent left").job
    return job


def test_a_job_is_read_as_it_was_stored(store: Store, job: Job) -> None:
    with store.read() as tx:
        assert jobs.get(tx, job.id) == job
        assert jobs.get(tx, "other-aaaaaa") is None


@pytest.mark.parametrize(
    ("cls", "table", "elsewhere"),
    [
        (Job, tables.jobs, {"allocation", "attempt"}),
        (Allocation, tables.allocations, set()),
        (Attempt, tables.attempts, set()),
        (Event, tables.events, set()),
    ],
)
def test_every_field_has_its_column(cls: type[Any], table: Table, elsewhere: set[str]) -> None:
    assert {field.name for field in fields(cls)} - elsewhere <= set(table.c.keys())


def test_a_job_is_found_by_its_idempotency_key(store: Store, job: Job) -> None:
    with store.read() as tx:
        assert jobs.by_keys(tx, ["its key", "another key"]) == {"its key": job.id}


def test_a_key_submits_one_job_only(store: Store, job: Job, make_job: MakeJob) -> None:
    with pytest.raises(ConflictError, match="already submitted"), store.begin() as tx:
        jobs.insert(tx, make_job(id="digits-bbbbbb"), "its key")
    with store.begin() as tx:
        jobs.insert(tx, make_job(id="digits-cccccc"), None)
        jobs.insert(tx, make_job(id="digits-dddddd"), None)


def test_every_stage_of_a_life_is_read_as_it_was_saved(store: Store, job: Job) -> None:
    stages = [placed(job)]
    stages.append(lifecycle.stop(stages[0], Ending.PREEMPTED, 250.0).job)
    stages.append(ended(stages[0]))
    for stage in stages:
        with store.begin() as tx:
            current = jobs.get(tx, job.id)
            assert current is not None
            saved = jobs.save(tx, replace(stage, revision=current.revision))
        with store.read() as tx:
            assert jobs.get(tx, job.id) == saved


def test_saving_what_was_saved_since_is_refused_and_changes_nothing(store: Store, job: Job) -> None:
    with store.begin() as tx:
        newer = jobs.save(tx, replace(job, reason="newer"))
    with pytest.raises(jobs.StaleWriteError), store.begin() as tx:
        jobs.save(tx, replace(placed(job), reason="stale"))
    with store.read() as tx:
        assert jobs.get(tx, job.id) == newer
        assert jobs.attempts(tx, job.id) == []


def test_attempts_and_allocations_of_the_past_are_kept_in_order(store: Store, job: Job) -> None:
    first = ended(placed(job))
    second = placed(replace(first, revision=1), now=400.0)
    with store.begin() as tx:
        jobs.save(tx, first)
        saved = jobs.save(tx, second)
        assert [attempt.number for attempt in jobs.attempts(tx, job.id)] == [1, 2]
        assert jobs.attempts(tx, job.id)[0] == first.attempt
        assert jobs.allocations(tx, job.id) == [first.allocation, second.allocation]
        assert jobs.get(tx, job.id) == saved


def test_allocations_are_unreleased_until_they_are_gone(store: Store, job: Job) -> None:
    with store.begin() as tx:
        saved = jobs.save(tx, placed(job))
        assert saved.allocation is not None
        assert jobs.unreleased(tx, "local") == [saved.allocation]
        assert jobs.unreleased(tx, "elsewhere") == []
        stopping = replace(saved.allocation, state=AllocationState.STOPPING)
        jobs.save_allocation(tx, stopping)
        assert jobs.unreleased(tx, "local") == [stopping]
        gone = replace(stopping, state=AllocationState.GONE)
        jobs.save_allocation(tx, gone)
        assert jobs.unreleased(tx, "local") == []
        assert jobs.allocation(tx, stopping.id) == gone


def test_saving_an_allocation_makes_its_job_as_read_before_stale(store: Store, job: Job) -> None:
    with store.begin() as tx:
        saved = jobs.save(tx, placed(job))
        assert saved.allocation is not None
        jobs.save_allocation(tx, replace(saved.allocation, state=AllocationState.GONE))
    with pytest.raises(jobs.StaleWriteError), store.begin() as tx:
        jobs.save(tx, saved)


@pytest.mark.parametrize("text", ["", "x", ".1", "digits-k3m9ap.", "digits-k3m9ap.9", "a.-1"])
def test_what_names_no_allocation_finds_none(store: Store, job: Job, text: str) -> None:
    with store.read() as tx:
        assert jobs.allocation(tx, text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("digits-k3m9ap", ["digits-k3m9ap"]),
        ("dig", ["digits-k3m9zz", "digits-k3m9ap", "my-job-digits"]),
        ("k3m9a", ["digits-k3m9ap"]),
        ("k3", ["digits-k3m9zz", "digits-k3m9ap"]),
        ("my-job", ["my-job-digits"]),
        ("gits", []),
        ("k_m9", []),
        ("%", []),
        ("", []),
    ],
)
def test_a_beginning_of_the_id_or_of_its_random_part_means_the_job(
    store: Store, job: Job, make_job: MakeJob, text: str, found: list[str]
) -> None:
    with store.begin() as tx:
        jobs.insert(tx, make_job(id="digits-k3m9zz", submitted_at=101.0), None)
        jobs.insert(tx, make_job(id="my-job-digits", submitted_at=50.0), None)
        assert jobs.match(tx, text) == found


def test_a_whole_id_is_never_ambiguous(store: Store, job: Job, make_job: MakeJob) -> None:
    with store.begin() as tx:
        jobs.insert(tx, make_job(id=f"{job.id}-aaaaaa"), None)
        assert jobs.match(tx, job.id) == [job.id]


def test_the_projects_of_any_number_of_jobs_are_found(store: Store, job: Job) -> None:
    wanted = [f"digits-{number}" for number in range(70_000)]  # more than a statement may name
    with store.read() as tx:
        assert jobs.projects_of(tx, [*wanted, job.id]) == {job.id: job.project}
        assert jobs.projects_of(tx, []) == {}


def test_at_most_ten_matches_are_told_newest_first(store: Store, make_job: MakeJob) -> None:
    with store.begin() as tx:
        for number in range(12):
            jobs.insert(tx, make_job(id=f"many-{number:06d}", submitted_at=float(number)), None)
        assert jobs.match(tx, "many") == [f"many-{number:06d}" for number in range(11, 1, -1)]


def test_summaries_are_newest_first_and_filtered(store: Store, make_job: MakeJob) -> None:
    with store.begin() as tx:
        for number, (state, project) in enumerate(
            [
                (JobState.SUCCEEDED, "vision"),
                (JobState.QUEUED, "vision"),
                (JobState.QUEUED, "speech"),
                (JobState.FAILED, "vision"),
            ]
        ):
            new = make_job(
                id=f"a-{number}", submitted_at=float(number), state=state, project=project
            )
            jobs.insert(tx, new, None)

        def listed(states: set[JobState] | None, project: str | None, limit: int = 9) -> list[str]:
            found = jobs.summaries(tx, states=states, project=project, limit=limit)
            return [job.id for job in found]

        assert listed(None, None) == ["a-3", "a-2", "a-1", "a-0"]
        assert listed(None, None, limit=2) == ["a-3", "a-2"]
        jobs.insert(tx, make_job(id="b-4", submitted_at=-1.0, user="bob"), None)
        for find in (jobs.summaries, jobs.newest_heads):
            his = find(tx, states=None, project=None, limit=9, user="bob")
            assert [job.id for job in his] == ["b-4"]
            behind = find(tx, states=None, project=None, limit=2, after=(2.0, "a-2"))
            assert [job.id for job in behind] == ["a-1", "a-0"]
        assert listed({JobState.QUEUED, JobState.FAILED}, "vision") == ["a-3", "a-1"]
        assert listed(set(), None) == []


def test_all_states_that_are_no_ends_are_active(store: Store, make_job: MakeJob) -> None:
    with store.begin() as tx:
        for number, state in enumerate(JobState):
            new = make_job(id=f"a-{number}", submitted_at=-float(number), state=state)
            jobs.insert(tx, new, None)
        active = list(jobs.active(tx))
    assert {job.state for job in active} == {s for s in JobState if not s.is_terminal}
    assert [job.submitted_at for job in active] == sorted(job.submitted_at for job in active)


@given(reason=st.text(), spec=st.dictionaries(st.text(), st.floats(allow_nan=False) | st.text()))
def test_any_text_of_a_user_survives(
    shared_store: Store, reason: str, spec: dict[str, str]
) -> None:
    job = Job(
        id=new_job_id("any"),
        name="any",
        project="default",
        priority=0,
        cluster="any",
        spec=spec,
        code="",
        resources=Resources(1),
        policy=Policy(),
        submitted_at=0.0,
        reason=reason,
    )
    with shared_store.begin() as tx:
        jobs.insert(tx, job, None)
        found = jobs.get(tx, job.id)
    assert found is not None
    assert found.spec == spec
    assert found.reason == reason.replace("\0", "\ufffd")

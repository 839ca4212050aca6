"""Which blobs rows name is asked by digest, and answered as a look at all manifests would."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from launcher.model.checkpoint import FileEntry, Manifest, Watched
from launcher.model.job import Job, Policy, Resources
from launcher.model.outputs import OutputLimits, OutputReport
from launcher.model.states import JobState
from launcher.store import (
    Store,
    checkpoints,
    jobs,
    named,
    outputs,
    removal,
    retention,
    tables,
    watched,
)
from launcher.store.rows import from_row


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def manifest(step: int, *contents: str, **fields: Any) -> Manifest:
    files = tuple(FileEntry(f"of {one}", 1, digest(one)) for one in contents)
    return Manifest(fields.pop("attempt", 1), step, files, **fields)


def those(tx: Connection, *contents: str) -> set[str]:
    """Of these contents, what is named."""
    found = named.among(tx, map(digest, contents))
    return {one for one in contents if digest(one) in found}


def test_kept_checkpoints_and_parts_name_their_files_and_pruned_ones_do_not(
    store: Store, job: Job
) -> None:
    with store.begin() as tx:
        for step in (1, 2):
            checkpoints.commit(tx, job.id, manifest(step, f"a{step}", "same"), 1.0)
        part = manifest(3, "part", sharded=True, rank=0)
        checkpoints.add_part(tx, job.id, part, 2, 1.0)
        assert those(tx, "a1", "a2", "same", "part", "other") == {"a1", "a2", "same", "part"}
        checkpoints.prune(tx, job.id, 1)
        assert those(tx, "a1", "a2", "same", "part") == {"a2", "same", "part"}
        retention.give_up_checkpoints(tx, job.id, None, also_last=True)
        assert those(tx, "a1", "a2", "same", "part") == {"part"}


def test_parts_of_an_attempt_that_is_over_name_nothing_after_the_next_commit(
    store: Store, job: Job
) -> None:
    with store.begin() as tx:
        dead = manifest(1, "dead", "both", sharded=True, rank=0)
        checkpoints.add_part(tx, job.id, dead, 2, 1.0)
        checkpoints.commit(tx, job.id, manifest(1, "whole", "both", attempt=2), 1.0)
        assert those(tx, "dead", "both", "whole") == {"both", "whole"}


def test_what_two_jobs_name_stays_named_until_both_gave_it_up(
    store: Store, job: Job, make_job: Callable[..., Job]
) -> None:
    other = make_job(id="other-aaaaaa")
    with store.begin() as tx:
        jobs.insert(tx, other, None)
        for one in (job, other):
            checkpoints.commit(tx, one.id, manifest(1, "model"), 1.0)
            assert those(tx, "model") == {"model"}
        checkpoints.commit(tx, job.id, manifest(2, "next"), 1.0)
        checkpoints.prune(tx, job.id, 1)
        assert those(tx, "model") == {"model"}
        assert removal.blobs_of(tx, [job.id]) == {digest("next")}
        removal.delete_rows(tx, [other.id])
        assert those(tx, "model", "next") == {"next"}


def test_outputs_are_named(store: Store, job: Job) -> None:
    report = OutputReport(1, 0, (FileEntry("curve.png", 1, digest("curve")),))
    with store.begin() as tx:
        outputs.store(tx, job.id, report, OutputLimits(), 1.0)
        assert those(tx, "curve") == {"curve"}
        assert removal.blobs_of(tx, [job.id]) == {digest("curve")}


def test_code_is_named_unless_retention_took_it_since_the_job_ended(
    store: Store, make_job: Callable[..., Job]
) -> None:
    one = make_job(code=digest("code"))
    with store.begin() as tx:
        jobs.insert(tx, one, None)
        assert those(tx, "code") == {"code"}
        one = jobs.save(tx, replace(one, state=JobState.FAILED, ended_at=5.0))
        retention.note(tx, one.id, "code", 1, 6.0)
        assert those(tx, "code") == set()
        jobs.save(tx, replace(one, state=JobState.QUEUED, ended_at=None))
        assert those(tx, "code") == {"code"}


def test_a_thousand_are_asked_for_at_once(store: Store, job: Job) -> None:
    contents = [str(number) for number in range(1200)]
    with store.begin() as tx:
        checkpoints.commit(tx, job.id, manifest(1, *contents[:1100]), 1.0)
        assert those(tx, *contents) == set(contents[:1100])
        checkpoints.commit(tx, job.id, manifest(2, *contents[600:]), 1.0)
        checkpoints.prune(tx, job.id, 1)
        assert those(tx, *contents) == set(contents[600:])


@pytest.mark.on_sqlite
def test_no_table_is_read_through_for_the_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit waits for it, with every job that ever was in these tables."""
    with store.read() as tx:
        asked: list[str] = []
        scalars = Connection.scalars

        def note(tx: Connection, query: Any) -> Any:
            asked.append(str(query.compile(tx, compile_kwargs={"literal_binds": True})))
            return scalars(tx, query)

        monkeypatch.setattr(Connection, "scalars", note)
        named.among(tx, [digest("a"), digest("b")])
        plans = [
            row.detail for one in asked for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}")
        ]
    read = [one for one in plans if one.startswith(("SCAN", "SEARCH"))]
    assert len(read) == 4
    assert [one for one in read if not one.startswith("SEARCH")] == []


SOME = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), SOME),
        st.tuples(st.just("part"), SOME, st.integers(0, 1)),
        st.tuples(st.just("watched"), SOME),
        st.tuples(st.just("prune"), st.integers(1, 2)),
        st.tuples(st.just("give up")),
        st.tuples(st.just("attempt")),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_the_rows_say_what_the_manifests_say_whatever_was_stored_and_given_up(
    shared_store: Store, steps: list[Any]
) -> None:
    with shared_store.begin() as tx:
        job_id = f"any-{len(list(jobs.active(tx)))}"
        job = Job(job_id, "any", "default", 0, "any", {}, "", Resources(1), Policy(), 0.0)
        jobs.insert(tx, job, None)
    attempt = 1
    for at, (what, *more) in enumerate(steps):
        with shared_store.begin() as tx:
            if what == "commit":
                saved = manifest(at, *more[0], attempt=attempt)
                checkpoints.commit(tx, job.id, saved, 1.0)
            elif what == "part":
                own = [f"{content}{more[1]}" for content in more[0]]
                part = manifest(at // 2, *own, attempt=attempt, sharded=True, rank=more[1])
                _add_part(tx, job.id, part)
            elif what == "watched":
                seen = manifest(at, *more[0], attempt=attempt, watched=Watched(0, 1))
                watched.commit(tx, job.id, seen, nodes=1, now=1.0)
            elif what == "prune":
                checkpoints.prune(tx, job.id, more[0])
            elif what == "give up":
                retention.give_up_checkpoints(tx, job.id, None, also_last=True)
            else:
                attempt += 1
    with shared_store.read() as tx:
        assert _rows(tx, job.id) == _in_manifests(tx, job.id)


def _add_part(tx: Connection, job_id: str, part: Manifest) -> None:
    known = select(tables.checkpoint_parts.c.job_id).where(
        tables.checkpoint_parts.c.job_id == job_id,
        tables.checkpoint_parts.c.attempt == part.attempt,
        tables.checkpoint_parts.c.step == part.step,
        tables.checkpoint_parts.c.rank == part.rank,
    )
    if tx.scalar(known) is None:  # other files at the same step are refused
        checkpoints.add_part(tx, job_id, part, 2, 1.0)


def _rows(tx: Connection, job_id: str) -> set[str]:
    rows = tables.named_blobs
    return set(tx.scalars(select(rows.c.sha256).where(rows.c.job_id == job_id)))


def _in_manifests(tx: Connection, job_id: str) -> set[str]:
    parts = tables.checkpoint_parts
    waiting = tx.scalars(select(parts.c.manifest).where(parts.c.job_id == job_id))
    manifests = [
        *(one.manifest for one in checkpoints.list_(tx, job_id)),
        *(from_row(Manifest, one) for one in waiting),
    ]
    return {file.sha256 for one in manifests for file in one.files}

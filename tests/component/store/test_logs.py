from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from launcher.errors import DiskFullError, SpecError
from launcher.model.gaps import StoredLog
from launcher.model.job import Job, Policy, Resources
from launcher.store import Store, jobs

STRETCHES = st.lists(st.tuples(st.integers(-60, 3), st.integers(0, 120)), max_size=8)
"""Where each stretch begins, from the end of what is stored, and its size."""
_numbers = itertools.count()


def append(store: Store, job: Job, offset: int, data: bytes) -> int:
    with store.begin() as tx:
        return store.logs.append(tx, job.id, 1, 0, "out", offset, data)


def content(store: Store, job: Job) -> bytes:
    return store.logs.read(job.id, 1, 0, "out", 0, 10**9)


def file_of(store: Store, job: Job) -> Path:
    return store.logs._path(job.id, 1, 0, "out")


def test_bytes_are_appended_where_the_length_says(store: Store, job: Job) -> None:
    assert append(store, job, 0, b"one\n") == 4
    assert append(store, job, 4, b"two\n") == 8
    assert content(store, job) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("offset", "data", "after"),
    [
        (0, b"one\n", b"one\n"),  # all of it known
        (0, b"one\ntwo\n", b"one\ntwo\n"),  # the beginning known
        (2, b"e\ntwo\n", b"one\ntwo\n"),  # overlaps the tail
        (5, b"wo\n", b"one\n"),  # bytes before it are missing
        (4, b"", b"one\n"),
        (0, b"", b"one\n"),  # asks for the length
        (-3, b"xxxone\ntwo\n", b"one\n"),
    ],
)
def test_only_what_follows_is_appended(
    store: Store, job: Job, offset: int, data: bytes, after: bytes
) -> None:
    append(store, job, 0, b"one\n")
    assert append(store, job, offset, data) == len(after)
    assert content(store, job) == after


@given(source=st.binary(min_size=1, max_size=300), data=st.data())
def test_stretches_doubled_reordered_and_overlapping_give_the_source(
    shared_store: Store, source: bytes, data: st.DataObject
) -> None:
    job_id = f"any-{next(_numbers)}"
    with shared_store.begin() as tx:
        jobs.insert(tx, _named(job_id), None)
    length = 0
    for from_end, size in [*data.draw(STRETCHES), (-len(source), len(source))]:
        start = max(length + from_end, 0)
        end = min(start + size, len(source))
        with shared_store.begin() as tx:
            after = shared_store.logs.append(tx, job_id, 1, 0, "out", start, source[start:end])
        assert after == (max(length, end) if start <= length else length)
        length = after
        assert shared_store.logs.read(job_id, 1, 0, "out", 0, 10**6) == source[:length]
    assert length == len(source)


def _named(job_id: str) -> Job:
    return Job(job_id, "any", "default", 0, "any", {}, "", Resources(1), Policy(), 0.0)


def test_reading_takes_a_window(store: Store, job: Job) -> None:
    append(store, job, 0, b"0123456789")
    assert store.logs.read(job.id, 1, 0, "out", 3, 4) == b"3456"
    assert store.logs.read(job.id, 1, 0, "out", 8, 100) == b"89"
    assert store.logs.read(job.id, 1, 0, "out", 10, 100) == b""
    assert store.logs.read(job.id, 2, 0, "out", 0, 100) == b""


def test_streams_are_listed_with_their_lengths(store: Store, job: Job) -> None:
    with store.begin() as tx:
        for attempt, rank, stream, data in [
            (2, 0, "out", b"x"),
            (1, 1, "out", b"yy"),
            (1, 0, "err", b""),
        ]:
            store.logs.append(tx, job.id, attempt, rank, stream, 0, data)
        assert store.logs.streams(tx, job.id) == [
            (1, 0, "err", 0, ()),
            (1, 1, "out", 2, ()),
            (2, 0, "out", 1, ()),
        ]
        assert store.logs.streams(tx, "other-aaaaaa") == []


def test_bytes_whose_transaction_failed_are_overwritten(store: Store, job: Job) -> None:
    append(store, job, 0, b"one\n")

    def fail_after_writing() -> None:
        with store.begin() as tx:
            store.logs.append(tx, job.id, 1, 0, "out", 4, b"never committed, and long\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_writing()
    assert append(store, job, 4, b"two\n") == 8
    assert content(store, job) == b"one\ntwo\n"


def test_after_a_power_cut_the_length_is_what_the_file_holds(store: Store, job: Job) -> None:
    append(store, job, 0, b"one\ntwo\n")
    os.truncate(file_of(store, job), 5)
    with store.read() as tx:
        assert store.logs.streams(tx, job.id) == [(1, 0, "out", 5, ())]
    assert append(store, job, 8, b"three\n") == 5
    assert append(store, job, 4, b"two\nthree\n") == 14
    assert content(store, job) == b"one\ntwo\nthree\n"


def test_a_full_disk_is_told_and_the_stream_stays(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, job, 0, b"one\n")
    write = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if offset == 4:
            return write(descriptor, data[:2], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", half)
        with pytest.raises(DiskFullError, match="no space left for the log of digits-k3m9ap"):
            append(store, job, 4, b"two\n")
    with store.read() as tx:
        assert store.logs.streams(tx, job.id) == [(1, 0, "out", 4, ())]
    assert append(store, job, 4, b"two\n") == 8
    assert content(store, job) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("job_id", "stream"),
    [("../etc", "out"), ("a/b", "out"), ("", "out"), ("a", "../x"), ("a", "x/y"), ("a", "")],
)
def test_no_name_leaves_the_folder(store: Store, job_id: str, stream: str) -> None:
    with pytest.raises(SpecError, match="no log"):
        store.logs.read(job_id, 1, 0, stream, 0, 1)
    with pytest.raises(SpecError, match="no log"), store.begin() as tx:
        store.logs.append(tx, job_id, 1, 0, stream, 0, b"x")


def last_lines(data: bytes, lines: int) -> bytes:
    """What `tail -n` prints."""
    return b"".join(data.splitlines(keepends=True)[-lines:])


@given(
    data=st.lists(st.sampled_from([b"\n", b"a", b"bc\n"]), max_size=20).map(b"".join),
    lines=st.integers(1, 25),
    block=st.integers(1, 7),
)
def test_the_tail_begins_where_tail_would_begin(
    shared_store: Store, data: bytes, lines: int, block: int
) -> None:
    job_id = f"tail-{next(_numbers)}"
    with shared_store.begin() as tx:
        jobs.insert(tx, _named(job_id), None)
        shared_store.logs.append(tx, job_id, 1, 0, "out", 0, data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("launcher.store.logs._BLOCK", block)
        log = StoredLog(1, 0, "out", len(data))
        offset = shared_store.logs.tail_offset(job_id, log, lines)
    assert data[offset:] == last_lines(data, lines)


@pytest.mark.parametrize(("lines", "offset"), [(0, 8), (-1, 8), (1, 4), (2, 0), (99, 0)])
def test_a_tail_of_more_or_no_lines(store: Store, job: Job, lines: int, offset: int) -> None:
    append(store, job, 0, b"one\ntwo\n")
    assert store.logs.tail_offset(job.id, StoredLog(1, 0, "out", 8), lines) == offset
    assert store.logs.tail_offset(job.id, StoredLog(9, 0, "out", 8), lines) == 0


def test_logs_of_jobs_nobody_knows_are_refused_by_the_database(
    store: Store, make_job: Callable[..., Job]
) -> None:
    with pytest.raises(IntegrityError):
        append(store, make_job(id="other-aaaaaa"), 0, b"x")

"""Logs of which something is missing: given up over the limit, or never had."""

from __future__ import annotations

import pytest

from launcher.model.gaps import StoredLog
from launcher.model.job import Job
from launcher.store import Store

MOST = 64 * 1024
LINES = [b"line %08d\n" % number for number in range(30_000)]


def append(store: Store, job: Job, data: bytes, offset: int) -> int:
    with store.begin() as tx:
        length = store.logs.append(tx, job.id, 1, 0, "log", offset, data)
        cut = store.logs.plan_cut(tx, job.id, 1, 0, "log", MOST)
    if cut is not None:
        cut.carry_out()
    return length


def skip(store: Store, job: Job, offset: int, count: int) -> tuple[int, int, int]:
    with store.begin() as tx:
        done = store.logs.skip(tx, job.id, 1, 0, "log", offset, count, "nobody has them")
    return done.length, done.before, done.after


def log_of(store: Store, job: Job) -> StoredLog:
    with store.read() as tx:
        (found,) = store.logs.streams(tx, job.id)
    return found


def kept(store: Store, job: Job) -> bytes:
    """The log as people read it."""
    log, parts, offset = log_of(store, job), [], 0
    while offset < log.length:
        offset, count = log.kept_from(offset)
        parts.append(store.logs.read(job.id, 1, 0, "log", offset, count))
        offset += count
    return b"".join(parts)


def test_a_log_over_its_limit_keeps_whole_first_and_newest_lines_and_one_that_tells(
    store: Store, job: Job
) -> None:
    offset = 0
    for start in range(0, len(LINES), 1000):
        offset = append(store, job, b"".join(LINES[start : start + 1000]), offset)
    assert offset == sum(map(len, LINES))  # the sender's offsets go on as if all were here
    lines = kept(store, job).splitlines(keepends=True)
    (told,) = set(lines) - set(LINES)
    at = lines.index(told)
    assert lines[:at] == LINES[:at]
    assert lines[at + 1 :] == LINES[-(len(lines) - at - 1) :]
    assert 900 < at < 1300
    assert sum(map(len, lines)) < MOST * 9 / 8 + 200
    assert told.startswith(b"[launcher: ")
    assert b"KiB are missing here: of each rank's output the server keeps 64 KiB]" in told


def test_what_is_missing_takes_no_disk(store: Store, job: Job) -> None:
    append(store, job, b"".join(LINES), 0)
    path = store.logs._path(job.id, 1, 0, "log")
    if path.stat().st_blocks * 512 > 3 * MOST:
        pytest.skip("this file system has no holes")
    assert path.stat().st_size > 5 * MOST


def test_bytes_that_nobody_has_are_told_and_the_log_goes_on_behind_them(
    store: Store, job: Job
) -> None:
    append(store, job, b"one\ntw", 0)
    assert skip(store, job, 6, 1000) == (1006, 0, 1000 - len(TOLD))
    assert append(store, job, b"last\n", 1006) == 1011
    assert kept(store, job) == b"one\ntw" + TOLD + b"last\n"
    assert skip(store, job, 6, 1000)[0] == 1011  # again: nothing is missing twice
    assert skip(store, job, 2000, 10)[0] == 1011  # bytes before it may still come


TOLD = b"\n[launcher: 1000 B are missing here: nobody has them]\n"


def test_a_gap_too_small_for_its_line_is_dots(store: Store, job: Job) -> None:
    append(store, job, b"one\n", 0)
    skip(store, job, 4, 5)
    assert kept(store, job) == b"one\n....\n"


@pytest.mark.parametrize("lines", [1, 3, 100])
def test_the_tail_of_a_log_with_a_gap_reads_no_hole(store: Store, job: Job, lines: int) -> None:
    append(store, job, b"one\ntwo\n", 0)
    skip(store, job, 8, 2**33)
    append(store, job, b"three\nfour\n", 8 + 2**33)
    log = log_of(store, job)
    offset, count = log.kept_from(store.logs.tail_offset(job.id, log, lines))
    whole = kept(store, job).splitlines(keepends=True)
    if lines < 4:
        assert store.logs.read(job.id, 1, 0, "log", offset, count) == b"".join(whole[-lines:])
    else:
        assert offset == 0


def test_a_power_cut_within_a_gap_leaves_a_log_that_goes_on(store: Store, job: Job) -> None:
    append(store, job, b"one\n", 0)
    skip(store, job, 4, 1000)
    with store.logs._path(job.id, 1, 0, "log").open("r+b") as file:
        file.truncate(500)
    assert log_of(store, job).length == 500
    assert append(store, job, b"x\n", 500) == 502
    assert kept(store, job) == b"one\nx\n"


def test_a_log_without_lines_is_cut_where_its_limit_says(store: Store, job: Job) -> None:
    append(store, job, b"x" * 5 * MOST, 0)
    (gap,) = log_of(store, job).gaps
    assert gap.start == MOST // 4
    whole = kept(store, job)
    assert whole.count(b"x") == MOST // 4 + MOST * 3 // 4
    assert b"\n[launcher: 256 KiB are missing here" in whole

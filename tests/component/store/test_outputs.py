"""Of each path on a node the newest attempt's file is kept, as far as the server has room."""

from __future__ import annotations

import hashlib

import pytest

from launcher.errors import SpecError
from launcher.model.checkpoint import FileEntry
from launcher.model.job import Job
from launcher.model.outputs import OutputLimits, OutputReport
from launcher.store import Store, named, outputs

WIDE = OutputLimits()


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def report(files: dict[str, str], attempt: int = 1, rank: int = 0) -> OutputReport:
    entries = (FileEntry(path, len(text), digest(text), 0o600) for path, text in files.items())
    return OutputReport(attempt, rank, tuple(entries))


def keep(
    store: Store, job: Job, one: OutputReport, limits: OutputLimits = WIDE, now: float = 7.0
) -> outputs.Replaced:
    with store.begin() as tx:
        return outputs.store(tx, job.id, one, limits, now)


def kept(store: Store, job: Job) -> dict[tuple[int, str], tuple[int, str]]:
    with store.read() as tx:
        return {
            (one.rank, one.path): (one.attempt, one.sha256) for one in outputs.list_(tx, job.id)
        }


def test_outputs_are_read_as_they_were_given(store: Store, job: Job) -> None:
    assert keep(store, job, report({"b": "bb", "a": "x"})).is_news
    with store.read() as tx:
        first, second = outputs.list_(tx, job.id)
        assert first == outputs.get(tx, job.id, 0, "a")
        assert outputs.get(tx, job.id, 1, "a") is None
        assert outputs.total(tx, job.id) == (2, 3)
        assert outputs.total(tx, "other-aaaaaa") == (0, 0)
    assert (first.path, first.size, first.mode, first.collected_at) == ("a", 1, 0o600, 7.0)
    assert second.sha256 == digest("bb")


def test_the_same_report_again_is_no_news(store: Store, job: Job) -> None:
    keep(store, job, report({"a": "x"}))
    again = keep(store, job, report({"a": "x"}), now=9.0)
    assert (again.is_news, again.digests) == (False, frozenset())


def test_a_newer_attempt_replaces_its_paths_and_leaves_the_others(store: Store, job: Job) -> None:
    keep(store, job, report({"a": "old", "b": "old b", "c": "same"}))
    done = keep(store, job, report({"a": "new", "c": "same"}, attempt=2))
    assert kept(store, job) == {
        (0, "a"): (2, digest("new")),
        (0, "b"): (1, digest("old b")),
        (0, "c"): (2, digest("same")),
    }
    assert done.digests == {digest("old")}


def test_nodes_keep_files_of_the_same_name_apart(store: Store, job: Job) -> None:
    keep(store, job, report({"a": "x"}))
    assert keep(store, job, report({"a": "y"}, rank=4)).digests == frozenset()
    assert kept(store, job) == {(0, "a"): (1, digest("x")), (4, "a"): (1, digest("y"))}


def test_files_of_earlier_attempts_make_room_the_oldest_first(store: Store, job: Job) -> None:
    limits = OutputLimits(files=3, size_bytes=100)
    keep(store, job, report({"a": "1"}, attempt=1), limits)
    keep(store, job, report({"b": "2", "c": "3"}, attempt=2), limits)
    done = keep(store, job, report({"d": "4", "e": "5"}, attempt=3), limits)
    assert done.given_up == 2
    assert done.digests == {digest("1"), digest("2")}
    assert {path for _, path in kept(store, job)} == {"c", "d", "e"}


@pytest.mark.parametrize("limits", [OutputLimits(1, 100), OutputLimits(9, 3)])
def test_what_has_no_room_even_so_is_refused_and_changes_nothing(
    store: Store, job: Job, limits: OutputLimits
) -> None:
    keep(store, job, report({"a": "x"}), limits)
    with pytest.raises(SpecError, match="are too many: the server keeps"):
        keep(store, job, report({"b": "yy", "c": "zz"}, attempt=2), limits)
    assert kept(store, job) == {(0, "a"): (1, digest("x"))}


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ""])
def test_a_path_that_leaves_its_folder_is_refused(store: Store, job: Job, path: str) -> None:
    with pytest.raises(SpecError, match="leaves its folder"):
        keep(store, job, report({path: "x"}))


def test_a_path_named_twice_is_refused(store: Store, job: Job) -> None:
    files = report({"a": "x"}).files
    with pytest.raises(SpecError, match="named twice"):
        keep(store, job, OutputReport(1, 0, files * 2))


def test_blobs_that_are_outputs_of_any_job_are_known(store: Store, job: Job) -> None:
    keep(store, job, report({f"f{number}": str(number) for number in range(1200)}))
    asked = [digest(str(number)) for number in range(1100, 1300)]
    with store.read() as tx:
        assert named.among(tx, asked) == {digest(str(number)) for number in range(1100, 1200)}

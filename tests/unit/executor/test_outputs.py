"""What is collected of an ended attempt's folder, and that nothing outside of it ever is."""

import hashlib
import os
import threading

import pytest

from launcher.errors import ConflictError, UnreachableError
from launcher.executor.outputs import OutputCollector, find
from launcher.model import globs
from launcher.model.outputs import OutputLimits, OutputRule


@pytest.fixture
def work(folder):
    folder.work.mkdir()
    return folder.work


def write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", {"loss.png"}),
        ("**/*.png", {"loss.png", "plots/a.png", "plots/deep/b.png"}),
        ("plots", {"plots/a.png", "plots/deep/b.png", "plots/.hidden", "plots/.cache/c.png"}),
        ("plots/**", {"plots/a.png", "plots/deep/b.png", "plots/.hidden", "plots/.cache/c.png"}),
        ("plots/*", {"plots/a.png", "plots/deep/b.png"}),
        ("./plots//*.png", {"plots/a.png"}),
        ("plots/**/b.png", {"plots/deep/b.png"}),
        ("plots/.h*", {"plots/.hidden"}),
        ("table[12].csv", {"table1.csv"}),
        ("nothing/*", set()),
        ("**/deep/**", {"plots/deep/b.png"}),
    ],
)
def test_a_pattern_means_what_it_means_in_a_shell(work, pattern, expected):
    write(work, "loss.png", "plots/a.png", "plots/deep/b.png", "plots/.hidden", "table1.csv")
    write(work, "plots/.cache/c.png", "train.py")
    found = find(work, [pattern])
    assert set(found) == expected
    assert found == {path: len(path) for path in expected}
    files = [path for path in work.rglob("*") if path.is_file()]
    everything = {path.relative_to(work).as_posix() for path in files}
    assert {path for path in everything if globs.matches(pattern, path)} == expected


def test_no_link_leads_out_of_the_folder(work, tmp_path):
    outside = tmp_path / "outside"
    write(outside, "secret.png", "more/secret.png")
    write(work, "plots/a.png")
    (work / "file.png").symlink_to(outside / "secret.png")
    (work / "folder").symlink_to(outside)
    (work / "up").symlink_to("..")
    (work / "plots" / "latest.png").symlink_to("a.png")
    (work / "plots" / "gone.png").symlink_to("nothing")
    (work / "loop").symlink_to("plots")
    assert set(find(work, ["**/*.png", "folder", "up/**", "folder/*", "loop/*"])) == {
        "plots/a.png",
        "plots/latest.png",
    }


def test_what_is_no_file_is_passed_over(work):
    os.mkfifo(work / "pipe")
    write(work, "a")
    assert set(find(work, ["*"])) == {"a"}


class FilesOfAServer:
    """The server's side, beside what FakeUplink has."""

    def __init__(self, uplink):
        self.uplink, self.reports, self.meanwhile = uplink, [], []

    def give_outputs(self, report):
        if self.meanwhile:
            self.meanwhile.pop()()
        self.uplink._ask(lambda: self.reports.append(report))

    def close(self):
        pass

    def __getattr__(self, name):
        return getattr(self.uplink, name)


@pytest.fixture
def server(uplink):
    return FilesOfAServer(uplink)


@pytest.fixture
def collect(folder, server, monkeypatch):
    """Collects an attempt's outputs; gives what was noted."""
    monkeypatch.setattr("launcher.executor.outputs._RETRY_S", 0.001)

    def collect(*paths, limits=None, rank=0, attempt=1):
        notes, over = [], threading.Event()
        OutputCollector(
            folder,
            OutputRule(paths) if paths else None,
            rank=rank,
            limits=limits or OutputLimits(),
            connect=lambda: server,
            note=notes.append,
        ).collect(attempt, over.set)
        assert over.wait(20)
        return notes

    return collect


def test_the_files_are_uploaded_once_and_reported_with_their_hashes(work, server, collect):
    write(work, "plots/a.png", "b.csv")
    (work / "again.csv").write_text("b.csv")
    (work / "b.csv").chmod(0o750)
    assert collect("plots", "*.csv", rank=2, attempt=3) == []
    (report,) = server.reports
    assert (report.attempt, report.rank) == (3, 2)
    entries = {entry.path: entry for entry in report.files}
    assert set(entries) == {"plots/a.png", "b.csv", "again.csv"}
    assert entries["b.csv"].sha256 == hashlib.sha256(b"b.csv").hexdigest()
    assert (entries["b.csv"].size, entries["b.csv"].mode) == (5, 0o750)
    assert len(server.uplink.blobs) == 2


def test_a_job_without_outputs_is_done_at_once(work, server, collect):
    write(work, "a.png")
    assert collect() == []
    assert server.reports == []


def test_a_pattern_that_nothing_matches_reports_nothing(work, server, collect):
    assert collect("*.png") == []
    assert server.reports == []


def test_a_server_that_does_not_answer_is_asked_again(work, server, collect):
    write(work, "a.png")
    server.uplink.fails = ["lost", "lost", "unanswered", "unanswered"]
    assert collect("*.png") == []
    assert {entry.path for entry in server.reports[-1].files} == {"a.png"}


def test_a_blob_that_went_meanwhile_is_sent_again(work, server, collect):
    write(work, "a.png")

    def blob_goes():
        server.uplink.blobs.clear()
        raise ConflictError("1 of the outputs were not uploaded")

    server.meanwhile = [blob_goes]
    assert collect("*.png") == []
    assert len(server.reports) == len(server.uplink.blobs) == 1


def test_a_refusal_is_told_and_the_attempt_ends_all_the_same(work, server, collect):
    write(work, "a.png")

    def refuse():
        raise ConflictError("attempt 1 is over")

    server.meanwhile = [refuse]
    assert collect("*.png") == ["outputs not collected: attempt 1 is over"]


def test_what_finds_no_room_is_told(work, server, collect):
    write(work, "a", "b", "c", "large" * 3)
    (note,) = collect("*", limits=OutputLimits(files=2, size_bytes=10))
    assert {entry.path for entry in server.reports[0].files} == {"a", "b"}
    assert note == (
        "2 outputs were not collected, 2 files with 2 B were: "
        "the server keeps 2 files and 10 B of a job"
    )


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_collected(
    work, server, collect, monkeypatch
):
    write(work, "a", "b")
    (work / os.fsdecode(b"\xff")).write_text("x")
    real = os.open

    def refuse(path, *more):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return real(path, *more)

    monkeypatch.setattr("launcher.executor.outputs.os.open", refuse)
    (note,) = collect("*")
    assert note == "outputs that cannot be read: a (Permission denied) and 1 more"
    assert {entry.path for entry in server.reports[0].files} == {"b"}


def test_closing_ends_the_waiting_for_a_server(folder, work, monkeypatch):
    write(work, "a")
    asked, over, notes = threading.Event(), threading.Event(), []

    class Away:
        def missing(self, _):
            asked.set()
            raise UnreachableError("no answer")

        def close(self):
            pass

    collector = OutputCollector(
        folder, OutputRule(("*",)), rank=0, limits=OutputLimits(), connect=Away, note=notes.append
    )
    collector.collect(1, over.set)
    assert asked.wait(20)
    collector.close()
    assert over.wait(20)
    assert notes == ["outputs not collected: no answer"]

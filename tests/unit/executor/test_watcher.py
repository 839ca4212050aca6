"""The watching thread: copies what is complete, dates it, and waits for the points before it."""

import json
import os
import threading

import pytest

from launcher.errors import UnreachableError
from launcher.executor import watcher as watcher_
from launcher.executor import watchfiles
from launcher.executor.journal import RECENT, Journal
from launcher.executor.saving import Saver
from launcher.executor.shipping import Shipper
from launcher.executor.watcher import Watcher, Watching
from launcher.executor.watching import End
from launcher.model.checkpoint import FileEntry, Manifest, Watched


@pytest.fixture
def notes():
    return []


class Node:
    """A watcher whose looks and hand-overs the test makes, in place of its thread."""

    def __init__(self, folder, uplink, notes):
        self.folder, self.uplink, self.notes = folder, uplink, notes
        folder.work.mkdir()
        self.spool = folder.spool(1, 0)
        self.now, self.sound, self.commits = 100.0, True, []
        self.make()

    def make(self, *patterns, node=0, nodes=1, per_node=False, put_back=None):
        journal = Journal()
        self.saver = Saver(self.folder, self.notes.append, lambda *what: self.commits.append(what))
        self.shipper = Shipper(self.folder, self.saver.add, journal.take)
        rule = Watching(
            patterns or ("*.pt", "runs"), per_node, node, nodes, lambda: self.sound, lambda *_: None
        )
        self.watcher = Watcher(
            self.folder,
            rule,
            journal,
            self.shipper,
            self.saver,
            note=self.notes.append,
            clock=lambda: self.now,
        )
        self.watcher.begin(1, put_back)
        self.run()
        return self

    def run(self):
        """What its thread would do now."""
        while not self.watcher._deeds.empty():
            self.watcher._deeds.get()()
        self.watcher._turn()

    def write(self, path, content=b"weights", at=1000.0):
        file = self.folder.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (at, at))

    def report(self, step, at, **values):
        with self.spool.open("a") as spool:
            record = {"t": at, "k": "m", "step": step, "m": values}
            spool.write(json.dumps(record) + "\n")

    def ship(self):
        while self.shipper.ship(self.uplink):
            pass

    def rest(self, looks=3):
        for _ in range(looks):
            self.now += 1.1
            self.run()

    def commit(self):
        self.ship()
        self.run()
        while not self.saver.is_done:
            self.saver.save_next(self.uplink)
        return self.uplink.committed[-1] if self.uplink.committed else None


@pytest.fixture
def node(folder, uplink, notes):
    return Node(folder, uplink, notes)


def test_a_file_that_rests_is_committed_from_a_copy(node):
    node.write("a.pt")
    node.rest()
    node.write("a.pt", b"the program goes on", at=1001.0)
    node.now += 100.0
    manifest = node.commit()
    assert [file.path for file in manifest.files] == ["a.pt"]
    assert node.uplink.blobs[manifest.files[0].sha256] == b"weights"
    assert (manifest.step, manifest.watched, manifest.files[0].modified) == (1, Watched(0, 1), 1000)
    assert node.commits == [(1, pytest.approx(102.2))]  # of when it was copied, not of when sent


def test_a_long_copy_keeps_no_later_save_from_being_seen(node, monkeypatch):
    def slow(*arguments):
        node.now += 60.0
        watchfiles.copy(*arguments)

    monkeypatch.setattr("launcher.executor.watcher.copy", slow)
    node.write("a.pt")
    node.rest()
    node.write("a.pt", b"later", at=1001.0)
    node.rest()
    assert [node.commit().step, len(node.commits)] == [2, 2]


def test_of_a_program_that_saves_every_second_and_a_half_most_saves_are_seen(node):
    for epoch in range(10):
        node.write(f"epoch-{epoch}.pt", at=1000.0 + epoch * 1.5)
        for _ in range(15):
            node.now += 0.1
            node.run()
    assert node.commit().watched.number >= 8


def test_steps_without_reports_are_counted_on_from_what_was_put_back(node):
    put_back = Manifest(1, 41, (), watched=Watched(0, 3))
    node.make(put_back=put_back).write("a.pt")
    node.rest()
    assert node.commit().step == 42


def test_a_file_is_dated_by_the_last_report_before_it_was_written(node):
    node.report(10, 990.0, val_loss=0.5, loss=0.9)
    node.report(20, 999.0, loss=0.8)
    node.report(30, 1005.0, loss=0.7, val_loss=0.1)
    node.write("a.pt")
    node.rest()
    manifest = node.commit()
    assert (manifest.step, manifest.metrics) == (20, {"val_loss": 0.5, "loss": 0.8})


def test_it_waits_for_the_points_that_were_reported_before(node):
    node.report(10, 990.0)
    node.write("a.pt")
    node.rest()
    assert node.saver.is_done
    node.uplink.fails = ["lost"]
    with pytest.raises(UnreachableError):
        node.ship()
    node.run()
    assert node.saver.is_done
    assert node.commit().step == 10


def test_while_the_server_is_away_the_newest_copy_waits_alone(node):
    node.report(10, 990.0)
    for number in (1, 2, 3):
        node.write("a.pt", b"%d" % number, at=1000.0 + number)
        node.rest()
    assert [p.name for p in node.folder.watched(1).iterdir()] == ["3"]
    manifest = node.commit()
    assert node.uplink.blobs[manifest.files[0].sha256] == b"3"
    assert len(node.uplink.committed) == 1


def test_a_file_that_changes_while_it_is_copied_is_copied_again(node, monkeypatch):
    node.write("a.pt")
    whole = watcher_.copy

    def disturbed(*arguments):
        whole(*arguments)
        node.write("a.pt", b"changed", at=1002.0)

    monkeypatch.setattr(watcher_, "copy", disturbed)
    node.rest(2)
    monkeypatch.setattr(watcher_, "copy", whole)
    assert not any(node.folder.watched(1).glob("*"))
    node.rest()
    manifest = node.commit()
    assert node.uplink.blobs[manifest.files[0].sha256] == b"changed"


def test_unchanged_files_of_a_folder_are_neither_copied_nor_sent_again(node):
    node.write("runs/1/big", b"big")
    node.rest()
    node.commit()
    first = node.folder.watched(1) / "1" / "runs" / "1" / "big"
    inode = first.stat().st_ino
    node.write("runs/2/big", b"next", at=1003.0)
    node.rest()
    manifest = node.commit()
    assert [file.path for file in manifest.files] == ["runs/1/big", "runs/2/big"]
    assert (node.folder.watched(1) / "2" / "runs" / "1" / "big").stat().st_ino == inode
    assert not first.exists()


def test_a_last_look_takes_what_was_written_just_before_a_good_end(node):
    node.write("a.pt")
    node.watcher.finish(1, End.WELL)
    assert not node.watcher.is_done(1)
    node.run()
    assert node.watcher.is_done(1)
    assert node.commit().files


def test_what_was_being_written_at_a_bad_end_is_told_and_not_taken(node, notes):
    node.sound = False
    node.write("a.pt")
    node.watcher.finish(1, End.BADLY)
    node.run()
    assert node.watcher.is_done(1)
    assert node.commit() is None
    assert notes == ["not saved: a.pt was written just before its writer died"]


def test_an_attempt_is_not_done_before_what_waits_was_handed_over(node):
    node.report(10, 990.0)
    node.write("a.pt")
    node.watcher.finish(1, End.WELL)
    node.run()
    assert not node.watcher.is_done(1)
    node.ship()
    node.run()
    assert node.watcher.is_done(1)


def test_an_attempt_that_was_given_up_before_it_began_is_done(node):
    node.watcher.finish(2, End.BADLY)
    node.run()
    assert node.watcher.is_done(2)
    node.watcher.begin(2, None)
    node.run()
    assert node.watcher.is_done(2)


def test_a_full_disk_is_told_once_and_leaves_no_copy(node, notes, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watcher_, "copy", full)
    node.write("a.pt")
    for _ in range(4):
        node.now += 1.1
        try:
            node.run()
        except OSError as error:
            node.watcher._tell(f"watched files not saved: {error}")
    assert notes == ["watched files not saved: [Errno 28] No space left on device"]


def test_a_second_node_sends_only_what_it_wrote_or_had_before(node):
    node.write("a.pt")
    node.write("b.pt")
    put_back = Manifest(
        1,
        5,
        (FileEntry("a.pt", 7, ""), FileEntry("b.pt", 7, "")),
        watched=Watched(0, 1, owners={"b.pt": 1}),
    )
    node.make(node=1, nodes=2, put_back=put_back)
    node.write("c.pt", at=1001.0)
    node.rest()
    assert [file.path for file in node.commit().files] == ["b.pt", "c.pt"]


def test_a_lower_nodes_files_are_not_sent_by_another(node, uplink):
    digest = uplink.put(b"of node 0")
    uplink.manifests[9] = Manifest(1, 1, (FileEntry("a.pt", 9, digest),), watched=Watched(0, 1))
    node.make(node=1, nodes=2)
    node.write("a.pt", b"of node 1")
    node.rest()
    assert node.commit() is None
    assert node.saver.is_done
    assert list(uplink.blobs) == [digest]


def test_its_thread_looks_by_itself_and_ends_when_it_is_closed(folder, notes):
    folder.work.mkdir()
    looked = threading.Event()

    def is_sound():
        looked.set()
        return True

    saver = Saver(folder, notes.append)
    rule = Watching(("*.pt",), False, 0, 1, is_sound, lambda _: None)
    watcher = Watcher(folder, rule, Journal(), Shipper(folder), saver, note=notes.append)
    watcher.start()
    watcher.begin(1, None)
    assert looked.wait(10.0)
    watcher.finish(1, End.WELL)
    watcher.close()
    assert watcher.is_done(1)


# --- the journal ---------------------------------------------------------------------------------


def reports(journal, rank, *points):
    for at, step, values in points:
        journal.take(1, rank, {"t": at, "k": "m", "step": step, "m": values})


def test_the_lowest_rank_that_reports_counts():
    journal = Journal()
    journal.begin(1)
    reports(journal, 1, (1.0, 5, {"loss": 0.5, "lr": 0.1}))
    reports(journal, 0, (1.5, 4, {"loss": 0.6}))
    assert journal.by(1.2).step == 5
    assert journal.by(2.0).step == 4
    assert journal.by(2.0).metrics == {"loss": 0.6, "lr": 0.1}


def test_what_is_no_number_or_of_another_attempt_says_nothing():
    journal = Journal()
    journal.begin(1)
    journal.take(2, 0, {"t": 1.0, "k": "m", "step": 9, "m": {}})
    journal.take(1, 0, {"k": "c", "t": 1.0, "step": 9, "path": "x"})
    reports(journal, 0, (1.0, 1, {"loss": float("nan")}))
    assert (journal.by(2.0).step, journal.by(2.0).metrics) == (1, {})


def test_of_very_many_reports_the_last_value_of_each_metric_is_kept():
    journal = Journal()
    journal.begin(1)
    reports(journal, 0, (0.0, 1, {"val_loss": 0.5}))
    reports(journal, 0, *((float(n), n, {"loss": 1.0 / n}) for n in range(1, RECENT + 10)))
    found = journal.by(RECENT)
    assert (found.step, found.metrics["val_loss"]) == (RECENT, 0.5)

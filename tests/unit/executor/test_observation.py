"""An attempt's output and event files are read exactly once, whoever is killed in between."""

import base64
import json
import re
import shutil
import signal
import struct
import threading
from pathlib import Path

import pytest

from launcher.executor import eventfiles, observed, searching
from launcher.executor.eventfiles import masked_crc
from launcher.executor.journal import Journal
from launcher.executor.leftovers import _observe_rest
from launcher.executor.observation import Observation, unfinished
from launcher.executor.observed import Observed
from launcher.executor.observer import Observer
from launcher.executor.searcher import Searcher
from launcher.executor.shipping import Shipper
from launcher.model.observing import Observing

SAMPLE = Path(__file__).parents[2] / "data" / "progress" / "keras3-bar.log"
BARS, BOARD = Observing(bars=True), Observing(tensorboard="logs")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def begin(folder, notes):
    def begin(rule, attempt=1):
        folder.attempt(attempt).mkdir(parents=True, exist_ok=True)
        folder.work.mkdir(exist_ok=True)
        made = Observation(folder, attempt, 0, notes.append)
        made.begin(rule)
        return made

    return begin


def records(folder, attempt=1):
    path = folder.observed(attempt, 0)
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def steps(folder, attempt=1):
    return [one["step"] for one in records(folder, attempt)]


def payloads(folder, attempt=1):
    return [base64.b64decode(one["d"]).decode() for one in records(folder, attempt)]


def event_record(payload):
    head = struct.pack("<Q", len(payload))
    return (
        head
        + struct.pack("<I", masked_crc(head))
        + payload
        + struct.pack("<I", masked_crc(payload))
    )


def event_file(folder, name="logs/train/events.out.tfevents.1.host"):
    path = folder.work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# --- progress bars --------------------------------------------------------------------------------


def test_a_bar_gives_points_while_it_is_drawn(folder, begin):
    mine, output = begin(BARS), SAMPLE.read_bytes()
    with folder.log(1, 0).open("wb", buffering=0) as log:
        for begun in range(0, len(output), 97):
            log.write(output[begun : begun + 97])
            mine.look()
    mine.close()
    assert steps(folder) == [1, 6, 7, 12, 12]
    assert records(folder)[0]["n"] == 12


@pytest.mark.parametrize("portion", [97, 700])
def test_an_agent_that_dies_after_every_look_neither_loses_nor_doubles_a_point(
    folder, begin, notes, portion
):
    begin(BARS)
    output = SAMPLE.read_bytes()
    for end in range(portion, len(output) + portion, portion):
        folder.log(1, 0).write_bytes(output[:end])
        Observation(folder, 1, 0, notes.append).look()
    (last,) = unfinished(folder, notes.append)
    last.close()
    assert steps(folder) == [1, 6, 7, 12, 12]
    assert unfinished(folder, notes.append) == []


@pytest.mark.parametrize("moment", ["before the state", "after the state", "in the lines"])
def test_whatever_moment_it_dies_at_records_count_once(folder, begin, notes, monkeypatch, moment):
    mine = begin(BARS)
    folder.log(1, 0).write_bytes(SAMPLE.read_bytes())
    before = folder.observing(1, 0).read_bytes()
    mine.look()
    whole = folder.observed(1, 0).read_bytes()
    if moment == "before the state":
        folder.observing(1, 0).write_bytes(before)
        folder.observed(1, 0).write_bytes(b"")
    elif moment == "after the state":
        folder.observed(1, 0).unlink()
    else:
        folder.observed(1, 0).write_bytes(whole[:55])
    again = Observation(folder, 1, 0, notes.append)
    again.close()
    assert steps(folder) == [1, 6, 7, 12, 12]


def test_what_a_program_reports_by_itself_is_not_guessed_from_its_output(folder, begin):
    folder.attempt(1).mkdir(exist_ok=True)
    folder.spool(1, 0).write_bytes(b'{"t":1.0,"k":"m","step":0,"m":{}}\n')
    mine = begin(BARS)
    folder.log(1, 0).write_bytes(SAMPLE.read_bytes())
    mine.close()
    assert records(folder) == []


def test_who_asks_for_bars_gets_them_beside_reports(folder, begin):
    folder.spool(1, 0).write_bytes(b'{"t":1.0,"k":"m","step":0,"m":{}}\n')
    mine = begin(Observing(bars=True, bars_beside_reports=True))
    folder.log(1, 0).write_bytes(SAMPLE.read_bytes())
    mine.close()
    assert steps(folder) == [1, 6, 7, 12, 12]


def test_output_that_was_given_up_is_passed_over(folder, begin):
    mine = begin(BARS)
    output = b"Epoch 1/2\n4/4 - loss: 2\n"
    with folder.log(1, 0).open("wb") as log:
        log.write(output)
        log.seek(1 << 20)
        log.write(b"4/4 - loss: 1\nEpoch 2/2\n4/4 - loss: 1\n")
    mine.close()
    assert steps(folder) == [4, 8]


def test_nothing_is_punched_that_was_not_read(folder, begin, uplink, monkeypatch):
    monkeypatch.setattr("launcher.executor.shipping._PUNCH_FROM", 4096)
    mine = begin(BARS)
    folder.log(1, 0).write_bytes(b"." * 100_000)
    shipper = Shipper(folder, read_up_to=lambda _: mine.kept_at)
    while shipper.ship(uplink):
        pass
    assert not any(stream.punched for stream in shipper._streams.values())


# --- patterns -------------------------------------------------------------------------------------


def test_patterns_are_searched_for_in_every_line(folder, begin):
    mine = begin(Observing(patterns={"loss": r"loss[=:] *(\S+)", "epoch": r"^epoch (\d+)"}))
    folder.log(1, 0).write_bytes(b"epoch 1\n loss: 0.5\r loss: 0.4\nepoch 2\nloss=nan")
    mine.close()
    found = [(one["step"], one["m"]["loss"]) for one in records(folder)]
    assert found[:2] == [(1, 0.5), (1, 0.4)]
    assert found[2][0] == 2
    assert found[2][1] != found[2][1]
    assert mine._searcher._process is None


def test_an_expression_that_takes_for_ever_is_given_up_and_the_others_go_on(monkeypatch):
    # Found at validation are only the worst: this one is of those that are not.
    patterns = {"bad": r"^(aa|a)*c(x)$", "loss": r"loss=(\S+)"}
    monkeypatch.setattr(searching, "LIMIT_S", 0.02)
    before = signal.signal(signal.SIGPROF, searching._give_up)
    try:
        compiled = {name: re.compile(text) for name, text in patterns.items()}
        found, slow = searching.search(compiled, ["a" * 80, "loss=1"])
    finally:
        signal.signal(signal.SIGPROF, before)
    assert (found, slow) == ([(1, {"loss": "1"})], ["bad"])


def test_a_searcher_that_dies_is_told_once_and_missed_by_nobody(notes):
    searcher = Searcher({"loss": r"loss=(\S+)"}, notes.append)
    assert searcher.search(["x", "loss=2"]) == [(1, {"loss": "2"})]
    searcher._process.kill()
    searcher._process.wait()
    assert searcher.search(["loss=3"]) == []
    assert searcher.search(["loss=4"]) == []
    assert len(notes) == 1


# --- event files ----------------------------------------------------------------------------------


def test_an_event_file_is_followed_while_it_grows_also_through_a_torn_record(folder, begin):
    mine, content = begin(BOARD), b"".join(event_record(b"record %d" % n) for n in range(5))
    path = event_file(folder)
    for end in range(0, len(content) + 13, 13):
        path.write_bytes(content[:end])
        mine.look()
    mine.close()
    assert payloads(folder) == [f"record {n}" for n in range(5)]
    assert records(folder)[0]["run"] == "train"


def test_bytes_that_a_network_file_system_shows_as_zeros_are_waited_for(folder, begin, notes):
    mine, one = begin(BOARD), event_record(b"one")
    event_file(folder).write_bytes(one + bytes(40))
    mine.look()
    assert payloads(folder) == ["one"]
    event_file(folder).write_bytes(one + event_record(b"two")[:-4] + bytes(4))
    mine.look()
    assert payloads(folder) == ["one"]
    event_file(folder).write_bytes(one + event_record(b"two"))
    mine.close()
    assert payloads(folder) == ["one", "two"]
    assert notes == []


def test_a_file_that_ends_within_a_record_is_told(folder, begin, notes):
    mine = begin(BOARD)
    event_file(folder).write_bytes(event_record(b"one") + b"torn")
    mine.close()
    assert notes == [
        "metrics: 4 bytes at the end of logs/train/events.out.tfevents.1.host are no whole record"
    ]


def test_pictures_are_passed_over(folder, begin):
    mine = begin(BOARD)
    picture = event_record(b"x" * (eventfiles.LARGEST + 1))
    event_file(folder).write_bytes(
        picture + event_record(b"one") + picture * 20 + event_record(b"2")
    )
    mine.close()
    assert payloads(folder) == ["one", "2"]


def test_files_of_an_earlier_attempt_and_of_the_package_are_not_read_again(folder, begin, notes):
    event_file(folder, "logs/events.out.tfevents.0.old").write_bytes(event_record(b"packaged"))
    begin(BOARD)  # its agent is killed before it looks
    event_file(folder).write_bytes(event_record(b"first"))
    for one in unfinished(folder, notes.append):
        one.close()
    second = begin(BOARD, attempt=2)
    event_file(folder, "logs/train/events.out.tfevents.2.host").write_bytes(event_record(b"second"))
    second.close()
    assert (payloads(folder, 1), payloads(folder, 2)) == (["first"], ["second"])


def test_runs_are_named_by_the_folders_below_the_one_that_is_meant(folder, begin):
    mine = begin(Observing(tensorboard="runs/*"))
    for path in (
        "runs/Nov22_host/events.out.tfevents.1.h",
        "runs/Nov22_host/val/events.out.tfevents.1.h",
    ):
        event_file(folder, path).write_bytes(event_record(b"x"))
    event_file(folder, "runs/Nov22_host/workertemp_1/events.out.tfevents.1.h").write_bytes(b"")
    event_file(folder, "runs/Nov22_host/notes.txt").write_text("x")
    mine.close()
    assert sorted(one["run"] for one in records(folder)) == [".", "val"]


def test_links_lead_nowhere(folder, begin, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "events.out.tfevents.1.h").write_bytes(event_record(b"secret"))
    mine = begin(BOARD)
    (folder.work / "logs").mkdir()
    (folder.work / "logs" / "there").symlink_to(outside)
    (folder.work / "logs" / "events.out.tfevents.2.h").symlink_to(
        outside / "events.out.tfevents.1.h"
    )
    mine.close()
    assert records(folder) == []


# --- the journal of records -----------------------------------------------------------------------


def test_records_are_shipped_as_a_spool_is(folder, begin, uplink):
    mine = begin(BARS)
    folder.log(1, 0).write_bytes(b"Epoch 1/1\n4/4 - loss: 2\n")
    mine.close()
    taken = []
    shipper = Shipper(folder, on_record=lambda *record: taken.append(record))
    while shipper.ship(uplink):
        pass
    assert bytes(uplink.streams["observed", 1, 0]) == folder.observed(1, 0).read_bytes()
    assert [(attempt, rank, record["step"]) for attempt, rank, record in taken] == [(1, 0, 4)]


def test_a_full_disk_costs_nothing_once_there_is_room(folder, begin, monkeypatch, notes):
    mine = begin(BARS)
    folder.log(1, 0).write_bytes(SAMPLE.read_bytes())

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(observed.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            mine.look()
    Observation(folder, 1, 0, notes.append).close()
    assert steps(folder) == [1, 6, 7, 12, 12]


def test_what_is_behind_the_state_never_was(folder):
    folder.attempt(1).mkdir(exist_ok=True)
    paths = folder.observed(1, 0), folder.observing(1, 0)
    Observed(*paths).add([{"a": 1}], {"at": 1})
    folder.observed(1, 0).write_bytes(b'{"a":1}\nrubbish')
    assert Observed(*paths).state == {"at": 1}
    assert folder.observed(1, 0).read_bytes() == b'{"a":1}\n'


def test_leftovers_are_read_by_whoever_ships_them(folder, begin):
    begin(BARS)
    folder.log(1, 0).write_bytes(b"Epoch 1/2\n4/4 - loss: 2\nEpoch 2/2\n4/4 - loss: 1")
    _observe_rest(folder, is_over=False)
    assert steps(folder) == [4]
    with folder.log(1, 0).open("ab") as log:
        log.write(b".5\n4/4 - loss: 1")  # the evaluation's line has no end: it may be torn
    for _ in range(2):
        _observe_rest(folder, is_over=True)
        assert [(one["step"], one["m"]) for one in records(folder)][1:] == [(8, {"loss": 1.5})]


def test_a_disk_without_room_keeps_no_attempt_from_starting(folder, notes, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(observed.os, "fsync", full)
    observer = Observer(folder, BARS, notes.append)
    observer.begin(1)
    assert observer.is_done(1)
    assert notes == [
        "metrics: neither output nor files are read: [Errno 28] No space left on device"
    ]


def test_a_model_saved_before_its_epochs_bar_was_finished_has_that_epochs_figures():
    journal = Journal()
    journal.begin(1)
    for epoch, (since, told_at) in enumerate([(10.0, 20.0), (20.5, 30.0)], start=1):
        record = {"t": told_at, "s": since, "k": "m", "step": 4 * epoch, "m": {"val_loss": epoch}}
        journal.take(1, 0, record)
    assert journal.by(29.9).metrics == {"val_loss": 2.0}
    assert journal.by(20.2).metrics == {"val_loss": 1.0}


def test_an_observer_finishes_when_the_ranks_have(folder, notes):
    folder.work.mkdir()
    done = threading.Event()
    observer = Observer(folder, BARS, notes.append, done.set)
    observer.begin(1)
    assert not observer.is_done(1)
    folder.log(1, 0).write_bytes(b"Epoch 1/1\n4/4 - loss: 2\n")
    observer.finish(1)
    assert done.wait(10)
    assert observer.is_done(1)
    assert observer.kept_at(folder.log(1, 0)) is None
    observer.begin(2)
    observer.close()
    assert observer.is_done(2)
    shutil.rmtree(folder.path)

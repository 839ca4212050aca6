"""What ranks leave is shipped exactly once, in pieces that continue what the server has."""

import json
import os

import pytest

from launcher.errors import UnreachableError
from launcher.executor import shipping
from launcher.executor.shipping import Shipper

POINT = json.dumps({"k": "m", "step": 1, "t": 1, "m": {"loss": 1.0}}).encode() + b"\n"
SAVED = json.dumps({"k": "c", "step": 7, "path": "step-7", "metrics": {"loss": 1}}).encode() + b"\n"


@pytest.fixture
def announced():
    return []


@pytest.fixture
def shipper(folder, announced):
    return Shipper(
        folder, lambda attempt, rank, saved: announced.append((attempt, rank, saved.step))
    )


def drain(shipper, uplink):
    while shipper.ship(uplink):
        pass


def test_a_new_shipper_asks_first_how_much_the_server_has(folder, shipper, uplink):
    folder.log(1, 0).write_bytes(b"hello\n")
    assert shipper.ship(uplink)
    assert uplink.requests == [("log", 1, 0, 0, 0)]
    assert not shipper.ship(uplink)
    assert bytes(uplink.streams["log", 1, 0]) == b"hello\n"


def test_a_log_is_shipped_byte_for_byte(folder, shipper, uplink):
    content = b"\xff\x00 no line's end \r 50%"
    folder.log(1, 3).write_bytes(content)
    drain(shipper, uplink)
    assert bytes(uplink.streams["log", 1, 3]) == content
    assert shipper.is_done(1)


def test_of_a_spool_only_whole_lines_are_shipped(folder, shipper, uplink):
    spool = folder.spool(1, 0)
    spool.write_bytes(POINT + POINT[:10])
    drain(shipper, uplink)
    assert bytes(uplink.streams["spool", 1, 0]) == POINT
    assert shipper.is_done(1)  # a torn last line is no record
    with spool.open("ab") as file:
        file.write(POINT[10:])
    assert not shipper.is_done(1)
    drain(shipper, uplink)
    assert bytes(uplink.streams["spool", 1, 0]) == POINT * 2


def test_nothing_is_shipped_twice(folder, shipper, uplink):
    folder.log(1, 0).write_bytes(b"hello\n")
    drain(shipper, uplink)
    before = len(uplink.requests)
    drain(shipper, uplink)
    assert len(uplink.requests) == before


def test_every_attempt_is_shipped_the_oldest_first(folder, shipper, uplink):
    for attempt in (10, 9):
        folder.attempt(attempt).mkdir()
        folder.log(attempt, 0).write_bytes(b"x")
    drain(shipper, uplink)
    assert [request[1] for request in uplink.requests] == [9, 10, 9, 10]
    assert shipper.is_done(9)
    assert shipper.is_done(11)  # of which there is nothing


@pytest.mark.parametrize("fate", ["lost", "unanswered"])
def test_a_request_that_fails_is_made_again_and_counts_once(
    folder, shipper, uplink, announced, fate
):
    folder.spool(1, 0).write_bytes(POINT + SAVED)
    shipper.ship(uplink)
    uplink.fails = [fate]
    with pytest.raises(UnreachableError):
        shipper.ship(uplink)
    assert announced == []
    drain(shipper, uplink)
    assert bytes(uplink.streams["spool", 1, 0]) == POINT + SAVED
    assert announced == [(1, 0, 7)]


def test_the_next_agent_goes_on_where_the_dead_one_stopped(folder, shipper, uplink):
    log = folder.log(1, 0)
    log.write_bytes(b"first")
    drain(shipper, uplink)
    log.write_bytes(b"first second")
    drain(Shipper(folder), uplink)
    assert bytes(uplink.streams["log", 1, 0]) == b"first second"


def test_two_shippers_at_once_do_not_double_a_byte(folder, uplink):
    log, one, other = folder.log(1, 0), Shipper(folder), Shipper(folder)
    log.write_bytes(b"a")
    for shipper in (one, other, one, other):
        shipper.ship(uplink)
    log.write_bytes(b"ab")
    drain(one, uplink)
    log.write_bytes(b"abc")
    drain(other, uplink)
    drain(one, uplink)
    assert bytes(uplink.streams["log", 1, 0]) == b"abc"


def test_a_server_that_has_less_than_before_gets_it_again(folder, shipper, uplink):
    folder.log(1, 0).write_bytes(b"hello")
    drain(shipper, uplink)
    del uplink.streams["log", 1, 0][2:]
    folder.log(1, 0).write_bytes(b"hello!")
    drain(shipper, uplink)
    drain(shipper, uplink)
    assert bytes(uplink.streams["log", 1, 0]) == b"hello!"


def test_a_flood_is_shipped_in_requests_of_bounded_size(folder, shipper, uplink, monkeypatch):
    monkeypatch.setattr(shipping, "REQUEST_BYTES", 1000)
    for rank in range(3):
        folder.log(1, rank).write_bytes(bytes([65 + rank]) * 2500)
    drain(shipper, uplink)
    assert all(size <= 1000 for *_, size in uplink.requests)
    assert [len(stream) for stream in uplink.streams.values()] == [2500] * 3


def test_a_checkpoint_is_announced_once_its_points_are_with_the_server(
    folder, shipper, uplink, announced
):
    folder.spool(1, 2).write_bytes(POINT)
    drain(shipper, uplink)
    assert announced == []
    with folder.spool(1, 2).open("ab") as file:
        file.write(SAVED)
    drain(shipper, uplink)
    assert announced == [(1, 2, 7)]


def test_a_shipped_range_is_punched_and_the_file_keeps_its_length(
    folder, shipper, uplink, monkeypatch
):
    monkeypatch.setattr(shipping, "_PUNCH_FROM", 4096)
    log = folder.log(1, 0)
    log.write_bytes(os.urandom(256 * 1024) + b"tail")
    whole = log.stat()
    drain(shipper, uplink)
    assert log.stat().st_size == whole.st_size
    assert log.read_bytes().endswith(b"tail")
    if log.stat().st_blocks == whole.st_blocks:
        pytest.skip("this file system has no holes")
    with log.open("ab") as file:
        file.write(b" and more")
    drain(shipper, uplink)
    assert bytes(uplink.streams["log", 1, 0]).endswith(b"tail and more")
    assert uplink.streams["log", 1, 0].count(0) < 5000  # no hole was shipped


# --- what nobody has any more ---------------------------------------------------------------------


@pytest.fixture
def punched(folder, shipper, uplink, monkeypatch):
    """A log of which the first half is shipped and punched."""
    monkeypatch.setattr(shipping, "_PUNCH_FROM", 4096)
    log = folder.log(1, 0)
    log.write_bytes(os.urandom(64 * 1024))
    drain(shipper, uplink)
    with log.open("ab") as file:
        file.write(b"later" * 4000)
    if log.stat().st_blocks * 512 > 40_000:
        pytest.skip("this file system has no holes")
    return log


def test_a_server_that_was_restored_is_told_what_is_gone_and_gets_the_rest(
    folder, shipper, uplink, punched
):
    del uplink.streams["log", 1, 0][10_000:]
    drain(shipper, uplink)
    drain(shipper, uplink)
    assert uplink.skips == [("log", 0, 10_000, 64 * 1024 - 10_000, "")]
    assert bytes(uplink.streams["log", 1, 0])[64 * 1024 :] == b"later" * 4000
    assert shipper.is_done(1)


def test_so_does_the_next_agent_and_a_spool_goes_on_too(folder, shipper, uplink, monkeypatch):
    monkeypatch.setattr(shipping, "_PUNCH_FROM", 4096)
    spool = folder.spool(1, 0)
    spool.write_bytes(POINT * 2000)
    drain(shipper, uplink)
    if spool.stat().st_blocks * 512 >= spool.stat().st_size:
        pytest.skip("this file system has no holes")
    uplink.streams.clear()
    with spool.open("ab") as file:
        file.write(SAVED)
    announced = []
    other = Shipper(folder, lambda *saved: announced.append(saved[-1].step))
    drain(other, uplink)
    assert len(uplink.skips) == 1
    assert announced == [7]
    assert other.is_done(1)


def test_a_server_of_an_earlier_version_that_knows_no_gaps_is_not_asked_without_end(
    folder, shipper, uplink, punched, monkeypatch
):
    del uplink.streams["log", 1, 0][10_000:]
    append = uplink.append
    monkeypatch.setattr(
        uplink, "append", lambda pieces: append([piece._replace(skip=0) for piece in pieces])
    )
    drain(shipper, uplink)
    drain(shipper, uplink)
    assert len(uplink.streams["log", 1, 0]) == 10_000


def test_output_that_waits_too_long_makes_room_and_the_server_hears_of_it(
    folder, shipper, uplink, monkeypatch
):
    monkeypatch.setenv(shipping.LIMIT_VARIABLE, "64KiB")
    log, spool = folder.log(1, 0), folder.spool(1, 0)
    log.write_bytes(b"".join(b"line %06d\n" % number for number in range(50_000)))
    spool.write_bytes(POINT * 3000)
    whole = spool.read_bytes()
    shipper.make_room()
    if log.stat().st_blocks * 512 > 2**17:
        pytest.skip("this file system has no holes")
    drain(shipper, uplink)
    taken = bytes(uplink.streams["log", 1, 0])
    assert len(taken) == log.stat().st_size
    assert taken.startswith(b"line 000000\n")
    assert taken.endswith(b"line 049999\n")
    ((*_, skipped, why),) = uplink.skips
    assert 500_000 < skipped < 600_000
    assert why == "room"
    assert bytes(uplink.streams["spool", 1, 0]) == whole  # points are never given up


def test_a_full_disk_leaves_little_room_for_what_waits(folder, monkeypatch):
    usage = type("Usage", (), {"free": 2**40, "total": 2**41})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert shipping.unshipped_limit(folder.path) == 2**30
    usage.free = 2**29
    assert shipping.unshipped_limit(folder.path) == 2**24


def test_a_line_too_long_for_a_record_holds_up_neither_points_nor_the_end(folder, shipper, uplink):
    spool = folder.spool(1, 0)
    spool.write_bytes(POINT + b"x" * 5_000_000 + b"\n" + SAVED)
    assert not shipper.is_done(1)
    drain(shipper, uplink)
    assert bytes(uplink.streams["spool", 1, 0]) == spool.read_bytes()
    assert shipper.is_done(1)


def test_points_and_quiet_ranks_do_not_wait_behind_a_flood(folder, shipper, uplink, monkeypatch):
    monkeypatch.setattr(shipping, "REQUEST_BYTES", 1000)
    folder.log(1, 0).write_bytes(b"x" * 100_000)
    folder.log(1, 1).write_bytes(b"hello\n")
    folder.spool(1, 1).write_bytes(POINT)
    shipper.ship(uplink)
    assert shipper.ship(uplink)
    assert bytes(uplink.streams["log", 1, 1]) == b"hello\n"
    assert bytes(uplink.streams["spool", 1, 1]) == POINT


def test_what_the_agent_measures_is_shipped_without_counting_as_work_of_the_ranks(
    folder, shipper, uplink
):
    """It comes every five seconds: a rank that is quiet would never be looked at more rarely."""
    folder.sampled(1, 0).write_bytes(b'{"k":"s"}\n{"k":')
    drain(shipper, uplink)
    assert bytes(uplink.streams["sampled", 1, 0]) == b'{"k":"s"}\n'
    assert shipper.requests == 0
    assert shipper.is_done(1)
    folder.log(1, 0).write_bytes(b"hello\n")
    drain(shipper, uplink)
    assert shipper.requests > 0

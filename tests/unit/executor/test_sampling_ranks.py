"""What ranks' processes take, out of /proc as a kernel shows it."""

from __future__ import annotations

import shutil

import pytest

from launcher.executor import sampling_ranks
from launcher.executor.sampling_ranks import RankLooker, process_of

TICKS, PAGE = sampling_ranks._TICKS_A_SECOND, sampling_ranks._PAGE_BYTES
STAT = (
    "17492 (cat) R 17478 17478 11391 0 -1 4194304 99 0 0 0 30 20 7 3 20 0 1 0 7238124 3133440 360 "
    "18446744073709551615 93946307956736 93946307976617 140725841826688 0 0 0 0 0 0 0 0 0 17 0 0\n"
)


class Proc:
    """A folder as /proc, in which processes begin, work and end."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "net").mkdir()

    def set(self, pid, *, parent=1, session=0, own_s=0.0, reaped_s=0.0, pages=10, shared=4):
        folder = self.folder / str(pid)
        folder.mkdir(exist_ok=True)
        session, own, reaped = session or pid, int(own_s * TICKS), int(reaped_s * TICKS)
        (folder / "stat").write_text(
            f"{pid} (python (x) 3) S {parent} {session} {session} 0 -1 0 0 0 0 0 "
            f"{own} 0 {reaped} 0 20 0 1 0 {1000 + pid} 1 {pages} 0 0 0\n"
        )
        (folder / "statm").write_text(f"9999 {pages} {shared} 5 0 123 0\n")

    def end(self, pid):
        shutil.rmtree(self.folder / str(pid))


@pytest.fixture
def proc(tmp_path):
    return Proc(tmp_path)


@pytest.fixture
def looker(proc):
    return RankLooker(proc.folder)


def test_a_line_of_stat_is_read_behind_the_name():
    process = process_of(STAT)
    assert process == (17478, 11391, 50 / TICKS, 10 / TICKS, 7238124, 360 * PAGE)
    assert process_of(STAT.replace("(cat)", "(a) b (c)")) == process
    assert process_of("") is None
    assert process_of("1 (torn) S 2") is None


def test_a_rank_is_all_processes_of_its_session_and_their_children(proc, looker):
    proc.set(100)
    proc.set(101, parent=100, session=100)
    proc.set(102, parent=101, session=102)  # began a session of its own
    proc.set(103, parent=102, session=102)
    proc.set(200)
    proc.set(300)
    seen = looker.look({0: 100, 1: 200}, 0.0)
    assert {rank: values["rank/processes"] for rank, values in seen.items()} == {0: 4, 1: 1}


def test_cpu_is_that_of_all_processes_since_the_last_look(proc, looker):
    proc.set(100, own_s=50.0)
    proc.set(101, parent=100, session=100, own_s=7.0)
    assert "rank/cpu" not in looker.look({0: 100}, 10.0)[0]
    proc.set(100, own_s=54.0)
    proc.set(101, parent=100, session=100, own_s=8.0)
    assert looker.look({0: 100}, 15.0)[0]["rank/cpu"] == 100.0


def test_what_ended_in_between_counts_by_what_its_parent_reaped(proc, looker):
    proc.set(100)
    proc.set(101, parent=100, session=100, own_s=20.0, reaped_s=2.0)
    looker.look({0: 100}, 10.0)
    proc.end(101)
    proc.set(100, own_s=1.0, reaped_s=24.0)  # 22 were counted before
    assert looker.look({0: 100}, 20.0)[0]["rank/cpu"] == 30.0


def test_what_nobody_waited_for_takes_nothing_from_the_others(proc, looker):
    proc.set(100)
    proc.set(101, parent=100, session=100, own_s=20.0)
    looker.look({0: 100}, 10.0)
    proc.end(101)
    proc.set(100, own_s=5.0)
    assert looker.look({0: 100}, 20.0)[0]["rank/cpu"] == 50.0


def test_memory_that_processes_may_share_counts_once(proc, looker):
    proc.set(100, pages=1000, shared=400)
    proc.set(101, parent=100, session=100, pages=700, shared=300)
    assert looker.look({0: 100}, 0.0)[0]["rank/memory"] == (600 + 400 + 400) * PAGE


def test_a_process_of_another_is_looked_at_once_and_again_now_and_then(proc, looker, monkeypatch):
    read = []
    plain = sampling_ranks._text
    monkeypatch.setattr(sampling_ranks, "_text", lambda path: (read.append(path), plain(path))[1])
    proc.set(100)
    proc.set(999)
    for number in range(24):
        looker.look({0: 100}, float(number))
    assert sum(path.endswith("999/stat") for path in read) == 3


def test_one_that_joins_a_rank_later_is_found(proc, looker):
    proc.set(100)
    proc.set(500)
    looker.look({0: 100}, 0.0)
    proc.set(500, parent=100, session=100)
    seen = [looker.look({0: 100}, float(n))[0]["rank/processes"] for n in range(1, 13)]
    assert seen[-1] == 2


def test_a_rank_whose_number_another_process_had_is_found_at_once(proc, looker):
    proc.set(100)
    proc.set(200)
    looker.look({0: 100}, 0.0)
    assert looker.look({0: 100, 1: 200}, 1.0)[1]["rank/processes"] == 1


def test_a_rank_that_ended_has_no_values(proc, looker):
    proc.set(100)
    assert looker.look({0: 100, 1: 200}, 0.0).keys() == {0}
    proc.end(100)
    assert looker.look({0: 100, 1: 200}, 1.0) == {}


def test_a_number_that_is_used_anew_is_another_process(proc, looker):
    proc.set(100, own_s=1.0)
    proc.set(101, parent=100, session=100, own_s=500.0)
    looker.look({0: 100}, 0.0)
    stat = proc.folder / "101" / "stat"
    proc.set(101, parent=100, session=100, own_s=1.0)
    stat.write_text(stat.read_text().replace(" 1101 1 ", " 2222 1 "))
    assert looker.look({0: 100}, 10.0)[0]["rank/cpu"] == 10.0

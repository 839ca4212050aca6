import os
import signal
import subprocess
import sys

from launcher.clusters import _processes
from launcher.clusters._processes import Process, ProcessStat


def seen(pid, *, parent=1, session=1, start=100, name="python"):
    return ProcessStat(Process(pid, start), name, parent, session, alive=True)


def table(*processes):
    return {one.process.pid: one for one in processes}


def test_a_name_with_blanks_and_brackets_does_not_shift_the_fields():
    text = "42 (a) (b c) S 7 42 40 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0"
    assert _processes.parse_stat(text) == ProcessStat(
        Process(42, 98765), "a) (b c", parent=7, session=40, alive=True
    )


def test_a_zombie_is_not_alive():
    text = "42 (x) Z 7 42 40 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0"
    assert not _processes.parse_stat(text).alive


def test_this_process_is_alive_and_a_later_one_of_its_pid_would_not_be_taken_for_it():
    me = _processes.stat(os.getpid())
    assert me is not None
    assert _processes.alive(me.process)
    assert not _processes.alive(Process(me.process.pid, me.process.start - 1))


def test_descendants_are_found_in_whichever_session_they_are():
    everyone = table(
        seen(10),
        seen(11, parent=10),
        seen(12, parent=11, session=12),
        seen(20),
        seen(21, parent=20),
    )
    found = _processes.with_descendants({everyone[10]}, everyone)
    assert {one.process.pid for one in found} == {10, 11, 12}


def test_only_processes_that_work_in_the_folder_belong_to_the_session(tmp_path):
    """A session number may be used again once all of its first members have ended."""
    (tmp_path / "log").touch()
    sleep = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (tmp_path / "log").open() as log:
        by_folder = subprocess.Popen(
            sleep, cwd=tmp_path, stdin=subprocess.PIPE, start_new_session=True
        )
        by_file = subprocess.Popen(sleep, stdin=subprocess.PIPE, stderr=log, start_new_session=True)
        other = subprocess.Popen(sleep, stdin=subprocess.PIPE, start_new_session=True)
    children = [by_folder, by_file, other]
    try:
        everyone = _processes.snapshot()
        found = []
        for child in children:
            leader = everyone[child.pid].process
            found.append(_processes.in_session(leader, tmp_path, everyone))
            later = Process(leader.pid, leader.start + 1)
            assert not _processes.in_session(later, tmp_path, everyone)
        assert [len(members) for members in found] == [1, 1, 0]
        assert not _processes.in_session(everyone[by_folder.pid].process, tmp_path / "x", everyone)
    finally:
        for child in children:
            child.communicate(b"")


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace():
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "
        "time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        one = _processes.stat(child.pid)
        assert one is not None
        assert _processes.end(lambda: {one.process}, grace_s=0.1) == set()
    assert child.returncode == -signal.SIGKILL


def test_a_process_that_obeys_ends_by_sigterm():
    with subprocess.Popen(["sleep", "100"]) as child:
        one = _processes.stat(child.pid)
        assert one is not None
        assert _processes.end(lambda: {one.process}, grace_s=60) == set()
    assert child.returncode == -signal.SIGTERM


def test_what_the_dying_still_start_is_ended_too():
    first = subprocess.Popen(["sleep", "100"])
    late = subprocess.Popen(["sleep", "100"])
    stats = [_processes.stat(child.pid) for child in (first, late)]
    waves = iter([{stats[0].process}, {stats[1].process}])
    assert _processes.end(lambda: next(waves, set()), grace_s=60) == set()
    assert first.wait() == late.wait() == -signal.SIGTERM


def test_memory_of_this_process_is_measured_and_of_an_ended_one_is_zero():
    me = _processes.stat(os.getpid())
    assert me is not None
    assert 2**20 < _processes.memory_bytes(me.process) < 2**40
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert _processes.memory_bytes(Process(child.pid, 0)) == 0

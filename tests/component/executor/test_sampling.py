"""The sampling thread: it writes lines while an attempt runs, and waits for nothing that hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from launcher.executor import sampling
from launcher.executor.folders import JobFolder
from launcher.executor.sampling import NodePlace, Sampler, interval
from launcher.executor.sampling_aside import Aside
from launcher.model.sample import sample_of

EVERY_S, PATIENCE_S = 0.02, 20.0


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder.of(tmp_path, "digits-k3m9ap", "n1")
    for attempt in (1, 2):
        folder.attempt(attempt).mkdir(parents=True)
    return folder


@pytest.fixture
def make_sampler(folder):
    made = []

    def make(pids=dict, gpus=()):
        sampler = Sampler(folder, NodePlace(3, 24, gpus), pids, print, every_s=EVERY_S)
        made.append(sampler)
        return sampler

    yield make
    for sampler in made:
        sampler.close()


def samples(folder, attempt=1):
    try:
        lines = folder.sampled(attempt, 24).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [sample_of(line) for line in lines]


def wait_for(holds):
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_a_node_and_its_ranks_are_sampled_while_an_attempt_runs(folder, make_sampler):
    sampler = make_sampler(lambda: {24: os.getpid()})
    sampler.begin(1)
    wait_for(lambda: len(samples(folder)) > 2)
    sampler.finish(1)
    last = samples(folder)[-1]
    assert last.node == 3
    assert {"node/memory", "node/load", "node/disk_free"} <= last.values.keys()
    assert last.ranks[24]["rank/memory"] > 2**20
    assert last.ranks[24]["rank/processes"] >= 1


def test_an_attempt_that_is_finished_gets_no_line_and_the_next_one_does(folder, make_sampler):
    sampler = make_sampler()
    sampler.begin(1)
    wait_for(lambda: samples(folder))
    sampler.finish(1)
    count = len(samples(folder))
    sampler.begin(2)
    wait_for(lambda: len(samples(folder, 2)) > 1)
    assert len(samples(folder)) - count <= 1  # the one that was just being written


def test_a_job_whose_folder_is_gone_ends_nothing(folder, make_sampler):
    sampler = make_sampler()
    sampler.begin(1)
    wait_for(lambda: samples(folder))
    folder.remove()
    folder.attempt(2).mkdir(parents=True)
    sampler.begin(2)
    wait_for(lambda: samples(folder, 2))


def test_what_hangs_is_left_out_and_keeps_nobody_waiting(folder, make_sampler, monkeypatch):
    hangs, released = threading.Event(), threading.Event()

    class Hanging:
        def __init__(self, *_):
            pass

        def look(self):
            hangs.set()
            released.wait(PATIENCE_S)
            return {"gpu0/power": 1.0}

    monkeypatch.setattr(sampling, "GpuLooker", Hanging)
    monkeypatch.setattr(sampling, "_PATIENCE_S", 0.01)
    sampler = make_sampler(gpus=["0"])
    sampler.begin(1)
    wait_for(lambda: len(samples(folder)) > 2)
    assert hangs.is_set()
    assert all("gpu0/power" not in sample.values for sample in samples(folder))
    sampler.finish(1)  # neither these wait
    sampler.close()
    released.set()


def test_a_line_that_the_disk_cut_spoils_no_other(folder, make_sampler, monkeypatch):
    writes = []

    def write(descriptor, data):
        writes.append(data)
        return plain(descriptor, data[:20] if len(writes) == 1 else data)

    plain = os.write
    monkeypatch.setattr(sampling.os, "write", write)
    sampler = make_sampler()
    sampler.begin(1)
    wait_for(lambda: len(samples(folder)) > 2)
    sampler.finish(1)
    torn, *whole = samples(folder)
    assert torn is None
    assert None not in whole


def test_nothing_is_sampled_where_the_node_says_so(folder, monkeypatch):
    monkeypatch.setenv("LAUNCHER_SAMPLE_EVERY", "off")
    sampler = Sampler(folder, NodePlace(0, 0), dict, print)
    sampler.begin(1)
    sampler.finish(1)
    sampler.close()
    assert sampler._thread is None


@pytest.mark.parametrize(
    ("chosen", "seconds"), [("", 5.0), ("10s", 10.0), ("1m", 60.0), ("0.001s", 0.2), ("often", 5.0)]
)
def test_how_often_is_the_nodes_word(monkeypatch, chosen, seconds):
    monkeypatch.setenv("LAUNCHER_SAMPLE_EVERY", chosen)
    assert interval() == seconds


def test_a_look_that_failed_is_followed_by_another():
    looks = iter([OSError("gone"), {"a": 1.0}])

    def look():
        found = next(looks)
        if isinstance(found, OSError):
            raise found
        return found

    aside = Aside("test", look)
    aside.ask()
    assert aside.take(PATIENCE_S) == {}
    aside.ask()
    assert aside.take(PATIENCE_S) == {"a": 1.0}
    assert aside.take(PATIENCE_S) == {}
    aside.end()


def test_no_second_look_begins_while_one_hangs():
    begun, has_begun, release = [], threading.Event(), threading.Event()

    def look():
        begun.append(1)
        has_begun.set()
        release.wait(PATIENCE_S)
        return {"a": 1.0}

    aside = Aside("test", look)
    for _ in range(5):
        aside.ask()
        assert aside.take(0.001) == {}
    assert has_begun.wait(PATIENCE_S)
    assert len(begun) == 1
    release.set()
    assert aside.take(PATIENCE_S) == {"a": 1.0}
    aside.end()


def test_real_processes_are_seen_with_what_they_started(folder, make_sampler):
    program = (
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    while True: pass\n"
        "print('begun', flush=True)\n"
        "sys.stdin.read()\n"
    )
    rank = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert rank.stdout.readline() == b"begun\n"
        sampler = make_sampler(lambda: {24: rank.pid})
        sampler.begin(1)

        def busy():
            found = samples(folder)
            return [one for one in found if one.ranks[24].get("rank/cpu", 0) > 10]

        wait_for(busy)
        assert busy()[0].ranks[24]["rank/processes"] == 2
        sampler.finish(1)
    finally:
        os.killpg(rank.pid, 9)
        rank.communicate()

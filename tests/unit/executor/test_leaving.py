"""A machine that says that it goes: who hears it, whom it waits for, and which nodes go with it."""

import os
import subprocess
from pathlib import Path

import pytest

from launcher.clusters._kuberay_hook import HOOK
from launcher.executor import leaving
from launcher.executor.leaving import Presence, Watch, of_nodes, started_at


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_SPOOL_ROOT", str(tmp_path))
    return tmp_path


def test_what_is_said_is_heard_until_it_is_taken_back():
    watch = Watch(started_at(os.getpid()))
    assert watch.look() == ""
    leaving.say("a new disk")
    assert watch.look() == "a new disk"
    assert leaving.take_back()
    assert watch.look() == ""
    assert not leaving.take_back()


def test_what_was_said_to_an_earlier_life_of_the_machine_counts_no_more(base):
    leaving.say("a new disk")
    started = started_at(os.getpid())
    os.utime(base / "leaving", (started - 60, started - 60))
    assert Watch(started).look() == ""
    assert Watch(started - 120).look() == "a new disk"


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (b"", "it is about to be stopped"),
        (b"\n", "it is about to be stopped"),
        (b"first\nsecond\n", "first"),
        (b"\x1b[31mred\x1b[0m \xff", "red \ufffd"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_whatever_a_script_writes_is_words(base, said, heard):
    (base / "leaving").write_bytes(said)
    assert Watch(0.0).look() == heard


def test_a_process_is_known_to_have_started_before_now():
    begun = started_at(os.getpid())
    assert begun == pytest.approx(Path("/proc/self").stat().st_ctime, abs=3600)
    assert started_at(2**22 + 1) == 0.0


def test_who_is_here_is_waited_for_until_it_left_or_died(base):
    here = Presence()
    here.set(here=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    (base / "present" / str(dead.pid)).touch()
    assert leaving.present() == [os.getpid()]
    here.set(here=False)
    assert leaving.present() == []
    here.set(here=True)  # who comes clears away the dead
    assert [entry.name for entry in (base / "present").iterdir()] == [str(os.getpid())]


@pytest.mark.parametrize("there", [True, False])
def test_a_pods_hook_says_it_and_waits_for_whoever_is_here(base, there):
    (base / "present").mkdir()
    trains = subprocess.Popen(["sleep", "60"])
    (base / "present" / str(trains.pid)).touch()
    if not there:
        trains.kill()
        trains.wait()
    quick = HOOK.replace("sleep 3", "sleep 0.1").replace("sleep 1", "sleep 0.1")
    assert quick != HOOK
    hook = subprocess.Popen(["/bin/sh", "-c", quick], env={**os.environ, "HOSTNAME": "pod-1"})
    if there:
        with pytest.raises(subprocess.TimeoutExpired):
            hook.wait(timeout=1)
        trains.kill()
        trains.wait()
    assert hook.wait(timeout=30) == 0
    assert Watch(0.0).look() == "Kubernetes ends pod pod-1"


def test_a_hook_works_where_nothing_of_ours_ever_was(tmp_path):
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOSTNAME": "pod-1"}
    quick = HOOK.replace("sleep 3", "sleep 0")
    subprocess.run(["/bin/sh", "-c", quick], env=environment, check=True, timeout=30)
    made = tmp_path / f"launcher-{os.getuid()}"
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "leaving").read_text() == "Kubernetes ends pod pod-1\n"


# --- which nodes ---------------------------------------------------------------------------------

HEAD, ONE, TWO = (
    {"NodeID": "h", "NodeManagerAddress": "10.0.0.1", "NodeManagerHostname": "head",
     "Resources": {"node:__internal_head__": 1.0}},
    {"NodeID": "a", "NodeManagerAddress": "10.0.0.2", "NodeManagerHostname": "one",
     "Resources": {"CPU": 4.0}},
    {"NodeID": "b", "NodeManagerAddress": "10.0.0.3", "NodeManagerHostname": "two",
     "Resources": {"CPU": 4.0}},
)  # fmt: skip
ALL = (HEAD, ONE, TWO)


def test_a_node_that_ray_drains_goes_at_its_time():
    assert of_nodes(ALL, {}, "10.0.0.1", "") == {}
    assert of_nodes(ALL, {"a": 0, "b": 86_399_000}, "10.0.0.1", "") == {
        "a": "Ray drains it",
        "b": "Ray drains it, which ends it at 23:59:59 UTC",
    }


def test_with_the_head_all_go():
    found = of_nodes(ALL, {"a": 0}, "10.0.0.1", "a new disk")
    words = "Ray's head head goes: a new disk"
    assert found == {"h": "a new disk", "a": "Ray drains it", "b": words}


def test_a_machine_that_is_not_the_head_goes_alone():
    assert of_nodes(ALL, {}, "10.0.0.3", "a new disk") == {"b": "a new disk"}

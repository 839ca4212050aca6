"""The embedded cluster and the test's several nodes, with real Ray. Drivers are processes apart."""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from ray_nodes import RayNodes

from launcher.clusters import _processes
from launcher.clusters._record import Record
from launcher.clusters.local import LocalRay
from launcher.executor.preloaded import preloaded_of
from launcher.executor.preloads import Wanted

DRIVER = """
import json, os, subprocess, sys
import ray
ray.init(sys.argv[1], namespace="test", log_to_driver=False, logging_level="error")
def answer(value):
    print("ANSWER", json.dumps(value), flush=True)
class Agent:
    def about(self):
        return [os.getpid(), os.nice(0), ray.get_gpu_ids()]
    def rank(self):
        return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = LocalRay(tmp_path_factory.mktemp("state"), cpus=2, gpus=4)
    started.ensure()
    yield started
    started.stop(grace_s=0)


@pytest.fixture
def own_cluster(tmp_path):
    made = LocalRay(tmp_path / "state", cpus=1, gpus=0)
    yield made
    made.stop(grace_s=0)


def drive(address, program):
    """Run a driver on the cluster; what it answered."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER + program, address.address],
        env={**os.environ, **address.environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # Ray itself writes there too, such as that a node was lost.
    [answer] = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    return json.loads(answer.removeprefix("ANSWER "))


def record_of(cluster):
    found = Record.read(cluster._record_path)
    assert found is not None
    return found


def starting(state_dir, **options):
    """Another process that asks for the cluster of that folder."""
    program = (
        "import sys; from pathlib import Path; from launcher.clusters.local import LocalRay; "
        "print(LocalRay(Path(sys.argv[1]), cpus=1, gpus=0).ensure().address)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(state_dir)],
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_until(holds):
    deadline = time.monotonic() + 60
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_asking_again_finds_the_same_cluster(cluster):
    members = record_of(cluster).members()
    assert cluster.ensure() == cluster.ensure() == cluster.running()
    assert record_of(cluster).members() == members


def test_a_driver_gets_agents_of_normal_priority_with_the_declared_gpus(cluster):
    program = """
agents = [ray.remote(num_gpus=2)(Agent).remote() for _ in range(2)]
answer([ray.get(agent.about.remote()) for agent in agents])
"""
    found = drive(cluster.ensure(), program)
    assert [niceness for _, niceness, _ in found] == [os.nice(0)] * 2
    assert sorted(gpu for _, _, gpus in found for gpu in gpus) == [0, 1, 2, 3]


def test_every_port_is_closed_to_the_network(cluster):
    listening = [
        ipaddress.ip_address(connection.laddr.ip)
        for member in record_of(cluster).members()
        for connection in psutil.Process(member.process.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert all((getattr(one, "ipv4_mapped", None) or one).is_loopback for one in listening)


@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_another_user_without_the_token_is_refused(cluster, tmp_path, mode):
    token = tmp_path / "wrong"
    token.write_text("0" * 64)
    program = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1]).internal_kv_get(b"session_name", b"session")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, cluster.ensure().address],
        env={**os.environ, "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN_PATH": str(token)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "nauthenticated" in done.stdout + done.stderr


def test_its_files_are_closed_to_other_users(cluster):
    temp_dir = cluster.ensure().temp_dir
    assert temp_dir is not None
    assert temp_dir.parent.stat().st_mode & 0o777 == 0o700


def test_its_memory_is_that_of_its_own_processes(cluster):
    assert 100e6 < cluster.memory_bytes() < 1e9


def test_what_is_preloaded_on_it_is_told_apart(cluster, tmp_path):
    before = cluster.preloaded_bytes()
    (raylet,) = [one.process for one in record_of(cluster).members() if one.name == "raylet"]
    (tmp_path / "preloaded").mkdir()
    preloaded = preloaded_of(tmp_path / "preloaded", raylet.pid)
    wanted = Wanted(sys.executable, ("json",), {"PATH": os.environ["PATH"]})
    preloaded.begin(wanted)
    ready = preloaded.folder / f"{wanted.key}.sock"
    wait_until(ready.exists)
    pid = int(ready.with_suffix(".lock").read_text())
    assert before == 0
    assert 1e6 < cluster.preloaded_bytes() < 200e6
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: cluster.preloaded_bytes() == 0)


def test_two_at_once_get_one_cluster_which_outlives_their_terminal(own_cluster, tmp_path):
    callers = [starting(tmp_path / "state", start_new_session=True) for _ in range(2)]
    addresses = {caller.communicate()[0].strip() for caller in callers}
    members = {member.process for member in record_of(own_cluster).members()}
    for caller in callers:
        with pytest.raises(ProcessLookupError):  # nothing of theirs is left to hear a hangup
            os.killpg(caller.pid, signal.SIGHUP)
    assert {own_cluster.ensure().address} == addresses
    assert members == {member.process for member in record_of(own_cluster).members()}


def test_a_caller_killed_in_the_middle_leaves_nothing_behind(own_cluster, tmp_path):
    caller = starting(tmp_path / "state")
    record = wait_until(lambda: Record.read(tmp_path / "state" / "ray.json"))
    wait_until(lambda: any(member.name == "gcs_server" for member in record.members()))
    caller.kill()
    caller.communicate()
    assert own_cluster.running() is None
    own_cluster.ensure()
    assert own_cluster.running() is not None
    assert not record.members() - record_of(own_cluster).members()
    assert record.leader != record_of(own_cluster).leader


def test_a_cluster_that_has_lost_its_raylet_is_replaced(own_cluster):
    own_cluster.ensure()
    before = record_of(own_cluster)
    leftovers = {member.process for member in before.members()}
    _processes.send(before.vital[1], signal.SIGKILL)
    wait_until(lambda: not before.is_alive())
    assert own_cluster.running() is None
    own_cluster.ensure()
    assert not any(_processes.alive(process) for process in leftovers)
    assert drive(own_cluster.ensure(), "answer(ray.cluster_resources()['CPU'])") == 1


def test_stopping_ends_ranks_too_and_nobody_elses_processes(own_cluster):
    address = own_cluster.ensure()
    assert address.temp_dir is not None
    program = """
agent = ray.remote(num_cpus=1)(Agent).options(name="agent", lifetime="detached").remote()
answer(ray.get([agent.about.remote(), agent.rank.remote()]))
"""
    (agent, _, _), rank = drive(address, program)
    assert _processes.stat(agent) is not None
    assert _processes.stat(rank) is not None
    log = next(address.temp_dir.glob("session_2*/logs/raylet.out"))
    with subprocess.Popen(["tail", "-f", log], stdout=subprocess.DEVNULL) as reader:
        members = record_of(own_cluster).members()
        own_cluster.stop()
        gone = [member.process.pid for member in members] + [agent, rank]
        assert not _processes.snapshot().keys() & set(gone)
        assert reader.poll() is None
        reader.kill()
    assert own_cluster.running() is None
    assert not address.temp_dir.exists()
    own_cluster.stop()


def test_a_start_that_fails_says_why_and_leaves_nothing(own_cluster):
    own_cluster._settings = {"RAY_AUTH_TOKEN_PATH": "/nowhere"}
    with pytest.raises(Exception, match="the embedded Ray cluster did not start: ") as refused:
        own_cluster.ensure()
    assert refused.value.hint == f"see {own_cluster._log_path}"
    assert not own_cluster._record_path.exists()


def test_nodes_can_be_killed_and_nothing_of_them_is_left(tmp_path):
    with RayNodes(tmp_path, cpus=[1, 2], gpus=[0, 3]) as nodes:
        everything = nodes.processes(0) | nodes.processes(1)
        count = "answer({n['NodeID']: n['Resources'].get('GPU', 0) for n in ray.nodes()})"
        assert drive(nodes.address, count) == dict(zip(nodes.node_ids, [0, 3], strict=True))
        nodes.kill(1)
        # One driver looks until it is so: each that starts takes a second.
        living = """
import time
give_up = time.monotonic() + 60
while all(n["Alive"] for n in ray.nodes()) and time.monotonic() < give_up:
    time.sleep(0.05)
answer({n["NodeID"]: n["Alive"] for n in ray.nodes()})
"""
        expected = dict(zip(nodes.node_ids, [True, False], strict=True))
        assert drive(nodes.address, living) == expected
    assert not any(_processes.alive(process) for process in everything)

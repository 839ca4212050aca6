import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.clusters import _folders, _start, local
from launcher.clusters.local import LocalRay
from launcher.errors import ConflictError, SpecError, UnreachableError


def test_settings_of_other_clusters_and_jobs_do_not_leak_in():
    outer = {
        "PATH": "/bin",
        "RAY_ADDRESS": "far:6379",
        "RAY_AUTH_MODE": "disabled",
        "LAUNCHER_JOB_ID": "digits-k3m9ap",
        "CUDA_VISIBLE_DEVICES": "7",
    }
    environment = _start.ray_environment(outer, cpus=8)
    assert environment["PATH"] == "/bin"
    assert not (environment.keys() - {"PATH"}) & outer.keys()


def test_what_is_said_about_the_disk_of_nodes_reaches_the_agents():
    outer = {"LAUNCHER_SPOOL_ROOT": "/scratch", "LAUNCHER_ENVIRONMENTS_MAX": "9GiB"}
    assert _start.ray_environment(outer, cpus=8).items() >= outer.items()


def test_agents_run_at_normal_priority_and_are_not_killed_for_their_ranks_memory():
    environment = _start.ray_environment({}, cpus=8)
    assert environment["RAY_worker_niceness"] == "0"
    assert environment["RAY_memory_monitor_refresh_ms"] == "0"


@pytest.mark.parametrize(("cpus", "expected"), [(0, "1"), (1, "1"), (2, "2"), (64, "2")])
def test_a_large_machine_keeps_no_more_spare_workers_than_a_small_one(cpus, expected):
    environment = _start.ray_environment({}, cpus=cpus)
    assert environment["RAY_worker_maximum_startup_concurrency"] == expected


def test_offered_gpus_are_counted_in_bus_order():
    environment = _start.ray_environment({}, cpus=8, gpu_ids=("0", "3"))
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,3"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_the_head_takes_free_ports_on_the_loopback_interface():
    command = _start.head_command(Path("/short"), "--num-cpus=2")
    assert command[0] == sys.executable
    expected = {"--head", "--port=0", "--node-ip-address=127.0.0.1", "--temp-dir=/short"}
    assert expected | {"--num-cpus=2"} <= set(command)


def test_a_driver_is_told_a_loopback_address_that_ray_does_not_rewrite():
    assert local._for_driver("127.0.0.1", 4711) == "[::ffff:127.0.0.1]:4711"
    assert local._for_driver("10.0.0.5", 4711) == "10.0.0.5:4711"


def test_the_token_is_new_at_each_start_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "ray-token"
    local._write_token(path)
    first = path.read_text()
    local._write_token(path)
    assert len(first) == 64
    assert path.read_text() != first
    assert path.stat().st_mode & 0o777 == 0o600


def test_declared_cpus_and_gpus_come_before_what_the_machine_has(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_LOCAL_CPUS", "3")
    monkeypatch.setenv("LAUNCHER_LOCAL_GPUS", "8")
    command, environment = LocalRay(tmp_path)._command_and_environment(tmp_path)
    assert {"--num-cpus=3", "--num-gpus=8"} <= set(command)
    assert "CUDA_VISIBLE_DEVICES" not in environment
    command, _ = LocalRay(tmp_path, cpus=1, gpus=0)._command_and_environment(tmp_path)
    assert {"--num-cpus=1", "--num-gpus=0"} <= set(command)


def test_a_count_that_is_no_number_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_LOCAL_GPUS", "all")
    with pytest.raises(SpecError) as refused:
        LocalRay(tmp_path, cpus=1)._command_and_environment(tmp_path)
    assert refused.value.message == "LAUNCHER_LOCAL_GPUS is 'all'"


def test_without_the_ray_package_the_next_step_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UnreachableError) as refused:
        LocalRay(tmp_path).ensure()
    assert refused.value.hint == "pip install 'trainlaunch[local]'"


def test_sockets_below_the_short_folder_fit_into_their_107_characters(tmp_path):
    folder = _folders.short_folder(tmp_path / ("deep" * 30))
    longest = "session_2026-11-21_18-30-46_415451_4194304/sockets/plasma_store.1"
    assert len(f"{folder}/{longest}") - len(str(os.getuid())) + len("4294967294") <= 107
    assert folder == _folders.short_folder(tmp_path / ("deep" * 30))
    assert folder != _folders.short_folder(tmp_path)


def test_a_private_folder_is_closed_to_others(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    for name in ("open", "new"):
        assert _folders.make_private(tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ConflictError, match="is not a folder of user"):
        _folders.make_private(tmp_path / "link")


def test_nothing_starts_when_the_order_never_comes():
    """The parent died before it had written down whom it started."""
    child = subprocess.run(
        _start.head_command(Path("/nowhere")),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 1
    assert child.stderr == "not started: the process that asked for it is gone\n"

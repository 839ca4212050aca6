from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launcher.executor.folders import JobFolder
from launcher.executor.surroundings import (
    interface_of,
    node_environment,
    rank_environment,
    sdk_folder,
)
from launcher.model.launch import Entrypoint, Launch
from launcher.model.surroundings import of_array
from launcher.model.wire import CheckpointRef


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An agent whose executor was started from an environment of its own; its folder."""
    own = tmp_path / "own"
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", str(own))
    monkeypatch.setenv("PATH", f"{own}/bin:/usr/local/bin:/usr/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("mark", "variable"), [("pyvenv.cfg", "VIRTUAL_ENV"), ("conda-meta", "CONDA_PREFIX")]
)
def test_the_environment_of_the_jobs_interpreter_is_active_and_no_other(
    shell: Path, mark: str, variable: str
) -> None:
    jobs = shell / "jobs"
    (jobs / mark).mkdir(parents=True)
    env = node_environment(f"{jobs}/bin/python")
    assert env["PATH"] == f"{jobs}/bin:/usr/local/bin:/usr/bin"
    assert {key: env.get(key) for key in ("VIRTUAL_ENV", "CONDA_PREFIX", variable)} == {
        "VIRTUAL_ENV": None, "CONDA_PREFIX": None, variable: str(jobs),
    }  # fmt: skip


def test_a_systems_interpreter_changes_no_order_of_the_path(shell: Path) -> None:
    env = node_environment("/usr/bin/python3")
    assert env["PATH"] == "/usr/local/bin:/usr/bin"
    assert "VIRTUAL_ENV" not in env


def test_an_interpreter_that_is_in_no_folder_of_the_path_is_found_first(shell: Path) -> None:
    env = node_environment("/opt/python3.12/bin/python3")
    assert env["PATH"] == "/opt/python3.12/bin:/usr/local/bin:/usr/bin"


def test_what_ray_set_for_its_workers_is_not_the_nodes(
    shell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_by_ray = ("RAY_JOB_ID", "LAUNCHER_TOKEN", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    for name in (*set_by_ray, "KEPT"):
        monkeypatch.setenv(name, "1")
    env = node_environment("/usr/bin/python3")
    assert "KEPT" in env
    assert not env.keys() & set(set_by_ray)


def test_an_element_of_an_array_finds_which_one_it_is() -> None:
    launch = Launch("sweep-k3m9ap-7", "sweep", "command", Entrypoint("exec", ("true",)), 1)
    assert of_array(launch) == {}
    element = replace(launch, array_id="sweep-k3m9ap", array_index=7, array_count=10)
    assert of_array(element) == {
        "LAUNCHER_ARRAY_ID": "sweep-k3m9ap",
        "LAUNCHER_ARRAY_INDEX": "7",
        "LAUNCHER_ARRAY_COUNT": "10",
    }


def test_the_paths_that_a_rank_is_told_are_those_that_its_agent_reads(tmp_path: Path) -> None:
    launch = Launch("digits-k3m9ap", "digits", "command", Entrypoint("exec", ("true",)), 1)
    folder = JobFolder(tmp_path / "digits-k3m9ap@node1")
    env = rank_environment(
        launch, folder, attempt=2, rank=3, allocation="digits-k3m9ap.1", resume=CheckpointRef(7, 40)
    )
    assert {
        "LAUNCHER_CHECKPOINT_DIR": str(folder.checkpoints(2)),
        "LAUNCHER_SPOOL": str(folder.spool(2, 3)),
        "TORCHELASTIC_ERROR_FILE": str(folder.error_file(2, 3)),
        "LAUNCHER_RESUME_FROM": str(folder.resume(7)),
        "LAUNCHER_JOB_ID": folder.job_id,
    }.items() <= env.items()


def test_the_jobs_python_path_stands_in_place_of_the_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/opt/ours:/site/ray/_private")
    folder = JobFolder(tmp_path / "digits-k3m9ap@node1")

    def path_of(**env: str) -> str:
        launch = Launch("digits-k3m9ap", "digits", "command", Entrypoint("exec", ("true",)), 1)
        own = rank_environment(
            replace(launch, env=env), folder, attempt=1, rank=0, allocation="a.1", resume=None
        )
        return own["PYTHONPATH"].replace(str(sdk_folder(tmp_path)), "SDK")

    assert path_of() == "/opt/ours:SDK"
    assert path_of(PYTHONPATH="/mine") == "/mine:SDK"
    assert path_of(PYTHONPATH="") == "SDK"


def test_every_address_of_this_machine_alone_is_of_the_loopback():
    assert interface_of("127.0.0.2") == interface_of("127.0.0.1") != ""
    assert interface_of("192.0.2.1") == ""

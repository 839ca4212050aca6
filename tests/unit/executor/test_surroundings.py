from __future__ import annotations

from pathlib import Path

import pytest

from launcher.executor.surroundings import node_environment


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

"""An interpreter tells what it has by the names of folders, and imports none of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.frameworks import _probe, compatibility
from launcher.frameworks.compatibility import Package, Situation


def install(folder: Path, name: str, version: str, *, module: bool = True) -> None:
    (folder / f"{name}-{version}.dist-info").mkdir(parents=True)
    if module:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('broken')\n")


def ask(situation: Situation, folder: Path, *flags: str, **env: str) -> dict[str, Package]:
    command = [sys.executable, *flags, *compatibility.question(situation, str(folder))]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd="/")
    version, packages = compatibility.read_answer(f"a banner\n{done.stdout}\nanother")
    assert version == ".".join(map(str, sys.version_info[:3]))
    return packages


def test_versions_are_told_without_an_import_and_the_programs_folder_comes_first(
    tmp_path: Path,
) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    install(site, "keras", "3.15.1")
    install(site, "jaxlib", "0.10.2", module=False)
    install(work, "jax", "0.4.1")
    install(site, "jax", "0.10.2")
    found = ask(Situation("keras", "jax"), work, "-S", PYTHONPATH=str(site))
    assert found == {
        "keras": Package("3.15.1"),
        "jax": Package("0.4.1"),
        "jaxlib": Package("0.10.2", module=False),
    }
    found = ask(Situation("keras", "jax"), work, "-S", "-E", PYTHONPATH=str(site))
    assert found["keras"] == Package("", module=False)


def test_our_own_files_are_not_taken_for_frameworks(tmp_path: Path) -> None:
    own = {path.stem for path in Path(_probe.__file__).parent.glob("*.py")}
    assert {"keras", "jax", "horovod"} <= own
    assert ask(Situation("horovod"), tmp_path, "-S", "-I")["horovod"] == Package("", module=False)


def test_a_folder_of_the_job_that_is_called_as_a_package_is_none(tmp_path: Path) -> None:
    (tmp_path / "horovod").mkdir()
    assert ask(Situation("horovod"), tmp_path, "-S")["horovod"] == Package("", module=False)
    (tmp_path / "horovod.py").touch()
    assert ask(Situation("horovod"), tmp_path, "-S")["horovod"] == Package("")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("torch-2.13.0+cpu.dist-info", ("torch", "2.13.0+cpu")),
        ("tensorflow_cpu-2.21.0.dist-info", ("tensorflow-cpu", "2.21.0")),
        ("tf-nightly-2.17.0.dev20240601.dist-info", ("tf-nightly", "2.17.0.dev20240601")),
        ("Horovod-0.28.1-py3.11.egg-info", ("horovod", "0.28.1")),
        ("torch.egg-info", ("torch", "")),
        ("jax.nightly-0.10.dist-info", ("jax-nightly", "0.10")),
    ],
)
def test_a_record_tells_name_and_version(entry: str, told: tuple[str, str]) -> None:
    assert _probe.split(entry) == told


def test_no_answer_is_no_knowledge() -> None:
    assert compatibility.read_answer("Segmentation fault") == ("", {})


def test_the_oldest_python_of_a_job_can_run_it() -> None:
    source = Path(_probe.__file__).read_text("utf-8")
    ast.parse(source, feature_version=(3, 8))
    assert source.index("from __future__ import annotations") < source.index("import os")

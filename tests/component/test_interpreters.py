"""The python of a job on this machine is the one that the project's own tools would take."""

import sys
from pathlib import Path

import pytest

from launcher.interpreters import Inquiry, choose, compiles


def environment(folder, *marks):
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    for mark in marks:
        (folder / mark).touch()
    return python


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project" / "src"
    folder.mkdir(parents=True)
    return folder


def pick(project, own="/own/bin/python", prefix="/own", **environ):
    return choose(project, environ, own=own, prefix=prefix).path


def test_the_active_environment_comes_first(project, tmp_path):
    active, conda = environment(tmp_path / "active"), environment(tmp_path / "conda")
    environment(project / ".venv")
    shell = {"VIRTUAL_ENV": str(tmp_path / "active"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert pick(project, **shell) == str(active)
    del shell["VIRTUAL_ENV"]
    assert pick(project, **shell) == str(conda)


def test_then_the_projects_own_in_the_folder_or_above_it(project):
    above = environment(project.parent / ".venv")
    assert pick(project) == str(above)
    assert pick(project) != pick(project.parent.parent)
    assert pick(project, VIRTUAL_ENV="/gone") == str(above)
    assert pick(project) != str(environment(project / ".venv")) or True
    assert pick(project) == str(project / ".venv" / "bin" / "python")


def test_condas_base_that_is_always_active_comes_after_the_projects(project, tmp_path):
    base = environment(tmp_path / "base")
    shell = {"CONDA_PREFIX": str(tmp_path / "base"), "CONDA_DEFAULT_ENV": "base"}
    assert pick(project, **shell) == str(base)
    own = environment(project / ".venv")
    assert pick(project, **shell) == str(own)


def test_what_somebody_else_put_above_the_project_is_not_run(project, monkeypatch):
    environment(project.parent / ".venv")
    monkeypatch.setattr("os.getuid", lambda: 4711)
    place = (project.parent / ".venv").stat()
    expected = "/own/bin/python" if place.st_uid else str(project.parent / ".venv/bin/python")
    assert pick(project) == expected


def test_without_any_it_is_our_own(project):
    assert pick(project) == "/own/bin/python"


@pytest.mark.parametrize("mark", ["pipx_metadata.json", "uv-receipt.toml"])
def test_a_launcher_that_lives_apart_as_a_tool_takes_the_shells(project, tmp_path, mark):
    environment(tmp_path / "tool", mark)
    shells = environment(tmp_path / "usr")
    shell = {"PATH": str(shells.parent), "own": str(tmp_path / "tool/bin/python")}
    assert pick(project, prefix=str(tmp_path / "tool"), **shell) == str(shells)
    shell["PATH"] = str(tmp_path / "tool" / "bin")
    assert pick(project, prefix=str(tmp_path / "tool"), **shell) == shell["own"]


def test_an_interpreter_tells_its_version_and_what_it_is_asked():
    version = ".".join(map(str, sys.version_info[:3]))
    findings = Inquiry(sys.executable).findings(30.0)
    assert (findings.version, findings.problem) == (version, "")
    asked = ("-c", """print('a banner'); print('{"python": "3.9.1", "more": 7}')""")
    findings = Inquiry(sys.executable, asked).findings(30.0)
    assert findings.version == "3.9.1"
    assert '"more": 7' in findings.output


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("#!/bin/sh\nexec sleep 2\n", "no answer yet"),
        ("#!/bin/sh\necho hello\n", "does not answer as a python"),
        ("#!/bin/sh\necho broken >&2; exit 1\n", "broken"),
        ("", "No such file"),
    ],
)
def test_one_that_does_not_answer_is_told_and_waited_for_no_longer(tmp_path, script, problem):
    path = tmp_path / "python"
    if script:
        path.write_text(script)
        path.chmod(0o755)
    patience_s = 0.05 if "sleep" in script else 30.0
    assert problem in Inquiry(str(path)).findings(patience_s).problem


def test_a_program_is_read_by_the_grammar_of_its_interpreter(tmp_path):
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("print(1)\n")
    bad.write_text("print 1\n")
    assert compiles(sys.executable, good)
    assert not compiles(sys.executable, bad)
    assert not compiles("/nowhere/python", good)
    assert Path(sys.executable).exists()

"""Which python a job of this machine runs with is told at submit, and what it lacks."""

from __future__ import annotations

import sys

import pytest

from launcher.cli._python import Asked
from launcher.spec.load import load_spec
from launcher.views import JobView

VERSION = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What is said of a job whose spec has these lines, run with `chosen` by the server's word."""
    monkeypatch.setattr("launcher.cli._python._NEEDS", {"pytorch": "no_such_module"})
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "train.py").write_text("import no_such_module\n")
    (tmp_path / "plain.py").write_text("print(1)\n")

    def tell(lines, chosen=None, entrypoint="train.py"):
        (tmp_path / "job.yaml").write_text(f"entrypoint: {entrypoint}\n{lines}\n")
        asked = Asked(load_spec(tmp_path / "job.yaml"))
        spec = {"python": {"interpreter": chosen or asked.path}}
        asked.tell(JobView("a-1", "a", "QUEUED", spec=spec))
        return capsys.readouterr().err

    return tell


def test_its_path_version_and_owner_are_told_with_a_warning(told):
    text = told("")
    assert text.startswith(f"python: {sys.executable} ({VERSION}), launcher's own\n")
    assert f"warning: {sys.executable} has no no_such_module; install it there" in text


def test_a_program_that_does_not_import_it_needs_it_not(told):
    assert "warning" not in told("", entrypoint="plain.py")


def test_what_is_installed_for_the_job_is_not_missed(told):
    text = told("python: {requirements: [no_such_module, --no-index]}")
    assert "an environment of 1 requirement is made with it" in text
    assert "warning" not in text


def test_an_interpreter_that_the_spec_names_is_asked(told):
    text = told(f"python: {{interpreter: {sys.executable}}}", chosen=sys.executable)
    assert text.startswith(f"python: {sys.executable} ({VERSION})\n")


def test_nothing_is_told_of_a_job_that_runs_elsewhere(told):
    assert told("", chosen="/elsewhere/python") == ""
    assert told("python: {interpreter: /nowhere/python}", chosen="/nowhere/python") == ""

"""Which python a job of this machine runs with is told at submit, and what does not fit it."""

from __future__ import annotations

import json
import sys

import pytest

from launcher.cli._python import Asked
from launcher.spec.load import load_spec
from launcher.views import JobView

VERSION = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What is said of a job whose spec has these lines, run with `chosen` by the server's word."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)

    def tell(lines, program="print(1)", chosen=None):
        (tmp_path / "train.py").write_text(f"{program}\n")
        (tmp_path / "job.yaml").write_text(f"entrypoint: train.py\n{lines}\n")
        asked = Asked(load_spec(tmp_path / "job.yaml"))
        spec = {"python": {"interpreter": chosen or asked._asked}}
        asked.tell(JobView("a-1", "a", "QUEUED", spec=spec))
        return capsys.readouterr().err

    return tell


@pytest.fixture
def python(tmp_path):
    """Makes an interpreter that has these versions of packages, and says so when it is asked."""

    def make(**packages):
        found = {
            name: {"version": version, "module": version is not None}
            for name, version in packages.items()
        }
        answer = json.dumps({"python": "3.11.9", "packages": found})
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\necho '@launcher {answer}'\n")
        path.chmod(0o755)
        return f"python: {{interpreter: {path}}}"

    return make


def test_its_path_version_and_owner_are_told(told):
    assert told("") == f"python: {sys.executable} ({VERSION}), launcher's own\n"


def test_a_missing_framework_is_warned_of_with_where_and_what_to_do(told, python):
    text = told(python(torch=None), "import torch")
    assert "python: " in text
    assert "(3.11.9)" in text
    assert "warning: framework pytorch needs torch; found none in " in text
    assert "/python; add torch to python.requirements" in text


def test_one_that_is_too_old_is_warned_of(told, python):
    text = told(f"{python(tensorflow='2.13.0')}\nframework: tensorflow", "import tensorflow")
    assert "needs tensorflow>=2.16; found 2.13.0 in " in text


def test_a_program_that_does_not_import_it_needs_it_not(told, python):
    assert "warning" not in told(python(torch=None))


def test_versions_decide_what_is_warned_of(told, python):
    program = "import horovod.tensorflow.keras as hvd\no = hvd.DistributedOptimizer(o)"
    old = told(f"{python(horovod='0.28.1', keras='2.15.0')}\nframework: horovod", program)
    new = told(f"{python(horovod='0.28.1', keras='3.15.1')}\nframework: horovod", program)
    assert "warning" not in old
    assert "warning: train.py:2: with Keras 3 Horovod's own DistributedOptimizer reduces no" in new


def test_what_is_installed_for_the_job_is_not_missed(told):
    text = told("python: {requirements: [torch, --no-index]}", "import torch")
    assert "an environment of 1 requirement is made with it" in text
    assert "warning" not in text


def test_an_interpreter_that_the_spec_names_is_asked(told):
    text = told(f"python: {{interpreter: {sys.executable}}}", chosen=sys.executable)
    assert text.startswith(f"python: {sys.executable} ({VERSION})\n")


def test_of_a_job_that_runs_elsewhere_only_the_programs_own_faults_are_told(told, python):
    elsewhere = {"chosen": "/elsewhere/python"}
    assert told("", **elsewhere) == ""
    assert told(python(torch=None), "import torch", **elsewhere) == ""
    assert told("python: {interpreter: /nowhere/python}", chosen="/nowhere/python") == ""
    text = told("", "import tensorflow", **elsewhere)
    assert text.startswith("warning: train.py imports tensorflow, but framework is pytorch; ")

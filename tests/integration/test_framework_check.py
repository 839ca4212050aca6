"""What a framework needs is looked for on every node before any rank of the gang starts."""

from __future__ import annotations

import re
import socket
import venv
from pathlib import Path

import pytest
from stack import Stack

PROGRAM = "import {module}\nprint({module}.__version__)\n"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A python that has nothing but itself."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return str(folder / "bin" / "python")


def installed(folder: Path, module: str, version: str) -> str:
    """A folder for PYTHONPATH that has a package of this name and version."""
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(f"__version__ = {version!r}\n")
    (folder / f"{module}-{version}.dist-info").mkdir()
    return str(folder)


def test_a_missing_framework_ends_the_attempt_before_any_rank_starts(
    stack: Stack, bare: str
) -> None:
    program = PROGRAM.format(module="tensorflow")
    multi = {"strategy": "multi_worker_mirrored"}
    job = stack.run(
        program, framework="tensorflow", tensorflow=multi, python={"interpreter": bare}, retries=3
    )
    host = socket.gethostname()
    words = f"framework tensorflow needs tensorflow>=2.16; found none in {bare}; "
    assert f"rank 0 on node {host}: {words}" in job.reason
    assert "add tensorflow>=2.16 to python.requirements, or name a python.interp" in job.reason
    assert job.state == "FAILED"
    attempt = stack.last_attempt(job.id)
    assert (attempt.number, attempt.ending, attempt.exits) == (1, "SETUP_FAILED", ())


def test_a_node_that_lacks_it_is_named_by_its_first_rank(stack: Stack, bare: str) -> None:
    program = PROGRAM.format(module="torch")
    job = stack.run(program, placement="spread", python={"interpreter": bare})
    words = rf"rank [01] on node {socket.gethostname()}: framework pytorch needs torch; found none"
    assert re.match(words, job.reason)


def test_one_that_is_too_old_is_refused_and_a_new_one_is_not(
    stack: Stack, bare: str, tmp_path: Path
) -> None:
    program = PROGRAM.format(module="tensorflow")
    keys = {"workers": 1, "framework": "tensorflow", "python": {"interpreter": bare}}
    old, new = (
        {"PYTHONPATH": installed(tmp_path / version, "tensorflow", version)}
        for version in ("2.13.0", "2.21.0")
    )
    job = stack.run(program, env=old, **keys)
    assert f"needs tensorflow>=2.16; found 2.13.0 in {bare}; " in job.reason
    job = stack.run(program, env=new, **keys)
    assert job.state == "SUCCEEDED", stack.story(job.id)
    assert stack.log(job.id) == b"2.21.0\n"


def test_an_import_that_the_program_can_do_without_is_not_demanded(stack: Stack, bare: str) -> None:
    program = "try:\n    import torch\nexcept ImportError:\n    print('without')\n"
    job = stack.run(program, workers=1, python={"interpreter": bare})
    assert job.state == "SUCCEEDED", stack.story(job.id)
    assert stack.log(job.id) == b"without\n"

"""One framework's extra brings no other framework, and what development installs is pinned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRA = re.compile(r"^([a-z-]+) = \[([^]]*(?:\[[^]]*\][^]]*)*)\]$", re.MULTILINE)
PROJECT = (ROOT / "pyproject.toml").read_text()
SECTION = PROJECT.partition("[project.optional-dependencies]")[2].partition("[project.scripts]")[0]
EXTRAS = {
    name: set(re.findall(r'"([a-zA-Z0-9_-]+)', text)) for name, text in EXTRA.findall(SECTION)
}


@pytest.mark.parametrize(
    ("extra", "brings"),
    [
        ("torch", {"torch", "numpy"}),
        ("tensorflow", {"tensorflow"}),
        ("tensorflow-gpu", {"tensorflow"}),
        ("keras", {"keras"}),
        ("jax", {"jax"}),
        ("horovod", {"horovod"}),
    ],
)
def test_a_frameworks_extra_is_that_framework_alone(extra: str, brings: set[str]) -> None:
    assert EXTRAS[extra] == brings


def test_what_is_named_in_the_project_is_pinned_for_development() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = {name.lower() for name in re.findall(r"^([\w.-]+)==", constraints, re.MULTILINE)}
    # Built here, or of users alone: the others of TensorFlow's names have the same files.
    others = {"trainlaunch", "horovod", "tensorflow"}
    named = set().union(*(EXTRAS[extra] for extra in ("server", "ray", "torch", "dev", "all-cpu")))
    assert {name.lower() for name in named} - others - pinned == set()

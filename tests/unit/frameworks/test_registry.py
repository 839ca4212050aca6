from __future__ import annotations

import subprocess
import sys

import pytest

from launcher import frameworks
from launcher.errors import SpecError
from launcher.frameworks.base import Framework


def test_every_file_is_a_framework_and_loads() -> None:
    assert {"pytorch", "command"} <= set(frameworks.names())
    for name in frameworks.names():
        assert isinstance(frameworks.load(name), Framework)


@pytest.mark.parametrize("name", ["base", "_torchrun", "__init__"])
def test_shared_files_are_no_frameworks(name: str) -> None:
    assert name not in frameworks.names()
    with pytest.raises(SpecError):
        frameworks.load(name)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("pytorhc", "did you mean 'pytorch'?"),
        ("PyTorch", "did you mean 'pytorch'?"),
        ("comand", "did you mean 'command'?"),
        ("xyz", "write one of command"),
        ("../pytorch", "did you mean 'pytorch'?"),
    ],
)
def test_an_unknown_name_is_refused_with_a_way_out(typed: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        frameworks.load(typed)
    assert caught.value.message == f"unknown framework '{typed}'"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


def test_listing_the_names_imports_no_framework_file() -> None:
    program = (
        "import sys; from launcher import frameworks; frameworks.names();"
        "print([m for m in sys.modules if m.startswith('launcher.frameworks.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "['launcher.frameworks.base']"

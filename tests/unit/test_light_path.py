"""Commands that people type all day start at once: what they must not import, and the limit."""

import json
import os
import resource
import subprocess
import sys

import pytest

FORBIDDEN = {
    *("pydantic", "yaml", "rich", "ray", "torch", "tensorflow", "numpy", "pathspec"),
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "jinja2"),
    *("asyncio", "requests", "httpx", "urllib.request", "importlib.metadata", "difflib"),
}
PROBE = """
import sys
commands = [words.split() for words in sys.argv[1:]]
sys.argv = ["launcher"]
from launcher.cli._main import call
imported = []
for words in commands:
    call(words)
    imported.append(sorted(set(sys.modules).difference(*imported)))
import json
print()
print(json.dumps(imported))
"""
LIGHT = [
    ["--help"],
    ["--version"],
    ["list"],
    ["show", "digits"],
    ["logs", "digits"],
    ["why", "digits"],
    ["events", "digits"],
    ["metrics", "digits"],
    ["cancel", "digits"],
    *([command, "--help"] for command in ("run", "submit", "validate", "up", "down", "server")),
]


@pytest.fixture(scope="module")
def imported():
    """What each command imported that those before it had not, by its words.

    One process for all: a library that none of them imported is one that each does without.
    """
    commands = [" ".join(words) for words in LIGHT]
    # Nothing listens there: a command imports all that it needs before it asks.
    environment = os.environ | {"LAUNCHER_SERVER": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *commands],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return dict(zip(commands, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_a_light_command_imports_no_heavy_library(imported, words):
    assert FORBIDDEN.intersection(imported[" ".join(words)]) == set()


def test_help_imports_no_command(imported):
    own = {name for name in imported["--help"] if name.startswith("launcher")}
    assert own == {
        "launcher",
        "launcher.errors",
        "launcher.cli",
        "launcher.cli._main",
        "launcher.cli._commands",
        "launcher.cli._usage",
    }


def test_help_takes_little_more_cpu_than_click_itself():
    """On CPU time and beside a measure of the machine: a busy one makes neither fail."""

    def cpu_s(*arguments):
        def once():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return min(once() for _ in range(3))

    assert cpu_s("-m", "launcher", "--help") < 2.5 * cpu_s("-c", "import click")

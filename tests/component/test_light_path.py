"""Commands that people type all day start at once: what they must not import."""

import json
import os
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
    ["exec", "digits", "--", "true"],
    ["why", "digits"],
    ["events", "digits"],
    ["metrics", "digits"],
    ["cancel", "digits"],
    ["priority", "digits", "80"],
    ["limit", "digits", "4"],
    ["quota"],
    ["rm", "digits"],
    ["prune", "--older-than", "30d"],
    ["completion", "bash"],
    ["secret", "list"],
    ["whoami"],
    ["token", "list"],
    ["project", "list"],
    ["user", "list"],
    ["audit"],
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


def test_a_list_imports_nothing_of_what_it_does_not_show():
    """Each class of data takes a third of a millisecond to make: of people who wait for it."""
    views = {"views_users", "views_curves", "views_occupancy"}
    not_shown = views | {"model.plan", "model.access", "interpreters"}
    environment = os.environ | {"LAUNCHER_SERVER": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "list"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    [own] = json.loads(done.stdout.splitlines()[-1])
    assert not {f"launcher.{name}" for name in not_shown}.intersection(own)
    assert "launcher.views" in own  # it came as far as to what it shows


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


def test_a_server_alone_starts_without_what_only_several_or_kubernetes_need():
    """An attached cluster's head, or `pip install trainlaunch[server]`, has none of it."""
    probe = (
        "import sys; sys.modules |= dict.fromkeys(('httpcore', 'psycopg', 'kubernetes'))\n"
        "import launcher.server.main, launcher.server.serving, launcher.server.app"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

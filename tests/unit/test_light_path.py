"""Commands that people type all day start at once: what they must not import, and the limit."""

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
sys.argv = ["launcher", *sys.argv[1:]]
from launcher.cli._main import call
try:
    call(sys.argv[1:])
finally:
    print("\\n".join(sys.modules), file=sys.stderr)
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


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_a_light_command_imports_no_heavy_library(words, monkeypatch):
    # Nothing listens there: a command imports all that it needs before it asks.
    monkeypatch.setenv("LAUNCHER_SERVER", "http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    imported = set(done.stderr.splitlines())
    assert "launcher.cli._commands" in imported
    assert imported & FORBIDDEN == set()


def test_help_imports_no_command():
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "--help"], capture_output=True, text=True, check=True
    )
    own = {name for name in done.stderr.splitlines() if name.startswith("launcher")}
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

        return min(once() for _ in range(5))

    assert cpu_s("-m", "launcher", "--help") < 2.5 * cpu_s("-c", "import click")

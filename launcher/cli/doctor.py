"""`launcher doctor`: checks in words, each with the next step, and a report to paste."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.cli import _output, _words
from launcher.cli._options import FILLED, output_option

if TYPE_CHECKING:
    from launcher.cli.checks.finding import Finding

_MARKS = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "fault": ("XX", "red")}
_SHOWN_VARIABLES = ("LAUNCHER_", "RAY_", "CUDA_", "NCCL_", "GLOO_", "OMP_", "VIRTUAL_ENV", "CONDA_")
_SECRET_PARTS = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")


@click.command()
@click.option("--report", is_flag=True, help="Text to paste into an issue; holds no secret.")
@click.option(
    "--install",
    type=click.Choice(["horovod"]),
    help="Build what no package index has ready, and install it; checks nothing.",
)
@click.option(
    "--python",
    type=FILLED,
    metavar="PATH",
    help="With --install: the python that gets it. Without it: the one that would run a job here.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="With --install: compilers at a time. Without it: by CPUs and memory.",
)
@output_option()
def command(
    report: bool, install: str | None, python: str | None, jobs: int | None, output: str
) -> int:
    """Check this machine, the server and its clusters; says what to do about each fault.

    Starts nothing and changes nothing, but with --install. The exit code is 1 when something is
    broken.
    """
    if install:
        from launcher.cli.installing.horovod import install_horovod

        install_horovod(python, jobs)
        return 0
    for option, value in (("--python", python), ("--jobs", jobs)):
        if value is not None:
            raise click.UsageError(f"{option} belongs to --install")
    from launcher.address import OwnServer, find_server, state_dir
    from launcher.cli.checks.machine import check_machine
    from launcher.cli.checks.server import check_server

    address = find_server()
    is_own = isinstance(address, OwnServer)
    found = [*check_machine(state_dir(), is_own=is_own), *check_server(address)]
    if output == "json":
        _output.print_json([asdict(finding) for finding in found])
    elif report:
        print(report_text(found, os.environ, Path.home()))
    else:
        _print(found)
    return int(any(finding.verdict == "fault" for finding in found))


def report_text(
    found: Sequence[Finding], environment: os._Environ[str] | dict[str, str], home: Path
) -> str:
    """All findings as text, with what else a reader wants to know, and without secrets.

    Args:
        found: by the checks.
        environment: only variables that matter here are shown, secret ones by their name alone.
        home: shown as `~`.
    """
    lines = [f"- machine: {platform.platform()}, {os.cpu_count()} CPUs"]
    for finding in found:
        hint = f" (hint: {finding.hint})" if finding.verdict != "ok" else ""
        lines.append(f"- {finding.name}: {finding.verdict}: {finding.words}{hint}")
    for name in sorted(environment):
        if name.startswith(_SHOWN_VARIABLES):
            is_secret = any(part in name for part in _SECRET_PARTS)
            lines.append(f"- {name}={'(set)' if is_secret else _without_login(environment[name])}")
    text = "\n".join(lines)
    return f"launcher doctor\n\n{text.replace(str(home), '~') if home != Path('/') else text}"


def _without_login(value: str) -> str:
    """`https://user:password@host` without what opens it."""
    head, mark, host = value.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}://(login)@{host}" if mark and slashes else value


def _print(found: Sequence[Finding]) -> None:
    width = max(len(finding.name) for finding in found)
    for finding in found:
        mark, style = _MARKS[finding.verdict]
        print(f"{_output.paint(mark, style)}  {finding.name.ljust(width)}  {finding.words}")
        if finding.verdict != "ok":
            print(f"    {' ' * width}  {_output.paint('->', 'dim')} {finding.hint}")
    faults = sum(finding.verdict == "fault" for finding in found)
    warnings = sum(finding.verdict == "warning" for finding in found)
    if faults or warnings:
        told = f"{_words.plural(faults, 'fault')}, {_words.plural(warnings, 'warning')}"
        _output.note(f"{told}; launcher doctor --report gives a text to paste")
    else:
        _output.note("all is well")

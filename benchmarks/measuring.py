"""What all benchmarks share: rounds in turn, medians, pairs, Markdown, a line about the machine."""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from launcher import __version__

T = TypeVar("T")
_PATIENCE_S = 180.0
_POLL_S = 0.02


class Section:
    """One benchmark's part of the page; made before anything is measured, to see the load then."""

    def __init__(self, title: str, *, rounds: int) -> None:
        self._title, self._rounds = title, rounds
        self._load_before = os.getloadavg()[0]
        self._parts: list[str] = []

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [headings, ["---"] * len(headings), *rows]
        self._parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def stages(self, runs: Sequence[Mapping[str, float]], stages: Mapping[str, str]) -> None:
        """When each stage was reached, and how long after the one before.

        Args:
            runs: seconds from the start to each stage, of each run.
            stages: words for each, in their order. One that a run lacks has no time in it.
        """
        rows, before = [], [0.0] * len(runs)
        for name, words in stages.items():
            reached = [run.get(name, math.nan) for run in runs]
            gaps = [now - then for now, then in zip(reached, before, strict=True)]
            rows.append([words, spread(reached), f"+ {statistics.median(gaps):.2f} s"])
            before = reached
        self.table(["reached", "after", "since the one before"], rows)

    def note(self, text: str) -> None:
        self._parts.append(text)

    def print(self) -> None:
        loads = f"load {self._load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
        rounds = f"{self._rounds} round{'s' * (self._rounds != 1)}"
        when = f"{rounds} on {time.strftime('%Y-%m-%d')}, {loads}."
        print("\n\n".join([f"### {self._title}", when, *self._parts]), end="\n\n", flush=True)


def machine_line() -> str:
    """Hardware and versions, for the head of the page."""
    names = {"torch": "torch", "ray": "Ray"}
    versions = [f"{word} {_version(name)}" for name, word in names.items()]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    hardware = f"{os.cpu_count()} cores ({_cpu_model()}), {memory:.0f} GiB"
    own = f"launcher {__version__}, Python {platform.python_version()}"
    return f"{hardware}, Linux {platform.release()}; {own}, {', '.join(versions)}."


def rounds_parser(description: str | None, default: int = 5) -> argparse.ArgumentParser:
    """A command line with `--rounds`."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    told = str(default) if default else "each benchmark's own"
    parser.add_argument("--rounds", type=int, default=default, help=f"default: {told}")
    return parser


def add_ray_option(parser: argparse.ArgumentParser) -> None:
    """`--ray-python`: whose Ray is the peer."""
    parser.add_argument(
        "--ray-python",
        default=sys.executable,
        metavar="PYTHON",
        help="of an environment with ray[default,train], and torch; default: this one",
    )


def interleaved(rounds: int, variants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """A B C A B C …: what burdens the machine for a while burdens every variant alike.

    Returns:
        What each variant gave; equal places of the lists are of the same round, that is a pair.
    """
    results: dict[str, list[T]] = {name: [] for name in variants}
    for number in range(1, rounds + 1):
        for name, run in variants.items():
            say(f"round {number}/{rounds}: {name}")
            results[name].append(run())
    return results


def spread(values: Sequence[float], unit: str = "s") -> str:
    """Median and range.

    >>> spread([3.2, 3.0, 12.34])
    '3.20 s (3.00-12.3)'
    """
    low, high = min(values), max(values)
    return f"{_figure(statistics.median(values))} {unit} ({_figure(low)}-{_figure(high)})"


def ratio(own: Sequence[float], peer: Sequence[float]) -> str:
    """Median and range over the pairs of what was measured one after the other.

    >>> ratio([2.0, 3.0, 9.0], [2.0, 2.0, 3.0])
    '1.50 x (1.00-3.00)'
    """
    return spread([one / other for one, other in zip(own, peer, strict=True)], "x")


def wait_until(
    holds: Callable[[], T | None],
    what: str,
    patience_s: float = _PATIENCE_S,
    every_s: float = _POLL_S,
) -> T:
    """The first true answer of `holds`."""
    give_up = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > give_up:
            sys.exit(f"not within {patience_s:g} s: {what}")
        time.sleep(every_s)
    return found


def say(text: str) -> None:
    """Progress, beside the results on stdout."""
    print(f"  {text}", file=sys.stderr, flush=True)


def _figure(value: float) -> str:
    """Three digits that count.

    >>> _figure(123.456), _figure(0.98765), _figure(0.0123)
    ('123', '0.988', '0.0123')
    """
    places = next((n for n in range(6) if abs(value) >= 10 ** (2 - n)), 6)
    return f"{value:.{places}f}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""What goes together: frameworks, strategies, versions and programs, by one table of facts.

The table is data, compatibility.json beside this file. The spec's checks, `launcher submit` and the
agents read it through here; `launcher/spec/compatibility_page.py` prints it as
docs/compatibility.md. Standard library only, as agents are.

What a job is known to be is its `Situation`. What nobody knows counts as the newest: a job whose
versions were not looked at is judged as one of a fresh installation.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from launcher.frameworks import _probe, _versions

Verdict = Literal["works", "warned", "refused"]
_TABLE = Path(__file__).with_name("compatibility.json")
_ANOTHER = "a python.interpreter that has it"
_TRUE = frozenset({"1", "true"})

LEGACY_KERAS = "legacy Keras"
IMPORTS_TORCH = "imports torch"


@dataclass(frozen=True)
class Package:
    """What an interpreter has of a package."""

    version: str = ""
    """Empty: there is no record of it."""
    module: bool = True
    """Its module can be found."""

    def __str__(self) -> str:
        """As it stands behind the word `found`.

        >>> print(Package("2.13.0"), "-", Package("", module=False), "-", Package())
        2.13.0 - none - one without a version
        """
        if self.module:
            return self.version or "one without a version"
        return f"the record of {self.version}, but no module" if self.version else "none"


@dataclass(frozen=True)
class Situation:
    """What is known of a job."""

    framework: str
    strategy: str = ""
    """`tensorflow.strategy` or `keras.backend`; empty for other frameworks."""
    workers: int = 1
    traits: frozenset[str] = frozenset()
    """What its program and its environment tell, in the table's words."""
    packages: Mapping[str, Package] = field(default_factory=dict)
    """By name, those that were looked at."""


@dataclass(frozen=True)
class Row:
    """One fact. All conditions must hold; an empty one does."""

    framework: str
    strategy: str
    workers: int
    """From so many on."""
    packages: Mapping[str, str]
    """Conditions on versions, as `<2.18`, by package."""
    traits: tuple[str, ...]
    without: tuple[str, ...]
    """Traits that must not be there."""
    verdict: Verdict
    key: str
    """Of the spec, with dots: where a complaint about it is placed; empty: the entrypoint."""
    what: str
    ways_out: tuple[str, ...]
    checked: Mapping[str, str]
    """Versions with which it was seen."""

    def holds(self, of: Situation) -> bool:
        """Whether this fact is about such a job."""
        return (
            self.framework == of.framework
            and self.strategy in {"", of.strategy}
            and of.workers >= self.workers
            and of.traits.issuperset(self.traits)
            and of.traits.isdisjoint(self.without)
            and all(_fits(of.packages, *one) for one in self.packages.items())
        )

    @property
    def words(self) -> str:
        """What is wrong, and the ways out of it, in one line; only of what does not work."""
        return "; or ".join([f"{self.what}; {self.ways_out[0]}", *self.ways_out[1:]])


@dataclass(frozen=True)
class Need:
    """Packages without which no program of a framework runs."""

    framework: str
    strategy: str
    traits: tuple[str, ...]
    packages: Mapping[str, str]
    way_out: str

    def is_of(self, situation: Situation) -> bool:
        return (
            self.framework == situation.framework
            and self.strategy in {"", situation.strategy}
            and situation.traits.issuperset(self.traits)
        )


@dataclass(frozen=True)
class Table:
    known: Mapping[str, Mapping[str, Any]]
    """Module and distributions of each package, for the probe."""
    needs: tuple[Need, ...]
    rows: tuple[Row, ...]


@functools.cache
def table() -> Table:
    """The whole table, read once."""
    data = json.loads(_TABLE.read_text("utf-8"))
    return Table(
        data["packages"],
        tuple(_need(entry) for entry in data["needs"]),
        tuple(_row(entry) for entry in data["rows"]),
    )


def problems(situation: Situation) -> list[Row]:
    """What is refused in such a job, then what it is warned of."""
    found = [row for row in table().rows if row.verdict != "works" and row.holds(situation)]
    return sorted(found, key=lambda row: row.verdict != "refused")


def lack(situation: Situation, python: str) -> str:
    """What the framework needs and the job's interpreter has not, in words; empty: nothing.

    Args:
        situation: with what the interpreter has.
        python: its path, for the words.
    """
    needs = [need for need in table().needs if need.is_of(situation)]
    missing = [
        (name, condition)
        for need in needs
        for name, condition in need.packages.items()
        if not _has(situation.packages, name, condition)
    ]
    if not missing:
        return ""
    wanted = " and ".join(f"{name}{condition}" for name, condition in missing)
    found = [f"{situation.packages[name]}" for name, _ in missing]
    if len(missing) > 1:
        found = [f"{text} of {name}" for text, (name, _) in zip(found, missing, strict=True)]
    ways = [need.way_out for need in needs if need.way_out]
    way = ways[0] if ways else f"add {wanted} to python.requirements, or name {_ANOTHER}"
    return f"{_named(situation)} needs {wanted}; found {' and '.join(found)} in {python}; {way}"


def environment_traits(env: Mapping[str, str]) -> frozenset[str]:
    """What the variables of a job tell.

    >>> environment_traits({"TF_USE_LEGACY_KERAS": "1"})
    frozenset({'legacy Keras'})
    """
    legacy = env.get("TF_USE_LEGACY_KERAS", "").lower() in _TRUE
    return frozenset({LEGACY_KERAS} if legacy else ())


def question(situation: Situation, folder: str) -> list[str]:
    """Arguments for an interpreter that shall tell what it has; none where nothing is needed.

    Args:
        situation: of the job.
        folder: of its program.
    """
    entries: list[Need | Row] = [need for need in table().needs if need.is_of(situation)]
    if not entries:
        return []
    entries += [
        row
        for row in table().rows
        if row.framework == situation.framework and row.strategy in {"", situation.strategy}
    ]
    wanted = {name: table().known[name] for entry in entries for name in entry.packages}
    return [_probe.__file__, folder, json.dumps(wanted)]


def read_answer(output: str) -> tuple[str, dict[str, Package]]:
    """The python's version and what it has, out of all that it printed; empty without an answer."""
    for line in reversed(output.splitlines()):
        if line.startswith(_probe.MARK):
            told = json.loads(line[len(_probe.MARK) :])
            return told["python"], {
                name: Package(found["version"] or "", found["module"])
                for name, found in told["packages"].items()
            }
    return "", {}


def _fits(packages: Mapping[str, Package], name: str, condition: str) -> bool:
    found = packages.get(name, Package())
    # What is not there at all is in no version; what has no version counts as the newest.
    return found.module and _versions.meets(found.version, condition)


def _has(packages: Mapping[str, Package], name: str, condition: str) -> bool:
    return name not in packages or _fits(packages, name, condition)


def _named(situation: Situation) -> str:
    on = f" on {situation.strategy}" if situation.framework == "keras" else ""
    return f"framework {situation.framework}{on}"


def _row(entry: Mapping[str, Any]) -> Row:
    return Row(
        entry["framework"],
        entry.get("strategy", ""),
        entry.get("workers", 1),
        entry.get("packages", {}),
        tuple(entry.get("with", ())),
        tuple(entry.get("without", ())),
        entry["verdict"],
        entry.get("key", ""),
        entry["what"],
        tuple(entry.get("ways_out", ())),
        entry["checked"],
    )


def _need(entry: Mapping[str, Any]) -> Need:
    return Need(
        entry["framework"],
        entry.get("strategy", ""),
        tuple(entry.get("with", ())),
        entry["packages"],
        entry.get("way_out", ""),
    )

"""Complaints about a spec: where, which key, what is wrong, what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from launcher.errors import SpecError
from launcher.spec.values import Path


@dataclass(frozen=True)
class Place:
    """A point of a text, counted from 1; or a command-line flag, which has no lines."""

    flag: bool
    source: str
    """The file as the user named it, or the flag as he wrote it."""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


def in_file(source: str, line: int = 1, column: int = 1) -> Place:
    return Place(False, source, line, column)


def on_flag(source: str) -> Place:
    return Place(True, source)


@dataclass(frozen=True)
class Complaint:
    place: Place
    path: str
    """The key with dots between; empty when the place says it all."""
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.path, self.text) if part)


def refusal(complaints: Iterable[Complaint]) -> SpecError:
    """All complaints in one error, a line each, in the order of the text; flags come last."""
    ordered = sorted(complaints, key=lambda one: (one.place.flag, one.place.line, one.place.column))
    return SpecError("\n".join(dict.fromkeys(map(str, ordered))))


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


@dataclass
class Draft:
    """What the user wrote before it is judged: plain data, and where each piece of it stands."""

    source: str
    data: dict[str, Any] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    raw: dict[Path, str] = field(default_factory=dict)
    """Unquoted scalars as they were written: `yes`, where `data` holds True."""
    complaints: list[Complaint] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)
    """Values that could not be read, so that nothing more is said about them."""

    def place_of(self, path: Path, *, key: bool = False) -> Place:
        """Where a value (or its key) stands; what was not written stands where its parent does."""
        places = self.keys if key else self.values
        while path and path not in places:
            path = path[:-1]
            places = self.values
        return places.get(path, Place(False, self.source))

    def shown(self, path: Path, value: object) -> str:
        """A value as the user wrote it, in quotes when it is text, and cut when it is long."""
        text = repr(value) if isinstance(value, str) else self.raw.get(path, str(value))
        return text if len(text) <= 60 else f"{text[:57]}..."

    def complain(self, path: Path, text: str, *, key: bool = False) -> None:
        place = self.place_of(path, key=key)
        names_it = place.flag and self.values.get(path[:-1]) != place
        self.complaints.append(Complaint(place, "" if names_it else dotted(path), text))

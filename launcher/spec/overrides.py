"""`--set resources.workers=4`: single keys of a spec changed on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from launcher.errors import SpecError
from launcher.spec.complaints import Complaint, Draft, Place, dotted, on_flag
from launcher.spec.document import read_value
from launcher.spec.values import Path

_KEY_PATH = re.compile(r"[^.\s=]+(\.[^.\s=]+)*")


class Flag(str):
    """`key=value` of another flag than `--set`; complaints name that flag as it was written."""

    __slots__ = ("written",)
    written: str

    @classmethod
    def of(cls, key: str, value: str, written: str) -> Flag:
        """The override of a key; `written` as `--workers 4`."""
        made = cls(f"{key}={value}")
        made.written = written
        return made


def apply_overrides(draft: Draft, overrides: Iterable[str]) -> None:
    """Puts each `key=value` into the draft, the last word on a key; its place is then the flag."""
    for override in overrides:
        place = on_flag(override.written if isinstance(override, Flag) else f"--set {override}")
        dotted_path, equals, text = override.partition("=")
        if not equals or not _KEY_PATH.fullmatch(dotted_path):
            words = "expected key=value, as resources.workers=4"
            draft.complaints.append(Complaint(place, "", words))
            continue
        _apply(draft, tuple(dotted_path.split(".")), text, place)


def put(draft: Draft, path: tuple[str, ...], value: Any, place: Place) -> None:
    """Sets one value of a draft, making the sections above it."""
    forget(draft, path)
    _section_of(draft, path)[path[-1]] = value
    draft.values[path] = draft.keys[path] = place


def forget(draft: Draft, path: Path) -> None:
    """Drops the places of a value that is about to be replaced, and of all that is in it."""
    for places in (draft.values, draft.keys, draft.raw):
        for old in [old for old in places if old[: len(path)] == path]:
            del places[old]


def _apply(draft: Draft, path: tuple[str, ...], text: str, place: Place) -> None:
    section = _first_non_section(draft, path)
    if section is not None:
        words = f"{dotted(section)} has no keys in it"
        draft.complaints.append(Complaint(place, "", words))
        return
    forget(draft, path)
    try:
        value = read_value(text, draft, path, place)
    except SpecError as error:
        draft.complaints.append(Complaint(place, "", str(error).removeprefix(f"{place}: ")))
        return
    _section_of(draft, path)[path[-1]] = value
    draft.values[path] = draft.keys[path] = place


def _first_non_section(draft: Draft, path: tuple[str, ...]) -> Path | None:
    """The first step of a path that holds a plain value, so that nothing can be set within."""
    at: Any = draft.data
    for depth, step in enumerate(path[:-1], start=1):
        at = at.get(step)
        if at is None:
            return None
        if not isinstance(at, dict):
            return path[:depth]
    return None


def _section_of(draft: Draft, path: tuple[str, ...]) -> dict[str, Any]:
    at = draft.data
    for step in path[:-1]:
        if at.get(step) is None:
            at[step] = {}
        at = at[step]
    return at

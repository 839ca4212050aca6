"""Puts what the line of another launcher says into a spec that is being read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.spec.complaints import Draft
from launcher.spec.entrypoint import one_line
from launcher.spec.overrides import put
from launcher.spec.shellwords import split_line
from launcher.spec.translation import Line, Setting, is_launch_line, translate
from launcher.spec.translation.line import NODES, PER_NODE, WORKERS, Key
from launcher.spec.values import WrongValueError
from launcher.units import parse_duration

_ENTRYPOINT: Key = ("entrypoint",)


def translate_entrypoint(draft: Draft) -> None:
    """Replaces a line of another launcher by its program, and sets the keys that its flags mean.

    What the user wrote himself is never overruled: where it differs, both are named. The script of
    a `framework: command` is left alone: it may be meant so, and is answered when it is judged.
    """
    words = _words(draft.data.get("entrypoint"))
    if draft.data.get("framework") == "command" or not is_launch_line(words):
        return
    line = _read(draft, words)
    if line is None:
        return
    for fault in line.faults:
        draft.complain(_ENTRYPOINT, fault)
    if not line.program:
        draft.unread.add(_ENTRYPOINT)
        return
    _set_keys(draft, line)
    _replace(draft, line)


def _words(value: object) -> list[str]:
    """The first look, which costs little: most entrypoints are no such line."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple) and all(isinstance(w, str | int | float) for w in value):
        return [str(getattr(word, "raw", word)) for word in value]
    return []


def _read(draft: Draft, words: list[str]) -> Line | None:
    """The line; None when it cannot even be split into words, which the judge complains about."""
    value = draft.data["entrypoint"]
    if isinstance(value, str):
        try:
            words = split_line(value)
        except WrongValueError as error:
            draft.complain(_ENTRYPOINT, str(error).replace("{value}", repr(value)))
            draft.unread.add(_ENTRYPOINT)
            return None
    return translate(words)


def _set_keys(draft: Draft, line: Line) -> None:
    framework = Setting(line.framework, line.tool)
    if line.framework != "pytorch" or "framework" in draft.data:
        _set(draft, ("framework",), framework)
    for path, setting in line.keys.items():
        _set(draft, path, setting)
    for path, setting in line.held.items():
        written = _written(draft, path)
        if written is not None and not _same(path, written, setting.value):
            _contradicts(draft, path, written, setting)
    for path, value in line.defaults.items():
        if all(_written(draft, other) is None for other in (path, PER_NODE)):
            _put(draft, path, value)
    counted = _written(draft, WORKERS) or (_written(draft, PER_NODE) and _written(draft, NODES))
    if line.lacks_workers and not counted:
        draft.complain(_ENTRYPOINT, f"{line.lacks_workers}, or resources: {{workers: N}}")


def _set(draft: Draft, path: Key, setting: Setting) -> None:
    written = _written(draft, path)
    if written is None:
        _put(draft, path, setting.value)
    elif not _same(path, written, setting.value):
        _contradicts(draft, path, written, setting)


def _written(draft: Draft, path: Key) -> Any:
    """What the spec says of a key so far; None when nothing."""
    at: Any = draft.data
    for step in path:
        at = at.get(step) if isinstance(at, Mapping) else None
    return at


def _same(path: Key, written: object, value: object) -> bool:
    if path[0] == "timeouts" and isinstance(written, str | int | float):
        try:
            return parse_duration(written) == value
        except ValueError:
            return True  # it is complained about for itself
    return written == value or (path[0] == "env" and str(written) == str(value))


def _contradicts(draft: Draft, path: Key, written: object, setting: Setting) -> None:
    # In the place of the key: that is what its author may have to take away.
    shown = draft.shown(path, written)
    draft.complain(
        path,
        f"{shown} contradicts {setting.flag} in entrypoint; remove one of the two",
    )
    draft.unread.add(path)  # whatever else it clashes with, clashes with the flag


def _put(draft: Draft, path: Key, value: Any) -> None:
    sections = [path[:depth] for depth in range(1, len(path))]
    if all(isinstance(_written(draft, section) or {}, Mapping) for section in sections):
        put(draft, path, value, draft.place_of(_ENTRYPOINT))


def _replace(draft: Draft, line: Line) -> None:
    place = draft.place_of(_ENTRYPOINT)
    as_list = isinstance(draft.data["entrypoint"], list | tuple) and not place.flag
    put(draft, _ENTRYPOINT, line.program if as_list else one_line(line.program, "pytorch"), place)

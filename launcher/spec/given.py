"""A spec out of what a Python program has: a file's path, a dict, keywords."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from launcher.errors import SpecError
from launcher.spec.complaints import Draft, on_flag
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import judge
from launcher.spec.load import read_draft, with_files_checked
from launcher.spec.overrides import put

Given: TypeAlias = "JobSpec | str | os.PathLike[str] | Mapping[str, Any] | None"
"""What `given_spec` reads."""


def given_spec(given: Given, keys: Mapping[str, Any]) -> JobSpec:
    """The spec, with its files checked as `load_spec` does.

    Args:
        given: a spec file's path, a spec's keys, both of which may be changed by `keys`; nothing,
            when these are all of it; or a spec that was read already.
        keys: of the spec, those of a section one by one: `resources={"workers": 4}` leaves the
            section's other keys as they are.

    Raises:
        SpecError: every complaint about it.
    """
    if isinstance(given, JobSpec):
        if keys:
            names = ", ".join(keys)
            raise SpecError(
                f"a JobSpec is whole: {names} cannot be changed here",
                hint="give the file's path, or a dict of its keys",
            )
        return given
    draft, folder = _draft(given)
    for path, value in _leaves(keys):
        put(draft, path, value, on_flag(f"{'.'.join(path)}={_shown(value)}"))
    return with_files_checked(judge(draft), draft, folder=folder)


def _draft(given: str | os.PathLike[str] | Mapping[str, Any] | None) -> tuple[Draft, Path]:
    """What is written, and the folder that its workdir is relative to."""
    if isinstance(given, Mapping):
        return Draft("the given spec", _plain(given)), Path.cwd()
    if given is None:
        return Draft("the given keys"), Path.cwd()
    file = Path(given).expanduser()
    return read_draft(file), file.parent


def _leaves(keys: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for key, value in keys.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), _plain(value)


def _plain(value: Any) -> Any:
    """As YAML would give it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

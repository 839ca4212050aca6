"""Values of the keys about checkpoints that a program saves by itself: `checkpoints.watch`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from launcher.model import globs
from launcher.spec.values import WrongValueError, each, kind_of, sendable

_EXAMPLE = "snapshot.pt or runs/checkpoint-*"


def watch_list(value: object) -> tuple[str, ...]:
    """A list of patterns, in the job's folder or absolute."""
    if isinstance(value, str) and value.strip():
        raise WrongValueError("expected a list of paths, found {value}; write [{value}]")
    if not isinstance(value, list | tuple):
        raise WrongValueError(
            f"expected a list of paths, found {kind_of(value)}; write [snapshot.pt], "
            "or remove the line"
        )
    return each(value, _pattern)


def _pattern(value: object, index: int) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"expected a path, found {kind_of(value)}", at=(index,))
    fault = _fault(value)
    if fault:
        raise WrongValueError(fault, at=(index,))
    return sendable(value)


def _fault(pattern: str) -> str | None:
    """Why a text is no pattern to watch, in words."""
    if not pattern.strip():
        return f"is empty; write {_EXAMPLE}"
    if pattern.startswith("~") or "$" in pattern:
        return "{value}: neither ~ nor variables are expanded; write the path itself"
    fault = globs.fault(pattern.lstrip("/"))
    if fault is None:
        return None
    place = "the file system" if pattern.startswith("/") else "the job's folder"
    return f"{{value}} {fault.replace('the folder', place)}; write {_EXAMPLE}"


def behind_links(
    watch: Iterable[str], links: Iterable[tuple[str, str]]
) -> Iterator[tuple[int, str]]:
    """Patterns that lead through a link of the job, where nothing is looked for: index and words.

    Args:
        watch: the patterns.
        links: name within the job's folder, and absolute target, of each.
    """
    for index, pattern in enumerate(watch):
        path = "/".join(globs.split(pattern))
        for name, target in links:
            if not pattern.startswith("/") and (path == name or path.startswith(f"{name}/")):
                there = f"{target}{path[len(name) :]}"
                yield index, f"{{value}} lies behind the link {name}; write {there}"


def inside_workdir(watch: Iterable[str], workdir: Path) -> Iterator[tuple[int, str]]:
    """Absolute patterns that mean the submitter's own folder: index and words."""
    own = f"{workdir}/"
    for index, pattern in enumerate(watch):
        if pattern.startswith("/") and f"{os.path.normpath(pattern)}/".startswith(own):
            within = os.path.relpath(pattern, workdir)
            why = "lies in the workdir, of which the job has a copy of its own"
            yield index, f"{pattern!r} {why}; write {within if within != '.' else _EXAMPLE}"


Watch = Annotated[
    tuple[str, ...],
    BeforeValidator(watch_list),
    WithJsonSchema({"type": "array", "items": {"type": "string", "minLength": 1}}),
]

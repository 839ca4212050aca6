"""Turns a draft into a JobSpec, or into every complaint about it in our own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from launcher.spec.complaints import Complaint, Draft, dotted, in_file, refusal
from launcher.spec.hints import hint_for
from launcher.spec.jobspec import JobSpec
from launcher.spec.translation.into_draft import translate_entrypoint
from launcher.spec.unbuilt import KEYS_NOT_BUILT
from launcher.spec.values import Path, WrongValueError, did_you_mean, kind_of


def judge(draft: Draft) -> JobSpec:
    """The spec that a draft holds.

    Raises:
        SpecError: all complaints, those of reading the draft among them.
    """
    translate_entrypoint(draft)
    try:
        spec = JobSpec.model_validate(draft.data)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            _complain(draft, fault)
        raise refusal(draft.complaints) from error
    if draft.complaints:
        raise refusal(draft.complaints)
    return spec


def spec_from_data(data: object, source: str = "spec") -> JobSpec:
    """A spec that came as plain data, as in a request; positions are then keys only.

    Raises:
        SpecError: all complaints.
    """
    if not isinstance(data, Mapping):
        text = f"expected keys and values, found {kind_of(data)}"
        raise refusal([Complaint(in_file(source, 0, 0), "", text)])
    return judge(Draft(source, dict(data)))


def key_paths(model: type[BaseModel] = JobSpec, prefix: str = "") -> Iterator[str]:
    """Every key that a spec may have, with dots, sections before what is in them."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from key_paths(field.annotation, f"{prefix}{name}.")


def _complain(draft: Draft, fault: ErrorDetails) -> None:
    path: Path = tuple(part for part in fault["loc"] if part != "[key]")
    if any(path[:depth] in draft.unread for depth in range(1, len(path) + 1)):
        return None  # it is complained about already
    problem = fault.get("ctx", {}).get("error")
    if fault["type"] == "extra_forbidden":
        not_built = dotted(path) in KEYS_NOT_BUILT
        return draft.complain(path, _unknown(dotted(path)), key=not not_built)
    if isinstance(problem, WrongValueError):
        for one in (problem, *problem.more):
            _complain_of(draft, fault, path, one)
        return None
    return _complain_of(draft, fault, path, problem)


def _complain_of(draft: Draft, fault: ErrorDetails, path: Path, problem: object) -> None:
    """The complaint about one part of a value, or about the whole of it."""
    value: Any = fault["input"]
    on_key = fault["loc"][-1:] == ("[key]",)
    if isinstance(problem, WrongValueError) and problem.at:
        value = _part(value, problem.at)
        path += problem.at
        on_key = path[0] == "env"
        if path in draft.unread:
            return
    keys = _keys_of(dotted(path))
    text = _words(fault, problem, value).replace("{value}", draft.shown(path, value))
    text = text.replace("{keys}", f"keys ({keys})" if keys else "keys and values")
    draft.complain(path, text, key=on_key)


def _part(value: Any, at: Path) -> Any:
    for step in at:
        inside = isinstance(value, Mapping) and step in value
        value = value[step] if inside or isinstance(value, list | tuple) else None
    return value


def _unknown(name: str) -> str:
    if name in KEYS_NOT_BUILT:
        meanwhile = KEYS_NOT_BUILT[name]
        return f"not in this version; {meanwhile}" if meanwhile else "not in this version"
    section = name.rpartition(".")[0]
    hint = hint_for(name, [*key_paths(), *KEYS_NOT_BUILT])
    return f"unknown key{hint or '; known here: ' + _keys_of(section)}"


def _keys_of(section: str) -> str:
    """The keys right in a section ("" is the top), for people to read."""
    return ", ".join(
        name.rpartition(".")[2] for name in key_paths() if name.rpartition(".")[0] == section
    )


def _words(fault: ErrorDetails, problem: object, value: object) -> str:
    """What is wrong, in our words; pydantic's own kinds of fault that can still come are here."""
    if isinstance(problem, ValueError):
        return str(problem)
    if fault["type"] == "missing":
        return "is missing; write the program, as entrypoint: train.py --epochs 5"
    if fault["type"] == "literal_error":
        choices = re.findall(r"\w+", fault["ctx"]["expected"].replace(" or ", " "))
        return f"{{value}} is none of {', '.join(choices)}{did_you_mean(str(value), choices)}"
    return f"cannot be {kind_of(value)}"

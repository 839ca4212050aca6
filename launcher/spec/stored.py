"""A spec as a server shows it, which may be newer than this client, or older."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from launcher.spec.jobspec import JobSpec


def from_server(stored: Mapping[str, Any]) -> JobSpec:
    """The spec of a job, without what a newer release has to say and this one cannot know."""
    return JobSpec.model_validate(_known(JobSpec, stored))


def _known(cls: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    known = {}
    for key, field in cls.model_fields.items():
        if key not in data:
            continue
        value, section = data[key], _section(field.annotation)
        known[key] = _known(section, value) if section and isinstance(value, Mapping) else value
    return known


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model of a key that is a section, also of one that may be left out."""
    choices = typing.get_args(annotation) or (annotation,)
    found = (one for one in choices if isinstance(one, type) and issubclass(one, BaseModel))
    return next(found, None)

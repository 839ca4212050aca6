"""A spec as YAML: what its user would have written, without what is a default anyway."""

from __future__ import annotations

from operator import eq
from typing import Any

import yaml
from pydantic import BaseModel

from launcher import units
from launcher.spec.jobspec import JobSpec, Outputs
from launcher.spec.resources import Resources

_DURATIONS = frozenset({"backoff", "run", "start", "queue", "grace", "resize_every"})
_SIZES = frozenset({"memory_per_worker"})
_MIB = 2**20
_OTHER_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")


class _Dumper(yaml.SafeDumper):
    """Several lines stand as a block: `entrypoint: |`."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _OTHER_BREAKS.intersection(text):
        style = '"'  # PyYAML takes them for ends of lines, and folds them, in every other style
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(spec: JobSpec) -> str:
    """YAML that reads back as an equal spec, in the order of the reference."""
    text: str = yaml.dump(
        _written(spec), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text


def _written(part: BaseModel) -> dict[str, Any]:
    """The keys that differ from their default."""
    data: dict[str, Any] = {}
    for key, field in type(part).model_fields.items():
        value = getattr(part, key)
        if value != field.get_default(call_default_factory=True):
            data[key] = written_value(key, value)
    if isinstance(part, Resources) and _has_own_workers(part):
        data["workers"] = part.workers
    return data


def to_json(spec: JobSpec) -> dict[str, Any]:
    """A spec as a server is sent it, which may be older than this client.

    Without what is a default anyway: an older server refuses keys that it does not know, and shall
    do so only for one that was used.
    """
    data: dict[str, Any] = spec.model_dump(mode="json", exclude_defaults=True)
    if _has_own_workers(spec.resources):
        data["resources"]["workers"] = spec.model_dump(mode="json")["resources"]["workers"]
    return data


def _has_own_workers(resources: Resources) -> bool:
    """Their number has to be written, else it would be read as the product of the other two."""
    return bool(resources.nodes and resources.workers_per_node)


def written_value(key: str, value: Any) -> Any:
    """A value in the form that a user would write under this key."""
    if isinstance(value, Outputs) and value.rank == 0:
        return list(value.paths)
    if isinstance(value, BaseModel):
        return _written(value)
    if isinstance(value, tuple) or (key == "secrets" and all(map(eq, value, value.values()))):
        return list(value)
    if key in _DURATIONS:
        return _duration(value)
    if key in _SIZES:
        return _size(value)
    return value


def _duration(seconds: float) -> str | float:
    """As people write it where nothing is lost by that: `12h`, not 43200.0."""
    words = units.format_duration(seconds)
    return words if units.parse_duration(words) == seconds else seconds


def _size(count: int) -> str | int:
    for unit, name in ((_MIB * 1024, "GiB"), (_MIB, "MiB")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return count

"""The spec of a job once more, with some keys changed, and what differs from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from launcher.errors import SpecError
from launcher.spec.dump import to_yaml
from launcher.spec.jobspec import JobSpec
from launcher.spec.load import parse_spec
from launcher.spec.stored import from_server


class Difference(NamedTuple):
    """A key with its values as people read them; `-` where there is none."""

    key: str
    before: str
    after: str


def again(stored: Mapping[str, Any], overrides: Iterable[str], *, source: str) -> JobSpec:
    """A stored spec with keys changed.

    Args:
        stored: as the server gave it.
        overrides: `key=value`, as `--set` takes them.
        source: what complaints call it.

    Raises:
        SpecError: every complaint; `workdir` cannot be changed, for the code is the job's own.
    """
    before = from_server(stored)
    spec = parse_spec(to_yaml(before), source, overrides)
    if spec.workdir != before.workdir:
        raise SpecError(
            "workdir: a clone takes the code that the job was submitted with",
            hint="launcher submit sends another folder",
        )
    return spec


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The keys in which two specs differ, in the order of the second.

    >>> differences({"retries": {"max": 0}}, {"retries": {"max": 3}})
    [Difference(key='retries.max', before='0', after='3')]
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    keys = [*new, *(key for key in old if key not in new)]
    return [
        Difference(key, _shown(old.get(key)), _shown(new.get(key)))
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)

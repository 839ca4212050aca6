"""docs/job-spec.md, made of the models: `python -m launcher.spec.reference > docs/job-spec.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from launcher.spec.dump import written_value
from launcher.spec.jobspec import JobSpec
from launcher.spec.schema import json_schema
from launcher.spec.unbuilt import KEYS_NOT_BUILT

_HEAD = """\
# Job spec

<!-- Made by `python -m launcher.spec.reference > docs/job-spec.md`; change launcher/spec. -->

One YAML file is one job. Only `entrypoint` must be there:

```yaml
name: digits
framework: pytorch
entrypoint: train.py --epochs 5
resources: {workers: 2, memory_per_worker: 8GiB}
retries: {max: 3}
timeouts: {run: 12h}
```

`launcher validate job.yaml` tells every mistake at once, each with line and column.
`--set resources.workers=4` changes one key for one submit. `launcher schema` prints the JSON schema
for editors, `launcher init` writes a first file. Without YAML:
`launcher run --workers 2 -- train.py --epochs 5`.

A duration is `90s`, `30m`, `12h` or `1h30m`, or a number of seconds; a size is `512MiB` or `8GiB`.
A name has small letters, digits and `-`.

## Keys

| key | type | default | meaning |
|---|---|---|---|
"""

_FOOT = """
## Not in this version

These keys are part of the format and refused by name until their feature is there: {keys}.
"""


def render() -> str:
    """The whole page."""
    schema = json_schema()
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(JobSpec, schema, schema["$defs"]))
    return _HEAD + rows + _FOOT.format(
        keys=", ".join(f"`{key}`" for key in KEYS_NOT_BUILT),
    )  # fmt: skip


def _rows(
    model: type[BaseModel], schema: dict[str, Any], parts: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key: key, type, default, meaning; those of a section below its own."""
    for key, field in model.model_fields.items():
        node = schema["properties"][key]
        meaning = node.get("description", "").replace("|", "\\|")
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield f"`{prefix}{key}`", "section", "", meaning
            yield from _rows(kind, parts[kind.__name__], parts, f"{prefix}{key}.")
        else:
            default = "required" if field.is_required() else _default(key, field.default)
            yield f"`{prefix}{key}`", _type(node), default, meaning


def _default(key: str, value: Any) -> str:
    if value is None or value == {}:
        return ""
    shown = str(written_value(key, value))
    return f"`{shown.lower() if isinstance(value, bool) else shown}`"


def _type(node: dict[str, Any]) -> str:
    """A schema's type in a few words."""
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "anyOf" in node:
        kinds = [_type(kind) for kind in node["anyOf"] if kind.get("type") != "null"]
        return " or ".join(kinds)
    if "format" in node:
        return str(node["format"])
    words = {
        "object": "keys and values",
        "array": "list",
        "string": "text",
        "boolean": "true/false",
    }
    return words.get(node["type"], "") or _whole_number(node)


def _whole_number(node: dict[str, Any]) -> str:
    low, high = node.get("minimum", 0), node.get("maximum")
    return f"whole number, {low} to {high}" if high is not None else f"whole number from {low}"


if __name__ == "__main__":
    sys.stdout.write(render())

"""JSON schema of the job spec, for editors: completion, and red lines before `validate`."""

from __future__ import annotations

from typing import Any

from launcher.spec.jobspec import JobSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12); rules between keys are left to `launcher validate`."""
    schema = _cleaned(JobSpec.model_json_schema())
    return {"$schema": _DIALECT, "title": "launcher job spec", **schema}


def _cleaned(node: Any) -> Any:
    """Without pydantic's titles, which repeat the keys, and the line breaks of docstrings."""
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: " ".join(value.split()) if key == "description" and isinstance(value, str)
        else _cleaned(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }  # fmt: skip

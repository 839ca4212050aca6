"""Values of the keys about files: `outputs`, `links`, `from_job`."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from launcher.model import globs
from launcher.model.checkpoint import unsafe_path
from launcher.spec.values import Text, WrongValueError, each, kind_of, raise_all, sendable

_REFERENCE = re.compile(r"([^@\s]+)(?:@(\d{1,18}))?")
_EVERY_RANK = "all"


def patterns(value: object) -> tuple[str, ...]:
    """A list of patterns of paths."""
    if isinstance(value, str):
        raise WrongValueError("expected a list of paths, found {value}; write [{value}]")
    if not isinstance(value, list | tuple):
        raise WrongValueError(f"expected a list of paths, found {kind_of(value)}")
    return each(value, _pattern)


def _pattern(value: object, index: int) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"expected a path, found {kind_of(value)}", at=(index,))
    fault = globs.fault(value)
    if fault:
        text = f"{{value}} {fault}; outputs lie in the job's folder, as plots/*.png"
        raise WrongValueError(text, at=(index,))
    return sendable(value)


def list_or_section(value: object) -> object:
    """`outputs: [a, b]` is short for `outputs: {paths: [a, b]}`."""
    if value is None:
        return {}
    if isinstance(value, dict) or hasattr(value, "paths"):
        return value
    return {"paths": patterns(value)}


def whose(value: object) -> object:
    if value == _EVERY_RANK or (value == 0 and not isinstance(value, bool)):
        return value
    if value is None:
        raise WrongValueError("has no value; write 0 or all, or remove the line")
    raise WrongValueError("{value} is neither 0 nor all")


def also_a_list(schema: dict[str, Any]) -> None:
    """In the JSON schema of `outputs`."""
    section = {"$ref": schema.pop("$ref")}
    schema["anyOf"] = [{"type": "array", "items": {"type": "string"}}, section]


def _link_name(text: str) -> str:
    name = posixpath.normpath(text)
    if text.startswith("/"):
        raise WrongValueError(
            "is a path within the job's folder, so it does not begin with /; write data: /mnt/data"
        )
    if unsafe_path(name) or name == ".":
        raise WrongValueError("leads out of the job's folder; write a name, as data: /mnt/data")
    return name


def _link_target(text: str) -> str:
    if not text.startswith("/"):
        raise WrongValueError(
            "{value} is not absolute; write the path that it has on every node, as /mnt/data"
        )
    return posixpath.normpath(text)


def links_apart(links: dict[str, str]) -> dict[str, str]:
    """The links, none of them within another."""
    nested = {
        name: next((other for other in links if name.startswith(f"{other}/")), None)
        for name in links
    }
    words = "lies in {}, which is a link itself; remove one of them"
    raise_all(
        WrongValueError(words.format(above), at=(name,)) for name, above in nested.items() if above
    )
    return links


def _job_reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise WrongValueError("{value} is no job; write its id, or JOB@STEP, as digits-k3m9ap@400")
    return text


Patterns = Annotated[
    tuple[str, ...],
    BeforeValidator(patterns),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
LinkName = Annotated[Text, AfterValidator(_link_name)]
LinkTarget = Annotated[Text, AfterValidator(_link_target)]
JobReference = Annotated[Text, AfterValidator(_job_reference)]

"""Values of `array`, as Slurm writes them, and the jobs that it makes of one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from launcher import names
from launcher.model.job import Job
from launcher.spec.values import WrongValueError, kind_of

MOST_ELEMENTS, LARGEST_INDEX = 1000, 99_999
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_ADVICE = "write 0-9, 0-99%4 for at most 4 at once, or 0,3,7"


@dataclass(frozen=True)
class Indices:
    """The elements of an array. `limit`: how many of them may be in the queue or run at once."""

    indices: tuple[int, ...]
    limit: int | None = None


def array_value(value: object) -> str:
    """The text without blanks; a number or a list of numbers is read too."""
    if isinstance(value, list | tuple) and value:
        value = ",".join(str(getattr(item, "raw", item)) for item in value)
    text = re.sub(r"\s+", "", str(getattr(value, "raw", value)))
    if isinstance(value, bool) or not isinstance(value, str | int) or not text:
        found = {"": "an empty text", "[]": "an empty list"}.get(str(value)) or kind_of(value)
        raise WrongValueError(f"expected indices, found {found}; {_ADVICE}")
    parse_array(text)
    return text


def parse_array(text: str) -> Indices:
    """The indices of `0-9`, `0-20:5`, `0,3,7`, each with `%4` behind it or not.

    >>> parse_array("0-20:5,7%2")
    Indices(indices=(0, 5, 7, 10, 15, 20), limit=2)

    Raises:
        WrongValueError: it is none, or of more elements or a larger index than there may be.
    """
    ranges, percent, written_limit = text.partition("%")
    limit = int(written_limit) if re.fullmatch(r"\d{1,9}", written_limit) else None
    if percent and not limit:
        raise WrongValueError(f"behind % stands how many run at once, from 1; {_ADVICE}")
    found: set[int] = set()
    for part in ranges.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise WrongValueError(f"{{value}} is not read here; {_ADVICE}")
        first, last, step = (int(group) if group else None for group in match.groups())
        assert first is not None
        last = first if last is None else last
        if last < first:
            raise WrongValueError(f"{part} runs backwards; did you mean {last}-{first}")
        if step == 0:
            raise WrongValueError(f"a step of 0 leads nowhere; write {first}-{last}")
        if last > LARGEST_INDEX:
            raise WrongValueError(f"{last:,} is too large; the largest index is {LARGEST_INDEX:,}")
        new = range(first, last + 1, step or 1)
        twice = next((index for index in new if index in found), None)
        if twice is not None:
            raise WrongValueError(f"{twice} is there twice; write it once")
        found.update(new)
    if len(found) > MOST_ELEMENTS:
        raise WrongValueError(
            f"{{value}} are {len(found):,} jobs; an array has at most {MOST_ELEMENTS:,}, "
            "and several arrays can be submitted"
        )
    return Indices(tuple(sorted(found)), limit)


def elements_of(job: Job, array: str | None) -> list[Job]:
    """The jobs that are stored of a new one: itself, or the elements of its array.

    The spec of an element names its own index alone, so that its clone is that element once more.

    Args:
        job: the new one.
        array: as its spec has it.
    """
    if array is None:
        return [job]
    wanted = parse_array(array)
    limit = wanted.limit if wanted.limit and wanted.limit < len(wanted.indices) else None
    return [
        replace(
            job,
            id=names.element_id(job.id, index),
            spec=job.spec | {"array": str(index)},
            array_id=job.id,
            array_index=index,
            array_count=len(wanted.indices),
            array_limit=limit,
            array_waits=limit is not None and place >= limit,
        )
        for place, index in enumerate(wanted.indices)
    ]


ArrayText = Annotated[
    str,
    BeforeValidator(array_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+([-,:\d\s]*)(%\d+)?\s*$"},
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            ]
        }
    ),
]

"""Values of the keys about when a job may start: `after`, `not_before`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from launcher import units
from launcher.spec.values import WrongValueError, did_you_mean, each, kind_of, sendable

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*|-")
_ANY = ":any"
_SUFFIXES = {"any": _ANY, "afterany": _ANY, "ended": _ANY, "ok": "", "afterok": "", "succeeded": ""}
"""What may follow a job, and what it is."""
_WHEN = {"succeeded": "", "ended": _ANY}
_LONGEST_S = 10 * 365 * 86400.0
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2}(?::\d{2})?))?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_OFFSET = re.compile(r"([+-]\d{2}):?(\d{2})$")


# --- after ---------------------------------------------------------------------------------------


def after_value(value: object) -> tuple[str, ...]:
    """Each job as `JOB` or `JOB:any`; one alone, and mappings of job and when, are read too."""
    if value is None:
        return ()
    if isinstance(value, Mapping | str):
        return (_awaited(value, None),)
    if not isinstance(value, list | tuple):
        raise WrongValueError(f"expected a job or a list of jobs, found {kind_of(value)}")
    return tuple(dict.fromkeys(each(value, _awaited)))


def _awaited(value: object, index: int | None) -> str:
    at = () if index is None else (index,)
    if isinstance(value, Mapping):
        return _of_section(value, at)
    if not isinstance(value, str):
        raise WrongValueError(f"expected a job, found {kind_of(value)}", at=at)
    job, colon, suffix = value.strip().partition(":")
    if job in _SUFFIXES and _JOB.fullmatch(suffix):  # as Slurm writes it
        raise WrongValueError(
            f"{{value}} is not read here; did you mean {suffix}{_SUFFIXES[job]}", at=at
        )
    if not _JOB.fullmatch(job):
        raise WrongValueError("{value} is no job; write its id, as digits-k3m9ap", at=at)
    if colon and suffix not in _SUFFIXES:
        raise WrongValueError(
            f"{{value}} is not read here; {job} waits for its success, {job}{_ANY} for its end",
            at=at,
        )
    return job + _SUFFIXES.get(suffix, "")


def _of_section(value: Mapping[object, object], at: tuple[str | int, ...]) -> str:
    unknown = [str(key) for key in value if key not in {"job", "when"}]
    if unknown:
        near = did_you_mean(unknown[0], ["job", "when"]) or "; known here: job, when"
        raise WrongValueError(f"unknown key {unknown[0]}{near}", at=at)
    job, when = value.get("job"), value.get("when", "succeeded")
    if not isinstance(job, str) or not _JOB.fullmatch(job):
        raise WrongValueError("names no job; write {job: digits-k3m9ap, when: ended}", at=at)
    if not isinstance(when, str) or when not in _WHEN:
        near = did_you_mean(str(when), _WHEN)
        raise WrongValueError(f"when: {when!r} is none of succeeded, ended{near}", at=at)
    return job + _WHEN[when]


# --- not_before ----------------------------------------------------------------------------------


def not_before_value(value: object) -> str:
    """A duration as it is, or a moment with its offset: without one it is of the clock here."""
    text = str(getattr(value, "raw", value)).strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not text:
        found = "an empty text" if value == "" else kind_of(value)
        raise WrongValueError(f"expected a moment or a duration, found {found}; {_advice('')}")
    sendable(text)
    moment = _MOMENT.fullmatch(text)
    if moment is not None:
        return _moment(moment)
    try:
        seconds = units.parse_duration(text)
    except ValueError:
        raise WrongValueError(
            f"{{value}} is neither a moment nor a duration; {_advice(text)}"
        ) from None
    if seconds > _LONGEST_S:
        raise WrongValueError(f"{{value}} is too long; {_advice('')}")
    return text


def _moment(found: re.Match[str]) -> str:
    day, clock, offset = found.groups()
    offset = "+00:00" if offset in {"Z", "z"} else _OFFSET.sub(r"\1:\2", offset or "")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}")
        return (moment if offset else moment.astimezone()).isoformat()
    except (ValueError, OverflowError):
        raise WrongValueError(
            "{value} is on no calendar or clock; write it as 2026-11-23T20:00"
        ) from None


def _advice(text: str) -> str:
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", text):
        return "write the day too, as 2026-11-23T20:00"
    advice = units.duration_advice(re.sub(r"^now\s*\+\s*|^in\s+", "", text.lower()))
    if advice.startswith("did you mean"):
        return advice
    return "write 2026-11-23T20:00, or 8h from the submit"


def earliest(not_before: str | None, now: float) -> float:
    """The moment before which the job is not started: seconds since the epoch; 0: none.

    Args:
        not_before: as `not_before_value` gives it.
        now: of the submit.
    """
    if not_before is None:
        return 0.0
    if _MOMENT.fullmatch(not_before):
        return datetime.fromisoformat(not_before).timestamp()
    return now + units.parse_duration(not_before)


Afters = Annotated[
    tuple[str, ...],
    BeforeValidator(after_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": ["string", "object"]}},
            ]
        }
    ),
]
NotBefore = Annotated[
    str,
    BeforeValidator(not_before_value),
    WithJsonSchema({"type": ["string", "number"], "minimum": 0, "format": "moment"}),
]

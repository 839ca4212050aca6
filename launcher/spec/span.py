"""`workers`: one number, or from how many to how many."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from launcher.spec.part import Part
from launcher.spec.values import Count, WrongValueError, did_you_mean, each, raise_all, whole

_KEYS = ("min", "max")


class Span(Part, BaseModel):
    """Of an elastic job."""

    min: Count
    max: Count


def _read(value: object) -> object:
    if isinstance(value, Span) or not isinstance(value, dict):
        return value if isinstance(value, Span) else whole(value, low=1)
    raise_all(
        WrongValueError(
            f"unknown key{did_you_mean(str(key), _KEYS) or '; known here: min, max'}", at=(key,)
        )
        for key in value
        if key not in _KEYS
    )
    low, high = each(_KEYS, lambda key, _: _end(value, key))
    if low > high:
        raise WrongValueError(
            f"min is {low}, more than max, {high}; write {{min: {high}, max: {low}}}"
        )
    return Span(min=low, max=high) if low < high else low


def _end(value: dict[Any, Any], key: str) -> int:
    if key not in value:
        raise WrongValueError(f"has no {key}; write both, as {{min: 2, max: 8}}")
    try:
        return whole(value[key], low=1)
    except WrongValueError as error:
        raise WrongValueError(str(error), at=(key,)) from None


Workers = Annotated[
    int | Span,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {
                    "type": "object",
                    "format": "`{min, max}`",
                    "properties": {key: {"type": "integer", "minimum": 1} for key in _KEYS},
                    "required": list(_KEYS),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]

"""The section `metrics`: figures that are read without a word of the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from launcher.model import globs
from launcher.model.observing import Observing
from launcher.spec.part import Part
from launcher.spec.values import Text, WrongValueError, did_you_mean, kind_of, raise_all, sendable

KERAS, NONE = "keras", "none"
_READ_BY_DEFAULT = ("keras", "tensorflow")
"""Frameworks whose progress bars are read unless the spec says otherwise."""
_LONGEST_NAME = 200
_MOST = 100
_EXAMPLE = r"{loss: 'loss[=:] *([-+.\deE]+)'}"
_NESTED = re.compile(r"\((?:\?:)?(?:\\.|\[[^\]]*\]|[^()\\\[\]])[*+]\)[*+]")
"""A repetition of one thing that is itself repeated: on a line that does not match, the time it
takes doubles with each character."""


def _folder(value: str) -> str:
    fault = globs.fault(value)
    if value.startswith("~") or "$" in value:
        raise WrongValueError(
            "{value}: neither ~ nor variables are expanded; write the path itself"
        )
    if fault:
        raise WrongValueError(
            f"{{value}} {fault}; it is a folder in the job's own, as logs or runs/*"
        )
    return value


def _patterns(value: object) -> str | dict[str, str]:
    if isinstance(value, bool) or value is None:
        raise WrongValueError(f"expected keras, none or patterns, found {kind_of(value)}")
    if isinstance(value, str):
        if value not in {KERAS, NONE}:
            near = did_you_mean(value, (KERAS, NONE))
            raise WrongValueError(
                f"{{value}} is neither keras nor none{near}; patterns are written by the names of "
                f"their metrics, as {_EXAMPLE}"
            )
        return value
    if not isinstance(value, Mapping):
        raise WrongValueError(f"expected keras, none or {_EXAMPLE}, found {kind_of(value)}")
    if len(value) > _MOST:
        raise WrongValueError(f"has {len(value)} patterns; at most {_MOST} are searched for")
    raise_all(fault for name, text in value.items() if (fault := _fault(name, text)) is not None)
    return {str(name): str(text) for name, text in value.items()}


def _fault(name: object, text: object) -> WrongValueError | None:
    """What is wrong with one pattern."""
    at = (str(name),)
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        return WrongValueError("is no name of a metric; write one, as loss", at=at)
    if not isinstance(text, str) or not text:
        return WrongValueError("has no regular expression; write one in quotes", at=at)
    try:
        words = _misshapen(re.compile(sendable(text)))
    except WrongValueError as error:
        words = str(error)
    except (re.error, RecursionError, OverflowError) as error:
        words = f"{{value}} is no regular expression: {error}"
    return WrongValueError(words, at=at) if words else None


def _misshapen(pattern: re.Pattern[str]) -> str:
    """Why an expression does not serve, in words; empty when it does."""
    if not pattern.groups:
        return r"{value} has no group around its number; write it as loss=([\d.]+)"
    if pattern.groups > 1 and "value" not in pattern.groupindex:
        advice = "call that of the number (?P<value>…), or write the others as (?:…)"
        return f"{{value}} has several groups; {advice}"
    if _NESTED.search(pattern.pattern):
        return "{value} repeats a repetition, which can take for ever; write one of the two"
    return ""


class Metrics(Part):
    patterns: (
        Annotated[
            str | dict[str, str],
            BeforeValidator(_patterns),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"enum": [KERAS, NONE]},
                        {"type": "object", "additionalProperties": {"type": "string"}},
                    ]
                }
            ),
        ]
        | None
    ) = None
    """What is read of rank 0's output. `keras`: the progress bars of Keras. Or regular expressions
    by the names of their metrics, as `{loss: 'loss=([.\\d]+)'}`: each has a group around its
    number, and one called `step` or `epoch` counts the steps of the others. Without it: `keras`
    with the frameworks keras and tensorflow, as long as the program itself reports nothing; else
    `none`."""
    tensorboard: Annotated[Text, AfterValidator(_folder)] | None = None
    """Folder in the job's own whose event files of TensorBoard are read while they grow, as `logs`.
    The names of their figures begin with the folders below it, so `runs/*` leaves the names of
    single runs out. docs/metrics.md tells more."""


def observing(metrics: Metrics, framework: str) -> Observing:
    """What the agents read by themselves."""
    patterns = metrics.patterns
    by_default = patterns is None and framework in _READ_BY_DEFAULT
    return Observing(
        bars=by_default or patterns == KERAS,
        bars_beside_reports=patterns == KERAS,
        patterns=dict(patterns) if isinstance(patterns, dict) else {},
        tensorboard=metrics.tensorboard or "",
    )

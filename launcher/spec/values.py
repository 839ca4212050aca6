"""Values as people write them in a spec, and the words for each one that is wrong.

Every type here judges before pydantic does, so that no message of pydantic reaches a user. In a
text `{value}` stands for what the user wrote and `{keys}` for the keys of a section; judge.py puts
them there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from launcher import names, units

T = TypeVar("T")
Path = tuple[str | int, ...]
"""Where a value stands in a spec: ("resources", "workers")."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SMALLEST_MEMORY, _LARGEST_MEMORY = 2**20, 2**60
_MOST = 10**6
_LONGEST_S = 100 * 365 * 86400.0


class WrongValueError(ValueError):
    """A value cannot stand. `at` leads from the value to the part of it that is wrong.

    `more`: other parts of the same value that are wrong too, so that all are told at once.
    """

    def __init__(self, text: str, *, at: Path = ()) -> None:
        super().__init__(text)
        self.at = at
        self.more: tuple[WrongValueError, ...] = ()


def each(items: Iterable[Any], judge: Callable[[Any, int], T]) -> tuple[T, ...]:
    """Every item as `judge` reads it, which gets its index too.

    Raises:
        WrongValueError: of the first wrong item, which tells of all others.
    """
    read: list[T] = []
    wrong: list[WrongValueError] = []
    for index, item in enumerate(items):
        try:
            read.append(judge(item, index))
        except WrongValueError as error:
            wrong.append(error)
    raise_all(wrong)
    return tuple(read)


def raise_all(wrong: Iterable[WrongValueError]) -> None:
    """Raises the first, which tells of all others; nothing when there is none."""
    told = list(wrong)
    if told:
        told[0].more = tuple(told[1:])
        raise told[0]


class WrittenInt(int):
    """A whole number that remembers how it was written, for keys that expect text: `1_000`."""

    raw: str


class WrittenFloat(float):
    """The same for fractions: `env: {VERSION: 1.10}` is "1.10", not "1.1"."""

    raw: str


def kind_of(value: object) -> str:
    """What was found, in the user's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    words = {int: "a number", float: "a number", str: "text", dict: "keys and values"}
    return next((word for kind, word in words.items() if isinstance(value, kind)), "a list")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a complaint: empty when nothing known is near."""
    plain = {name.lower().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), plain, n=1, cutoff=0.65)
    return f"; did you mean {plain[near[0]]}" if near else ""


def sendable(text: str) -> str:
    """The text, if a process can be started with it."""
    if "\0" in text:
        raise WrongValueError(
            "{value} holds a NUL character, which no process can be given; remove it"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongValueError("{value} is not UTF-8; rename it or write it in UTF-8") from None
    return text


def _text(value: object, *, empty: str = 'write one, or "" for the empty text') -> str:
    if isinstance(value, bool):
        raise WrongValueError('{value} is a yes-or-no value to YAML, not text; quote it: "{value}"')
    if value is None:
        raise WrongValueError(f"has no value; {empty}")
    if isinstance(value, int | float):
        return str(getattr(value, "raw", value))
    if not isinstance(value, str):
        raise WrongValueError(f"expected text, found {kind_of(value)}")
    return sendable(value)


def _filled(value: object) -> str:
    text = _text(value, empty="write one, or remove the line")
    if not text.strip():
        raise WrongValueError("is empty; write a value, or remove the line")
    return text


def _name(value: object) -> str:
    text = _filled(value)
    if not names.NAME.fullmatch(text):
        raise WrongValueError(
            "{value} is not a name of small letters, digits and '-' (at most 63); "
            f"did you mean {names.slug(text)}"
        )
    return text


def _env_name(value: object) -> str:
    text = _text(value)
    if not _ENV_NAME.fullmatch(text):
        near = re.sub(r"[^A-Za-z0-9_]+|^(?=[0-9])", "_", text)
        raise WrongValueError(f"is not the name of an environment variable; did you mean {near}")
    return text


def whole(value: object, *, low: int, high: int | None = None) -> int:
    """A whole number of a span.

    Raises:
        WrongValueError: it is not.
    """
    span = f"from {low} to {high}" if high is not None else f"from {low}"
    if value is None:
        raise WrongValueError(f"has no value; write a whole number {span}, or remove the line")
    if isinstance(value, str) and re.fullmatch(r"\d{1,7}", value):
        raise WrongValueError(f"{{value}} is text; write a plain number: {int(value)}")
    if isinstance(value, bool | str | float) or not isinstance(value, int):
        raise WrongValueError(f"expected a whole number {span}, found {{value}}")
    if value < low or (high is not None and value > high):
        raise WrongValueError(f"must be a whole number {span}, not {{value}}")
    if value > _MOST:
        raise WrongValueError("{value} is more than anybody has")
    return int(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError("expected true or false, found {value}")
    return value


def _duration(value: object, *, low: float = 0, default: str = "") -> float:
    written = f"{units.duration_advice(value)}{default}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValueError(f"expected a duration, found {kind_of(value)}; {written}")
    try:
        seconds = units.parse_duration(value)
    except ValueError:
        raise WrongValueError(f"{{value}} is not a duration; {written}") from None
    if seconds < low:
        raise WrongValueError(f"{{value}} is too short, it must be at least {low:.0f}s; {written}")
    if seconds > _LONGEST_S:
        raise WrongValueError(f"{{value}} is too long; {written}")
    return seconds


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongValueError(f"expected a size as 512MiB or 8GiB, found {kind_of(value)}")
    try:
        count = units.parse_size(value)
    except (ValueError, OverflowError):
        raise WrongValueError(f"{{value}} is not a size; {units.size_advice(value)}") from None
    if count < _SMALLEST_MEMORY:
        number = re.match(r"\d+", str(value))
        advice = f"did you mean {number.group() if number and count else 8}GiB"
        raise WrongValueError(f"{{value}} is only {units.format_size(count)}; {advice}")
    if count > _LARGEST_MEMORY:
        raise WrongValueError("{value} is more than any machine has")
    return count


def _amount(value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= _MOST:  # type: ignore[operator]
        raise WrongValueError("expected a number above 0, found {value}")
    return float(value)  # type: ignore[arg-type]


def _section(value: object) -> object:
    """A key with nothing below it, as when all its lines are comments, stays at its default."""
    if value is None:
        return {}
    if isinstance(value, str | int | float | list | tuple):
        raise WrongValueError(f"expected {{keys}} below it, found {kind_of(value)}")
    return value


_DURATION_SCHEMA: dict[str, Any] = {
    "type": ["string", "number"],
    "pattern": r"^\s*(\d+(\.\d+)?\s*([mM][sS]|[smhdwSMHDW])?\s*)+$",
    "minimum": 0,
    "format": "duration",
}
_SIZE_SCHEMA: dict[str, Any] = {
    "type": ["string", "integer"],
    "pattern": r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]([iI]?[bB]?)|[bB])?\s*$",
    "minimum": _SMALLEST_MEMORY,
    "format": "size",
}
_NAME_SCHEMA = {"type": "string", "pattern": f"^{names.NAME.pattern}$", "format": "name"}

Text = Annotated[str, BeforeValidator(_filled), WithJsonSchema({"type": "string"})]
EnvText = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number"]})]
Name = Annotated[str, BeforeValidator(_name), WithJsonSchema(_NAME_SCHEMA)]
EnvName = Annotated[str, BeforeValidator(_env_name)]
Count = Annotated[
    int,
    BeforeValidator(partial(whole, low=1)),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]
CountOrZero = Annotated[
    int,
    BeforeValidator(partial(whole, low=0)),
    WithJsonSchema({"type": "integer", "minimum": 0}),
]
Priority = Annotated[
    int,
    BeforeValidator(partial(whole, low=0, high=100)),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 100}),
]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration = Annotated[
    float, BeforeValidator(partial(_duration, low=1)), WithJsonSchema(_DURATION_SCHEMA)
]
Limit = Annotated[
    float,
    BeforeValidator(partial(_duration, low=1, default=", or remove the line for no limit")),
    WithJsonSchema(_DURATION_SCHEMA),
]
Size = Annotated[int, BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
Amount = Annotated[
    float,
    BeforeValidator(_amount),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Section = BeforeValidator(_section)

"""Durations and sizes as people write them: `90s`, `30m`, `12h`, `1d`; `512MiB`, `16GiB`, `2GB`.

Inside the program a duration is a float of seconds (names end in `_s`), a size an int of bytes.
"""

from __future__ import annotations

import re
import sys

_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
_BYTES = {
    "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
    "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40,
    "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40,
}  # fmt: skip
_WORDS = re.compile(
    r"(?<=\d)\s*(ms|milli|s|m|h|d|w)(?:illi)?(?:ec(?:ond)?|in(?:ute)?|ou?r|r|ay|eek)?s?\b"
)
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)")
_NEARLY_SIZE = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*([kmgt])(?:(i)b?|b|b?ytes?|ilo\w*|ega\w*|iga\w*|era\w*|igs?|egs?)?"
)
_LONGEST_ADVISED = 40
"""Characters of what might be a duration: nobody means more, and patterns take their time."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdwy])", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


def parse_duration(text: str | float) -> float:
    """Seconds of a duration; a bare number is seconds.

    >>> parse_duration("1h30m")
    5400.0

    Raises:
        ValueError: the text is no duration; its message says what one looks like.
    """
    if isinstance(text, int | float):
        if isinstance(text, bool) or not 0 <= text <= sys.float_info.max:
            raise ValueError(_not_a_duration(text))
        return float(text)
    stripped = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", stripped):
        return float(stripped)
    parts = _DURATION.findall(stripped)
    if not parts or _DURATION.sub("", stripped).strip():
        raise ValueError(_not_a_duration(text))
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)


def parse_age(text: str) -> float:
    """Seconds of an age; never a bare number, by which people who remove things mean days.

    >>> parse_age("30d")
    2592000.0

    Raises:
        ValueError: the text is no duration, or has no unit.
    """
    seconds = parse_duration(text)
    if text.strip()[-1].isdigit():
        raise ValueError(f"{text!r} has no unit; did you mean {text.strip()}d")
    return seconds


def _not_a_duration(value: object) -> str:
    return f"{value!r} is not a duration; {duration_advice(value)}"


def duration_advice(value: object) -> str:
    """What to write in place of what is no duration.

    >>> duration_advice("30 min"), duration_advice("1,5h"), duration_advice("1-12:30:00")
    ('did you mean 30m', 'did you mean 1.5h', 'did you mean 1d12h30m')
    >>> duration_advice("soon")
    'write 90s, 30m, 12h or 1h30m'
    """
    text = str(value)[:_LONGEST_ADVISED].strip().lower()
    clock = _CLOCK.fullmatch(text)
    if clock:  # as Slurm writes them
        parts = zip(clock.groups("0"), "dhms", strict=True)
        near = "".join(f"{int(count)}{unit}" for count, unit in parts if int(count))
    else:
        near = re.sub(r"\s+|\band\b", "", _WORDS.sub(r"\1", text.replace(",", ".")))
    parts_found = _DURATION.findall(near)
    if parts_found and not _DURATION.sub("", near):
        return f"did you mean {near}"
    return "write 90s, 30m, 12h or 1h30m"


def format_duration(seconds: float) -> str:
    """The two largest units of a duration.

    >>> format_duration(5400), format_duration(0.25), format_duration(12)
    ('1h30m', '0.2s', '12s')
    """
    if seconds < 10:
        return f"{seconds:.1f}s".replace(".0s", "s")
    rest = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def rounded(seconds: float) -> str:
    """A duration that is only foreseen, in one unit.

    >>> rounded(5400), rounded(2450), rounded(0.3)
    ('90m', '41m', '1s')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{max(round(seconds), 1)}s"


def parse_size(text: str | int) -> int:
    """Bytes of a size; a bare number is bytes.

    >>> parse_size("16GiB") == 16 * 2**30
    True

    Raises:
        ValueError: the text is no size; its message says what one looks like.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    unit = (match.group(2) or "B").upper() if match else ""
    if match is None or unit not in _BYTES:
        raise ValueError(f"{text!r} is not a size; {size_advice(text)}")
    return int(float(match.group(1)) * _BYTES[unit])


def size_advice(value: object) -> str:
    """What to write in place of what is no size.

    >>> size_advice("1,5 GiB"), size_advice("16 Gigabytes"), size_advice("much")
    ('did you mean 1.5GiB', 'did you mean 16GB', 'write 512MiB, 16GiB or 2GB')
    """
    found = _NEARLY_SIZE.fullmatch(str(value).strip().lower())
    if found is None:
        return "write 512MiB, 16GiB or 2GB"
    return f"did you mean {found[1].replace(',', '.')}{found[2].upper()}{found[3] or ''}B"


def format_size(count: float) -> str:
    """A size with a binary unit and at most one decimal.

    >>> format_size(512), format_size(1536), format_size(16 * 2**30)
    ('512 B', '1.5 KiB', '16 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.1f} {unit}".replace(".0 ", " ")
        count /= 1024
    return f"{count:.1f} TiB".replace(".0 ", " ")

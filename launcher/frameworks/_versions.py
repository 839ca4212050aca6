"""Versions of packages in the order of PEP 440, as far as wheels of frameworks have them.

`packaging` does the whole of it and is not on the nodes: agents have only the standard library.
Left out is what no framework writes: epochs, `===`, `~=`, and the order of local versions, which
are builds of one release (`2.13.0+cpu` is 2.13.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_VERSION = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[._-]?(?P<pre>alpha|a|beta|b|preview|pre|rc|c)[._-]?(?P<number>\d*))?"
    r"(?:(?:[._-]?(?:post|rev|r)[._-]?|-)(?P<post>\d+))?"
    r"(?:[._-]?dev[._-]?(?P<dev>\d*))?"
    r"(?:\+.*)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"(>=|<=|==|!=|<|>)([^,\s]+)")
_PHASES = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_DEVELOPED, _FINAL = 0, 4
_NEVER_DEVELOPED = float("inf")

Key = tuple[tuple[int, ...], int, int, int, float]


def key(version: str) -> Key | None:
    """What versions are ordered by; None for a text that is no version.

    >>> key("2.16.0rc1") < key("2.16") == key("2.16.0+cpu") < key("2.16.0.post1")
    True
    >>> key("2.17.0.dev20240601") < key("2.17.0a1") < key("2.17.0")
    True
    """
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return None
    numbers = [int(number) for number in found["release"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    dev, post = found["dev"], found["post"]
    is_only_dev = dev is not None and found["pre"] is None and post is None
    phase = _PHASES[found["pre"].lower()] if found["pre"] else _FINAL
    return (
        tuple(numbers),
        _DEVELOPED if is_only_dev else phase,
        int(found["number"] or 0),
        int(post) + 1 if post else 0,
        _NEVER_DEVELOPED if dev is None else int(dev or 0),
    )


def meets(version: str, condition: str) -> bool:
    """Whether a version is one that a condition means, as `>=2.16,<3`; an empty one means all.

    A text that is no version is one that nobody knows, and counts as the newest.

    >>> meets("2.16.0rc1", ">=2.16"), meets("3.15.1", ">=3,<4"), meets("2.13.0+cpu", "")
    (False, True, True)
    """
    return all(_meets_one(version, sign, bound) for sign, bound in clauses(condition))


def clauses(condition: str) -> Iterator[tuple[str, str]]:
    """Sign and version of each part of a condition.

    Raises:
        ValueError: it is none.
    """
    for part in filter(None, (part.strip() for part in condition.split(","))):
        found = _CLAUSE.fullmatch(part)
        if found is None or key(found[2]) is None:
            raise ValueError(f"{part!r} is no condition on a version; write it as >=2.16")
        yield found[1], found[2]


def _meets_one(version: str, sign: str, bound: str) -> bool:
    found, limit = key(version), key(bound)
    if found is None or limit is None:
        return sign in {">=", ">", "!="}
    if sign in {"==", "!="}:
        return (found == limit) == (sign == "==")
    if sign in {">=", ">"}:
        return found > limit or (sign == ">=" and found == limit)
    return found < limit or (sign == "<=" and found == limit)

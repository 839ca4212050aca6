"""What is missing of a log: stretches that were given up, and which one goes next. Pure.

A byte keeps its offset whatever goes before it, so gaps have no bearing on what is shipped or
followed. Behind each gap stands a line in the log itself that tells how much is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from launcher.units import format_size

_NEAR = 64 * 1024


class Gap(NamedTuple):
    """Bytes from `start` up to `end`, which is where the line that tells of it begins."""

    start: int
    end: int


class StoredLog(NamedTuple):
    """One stream of a job. `length` counts all bytes that were ever taken, also missing ones."""

    attempt: int
    rank: int
    stream: str
    length: int
    gaps: tuple[Gap, ...] = ()

    @property
    def missing(self) -> int:
        return missing(self.gaps)

    def kept_from(self, offset: int) -> tuple[int, int]:
        """Where the next byte that is here stands, at or after `offset`, and how many follow it."""
        for gap in self.gaps:
            if offset < gap.start:
                return offset, gap.start - offset
            offset = max(offset, gap.end)
        return offset, max(self.length - offset, 0)


def nearness(most: int) -> int:
    """How many bytes a cut may move to fall between two lines, in a log that keeps `most`."""
    return min(_NEAR, most // 16)


def missing(gaps: Sequence[Gap]) -> int:
    """Bytes of all gaps together."""
    return sum(gap.end - gap.start for gap in gaps)


def joined(gaps: Sequence[Gap], fresh: Gap) -> tuple[Gap, ...]:
    """The gaps with one more, which swallows those that it touches."""
    touched = [gap for gap in gaps if gap.end >= fresh.start and gap.start <= fresh.end]
    start = min([fresh.start, *(gap.start for gap in touched)])
    end = max([fresh.end, *(gap.end for gap in touched)])
    return tuple(sorted({*gaps} - {*touched} | {Gap(start, end)}))


def cut(gaps: Sequence[Gap], length: int) -> tuple[Gap, ...]:
    """The gaps of a log of which only the first `length` bytes are left."""
    return tuple(Gap(start, min(end, length)) for start, end in gaps if start < length)


def to_give_up(length: int, gaps: Sequence[Gap], most: int) -> Gap | None:
    """The stretch that goes so that about `most` bytes stay: a quarter first ones, the rest newest.

    None as long as the log is not longer by an eighth: what is done for it is done seldom.
    """
    if length - missing(gaps) <= most + most // 8:
        return None
    head = most // 4
    near = nearness(most)
    start = min(_nth_kept(gaps, head), *_first_from(gaps, head - near), length)
    end = _nth_kept_from_end(length, gaps, most - head)
    return Gap(start, end) if start < end else None


def telling(count: int, why: str) -> bytes:
    """The line that tells of a gap of `count` bytes."""
    return f"[launcher: {format_size(count)} are missing here: {why}]\n".encode()


def is_worth_telling(before: int, after: int) -> bool:
    """Whether an event shall tell that more is missing now: at first, then as often as it doubles.

    >>> is_worth_telling(0, 10), is_worth_telling(10, 20), is_worth_telling(2**30, 2**31)
    (True, False, True)
    """
    mebibytes = (before >> 20).bit_length(), (after >> 20).bit_length()
    return after > before and (before == 0 or mebibytes[1] > mebibytes[0])


def _first_from(gaps: Sequence[Gap], kept: int) -> list[int]:
    """Start of the first gap that has at least so many kept bytes before it, if there is one."""
    before = 0
    for gap in gaps:
        if gap.start - before >= kept:
            return [gap.start]
        before += gap.end - gap.start
    return []


def _nth_kept(gaps: Sequence[Gap], count: int) -> int:
    """Where the log's first `count` kept bytes end."""
    at = count
    for gap in gaps:
        if gap.start < at:
            at += gap.end - gap.start
    return at


def _nth_kept_from_end(length: int, gaps: Sequence[Gap], count: int) -> int:
    """Where the log's last `count` kept bytes begin."""
    at = length - count
    for gap in reversed(gaps):
        if gap.end > at:
            at -= gap.end - gap.start
    return at

"""Blots secrets out of what ranks print, byte for byte, before it leaves the node. Pure.

A value becomes as many `*` as it has bytes, so that every other byte keeps its offset, by which
logs are shipped (docs/protocol.md). A piece of a file is judged with the bytes before it, and what
may be the beginning of a value is held back until more follows or nothing more can. So what is
shipped does not depend on how it was cut into pieces, nor on who ships it.

Values are looked for as they are, as a terminal shows them, line by line, and as JSON and `repr`
write them. A value that a program encodes in another way (base64, URL) is not found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from launcher.model.secret import REDACTED_FROM

_STAR = ord("*")
_KEEP_LINES = bytes(byte if byte in b"\r\n" else _STAR for byte in range(256))
_STRING = re.compile(rb'"(?:[^"\\\n]|\\.)*"')
_HEAD = 8
"""Beginnings of a pattern that are longer are found by their first bytes."""


class Redactor:
    """Knows the values of one job's secrets.

    Args:
        values: of its secrets; those with less than `REDACTED_FROM` bytes are passed over.
        blind: the values are not known: everything that can hold one is blotted out.
    """

    def __init__(self, values: Iterable[str] = (), *, blind: bool = False) -> None:
        found = {pattern for value in values for pattern in _patterns(value)}
        self._patterns = sorted(found, key=len, reverse=True)
        self._blind = blind

    @property
    def lookback(self) -> int:
        """How many bytes before a piece must be known to judge it."""
        return max((len(pattern) - 1 for pattern in self._patterns), default=0)

    def piece(self, before: bytes, data: bytes, *, final: bool, torn: bool = False) -> bytes:
        """What may be shipped of a piece of a file; shorter when its end is held back.

        Args:
            before: the bytes before it, as many as `lookback` where there are so many.
            data: the piece.
            final: nothing will follow it.
            torn: what follows is gone: what may be the beginning of a value is blotted out.

        What follows a stretch that is gone (`before` then holds zeros) may be the end of a value.
        """
        if self._blind:
            return data.translate(_KEEP_LINES)
        if not self._patterns:
            return data
        if before and not any(before):
            known = max(_end(data, pattern) for pattern in self._patterns)
            data = data[:known].translate(_KEEP_LINES) + data[known:]
        whole, begin = before + data, len(before)
        blotted, held_from = self._blotted(whole), max(self._held_from(whole), begin)
        if torn:
            return blotted[begin:held_from] + blotted[held_from:].translate(_KEEP_LINES)
        return blotted[begin:] if final else blotted[begin:held_from]

    def open_end(self, data: bytes) -> int:
        """How many bytes at the end of `data` may be the beginning of a value."""
        return len(data) - self._held_from(data)

    def records(self, lines: bytes) -> bytes:
        """Whole lines of JSON: only within strings, for a number may look like a secret."""
        if self._blind or not self._patterns:
            return lines
        return _STRING.sub(lambda string: self._blotted(string[0]), lines)

    def text(self, text: str) -> str:
        """Words for people."""
        if not self._patterns:
            return text
        return self._blotted(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def last_bytes(self, data: bytes, count: int) -> bytes:
        """The end of a file, of which `data` should hold `lookback` bytes more than `count`."""
        return self._blotted(data)[-count:]

    def _blotted(self, data: bytes) -> bytes:
        spans = [span for pattern in self._patterns for span in _spans(data, pattern)]
        if not spans:
            return data
        blotted = bytearray(data)
        for begin, end in spans:
            blotted[begin:end] = data[begin:end].translate(_KEEP_LINES)
        return bytes(blotted)

    def _held_from(self, data: bytes) -> int:
        """Where the longest end begins that may be the beginning of a value."""
        return min((_beginning(data, pattern) for pattern in self._patterns), default=len(data))


def _patterns(value: str) -> Iterator[bytes]:
    """The forms of a value that are looked for."""
    lines = [line.strip() for line in value.splitlines()]
    escaped = [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    terminal = value.replace("\n", "\r\n")
    for form in {value, terminal, *lines, *escaped, repr(value)[1:-1]}:
        pattern = form.encode("utf-8", "replace")
        if len(pattern) >= REDACTED_FROM:
            yield pattern


def _spans(data: bytes, pattern: bytes) -> Iterator[tuple[int, int]]:
    """Where the pattern stands, those that overlap too."""
    begin = data.find(pattern)
    while begin >= 0:
        yield begin, begin + len(pattern)
        begin = data.find(pattern, begin + 1)


def _beginning(data: bytes, pattern: bytes) -> int:
    """Where the longest end of `data` begins that is a beginning of the pattern, but not all."""
    start = max(0, len(data) - len(pattern) + 1)
    head = pattern[:_HEAD]
    found = data.find(head, start)
    while found >= 0:
        if pattern.startswith(data[found:]):
            return found
        found = data.find(head, found + 1)
    for begin in range(max(start, len(data) - len(head) + 1), len(data)):
        if pattern.startswith(data[begin:]):
            return begin
    return len(data)


def _end(data: bytes, pattern: bytes) -> int:
    """How long the longest beginning of `data` is that is an end of the pattern, but not all."""
    first = data[: len(pattern) - 1][::-1]
    return len(first) - _beginning(first, pattern[::-1])

"""Blots secrets out of what a visit's command puts out, while it streams (`launcher exec`). Pure.

It is judged as ranks' logs are (`redacting`), but somebody sits and waits for it. So an end that
may be the beginning of a value is held back only for a moment while it gives little away: whoever
types `w` into a shell sees it, though a value begins with it. An end that would give more away than
what is short enough to be no secret waits for what follows, as in logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from launcher.executor.redacting import Redactor
from launcher.model.secret import REDACTED_FROM
from launcher.model.visit import STDERR, STDOUT

HELD_S = 0.05
"""How long a short end is held back: no eye sees it, and pieces of one line come faster."""


class Screening:
    """Both outputs of one command. `now`: a monotonic clock in seconds."""

    def __init__(self, redactor: Redactor) -> None:
        self._outputs = {kind: _Output(redactor) for kind in (STDOUT, STDERR)}

    def feed(self, found: Iterable[tuple[int, bytes]], now: float) -> Iterator[tuple[int, bytes]]:
        """What may be shown now: kinds and bytes, of what came and of what was held long enough."""
        for kind, data in found:
            yield from _some(kind, self._outputs[kind].feed(data, now))
        for kind, output in self._outputs.items():
            if now >= output.due:
                yield from _some(kind, output.release())

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """What is left when nothing more can follow."""
        for kind, output in self._outputs.items():
            yield from _some(kind, output.release())

    def patience_s(self, longest: float, now: float) -> float:
        """How long nothing has to be done unless something comes."""
        due = min(output.due for output in self._outputs.values())
        return max(min(longest, due - now), 0.0)


class _Output:
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._before = b""
        """What was shown last, as it was: a value may have begun in it."""
        self._held = b""
        self.due = float("inf")
        """When what is held back shall be shown all the same."""

    def feed(self, data: bytes, now: float) -> bytes:
        if not self._redactor.lookback:
            return data
        data = self._held + data
        shown = self._redactor.piece(self._before, data, final=False)
        self._keep(data, len(shown))
        gives_away = self._redactor.open_end(self._before + self._held)
        is_short = self._held and gives_away < REDACTED_FROM
        self.due = now + HELD_S if is_short else float("inf")
        return shown

    def release(self) -> bytes:
        """What is held back: a value that ends in it stays hidden."""
        held, self.due = self._held, float("inf")
        shown = self._redactor.piece(self._before, held, final=True)
        self._keep(held, len(held))
        return shown

    def _keep(self, data: bytes, shown: int) -> None:
        known = (self._before + data[:shown])[-self._redactor.lookback :]
        self._before = known.rpartition(b"\0")[2]  # no value holds a NUL
        self._held = data[shown:]


def _some(kind: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    if data:
        yield kind, data

"""How far one client was told of one job, as an opaque text that it gives back."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field

from launcher.errors import SpecError

LARGEST = 2**63 - 1
"""The largest number that a database takes."""
_LONGEST = 2**20


@dataclass
class Cursor:
    """Of each history of the job, the last that was told. Numbers are the store's."""

    events: int = 0
    checkpoints: int = 0
    batch: int = 0
    """Of points: the last batch that was told whole."""
    points: int = 0
    """How many points were told of what follows that batch."""
    logs: dict[str, int] = field(default_factory=dict)
    """attempt.rank -> where its next byte stands in the rank's output."""

    def text(self) -> str:
        parts = [self.events, self.checkpoints, self.batch, self.points, self.logs]
        # It travels in addresses, which are short, and names every rank of every attempt.
        small = zlib.compress(json.dumps(parts, separators=(",", ":")).encode(), 1)
        return base64.urlsafe_b64encode(small).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that a text holds.

        Raises:
            SpecError: it is none.
        """
        try:
            *numbers, logs = json.loads(_unpacked(text))
            events, checkpoints, batch, points = map(_number, numbers)
            told = {str(key): _number(offset) for key, offset in logs.items()}
        except (ValueError, TypeError, AttributeError, RecursionError, zlib.error) as error:
            raise SpecError("the cursor is none of this server's") from error
        return cls(events, checkpoints, batch, points, told)


def _unpacked(text: str) -> bytes:
    return zlib.decompressobj().decompress(base64.urlsafe_b64decode(text), _LONGEST)


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise ValueError(value)
    return value

"""Which versions of the wire a server serves, and the words for the others.

A server serves executors and agents of its own version and of the one before, so that it can be
upgraded while jobs train. Who is newer than the server waits for it: the server goes first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from launcher.model.wire import OLDEST_WIRE, WIRE_VERSION


@dataclass(frozen=True)
class Misfit:
    """Why somebody is not served: the message and the hint of the error that he gets."""

    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


def misfit(wire: int, who: str, server: str) -> Misfit | None:
    """None when the server serves that version.

    Args:
        wire: the version that is spoken.
        who: speaks it, as `the executor on head-0 (launcher 0.1.0)`.
        server: the server's own version of launcher.
    """
    if OLDEST_WIRE <= wire <= WIRE_VERSION:
        return None
    served = " and ".join(map(str, range(OLDEST_WIRE, WIRE_VERSION + 1)))
    message = (
        f"this server (launcher {server}) speaks version {served} of the protocol, {who} {wire}"
    )
    if wire > WIRE_VERSION:
        return Misfit(message, "upgrade the server first: docs/upgrading.md")
    return Misfit(message, f"upgrade it to launcher {server}: docs/upgrading.md")


def is_older(version: str, than: str) -> bool:
    """Of two releases of launcher, by their numbers: 0.9.1 is older than 0.10.0."""
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]

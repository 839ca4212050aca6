"""Where the server is: at a given address, or this user's own on this machine."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from launcher.contexts import load_contexts
from launcher.errors import UnreachableError
from launcher.transport import Connection
from launcher.trust import own_ca, read_ca


class Address(Protocol):
    """Connects to a server, as often as somebody needs a connection of his own."""

    def connect(self) -> Connection: ...


TAKEN_OVER_S = 20.0
"""Of several servers another one has taken over by then (docs/postgresql.md)."""


@dataclass(frozen=True)
class NamedServer:
    """`context`: its name here; empty when LAUNCHER_SERVER or an argument named it."""

    url: str
    token: str | None = None
    context: str = ""
    ca: str | None = None
    """Certificates that are believed, as LAUNCHER_CA names them, which goes before these."""

    def connect(self) -> Connection:
        named = f"context {self.context}" if self.context else "LAUNCHER_SERVER"
        hint = f"check {named}, and that the server runs"
        ca = own_ca() or read_ca(self.ca or "", named)
        return Connection(self.url, self.token, patience_s=TAKEN_OVER_S, hint=hint, ca=ca)


@dataclass(frozen=True)
class OwnServer:
    """The embedded one. Each connection asks anew where it is, and starts it if it died.

    `launcher down` removes its record, so a record without a process is a server that was killed
    or went down with its machine: nobody wanted it to end.
    """

    folder: Path
    token: str | None = None

    def connect(self) -> Connection:
        from launcher.server.process import running_server

        url = running_server(self.folder)
        if url is None and self.has_died():
            url = self.start()
        if url is None:
            raise UnreachableError(
                f"no server runs here (its folder is {self.folder})",
                hint="launcher up starts one; LAUNCHER_SERVER=URL names another",
            )
        return Connection(url, self.token or self._own_token(), hint="launcher up starts it")

    def start(self) -> str:
        """Its URL, once it runs and answers."""
        from launcher.server.process import ensure_server

        return ensure_server(self.folder)

    def runs(self) -> bool:
        from launcher.server.process import running_server

        return running_server(self.folder) is not None

    def has_died(self) -> bool:
        from launcher.server.process import SERVER

        return (self.folder / SERVER).exists() and not self.runs()

    def _own_token(self) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "token").read_text().strip() or None
        return None


def find_server(url: str | None = None, token: str | None = None) -> NamedServer | OwnServer:
    """What the arguments name, else LAUNCHER_SERVER, else the context in use, else the own one.

    A token is given, or LAUNCHER_TOKEN, or the context's, which goes to that server alone.
    """
    url = url or os.environ.get("LAUNCHER_SERVER") or None
    token = token or os.environ.get("LAUNCHER_TOKEN") or None
    if url:
        return NamedServer(url, token)
    chosen = load_contexts().chosen
    if chosen is not None:
        return NamedServer(chosen.server, token or chosen.token, chosen.name, chosen.ca)
    return OwnServer(state_dir(), token)


def state_dir() -> Path:
    """The folder of this user's own server: database, logs, checkpoints."""
    given = os.environ.get("LAUNCHER_STATE_DIR")
    if given:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "launcher"

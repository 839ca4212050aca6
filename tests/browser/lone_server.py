"""A server as a process of its own, with no cluster, over a store that was filled before."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from machine import wait_until
from stack import Service

from launcher.client import Client
from launcher.server.process import running_server
from launcher.store import Store, open_store


@dataclass(frozen=True)
class Site:
    """Where a server is, and what opens it."""

    url: str
    token: str

    @property
    def client(self) -> Client:
        return Client(self.url, self.token)


@contextmanager
def lone_server(fill: Callable[[Store], None]) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="launcher-browser-") as name:
        state_dir = Path(name)
        with closing(open_store(state_dir)) as store:
            fill(store)
        service = Service("server", state_dir / "server.log", ["--state-dir", name, "--port", "0"])
        service.start()
        try:
            yield Site(
                wait_until(lambda: _answering(service, state_dir), "the server"),
                (state_dir / "token").read_text().strip(),
            )
        finally:
            service.kill()


def _answering(service: Service, state_dir: Path) -> str | None:
    service.assert_did_not_end_by_itself()
    url = running_server(state_dir)
    if url is None:
        return None
    with socket.socket() as probe:  # it is written down before it listens
        address = urlsplit(url)
        return url if probe.connect_ex((address.hostname, address.port)) == 0 else None

"""The store where the ranks of a Horovod gang find each other, kept by the gang's leader.

Horovod's C++ client (`common/gloo/http_store.cc` there) puts its addresses under
`/SCOPE/KEY`, asks for those of the others until they are there, and deletes its own once all are
connected: `global`, `local_HOST`, `cross_NUMBER`, and further scopes for process sets. The client
sends no credentials and knows no way to, and neither does Gloo behind it: whoever reaches the port
is trusted, as everywhere inside a cluster (docs/horovod.md). So it listens on the gang's address
alone, in an attempt's time alone, and takes no more than a gang needs.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

log = logging.getLogger(__name__)

HOLD_S = 1.0
"""How long an answer "not there" is kept back. The client asks 100 times a second otherwise, each
time by a new connection, for as long as one rank is late."""
LARGEST_VALUE = 16 * 2**20
LARGEST_STORE = 2**30
"""Bytes. 1,000 ranks put 144 KB each into a scope."""
_REQUEST_TIMEOUT_S = 10.0


class Store:
    """Values by their path. Threads wait in it for values that others put."""

    def __init__(self) -> None:
        self.was_used = False
        """A rank has put a value."""
        self._values: dict[str, bytes] = {}
        self._size = 0
        self._awaited: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def put(self, path: str, value: bytes) -> bool:
        """Whether there was room for it."""
        with self._lock:
            size = self._size - len(self._values.get(path, b"")) + len(value)
            if size > LARGEST_STORE:
                return False
            self._values[path], self._size, self.was_used = value, size, True
            awaited = self._awaited.pop(path, None)
        if awaited is not None:
            awaited.set()
        return True

    def get(self, path: str, patience_s: float) -> bytes | None:
        """The value; None when it is not there within `patience_s` seconds."""
        until = time.monotonic() + patience_s
        with self._lock:
            if path in self._values or self._is_closed:
                return self._values.get(path)
            awaited = self._awaited.setdefault(path, threading.Event())
        awaited.wait(until - time.monotonic())
        with self._lock:
            return self._values.get(path)

    def delete(self, path: str) -> None:
        with self._lock:
            self._size -= len(self._values.pop(path, b""))

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._lock:
            self._is_closed = True
            awaited, self._awaited = list(self._awaited.values()), {}
        for event in awaited:
            event.set()


class Rendezvous:
    """Listens from construction until `close`.

    Args:
        host: address of this node, on which the gang meets.
        port: reserved for it (`launcher.executor.ports`).

    Raises:
        OSError: the port cannot be opened.
    """

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            raise OSError(f"Horovod cannot meet over IPv6, and the address of this node is {host}")
        self._store = Store()
        self._server = _Server((host, port), self._store)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="rendezvous", daemon=True
        )
        self._thread.start()

    def has_come(self) -> bool:
        """Whether a rank was ever here."""
        return self._store.was_used

    def close(self) -> None:
        self._store.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True  # beside the socket that reserves the port
    request_queue_size = 1024  # a gang comes at once

    def __init__(self, address: tuple[str, int], store: Store) -> None:
        self.store = store
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without looking up a name for the address, which may take seconds."""
        TCPServer.server_bind(self)

    def handle_error(self, *_: object) -> None:
        """A client that went away, or no client of ours at all."""
        log.debug("a request was not answered", exc_info=sys.exc_info())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        if self._is_ours():
            value = self.server.store.get(self.path, HOLD_S)
            self._answer(HTTPStatus.NOT_FOUND if value is None else HTTPStatus.OK, value or b"")

    def do_PUT(self) -> None:
        if not self._is_ours():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > LARGEST_VALUE:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._put(int(length))

    def do_DELETE(self) -> None:
        if self._is_ours():
            self.server.store.delete(self.path)
            self._answer(HTTPStatus.OK)

    def _put(self, length: int) -> None:
        value = self.rfile.read(length)
        if len(value) < length:  # it went away, and may come again
            self._answer(HTTPStatus.BAD_REQUEST)
        elif self.server.store.put(self.path, value):
            self._answer(HTTPStatus.OK)
        else:
            self._answer(HTTPStatus.INSUFFICIENT_STORAGE)

    def _is_ours(self) -> bool:
        """Whether the path is `/SCOPE/KEY`; else it is answered."""
        parts = self.path.split("/")
        if len(parts) == 3 and not parts[0] and all(parts[1:]):
            return True
        self._answer(HTTPStatus.BAD_REQUEST)
        return False

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not a line a request."""

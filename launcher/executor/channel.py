"""Connections between the parts of a gang: authenticated, of JSON messages, and lifelines.

A lifeline tells death from silence. When a process dies, its machine's kernel closes its
connections and refuses new ones: a first-hand proof. A partition, a paused process or a machine
without power give nothing of the kind. So a closed connection is dialled anew at once, and only a
refusal (or somebody else answering there) is taken for death; anything else is silence.

Ray's own opinion is not asked: it declares a node dead whose raylet stands still, while the
processes there run on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing import connection as mp
from typing import Any

log = logging.getLogger(__name__)

DIAL_TIMEOUT_S = 3.0
REDIAL_S = 1.0
PAUSE_S = 0.05
"""Between the end of a connection and the next: a dying process needs a moment to be gone."""
_AUTH_ERRORS = (AuthenticationError, OSError, EOFError, ValueError)


_SILENCE = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH})


def key_of(token: str, allocation: str, index: int) -> bytes:
    """The key of one agent. Another agent of the job, on a port used again, has another one."""
    return f"{token}/{allocation}/{index}".encode()


class Channel:
    """One connection; `send` may be called from any thread, `receive` from one."""

    def __init__(self, connection: mp.Connection) -> None:
        self._connection = connection
        self.fell_silent = False
        """It ended since nothing came through any more: nobody said that the other end closed."""
        self._sending = threading.Lock()

    def send(self, message: dict[str, Any]) -> bool:
        """False when the other end is gone; its reader notices."""
        with self._sending:
            try:
                self._connection.send_bytes(json.dumps(message).encode())
            except (OSError, ValueError):
                return False
        return True

    def receive(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message, or None when none came in time.

        Raises:
            EOFError: the other end closed the connection.
        """
        try:
            if timeout_s is not None and not self._connection.poll(timeout_s):
                return None
            message = json.loads(self._connection.recv_bytes())
        except (OSError, ValueError) as error:
            self.fell_silent = isinstance(error, OSError) and error.errno in _SILENCE
            raise EOFError(str(error)) from error
        return message if isinstance(message, dict) else {}

    def messages(self) -> Iterator[dict[str, Any]]:
        """Messages until the other end closes."""
        with contextlib.suppress(EOFError):
            while (message := self.receive()) is not None:
                yield message

    def close(self) -> None:
        """End the connection for both sides, also for a thread that waits in `receive`."""
        with contextlib.suppress(OSError):
            raw = socket.socket(fileno=os.dup(self._connection.fileno()))
            with raw:
                raw.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._connection.close()


class Listener:
    """Accepts channels of those who know the key, each in a thread of its own.

    Args:
        host: address to listen on; the port is the kernel's choice.
        key: shared by all who may connect (challenge and response, never sent).
        serve: called with the channel and the caller's first message; returning closes it.
    """

    def __init__(
        self, host: str, key: bytes, serve: Callable[[Channel, dict[str, Any]], None]
    ) -> None:
        self._key = key
        self._serve = serve
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family, backlog=64)
        self._channels: set[Channel] = set()
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, name="gang-accept", daemon=True).start()

    def fileno(self) -> int:
        """Whoever holds a copy of this descriptor keeps the address from refusing."""
        return self._socket.fileno()

    def close(self) -> None:
        """Refuse from now on, and end what is open: to everybody else this process is gone."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for channel in list(self._channels):
            channel.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(
                target=self._welcome, args=(accepted,), name="gang-peer", daemon=True
            ).start()

    def _welcome(self, accepted: socket.socket) -> None:
        connection = _wrap(accepted)
        try:
            mp.deliver_challenge(connection, self._key)
            mp.answer_challenge(connection, self._key)
        except _AUTH_ERRORS as error:
            log.warning("refused a caller of the gang's channel: %s", error)
            connection.close()
            return
        channel = Channel(connection)
        self._channels.add(channel)
        try:
            hello = channel.receive()
            if hello is not None:
                self._serve(channel, hello)
        except EOFError:
            pass
        finally:
            self._channels.discard(channel)
            channel.close()


def dial(address: str, key: bytes, hello: dict[str, Any]) -> Channel:
    """Connect to a Listener.

    Raises:
        ConnectionRefusedError: its machine says that it is gone, or another one answers there.
        OSError: it cannot be reached now.
    """
    host, _, port = address.rpartition(":")
    raw = socket.create_connection((host, int(port)), timeout=DIAL_TIMEOUT_S)
    connection = _wrap(raw)
    try:
        if not connection.poll(DIAL_TIMEOUT_S):
            raise TimeoutError(f"{address} accepted and said nothing")
        mp.answer_challenge(connection, key)
        mp.deliver_challenge(connection, key)
    except AuthenticationError as error:
        connection.close()
        raise ConnectionRefusedError(f"another process answers at {address}") from error
    except EOFError as error:
        connection.close()
        raise ConnectionResetError(f"{address} closed the connection") from error
    except OSError:
        connection.close()
        raise
    channel = Channel(connection)
    channel.send(hello)
    return channel


def await_proof(address: str, key: bytes) -> str:
    """Whether the process at `address` is dead: the proof, or empty as soon as it answers.

    Waits for as long as there is only silence.
    """
    while True:
        try:
            dial(address, key, {"role": "probe"}).close()
        except ConnectionRefusedError as error:
            return f"its machine answers that it is gone ({error.strerror or error})"
        except OSError:
            time.sleep(REDIAL_S)
        else:
            return ""


class Lifeline:
    """Keeps a connection to one process until it is proven dead or `close` is called.

    Args:
        address: host:port of its Listener.
        key: shared with it.
        hello: first message of every connection.
        on_up: called with each new channel.
        on_message: called with each message.
        on_dead: called once with the proof.
    """

    def __init__(
        self,
        address: str,
        key: bytes,
        hello: dict[str, Any],
        *,
        on_up: Callable[[Channel], None],
        on_message: Callable[[dict[str, Any]], None],
        on_dead: Callable[[str], None],
    ) -> None:
        self.address = address
        self.heard_at = time.monotonic()
        self.channel: Channel | None = None
        self.dead = ""
        self._key, self._hello = key, hello
        self._on_up, self._on_message, self._on_dead = on_up, on_message, on_dead
        self._closed = threading.Event()
        threading.Thread(target=self._run, name=f"lifeline-{address}", daemon=True).start()

    def send(self, message: dict[str, Any]) -> bool:
        channel = self.channel
        return channel is not None and channel.send(message)

    def close(self) -> None:
        self._closed.set()
        if self.channel is not None:
            self.channel.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                channel = dial(self.address, self._key, self._hello)
            except ConnectionRefusedError as error:
                self._die(f"its machine answers that it is gone ({error.strerror or error})")
                return
            except OSError:
                self._closed.wait(REDIAL_S)
                continue
            self.channel = channel
            self.heard_at = time.monotonic()
            self._on_up(channel)
            for message in channel.messages():
                self.heard_at = time.monotonic()
                self._on_message(message)
            self.channel = None
            channel.close()
            self._closed.wait(PAUSE_S)

    def _die(self, proof: str) -> None:
        if not self._closed.is_set():
            self.dead = proof
            self._on_dead(proof)


def _wrap(raw: socket.socket) -> mp.Connection:
    raw.setblocking(True)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return mp.Connection(raw.detach())

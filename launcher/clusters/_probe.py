"""Does a Ray head answer? Asked without the ray library, in a millisecond."""

from __future__ import annotations

import contextlib
import socket
import time

_PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
)  # with an empty SETTINGS frame
_SETTINGS_FRAME = 4


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, without the brackets of an IPv6 host.

    >>> split_address("[::1]:6379")
    ('::1', 6379)

    Raises:
        ValueError: it is something else.
    """
    if "//" in address:
        raise ValueError("HOST:PORT stands alone; the dashboard's URL is for launcher attach")
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 host stands in brackets")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("no host and port")
    return host, int(port)


def accepts(host: str, port: int, *, timeout_s: float) -> bool:
    """Whether anything listens at that port; all that can be asked of a server behind TLS."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=timeout_s):
        return True
    return False


def answers(host: str, port: int, *, timeout_s: float) -> bool:
    """Whether a gRPC server at that port speaks within the time.

    A connection alone proves little: the kernel accepts it for a process that hangs. So wait for
    the first frame, which an HTTP/2 server owes to every client and sends before it asks for a
    token.
    """
    deadline = time.monotonic() + timeout_s
    received = b""
    with contextlib.suppress(OSError):
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(_PREFACE)
            while len(received) < 4:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                chunk = connection.recv(64)
                if not chunk:
                    return False
                received += chunk
        return received[3] == _SETTINGS_FRAME
    return False

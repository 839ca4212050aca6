"""One HTTP POST to an address that a user wrote. Standard library.

The server reaches what users may not, so it does not go everywhere: link-local and other addresses
at which clouds hand out credentials are refused, after the name was looked up, and the connection
goes to the address that was judged. Private networks and this machine are allowed: receivers stand
there. Redirects are not followed, and of an answer only the status counts.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from launcher import __version__
from launcher.errors import UnreachableError
from launcher.model.notice import may_be_reached

TIMEOUT_S = 10.0
"""For the whole exchange, however slowly the receiver speaks."""
_READ = 1024


@dataclass(frozen=True)
class Reply:
    """`retry_after_s`: for how long the receiver asks to be left alone."""

    status: int
    retry_after_s: float = 0.0


def post(url: str, headers: Mapping[str, str], content: bytes) -> Reply:
    """Post once.

    Raises:
        UnreachableError: there was no answer, or the address is none to post to. The text names
            the receiver's host alone: the rest of an address may be its password.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    sent = {"User-Agent": f"launcher/{__version__}", "Accept": "*/*", **headers}
    with _told(host), contextlib.closing(_connected(parts, host)) as connection:
        closing = threading.Timer(TIMEOUT_S, _hang_up, [connection])
        closing.daemon = True
        closing.start()
        try:
            connection.request("POST", target, body=content, headers=sent)
            answer = connection.getresponse()
            answer.read(_READ)
        finally:
            closing.cancel()
    return Reply(answer.status, _seconds(answer.headers.get("Retry-After")))


def _connected(parts: urllib.parse.SplitResult, host: str) -> http.client.HTTPConnection:
    """A connection to the address that was judged; by the proxy of this machine, if it has one."""
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and is_tls and not urllib.request.proxy_bypass(host):
        _refuse_literal(host)
        by = urllib.parse.urlsplit(proxy)
        tunnel = http.client.HTTPSConnection(by.hostname or "", by.port or 80, timeout=TIMEOUT_S)
        tunnel.set_tunnel(host, port)
        return tunnel
    plain = _dialled(host, port)
    kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = kind(host, port, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    connection.sock = context.wrap_socket(plain, server_hostname=host) if is_tls else plain
    return connection


def _dialled(host: str, port: int) -> socket.socket:
    """A socket to the first address of a host that answers, none of which is a forbidden one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(may_be_reached, addresses)):
        raise UnreachableError(f"{host} is an address that the server posts nothing to")
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout=TIMEOUT_S / 2)
    return socket.create_connection((addresses[-1], port), timeout=TIMEOUT_S / 2)


def _refuse_literal(host: str) -> None:
    """By a proxy the name is looked up elsewhere; what is an address already is judged here."""
    with contextlib.suppress(ValueError):
        if not may_be_reached(host):
            raise UnreachableError(f"{host} is an address that the server posts nothing to")


def _hang_up(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _told(host: str) -> Iterator[None]:
    """What went wrong on the way, in words."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise UnreachableError(f"{host}: {error.verify_message}") from error
    except TimeoutError as error:
        raise UnreachableError(f"{host} did not answer within {TIMEOUT_S:g} s") from error
    except socket.gaierror as error:
        raise UnreachableError(f"{host}: its name is not known on the server's network") from error
    except ConnectionRefusedError as error:
        raise UnreachableError(f"{host}: nothing listens there") from error
    except (OSError, http.client.HTTPException) as error:
        words = getattr(error, "strerror", None) or type(error).__name__
        raise UnreachableError(f"{host}: {words}") from error


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After: seconds, or a date; what is neither says nothing."""
    text = (retry_after or "").strip()
    if text.isdecimal():
        return float(text[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0

"""HTTP to the launcher's server, over the standard library alone.

Shared by the client, the executor and the agents. Library and socket errors never leave this file:
they become errors of `launcher.errors` that name the server, the cause and the next step.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json as json_
import os
import select
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any, NoReturn, TypeVar, cast

from launcher import __version__
from launcher.errors import (
    ConflictError,
    DiskFullError,
    ForbiddenError,
    LauncherError,
    NotFoundError,
    SpecError,
    UnauthorizedError,
    UnreachableError,
)
from launcher.trust import context, own_ca, tls_fault

T = TypeVar("T")
Body = bytes | IO[bytes] | Iterable[bytes]

NOTICE = "X-Launcher-Notice"
"""Header of an answer: what everybody who asks the server shall hear."""
CLUSTERS = "X-Launcher-Clusters"
"""Header of an answer: the clusters of the server, as `gpu, lab (silent)`."""
CONNECT_TIMEOUT_S = 10.0
"""A machine that is there accepts a connection at once; requests may take far longer."""
_BLOCK = 64 * 1024
_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BY_STATUS: dict[int, type[LauncherError]] = {
    400: SpecError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: SpecError,
    422: SpecError,
    # Of a proxy whose server is away, or of a server that is just starting.
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
    507: DiskFullError,
}
_CAUSES: dict[type[OSError], str] = {
    ConnectionRefusedError: "nothing listens there",
    ConnectionError: "it closed the connection in the middle of its answer",
    TimeoutError: "no answer within {limit_s:g}s",
    socket.gaierror: "its name is not known on this network",
}


class RefusedError(UnreachableError):
    """The server's machine answered that nothing listens there: its process is gone."""


@dataclass(frozen=True)
class Response:
    """A whole answer. `headers` are looked up without regard to case."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json_.loads(self.body)


class Connection:
    """A kept-alive connection to one server. Belongs to one thread.

    Args:
        base_url: `http://host:port`, or https; a path in it comes before the path of each request.
        token: sent as bearer token, if there is one.
        timeout_s: how long the server may be silent; each request may have another limit.
        patience_s: how long to ask again while the answer is "not just now", as of several servers
            while another one of them takes over. Who asks again by himself has none.
        hint: the next step to tell when the server cannot be reached.
        ca: certificates as PEM that are believed beside the system's; default: LAUNCHER_CA's.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        *,
        patience_s: float = 0.0,
        hint: str = "check that the server runs and that this machine can reach it",
        ca: str | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_s, self._patience_s = timeout_s, patience_s
        self._token = token
        self._hint = hint
        self._route = _Route.of(self.base_url, ca)
        self._kept: http.client.HTTPConnection | None = None
        self.notice = ""
        """What the server wants everybody to hear, by its newest answer."""
        self.at_first_answer: Callable[[Message], None] | None = None
        """Called once, with the headers of the first answer."""

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        repeatable: bool | None = None,
    ) -> Response:
        """One request, answered whole.

        A kept connection that the server closed meanwhile is made anew once, if the request may be
        repeated: GET, HEAD, PUT, DELETE, whatever has an Idempotency-Key, or on the caller's word.

        Args:
            method: as `GET`.
            path: quoted path with query, beginning with a slash.
            json: sent as JSON body.
            body: bytes, a binary file (sent from where it stands) or chunks.
            headers: besides those that are always sent.
            timeout_s: how long the server may be silent, in place of the connection's limit.
            repeatable: whether the request may reach the server twice.

        Raises:
            UnreachableError: no answer; `RefusedError` when the machine itself refused.
            LauncherError: any answer of 400 or more, by the class that fits its status.
        """
        sent = _headers(self._token, headers)
        if json is not None:
            body = json_.dumps(json, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        if repeatable is None:
            repeatable = method in _REPEATABLE or "Idempotency-Key" in sent
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        start, give_up = _position(body), time.monotonic() + self._patience_s
        while True:
            with self._told(limit_s):
                answer = self._exchange(_Request(method, path, sent, body), limit_s, repeatable)
                response = Response(answer.status, answer.headers, answer.read())
            self._hear(answer.headers)
            if answer.will_close:
                self.close()
            pause_s = _asked_again_in(response, give_up)
            if pause_s is None or not _rewind(body, start):
                return _checked(response, self.base_url)
            time.sleep(pause_s)

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[Stream]:
        """An answer that is read as it comes, on a connection of its own.

        Args:
            method: as `GET`.
            path: quoted path with query, beginning with a slash.
            json: sent as JSON body.
            headers: besides those that are always sent.
            timeout_s: how long the server may be silent between two pieces.
        """
        sent, body = _headers(self._token, headers), None
        if json is not None:
            body = json_.dumps(json, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        request, give_up = _Request(method, path, sent, body), time.monotonic() + self._patience_s
        with contextlib.ExitStack() as stack:
            with self._told(limit_s):
                answer = self._begin(request, limit_s, give_up, stack)
            yield Stream(answer, self, limit_s)

    def _begin(
        self, request: _Request, limit_s: float, give_up: float, stack: contextlib.ExitStack
    ) -> http.client.HTTPResponse:
        """An answer that is to be read; `stack` closes its connection."""
        while True:
            connection = self._route.connect(limit_s)
            stack.callback(connection.close)
            request.send(connection, self._route)
            answer = connection.getresponse()
            stack.callback(answer.close)
            self._hear(answer.headers)
            if answer.status < 300:
                return answer
            response = Response(answer.status, answer.headers, answer.read())
            pause_s = _asked_again_in(response, give_up)
            if pause_s is None:
                _checked(response, self.base_url)
            else:
                connection.close()
                time.sleep(pause_s)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _hear(self, headers: Message) -> None:
        self.notice = headers.get(NOTICE, "")
        if self.at_first_answer is not None:
            tell, self.at_first_answer = self.at_first_answer, None
            tell(headers)

    def _exchange(
        self, request: _Request, limit_s: float, repeatable: bool
    ) -> http.client.HTTPResponse:
        start = _position(request.body)
        if self._kept is not None and self._kept.sock is not None and not _is_stale(self._kept):
            self._kept.sock.settimeout(limit_s)
            try:
                return request.round_trip(self._kept, self._route)
            except (ConnectionError, http.client.RemoteDisconnected):
                # The server closed it while our request was on its way.
                if not repeatable or not _rewind(request.body, start):
                    raise
        self.close()
        self._kept = self._route.connect(limit_s)
        return request.round_trip(self._kept, self._route)

    @contextlib.contextmanager
    def _told(self, limit_s: float) -> Iterator[None]:
        """Whatever goes wrong on the wire, in words; the connection is not used again then."""
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self._raise_unreachable(error, limit_s)

    def _raise_unreachable(self, error: Exception, limit_s: float) -> NoReturn:
        kind = RefusedError if isinstance(error, ConnectionRefusedError) else UnreachableError
        words = f"no connection to the server at {self.base_url}: {_cause(error, limit_s)}"
        raise kind(words, hint=self._hint) from error


def until_heard(ask: Callable[[], T], patience_s: float) -> T:
    """Ask again as long as nobody answers, for a time.

    Raises:
        UnreachableError: nobody did for `patience_s`.
        LauncherError: the answer is a refusal.
    """
    give_up: float | None = None
    while True:
        try:
            return ask()
        except UnauthorizedError:
            raise
        except UnreachableError:
            now = time.monotonic()
            give_up = give_up or now + patience_s
            if now > give_up:
                raise
            time.sleep(_PAUSE_S)


class Stream:
    """An answer on its way. Iterate it for bytes as they come, or take its `lines`."""

    def __init__(
        self, answer: http.client.HTTPResponse, connection: Connection, limit_s: float
    ) -> None:
        self.status = answer.status
        self.headers: Message = answer.headers
        self._answer = answer
        self._connection = connection
        self._limit_s = limit_s

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read():
            yield chunk

    def lines(self) -> Iterator[bytes]:
        """Lines without their ends; a last line without an end is no line and is left out."""
        rest = b""
        for chunk in self:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.removesuffix(b"\r")

    def _read(self) -> bytes:
        try:
            chunk = self._answer.read1(_BLOCK)
            if not chunk and self._answer.length:
                raise http.client.IncompleteRead(b"", self._answer.length)
        except (OSError, http.client.HTTPException) as error:
            self._connection._raise_unreachable(error, self._limit_s)  # noqa: SLF001 - its other half
        return chunk


@dataclass(frozen=True)
class _Route:
    """How to come to a server: its address, or a proxy's before it."""

    secure: bool
    host: str
    port: int
    prefix: str
    """Before the path of each request; through a plain proxy the whole URL."""
    proxy: tuple[str, int] | None
    ca: str

    @classmethod
    def of(cls, url: str, ca: str | None) -> _Route:
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urllib.parse.urlsplit(""), None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise SpecError(
                f"the address of {parts.hostname} has more in it than where it is: a name, a "
                "password, or what follows ? or #",
                hint=f"write {parts.scheme or 'https'}://HOST; tokens are given apart",
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SpecError(
                f"{url!r} is no address of a server",
                hint="write it as http://HOST:PORT or https://HOST",
            )
        secure = parts.scheme == "https"
        proxy = _proxy(parts.scheme, parts.hostname)
        prefix = f"http://{parts.netloc}{parts.path}" if proxy and not secure else parts.path
        believed = own_ca() if secure and ca is None else ca or ""
        port = port or (443 if secure else 80)
        return cls(secure, parts.hostname, port, prefix, proxy, believed)

    def connect(self, limit_s: float) -> http.client.HTTPConnection:
        host, port = self.proxy or (self.host, self.port)
        how: dict[str, Any] = {"timeout": min(CONNECT_TIMEOUT_S, limit_s), "blocksize": _BLOCK}
        connection = (
            http.client.HTTPSConnection(host, port, context=context(self.ca), **how)
            if self.secure
            else http.client.HTTPConnection(host, port, **how)
        )
        if self.proxy and self.secure:
            connection.set_tunnel(self.host, self.port)
        connection.connect()
        connection.sock.settimeout(limit_s)
        return connection


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Body | None = None

    def round_trip(
        self, connection: http.client.HTTPConnection, route: _Route
    ) -> http.client.HTTPResponse:
        try:
            self.send(connection, route)
        except ConnectionError:
            if self.body is None:
                raise
            # A server that refuses a large body answers and closes before it read all of it.
            with contextlib.suppress(OSError, http.client.HTTPException):
                return connection.getresponse()
            raise
        return connection.getresponse()

    def send(self, connection: http.client.HTTPConnection, route: _Route) -> None:
        size = _size(self.body)
        headers = self.headers if size is None else self.headers | {"Content-Length": str(size)}
        body = cast("Any", self.body)
        connection.request(self.method, route.prefix + self.path, body=body, headers=headers)


def _proxy(scheme: str, host: str) -> tuple[str, int] | None:
    """The proxy that the environment names for a host; none for this machine itself."""
    named = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY")
    if not named or host in _LOOPBACK:
        return None
    import urllib.request  # costs more than all the rest of this file

    if urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined,unused-ignore]
        return None
    parts = urllib.parse.urlsplit(named if "//" in named else f"//{named}")
    return (parts.hostname, parts.port or 80) if parts.hostname else None


def _headers(token: str | None, more: Mapping[str, str] | None) -> dict[str, str]:
    headers = {"User-Agent": f"launcher/{__version__}", "Accept": "application/json, */*"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers | dict(more or {})


def _size(body: Body | None) -> int | None:
    """Bytes still to come from a file; None when the library knows or nobody does."""
    position = _position(body)
    if position is None:
        return None
    file = cast("IO[bytes]", body)
    end = file.seek(0, io.SEEK_END)
    file.seek(position)
    return end - position


def _asked_again_in(response: Response, give_up: float) -> float | None:
    """Seconds, where the server says that the same will do in a moment and there is time left."""
    if response.status != 503 or time.monotonic() >= give_up:
        return None
    named = response.headers.get("Retry-After", "")
    return min(float(named), _LONGEST_PAUSE_S) if named.isdecimal() else None


def _position(body: Body | None) -> int | None:
    seekable = getattr(body, "seekable", None)
    return cast("IO[bytes]", body).tell() if seekable is not None and seekable() else None


def _rewind(body: Body | None, start: int | None) -> bool:
    """Makes a body ready to be sent again; False when it cannot be."""
    if start is not None:
        cast("IO[bytes]", body).seek(start)
        return True
    return body is None or isinstance(body, bytes)


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """The server closed it (or sent what nobody asked for): an idle connection has no input."""
    poll = select.poll()  # select() itself fails on descriptors above 1023
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _cause(error: Exception, limit_s: float) -> str:
    if isinstance(error, ssl.SSLError):
        return tls_fault(error)
    if isinstance(error, OSError):
        found = (words for kind, words in _CAUSES.items() if isinstance(error, kind))
        return next(found, error.strerror or str(error)).format(limit_s=limit_s)
    if isinstance(error, http.client.IncompleteRead):
        return _CAUSES[ConnectionError]
    return "what listens there does not speak HTTP"


def _checked(response: Response, url: str) -> Response:
    """The answer, if it is a good one."""
    if response.status < 300:
        return response
    said, hint = _said(response)
    if not said:
        phrase = http.client.responses.get(response.status, "")
        said = f"the server at {url} answered {response.status} {phrase}".rstrip()
        hint = hint or _hint(response)
    raise _BY_STATUS.get(response.status, LauncherError)(said, hint=hint)


def _said(response: Response) -> tuple[str, str | None]:
    """Error and hint, if it is our server that speaks and not a proxy in between."""
    try:
        data = response.json()
    except ValueError:
        return "", None
    if not isinstance(data, dict) or not isinstance(data.get("error"), str):
        return "", None
    hint = data.get("hint")
    return data["error"], hint if isinstance(hint, str) else None


def _hint(response: Response) -> str | None:
    location = response.headers.get("Location")
    if location:
        return f"it points to {location}: use that address"
    if response.status in {401, 403}:
        return "set LAUNCHER_TOKEN to a token that this server knows"
    return "its log tells more" if response.status >= 500 else None

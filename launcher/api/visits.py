"""Commands beside the ranks of a running job: `launcher exec`."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.api.caller import API, Caller, Ref, this_user
from launcher.errors import (
    ConflictError,
    LauncherError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)
from launcher.model.codec import decode
from launcher.model.visit import (
    ALIVE,
    AWAY_S,
    END,
    LARGEST_READ,
    FrameReader,
    VisitEnd,
)
from launcher.transport import Connection, until_heard

_SILENCE_S = 35.0
"""The server sends something every 10 s, so a connection that is silent for longer is dead."""
_HOLD_S = 10.0
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Placed:
    """Where a command runs."""

    id: str
    job: str
    attempt: int
    rank: int
    node: int
    """Index in the job's allocation."""


class Visit:
    """A command that runs beside a rank.

    One thread reads its output, one may give it input, one may steer it: each has a connection of
    its own.
    """

    def __init__(self, connect: Callable[[], Connection], placed: Placed) -> None:
        self.placed = placed
        self.end: VisitEnd | None = None
        """How it ended, once all of its output was read."""
        self._connect = connect
        self._path = f"{API}/exec/{placed.id}"
        self._giving, self._steering = connect(), connect()
        self._given = 0

    def output(self) -> Iterator[tuple[int, bytes]]:
        """What it writes, as it comes: 1 (stdout) or 2 (stderr), and the bytes.

        Raises:
            LauncherError: the server lost it, or does not answer for ten seconds.
        """
        frames = FrameReader()
        silent_since = None
        while self.end is None:
            try:
                for kind, data in self._frames(frames):
                    silent_since = None
                    if kind == END:
                        self.end = decode(VisitEnd, json.loads(data))
                        return
                    if kind != ALIVE:
                        yield kind, data
            except UnauthorizedError:
                raise
            except UnreachableError as error:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > AWAY_S:
                    raise _lost(error) from error
            frames.begin_anew()
            time.sleep(_PAUSE_S)

    def _frames(self, frames: FrameReader) -> Iterator[tuple[int, bytes]]:
        path = f"{self._path}/output?offset={frames.offset}"
        with (
            contextlib.closing(self._connect()) as connection,
            connection.stream("GET", path, timeout_s=_SILENCE_S) as stream,
        ):
            try:
                for chunk in stream:
                    yield from frames.feed(chunk)
            except ValueError as error:
                raise LauncherError(
                    f"what answers at {connection.base_url} sends no output of a command: {error}",
                    hint="compare `launcher version` here with the server's",
                ) from error

    def give(self, data: bytes) -> bool:
        """Give it input; returns when the server has it. False: it takes none any more."""
        for start in range(0, len(data), LARGEST_READ):
            if not self._give(data[start : start + LARGEST_READ]):
                return False
        return True

    def close_input(self) -> bool:
        """Nothing more is given: it reads the end."""
        return self._give(b"", last=True)

    def _give(self, piece: bytes, *, last: bool = False) -> bool:
        wanted = self._given + len(piece)
        path = f"{self._path}/input?last={int(last)}&wait={_HOLD_S:g}&offset="
        while True:
            try:
                answer = until_heard(
                    lambda: self._giving.request(
                        "POST", f"{path}{self._given}", body=piece, repeatable=True
                    ),
                    AWAY_S,
                )
            except (ConflictError, NotFoundError):
                return False
            if int(answer.json()["length"]) >= wanted:
                self._given = wanted
                return True

    def steer(self, *, rows: int = 0, columns: int = 0, signals: Sequence[int] = ()) -> None:
        """The size of its terminal, and all signals that it shall have got so far."""
        body = {"rows": rows, "columns": columns, "signals": list(signals)}
        with contextlib.suppress(NotFoundError):  # it has ended
            until_heard(
                lambda: self._steering.request("PUT", f"{self._path}/steering", json=body), AWAY_S
            )

    def leave(self) -> None:
        """Nobody wants it any more: it ends, if it has not."""
        with (
            contextlib.suppress(LauncherError),  # then the server misses its user, in ten seconds
            contextlib.closing(self._connect()) as connection,
        ):
            connection.request("DELETE", self._path, timeout_s=AWAY_S)


def _lost(error: UnreachableError) -> UnreachableError:
    return UnreachableError(
        f"{error.message}; tried for {AWAY_S:g} s", hint="the command is ended where it ran"
    )


class Visits(Caller):
    def exec(
        self,
        ref: Ref,
        argv: Sequence[str] = (),
        *,
        rank: int | None = None,
        node: int | None = None,
        stdin: bool = False,
        tty: bool = False,
        term: str = "",
        rows: int = 0,
        columns: int = 0,
    ) -> Visit:
        """Begins a command beside a rank, in its environment and its folder.

        It lives as long as its `output` is read.

        Args:
            ref: the job, which must run.
            argv: executed as it is, no shell reads it; empty: a shell.
            rank: beside which one. Default: 0.
            node: in place of a rank: the first one of that node.
            stdin: input will be given.
            tty: in a terminal of `rows` and `columns`, as `term` names it; its stderr is stdout.
            term: as in TERM.
            rows: of the terminal.
            columns: of the terminal.

        Raises:
            ConflictError: the job has no running ranks, or too many such commands.
            SpecError: there is no such rank or node.
        """
        body: dict[str, Any] = {
            "argv": list(argv),
            "rank": rank,
            "node": node,
            "stdin": stdin,
            "tty": tty,
        }
        body |= {"term": term, "rows": rows, "columns": columns, "user": this_user()}
        placed = self._post(f"{self._path(ref)}/exec", body, repeatable=False)
        return Visit(self._address.connect, decode(Placed, placed))

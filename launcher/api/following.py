"""A job as it happens, and what its ranks wrote."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from launcher.api.caller import Ref, with_query
from launcher.api.jobs import Jobs
from launcher.views import JobView, LogStream, view

if TYPE_CHECKING:
    from launcher.follow import Message
    from launcher.transport import Stream

_LOG_PART = 2**20


@dataclass(frozen=True)
class LogPart:
    """A piece of a rank's output. `length`: of the whole output so far."""

    data: bytes
    offset: int
    length: int


class Following(Jobs):
    def follow(
        self,
        ref: Ref,
        *,
        logs: str = "all",
        stream: str = "log",
        metrics: str | Sequence[str] = "all",
        tail: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[Message]:
        """Everything of a job as it happens, until it ended.

        A server that is restarted in between costs nothing: see `launcher.follow`.

        Args:
            ref: the job.
            logs: `all`, `none`, or ranks as `0,1`.
            stream: `setup` for what is said while environments are made, in place of `log`.
            metrics: `all`, `none`, names of series as `loss,accuracy`, or a list of names, in
                which there may be anything.
            tail: begin with so many last lines of each rank. Default: with the first line.
            cursor: go on behind this message.
        """
        from launcher.follow import SILENCE_S, follow

        path = f"{self._path(ref)}/follow"
        other = stream if stream != "log" else None
        names = [] if isinstance(metrics, str) else [("name", name) for name in metrics]
        known = metrics if isinstance(metrics, str) else "" if names else "none"
        wanted = known if known not in {"", "all"} else None
        query = {"logs": logs, "stream": other, "metrics": wanted, "tail": tail, "cursor": cursor}
        given = {key: str(value) for key, value in query.items() if value is not None}

        @contextlib.contextmanager
        def open_stream(query: dict[str, str]) -> Iterator[Stream]:
            headers = {"Accept": "text/event-stream"}
            with (
                contextlib.closing(self._address.connect()) as connection,
                connection.stream(
                    "GET",
                    f"{path}?{urlencode([*query.items(), *names])}",
                    headers=headers,
                    timeout_s=SILENCE_S,
                ) as opened,
            ):
                yield opened

        return follow(open_stream, given)

    def _await_end(self, identity: str) -> JobView:
        """The job once it has ended."""
        from launcher.follow import Ended, StateChange

        for message in self.follow(identity, logs="none", metrics="none"):
            if isinstance(message, Ended) or (
                isinstance(message, StateChange) and message.job.is_over
            ):
                break
        return self.job(identity)

    def log_streams(self, ref: Ref) -> list[LogStream]:
        return [view(LogStream, item) for item in self._get(f"{self._path(ref)}/logs")["streams"]]

    def read_log(
        self,
        ref: Ref,
        attempt: int,
        rank: int,
        *,
        offset: int = 0,
        limit: int = _LOG_PART,
        stream: str = "log",
    ) -> LogPart:
        """At most `limit` bytes of a rank's output, or of what is said in `setup` on its node."""
        query = {"offset": str(offset), "limit": str(limit)}
        return self._log_part(ref, attempt, rank, query, stream)

    def tail_log(
        self, ref: Ref, attempt: int, rank: int, lines: int, *, stream: str = "log"
    ) -> LogPart:
        """The last lines of a rank's output."""
        return self._log_part(ref, attempt, rank, {"tail": str(lines)}, stream)

    def log(self, ref: Ref, attempt: int, rank: int, *, stream: str = "log") -> Iterator[bytes]:
        """A rank's whole output so far, in pieces."""
        offset = 0
        while True:
            part = self.read_log(ref, attempt, rank, offset=offset, stream=stream)
            if not part.data:
                return
            yield part.data
            offset = part.offset + len(part.data)

    def _log_part(
        self, ref: Ref, attempt: int, rank: int, query: dict[str, str], stream: str
    ) -> LogPart:
        query |= {"stream": stream} if stream != "log" else {}
        path = with_query(f"{self._path(ref)}/logs/{attempt}/{rank}", query)
        answer = self._connection.request("GET", path)
        offset = int(answer.headers.get("X-Log-Offset", "0"))
        length = int(answer.headers.get("X-Log-Length", offset + len(answer.body)))
        return LogPart(answer.body, offset, length)

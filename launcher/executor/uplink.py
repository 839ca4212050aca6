"""What an agent asks of the server, with the job's token. One object a thread."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from launcher.errors import LauncherError, UnreachableError
from launcher.model.checkpoint import Manifest
from launcher.model.codec import decode, encode
from launcher.model.outputs import OutputReport
from launcher.model.visit import LARGEST_PIECE, VisitEnd
from launcher.model.wire import AgentSetup, AgentStatus, CheckpointRef, Orders
from launcher.transport import Connection

log = logging.getLogger(__name__)
T = TypeVar("T")

BASE = "/api/v1/agent"
RETRY_S = 0.5
_UPLOAD_TIMEOUT_S = 120.0
_VISIT_SLACK_S = 5.0


class Piece(NamedTuple):
    """Bytes of a stream from `offset` on; or, with `skip`, how many of it are gone, and why."""

    stream: str
    attempt: int
    rank: int
    offset: int
    data: bytes
    skip: int = 0
    why: str = ""


class Uplink:
    """Requests of one agent thread. Every method raises the errors of `launcher.transport`."""

    def __init__(self, server: str, token: str) -> None:
        self._connection = Connection(server, token, timeout_s=15.0)
        self.is_followed = False
        """Somebody looked on when the server last took what the ranks wrote."""

    def sync(self, status: AgentStatus, wait_s: float) -> Orders:
        """Tell the status and get orders: at once if they changed, else within `wait_s`."""
        answer = self._connection.request(
            "POST",
            f"{BASE}/sync?wait={wait_s:g}",
            json=encode(status),
            timeout_s=wait_s + 10.0,
            repeatable=True,
        )
        return decode(Orders, answer.json())

    def setup(self, allocation: str) -> AgentSetup:
        answer = self._connection.request("GET", f"{BASE}/setup/{allocation}")
        return decode(AgentSetup, answer.json())

    def reopen(self, sealed: Mapping[str, str]) -> list[str]:
        """The values of secrets that this job was given before.

        Raises:
            ConflictError: the server's key is gone.
        """
        answer = self._connection.request(
            "POST", f"{BASE}/sealed", json={"sealed": dict(sealed)}, repeatable=True
        )
        return [str(value) for value in answer.json()["values"]]

    def is_job_over(self) -> bool:
        """Whether the job has ended for good: nobody needs its files on the nodes any more."""
        return bool(self._connection.request("GET", f"{BASE}/job").json()["over"])

    def append(self, pieces: Sequence[Piece]) -> list[int]:
        """Ship pieces of streams; each is taken only where it continues what the server has.

        Returns:
            The server's length of each stream.
        """
        head = [
            {
                "stream": piece.stream,
                "attempt": piece.attempt,
                "rank": piece.rank,
                "offset": piece.offset,
                "size": len(piece.data),
                **({"skip": piece.skip, "why": piece.why} if piece.skip else {}),
            }
            for piece in pieces
        ]
        body = json.dumps(head).encode() + b"\n" + b"".join(piece.data for piece in pieces)
        answer = self._connection.request(
            "POST", f"{BASE}/append", body=body, timeout_s=_UPLOAD_TIMEOUT_S, repeatable=True
        )
        told = answer.json()
        self.is_followed = bool(told.get("followed"))
        return [int(length) for length in told["lengths"]]

    def missing(self, digests: Sequence[str]) -> list[str]:
        """Those of the blobs that the server has not."""
        answer = self._connection.request(
            "POST", f"{BASE}/blobs/missing", json={"sha256": list(digests)}, repeatable=True
        )
        return [str(digest) for digest in answer.json()["missing"]]

    def upload(self, digest: str, data: BinaryIO) -> None:
        self._connection.request(
            "PUT", f"{BASE}/blobs/{digest}", body=data, timeout_s=_UPLOAD_TIMEOUT_S
        )

    def commit(self, manifest: Manifest) -> CheckpointRef | None:
        """Commit a checkpoint whose blobs are all there; None while parts of it are missing."""
        answer = self._connection.request(
            "POST", f"{BASE}/checkpoints", json=encode(manifest), repeatable=True
        )
        committed = answer.json()["committed"]
        return decode(CheckpointRef, committed) if committed else None

    def give_outputs(self, report: OutputReport) -> None:
        """The outputs of this node, whose blobs are all there."""
        self._connection.request("POST", f"{BASE}/outputs", json=encode(report), repeatable=True)

    def watched(self) -> CheckpointRef | None:
        """The newest checkpoint of watched files; None as long as there is none."""
        committed = self._connection.request("GET", f"{BASE}/watched").json()["committed"]
        return decode(CheckpointRef, committed) if committed else None

    def lock(self) -> str:
        """The versions that the job's requirements were resolved to; empty: not yet."""
        return self._connection.request("GET", f"{BASE}/lock").body.decode()

    def keep_lock(self, text: str) -> str:
        """Give the versions to the server; gives back those that the job has, given first."""
        answer = self._connection.request(
            "PUT", f"{BASE}/lock", body=text.encode(), repeatable=True
        )
        return answer.body.decode()

    def manifest(self, checkpoint_id: int) -> Manifest:
        answer = self._connection.request("GET", f"{BASE}/checkpoints/{checkpoint_id}")
        return decode(Manifest, answer.json())

    def download(self, digest: str, target: Path) -> None:
        """A blob (checkpoint file or packaged workdir) into a new file."""
        path = f"{BASE}/blobs/{digest}"
        with self._connection.stream("GET", path) as answer, target.open("xb") as file:
            for chunk in answer:
                file.write(chunk)

    def visit_input(
        self, visit: str, offset: int, wait_s: float, *, room: int = LARGEST_PIECE, told: bool
    ) -> tuple[bytes, bool]:
        """What is given to a visit's command from `offset` on, within `wait_s`.

        Args:
            visit: its id.
            offset: how much was got.
            wait_s: how long the answer may take.
            room: for how much more.
            told: it is known that nothing more is given.

        Returns:
            The bytes, and whether nothing more is given behind them.
        """
        path = f"{BASE}/visits/{visit}/input?offset={offset}&room={room}&told={int(told)}"
        answer = self._connection.request(
            "GET", f"{path}&wait={wait_s:g}", timeout_s=wait_s + _VISIT_SLACK_S
        )
        return answer.body, answer.headers.get("X-Visit-Last") == "1"

    def visit_output(self, visit: str, offset: int, frames: bytes, wait_s: float) -> int:
        """Give frames of a visit's command; how much of its output the server has been given."""
        answer = self._connection.request(
            "POST",
            f"{BASE}/visits/{visit}/output?offset={offset}&wait={wait_s:g}",
            body=frames,
            timeout_s=wait_s + _VISIT_SLACK_S,
            repeatable=True,
        )
        return int(answer.json()["length"])

    def end_visit(self, visit: str, end: VisitEnd) -> None:
        self._connection.request(
            "POST", f"{BASE}/visits/{visit}/end", json=encode(end), repeatable=True
        )

    def close(self) -> None:
        self._connection.close()


class NotYetError(LauncherError):
    """Something that passes by itself."""


def until_answered(ask: Callable[[], T], given_up: threading.Event | None = None) -> T:
    """Ask until the server answers; errors that would stay are raised.

    Args:
        ask: what is tried again after `UnreachableError` and `NotYetError`.
        given_up: once it is set, these too are raised.
    """
    stop = given_up or threading.Event()
    while True:
        try:
            return ask()
        except (UnreachableError, NotYetError) as error:
            log.info("trying again: %s", error)
            if stop.wait(RETRY_S):
                raise

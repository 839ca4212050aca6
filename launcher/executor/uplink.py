"""What an agent asks of the server, with the job's token. One object a thread."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from launcher.errors import LauncherError, UnreachableError
from launcher.model.checkpoint import Manifest
from launcher.model.codec import decode, encode
from launcher.model.outputs import OutputReport
from launcher.model.wire import AgentSetup, AgentStatus, CheckpointRef, Orders
from launcher.transport import Connection

log = logging.getLogger(__name__)
T = TypeVar("T")

BASE = "/api/v1/agent"
RETRY_S = 0.5
_UPLOAD_TIMEOUT_S = 120.0


class Uplink:
    """Requests of one agent thread. Every method raises the errors of `launcher.transport`."""

    def __init__(self, server: str, token: str) -> None:
        self._connection = Connection(server, token, timeout_s=15.0)

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

    def is_job_over(self) -> bool:
        """Whether the job has ended for good: nobody needs its files on the nodes any more."""
        return bool(self._connection.request("GET", f"{BASE}/job").json()["over"])

    def append(self, pieces: Sequence[tuple[str, int, int, int, bytes]]) -> list[int]:
        """Ship pieces of streams; each is taken only where it continues what the server has.

        Args:
            pieces: (stream, attempt, rank, offset, data) each.

        Returns:
            The server's length of each stream.
        """
        head = [
            {
                "stream": stream,
                "attempt": attempt,
                "rank": rank,
                "offset": offset,
                "size": len(data),
            }
            for stream, attempt, rank, offset, data in pieces
        ]
        body = json.dumps(head).encode() + b"\n" + b"".join(piece[4] for piece in pieces)
        answer = self._connection.request(
            "POST", f"{BASE}/append", body=body, timeout_s=_UPLOAD_TIMEOUT_S, repeatable=True
        )
        return [int(length) for length in answer.json()["lengths"]]

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

"""The Ray clusters that are attached to this server: remembered in its state folder, 0600.

A file and not a table: it holds secrets of other systems (Ray's tokens), belongs to this one server
process, which renews the attachments, and must be lost with nothing else.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

FILE = "attached.json"


@dataclass(frozen=True)
class Attachment:
    """One cluster, its executor's Ray job and how to start that again.

    `token` opens the routes of executors for this cluster alone, until it is detached.
    """

    name: str
    ray_url: str
    server_url: str
    job_id: str
    token: str
    ray_token: str | None = None


class Attachments:
    """Thread-safe; each change is on the disk before it is true."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._lock = threading.Lock()
        self._known: dict[str, Attachment] = {}
        with contextlib.suppress(FileNotFoundError):
            data = json.loads(self._path.read_text())
            known = {field.name for field in fields(Attachment)}
            for item in data["clusters"]:
                one = Attachment(**{key: item[key] for key in known & item.keys()})
                self._known[one.name] = one

    def all(self) -> list[Attachment]:
        with self._lock:
            return list(self._known.values())

    def get(self, name: str) -> Attachment | None:
        return self._known.get(name)

    def put(self, attachment: Attachment) -> None:
        with self._lock:
            self._write(self._known | {attachment.name: attachment})

    def set_job(self, attachment: Attachment, job_id: str) -> Attachment | None:
        """Its next Ray job; None when it was detached or attached anew meanwhile."""
        with self._lock:
            if self._known.get(attachment.name) != attachment:
                return None
            renewed = replace(attachment, job_id=job_id)
            self._write(self._known | {attachment.name: renewed})
            return renewed

    def remove(self, name: str) -> None:
        with self._lock:
            self._write({key: one for key, one in self._known.items() if key != name})

    def opens(self, token: str, cluster: str) -> bool:
        """Whether a token is the one of that cluster's executor."""
        found = self._known.get(cluster)
        return found is not None and hmac.compare_digest(found.token.encode(), token.encode())

    def knows(self, token: str) -> bool:
        """Whether a token is of any attached cluster's executor."""
        return any(self.opens(token, one.name) for one in self.all())

    def _write(self, known: dict[str, Attachment]) -> None:
        fresh = self._path.with_name(f"{FILE}.new")
        fresh.unlink(missing_ok=True)
        with open(fresh, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump({"clusters": [asdict(one) for one in known.values()]}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)
        self._known = known

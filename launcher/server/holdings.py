"""Which files a job has shown to have: a hash alone gives no job the files of another one.

Blobs are kept by what they hold, so the same file of two jobs is there once. But who could name a
file by its hash, and have it thereby, would read what is of other projects.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable

from launcher.store import Store, checkpoints, jobs, removal

_REMEMBERED = 200_000
"""Hashes. Whose are forgotten sends again what it has not committed yet."""


class Holdings:
    """Thread-safe. What was sent is remembered in this process; what was committed, by its rows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sent: OrderedDict[str, set[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def sent(self, job_id: str, digest: str) -> None:
        """An agent of the job has sent all bytes of a blob."""
        with self._lock:
            self._sent.setdefault(job_id, set()).add(bytes.fromhex(digest))
            self._sent.move_to_end(job_id)
            while sum(map(len, self._sent.values())) > _REMEMBERED and len(self._sent) > 1:
                self._sent.popitem(last=False)

    def lacking(self, job_id: str, digests: Iterable[str]) -> list[str]:
        """Those of the blobs that are not here, or that the job has not shown to have."""
        wanted = list(dict.fromkeys(digests))
        absent = set(self._store.blobs.missing(wanted))
        with self._lock:
            sent = {one.hex() for one in self._sent.get(job_id, ())}
        unknown = [one for one in wanted if one not in absent and one not in sent]
        if unknown:
            own = self._named(job_id, unknown)
            absent.update(one for one in unknown if one not in own)
        return [one for one in wanted if one in absent]

    def _named(self, job_id: str, digests: Collection[str]) -> set[str]:
        """Those of them that the job's rows name, or the checkpoint that it begins from."""
        with self._store.read() as tx:
            own = removal.blobs_of(tx, [job_id])
            job = jobs.get(tx, job_id)
            if job is not None and job.from_checkpoint is not None:
                origin = checkpoints.of_any_job(tx, job.from_checkpoint)
                own |= {entry.sha256 for entry in origin.manifest.files} if origin else set()
        return own.intersection(digests)

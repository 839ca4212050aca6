"""A job's folder on this node, and a server that takes what is shipped, without HTTP."""

from __future__ import annotations

import hashlib

import pytest

from launcher.errors import UnreachableError
from launcher.executor.folders import JobFolder
from launcher.model.wire import CheckpointRef


class FakeUplink:
    """The server's side of launcher.executor.uplink, by its rules: appends, blobs, manifests."""

    def __init__(self):
        self.streams = {}
        self.blobs = {}
        self.manifests = {}
        self.committed = []
        self.requests = []
        self.skips = []
        self.fails = []
        """What becomes of the next requests: `lost` (not handled) or `unanswered` (handled)."""

    def _ask(self, handle):
        fate = self.fails.pop(0) if self.fails else ""
        if fate == "lost":
            raise UnreachableError("no answer")
        answer = handle()
        if fate == "unanswered":
            raise UnreachableError("no answer")
        return answer

    def append(self, pieces):
        return self._ask(lambda: [self._append(piece) for piece in pieces])

    def _append(self, piece):
        stream, attempt, rank, offset, data, skip, why = piece
        stored = self.streams.setdefault((stream, attempt, rank), bytearray())
        self.requests.append((stream, attempt, rank, offset, len(data)))
        if skip:
            self.skips.append((stream, rank, offset, skip, why))
            data = b"?" * skip
        if 0 <= offset <= len(stored) < offset + len(data):
            stored += data[len(stored) - offset :]
        return len(stored)

    def missing(self, digests):
        return self._ask(lambda: [digest for digest in digests if digest not in self.blobs])

    def upload(self, digest, data):
        content = data.read()
        assert hashlib.sha256(content).hexdigest() == digest
        self._ask(lambda: self.blobs.update({digest: content}))

    def commit(self, manifest):
        return self._ask(lambda: self.committed.append(manifest))

    def watched(self):
        """The newest of `manifests` that is of watched files."""
        found = [number for number, one in self.manifests.items() if one.watched]
        return self._ask(lambda: CheckpointRef(max(found), 1) if found else None)

    def manifest(self, checkpoint_id):
        return self._ask(lambda: self.manifests[checkpoint_id])

    def download(self, digest, target):
        target.write_bytes(self._ask(lambda: self.blobs[digest]))

    def put(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest


@pytest.fixture
def uplink():
    return FakeUplink()


@pytest.fixture
def folder(tmp_path):
    made = JobFolder.of(tmp_path, "digits-abcdef", "0123456789abcdef")
    made.checkpoints(1).mkdir(parents=True)
    return made

"""What a node knows of a job's secrets: to blot them out of all that leaves it.

On the node's disk they lie only as the server sealed them, by allocation, beside the job's files:
whoever ships there what a dead agent left has them opened by the server, with the job's token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from launcher.errors import ConflictError
from launcher.executor.folders import JobFolder
from launcher.executor.redacting import Redactor
from launcher.executor.uplink import Uplink
from launcher.model.wire import AgentSetup, AgentStatus


@dataclass(frozen=True)
class Redaction:
    """How each attempt's output is redacted.

    `blind`: attempts of which nobody can tell the values any more, for the server's key is gone.
    """

    redactor: Redactor = field(default_factory=Redactor)
    blind: frozenset[int] = frozenset()

    def of(self, attempt: int) -> Redactor:
        return Redactor(blind=True) if attempt in self.blind else self.redactor


def redaction(folder: JobFolder, uplink: Uplink, values: Iterable[str] = ()) -> Redaction:
    """How to redact what lies in a job's folder.

    Args:
        folder: of the job on this node.
        uplink: to the server, which opens what agents before kept here.
        values: of the secrets that the job has now.

    Raises:
        UnreachableError: the server did not answer; try again.
    """
    kept = _kept(folder)
    if not kept:
        return Redaction(Redactor(values))
    try:
        return Redaction(Redactor([*values, *uplink.reopen(kept)]))
    except ConflictError:
        before = frozenset(file.attempt for file in folder.rank_files())
        return Redaction(Redactor(values), before)


def keep(folder: JobFolder, allocation: str, setup: AgentSetup) -> None:
    """Keep what the server sealed for this allocation, before any rank of it prints."""
    if not setup.sealed:
        return
    content = json.dumps({**_kept(folder), allocation: setup.sealed})
    fresh = folder.sealed.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(folder.sealed)


def redacted(status: AgentStatus, redactor: Redactor) -> AgentStatus:
    """The status, its words for people redacted; ids and addresses stay as they are."""
    if not redactor.lookback:
        return status
    verdict = status.verdict
    if verdict is not None:
        exits = tuple(
            replace(one, tail=redactor.text(one.tail), error=redactor.text(one.error))
            for one in verdict.exits
        )
        verdict = replace(verdict, words=redactor.text(verdict.words), exits=exits)
    notes = tuple(replace(note, text=redactor.text(note.text)) for note in status.notes)
    return replace(status, verdict=verdict, notes=notes, closed=redactor.text(status.closed))


def _kept(folder: JobFolder) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(folder.sealed.read_text())
    except FileNotFoundError:
        return {}
    return kept

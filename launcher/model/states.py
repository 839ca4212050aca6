"""The states of a job, and the only statement of which may follow which."""

from __future__ import annotations

from enum import Enum


class JobState(str, Enum):
    """Where a job stands. Why it got there is told by its events and endings, not by the state."""

    HELD = "HELD"
    """Waits until its owner releases it."""
    QUEUED = "QUEUED"
    """Waits for resources, its turn or its back-off."""
    SETUP = "SETUP"
    """An attempt is granted; its environment is being made on the nodes."""
    STARTING = "STARTING"
    """An attempt is granted: resources, agents, code and checkpoint are being put in place."""
    RUNNING = "RUNNING"
    """Every rank of the gang was started."""
    CANCELLING = "CANCELLING"
    """Somebody cancelled it; its ranks are being stopped."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL

    def __str__(self) -> str:
        return self.value


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
ACTIVE = frozenset(
    {JobState.SETUP, JobState.STARTING, JobState.RUNNING, JobState.CANCELLING},
)
"""An attempt is granted and its death is not proven."""

_S = JobState
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    _S.HELD: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.HELD, _S.SETUP, _S.STARTING, _S.CANCELLED, _S.FAILED}),
    _S.SETUP: frozenset({_S.STARTING, _S.QUEUED, _S.CANCELLING, _S.FAILED}),
    # STARTING -> STARTING: a new attempt in the same allocation. STARTING -> SUCCEEDED: the word
    # that the ranks were started was lost, the word that they all finished was not.
    _S.STARTING: frozenset(
        {_S.STARTING, _S.RUNNING, _S.QUEUED, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED},
    ),
    _S.RUNNING: frozenset({_S.STARTING, _S.QUEUED, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED}),
    _S.CANCELLING: frozenset({_S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    # `launcher retry` queues an ended job again, from its newest checkpoint.
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.CANCELLED: frozenset({_S.QUEUED}),
}

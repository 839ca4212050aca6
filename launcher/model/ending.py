"""Why an attempt ended, and the three total maps that follow from it: state, retry, words."""

from __future__ import annotations

from enum import Enum

from launcher.model.states import JobState


class Ending(str, Enum):
    FINISHED = "FINISHED"
    PROGRAM_FAILED = "PROGRAM_FAILED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    KILLED = "KILLED"
    EXIT_ABORTED = "EXIT_ABORTED"
    WORKER_LOST = "WORKER_LOST"
    NODE_LOST = "NODE_LOST"
    NODE_DRAINED = "NODE_DRAINED"
    CLUSTER_LOST = "CLUSTER_LOST"
    HUNG = "HUNG"
    PREEMPTED = "PREEMPTED"
    RESIZED = "RESIZED"
    START_TIMEOUT = "START_TIMEOUT"
    WARM_START_FAILED = "WARM_START_FAILED"
    RUN_TIMEOUT = "RUN_TIMEOUT"
    SETUP_FAILED = "SETUP_FAILED"
    CANCELLED_BY_USER = "CANCELLED_BY_USER"

    def __str__(self) -> str:
        return self.value


class Retry(Enum):
    """What an ending costs of the job's patience."""

    NEVER = "never"
    COUNTED = "counted against retries.max"
    FREE = "free: not the program's fault"


_E = Ending

NEXT_STATE: dict[Ending, JobState] = {
    _E.FINISHED: JobState.SUCCEEDED,
    _E.PROGRAM_FAILED: JobState.FAILED,
    _E.OUT_OF_MEMORY: JobState.FAILED,
    _E.KILLED: JobState.FAILED,
    _E.EXIT_ABORTED: JobState.SUCCEEDED,
    _E.WORKER_LOST: JobState.QUEUED,
    _E.NODE_LOST: JobState.QUEUED,
    _E.NODE_DRAINED: JobState.QUEUED,
    _E.CLUSTER_LOST: JobState.QUEUED,
    _E.HUNG: JobState.FAILED,
    _E.PREEMPTED: JobState.QUEUED,
    _E.RESIZED: JobState.QUEUED,
    _E.START_TIMEOUT: JobState.QUEUED,
    _E.WARM_START_FAILED: JobState.QUEUED,
    _E.RUN_TIMEOUT: JobState.FAILED,
    _E.SETUP_FAILED: JobState.FAILED,
    _E.CANCELLED_BY_USER: JobState.CANCELLED,
}
"""The job's state once no retry is left (or none is needed)."""

RETRY: dict[Ending, Retry] = {
    _E.FINISHED: Retry.NEVER,
    _E.PROGRAM_FAILED: Retry.COUNTED,
    _E.OUT_OF_MEMORY: Retry.COUNTED,
    _E.KILLED: Retry.COUNTED,
    _E.EXIT_ABORTED: Retry.NEVER,
    _E.WORKER_LOST: Retry.FREE,
    _E.NODE_LOST: Retry.FREE,
    _E.NODE_DRAINED: Retry.FREE,
    _E.CLUSTER_LOST: Retry.FREE,
    _E.HUNG: Retry.COUNTED,
    _E.PREEMPTED: Retry.FREE,
    _E.RESIZED: Retry.FREE,
    _E.START_TIMEOUT: Retry.FREE,
    _E.WARM_START_FAILED: Retry.FREE,
    _E.RUN_TIMEOUT: Retry.NEVER,
    _E.SETUP_FAILED: Retry.NEVER,
    _E.CANCELLED_BY_USER: Retry.NEVER,
}

WORDS: dict[Ending, str] = {
    _E.FINISHED: "every rank exited with 0",
    _E.PROGRAM_FAILED: "the program failed",
    _E.OUT_OF_MEMORY: "a rank ran out of memory",
    _E.KILLED: "a rank was killed from outside",
    _E.EXIT_ABORTED: "the program did its work and aborted while its interpreter was leaving",
    _E.WORKER_LOST: "an agent and its ranks died",
    _E.NODE_LOST: "a node was lost",
    _E.NODE_DRAINED: "a node was drained",
    _E.CLUSTER_LOST: "the cluster was lost",
    _E.HUNG: "the training stood still",
    _E.PREEMPTED: "a job of higher priority took the resources",
    _E.RESIZED: "the gang grows",
    _E.START_TIMEOUT: "the gang did not start in time",
    _E.WARM_START_FAILED: "a rank crashed before its first report, after a warm start",
    _E.RUN_TIMEOUT: "the job ran longer than timeouts.run",
    _E.SETUP_FAILED: "the files or the environment of the job could not be set up",
    _E.CANCELLED_BY_USER: "cancelled by the user",
}

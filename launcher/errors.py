"""The errors that a user can meet. One root, drawn here; each class has its exit code.

    LauncherError (1)
    ├── SpecError (2)          the spec, its files or a flag is wrong: every complaint at once
    ├── NotFoundError (3)      no such job, checkpoint, cluster
    ├── UnreachableError (4)   the server or the cluster does not answer
    │   ├── TryAgainError (4)      not just now: it goes on by itself in a moment
    │   └── UnauthorizedError (4)  it answers, and refuses the token
    │       └── ForbiddenError (4)     it knows the token, whose user may not do that
    ├── DiskFullError (1)      the disk of the server, or of this machine, has no room
    ├── ConflictError (5)      the state of the thing forbids it: already ended, name taken
    └── JobFailedError (1)     the job itself failed; JobCancelledError (6): it was cancelled

A message says what and where, with the current value, in lower case and without a full stop; the
hint says the next step. Library exceptions are translated where the library is called.
"""

from __future__ import annotations

from typing import Any


class LauncherError(Exception):
    """Root of all errors that are told to the user without a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive pickling by themselves (Ray pickles errors).
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(cls: type[LauncherError], message: str, hint: str | None) -> LauncherError:
    return cls(message, hint=hint)


class SpecError(LauncherError):
    """The job spec, a file that it names, or a flag is wrong. The message may have many lines."""

    exit_code = 2


class NotFoundError(LauncherError):
    exit_code = 3


class UnreachableError(LauncherError):
    exit_code = 4


class TryAgainError(UnreachableError):
    """Not just now: the server, or its database, changes hands. It goes on by itself."""


class UnauthorizedError(UnreachableError):
    """The server answers, and refuses the token."""


class ForbiddenError(UnauthorizedError):
    """The server knows who asks, who may not do that."""


class DiskFullError(LauncherError):
    """No room on a disk. Nothing was half written: it may be tried again when there is room."""


class ConflictError(LauncherError):
    exit_code = 5


class JobFailedError(LauncherError):
    exit_code = 1


class JobCancelledError(LauncherError):
    exit_code = 6

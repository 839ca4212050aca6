"""How long what is kept of ended jobs is kept: rules of the server, and of projects over them.

Without a rule everything is kept for ever. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOG_SIZE = "log-size"
"""Bytes that are kept of what a rank prints in one attempt; the only rule for jobs that run."""
DEFAULT_LOG_SIZE = 2**30
LEAST_LOG_SIZE = 64 * 1024

KINDS: dict[str, str] = {
    "logs": "what its ranks printed",
    "metrics": "its curves; their last values stay",
    "checkpoints": "all but the newest ones, and the best where keep_best says so",
    "last-checkpoints": "those too: it can't resume any more",
    "outputs": "files that it left",
    "code": "its packaged workdir: it can't be retried or cloned any more",
    "jobs": "all of it: nothing remains",
}
"""What ages with the end of its job, in the order in which it is looked through."""


@dataclass(frozen=True)
class Rules:
    """Rules by project (the empty name: of all that have none of their own) and kind.

    A value is seconds since a job's end, or bytes of `log-size`; None: for ever, without limit.
    """

    values: Mapping[tuple[str, str], float | None] = field(default_factory=dict)

    def age_s(self, project: str, kind: str) -> float | None:
        """How old what a job left may become; None: as old as it likes."""
        if (project, kind) in self.values:
            return self.values[project, kind]
        return self.values.get(("", kind))

    def log_size(self, project: str) -> float:
        """Bytes that are kept of a rank's log; infinite without a limit."""
        for name in (project, ""):
            if (name, LOG_SIZE) in self.values:
                found = self.values[name, LOG_SIZE]
                return float("inf") if found is None else found
        return DEFAULT_LOG_SIZE

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds that any rule names."""
        return frozenset(kind for _, kind in self.values)

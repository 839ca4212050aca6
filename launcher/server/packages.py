"""Who may run a package that is here already: its hash alone gives nobody the right to."""

from __future__ import annotations

from launcher.model.access import Caller, Kind
from launcher.server.control import Control
from launcher.store import senders

_KEPT_S = 7 * 86400.0
"""Who sent a package submits it soon, or sends it again."""


class Packages:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def sent(self, caller: Caller, digest: str) -> None:
        """The caller has sent all its bytes."""
        if caller.kind is Kind.OWNER:
            return
        now = self._control.clock()
        with self._control.store.begin() as tx:
            senders.forget(tx, now - _KEPT_S)
            senders.note(tx, caller.name, digest, now)

    def may_run(self, caller: Caller, digest: str) -> bool:
        """Whether the caller sent it, or may look at a job that runs it."""
        if caller.kind is Kind.OWNER:
            return True
        with self._control.store.read() as tx:
            return senders.may_run(tx, caller.name, digest, caller.within)

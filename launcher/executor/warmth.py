"""One job's use of preloaded interpreters on its node.

It forks its ranks from one where it may, and has one made for those that come after it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence

from launcher.executor.folders import JobFolder, preloaded_root
from launcher.executor.keepers import Keeper
from launcher.executor.preloaded import preloaded_of
from launcher.executor.preloads import Preload, Wanted, preload_of, wanted
from launcher.executor.ranks import Ranks, RankStart
from launcher.model.launch import Launch

log = logging.getLogger(__name__)

SETTLED_S = 60.0
"""A training that went on for so long has started: an import beside it takes nothing from that."""


_PATIENCE_S = 5.0


class Warmth:
    """What is preloaded, for the ranks of one allocation here.

    Args:
        launch: the job.
        folder: its files on this node.
        node: index of it in the allocation.
        raylet: process id of this node's; 0: nothing is preloaded.
        mark: environment entry that all processes of the allocation carry.
        held: descriptors that stay open for as long as a keeper lives.
        secrets: variables that no other process may have.
    """

    def __init__(
        self,
        launch: Launch,
        folder: JobFolder,
        *,
        node: int,
        raylet: int,
        mark: str,
        held: Sequence[int],
        secrets: Mapping[str, str],
    ) -> None:
        self._launch, self._folder, self._secrets = launch, folder, secrets
        self._node, self._mark, self._held = node, mark, held
        self._preloaded = preloaded_of(preloaded_root(), raylet) if raylet else None
        self._wanted: Wanted | None = None
        self._timer: threading.Timer | None = None
        self._beginning: threading.Thread | None = None

    def keeper(self, starts: Sequence[RankStart]) -> Keeper | None:
        """A keeper that forks these ranks with everything imported; None: they start cold."""
        if self._preloaded is None:
            return None
        preload = preload_of(self._launch, self._folder.work)
        self._wanted = self._one_for_all(preload, starts)
        if self._wanted is None:
            log.info("cold start: %s", preload.reason or "its variables allow no other")
            return None
        path = first_on_path(self._launch, starts[0])
        return self._preloaded.keeper(self._wanted, self._mark, self._folder.path, path, self._held)

    def _one_for_all(self, preload: Preload, starts: Sequence[RankStart]) -> Wanted | None:
        found = [wanted(preload, start.argv[0], start.env, list(self._secrets)) for start in starts]
        keys = {each.key if each else "" for each in found}
        return found[0] if len(keys) == 1 else None

    def started(self, ranks: Ranks, note: Callable[[str], None]) -> None:
        """The ranks were started: for others like them one is made when they have settled."""
        if self._wanted is None:
            return
        if ranks.is_warm:
            what = ", ".join(sorted({name.partition(".")[0] for name in self._wanted.modules}))
            note(f"warm start on node {self._node}: {what} had been imported")
        self._timer = threading.Timer(SETTLED_S, self._begin)
        self._timer.daemon = True
        self._timer.start()

    def ended(self, *, well: bool) -> None:
        """No rank runs any more. `well`: they are not started again."""
        self._cancel()
        if well and self._wanted is not None:
            self._beginning = threading.Thread(target=self._begin, name="preloading", daemon=True)
            self._beginning.start()

    def _begin(self) -> None:
        if self._preloaded is not None and self._wanted is not None:
            try:
                self._preloaded.begin(self._wanted)
            except OSError as error:  # the python is gone, the disk is full: ranks start cold
                log.info("nothing is preloaded: %s", error)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """Returns when what was begun needs this process no more: that takes milliseconds."""
        self._cancel()
        if self._beginning is not None:
            self._beginning.join(_PATIENCE_S)


def first_on_path(launch: Launch, start: RankStart) -> list[str]:
    """Folders in which a rank's python looks for modules before its own."""
    program = launch.entrypoint
    script = start.cwd / program.argv[0]
    first = script.resolve().parent if program.kind == "script" else start.cwd
    given = start.env.get("PYTHONPATH", "")
    more = [str(start.cwd / part) for part in given.split(os.pathsep)] if given else []
    return [str(first), *more]

"""Jobs of other projects are not named to who may not look at them.

Reasons and events name other jobs: the one that a job waits behind, or makes room for. What people
wrote themselves goes back to them as it is: to change it would tell that there is such a job.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from launcher.names import ID
from launcher.store import Store, jobs
from launcher.store.events import StoredEvent
from launcher.store.jobs import Within
from launcher.views import JobView

ANOTHER = "a job of another project"
_NAMING = frozenset({"preempted", "after"})
"""Events that name jobs which may be gone by now: of those nobody knows whose they were."""


class Mask:
    """What a caller may not read in texts about jobs, for one answer.

    Args:
        store: knows whose jobs are.
        within: the projects that the caller may look at; None: all, and nothing is masked.
    """

    def __init__(self, store: Store, within: Within) -> None:
        self._store, self._within = store, within
        self._is_seen: dict[str, bool | None] = {}

    def text(self, text: str, *, strictly: bool = False) -> str:
        """A text without the names of others' jobs; `strictly`: nor of those that are gone."""
        return self.texts([text], strictly=strictly)[0]

    def texts(self, texts: Sequence[str], *, strictly: bool = False) -> list[str]:
        if self._within is None:
            return list(texts)
        self._look_up({name for text in texts for name in ID.findall(text)})

        def shown(match: re.Match[str]) -> str:
            is_seen = self._is_seen[match[0]]
            return ANOTHER if is_seen is False or (strictly and is_seen is None) else match[0]

        return [ID.sub(shown, text) for text in texts]

    def events(self, found: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Events whose texts name no others."""
        if self._within is None:
            return list(found)
        self.texts([one.text for one in found])  # all are looked up at once
        return [
            replace(one, text=self.text(one.text, strictly=one.kind in _NAMING)) for one in found
        ]

    def views(self, shown: Iterable[JobView]) -> list[JobView]:
        """Jobs with reasons and warnings that name no others."""
        found = list(shown)
        if self._within is None:
            return found
        self.texts([text for one in found for text in (one.reason or "", *one.warnings)])
        return [
            replace(
                one,
                reason=self.text(one.reason) if one.reason else one.reason,
                warnings=tuple(self.texts(one.warnings)),
            )
            for one in found
        ]

    def view(self, shown: JobView) -> JobView:
        return self.views([shown])[0]

    def _look_up(self, names: set[str]) -> None:
        unknown = names - self._is_seen.keys()
        if not unknown:
            return
        with self._store.read() as tx:
            found = jobs.projects_of(tx, unknown) | jobs.projects_of_arrays(tx, unknown)
        for name in unknown:
            project = found.get(name)
            self._is_seen[name] = None if project is None else project in (self._within or ())

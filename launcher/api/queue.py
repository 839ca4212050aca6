"""Several jobs at once: those that wait or run, and what is ordered of them together."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any

from launcher.api.caller import API, NEWEST, Caller, this_user
from launcher.views import Outcome, Unended, view

_AT_ONCE = 1000
"""Names of one request."""


class Queue(Caller):
    """A name here is an id, a unique beginning of it, `last`, or the id of an array: all of it.

    A name that means no job is a NotFoundError, and nothing is done; else each job has its outcome.
    """

    def unended(
        self, states: Iterable[str] = (), *, project: str | None = None, user: str | None = None
    ) -> list[Unended]:
        """The jobs that wait or run, oldest first; of these states, this project, this user."""
        query = [("state", state) for state in states]
        query += [(key, value) for key, value in (("project", project), ("user", user)) if value]
        data = self._get(f"{API}/queue?{urllib.parse.urlencode(query)}")
        return [view(Unended, job) for job in data["jobs"]]

    def cancel_all(self, names: Sequence[str], *, force: bool = False) -> list[Outcome]:
        """Ends these jobs; `force` without the time to save."""
        return self._order("cancel", names, force=force)

    def hold(self, names: Sequence[str]) -> list[Outcome]:
        """Keeps these jobs from being started until they are released."""
        return self._order("hold", names)

    def release(self, names: Sequence[str]) -> list[Outcome]:
        """Lets held jobs wait for their turn again."""
        return self._order("release", names)

    def set_priority(self, names: Sequence[str], priority: int) -> list[Outcome]:
        """Changes the priority, from 0 to 100, of jobs that wait or run."""
        return self._order("priority", names, priority=priority)

    def set_limit(self, names: Sequence[str], limit: int | None) -> list[Outcome]:
        """Changes how many jobs of these arrays may be in the queue or run at once; None: all.

        An element stands for its array.
        """
        return self._order("limit", names, limit=limit)

    def _order(self, verb: str, names: Sequence[str], **more: Any) -> list[Outcome]:
        whole = [self._newest() if name in NEWEST else name for name in names]
        outcomes: list[Outcome] = []
        for start in range(0, len(whole), _AT_ONCE):
            body = {"jobs": whole[start : start + _AT_ONCE], "user": this_user(), **more}
            answer = self._post(f"{API}/queue/{verb}", body)
            outcomes += [view(Outcome, one) for one in answer["outcomes"]]
        return outcomes

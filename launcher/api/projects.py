"""Projects: what each may hold, holds and held."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

from launcher.api.caller import API, Caller
from launcher.views import ProjectView, view


class Projects(Caller):
    def projects(self) -> list[ProjectView]:
        """Those that were set up, hold or want something, or held something once; by name."""
        return _shown(self._get(f"{API}/projects"))

    def set_quota(self, project: str, values: Mapping[str, float | None]) -> list[ProjectView]:
        """Changes what a project may hold; gives all projects.

        Args:
            project: one that nobody set up has no limits and weight 1.
            values: of `gpus`, `cpus`, `running`, `queued` (None: no limit) and `weight`, those that
                change.
        """
        answer = self._connection.request("PUT", _path(project), json=dict(values))
        return _shown(answer.json())

    def reset_quota(self, project: str) -> list[ProjectView]:
        """Takes all limits of a project away, and gives it weight 1."""
        return _shown(self._connection.request("DELETE", _path(project)).json())


def _path(project: str) -> str:
    return f"{API}/projects/{urllib.parse.quote(project, safe='')}"


def _shown(data: Any) -> list[ProjectView]:
    return [view(ProjectView, item) for item in data["projects"]]

"""How long the server keeps what jobs left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from launcher.api.caller import API, Caller
from launcher.views import Expired, RetentionRule, view


class Keeping(Caller):
    def retention(self) -> list[RetentionRule]:
        """Every rule that was set; what no rule names is kept for ever."""
        return _rules(self._get(f"{API}/retention"))

    def set_retention(
        self,
        values: Mapping[str, float | None],
        *,
        project: str = "",
        default: Iterable[str] = (),
    ) -> list[RetentionRule]:
        """Changes rules; gives all of them.

        Args:
            values: by kind (`logs`, `metrics`, `checkpoints`, ...) the seconds since a job's end,
                of `log-size` bytes; None: for ever.
            project: whose. Default: of all projects that have no rule of their own.
            default: kinds whose rule is taken away.
        """
        body = {"project": project, "values": dict(values), "default": list(default)}
        answer = self._connection.request("PUT", f"{API}/retention", json=body)
        return _rules(answer.json())

    def apply_retention(self, *, dry_run: bool = False) -> list[Expired]:
        """Lets go now what the server would within minutes; `dry_run` only tells what that is."""
        data = self._post(f"{API}/retention/apply", {"dry_run": dry_run})
        return [view(Expired, item) for item in data["expired"]]


def _rules(data: Any) -> list[RetentionRule]:
    return [view(RetentionRule, item) for item in data["rules"]]

"""Curves of jobs, as charts show them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection
from typing import TYPE_CHECKING

from launcher.api.caller import API, Caller, Ref
from launcher.model.codec import decode

if TYPE_CHECKING:  # at runtime where it is asked for: `launcher list` shall start without it
    from launcher.views_curves import CurvesView, SeriesView, SparklineView, SummaryView


class Curves(Caller):
    def series(self, ref: Ref, *, kind: str = "reported") -> list[SeriesView]:
        """All series of a job, without their points. `kind`: `reported` or `system`."""
        from launcher.views_curves import SeriesView

        found = self._get(_asked(f"{self._path(ref)}/series", kind=kind))["series"]
        return [decode(SeriesView, one) for one in found]

    def summaries(self, ref: Ref) -> list[SummaryView]:
        """What a job reported in figures: each name once, of the lowest rank that has it."""
        from launcher.views_curves import SummaryView

        found = self._get(f"{self._path(ref)}/summaries")["summaries"]
        return [decode(SummaryView, one) for one in found]

    def curves(
        self,
        ref: Ref,
        *names: str,
        ranks: Collection[int] = (),
        kind: str = "reported",
        x: str = "step",
        low: float | None = None,
        high: float | None = None,
        width: int = 1000,
    ) -> CurvesView:
        """Curves as a chart of `width` columns shows them, no peak lost.

        Args:
            ref: the job.
            names: of series. Default: the first twelve.
            ranks: Default: all.
            kind: `reported`, or `system` for what its agents measure.
            x: `step`, or `time`.
            low: where the chart begins, on its axis. Default: where the curve does.
            high: where it ends.
            width: columns.
        """
        from launcher.views_curves import CurvesView

        query = {"name": names, "rank": ranks, "kind": kind, "x": x, "from": low, "to": high}
        return decode(
            CurvesView, self._get(_asked(f"{self._path(ref)}/curves", **query, width=width))
        )

    def sparklines(self, job_ids: Collection[str]) -> dict[str, SparklineView]:
        """The shape of the main curve of each of these jobs, by id; not of those without points."""
        from launcher.views_curves import SparklineView

        found = self._get(_asked(f"{API}/sparklines", job=job_ids))["sparklines"]
        return {one["job"]: decode(SparklineView, one) for one in found}


def _asked(path: str, **query: object) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urllib.parse.urlencode(given, doseq=True)}"

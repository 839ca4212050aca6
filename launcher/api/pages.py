"""Pages of the server in a browser."""

from __future__ import annotations

from launcher.api.caller import API, NEWEST, Caller, this_user


class Pages(Caller):
    def page_that_acts(self, ref: str | None = None) -> str:
        """The address of a page that may change things: for one browser, once, within a minute.

        Args:
            ref: the job whose page it is; None: the page of all jobs.
        """
        job = self._newest() if ref in NEWEST else ref or ""
        answer = self._post(f"{API}/page-codes", {"job": job, "user": this_user()})
        return f"{self.url}{answer['path']}"

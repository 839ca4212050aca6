"""Messages to receivers outside, tried by hand."""

from __future__ import annotations

from launcher.api.caller import API, Caller


class Notify(Caller):
    def try_notify(
        self, url: str | None = None, *, url_secret: str | None = None, project: str = "default"
    ) -> int:
        """Has the server post one message there now; gives the HTTP status of the answer.

        Args:
            url: of the receiver.
            url_secret: in its place, the name of the secret that is its address.
            project: whose secret.
        """
        receiver = {"url": url, "url_secret": url_secret, "project": project}
        return int(self._post(f"{API}/notify/test", receiver, repeatable=False)["status"])

    def notify_key(
        self, url: str | None = None, *, url_secret: str | None = None, project: str = "default"
    ) -> str:
        """What that receiver verifies the messages of this server with."""
        receiver = {"url": url, "url_secret": url_secret, "project": project}
        return str(self._post(f"{API}/notify/key", receiver)["key"])

"""The server itself."""

from __future__ import annotations

from launcher.api.caller import API, Caller
from launcher.views import ServerView, view


class Server(Caller):
    def server(self) -> ServerView:
        return view(ServerView, self._get(f"{API}/server"))

    def shutdown(self) -> None:
        """Ends an embedded server."""
        self._post(f"{API}/shutdown")

"""Secrets: their values go to the server, and never come back."""

from __future__ import annotations

import urllib.parse

from launcher.api.caller import API, Caller, this_user
from launcher.views import SecretView, view


class Secrets(Caller):
    def set_secret(self, name: str, value: str, *, project: str = "") -> bool:
        """Keeps a value, encrypted, in place of the one before; True when there was none.

        Args:
            name: as specs name it.
            value: at most 64 KiB.
            project: whose jobs get it. Default: those of all projects.

        Raises:
            SpecError: name or value cannot be; the text does not hold the value.
        """
        path = self._secret(name, project=project, user=this_user())
        answer = self._connection.request("PUT", path, body=value.encode())
        return bool(answer.json()["new"])

    def secrets(self) -> list[SecretView]:
        """What there is, by name; no values."""
        return [view(SecretView, item) for item in self._get(f"{API}/secrets")["secrets"]]

    def remove_secret(self, name: str, *, project: str = "") -> list[str]:
        """Forgets a secret; gives the jobs that have not ended and lack it from now on."""
        path = self._secret(name, project=project)
        answer = self._connection.request("DELETE", path, repeatable=False)
        return [str(job) for job in answer.json()["jobs"]]

    def renew_secrets_key(self) -> int:
        """Encrypts every secret anew, with a new key; gives how many there are."""
        return int(self._post(f"{API}/secrets/renew-key", repeatable=False)["secrets"])

    def _secret(self, name: str, **query: str) -> str:
        given = {key: value for key, value in query.items() if value}
        quoted = urllib.parse.quote(name, safe="")
        return f"{API}/secrets/{quoted}" + (f"?{urllib.parse.urlencode(given)}" if given else "")

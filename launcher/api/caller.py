"""The connection that all topics of the API share, and how a job is named on it."""

from __future__ import annotations

import getpass
import os
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from launcher.address import Address
from launcher.errors import NotFoundError
from launcher.transport import CLUSTERS

API = "/api/v1"
NEWEST = frozenset({"-", "last"})
"""In place of a job's id: the newest job, or array, of this user."""


class Named(Protocol):
    """What has a job's id, as a job that the server showed."""

    @property
    def id(self) -> str: ...


Ref: TypeAlias = "str | Named"
"""How a job is named: its id, a unique beginning of it, `last`, or what has its id."""


def name_of(ref: Ref) -> str:
    """As it was named."""
    return ref if isinstance(ref, str) else ref.id


def refs_of(jobs: Ref | Iterable[Ref]) -> list[Ref]:
    """One job, or several, as a list."""
    return list(jobs) if isinstance(jobs, Iterable) and not isinstance(jobs, str) else [jobs]


class Caller:
    """Asks the server at an address. Belongs to one thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = address.connect()

    @property
    def url(self) -> str:
        return self._connection.base_url

    @property
    def notice(self) -> str:
        """What the server wants everybody to hear, by its newest answer; mostly nothing."""
        return self._connection.notice

    def at_first_answer(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called once, with the server's clusters as `gpu, lab (silent)`."""
        self._connection.at_first_answer = lambda headers: tell(headers.get(CLUSTERS, ""))

    def close(self) -> None:
        self._connection.close()

    def _path(self, ref: Ref) -> str:
        name = name_of(ref)
        identity = self._newest() if name in NEWEST else name
        return f"{API}/jobs/{urllib.parse.quote(identity, safe='')}"

    def _newest(self) -> str:
        here = this_user()
        found = self._get(with_query(f"{API}/jobs", {"own": here, "limit": "100"}))
        user = found.get("user") or here  # whoever has the server's own token says it
        # A server of before tells of everybody's hundred newest.
        own = [job.get("array_id") or job["id"] for job in found["jobs"] if job["user"] == user]
        if not own:
            raise NotFoundError(
                f"{user} has submitted no job yet", hint="launcher run job.yaml submits one"
            )
        return str(own[0])

    def _get(self, path: str) -> Any:
        return self._connection.request("GET", path).json()

    def _post(self, path: str, body: Any = None, *, repeatable: bool = True) -> Any:
        answer = self._connection.request("POST", path, json=body, repeatable=repeatable)
        return answer.json() if answer.body else None


def with_query(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urllib.parse.urlencode(query)}" if query else path


def this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no name
        return str(os.getuid())

"""Ray's Jobs API over plain HTTP, as the dashboard of a Ray head serves it, without that library.

A job is one shell line that Ray runs on the head, in a folder made of a zip archive that was sent
before. Everything that goes wrong is told as what Ray, not our server, answered.
"""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.errors import (
    LauncherError,
    NotFoundError,
    SpecError,
    UnauthorizedError,
    UnreachableError,
)
from launcher.transport import Connection, Response

ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
"""Statuses in which no process of a job runs any more."""
_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class RayJob:
    """What Ray says of a job. `message`: why it is in that status, in Ray's words."""

    id: str
    status: str
    message: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


class RayJobs:
    """The Jobs API at a dashboard's address. Belongs to one thread.

    Args:
        url: of the dashboard, as `http://HEAD:8265`.
        token: Ray's own, where the cluster asks for one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = dashboard_url(url)
        self._has_token = bool(token)
        self._connection = Connection(self.url, token, timeout_s=_TIMEOUT_S)

    def ray_version(self) -> str:
        """Version of the Ray that answers there.

        Raises:
            UnreachableError: nobody answers, or Ray refuses the token.
            SpecError: what answers is no Ray dashboard with the Jobs API.
        """
        try:
            # The version is told to everybody: the list of jobs asks for the token.
            self._ask("GET", "/api/jobs/")
            version = self._ask("GET", "/api/version").json()["ray_version"]
        except (ValueError, KeyError, TypeError, NotFoundError) as error:
            raise SpecError(
                f"what answers at {self.url} is no Ray dashboard with the Jobs API",
                hint="name the dashboard of the Ray head, as http://HEAD:8265; "
                "its Ray needs to be installed as ray[default]",
            ) from error
        return str(version)

    def upload(self, name: str, archive: bytes) -> str:
        """Send a zip archive; gives the URI that a runtime environment names it by."""
        package = f"_ray_pkg_{name}.zip"
        self._ask("PUT", f"/api/packages/gcs/{package}", body=archive, timeout_s=60.0)
        return f"gcs://{package}"

    def submit(
        self,
        job_id: str,
        entrypoint: str,
        runtime_env: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> None:
        body = {
            "submission_id": job_id,
            "entrypoint": entrypoint,
            "runtime_env": dict(runtime_env),
            "metadata": dict(metadata),
        }
        self._ask("POST", "/api/jobs/", json=body, timeout_s=60.0)

    def job(self, job_id: str) -> RayJob | None:
        """None when Ray knows no such job: it was started anew, or is another cluster."""
        try:
            return _job(self._ask("GET", f"/api/jobs/{job_id}").json())
        except NotFoundError:
            return None

    def jobs(self) -> list[RayJob]:
        """All that were submitted as jobs and are remembered."""
        return [
            _job(item) for item in self._ask("GET", "/api/jobs/").json() if item["submission_id"]
        ]

    def log(self, job_id: str) -> str:
        """All that the job has printed; empty before it starts."""
        with contextlib.suppress(NotFoundError):
            return str(self._ask("GET", f"/api/jobs/{job_id}/logs").json()["logs"] or "")
        return ""

    def stop(self, job_id: str) -> None:
        """Ask Ray to end a job: SIGTERM, and SIGKILL 3 s later. One that is unknown has ended."""
        with contextlib.suppress(NotFoundError):
            self._ask("POST", f"/api/jobs/{job_id}/stop")

    def forget(self, job_id: str) -> None:
        """Take an ended job out of Ray's list."""
        with contextlib.suppress(LauncherError):
            self._ask("DELETE", f"/api/jobs/{job_id}")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, **more: Any) -> Response:
        with self._told():
            return self._connection.request(method, path, **more)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except UnauthorizedError as error:
            said = "refuses the token that was sent" if self._has_token else "asks for a token"
            raise UnauthorizedError(
                f"Ray at {self.url} {said}",
                hint="--ray-token-file FILE, or RAY_AUTH_TOKEN; on the head it is what "
                "`ray get-auth-token` prints",
            ) from error
        except NotFoundError:
            raise
        except UnreachableError as error:
            cause = error.message.partition(f"{self.url}: ")[2] or error.message
            raise UnreachableError(
                f"Ray's dashboard at {self.url} does not answer: {cause}",
                hint="is the head up, with ray[default] and --dashboard-host=0.0.0.0? "
                "from outside its network: ssh -L 8265:localhost:8265 HEAD, and "
                "http://localhost:8265",
            ) from error
        except LauncherError as error:
            said = error.message.replace("the server at", "Ray at")
            raise LauncherError(
                said, hint="dashboard.log in /tmp/ray/session_latest/logs of the head tells more"
            ) from error


def dashboard_url(text: str) -> str:
    """The address of a dashboard as it is meant.

    >>> dashboard_url("http://head:8265/")
    'http://head:8265'

    Raises:
        SpecError: it is another address of Ray, or none.
    """
    hint = "name the dashboard of the Ray head: http://HEAD:8265"
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        host = text.rpartition("//")[2].rpartition(":")[0]
        if host:
            hint = f"did you mean http://{host}:8265, the dashboard of its head"
        raise SpecError(f"'{text}' is no address of a Ray dashboard", hint=hint)
    return text.rstrip("/")


def _job(data: Any) -> RayJob:
    return RayJob(
        str(data.get("submission_id") or data.get("job_id") or ""),
        str(data["status"]),
        str(data.get("message") or ""),
        {str(key): str(value) for key, value in (data.get("metadata") or {}).items()},
    )

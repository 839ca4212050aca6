"""The Python API of a launcher server. The command line uses nothing else.

    client = launcher.Client()
    job = client.submit(load_spec("job.yaml")).job
    client.wait(job.id)

A client belongs to one thread; what `follow` gives may be read in another.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher import errors
from launcher.address import Address, OwnServer, find_server, state_dir
from launcher.errors import NotFoundError
from launcher.interpreters import choose as choose_python
from launcher.views import (
    CheckpointView,
    EventView,
    JobView,
    LogStream,
    Occupancy,
    OutputView,
    Removal,
    Series,
    ServerView,
    series,
    view,
)

if TYPE_CHECKING:
    from launcher.download import JobFiles
    from launcher.follow import Message
    from launcher.spec.again import Difference
    from launcher.spec.jobspec import JobSpec
    from launcher.spec.packaging import Package
    from launcher.transport import Stream

_API = "/api/v1"
_ATTACH_TIMEOUT_S = 120.0
_LOG_PART = 2**20
NEWEST = frozenset({"-", "last"})
"""In place of a job's id: the newest job of this user."""


@dataclass(frozen=True)
class Submission:
    """What came of a submit. `is_new` is False when the idempotency key was used before."""

    job: JobView
    is_new: bool
    package: Package | None
    """What was sent; None: the job runs in place."""


@dataclass(frozen=True)
class LogPart:
    """A piece of a rank's output. `length`: of the whole output so far."""

    data: bytes
    offset: int
    length: int


class Client:
    """Talks to the server at `url`, else at LAUNCHER_SERVER, else to the one of this user here.

    Raises:
        UnreachableError: there is none here.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._use(find_server(url, token))

    @classmethod
    def embedded(cls, *, start: bool = True) -> Client:
        """The client of this user's own server on this machine.

        Args:
            start: start that server when it does not run.
        """
        server = OwnServer(state_dir())
        if start:
            server.start()
        client = cls.__new__(cls)
        client._use(server)  # noqa: SLF001 - a second constructor
        return client

    def _use(self, address: Address) -> None:
        self._address = address
        self._connection = address.connect()

    @property
    def url(self) -> str:
        return self._connection.base_url

    # --- jobs -------------------------------------------------------------------------------------

    def submit(
        self,
        spec: JobSpec,
        *,
        key: str | None = None,
        python: str | None = None,
        user: str | None = None,
    ) -> Submission:
        """Packs the spec's workdir, sends what the server has not yet, and queues the job.

        Args:
            spec: with an absolute `workdir`, as `load_spec` gives it.
            key: idempotency key: a second submit with it gives the first one's job.
            python: interpreter for a job that names none, if it runs on this machine. Default:
                what `launcher.interpreters.choose` takes for its workdir.
            user: whose job it is. Default: the user of this process.

        Raises:
            SpecError: the files cannot be sent, or the server refuses the spec.
        """
        from launcher.upload import send_workdir

        package = send_workdir(self._connection, f"{_API}/packages", spec)
        body = {
            "spec": self._with_origin(spec).model_dump(mode="json"),
            "code": package.sha256 if package else "",
            "python": python or choose_python(Path(spec.workdir)).path,
            "user": user or this_user(),
        }
        return Submission(*self._queue(body, key), package)

    def clone(
        self, ref: str, overrides: Iterable[str] = (), *, key: str | None = None
    ) -> tuple[JobView, list[Difference]]:
        """Queues a new job of the same spec and code, `key=value` changed; also what differs.

        Raises:
            SpecError: every complaint about the changed spec.
        """
        from launcher.spec.again import again, differences

        origin = self.job(ref)
        spec = again(origin.spec or {}, overrides, source=f"spec of {origin.id}")
        body = {"spec": spec.model_dump(mode="json"), "code_of": origin.id, "user": this_user()}
        job, _ = self._queue(body, key)
        return job, differences(origin.spec or {}, job.spec or {})

    def _queue(self, body: dict[str, Any], key: str | None) -> tuple[JobView, bool]:
        import secrets

        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        answer = self._connection.request("POST", f"{_API}/jobs", json=body, headers=headers)
        return view(JobView, answer.json()), answer.status == 201

    def job(self, ref: str) -> JobView:
        """A job by its id or a unique beginning of it; `last` is the newest one of this user."""
        return view(JobView, self._get(self._path(ref)))

    def jobs(
        self, states: Iterable[str] = (), *, project: str | None = None, limit: int = 100
    ) -> list[JobView]:
        """Newest first; all states without any."""
        query = [("state", state) for state in states] + [("limit", str(limit))]
        if project:
            query.append(("project", project))
        data = self._get(f"{_API}/jobs?{urllib.parse.urlencode(query)}")
        return [view(JobView, job) for job in data["jobs"]]

    def cancel(self, ref: str, *, force: bool = False) -> JobView:
        """Ends a job; `force` without the time to save."""
        return view(JobView, self._post(f"{self._path(ref)}/cancel", {"force": force}))

    def retry(self, ref: str) -> JobView:
        """Queues an ended job again, from its newest checkpoint."""
        return view(JobView, self._post(f"{self._path(ref)}/retry", repeatable=False))

    def declare_lost(self, ref: str) -> JobView:
        """A person's word that no process of this job lives any more, so that it may go on."""
        return view(JobView, self._post(f"{self._path(ref)}/declare-lost"))

    def remove(self, ref: str, *, dry_run: bool = False) -> Removal:
        """Removes an ended job with all that is kept of it; `dry_run` only tells what that is."""
        path = f"{self._path(ref)}?dry_run={int(dry_run)}"
        answer = self._connection.request("DELETE", path, repeatable=False)
        return view(Removal, answer.json())

    def prune(
        self,
        older_than_s: float,
        *,
        project: str | None = None,
        states: Iterable[str] = (),
        dry_run: bool = False,
    ) -> Removal:
        """Removes the jobs that ended so many seconds ago; `states`: only those that ended so."""
        body = {"older_than_s": older_than_s, "project": project, "states": list(states)}
        return view(Removal, self._post(f"{_API}/prune", body | {"dry_run": dry_run}))

    def why(self, ref: str) -> str:
        """One sentence: why a job waits, or what it does."""
        return str(self._get(f"{self._path(ref)}/why")["text"])

    def events(self, ref: str, *, after: int = 0) -> list[EventView]:
        data = self._get(f"{self._path(ref)}/events?after={after}")
        return [view(EventView, event) for event in data["events"]]

    def metrics(
        self, ref: str, *, name: str | None = None, rank: int | None = None, raw: bool = False
    ) -> list[Series]:
        """Curves of a job; `raw` with the points of attempts that later ones ran again."""
        query = {"name": name, "rank": rank, "raw": int(raw)}
        given = {key: str(value) for key, value in query.items() if value is not None}
        data = self._get(_with_query(f"{self._path(ref)}/metrics", given))
        return [series(curve) for curve in data["series"]]

    # --- as it happens ----------------------------------------------------------------------------

    def follow(
        self,
        ref: str,
        *,
        logs: str = "all",
        stream: str = "log",
        tail: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[Message]:
        """Everything of a job as it happens, until it ended.

        A server that is restarted in between costs nothing: see `launcher.follow`.

        Args:
            ref: the job.
            logs: `all`, `none`, or ranks as `0,1`.
            stream: `setup` for what is said while environments are made, in place of `log`.
            tail: begin with so many last lines of each rank. Default: with the first line.
            cursor: go on behind this message.
        """
        from launcher.follow import SILENCE_S, follow

        path = f"{self._path(ref)}/follow"
        other = stream if stream != "log" else None
        query = {"logs": logs, "stream": other, "tail": tail, "cursor": cursor}
        given = {key: str(value) for key, value in query.items() if value is not None}

        @contextlib.contextmanager
        def open_stream(query: dict[str, str]) -> Iterator[Stream]:
            headers = {"Accept": "text/event-stream"}
            with (
                contextlib.closing(self._address.connect()) as connection,
                connection.stream(
                    "GET", _with_query(path, query), headers=headers, timeout_s=SILENCE_S
                ) as opened,
            ):
                yield opened

        return follow(open_stream, given)

    def wait(self, ref: str) -> JobView:
        """Blocks until the job ended."""
        from launcher.follow import Ended, StateChange

        identity = self.job(ref).id
        for message in self.follow(identity, logs="none"):
            if isinstance(message, Ended) or (
                isinstance(message, StateChange) and message.job.is_over
            ):
                break
        return self.job(identity)

    # --- logs -------------------------------------------------------------------------------------

    def log_streams(self, ref: str) -> list[LogStream]:
        return [view(LogStream, item) for item in self._get(f"{self._path(ref)}/logs")["streams"]]

    def read_log(
        self,
        ref: str,
        attempt: int,
        rank: int,
        *,
        offset: int = 0,
        limit: int = _LOG_PART,
        stream: str = "log",
    ) -> LogPart:
        """At most `limit` bytes of a rank's output, or of what is said in `setup` on its node."""
        query = {"offset": str(offset), "limit": str(limit)}
        return self._log_part(ref, attempt, rank, query, stream)

    def tail_log(
        self, ref: str, attempt: int, rank: int, lines: int, *, stream: str = "log"
    ) -> LogPart:
        """The last lines of a rank's output."""
        return self._log_part(ref, attempt, rank, {"tail": str(lines)}, stream)

    def log(self, ref: str, attempt: int, rank: int, *, stream: str = "log") -> Iterator[bytes]:
        """A rank's whole output so far, in pieces."""
        offset = 0
        while True:
            part = self.read_log(ref, attempt, rank, offset=offset, stream=stream)
            if not part.data:
                return
            yield part.data
            offset = part.offset + len(part.data)

    def _log_part(
        self, ref: str, attempt: int, rank: int, query: dict[str, str], stream: str
    ) -> LogPart:
        query |= {"stream": stream} if stream != "log" else {}
        path = _with_query(f"{self._path(ref)}/logs/{attempt}/{rank}", query)
        answer = self._connection.request("GET", path)
        offset = int(answer.headers.get("X-Log-Offset", "0"))
        length = int(answer.headers.get("X-Log-Length", offset + len(answer.body)))
        return LogPart(answer.body, offset, length)

    # --- checkpoints ------------------------------------------------------------------------------

    def checkpoints(self, ref: str) -> list[CheckpointView]:
        """Committed ones, oldest first."""
        data = self._get(f"{self._path(ref)}/checkpoints")
        found = [view(CheckpointView, item) for item in data["checkpoints"]]
        return sorted(found, key=lambda checkpoint: checkpoint.id)

    def download_checkpoint(
        self,
        ref: str,
        target: Path,
        *,
        id: int | None = None,  # noqa: A002 - the API's word
    ) -> CheckpointView:
        """Brings a checkpoint here, verified by hash; the folder appears when it is whole.

        Args:
            ref: the job.
            target: folder to make; must not exist, or be empty.
            id: which one. Default: the newest.

        Raises:
            NotFoundError: no such checkpoint.
            ConflictError: there is something at `target`.
        """
        from launcher.download import download_files

        found = self._checkpoint(ref, id)
        base = f"{self._path(ref)}/checkpoints/{found.id}/files"
        download_files(self._connection, base, found.files, target)
        return found

    def _checkpoint(self, ref: str, wanted: int | None) -> CheckpointView:
        kept = self.checkpoints(ref)
        if not kept:
            raise NotFoundError(
                f"job {ref} has no committed checkpoint",
                hint="launcher.checkpoint(step) in the program saves one",
            )
        if wanted is None:
            return kept[-1]
        for checkpoint in kept:
            if checkpoint.id == wanted:
                return checkpoint
        ids = ", ".join(str(checkpoint.id) for checkpoint in kept)
        raise NotFoundError(f"job {ref} has no checkpoint {wanted}", hint=f"it has {ids}")

    # --- clusters ---------------------------------------------------------------------------------

    def attach(
        self,
        name: str,
        ray_url: str,
        *,
        ray_token: str | None = None,
        server_url: str | None = None,
    ) -> Iterator[str]:
        """Attaches the Ray cluster whose dashboard is at `ray_url`; gives each step as it is done.

        Args:
            name: of the cluster from now on.
            ray_url: as the server reaches it.
            ray_token: Ray's own, where it asks for one.
            server_url: how the cluster's nodes reach the server. Default: as the server thinks.

        Raises:
            LauncherError: it was refused; nothing of it is left.
        """
        body = {"ray_url": ray_url, "ray_token": ray_token, "server_url": server_url}
        with (
            contextlib.closing(self._address.connect()) as connection,
            connection.stream(
                "POST",
                f"{_API}/clusters/{urllib.parse.quote(name, safe='')}/attach",
                json=body,
                timeout_s=_ATTACH_TIMEOUT_S,
            ) as stream,
        ):
            yield from _attach_steps(stream.lines())

    def detach(self, name: str, *, force: bool = False) -> list[str]:
        """Ends the executor of an attached cluster; gives the jobs that were left on it.

        Args:
            name: of the cluster.
            force: also while jobs run there, and when its Ray does not answer.
        """
        path = f"{_API}/clusters/{urllib.parse.quote(name, safe='')}/detach"
        return [str(job) for job in self._post(path, {"force": force}, repeatable=False)["jobs"]]

    # --- files ------------------------------------------------------------------------------------

    def files(self, ref: str) -> JobFiles:
        """The outputs and the code of a job."""
        from launcher.download import JobFiles

        return JobFiles(self._connection, self._path(ref))

    def outputs(self, ref: str) -> list[OutputView]:
        """Files that the job left, by path; of each path the newest attempt's."""
        return self.files(ref).outputs()

    # --- the server -------------------------------------------------------------------------------

    def server(self) -> ServerView:
        return view(ServerView, self._get(f"{_API}/server"))

    def occupancy(self) -> Occupancy:
        """Who holds what of the clusters, and who waits."""
        return view(Occupancy, self._get(f"{_API}/occupancy"))

    def shutdown(self) -> None:
        """Ends an embedded server."""
        self._post(f"{_API}/shutdown")

    def close(self) -> None:
        self._connection.close()

    # --- inside -----------------------------------------------------------------------------------

    def _path(self, ref: str) -> str:
        identity = self._newest() if ref in NEWEST else ref
        return f"{_API}/jobs/{urllib.parse.quote(identity, safe='')}"

    def _newest(self) -> str:
        user = this_user()
        own = [job.id for job in self.jobs() if job.user == user]
        if not own:
            raise NotFoundError(
                f"{user} has submitted no job yet", hint="launcher run job.yaml submits one"
            )
        return own[0]

    def _get(self, path: str) -> Any:
        return self._connection.request("GET", path).json()

    def _post(self, path: str, body: Any = None, *, repeatable: bool = True) -> Any:
        answer = self._connection.request("POST", path, json=body, repeatable=repeatable)
        return answer.json() if answer.body else None

    def _with_origin(self, spec: JobSpec) -> JobSpec:
        """The spec with `from_job: last` as the id that it means to this user."""
        name, at, step = (spec.from_job or "").partition("@")
        if name not in NEWEST:
            return spec
        return spec.model_copy(update={"from_job": f"{self._newest()}{at}{step}"})


def _attach_steps(lines: Iterable[bytes]) -> Iterator[str]:
    """What the server tells line by line while it attaches a cluster."""
    import json

    for line in lines:
        told = json.loads(line)
        if "error" in told:
            kind = getattr(errors, str(told.get("kind")), errors.LauncherError)
            raise kind(told["error"], hint=told.get("hint"))
        if "step" not in told:
            return
        yield str(told["step"])
    raise errors.UnreachableError(
        "the server ended before the cluster was attached",
        hint="`launcher context` shows whether it was, once the server runs again",
    )


def _with_query(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urllib.parse.urlencode(query)}" if query else path


def this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no name
        return str(os.getuid())

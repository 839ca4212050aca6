"""Jobs: submitted, listed, ended, removed, and what became of them."""

from __future__ import annotations

import itertools
import sys
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.api.caller import API, NEWEST, Caller, Ref, this_user, with_query
from launcher.views import EventView, JobList, JobView, OutputView, Removal, Series, series, view

if TYPE_CHECKING:
    from launcher.download import JobFiles
    from launcher.model.plan import Plan
    from launcher.spec.again import Difference
    from launcher.spec.given import Given
    from launcher.spec.jobspec import JobSpec
    from launcher.spec.packaging import Package

_PAGE = 500
"""So many jobs are asked for at once."""


@dataclass(frozen=True)
class Submission:
    """What came of a submit. `is_new` is False when the idempotency key was used before.

    `job`: of an array its first element.
    """

    job: JobView
    is_new: bool
    package: Package | None
    """What was sent; None: the job runs in place."""

    @property
    def id(self) -> str:
        """The job's, so that a submission stands for its job wherever one is named."""
        return self.job.id

    def _repr_html_(self) -> str:
        return self.job._repr_html_()


class Jobs(Caller):
    def submit(
        self,
        spec: Given = None,
        *,
        key: str | None = None,
        python: str | Mapping[str, Any] | None = None,
        user: str | None = None,
        hold: bool = False,
        **keys: Any,
    ) -> Submission:
        """Packs the spec's workdir, sends what the server has not yet, and queues the job.

            client.submit("job.yaml", resources={"workers": 4})
            client.submit({"entrypoint": "train.py"}, env={"LR": "0.1"})
            client.submit(name="digits", entrypoint="train.py --epochs 5")

        Args:
            spec: path of a spec file, a spec as a dict, or one that `load_spec` gave. Default:
                `keys` are all of it.
            key: idempotency key: a second submit with it gives the first one's job.
            python: interpreter for a job that names none, if it runs on this machine. Default:
                what `launcher.interpreters.choose` takes for its workdir. A dict is the spec's key.
            user: whose job it is. Default: the user of this process.
            hold: it waits until it is released.
            keys: of the spec, in place of what it says; those of a section one by one.

        Returns:
            The job, and what was sent of it; goes wherever a job is named.

        Raises:
            SpecError: every complaint about the spec, or the files cannot be sent.
        """
        from launcher.interpreters import choose as choose_python
        from launcher.spec.dump import to_json
        from launcher.spec.given import given_spec
        from launcher.upload import send_workdir

        if isinstance(python, Mapping):
            keys, python = {**keys, "python": python}, None
        spec = given_spec(spec, keys)
        package = send_workdir(self._connection, f"{API}/packages", spec)
        body = {
            "spec": to_json(self._with_origin(spec)),
            "code": package.sha256 if package else "",
            "python": python or choose_python(Path(spec.workdir)).path,
            "user": user or this_user(),
            "hold": hold,
        }
        return Submission(*self._queue(body, key), package)

    def plan(
        self,
        spec: JobSpec,
        *,
        key: str | None = None,
        python: str | None = None,
        user: str | None = None,
    ) -> Plan:
        """What would become of the job if it were submitted now; nothing is sent or kept of it.

        Args:
            spec: as `submit` takes it.
            key: idempotency key that the submit would have.
            python: as `submit` takes it.
            user: as `submit` takes it.

        Raises:
            SpecError: the server refuses the spec.
        """
        from launcher.interpreters import choose as choose_python
        from launcher.model.plan import Plan
        from launcher.spec.dump import to_json

        body = {
            "spec": to_json(self._with_origin(spec)),
            "python": python or choose_python(Path(spec.workdir)).path,
            "user": user or this_user(),
        }
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._connection.request(
            "POST", f"{API}/plan", json=body, headers=headers, repeatable=True
        )
        return view(Plan, answer.json())

    def clone(
        self, ref: Ref, overrides: Iterable[str] = (), *, key: str | None = None
    ) -> tuple[JobView, list[Difference]]:
        """Queues a new job of the same spec and code, `key=value` changed; also what differs.

        Raises:
            SpecError: every complaint about the changed spec.
        """
        from launcher.spec.again import again, differences
        from launcher.spec.dump import to_json

        origin = self.job(ref)
        spec = again(origin.spec or {}, overrides, source=f"spec of {origin.id}")
        body = {"spec": to_json(spec), "code_of": origin.id, "user": this_user()}
        job, _ = self._queue(body, key)
        return job, differences(origin.spec or {}, job.spec or {})

    def _queue(self, body: dict[str, Any], key: str | None) -> tuple[JobView, bool]:
        import secrets

        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        answer = self._connection.request("POST", f"{API}/jobs", json=body, headers=headers)
        return view(JobView, answer.json()), answer.status == 201

    def job(self, ref: Ref) -> JobView:
        """A job by its id or a unique beginning of it; `last` is the newest one of this user."""
        return view(JobView, self._get(self._path(ref)))

    def jobs(
        self,
        states: Iterable[str] = (),
        *,
        project: str | None = None,
        limit: int | None = None,
        fold: bool = False,
    ) -> list[JobView]:
        """Newest first; all states without any.

        Args:
            states: which.
            project: only jobs of this one.
            limit: how many at most. Default: all there are; `each_job` gives them one by one.
            fold: one for each array, with the states of all its `elements`.
        """
        found = self._pages(states, project=project, limit=limit, fold=fold)
        return JobList(itertools.chain.from_iterable(found))

    def each_job(
        self, states: Iterable[str] = (), *, project: str | None = None, fold: bool = False
    ) -> Iterator[JobView]:
        """As `jobs`, of servers that have very many: they are asked for as they are read.

        Each comes once; those that are submitted meanwhile do not.
        """
        return itertools.chain.from_iterable(self._pages(states, project=project, fold=fold))

    def _pages(
        self,
        states: Iterable[str],
        *,
        project: str | None,
        limit: int | None = None,
        fold: bool,
    ) -> Iterator[list[JobView]]:
        query = [("state", state) for state in states]
        query += [("project", project)] if project else []
        query += [("fold", "1")] if fold else []
        left, after = sys.maxsize if limit is None else limit, ""
        while left > 0:
            asked = [*query, ("limit", str(min(left, _PAGE)))]
            asked += [("after", after)] if after else []
            data = self._get(f"{API}/jobs?{urllib.parse.urlencode(asked)}")
            yield [view(JobView, job) for job in data["jobs"]]
            left -= len(data["jobs"])
            after = data.get("next")
            if not after:
                return

    def cancel(self, ref: Ref, *, force: bool = False) -> JobView:
        """Ends a job; `force` without the time to save."""
        return view(JobView, self._post(f"{self._path(ref)}/cancel", {"force": force}))

    def retry(self, ref: Ref) -> JobView:
        """Queues an ended job again, from its newest checkpoint."""
        return view(JobView, self._post(f"{self._path(ref)}/retry", repeatable=False))

    def declare_lost(self, ref: Ref) -> JobView:
        """A person's word that no process of this job lives any more, so that it may go on."""
        return view(JobView, self._post(f"{self._path(ref)}/declare-lost"))

    def remove(self, ref: Ref, *, dry_run: bool = False) -> Removal:
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
        return view(Removal, self._post(f"{API}/prune", body | {"dry_run": dry_run}))

    def why(self, ref: Ref) -> str:
        """One sentence: why a job waits, or what it does."""
        return str(self._get(f"{self._path(ref)}/why")["text"])

    def events(self, ref: Ref, *, after: int = 0) -> list[EventView]:
        data = self._get(f"{self._path(ref)}/events?after={after}")
        return [view(EventView, event) for event in data["events"]]

    def metrics(
        self, ref: Ref, *, name: str | None = None, rank: int | None = None, raw: bool = False
    ) -> list[Series]:
        """Curves of a job; `raw` with the points of attempts that later ones ran again."""
        query = {"name": name, "rank": rank, "raw": int(raw)}
        given = {key: str(value) for key, value in query.items() if value is not None}
        data = self._get(with_query(f"{self._path(ref)}/metrics", given))
        return [series(curve) for curve in data["series"]]

    def files(self, ref: Ref) -> JobFiles:
        """The outputs and the code of a job."""
        from launcher.download import JobFiles

        return JobFiles(self._connection, self._path(ref))

    def outputs(self, ref: Ref) -> list[OutputView]:
        """Files that the job left, by path; of each path the newest attempt's."""
        return self.files(ref).outputs()

    def _with_origin(self, spec: JobSpec) -> JobSpec:
        """The spec with `last`, in `from_job` and `after`, as the id that it means to this user."""
        name, at, step = (spec.from_job or "").partition("@")
        if name in NEWEST:
            spec = spec.model_copy(update={"from_job": f"{self._newest()}{at}{step}"})
        awaited = [text.partition(":") for text in spec.after]
        if any(job in NEWEST for job, _, _ in awaited):
            newest = self._newest()
            after = tuple(f"{newest if job in NEWEST else job}{c}{how}" for job, c, how in awaited)
            spec = spec.model_copy(update={"after": after})
        return spec

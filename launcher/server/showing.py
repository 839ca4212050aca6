"""Jobs and clusters as the API shows them: `launcher.views` made from what the store holds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from launcher import __version__, views
from launcher.model.job import Attempt, Job
from launcher.model.metric import MetricPoint, stitch
from launcher.model.states import JobState
from launcher.model.wire import WIRE_VERSION
from launcher.server import usage
from launcher.server.control import Control
from launcher.server.gauge import Gauge
from launcher.server.settings import Settings
from launcher.store import (
    arrays,
    checkpoints,
    clusters,
    events,
    jobs,
    outputs,
    removal,
    retention,
    stragglers,
)
from launcher.store.checkpoints import StoredCheckpoint
from launcher.store.clusters import Cluster
from launcher.store.events import StoredEvent
from launcher.store.metrics import StoredProgress
from launcher.views_measured import StragglerView

_WAITS = frozenset({JobState.QUEUED, JobState.HELD})


class Showing:
    """Synchronous; called from worker threads."""

    def __init__(
        self,
        control: Control,
        settings: Settings,
        started_at: float,
        note_on: Callable[[str], str] = lambda _: "",
        gauge: Gauge | None = None,
        *,
        has_users: Callable[[], bool] = lambda: False,
    ) -> None:
        self._control, self._settings, self._started_at = control, settings, started_at
        self._note_on, self._gauge, self._has_users = note_on, gauge, has_users

    def job(self, job_id: str, *, with_spec: bool = True) -> views.JobView:
        """One job whole; its spec and the exits of its ranks only `with_spec`.

        Raises:
            NotFoundError: there is no such job.
        """
        metrics = self._control.store.metrics
        with self._control.store.read() as tx:
            job = self._control.get(tx, job_id)
            steps = checkpoints.steps(tx, job.id)
            attempts = jobs.attempts(tx, job.id)
            nodes = self._nodes(tx, job)
            files, size = outputs.total(tx, job.id)
            gone = retention.expired(tx, job.id) if with_spec and job.state.is_terminal else []
            warnings = tuple(events.warnings(tx, job.id))
            slow = self._slow(tx, job) if with_spec else ()
        ranks, used = usage.of(self._control.store.samples, job.id) if with_spec else ((), ())
        return replace(
            self._brief(job, metrics.latest(job.id), metrics.progress(job.id)),
            spec=job.spec if with_spec else None,
            attempts=tuple(_attempt(attempt, with_exits=with_spec) for attempt in attempts),
            nodes=nodes,
            checkpoints=views.CheckpointCount(len(steps), steps[-1] if steps else None),
            outputs=views.OutputCount(files, size),
            kept=self._kept(job) if with_spec else None,
            expired=tuple(views.Expired(one.kind, one.at, one.size) for one in gone if one.size),
            warnings=warnings,
            stragglers=slow,
            rank_usage=ranks,
            node_usage=used,
        )

    def _slow(self, tx: Connection, job: Job) -> tuple[StragglerView, ...]:
        if job.state is not JobState.RUNNING or job.attempt is None:
            return ()
        found = stragglers.of(tx, job.id, job.attempt.number)
        return tuple(
            StragglerView(one.rank, one.node, one.factor, one.step, one.since) for one in found
        )

    def new_job(self, job: Job) -> views.JobView:
        """As `job`, of one that was queued just now: there is nothing of it yet to look up."""
        return replace(
            self._brief(job, {}, None),
            spec=job.spec,
            checkpoints=views.CheckpointCount(0, None),
            outputs=views.OutputCount(0, 0),
            kept=views.KeptBytes(0, 0, 0, 0, self._code_size(job)),
        )

    def _kept(self, job: Job) -> views.KeptBytes:
        store = self._control.store
        with store.read() as tx, store.read_points() as points:
            kept = removal.sizes(tx, points, [job.id])[job.id]
        sizes = kept.logs, kept.points, kept.checkpoints, kept.outputs
        return views.KeptBytes(*sizes, self._code_size(job))

    def _code_size(self, job: Job) -> int:
        blobs = self._control.store.blobs
        return blobs.size(job.code) if job.code and blobs.has(job.code) else 0

    def jobs(self, found: list[Job]) -> list[views.JobView]:
        """Jobs of a list: without specs, attempts, nodes and checkpoints."""
        ids = [job.id for job in found]
        latest = self._control.store.metrics.latest_of(ids)
        progress = self._control.store.metrics.progress_of(ids)
        return [self._brief(job, latest.get(job.id, {}), progress.get(job.id)) for job in found]

    def folded(self, tx: Connection, found: list[Job]) -> list[views.JobView]:
        """As `jobs`; each that is an element of an array with the states of all elements."""
        states = arrays.states(tx, [job.array_id for job in found if job.array_id])
        return [
            replace(
                shown,
                elements={state.value: count for state, count in states[shown.array_id].items()},
            )
            if shown.array_id
            else shown
            for shown in self.jobs(found)
        ]

    def _standing(self, job: Job) -> dict[str, Any]:
        if not job.is_eligible:
            return {}
        books, now = self._control.books, self._control.clock()
        return {
            "position": books.position(job.id, now),
            "starts_at": books.starts(now).get(job.id),
        }

    def clusters(self) -> tuple[views.ClusterView, ...]:
        with self._control.store.read() as tx:
            return tuple(
                self._cluster(tx, row) for row in clusters.all(tx) if row.kind != clusters.DETACHED
            )

    def _cluster(self, tx: Connection, row: Cluster) -> views.ClusterView:
        floor = self._control.floor
        held = sorted(floor.held(row.name))
        return views.ClusterView(
            name=row.name,
            kind=row.kind,
            live=floor.is_live(row.name),
            silent_s=round(floor.silent_s(row.name), 1),
            ray_version=row.ray_version,
            nodes=row.nodes if floor.is_live(row.name) else (),
            note=self._note_on(row.name),
            orphans=tuple(name for name in held if jobs.allocation(tx, name) is None),
        )

    def server(self) -> views.ServerView:
        return views.ServerView(
            server_id=self._control.store.server_id,
            version=__version__,
            wire=WIRE_VERSION,
            pid=os.getpid(),
            started_at=self._started_at,
            url=self._settings.url,
            state_dir=str(self._settings.state_dir),
            embedded=self._settings.embedded,
            clusters=self.clusters(),
            memory=self._settings.memory() if self._settings.embedded else None,
            disk=self._gauge.read() if self._gauge else None,
            leader=self._settings.replica_url,
            epoch=self._control.store.epoch,
        )

    def curves(
        self, job_id: str, name: str | None, rank: int | None, *, raw: bool
    ) -> list[tuple[str, int, list[MetricPoint]]]:
        """Name, rank and points of each series: stitched over the attempts, unless raw."""
        points = self._control.store.metrics.points(job_id, name, rank)
        by_series: dict[tuple[str, int], list[MetricPoint]] = {}
        for one in points:
            by_series.setdefault((one.name, one.rank), []).append(one)
        return [(*key, own if raw else stitch(own)) for key, own in sorted(by_series.items())]

    def _brief(
        self, job: Job, latest: dict[str, float], progress: StoredProgress | None
    ) -> views.JobView:
        return views.JobView(
            id=job.id,
            name=job.name,
            state=job.state.value,
            project=job.project,
            priority=job.priority,
            cluster=job.cluster,
            reason=self._control.reason(job) or None,
            **self._standing(job),
            user=job.user,
            submitted_at=job.submitted_at,
            ended_at=job.ended_at,
            framework=job.spec.get("framework", ""),
            workers=(job.resources if job.state in _WAITS else job.gang).workers,
            min_workers=job.resources.fewest,
            max_workers=job.resources.workers if job.resources.is_elastic else None,
            gpus_per_worker=job.resources.gpus_per_worker,
            cpus_per_worker=job.resources.cpus_per_worker,
            failures=job.failures,
            max_retries=job.policy.max_retries,
            preemptible=job.policy.preemptible,
            own_python=job.policy.own_python,
            held_at=job.held_at,
            not_before=job.not_before or None,
            array_id=job.array_id or "",
            array_index=job.array_index,
            array_count=job.array_count,
            progress=_progress(progress),
            latest={name: number(value) for name, value in latest.items()},
            page=f"{self._settings.url}/jobs/{job.id}{self._key()}",
        )

    def _key(self) -> str:
        """What of a page's address opens it; users open pages by what they are given alone."""
        return "" if self._has_users() else f"?key={self._settings.page_key}"

    def _nodes(self, tx: Connection, job: Job) -> tuple[views.JobNodeView, ...]:
        if job.allocation is None:
            return ()
        cluster = clusters.get(tx, job.allocation.cluster)
        hosts = {node.node_id: node.host for node in cluster.nodes} if cluster else {}
        first, shown = 0, []
        for slot in job.allocation.slots:
            ranks = tuple(range(first, first + slot.ranks))
            host = hosts.get(slot.node_id, "")
            shown.append(views.JobNodeView(slot.index, slot.node_id, host, ranks))
            first += slot.ranks
        return tuple(shown)


def checkpoint(stored: StoredCheckpoint) -> views.CheckpointView:
    return views.CheckpointView(
        id=stored.id,
        attempt=stored.attempt,
        step=stored.step,
        size=stored.size,
        created_at=stored.created_at,
        metrics={name: number(value) for name, value in stored.manifest.metrics.items()},
        files=stored.manifest.files,
    )


def event(stored: StoredEvent) -> dict[str, Any]:
    return {
        "id": stored.id,
        "time": stored.time,
        "kind": stored.kind,
        "text": stored.text,
        "attempt": stored.attempt,
    }


def point(stored: MetricPoint) -> dict[str, Any]:
    """One of very many: by hand, which is ten times faster than by its fields."""
    return {
        "name": stored.name,
        "step": stored.step,
        "value": number(stored.value),
        "time": number(stored.time),
        "attempt": stored.attempt,
        "rank": stored.rank,
    }


def number(value: float) -> float | str:
    """A number as JSON can say it: NaN and the infinities are strings."""
    return value if math.isfinite(value) else str(value)


def _attempt(attempt: Attempt, *, with_exits: bool) -> views.AttemptView:
    verdict = attempt.verdict if attempt.is_over else None
    exits = verdict.exits if verdict and with_exits else ()
    return views.AttemptView(
        number=attempt.number,
        allocation=attempt.allocation,
        granted_at=attempt.granted_at,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        resume_step=attempt.resume_step,
        ending=verdict.ending.value if verdict else None,
        words=verdict.words if verdict else None,
        first_failing=verdict.first_failing if verdict else None,
        exits=tuple(
            views.RankExitView(e.rank, e.code, e.stopped, e.tail, e.peak_memory) for e in exits
        ),
    )


def _progress(stored: StoredProgress | None) -> views.ProgressView | None:
    if stored is None:
        return None
    steps, took_s = stored.step - stored.first_step, stored.last_at - stored.first_at
    per_s = _finite(steps / took_s) if steps > 0 and took_s > 0 else None
    left = max(stored.total_steps - stored.step, 0) if stored.total_steps is not None else None
    eta_s = _finite(left / per_s) if per_s and left is not None else None
    return views.ProgressView(stored.step, stored.total_steps, per_s, eta_s)


def _finite(value: float) -> float | None:
    """None for what a clock that jumped makes of a speed."""
    return value if math.isfinite(value) else None

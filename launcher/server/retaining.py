"""Retention: what is kept of ended jobs goes when it has become as old as the rules let it.

In steps of one job, so that nobody waits for it. What it is that went is an event of the job, and
told wherever it is looked for.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Connection

from launcher import views
from launcher.errors import LauncherError, SpecError
from launcher.logbook import about
from launcher.model.job import Event
from launcher.model.retention import KINDS, LEAST_LOG_SIZE, LOG_SIZE, Rules
from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.server.removing import Removing
from launcher.store import events, removal, retention
from launcher.units import format_size

log = logging.getLogger(__name__)

_EVERY_S = 600.0
_AT_ONCE = 100


class Retaining:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, committing: Committing, removing: Removing) -> None:
        self._control, self._committing, self._removing = control, committing, removing
        self._projects: dict[str, str] = {}
        self._turn = threading.Lock()
        self._changed_at = -math.inf
        with control.store.read() as tx:
            self.rules = retention.rules(tx)

    def set_rules(
        self, project: str, values: dict[str, float | None], default: Iterable[str]
    ) -> Rules:
        """Change rules of a project, or of the server.

        Args:
            project: empty for the server.
            values: by kind, in seconds or bytes; None: for ever.
            default: kinds whose rule is taken away.

        Raises:
            SpecError: there is no such kind, or the value can't be.
        """
        for kind, value in [*values.items(), *((kind, None) for kind in default)]:
            _check(kind, value)
        with self._control.store.begin() as tx:
            for kind, value in values.items():
                retention.set_rule(tx, project, kind, value)
            for kind in default:
                retention.forget_rule(tx, project, kind)
            self.rules = retention.rules(tx)
            self._changed_at = self._control.clock()
        return self.rules

    @property
    def is_settled(self) -> bool:
        """No rule was changed just now."""
        return abs(self._control.clock() - self._changed_at) >= _EVERY_S

    def log_size(self, tx: Connection, job_id: str) -> float:
        """Bytes that are kept of what a rank of this job prints."""
        if job_id not in self._projects:
            self._projects[job_id] = self._control.get(tx, job_id).project
        return self.rules.log_size(self._projects[job_id])

    def apply(self, *, dry_run: bool = False) -> list[views.Expired]:
        """Let go what has become too old; gives what it was, or would be."""
        with self._turn:
            return self._apply_all(dry_run=dry_run)

    def _apply_all(self, *, dry_run: bool) -> list[views.Expired]:
        done: list[views.Expired] = []
        rules, now = self.rules, self._control.clock()
        with self._control.store.read() as tx:
            projects = retention.projects(tx)
        for project in projects:
            for kind in KINDS:
                age_s = rules.age_s(project, kind)
                if age_s is not None:
                    done += self._apply(project, kind, now - age_s, dry_run=dry_run)
        return done

    def _apply(
        self, project: str, kind: str, moment: float, *, dry_run: bool
    ) -> Iterator[views.Expired]:
        if kind == "jobs":
            age_s = self._control.clock() - moment
            removed = self._removing.prune(age_s, project=project, dry_run=dry_run)
            for job in removed.jobs:
                yield views.Expired(kind, self._control.clock(), job.size, job.id)
            return
        let_go = self._ways()[kind]
        while True:
            with self._control.store.read() as tx:
                ids = retention.due(tx, project, kind, moment, _AT_ONCE)
                with self._control.store.read_points() as points:
                    kept = removal.sizes(tx, points, ids)
            for job_id in ids:
                try:
                    size = _size(kind, kept[job_id]) if dry_run else let_go(job_id, kept[job_id])
                except LauncherError as error:
                    told = kind, job_id, error
                    log.warning("%s of %s stay for now: %s", *told, extra=about(job_id))
                    return
                if size:
                    yield views.Expired(kind, self._control.clock(), size, job_id)
            if dry_run or len(ids) < _AT_ONCE:
                return

    def _ways(self) -> dict[str, Callable[[str, removal.Kept], int]]:
        return {
            "logs": self._logs,
            "metrics": self._metrics,
            "checkpoints": lambda job_id, _: self._checkpoints(job_id, also_last=False),
            "last-checkpoints": lambda job_id, _: self._checkpoints(job_id, also_last=True),
            "outputs": self._outputs,
            "code": self._code,
        }

    # Each of these lets one kind go of one job, and gives its bytes. What is no row goes before the
    # transaction ends, in which nobody can retry the job: a server that is killed then does it
    # again.

    def _logs(self, job_id: str, kept: removal.Kept) -> int:
        with self._control.store.begin() as tx:
            if not self._control.get(tx, job_id).state.is_terminal:
                return 0
            self._control.store.logs.forget(job_id)
            retention.delete_log_rows(tx, job_id)
            self._tell(tx, job_id, "logs", kept.logs)
        return kept.logs

    def _metrics(self, job_id: str, kept: removal.Kept) -> int:
        with self._control.store.begin() as tx:
            if not self._control.get(tx, job_id).state.is_terminal:
                return 0
            self._control.store.metrics.drop_points(job_id)
            self._control.store.samples.drop_points(job_id)
            self._tell(tx, job_id, "metrics", kept.points)
        return kept.points

    def _checkpoints(self, job_id: str, *, also_last: bool) -> int:
        kind = "last-checkpoints" if also_last else "checkpoints"
        with self._committing.turn:
            with self._control.store.begin() as tx:
                job = self._control.get(tx, job_id)
                if not job.state.is_terminal:
                    return 0
                best = job.policy.keep_best
                gone = retention.give_up_checkpoints(tx, job_id, best, also_last=also_last)
                size = sum(one.size for one in gone)
                self._tell(tx, job_id, kind, size)
            self._committing.remove_unnamed(
                entry.sha256 for one in gone for entry in one.manifest.files
            )
        return size

    def _outputs(self, job_id: str, kept: removal.Kept) -> int:
        with self._committing.turn:
            with self._control.store.begin() as tx:
                if not self._control.get(tx, job_id).state.is_terminal:
                    return 0
                digests = retention.delete_outputs(tx, job_id)
                self._tell(tx, job_id, "outputs", kept.outputs)
            self._committing.remove_unnamed(digests)
        return kept.outputs

    def _code(self, job_id: str, _: removal.Kept) -> int:
        """Its size is told only when the disk gets it back: others may have the same code."""
        blobs = self._control.store.blobs
        with self._committing.turn:
            with self._control.store.begin() as tx:
                job = self._control.get(tx, job_id)
                if not job.state.is_terminal:
                    return 0
                size = blobs.size(job.code) if job.code and blobs.has(job.code) else 0
                self._tell(tx, job_id, "code", size)
            self._committing.remove_unnamed({job.code} if job.code else ())
            return 0 if job.code and blobs.has(job.code) else size

    def _tell(self, tx: Connection, job_id: str, kind: str, size: int) -> None:
        now = self._control.clock()
        retention.note(tx, job_id, kind, size, now)
        if size:
            project = self._control.get(tx, job_id).project
            age = self.rules.age_s(project, kind)
            after = f" {age / 86400:g} days after its end" if age is not None else ""
            text = f"{kind} ({format_size(size)}) removed by retention{after}"
            events.append(tx, job_id, [Event("retention", text)], now)


async def retain_for_ever(retaining: Retaining) -> None:
    """Every ten minutes; never sooner after a rule was changed, for it may be a slip."""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            if retaining.is_settled:
                await asyncio.to_thread(retaining.apply)
        except Exception:  # the next time perhaps
            log.exception("retention broke")


def _size(kind: str, kept: removal.Kept) -> int:
    sizes = {"logs": kept.logs, "metrics": kept.points, "outputs": kept.outputs}
    return sizes.get(kind, kept.checkpoints)


def _check(kind: str, value: float | None) -> None:
    if kind not in KINDS and kind != LOG_SIZE:
        known = ", ".join([*KINDS, LOG_SIZE])
        raise SpecError(f"there is no retention of '{kind}'", hint=f"there is {known}")
    if kind == LOG_SIZE and value is not None and value < LEAST_LOG_SIZE:
        least = format_size(LEAST_LOG_SIZE)
        raise SpecError(f"log-size {format_size(value)}: the least is {least}")
    if value is not None and value < 0:
        raise SpecError(f"{kind}: an age below 0: {value}")

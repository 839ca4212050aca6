"""What the server counts and times for Prometheus; `standing.py` adds how things stand.

Labels are few and bounded: projects, clusters, states, endings, and routes as the code writes them.
Nothing carries a job's id: there may be hundreds of thousands.
"""

from __future__ import annotations

import platform
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from launcher import __version__
from launcher.model.ending import Ending
from launcher.model.job import Job
from launcher.model.states import JobState

_MINUTE, _HOUR = 60.0, 3600.0
_WAITS_S = (
    1.0, 5.0, 15.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR, 48 * _HOUR,
)  # fmt: skip
_STARTS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE)
_ANSWERS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_CYCLES_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
_WAITS = frozenset({JobState.QUEUED})
_GRANTED = frozenset({JobState.SETUP, JobState.STARTING})


class Monitor:
    """All that is counted from the server's start on. Thread-safe.

    `registry`: what `/metrics` shows; others register what they know in it.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge(
            "launcher_build_info", "1, with the versions that run", ["version", "python"],
            registry=registry,
        )  # fmt: skip
        build.labels(__version__, platform.python_version()).set(1)
        self._submitted = Counter(
            "launcher_jobs_submitted", "Jobs that were queued, by project", ["project"],
            registry=registry,
        )  # fmt: skip
        self._ended = Counter(
            "launcher_jobs_ended", "Jobs that ended, by project and state", ["project", "state"],
            registry=registry,
        )  # fmt: skip
        self._attempts = Counter(
            "launcher_attempts_ended", "Attempts that ended, by their ending", ["ending"],
            registry=registry,
        )  # fmt: skip
        for ending in Ending:  # so that a first one is an increase
            self._attempts.labels(ending.value)
        self._waits = Histogram(
            "launcher_job_wait_seconds", "From queued to granted, of each grant",
            buckets=_WAITS_S, registry=registry,
        )  # fmt: skip
        self._starts = Histogram(
            "launcher_attempt_start_seconds", "From granted until every rank had started",
            buckets=_STARTS_S, registry=registry,
        )  # fmt: skip
        self._cycles = Histogram(
            "launcher_scheduler_cycle_seconds", "How long a look at all jobs took",
            buckets=_CYCLES_S, registry=registry,
        )  # fmt: skip
        self._cycled_at = Gauge(
            "launcher_scheduler_last_cycle_timestamp_seconds",
            "When the last look at all jobs ended",
            registry=registry,
        )  # fmt: skip
        self._answers = Histogram(
            "launcher_http_request_seconds",
            "Until an answer began, by route; requests that wait for news are left out",
            ["method", "route"], buckets=_ANSWERS_S, registry=registry,
        )  # fmt: skip
        self._requests = Counter(
            "launcher_http_requests", "Answers, by route and status", ["method", "route", "status"],
            registry=registry,
        )  # fmt: skip
        self._streams = Gauge(
            "launcher_http_streams", "Followers that are connected", registry=registry
        )
        self._ingested = Counter(
            "launcher_ingested_bytes", "What agents sent, by kind", ["kind"], registry=registry
        )

    # --- jobs ------------------------------------------------------------------------------------

    def submitted(self, job: Job) -> None:
        self._submitted.labels(job.project).inc()

    def changed(self, before: Job, after: Job) -> None:
        """A job was stored as `after`."""
        if before.state in _WAITS and after.state in _GRANTED and after.attempt is not None:
            self._waits.observe(max(after.attempt.granted_at - before.queued_at, 0.0))
        if after.state.is_terminal and not before.state.is_terminal:
            self._ended.labels(after.project, after.state.value).inc()
        old, new = before.attempt, after.attempt
        if new is None:
            return
        if old is None or old.number != new.number:
            old = None
        has_started = old is not None and old.started_at is not None
        if new.started_at is not None and not has_started:
            self._starts.observe(max(new.started_at - new.granted_at, 0.0))
        if new.verdict is not None and new.is_over and not (old is not None and old.is_over):
            self._attempts.labels(new.verdict.ending.value).inc()

    # --- the server ------------------------------------------------------------------------------

    def cycled(self, seconds: float) -> None:
        self._cycles.observe(seconds)
        self._cycled_at.set(time.time())

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """An answer began. `seconds`: since its request; None where it waited for news."""
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._answers.labels(method, route).observe(seconds)

    def streaming(self, by: int) -> None:
        """So many more followers, or fewer."""
        self._streams.inc(by)

    def ingested(self, kind: str, size: int) -> None:
        self._ingested.labels(kind).inc(size)

    def page(self, accept: str) -> tuple[bytes, str]:
        """What `/metrics` answers, and the type of it, in the newest form that the asker reads."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

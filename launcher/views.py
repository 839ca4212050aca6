"""What the server tells a client: jobs, events, logs, metrics, checkpoints, clusters.

Plain data, read leniently (unknown keys of a newer server are passed over), and what
`--output json` prints. Times are seconds since the epoch, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO, TypeVar

from launcher.model.checkpoint import FileEntry
from launcher.model.codec import decode, encode
from launcher.model.node import NodeReport
from launcher.model.states import TERMINAL
from launcher.views_measured import Memory, NodeUsage, RankUsage, StragglerView

V = TypeVar("V")
_OVER = frozenset(state.value for state in TERMINAL)


@dataclass(frozen=True)
class RankExitView:
    """How one rank ended. `code`: exit code, or minus the signal's number."""

    rank: int
    code: int
    stopped: bool = False
    """The gang's stop ended it, so its code says nothing about the program."""
    tail: str = ""
    peak_memory: int = 0
    """Bytes that its largest process had in memory at most; 0: not known."""


@dataclass(frozen=True)
class AttemptView:
    number: int
    allocation: int = 0
    granted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    resume_step: int | None = None
    ending: str | None = None
    words: str | None = None
    first_failing: int | None = None
    exits: tuple[RankExitView, ...] = ()


@dataclass(frozen=True)
class JobNodeView:
    """One node of a job's newest allocation. `ranks`: the numbers of the ranks there."""

    index: int
    node_id: str
    host: str = ""
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProgressView:
    step: int
    total_steps: int | None = None
    steps_per_s: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True)
class CheckpointCount:
    count: int = 0
    newest_step: int | None = None


@dataclass(frozen=True)
class OutputCount:
    files: int = 0
    size: int = 0


@dataclass(frozen=True)
class KeptBytes:
    """What is kept of a job. Files that other jobs have too count for each of them."""

    logs: int = 0
    metrics: int = 0
    checkpoints: int = 0
    outputs: int = 0
    code: int = 0


@dataclass(frozen=True)
class Expired:
    """What retention removed of a job, and when. `kind`: as in `launcher retention`."""

    kind: str
    at: float
    size: int = 0
    job: str = ""


@dataclass(frozen=True)
class RetentionRule:
    """`project`: empty for all without a rule of their own. `value`: seconds or bytes, or none."""

    project: str
    kind: str
    value: float | None = None


@dataclass(frozen=True)
class Amounts:
    """Of a project: what it may hold (None: no limit), or holds. `queued`: jobs that wait."""

    gpus: float | None = None
    cpus: float | None = None
    running: int | None = None
    queued: int | None = None


@dataclass(frozen=True)
class ProjectView:
    """Who shares what. The past is what ended attempts held, halved every week."""

    name: str
    weight: float = 1.0
    quota: Amounts = field(default_factory=Amounts)
    now: Amounts = field(default_factory=Amounts)
    gpu_s: float = 0.0
    cpu_s: float = 0.0
    past: float = 0.0
    """Its part of what all projects held, from 0 to 1."""


@dataclass(frozen=True)
class JobView:
    """A job as it stands. `spec` and the attempts' exits are there only where one job is asked."""

    id: str
    name: str
    state: str
    project: str = "default"
    priority: int = 50
    cluster: str = "any"
    reason: str | None = None
    user: str = ""
    submitted_at: float = 0.0
    ended_at: float | None = None
    framework: str = ""
    workers: int = 1
    """Of an elastic job those that it has, while it waits the most."""
    min_workers: int | None = None
    max_workers: int | None = None
    """Both: of an elastic job."""
    gpus_per_worker: int = 0
    cpus_per_worker: float = 1
    spec: dict[str, Any] | None = None
    attempts: tuple[AttemptView, ...] = ()
    failures: int = 0
    max_retries: int = 0
    nodes: tuple[JobNodeView, ...] = ()
    progress: ProgressView | None = None
    latest: dict[str, Any] = field(default_factory=dict)
    """Newest value of each series, of the lowest rank that reports it."""
    checkpoints: CheckpointCount = field(default_factory=CheckpointCount)
    outputs: OutputCount = field(default_factory=OutputCount)
    expired: tuple[Expired, ...] = ()
    kept: KeptBytes | None = None
    """There only where one job is asked."""
    warnings: tuple[str, ...] = ()
    """What the user should mend; there only where one job is asked."""
    preemptible: bool = False
    own_python: str = ""
    """The submitter's interpreter, which runs it where it is placed on the embedded cluster."""
    page: str = ""
    position: int | None = None
    """Of one that waits: its place in the queue, from 1."""
    starts_at: float | None = None
    """When it starts at the latest, where limits or experience let that be told."""
    held_at: float | None = None
    not_before: float | None = None
    """No attempt is started earlier."""
    array_id: str = ""
    """The array that it is an element of."""
    array_index: int | None = None
    array_count: int | None = None
    stragglers: tuple[StragglerView, ...] = ()
    rank_usage: tuple[RankUsage, ...] = ()
    node_usage: tuple[NodeUsage, ...] = ()
    elements: dict[str, int] = field(default_factory=dict)
    """State -> number, of a list in which this one stands for all elements of its array."""

    @property
    def is_over(self) -> bool:
        return self.state in _OVER

    def _repr_html_(self) -> str:
        from launcher.html import job

        return job(self)

    @property
    def attempt(self) -> AttemptView | None:
        """The newest attempt."""
        return max(self.attempts, key=lambda attempt: attempt.number, default=None)


class JobList(list[JobView]):
    """Jobs that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        from launcher.html import jobs

        return jobs(self)


@dataclass(frozen=True)
class Unended:
    """A job that waits or runs."""

    id: str
    state: str
    project: str = "default"
    user: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one job that was named among several. `problem`: why nothing was done."""

    job: str
    before: str
    """Its state before that."""
    state: str
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class EventView:
    id: int
    time: float
    kind: str
    text: str
    attempt: int | None = None


@dataclass(frozen=True)
class LogStream:
    """The whole output of one rank in one attempt, `length` bytes so far; some may be missing."""

    attempt: int
    rank: int
    stream: str
    length: int
    missing: int = 0


@dataclass(frozen=True)
class Series:
    """A curve: points are (step, value, time, attempt)."""

    name: str
    rank: int
    points: tuple[tuple[int, float, float, int], ...]


@dataclass(frozen=True)
class CheckpointView:
    id: int
    attempt: int
    step: int
    size: int
    created_at: float
    metrics: dict[str, Any] = field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()


class CheckpointList(list[CheckpointView]):
    """Checkpoints that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        from launcher.html import checkpoints

        return checkpoints(self)


@dataclass(frozen=True)
class OutputView:
    """A file that a job left. `rank`: the lowest one of the node where it lay."""

    path: str
    rank: int
    attempt: int
    size: int
    sha256: str
    mode: int = 0o644
    collected_at: float = 0.0

    @property
    def place(self) -> str:
        """Its path beside the outputs of other nodes, which may have the same names."""
        return f"rank-{self.rank}/{self.path}" if self.rank else self.path


@dataclass(frozen=True)
class SecretView:
    """What is shown of a secret. `project`: empty for all projects."""

    name: str
    project: str = ""
    user: str = ""
    set_at: float = 0.0


@dataclass(frozen=True)
class RemovedJob:
    """A job that is removed, and what was kept of it; `size`: all of it together."""

    id: str
    state: str
    project: str = "default"
    ended_at: float | None = None
    logs: int = 0
    points: int = 0
    checkpoints: int = 0
    outputs: int = 0
    code: int = 0
    size: int = 0


@dataclass(frozen=True)
class KeptJob:
    """A job that should go, and why it stays."""

    id: str
    reason: str


@dataclass(frozen=True)
class Removal:
    """`freed`: bytes that the disk gets back; files that other jobs name too stay."""

    jobs: tuple[RemovedJob, ...] = ()
    freed: int = 0
    kept: tuple[KeptJob, ...] = ()


@dataclass(frozen=True)
class ClusterView:
    name: str
    kind: str = ""
    live: bool = False
    silent_s: float | None = None
    ray_version: str = ""
    nodes: tuple[NodeReport, ...] = ()
    note: str = ""
    """Of an attached one: where, and what keeps it from being attached again."""
    orphans: tuple[str, ...] = ()
    """Allocations there that this server never made: of jobs that it does not know any more."""


@dataclass(frozen=True)
class DiskView:
    """Of the server's state folder, in bytes. Below `least` free it takes no new work."""

    free: int
    total: int
    least: int = 0
    is_low: bool = False
    is_full: bool = False


@dataclass(frozen=True)
class ServerView:
    server_id: str
    version: str
    wire: int = 0
    pid: int = 0
    started_at: float = 0.0
    url: str = ""
    state_dir: str = ""
    embedded: bool = False
    clusters: tuple[ClusterView, ...] = ()
    memory: Memory | None = None
    disk: DiskView | None = None
    leader: str = ""
    """Of several servers on one database: the address of the one that decides."""
    epoch: int | None = None
    """How often that changed, and one more."""


def view(cls: type[V], data: Any) -> V:
    """A view from the server's JSON.

    Raises:
        ValueError: the data has not the view's shape; the text names the place.
    """
    return decode(cls, data)


def series(data: Any) -> Series:
    """A curve from the server's JSON, whose not-a-numbers are the strings nan, inf and -inf."""
    points = tuple(
        (int(step), float(value), float(time), int(attempt))
        for step, value, time, attempt in data["points"]
    )
    return Series(str(data["name"]), int(data["rank"]), points)


def write_csv(curves: Iterable[Series], stream: TextIO) -> None:
    """Curves as a table, a line a point, numbers with all their digits."""
    import csv

    writer = csv.writer(stream)
    writer.writerow(["name", "rank", "attempt", "step", "value", "time"])
    for curve in curves:
        for step, value, time, attempt in curve.points:
            writer.writerow([curve.name, curve.rank, attempt, step, repr(value), repr(time)])


def as_json(item: Any) -> Any:
    """A view, or a list of them, as JSON values."""
    return encode(item)

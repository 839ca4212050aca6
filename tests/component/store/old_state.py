"""A state as a server of some weeks has it, and what can be read of it.

    python tests/component/store/old_state.py 0.1.0

writes it as SQL to tests/data/schemas/0.1.0, a file for each database: to be done once for every
release, with its code. Later versions must be able to read what is there (test_released.py).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from launcher.model.checkpoint import FileEntry, Manifest, Watched
from launcher.model.ending import Ending
from launcher.model.job import (
    Allocation,
    AllocationState,
    Attempt,
    Event,
    Job,
    Policy,
    RankExit,
    Resources,
    Slot,
    Verdict,
)
from launcher.model.node import NodeReport
from launcher.model.outputs import OutputLimits, OutputReport
from launcher.model.project import Project, Usage
from launcher.model.sample import Sample, line_of
from launcher.model.states import JobState
from launcher.model.wire import Hello
from launcher.store import (
    Store,
    arrays,
    checkpoints,
    clusters,
    events,
    jobs,
    open_store,
    outbox,
    outputs,
    projects,
    retention,
    secret,
    stragglers,
    tables,
    usage,
    watched,
)

SCHEMAS = Path(__file__).parents[2] / "data" / "schemas"
DONE, RUNS, WAITS, FIRST, SECOND = (
    *("digits-k3m9ap", "größe-77abcd", "later-p2q2p2"),
    *("sweep-aaaaaa", "sweep-bbbbbb"),
)
_BEGIN = 1_780_000_000.0
_A, _B, _C = ("a" * 64, "b" * 64, "c" * 64)


def job(job_id: str, **fields: Any) -> Job:
    known = Job(
        id=job_id,
        name=job_id.rpartition("-")[0],
        project="vision",
        priority=50,
        cluster="any",
        spec={"name": "digits", "framework": "pytorch", "env": {"A": "ä"}, "version": 1},
        code=_A,
        resources=Resources(2, gpus_per_worker=1, memory_per_worker=8 * 2**30, custom={"tpu": 0.5}),
        policy=Policy(max_retries=3, run_timeout_s=3600.0),
        submitted_at=_BEGIN,
        user="ada",
        queued_at=_BEGIN,
    )
    return replace(known, **fields)


def fill(store: Store) -> None:
    """Fill a new store."""
    with store.begin() as tx:
        jobs.insert(tx, job(DONE), "key of digits")
        jobs.insert(tx, job(RUNS, project="default", user="grace"), None)
        jobs.insert(tx, job(WAITS, state=JobState.HELD, held_at=_BEGIN + 5), None)
        array = {"array_id": "sweep-cccccc", "array_count": 2, "array_limit": 1, "name": "sweep"}
        members = [
            job(FIRST, array_index=0, **array),
            job(SECOND, array_index=1, array_waits=True, **array),
        ]
        jobs.insert_all(tx, members, {})
        tx.execute(tables.awaited.insert(), {"job_id": WAITS, "other": DONE, "success": True})
        _run(tx)
        _around(tx)
    _outside(store)


def _run(tx: Any) -> None:
    slots = (Slot(0, "n1", 1, address="10.0.0.1:7000", quiet=1), Slot(1, "n2", 1, closed="told"))
    held = Allocation(DONE, 1, "gpu", slots, _BEGIN + 1, AllocationState.GONE)
    exits = (RankExit(0, 0, finished=True, tail="ready\n"), RankExit(1, 0))
    over = Attempt(1, 1, _BEGIN + 1, None, None, _BEGIN + 2, _BEGIN + 90)
    over = replace(over, verdict=Verdict(Ending.FINISHED, "all ranks exited with 0", None, exits))
    one = jobs.get(tx, DONE)
    assert one is not None
    done = replace(one, state=JobState.SUCCEEDED, ended_at=_BEGIN + 90, reason="finished")
    jobs.save(tx, replace(done, allocation=held, attempt=over))
    two = jobs.get(tx, RUNS)
    assert two is not None
    held = Allocation(RUNS, 2, "gpu", slots[:1], _BEGIN + 100)
    goes = Attempt(2, 2, _BEGIN + 101, 40, 1, _BEGIN + 103)
    jobs.save(tx, replace(two, state=JobState.RUNNING, allocation=held, attempt=goes, failures=1))
    told = [Event("queued", "waits"), Event("warning", "nul\0 and half \ud800", 1)]
    events.append(tx, DONE, [*told, Event("succeeded", "all ranks exited with 0", 1)], _BEGIN + 90)
    files = (FileEntry("model.pt", 10, _B, 0o644, _BEGIN + 50), FileEntry("ä/opt.pt", 20, _C))
    checkpoints.commit(tx, DONE, Manifest(1, 40, files, {"val_loss": 0.25}), _BEGIN + 60)
    part = Manifest(2, 50, files[:1], sharded=True, rank=0)
    checkpoints.add_part(tx, RUNS, part, 2, _BEGIN + 110)
    seen = Manifest(2, 45, files[1:], watched=Watched(0, 1))
    watched.commit(tx, RUNS, seen, nodes=1, now=_BEGIN + 111)
    report = OutputReport(1, 0, (FileEntry("curve.png", 5, _C),))
    outputs.store(tx, DONE, report, OutputLimits(), _BEGIN + 91)


def _around(tx: Any) -> None:
    hello = Hello("gpu", "ray", "2.60.0", "3.11", "0.1.0", "head")
    fence = clusters.open_session(tx, hello, _BEGIN)
    node = NodeReport("n1", "host-1", "10.0.0.1", {"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0})
    clusters.save_nodes(tx, "gpu", fence, (node,), _BEGIN + 1)
    secret.put(tx, secret.StoredSecret("vision", "HF_TOKEN", b"\x00\xffsealed", "ada", _BEGIN))
    projects.put(tx, Project("vision", 2.0, gpus=8, running=4))
    usage.add(tx, Usage("vision", "ada", 3600.5, 7200.25, _BEGIN))
    retention.set_rule(tx, "", "logs", 86400.0)
    retention.set_rule(tx, "vision", "metrics", None)
    retention.note(tx, DONE, "logs", 12, _BEGIN + 100)
    slow = stragglers.Straggler(1, "host-1", 1.75, 60, _BEGIN + 120)
    stragglers.add(tx, RUNS, 2, slow)
    receiver = {"url": "https://example.org/hook", "url_secret": None}
    outbox.append(tx, DONE, "ended", notify=receiver, body={"job": DONE}, now=_BEGIN + 91)


def _outside(store: Store) -> None:
    for step in range(700):
        line = {"t": _BEGIN + step, "k": "m", "step": step, "m": {"loss": 1 / (step + 1)}, "n": 700}
        _report(store, DONE, json.dumps(line).encode() + b"\n")
    store.metrics.compaction.work()  # some of them lie together, some loose
    _report(store, DONE, b'{"t":1,"k":"m","step":700,"m":{"loss":NaN,"ac')
    for n in range(70):
        sample = Sample(_BEGIN + 5 * n, 0, {"node/cpu": n / 8}, {0: {"rank/cpu": 2.0}})
        begin = store.samples.append(DONE, 1, 0, 0, b"").length
        store.samples.append(DONE, 1, 0, begin, line_of(sample))
    with store.begin() as tx:
        store.logs.append(tx, DONE, 1, 0, "out", 0, b"step 1\n")
        store.logs.skip(tx, DONE, 1, 0, "out", 7, 5000, "its node ran out of room")
    with store._points.begin() as tx:
        unread = {"job_id": DONE, "attempt": 1, "rank": 0, "lines": b"{}"}
        tx.execute(tables.unread.insert(), unread)


def _report(store: Store, job_id: str, data: bytes) -> None:
    begin = store.metrics.append(job_id, 1, 0, 0, b"")
    store.metrics.append(job_id, 1, 0, begin, data)


def told(store: Store) -> dict[str, Any]:
    """What the state says, in words that no later version changes."""
    with store.read() as tx:
        found = {one: jobs.get(tx, one) for one in (DONE, RUNS, WAITS, FIRST, SECOND)}
        done, runs = found[DONE], found[RUNS]
        assert done is not None
        assert runs is not None
        (saved,) = checkpoints.list_(tx, DONE)
        seen = watched.newest(tx, RUNS)
        (cluster,) = clusters.all(tx)
        (kept,) = secret.list_(tx)
        (message,) = outbox.due(tx, _BEGIN + 1000)
        (straggler,) = stragglers.of(tx, RUNS, 2)
        (was,) = usage.all(tx)
        assert done.attempt is not None
        assert done.attempt.verdict is not None
        assert runs.attempt is not None
        assert seen is not None
        main: dict[str, Any] = {
            "server": [store.server_id, store.secret.hex()],
            "jobs": {
                one.id: [one.name, one.project, one.user, one.state.value, one.spec["env"]]
                for one in found.values()
                if one is not None
            },
            "by key": jobs.by_keys(tx, ["key of digits"]),
            "resources": [done.resources.gpus_per_worker, done.resources.custom],
            "policy": [done.policy.max_retries, done.policy.run_timeout_s],
            "over": [done.attempt.number, done.attempt.ended_at, done.attempt.verdict.words],
            "exits": [[one.rank, one.code, one.tail] for one in done.attempt.verdict.exits],
            "runs": [runs.attempt.number, runs.attempt.resume_step, runs.failures],
            "held": [one.id for one in jobs.unreleased(tx)],
            "array": arrays.elements(tx, "sweep-cccccc"),
            "waits": arrays.waiting_for(tx, DONE),
            "events": [[one.id, one.kind, one.text] for one in events.after(tx, DONE)],
            "checkpoint": [saved.step, saved.manifest.metrics, saved.size],
            "files": [[one.path, one.size, one.sha256] for one in saved.manifest.files],
            "watched": [one.path for one in seen.manifest.files],
            "outputs": [[one.path, one.size] for one in outputs.list_(tx, DONE)],
            "cluster": [cluster.name, cluster.fence, [one.total for one in cluster.nodes]],
            "secret": [kept.project, kept.name, kept.sealed.hex()],
            "message": [message.kind, message.url, message.tries],
            "straggler": [straggler.rank, straggler.factor],
            "usage": [was.project, was.user, was.gpu_s, was.cpu_s],
            "project": [projects.get(tx, "vision").weight, projects.get(tx, "vision").gpus],
            "rules": [
                retention.rules(tx).age_s(project, kind)
                for project, kind in (("", "logs"), ("vision", "metrics"), ("vision", "logs"))
            ],
            "expired": [[one.kind, one.size] for one in retention.expired(tx, DONE)],
        }
    return main | _told_points(store)


def _told_points(store: Store) -> dict[str, Any]:
    points = store.metrics.points(DONE)
    with store.samples.reading(DONE) as reading:
        measured = {
            one.name: [len(part.values) for part in reading.history(one.id).values()]
            for one in reading.series()
        }
    return {
        "points": [len(points), points[0].value, points[-1].step, points[-1].value],
        "progress": store.metrics.append(DONE, 1, 0, 0, b""),
        "measured": measured,
        "unread": store.metrics.has_unread(DONE),
    }


def write(folder: Path) -> None:
    from own_postgresql import OwnPostgreSQL, programs

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, OwnPostgreSQL() as postgresql:
        for name, url in (("sqlite", None), ("postgresql", postgresql.create("old"))):
            with contextlib.closing(open_store(Path(temporary) / name, url)) as store:
                fill(store)
                text = json.dumps(told(store), indent=1, ensure_ascii=False)
                (folder / f"{name}.json").write_text(text + "\n")
        for file in ("launcher", "metrics"):
            with contextlib.closing(sqlite3.connect(f"{temporary}/sqlite/{file}.db")) as opened:
                (folder / f"sqlite-{file}.sql").write_text("\n".join(opened.iterdump()) + "\n")
        command = [f"{programs()}/pg_dump", "-h", postgresql.folder, "-U", "launcher", "old"]
        options = ["--column-inserts", "--no-owner", "--no-privileges", "--no-comments"]
        dumped = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        lines = [line for line in dumped.stdout.splitlines() if _is_sql(line)]
        (folder / "postgresql.sql").write_text("\n".join(lines) + "\n")


def _is_sql(line: str) -> bool:
    return bool(line) and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "integration"))
    write(SCHEMAS / sys.argv[1])

"""`launcher show JOB`: everything about a job."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from launcher.cli import _measured, _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.units import format_duration, format_size
from launcher.views import AttemptView, JobView, KeptBytes, as_json


@click.command()
@job_argument
@click.option("--torchrun", is_flag=True, help="The same training without launcher: bare lines.")
@output_option()
def command(*, job: str, torchrun: bool, output: str) -> None:
    """Everything about a job."""
    found = connect().job(job)
    if torchrun:
        _print_bare(found)
        return
    if output == "json":
        _output.print_json(as_json(found))
        return
    print(f"{_output.paint(found.id, 'bold')}  {_output.paint_state(found.state)}")
    for label, text in _facts(found, time.time()):
        print(f"  {_output.paint(label.ljust(12), 'dim')}{text}")


def _print_bare(job: JobView) -> None:
    from launcher.spec.bare import bare_nodes
    from launcher.spec.stored import from_server

    ranks = [len(node.ranks) for node in job.nodes]
    hosts = [node.host for node in job.nodes]
    spec = from_server(job.spec or {})
    if job.own_python:
        own = spec.python.model_copy(update={"interpreter": job.own_python})
        spec = spec.model_copy(update={"python": own})
    nodes = bare_nodes(spec, job.id, ranks, hosts)
    for number, node in enumerate(nodes):
        if len(nodes) > 1:
            print("\n" * (number > 0) + f"# node {number} of {len(nodes)} {node.host}".rstrip())
        for line in node.lines:
            print(line)
    _output.note(f"launcher archive {job.id} brings code and checkpoints here")


def _facts(job: JobView, now: float) -> Iterator[tuple[str, str]]:
    if job.reason:
        yield "reason", job.reason
    for warning in job.warnings:
        yield "warning", warning
    yield "submitted", f"{_words.clock_time(job.submitted_at)} by {job.user or 'somebody'}"
    if job.ended_at is not None:
        lasted = format_duration(job.ended_at - job.submitted_at)
        yield "ended", f"{_words.clock_time(job.ended_at)}, {lasted} after its submit"
    processes = sum(len(node.ranks) for node in job.nodes)
    together = ", as one process" if processes == 1 < job.workers else ""
    yield "takes", f"{_words.gang(job)}, {job.framework}{together}"
    kind = ", preemptible" if job.preemptible else ""
    yield "queue", f"project {job.project}, priority {job.priority}, cluster {job.cluster}{kind}"
    if job.array_id:
        yield "array", f"{job.array_id}, index {job.array_index}, one of {job.array_count}"
    yield from _nodes(job)
    yield from _made(job)
    if begun := (job.spec or {}).get("from_job"):
        yield "begins from", begun
    for attempt in sorted(job.attempts, key=lambda attempt: attempt.number):
        yield f"attempt {attempt.number}", _attempt(attempt, now)
    if job.failures:
        yield "failures", f"{job.failures} of the program's own, {job.max_retries} retries allowed"
    if job.page:
        yield "page", job.page


def _nodes(job: JobView) -> Iterator[tuple[str, str]]:
    """Where it runs, and which ranks are slow there."""
    used = {one.index: one for one in job.node_usage}
    for node in job.nodes:
        ranks = ", ".join(map(str, node.ranks))
        words = f"{node.host or node.node_id}: rank{'s' * (len(node.ranks) > 1)} {ranks}"
        yield "node", words + _measured.node_usage(used.get(node.index))
    for slow in job.stragglers:
        yield "slow", _measured.straggler(slow)


def _made(job: JobView) -> Iterator[tuple[str, str]]:
    """How far it is, and what it left."""
    if job.progress:
        yield "progress", _words.steps(job.progress)
    if job.latest:
        yield "metrics", _words.latest(job, limit=8)
    if job.checkpoints.count:
        kept, newest = job.checkpoints.count, job.checkpoints.newest_step
        yield "checkpoints", f"{kept}, the newest of step {newest}"
    if job.outputs.files:
        yield "outputs", _words.outputs(job.outputs)
    if took := _measured.rank_usage(job.rank_usage):
        yield "took", took
    if job.kept and (sizes := _kept(job.kept)):
        yield "kept", sizes
    for gone in job.expired:
        size, moment = format_size(gone.size), _words.clock_time(gone.at)
        yield "removed", f"{gone.kind} ({size}), by retention on {moment}"


def _kept(kept: KeptBytes) -> str:
    sizes = as_json(kept)
    return ", ".join(f"{kind} {format_size(size)}" for kind, size in sizes.items() if size)


def _attempt(attempt: AttemptView, now: float) -> str:
    words = _words.attempt_words(attempt)
    begun = attempt.started_at or attempt.granted_at
    if begun is not None:
        words += f" ({format_duration((attempt.ended_at or now) - begun)})"
    if attempt.resume_step is not None:
        words += f", resumed from step {attempt.resume_step}"
    return words

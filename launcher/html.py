"""What notebooks show of jobs: small tables, everything in them escaped, no script, no style sheet.

Takes `launcher.views`, whose classes it only reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from launcher.units import format_duration, format_size

if TYPE_CHECKING:
    from launcher.views import CheckpointView, JobView, ServerView

_COLOURS = {
    "SUCCEEDED": "#2b8a3e",
    "FAILED": "#c92a2a",
    "CANCELLED": "#e67700",
    "CANCELLING": "#e67700",
    "HELD": "#e67700",
    "RUNNING": "#1864ab",
    "STARTING": "#1864ab",
    "SETUP": "#1864ab",
}
_METRICS = 6
_LONGEST = 60
_FIRST = 50


def job(one: JobView) -> str:
    """A job as a table of what is known of it."""
    facts: list[tuple[str, str]] = [("state", state(one.state) + _reason(one))]
    facts += [(name, escape(words)) for name, words in _facts(one) if words]
    if one.page.startswith(("http://", "https://")):
        page = escape(
            one.page.partition("?")[0], quote=True
        )  # notebooks are shared, its key is not
        facts.append(("page", f'<a href="{page}" target="_blank" rel="noopener">{page}</a>'))
    return table(["", f"<b>{escape(one.id)}</b>"], facts)


def jobs(found: Sequence[JobView]) -> str:
    """A list of jobs, a row each."""
    rows = [
        [
            f"<b>{escape(one.id)}</b>",
            state(one.state),
            escape(progress(one)),
            escape(metrics(one.latest, 2)),
            escape(one.project),
            escape(one.user),
            escape(_moment(one.submitted_at)),
        ]
        for one in found[:_FIRST]
    ]
    heads = ["job", "state", "progress", "newest", "project", "user", "submitted"]
    return table(heads, rows) + _more(len(found) - _FIRST)


def checkpoints(found: Sequence[CheckpointView]) -> str:
    """A list of checkpoints, a row each."""
    rows = [
        [
            str(one.id),
            str(one.step),
            str(one.attempt),
            escape(format_size(one.size)),
            escape(metrics(one.metrics, _METRICS)),
            escape(_moment(one.created_at)),
        ]
        for one in found[-_FIRST:]
    ]
    heads = ["checkpoint", "step", "attempt", "size", "metrics", "committed"]
    return table(heads, rows) + _more(len(found) - _FIRST)


def server(one: ServerView, url: str) -> str:
    """A server and its clusters."""
    rows = [("server", escape(url)), ("version", escape(one.version))]
    for cluster in one.clusters:
        gpus = sum(node.total.get("GPU", 0.0) for node in cluster.nodes)
        cpus = sum(node.total.get("CPU", 0.0) for node in cluster.nodes)
        nodes = f"{len(cluster.nodes)} node{'s' * (len(cluster.nodes) != 1)}"
        words = f"{nodes}, {gpus:g} GPUs, {cpus:g} CPUs"
        rows.append((f"cluster {cluster.name}", escape(words if cluster.live else "silent")))
    return table(["", "<b>launcher</b>"], [(escape(name), words) for name, words in rows])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of cells that are HTML already."""
    cell = 'style="text-align:left;vertical-align:top"'
    head = "".join(f"<th {cell}>{words}</th>" for words in heads)
    body = "".join(
        f"<tr>{''.join(f'<td {cell}>{words}</td>' for words in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def state(words: str) -> str:
    colour = _COLOURS.get(words, "inherit")
    return f'<span style="color:{colour};font-weight:bold">{escape(words)}</span>'


def progress(one: JobView) -> str:
    """`120/500 24%, 2m left`."""
    seen = one.progress
    if seen is None:
        return ""
    if not seen.total_steps:
        return f"step {seen.step}"
    part = min(seen.step / seen.total_steps, 1.0)
    left = "" if seen.eta_s is None or one.is_over else f", {format_duration(seen.eta_s // 1)} left"
    return f"{seen.step}/{seen.total_steps} {part:.0%}{left}"


def metrics(values: Mapping[str, Any], most: int) -> str:
    """`loss 0.123, acc 0.9`."""
    first = sorted(values, key=lambda name: "loss" not in name.lower())[:most]
    told = [f"{_cut(name)} {number(values[name])}" for name in first]
    return ", ".join(told) + (f" and {len(values) - most} more" if len(values) > most else "")


def number(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.4g}" if is_number else _cut(str(value))


def _facts(one: JobView) -> Iterable[tuple[str, str]]:
    each = f"{one.gpus_per_worker} GPU" if one.gpus_per_worker else f"{one.cpus_per_worker:g} CPU"
    yield "name", one.name
    yield "takes", f"{one.workers} x {each}"
    yield "progress", progress(one)
    yield "newest", metrics(one.latest, _METRICS)
    if len(one.attempts) > 1:
        yield "attempts", str(len(one.attempts))
    if one.checkpoints.count:
        yield (
            "checkpoints",
            f"{one.checkpoints.count}, the newest of step {one.checkpoints.newest_step}",
        )
    if one.outputs.files:
        yield "outputs", f"{one.outputs.files} files, {format_size(one.outputs.size)}"
    for warning in one.warnings:
        yield "warning", warning


def _reason(one: JobView) -> str:
    return f" {escape(one.reason)}" if one.reason and one.state != "SUCCEEDED" else ""


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _more(count: int) -> str:
    return f"<p>and {count:,} more</p>" if count > 0 else ""

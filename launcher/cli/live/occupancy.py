"""The tables of `launcher top`, drawn by rich: nodes with bars and holders, projects, the queue."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from launcher.cli import _words
from launcher.cli._shares import SHARE, share
from launcher.cli.live.lines import visible
from launcher.client import Client
from launcher.errors import UnreachableError
from launcher.units import format_duration, format_size
from launcher.views import (
    Amounts,
    ClusterOccupancy,
    DiskView,
    Holder,
    NodeOccupancy,
    Occupancy,
    ProjectView,
    WaitingJob,
)

_BAR = 16
_QUEUE_SHOWN = 20
_PIPE_WIDTH = 160
"""Columns where there is no terminal: enough that nothing is cut."""


def print_once(seen: Occupancy) -> None:
    """As text, without colours where they are not wanted."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH, color_system=None)
    console.print(picture(seen))


def watch(client: Client, interval_s: float) -> None:
    """Draws it anew again and again, until Ctrl-C; a server that is away for a while is awaited."""
    seen, away = client.occupancy(), ""
    with Live(picture(seen), screen=True, auto_refresh=False) as live:
        while True:
            height = shutil.get_terminal_size().lines
            live.update(picture(seen, away, rows=height), refresh=True)
            time.sleep(interval_s)
            try:
                seen, away = client.occupancy(), ""
            except UnreachableError as error:
                away = str(error)


def picture(seen: Occupancy, away: str = "", *, rows: int = 0) -> RenderableType:
    """All of it.

    Args:
        seen: what the server said last.
        away: why it says nothing now; empty while it does.
        rows: lines that there are; 0: as many as it takes.
    """
    parts: list[RenderableType] = [Text(away, style="bold red")] if away else []
    parts += [_cluster(cluster) for cluster in seen.clusters]
    if seen.disk is not None:
        parts.append(_disk(seen.disk))
    if not seen.clusters:
        parts.append(Text("no cluster: launcher up starts one here"))
    used = sum(len(cluster.nodes) + 4 for cluster in seen.clusters) + (seen.disk is not None)
    if _is_shared(seen.projects):
        parts.append(_shares(seen.projects))
        used += len(seen.projects) + 2
    room = max(rows - used - 3, 1) if rows else len(seen.waiting)
    parts.append(_queue(seen, min(room, _QUEUE_SHOWN) if rows else room))
    return Group(*parts)


def _disk(disk: DiskView) -> Text:
    style = "bold red" if disk.is_full else "yellow" if disk.is_low else "dim"
    words = f"server's disk: {format_size(disk.free)} of {format_size(disk.total)} free"
    return Text(words, style=style)


def bar(ours: float, others: float, total: float) -> Text:
    """How much of a resource is taken: by jobs of this server, by others, free.

    >>> bar(2, 1, 4).plain
    '████████▒▒▒▒···· 3/4'
    """
    if total <= 0:
        return Text("-", style="dim")
    mine = min(round(_BAR * ours / total), _BAR)
    theirs = min(round(_BAR * others / total), _BAR - mine)
    return Text.assemble(
        ("█" * mine, "cyan"),
        ("▒" * theirs, "yellow"),
        ("·" * (_BAR - mine - theirs), "dim"),
        f" {_amount(ours + others)}/{_amount(total)}",
    )


def _cluster(cluster: ClusterOccupancy) -> RenderableType:
    title = Text.assemble(("cluster ", "dim"), (cluster.name, "bold"))
    if not cluster.live:
        silent = format_duration((cluster.silent_s or 0.0) // 1)
        title.append(f"  silent for {silent}: no job starts there", style="bold red")
        return title
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("NODE", "GPUS", "CPUS"):
        table.add_column(heading, no_wrap=True)
    table.add_column("HELD BY", overflow="fold")
    for node in cluster.nodes:
        table.add_row(_text(node.host), *_bars(node), _text(_holders(node)))
    return Group(title, table, Text())


def _bars(node: NodeOccupancy) -> tuple[Text, Text]:
    gpus = sum(holder.gpus for holder in node.holders)
    cpus = sum(holder.cpus for holder in node.holders)
    return (bar(gpus, node.other_gpus, node.gpus), bar(cpus, node.other_cpus, node.cpus))


def _holders(node: NodeOccupancy) -> str:
    held = [_holder(holder) for holder in node.holders]
    others = [
        f"{_amount(amount)} {name} outside launcher"
        for amount, name in ((node.other_gpus, "GPU"), (node.other_cpus, "CPU"))
        if amount
    ]
    return ", ".join([*held, *others]) or "-"


def _holder(holder: Holder) -> str:
    ranks = _words.plural(holder.ranks, "rank")
    state = "" if holder.state == "RUNNING" else f", {holder.state}"
    return f"{holder.job} ({holder.user or 'somebody'}, {ranks}{state})"


def _is_shared(projects: Sequence[ProjectView]) -> bool:
    """With one project that nobody set up there is nothing to tell."""
    return len(projects) > 1 or any(one.quota != Amounts() for one in projects)


def _shares(projects: Sequence[ProjectView]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in SHARE:
        table.add_column(heading, no_wrap=True)
    for one in projects:
        table.add_row(*map(_text, share(one)))
    return Group(table, Text())


def _queue(seen: Occupancy, room: int) -> RenderableType:
    if not seen.waiting:
        return Text("nobody waits", style="dim")
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for heading in ("#", "WAITS", "FOR", "STARTS IN", "USER", "PROJECT", "PRIORITY", "TAKES"):
        table.add_column(heading, no_wrap=True)
    table.add_column("BECAUSE", overflow="ellipsis", no_wrap=True, ratio=1)  # what is left
    for job in seen.waiting[:room]:
        table.add_row(*_waiting(job, seen.now))
    more = max(len(seen.waiting) - room, 0) + seen.more
    return Group(table, Text(f"and {more} more", style="dim")) if more > 0 else table


def _waiting(job: WaitingJob, now: float) -> list[Text]:
    each = f"{job.gpus_per_worker} GPU" if job.gpus_per_worker else f"{job.cpus_per_worker:g} CPU"
    least = f"{job.min_workers}-" if job.min_workers is not None else ""
    takes, place = f"{least}{job.workers} x {each}", str(job.position or "")
    when = _words.ago(job.queued_at, now), _words.about(job.starts_at, now)
    cells = (place, job.job, *when, job.user, job.project, str(job.priority), takes, job.reason)
    return [_text(cell) for cell in cells]


def _text(words: str) -> Text:
    """What somebody wrote: nothing in it moves a terminal, or is markup to rich."""
    return Text.from_ansi(visible(words.encode()))


def _amount(number: float) -> str:
    return f"{number:g}"

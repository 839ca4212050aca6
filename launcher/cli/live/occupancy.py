"""The picture of `launcher top`, drawn by rich: clusters, projects, the queue, in what room is."""

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
from launcher.cli.live import nodes
from launcher.cli.live.lines import visible
from launcher.client import Client
from launcher.errors import UnreachableError
from launcher.units import format_size, rounded
from launcher.views import Amounts, DiskView, ProjectView
from launcher.views_occupancy import Occupancy, WaitingJob

_QUEUE_SHOWN, _PROJECTS_SHOWN = 20, 8
_PIPE_WIDTH = 160
"""Columns where there is no terminal: enough that nothing is cut."""
_QUEUE_PART = 3
"""The queue gets at least one of so many lines, if it is as long."""
_COLUMNS = (
    # heading, columns of the terminal from which it is shown
    ("#", 0), ("WAITS", 0), ("FOR", 0), ("STARTS IN", nodes.NARROW), ("USER", nodes.WIDE),
    ("PROJECT", nodes.WIDE), ("PRIORITY", 130), ("TAKES", 0), ("BECAUSE", 0),
)  # fmt: skip


def print_once(seen: Occupancy) -> None:
    """As text, without colours where they are not wanted."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH, color_system=None)
    console.print(picture(seen, width=console.width))


def watch(client: Client, interval_s: float) -> None:
    """Draws it anew again and again, until Ctrl-C; a server that is away for a while is awaited."""
    seen, away = client.occupancy(), ""
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            width, rows = shutil.get_terminal_size()
            live.update(picture(seen, away, width=width, rows=rows), refresh=True)
            time.sleep(interval_s)
            try:
                seen, away = client.occupancy(), ""
            except UnreachableError as error:
                away = str(error)


def picture(
    seen: Occupancy, away: str = "", *, width: int = _PIPE_WIDTH, rows: int = 0
) -> RenderableType:
    """All of it.

    Args:
        seen: what the server said last.
        away: why it says nothing now; empty while it does.
        width: columns that there are.
        rows: lines that there are; 0: as many as it takes.
    """
    head: list[RenderableType] = [Text(away, style="bold red", no_wrap=True)] if away else []
    foot: list[RenderableType] = [_disk(seen.disk)] if seen.disk is not None else []
    if not seen.clusters:
        head.append(Text("no cluster: launcher up starts one here"))
    used = len(head) + len(foot)
    if _is_shared(seen.projects):
        foot.append(_shares(seen.projects, cut=bool(rows)))
        used += min(len(seen.projects), _PROJECTS_SHOWN + 1) + 2
    left = max(rows - used, 6)
    queued = len(seen.waiting) + 1 + bool(seen.more) if seen.waiting else 1
    queue_room = max(min(queued, left // _QUEUE_PART), 3) if seen.waiting else 1
    rooms = nodes.rooms(seen.clusters, left - queue_room)
    shown = [
        nodes.cluster(one, width=width, room=room if rows else None)
        for one, room in zip(seen.clusters, rooms, strict=True)
    ]
    room = max(left - sum(rooms) - 2, 1) if rows else len(seen.waiting)
    queue = _queue(seen, min(room, _QUEUE_SHOWN) if rows else room, width)
    return Group(*head, *shown, *foot, queue)


def _disk(disk: DiskView) -> Text:
    style = "bold red" if disk.is_full else "yellow" if disk.is_low else "dim"
    words = f"server's disk: {format_size(disk.free)} of {format_size(disk.total)} free"
    return Text(words, style=style)


def _is_shared(projects: Sequence[ProjectView]) -> bool:
    """With one project that nobody set up there is nothing to tell."""
    return len(projects) > 1 or any(one.quota != Amounts() for one in projects)


def _shares(projects: Sequence[ProjectView], *, cut: bool) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in SHARE:
        table.add_column(heading, no_wrap=True)
    shown = projects[:_PROJECTS_SHOWN] if cut else projects
    for one in shown:
        table.add_row(*map(_text, share(one)))
    left = len(projects) - len(shown)
    more = [Text(f"and {left} more: launcher quota", style="dim")] if left else []
    return Group(table, *more, Text())


def _queue(seen: Occupancy, room: int, width: int) -> RenderableType:
    if not seen.waiting:
        return Text("nobody waits", style="dim")
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    shown = [heading for heading, least in _COLUMNS if width >= least]
    for heading in shown[:-1]:
        longest = 28 if heading == "WAITS" and width < nodes.WIDE else None
        table.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=longest)
    table.add_column(shown[-1], overflow="ellipsis", no_wrap=True, ratio=1)  # what is left
    for job in seen.waiting[:room]:
        told = _waiting(job, seen.now)
        table.add_row(*(_text(told[heading]) for heading in shown))
    more = max(len(seen.waiting) - room, 0) + seen.more
    return Group(table, Text(f"and {more} more", style="dim")) if more > 0 else table


def _waiting(job: WaitingJob, now: float) -> dict[str, str]:
    each = f"{job.gpus_per_worker} GPU" if job.gpus_per_worker else f"{job.cpus_per_worker:g} CPU"
    least = f"{job.min_workers}-" if job.min_workers is not None else ""
    return {
        "#": str(job.position or ""),
        "WAITS": job.job,
        "FOR": rounded(max(now - job.queued_at, 0.0)),
        "STARTS IN": _words.about(job.starts_at, now),
        "USER": job.user,
        "PROJECT": job.project,
        "PRIORITY": str(job.priority),
        "TAKES": f"{least}{job.workers} x {each}",
        "BECAUSE": job.reason,
    }


def _text(words: str) -> Text:
    """What somebody wrote: nothing in it moves a terminal, or is markup to rich."""
    return Text.from_ansi(visible(words.encode()))

"""The clusters of `launcher top`: a line a node while that fits, else a sign a node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from launcher.cli import _words
from launcher.cli.live.lines import visible
from launcher.units import format_duration, format_size
from launcher.views_measured import NodeUse
from launcher.views_occupancy import ClusterOccupancy, Holder, NodeOccupancy
from launcher.views_pools import PoolView

WIDE, NARROW = 110, 70
"""Columns from which all is told at length, and below which bars have no room."""
_BAR, _SHORT_BAR = 16, 8
_SIGNS = "▁▂▃▄▅▆▇"
_ADDRESS = re.compile(r"[\d.:]+")
_AROUND = 3
"""Lines of a cluster beside those of its nodes: its sums, the headings, a blank one."""


@dataclass(frozen=True)
class Taken:
    """Of one resource: by jobs of this server, by others, and how much there is."""

    ours: float = 0
    others: float = 0
    total: float = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.ours + other.ours, self.others + other.others, self.total + other.total)

    @property
    def words(self) -> str:
        return f"{self.ours + self.others:g}/{self.total:g}"


def gpus(node: NodeOccupancy) -> Taken:
    return Taken(sum(one.gpus for one in node.holders), node.other_gpus, node.gpus)


def cpus(node: NodeOccupancy) -> Taken:
    return Taken(sum(one.cpus for one in node.holders), node.other_cpus, node.cpus)


def height(cluster: ClusterOccupancy) -> int:
    """Lines that it takes with a line a node."""
    return len(cluster.nodes) + len(cluster.pools) + _AROUND if cluster.live else 1


def cluster(seen: ClusterOccupancy, *, width: int, room: int | None) -> RenderableType:
    """A cluster in at most `room` lines; None: as many as it takes."""
    title = Text.assemble(("cluster ", "dim"), (_plain(seen.name).plain, "bold"))
    if not seen.live:
        silent = format_duration((seen.silent_s or 0.0) // 1)
        title.append(f"  silent for {silent}: no job starts there", style="bold red")
        return title
    title.append("  ").append_text(_sums(seen, width))
    pools = [_pool(pool) for pool in seen.pools]
    if room is None or height(seen) <= room:
        return Group(title, *pools, _lines(seen, width, cut=room is not None), Text())
    signs = [_sign(node) for node in seen.nodes]
    each = max(width, 1)
    rows = [Text.assemble(*signs[at : at + each]) for at in range(0, len(signs), each)]
    around = _AROUND + len(pools)
    left = max(room - len(rows) - around, 1)
    return Group(title, *pools, *rows[: max(room - around, 1)], _jobs(seen, width, left), Text())


def _pool(seen: PoolView) -> Text:
    """`pool gpu  2 of 8 nodes, 2 are starting, 3 more asked for`."""
    line = Text.assemble(
        ("pool ", "dim"), _plain(seen.name), f"  {seen.nodes} of {seen.most} nodes"
    )
    if seen.coming:
        verb = "is" if seen.coming == 1 else "are"
        line.append(f", {seen.coming} {verb} starting", style="cyan")
    if seen.asked > seen.coming:
        line.append(f", {seen.asked - seen.coming} more asked for", style="yellow")
    if seen.trouble:
        line.append("  ").append_text(_plain(seen.trouble))
    return line


def _sums(seen: ClusterOccupancy, width: int) -> Text:
    """All its nodes together."""
    line = Text(_words.plural(len(seen.nodes), "node"))
    for name, taken in (("GPUs", map(gpus, seen.nodes)), ("CPUs", map(cpus, seen.nodes))):
        total = sum(taken, Taken())
        if total.total:
            line.append(f"  {name} ", style="dim")
            line.append_text(bar(total, _bar_of(width)))
    return line


def _lines(seen: ClusterOccupancy, width: int, *, cut: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=cut)
    has_gpus = any(node.gpus for node in seen.nodes)
    for heading in ("NODE", *(("GPUS",) if has_gpus else ()), "CPUS"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    has_use = width >= NARROW and any(node.use for node in seen.nodes)
    if has_use:
        table.add_column("IN USE", no_wrap=True)
    # What is left: where many hold a bit of a node, the others keep their room.
    overflow: Literal["ellipsis", "fold"] = "ellipsis" if cut else "fold"
    table.add_column("HELD BY", no_wrap=cut, overflow=overflow, ratio=1 if cut else None)
    columns = _bar_of(width)
    for node, name in zip(seen.nodes, short_names([one.host for one in seen.nodes]), strict=True):
        bars = [bar(gpus(node), columns)] if has_gpus else []
        held = _holders(node, at_length=width >= WIDE)
        used = [Text(use(node, at_length=width >= WIDE))] if has_use else []
        table.add_row(_plain(name), *bars, bar(cpus(node), columns), *used, _plain(held))
    return table


def _jobs(seen: ClusterOccupancy, width: int, room: int) -> Table:
    """Who holds most of the cluster: where its nodes are too many for a line each."""
    held: dict[str, tuple[Holder, int]] = {}
    for holder in (holder for node in seen.nodes for holder in node.holders):
        before, nodes = held.get(holder.job, (replace(holder, ranks=0, cpus=0, gpus=0), 0))
        more = replace(
            before,
            ranks=before.ranks + holder.ranks,
            cpus=before.cpus + holder.cpus,
            gpus=before.gpus + holder.gpus,
        )
        held[holder.job] = more, nodes + 1
    table = Table(box=None, pad_edge=False, header_style="dim")
    shows_user = width >= NARROW
    for heading in ("HELD BY", *(("USER",) if shows_user else ()), "NODES", "GPUS", "CPUS", ""):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    order = sorted(held.values(), key=lambda one: (-one[0].gpus, -one[0].cpus, one[0].job))
    shown = order if len(order) <= room else order[: max(room - 1, 0)]
    for job, nodes in shown:
        user = [_plain(job.user)] if shows_user else []
        state = "" if job.state == "RUNNING" else job.state
        table.add_row(_plain(job.job), *user, str(nodes), f"{job.gpus:g}", f"{job.cpus:g}", state)
    if len(order) > len(shown):
        table.add_row(Text(f"and {len(order) - len(shown)} more", style="dim"))
    return table


def bar(taken: Taken, columns: int = _BAR) -> Text:
    """How much of a resource is taken: by jobs of this server, by others, free.

    >>> bar(Taken(2, 1, 4)).plain, bar(Taken(2, 1, 4), 0).plain
    ('████████▒▒▒▒···· 3/4', '3/4')
    """
    if taken.total <= 0:
        return Text("-", style="dim")
    mine = min(round(columns * taken.ours / taken.total), columns)
    theirs = min(round(columns * taken.others / taken.total), columns - mine)
    return Text.assemble(
        ("█" * mine, "cyan"),
        ("▒" * theirs, "yellow"),
        ("·" * (columns - mine - theirs), "dim"),
        f"{' ' * bool(columns)}{taken.words}",
    )


def _sign(node: NodeOccupancy) -> tuple[str, str]:
    """How full a node is, in one cell, and its style."""
    taken = gpus(node) if node.gpus else cpus(node)
    part = (taken.ours + taken.others) / taken.total if taken.total else 0.0
    if part <= 0:
        return "·", "dim"
    sign = "█" if part >= 1 else _SIGNS[min(int(part * len(_SIGNS)), len(_SIGNS) - 1)]
    return sign, "yellow" if taken.others else "cyan"


def short_names(hosts: Sequence[str]) -> list[str]:
    """Without the domain that they share, while that leaves them apart.

    >>> short_names(["a.lab.org", "b.lab.org"]), short_names(["10.0.0.1", "10.0.0.2"])
    (['a', 'b'], ['10.0.0.1', '10.0.0.2'])
    """
    first = [host.partition(".")[0] for host in hosts]
    are_names = not any(_ADDRESS.fullmatch(host) for host in hosts)
    return first if are_names and len(set(first)) == len(set(hosts)) else list(hosts)


def use(node: NodeOccupancy, *, at_length: bool) -> str:
    """What the node does: the use of its GPUs, or of its cores where it has none.

    >>> seen = NodeUse(cpu=45.2, memory=30 * 2**30, memory_total=64 * 2**30, gpu=97.0)
    >>> use(NodeOccupancy("n1", "a", use=seen), at_length=True)
    'GPU 97%  CPU 45%  30 GiB of 64 GiB'
    >>> use(NodeOccupancy("n1", "a", use=seen), at_length=False)
    'GPU 97%'
    """
    seen = node.use
    if seen is None:
        return ""
    parts = [f"{name} {part:.0f}%" for name, part in _parts(seen) if part is not None]
    if not at_length:
        return parts[0] if parts else ""
    if seen.memory is not None:
        total = f" of {format_size(seen.memory_total)}" if seen.memory_total else ""
        parts.append(f"{format_size(seen.memory)}{total}")
    return "  ".join(parts)


def _parts(seen: NodeUse) -> tuple[tuple[str, float | None], ...]:
    return ("GPU", seen.gpu), ("CPU", seen.cpu)


def _holders(node: NodeOccupancy, *, at_length: bool) -> str:
    held = [_holder(holder) if at_length else holder.job for holder in node.holders]
    others = [
        f"{amount:g} {name} outside launcher"
        for amount, name in ((node.other_gpus, "GPU"), (node.other_cpus, "CPU"))
        if amount
    ]
    leaves = [f"LEAVING: {node.leaving}"] if node.leaving else []
    return ", ".join([*leaves, *held, *others]) or "-"


def _holder(holder: Holder) -> str:
    ranks = _words.plural(holder.ranks, "rank")
    state = "" if holder.state == "RUNNING" else f", {holder.state}"
    return f"{holder.job} ({holder.user or 'somebody'}, {ranks}{state})"


def _bar_of(width: int) -> int:
    return _BAR if width >= WIDE else _SHORT_BAR if width >= NARROW else 0


def rooms(clusters: Sequence[ClusterOccupancy], lines: int) -> list[int]:
    """How many lines each gets: those that need little leave the rest to the others."""
    left, found = lines, {}
    by_height = sorted(range(len(clusters)), key=lambda index: height(clusters[index]))
    for number, index in enumerate(by_height):
        share = left // (len(clusters) - number)
        found[index] = max(min(height(clusters[index]), share), 1)
        left -= found[index]
    return [found[index] for index in range(len(clusters))]


def _plain(words: str) -> Text:
    """What somebody wrote: nothing in it moves a terminal, or is markup to rich."""
    return Text.from_ansi(visible(words.encode()))

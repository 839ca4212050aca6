"""Waits and use of the GPUs under several policies, as a picture (matplotlib)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from launcher import charts
from launcher.scheduler.simulation.loop import History
from launcher.scheduler.simulation.outcome import Window, fates, held_over_time
from launcher.scheduler.simulation.policies import POLICIES
from launcher.scheduler.state import NodeView
from launcher.units import format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#9aa0a6", "#e8833a", "#1f6fb4", "#3f9b4f", "#8e5ea8", "#b0413e")
_STYLES = {name: (colour, 1.7) for name, colour in zip(POLICIES, _COLOURS, strict=True)}
"""Colour and width of the lines of the policies."""
_DAY_S, _HOUR_S = 86400.0, 3600.0
_POINTS = 300
"""Moments at which the use of the GPUs is drawn: each the mean since the one before."""
_SHOWN = 1.5
"""Use is drawn for so many times the measured window: the queue runs empty after it."""
_TICKS_S = (60, 600, 3600, 6 * 3600, 86400, 5 * 86400, 30 * 86400)
_SHORTEST_H = 1 / 60
"""Where the scale of waits begins: whoever waited for less did not wait."""


def draw(
    runs: Mapping[float, Mapping[str, History]],
    nodes: Sequence[NodeView],
    windows: Mapping[float, Window],
    file: str,
) -> None:
    """Two panels a load: how many jobs waited no longer than so, and the GPUs held over time.

    Args:
        runs: by load and policy.
        nodes: of the cluster.
        windows: what is measured, by load.
        file: to write; its ending says what kind of picture.

    Raises:
        LauncherError: matplotlib is not installed, or the file cannot be written.
    """
    figure = charts.picture(
        12, 0.6 + 2.9 * len(runs), otherwise="without --plot the figures are printed all the same"
    )
    panels = figure.subplots(len(runs), 2, squeeze=False)
    gpus = sum(node.total["GPU"] for node in nodes)
    for (load, histories), (left, right) in zip(runs.items(), panels, strict=True):
        _draw_waits(left, histories, windows[load], load)
        _draw_use(right, histories, windows[load], gpus, load)
    lines, names = panels[0][0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False)
    charts.write(figure, file)


def _draw_waits(panel: Axes, histories: Mapping[str, History], window: Window, load: float) -> None:
    longest_h = 1.0
    for policy, history in histories.items():
        colour, width = _STYLES[policy]
        waits = sorted(fate.wait_s / _HOUR_S for fate in fates(history, window))
        shown = [max(wait, _SHORTEST_H) for wait in waits if wait < math.inf]
        shares = [100 * (count + 1) / len(waits) for count in range(len(shown))]
        panel.step(shown, shares, where="post", label=policy, color=colour, linewidth=width)
        longest_h = max([longest_h, *shown])
    panel.axhline(95, color="black", linewidth=0.6, linestyle=":")
    panel.set(
        xscale="log",
        xlim=(_SHORTEST_H, 1.2 * longest_h),
        ylim=(0, 101),
        xlabel="wait, or less",
        ylabel="% of jobs",
        title=f"{load:g} x load: waits",
    )
    panel.set_xticks([seconds / _HOUR_S for seconds in _TICKS_S], [*map(format_duration, _TICKS_S)])
    panel.minorticks_off()
    panel.grid(visible=True, alpha=0.3)


def _draw_use(
    panel: Axes, histories: Mapping[str, History], window: Window, gpus: float, load: float
) -> None:
    lasts_s = max(_SHOWN * window.lasts_s, _HOUR_S)
    times = [window.begins_at + lasts_s * number / _POINTS for number in range(_POINTS + 1)]
    for policy, history in histories.items():
        colour, width = _STYLES[policy]
        held = held_over_time(history.stretches)
        use = [100 * mean / gpus for mean in means(held, times)]
        days = [(time - window.begins_at) / _DAY_S for time in times]
        panel.stairs(use, days, color=colour, linewidth=width, baseline=None)
    panel.axvline(window.lasts_s / _DAY_S, color="black", linewidth=0.6, linestyle=":")
    panel.set(
        xlim=(0, lasts_s / _DAY_S),
        ylim=(0, 105),
        xlabel="days (dotted: the last submission)",
        ylabel="% of GPUs held",
        title=f"{load:g} x load: use",
    )
    panel.grid(visible=True, alpha=0.3)


def means(steps: Sequence[tuple[float, float]], times: Sequence[float]) -> list[float]:
    """Mean height of a stair between each two times that follow each other.

    Args:
        steps: (moment, height from then on), in order.
        times: in order, without two that are equal.

    >>> means([(0, 2), (3, 4)], [0, 2, 4])
    [2.0, 3.0]
    """
    sums = []
    level, index = 0.0, 0
    for begin, end in pairwise(times):
        area, now = 0.0, begin
        while index < len(steps) and steps[index][0] < end:
            moment, height = steps[index]
            if moment > now:
                area += level * (moment - now)
                now = moment
            level, index = height, index + 1
        sums.append((area + level * (end - now)) / (end - begin))
    return sums

"""What was measured of a job, in the words of `launcher show`."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.units import format_size
from launcher.views_measured import NodeUsage, RankUsage, StragglerView


def node_usage(used: NodeUsage | None) -> str:
    """Behind the words for a node; empty where nothing was measured.

    >>> node_usage(NodeUsage(0, cpu=45.2, gpu=93.0, gpus=2, peak_gpu_memory=61 * 2**30))
    '; mean CPU 45 %, 2 GPUs 93 %, at most 61 GiB of one'
    >>> node_usage(NodeUsage(0, cpu=7.0)), node_usage(None)
    ('; mean CPU 7 %', '')
    """
    if used is None or used.cpu is None:
        return ""
    words = f"; mean CPU {used.cpu:.0f} %"
    if used.gpu is not None:
        words += f", {used.gpus} GPU{'s' * (used.gpus > 1)} {used.gpu:.0f} %"
        if used.peak_gpu_memory:
            words += f", at most {format_size(used.peak_gpu_memory)} of one"
    return words


def rank_usage(used: Sequence[RankUsage]) -> str:
    """Of all ranks in one line; empty where nothing was measured.

    >>> rank_usage([RankUsage(0, 180.0, 12 * 2**30)])
    '12 GiB at most, mean CPU 180 %'
    >>> rank_usage([RankUsage(0, 180.0, 12 * 2**30), RankUsage(1, 90.0, 3 * 2**30)])
    'each rank 3 GiB to 12 GiB at most (rank 0), mean CPU 90 to 180 %'
    """
    memory = [one for one in used if one.peak_memory]
    if not memory:
        return ""
    most = max(memory, key=lambda one: one.peak_memory)
    least = format_size(min(one.peak_memory for one in memory))
    cpus = [one.cpu for one in used if one.cpu is not None]
    low, high = (f"{bound(cpus):.0f}" if cpus else "" for bound in (min, max))
    cpu = f", mean CPU {low if low == high else f'{low} to {high}'} %" if cpus else ""
    if len(memory) == 1:
        return f"{least} at most{cpu}"
    size = format_size(most.peak_memory)
    sizes = size if size == least else f"{least} to {size}"
    return f"each rank {sizes} at most (rank {most.rank}){cpu}"


def straggler(slow: StragglerView) -> str:
    """Of a rank that is slow now.

    >>> straggler(StragglerView(3, "gpu-7", 1.8, 1240))
    'rank 3 on gpu-7: 1.8 times as slow as the gang since step 1240'
    """
    where = f"rank {slow.rank} on {slow.node}" if slow.node else f"rank {slow.rank}"
    return f"{where}: {slow.factor:.2g} times as slow as the gang since step {slow.step}"

"""Schedulers to compare: the same code with parts of it switched off."""

from __future__ import annotations

from dataclasses import replace

from launcher.scheduler.cycle import Policy

_EASY = Policy(priority=False, fair_share=False, shortest_first=False, preemption=False)

POLICIES = {
    "fifo": replace(_EASY, backfill=False),
    "fifo+backfill": _EASY,
    "launcher": Policy(),
    "launcher-shortest": Policy(shortest_first=False),
    "launcher-preemption": Policy(preemption=False),
    "launcher-priority": Policy(priority=False, preemption=False),
}
"""`fifo`: in the order of submission, nobody overtaken. `fifo+backfill`: whoever delays nobody may
pass (EASY). `launcher`: all of it; a part after `-` is switched off."""

ALL = ("fifo", "fifo+backfill", "launcher")
"""Those that `all` means."""

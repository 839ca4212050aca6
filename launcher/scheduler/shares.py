"""Fair share: who used little of what he is entitled to goes first among equals.

The factor is Slurm's classic one, F = 2^(-U/S), where S is the part of the clusters that a user is
entitled to, and U what he has of it, mixed with what his project has: U = Uu + (Up - Uu) Su/Sp.
(https://slurm.schedmd.com/classic_fair_share.html) What somebody has is counted as his dominant
share: the largest part of any resource (Ghodsi et al., Dominant Resource Fairness, NSDI 2011); half
by what he holds now, half by what he held before, each moment of which counts half after HALF_LIFE.

Sums are kept as whole numbers by forward decay (Cormode et al., ICDE 2009): a resource-second of
moment t weighs 2^(t / HALF_LIFE), for ever the same, so that only the reader divides by its own
moment. They so depend neither on the order in which they were summed up nor on when.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from launcher.model.project import Project, Usage
from launcher.model.usage import HALF_LIFE_S
from launcher.scheduler.room import UNITS, units
from launcher.scheduler.state import Running

_MEAN_S = HALF_LIFE_S / math.log(2)
"""Seconds that the weights of the whole past add up to."""
_FRACTION = 2**32
_LEAST = 1e-9
RESOURCES = ("GPU", "CPU")


class Owner(NamedTuple):
    """Who submits jobs."""

    project: str
    user: str


@dataclass
class Account:
    """What one owner, or one project, has; by resource."""

    holds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESOURCES, 0))
    """In units: whole numbers leave nothing behind when all is given back."""
    opened: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESOURCES, 0))
    """Of what is held now: amounts times the weight of the moment from which they are held."""
    past: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESOURCES, 0))
    """Resource-seconds of what is over, each with its weight."""
    _of_week: dict[tuple[str, int], float] = field(default_factory=dict)
    """What of `mean` changes only with what is told, by resource and half-life: the numbers in it
    are long, and every cycle asks."""

    def changed(self) -> None:
        """Somebody wrote into it."""
        self._of_week.clear()

    def mean(self, name: str, now: float) -> float:
        """How much of a resource it had in the past, on the average of the weights."""
        whole, rest = divmod(now / HALF_LIFE_S, 1.0)
        known = self._of_week.get((name, int(whole)))
        if known is None:
            weight = _FRACTION << max(int(whole), 0)
            known = self.past[name] / weight / _MEAN_S - self.opened[name] / weight
            self._of_week[name, int(whole)] = known
        return self.holds[name] / UNITS + known / 2**rest


class Shares:
    """The accounts of all owners and projects."""

    def __init__(self) -> None:
        self._projects: dict[str, Project] = {}
        self._past: dict[Owner, tuple[int, ...]] = {}
        self.accounts: defaultdict[Owner | str, Account] = defaultdict(Account)

    def set_projects(self, projects: Iterable[Project]) -> None:
        self._projects = {project.name: project for project in projects}

    def project(self, name: str) -> Project:
        """Its settings; a project needs none."""
        return self._projects.get(name) or Project(name)

    def hold(self, running: Running, sign: int = 1) -> None:
        """It got resources; `sign` -1: it gave them back."""
        for account in self._both(Owner(running.project, running.user)):
            account.changed()
            for name, amount in amounts(running).items():
                account.holds[name] += sign * units(amount)
                account.opened[name] += sign * _weighted(amount, running.since)

    def set_past(self, usage: Usage) -> None:
        """What an owner held before; instead of what was told of it before."""
        owner = Owner(usage.project, usage.user)
        told = tuple(_weighted(amount, usage.at) for amount in (usage.gpu_s, usage.cpu_s))
        before = self._past.get(owner, (0, 0))
        for account in self._both(owner):
            account.changed()
            for name, new, old in zip(RESOURCES, told, before, strict=True):
                account.past[name] += new - old
        self._past[owner] = told

    def usage(
        self, whom: Owner | str, has: Mapping[str, float], now: float, *, held: bool = True
    ) -> float:
        """The dominant share that an owner or a project has, half by now, half by the past.

        Args:
            whom: an owner, or the name of a project.
            has: what all clusters have of GPUs and CPUs.
            now: seconds since the epoch.
            held: False takes it as if nothing were held now.
        """
        account = self.accounts.get(whom)
        if account is None:
            return 0.0
        parts = [
            (account.holds[name] / UNITS * held + account.mean(name, now)) / 2 / has[name]
            for name in RESOURCES
            if has.get(name)
        ]
        return max(parts, default=0.0)

    def holding(self) -> list[Owner]:
        """Owners that hold something now."""
        return [
            one
            for one, account in self.accounts.items()
            if isinstance(one, Owner) and any(account.holds.values())
        ]

    def _both(self, owner: Owner) -> tuple[Account, Account]:
        return self.accounts[owner], self.accounts[owner.project]


class Fairness:
    """The factors of all owners at one moment.

    Args:
        shares: what they have; it may change meanwhile, which `changed` tells.
        owners: those that have a job that waits; who holds something is counted in.
        has: what all clusters have of GPUs and CPUs.
        now: seconds since the epoch.
        is_on: False makes all alike.
    """

    def __init__(
        self,
        shares: Shares,
        owners: Iterable[Owner],
        has: Mapping[str, float],
        now: float,
        *,
        is_on: bool = True,
    ) -> None:
        self._shares, self._has, self._now, self._is_on = shares, has, now, is_on
        self._known: dict[Owner, float] = {}
        self._ours: dict[tuple[str, bool], float] = {}
        """What projects have, with what they hold and without."""
        self._users: defaultdict[str, int] = defaultdict(int)
        for owner in {*owners, *shares.holding()}:
            self._users[owner.project] += 1
        weights = {name: shares.project(name).weight for name in sorted(self._users)}
        in_all = sum(weights.values()) or 1.0
        self._parts = {name: weight / in_all for name, weight in weights.items()}

    def __getitem__(self, owner: Owner) -> float:
        """F, more than 0 and at most 1."""
        known = self._known.get(owner)
        if known is None:
            known = self._known[owner] = self.factor(owner)
        return known

    def changed(self, project: str) -> None:
        """Somebody of the project got something."""
        for owner in [owner for owner in self._known if owner.project == project]:
            del self._known[owner]
        self._ours.pop((project, True), None)

    def factor(self, owner: Owner, *, held: bool = True) -> float:
        """F; `held` False: as if neither the owner nor its project held anything now."""
        if not self._is_on:
            return 1.0
        share = 1 / max(self._users[owner.project], 1)
        entitled = self._parts.get(owner.project, 1.0) * share
        mine = self._shares.usage(owner, self._has, self._now, held=held)
        ours = self._ours.get((owner.project, held))
        if ours is None:
            ours = self._shares.usage(owner.project, self._has, self._now, held=held)
            self._ours[owner.project, held] = ours
        if not entitled:
            return _LEAST
        # Without the digits by which floats differ that are summed up in another order.
        return max(round(2 ** (-(mine + (ours - mine) * share) / entitled), 9), _LEAST)


def amounts(running: Running) -> dict[str, float]:
    """GPUs and CPUs of a gang."""
    each, workers = running.resources.per_worker(), running.resources.workers
    return {name: each.get(name, 0.0) * workers for name in RESOURCES}


def _weighted(amount: float, moment: float) -> int:
    """An amount times 2^(moment / HALF_LIFE), as a whole number of small parts."""
    whole, rest = divmod(moment / HALF_LIFE_S, 1.0)
    return round(amount * 2**rest * _FRACTION) << max(int(whole), 0)

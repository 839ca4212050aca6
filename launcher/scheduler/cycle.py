"""One look at the queue: job by job in order, who starts, who is blocked, who passes him.

The first job that a cluster could hold and that has no place gets the cluster's reservation. Those
behind it start there only if that does not delay it. A job that its project's quota keeps waiting
blocks nobody but the jobs of its project that want the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property

from launcher.model.job import Resources
from launcher.scheduler.asked import Asked
from launcher.scheduler.floor import Floor
from launcher.scheduler.kind import Kind
from launcher.scheduler.place import place
from launcher.scheduler.preempt import victims
from launcher.scheduler.queue import Queue, owner_of
from launcher.scheduler.quota import Quotas, kinds_of
from launcher.scheduler.reserve import Reservation, hope, reserve
from launcher.scheduler.room import Room
from launcher.scheduler.shares import Fairness, Owner, Shares
from launcher.scheduler.state import (
    ANY,
    NOTHING_ASKED,
    PATIENCE_S,
    SETTLES_S,
    Placement,
    Preemption,
    Running,
    Scaling,
    Waiting,
    WorkersByNode,
)


@dataclass(frozen=True)
class Policy:
    """What the scheduler heeds. All of it, but in a simulation that asks what a part is worth."""

    ageing_s: float = 86_400.0
    """After how long waiting counts as much as one point of priority."""
    priority: bool = True
    fair_share: bool = True
    backfill: bool = True
    shortest_first: bool = True
    """Of those that may pass a blocked job, and have equal whole points."""
    preemption: bool = True


@dataclass
class Cycle:
    """What is decided so far. Gangs that were placed hold their resources already."""

    now: float
    policy: Policy
    queue: Queue
    shares: Shares
    quotas: Quotas
    floors: list[Floor]
    fairness: Fairness
    placements: list[Placement] = field(default_factory=list)
    preemptions: list[Preemption] = field(default_factory=list)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    """By cluster: of its first blocked job."""
    short: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    """By project: its first job that lacks quota, and the kinds that it lacks."""
    put_off: list[tuple[Floor, str, Running]] = field(default_factory=list)
    """Where a job is to be preempted: its holding as it was."""
    _beside: dict[str, tuple[Room, Asked]] = field(default_factory=dict)
    """By cluster: what is free now and at the time of the reservation."""
    dead: set[Kind] = field(default_factory=set)
    """Kinds of which no job has a place any more."""
    scaling: Scaling = NOTHING_ASKED
    """What autoscalers are asked for, once all that have a place got it."""
    words: dict[Hashable, str] = field(default_factory=dict)
    """Why jobs wait, as far as somebody asked: `explain.waits`."""
    _wanted: set[str] | None = None
    _fitting: dict[Kind, list[Floor]] = field(default_factory=dict)

    def consider(self, job: Waiting) -> Placement | None:
        """Where the job starts now; None: nowhere, nor does any that is alike and stands behind."""
        kind = self.queue.kind(job)
        if self._lacks_quota(job, kind):
            return None
        fitting = self.fitting(kind)
        if kind.resources.is_elastic and job.job_id in self.leaving:
            # With what is free meanwhile it would come back smaller than it was.
            self._block(job, [self.leaving[job.job_id]])
            return None
        wanted = self._affordable(kind, job.project)
        for floor in fitting if kind not in self.dead else ():
            if wanted.is_elastic and self._settles(floor, job) and _gets_more_soon(wanted, floor):
                self._block(job, [floor])
                return None
            where = self._find(kind, wanted, floor)
            if where is not None:
                return Placement(job.job_id, floor.name, where)
        if wanted is kind.resources:
            self.dead.add(kind)  # rooms only shrink, and reservations only come to be
        else:
            job = replace(job, resources=wanted)
        self._block(job, fitting)
        return None

    def stands_at(self, job: Waiting) -> float:
        """What stands for the job's points now. One that borrows gains nothing by waiting."""
        since = job.submitted_at
        if job.preemptible:
            project = self.shares.project(job.project)
            borrows = self.quotas.borrows(self.queue.kind(job).needs, project)
            since = self.now if borrows else since
        return self.queue.less_of(job, since) - self.fairness[owner_of(job)]

    def fitting(self, kind: Kind) -> list[Floor]:
        """The clusters that could hold it if nothing else ran there."""
        known = self._fitting.get(kind)
        if known is None:
            named = [one for one in self.floors if kind.cluster in {ANY, one.name}]
            usable = [one for one in named if kind.reach.allows(one.name)]
            known = [one for one in usable if one.could_hold(kind.resources)]
            self._fitting[kind] = known
        return known

    @property
    def is_settled(self) -> bool:
        """Every cluster that a waiting job wants has its first blocked job."""
        if len(self.reservations) == len(self.floors):
            return True
        if self._wanted is None:
            kinds = self.queue.kinds.values()
            self._wanted = {floor.name for kind in kinds for floor in self.fitting(kind)}
        return self._wanted <= self.reservations.keys()

    def may_start(self, kind: Kind) -> bool:
        """Whether a job of the kind would start now if its quota let it."""
        if kind not in self.dead and not any(
            self._room(kind, floor) is not None for floor in self.fitting(kind)
        ):
            self.dead.add(kind)
        return kind not in self.dead

    # --- quota -----------------------------------------------------------------------------------

    def _lacks_quota(self, job: Waiting, kind: Kind) -> bool:
        if kind.preemptible:
            return False
        short = self.quotas.short(kind.needs, self.shares.project(job.project))
        if short:
            _, kinds = self.short.setdefault(job.project, (job.job_id, set()))
            kinds.update(short)
        return bool(short) or self.is_behind(job.project, kind)

    def is_behind(self, project: str, kind: Kind) -> bool:
        """True when it wants of its project's quota what another job stands before it for."""
        if project not in self.short or kind.preemptible:
            return False
        return not self.short[project][1].isdisjoint(kinds_of(kind.needs))

    def _settles(self, floor: Floor, job: Waiting) -> bool:
        """Its nodes may not say yet what came free; of a job that just left what it held itself."""
        just_left = self.now - job.queued_at < PATIENCE_S and floor.view.given_back_s < SETTLES_S
        return floor.view.settles or just_left

    def _affordable(self, kind: Kind, project: str) -> Resources:
        """What it wants, of an elastic gang as much as the quota of its project lets."""
        if kind.preemptible or not kind.resources.is_elastic:
            return kind.resources
        return self.quotas.within(kind.resources, self.shares.project(project))

    # --- places ----------------------------------------------------------------------------------

    @cached_property
    def leaving(self) -> dict[str, Floor]:
        """Jobs whose resources are on their way back, and where."""
        return {
            one.job_id: floor
            for floor in self.floors
            for one in floor.holders.values()
            if one.is_ending
        }

    def _find(self, kind: Kind, wanted: Resources, floor: Floor) -> WorkersByNode | None:
        room = self._room(kind, floor)
        where = place(wanted, room) if room is not None else None
        reservation = self.reservations.get(floor.name)
        if where is not None and reservation is not None:
            if floor.name in self._beside:
                _, asked = self._beside[floor.name]
                asked.shrunk()
                self._beside[floor.name] = Room.lesser(floor.free, reservation.beside), asked
            if room is not floor.free:
                reservation.beside.take(kind.resources, where)
        return where

    def _room(self, kind: Kind, floor: Floor) -> Room | None:
        """The room of a cluster in which a gang of the kind has a place."""
        reservation = self.reservations.get(floor.name)
        if reservation is not None and not self.policy.backfill:
            return None
        if not floor.has_place(kind.resources):
            return None
        if reservation is None or reservation.lets_pass(kind.lasts_s, self.now):
            return floor.free
        if floor.name not in self._beside:
            self._beside[floor.name] = Room.lesser(floor.free, reservation.beside), Asked()
        room, asked = self._beside[floor.name]
        return room if asked.has_place(kind.resources, room) else None

    # --- the first that has none -----------------------------------------------------------------

    def _block(self, job: Waiting, floors: list[Floor]) -> None:
        """Reserve for it where it starts first; where nobody knows when, everywhere."""
        floors = [floor for floor in floors if floor.name not in self.reservations]
        if not floors:
            return
        for floor in floors:
            if self.policy.preemption and self._preempt(job, floor):
                self.reservations[floor.name] = reserve(job, floor, self.now)
                return
        if (grown := hope(job, floors)) is not None:
            self.reservations[grown[0]] = grown[1]
            return
        found = {floor.name: reserve(job, floor, self.now) for floor in floors}
        known = [(one.at, name) for name, one in found.items() if one.at is not None]
        chosen = [min(known)[1]] if known else list(found)
        self.reservations |= {name: found[name] for name in chosen}

    def _preempt(self, job: Waiting, floor: Floor) -> bool:
        chosen = victims(job, floor, self._yields_to(job), self.now)
        for key in chosen:
            running = floor.holders[key]
            self.put_off.append((floor, key, running))
            floor.hold(key, replace(running, is_ending=True))
            self.preemptions.append(Preemption(running.job_id, job.job_id))
        return bool(chosen)

    def _yields_to(self, job: Waiting) -> Callable[[Running], bool]:
        """Whether a running job gives way: it must stand behind the other one also as it waits.

        Else it would take the place right back. Its factor then is not known: it is taken as if its
        project had given back everything.
        """
        stands = self.stands_at(job)
        project = self.shares.project(job.project)
        in_quota = not self.quotas.borrows(self.queue.kind(job).needs, project)

        def yields(one: Running) -> bool:
            theirs = self.shares.project(one.project)
            borrows = in_quota and one.project != job.project and self.quotas.is_over(theirs)
            if not (one.priority < job.priority or (borrows and one.priority == job.priority)):
                return False
            factor = self.fairness.factor(Owner(one.project, one.user), held=False)
            since = self.now if borrows else one.submitted_at
            return self.queue.less(one.priority, since) - factor > stands

        return yields


def _gets_more_soon(elastic: Resources, floor: Floor) -> bool:
    """True when the cluster has room for more workers than its nodes say yet."""
    now, soon = (place(elastic, room) or () for room in (floor.free, floor.promised()))
    return sum(workers for _, workers in now) < sum(workers for _, workers in soon)

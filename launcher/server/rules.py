"""What the words of agents and executors do to a job, and the orders that follow. Pure.

Which silence counts as death (docs/protocol.md): an agent's lease is renewed by the server and by
the executor's session that is linked to it. When neither has renewed it for the lease and a margin,
the agent has killed its ranks, provided that the session never broke off: an agent whose executor
is known to be gone runs on. Then only its machine's word, a person, or hours in which this server
was not heard end it, whatever an executor says that the server does not hear.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from launcher.model import lifecycle
from launcher.model.codec import encode
from launcher.model.ending import Ending
from launcher.model.harmless import harmless
from launcher.model.job import WARNING, Allocation, Change, Event, Job, Slot
from launcher.model.wire import (
    LEASE_MARGIN_S,
    LEASE_S,
    ORPHAN_TIMEOUT_S,
    AgentReport,
    AgentStatus,
    CheckpointRef,
    Orders,
)
from launcher.units import format_duration

EXPIRY_S = LEASE_S + LEASE_MARGIN_S
FORGOTTEN_S = ORPHAN_TIMEOUT_S + EXPIRY_S


def take_status(
    job: Job, number: int, status: AgentStatus, living_nodes: Collection[str], now: float
) -> Change:
    """Merge an agent's status into its job: facts only grow, so stale ones change nothing.

    Args:
        job: as stored.
        number: of the allocation that the agent belongs to.
        status: what it says.
        living_nodes: ids of the allocation's nodes that their executor does not report as lost.
        now: server clock.
    """
    if _is_of_another(_slot(job.allocation, number, status.index), status.address):
        return Change(job)
    steps: list[Callable[[Job], Change]] = [
        lambda j: lifecycle.register(j, number, status.index, status.address),
        lambda j: _take_notes(j, number, status),
    ]
    if status.set_up:
        steps.append(lambda j: lifecycle.set_up(j, number, status.index, status.set_up, now))
    if status.started:
        steps.append(lambda j: lifecycle.started(j, status.started, now))
    if status.verdict is not None:
        verdict = status.verdict
        steps.append(lambda j: lifecycle.give_verdict(j, status.attempt, verdict))
    steps += [
        lambda j, lost=index: _peer_lost(j, number, lost, living_nodes, now)  # type: ignore[misc]
        for index in status.lost_peers
    ]
    if status.quiet:
        steps.append(lambda j: lifecycle.quiet(j, number, status.index, status.quiet, now))
    if status.closed:
        proof = status.closed
        steps.append(lambda j: lifecycle.close_slot(j, number, status.index, now, proof=proof))
    return _in_turn(job, steps)


def weigh(job: Job, number: int, report: AgentReport, unheard_s: float, now: float) -> Change:
    """What an executor's view of an agent proves.

    Args:
        job: as stored.
        number: of the allocation.
        report: the executor's view.
        unheard_s: for how long the server itself had not renewed the agent's lease when the report
            was made, at least. (Reports may be late: both must be silent at one moment.)
        now: server clock.
    """
    slot = _slot(job.allocation, number, report.index)
    if slot is None or slot.closed:
        return Change(job)
    if report.state == "dead" and slot.address in {"", report.address}:
        lost = Ending.WORKER_LOST if report.node_alive else Ending.NODE_LOST
        proof = "its agent is dead: its machine refuses the connection"
        return lifecycle.close_slot(job, number, slot.index, now, proof=proof, lost=lost)
    expired = report.linked and report.silent_s > EXPIRY_S and unheard_s > EXPIRY_S
    if report.state == "silent" and expired:
        proof = f"silent for {report.silent_s:.0f} s: its lease has run out"
        return lifecycle.close_slot(
            job, number, slot.index, now, proof=proof, lost=Ending.NODE_LOST
        )
    return Change(job)


def expire(job: Job, unheard_s: Mapping[int, float], now: float) -> Change:
    """Give up slots whose agents had no answer of the server for so long that they closed."""
    allocation = job.allocation
    if allocation is None:
        return Change(job)
    given_up = [
        slot.index for slot in allocation.slots if unheard_s.get(slot.index, 0.0) > FORGOTTEN_S
    ]
    if not given_up:
        return Change(job)
    proof = f"the server did not hear it for {format_duration(FORGOTTEN_S)}"
    return close_slots(job, given_up, now, proof=proof, lost=Ending.CLUSTER_LOST)


def close_slots(
    job: Job, indexes: Iterable[int], now: float, *, proof: str, lost: Ending
) -> Change:
    """Close several slots of the job's allocation at once."""
    allocation = job.allocation
    if allocation is None:
        return Change(job)
    steps: list[Callable[[Job], Change]] = [
        lambda j, i=index: lifecycle.close_slot(  # type: ignore[misc]
            j, allocation.number, i, now, proof=proof, lost=lost
        )
        for index in indexes
    ]
    return _in_turn(job, steps)


def given_back(job: Job, number: int, agents: Collection[AgentReport], now: float) -> Change:
    """The executor gave an allocation back: what it proved dead, and what never ran, is closed."""
    allocation = job.allocation
    if allocation is None or allocation.number != number:
        return Change(job)
    dead = {(agent.index, agent.address) for agent in agents if agent.state == "dead"}
    proven = [
        slot.index
        for slot in allocation.slots
        if not slot.address or (slot.index, slot.address) in dead
    ]
    proof = "its executor gave the allocation back"
    return close_slots(job, proven, now, proof=proof, lost=Ending.WORKER_LOST)


def leave(job: Job, leaving: Mapping[tuple[str, str], str], now: float) -> Change:
    """Let the job go elsewhere if nodes that it holds are about to go.

    Args:
        job: as stored.
        leaving: which nodes go, and why, by cluster and node id.
        now: server clock.
    """
    allocation = job.allocation
    if allocation is None or not allocation.is_wanted:
        return Change(job)
    places = ((allocation.cluster, slot.node_id) for slot in allocation.slots if not slot.closed)
    why = [leaving[place] for place in places if place in leaving]
    return lifecycle.drain(job, now, why="; ".join(why)) if why else Change(job)


def is_over(job: Job, allocation: Allocation, slot: Slot) -> bool:
    """Whether no rank of one of the job's allocations runs on that slot or ever will."""
    attempt = job.attempt
    if job.allocation is None or allocation.number != job.allocation.number or attempt is None:
        return True  # a new allocation is made only when the attempts of the last one are over
    return bool(slot.closed) or (not allocation.is_wanted and slot.has_ended(attempt.number))


def orders_for(job: Job, number: int, index: int, address: str) -> Orders:
    """The orders that follow from a job, for the agent at an address of one of its allocations."""
    allocation, attempt = job.allocation, job.attempt
    slot = _slot(allocation, number, index)
    if allocation is None or attempt is None or slot is None or _is_of_another(slot, address):
        return _versioned(Orders("", close=True, job_over=job.state.is_terminal))
    close = bool(slot.closed) or not allocation.is_wanted
    granted = attempt.number if attempt.allocation == number else 0
    others = [other for other in allocation.slots if other.index != index]
    deserted = not attempt.is_over and any(o.has_ended(attempt.number) for o in others)
    resume = None
    if attempt.resume_checkpoint is not None and attempt.resume_step is not None:
        resume = CheckpointRef(attempt.resume_checkpoint, attempt.resume_step)
    return _versioned(
        Orders(
            "",
            grant=granted,
            resume=resume,
            stop=attempt.stopping is not None or deserted,
            force=attempt.force,
            close=close,
            job_over=job.state.is_terminal,
            lost_nodes=tuple(other.index for other in others if other.closed),
            peers=tuple(s.address for s in allocation.slots),
            notes_taken=slot.notes,
        )
    )


def _slot(allocation: Allocation | None, number: int, index: int) -> Slot | None:
    if allocation is None or allocation.number != number:
        return None
    return next((slot for slot in allocation.slots if slot.index == index), None)


def _is_of_another(slot: Slot | None, address: str) -> bool:
    """An agent that was made a second time: the first one registered, so this one runs nothing."""
    return slot is not None and bool(slot.address) and slot.address != address


def _versioned(orders: Orders) -> Orders:
    content = json.dumps(encode(orders), sort_keys=True).encode()
    return replace(orders, version=hashlib.sha256(content).hexdigest()[:16])


def _take_notes(job: Job, number: int, status: AgentStatus) -> Change:
    slot = _slot(job.allocation, number, status.index)
    if slot is None or job.allocation is None:
        return Change(job)
    fresh = sorted(
        (note for note in status.notes if note.number > slot.notes), key=lambda note: note.number
    )
    if not fresh:
        return Change(job)
    taken = replace(slot, notes=fresh[-1].number)
    slots = tuple(taken if s.index == slot.index else s for s in job.allocation.slots)
    job = replace(job, allocation=replace(job.allocation, slots=slots))
    attempt = status.attempt or None
    events = (
        Event(WARNING if note.warning else "note", harmless(note.text), attempt) for note in fresh
    )
    return Change(job, tuple(events))


def _peer_lost(
    job: Job, number: int, index: int, living_nodes: Collection[str], now: float
) -> Change:
    slot = _slot(job.allocation, number, index)
    if slot is None:
        return Change(job)
    alive = slot.node_id in living_nodes
    return lifecycle.close_slot(
        job,
        number,
        index,
        now,
        proof="its agent is dead: its machine refuses the gang's connection",
        lost=Ending.WORKER_LOST if alive else Ending.NODE_LOST,
    )


def _in_turn(job: Job, steps: Iterable[Callable[[Job], Change]]) -> Change:
    change = Change(job)
    for step in steps:
        change = change.then(step(change.job))
    return change


_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 300.0


def may_attach_again(tries: int, since_last_s: float) -> bool:
    """Whether a lost executor of an attached cluster is sent anew: at once, then ever more seldom.

    >>> may_attach_again(0, 0.0), may_attach_again(1, 4.0), may_attach_again(2, 10.0)
    (True, False, True)
    """
    return tries == 0 or since_last_s >= min(_FIRST_PAUSE_S * 2 ** (tries - 1), _LONGEST_PAUSE_S)

"""What becomes of a gang when pods of its own cluster go: the eyes that an executor does not have.

An executor hears a killed process at once, and takes a pod that vanished for silent until a lease
has run out. Kubernetes knows better: a pod that is gone from it, or whose containers all ended by
the word of its kubelet, runs nothing any more (docs/kuberay.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from launcher.clusters._kuberay_reading import PodState
from launcher.model import lifecycle, own_cluster
from launcher.model.ending import Ending
from launcher.model.job import Change, Job, Slot
from launcher.server import rules
from launcher.server.control import Control

Hosts = dict[str, tuple[str, str]]
"""Of Ray nodes: host name and address, by id, as their executor told them."""


@dataclass(frozen=True)
class _Ended:
    slot: Slot
    pod: PodState | None
    """As it was seen last; None: it was not seen at its end."""


class GangPods:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def mind(
        self,
        job: Job,
        hosts: Hosts,
        pods: Sequence[PodState],
        departed: Sequence[PodState],
        list_anew: Callable[[], Sequence[PodState]],
    ) -> None:
        """Close the slots whose pods ended; let a gang save whose pods shall go.

        Args:
            job: its newest allocation is on the cluster in question.
            hosts: of the cluster's nodes.
            pods: of the cluster, as a watch shows them.
            departed: those that were deleted.
            list_anew: gives them as they are now: what a watch does not show may only be late.
        """
        allocation, attempt = job.allocation, job.attempt
        if allocation is None or attempt is None:
            return
        ended: list[_Ended] = []
        leaving = [pod for pod in pods if pod.is_head and pod.is_leaving and not pod.has_ended]
        goes: dict[str, str] = {}
        for slot in allocation.slots:
            pod = pod_of(pods, slot, hosts)
            if pod is None:
                ended.append(_Ended(slot, pod_of(departed, slot, hosts)))
            elif pod.has_ended:
                ended.append(_Ended(slot, pod))
            elif pod.is_leaving:
                leaving.append(pod)
                goes[slot.node_id] = _why(pod)
        if not attempt.is_over:
            self._close(job, hosts, [one for one in ended if not one.slot.closed], list_anew)
            if leaving and attempt.stopping is None:
                self._save_first(job, leaving)
        for node_id, why in goes.items():  # nor shall its next attempt be there
            self._control.floor.tell_leaving(allocation.cluster, node_id, why)
        killed = [o.pod for o in ended if o.pod and o.pod.ending is Ending.OUT_OF_MEMORY]
        if killed:
            now, words = self._control.clock(), killed[0].ended_words
            change = partial(own_cluster.out_of_memory, words=words, now=now)
            self._control.change(job.id, lambda job, _: change(job))

    def _close(
        self,
        job: Job,
        hosts: Hosts,
        ended: Sequence[_Ended],
        list_anew: Callable[[], Sequence[PodState]],
    ) -> None:
        if not ended:
            return
        fresh = list_anew()
        proofs = {}
        for one in ended:
            pod = pod_of(fresh, one.slot, hosts)
            if pod is None or pod.has_ended:
                last = pod or one.pod
                gone = f"its pod{f' {last.name}' if last else ''} is gone from Kubernetes"
                proofs[one.slot.index] = (last.ended_words if last else "") or gone
        now = self._control.clock()

        def step(job: Job, _: object) -> Change:
            change = Change(job)
            for index, proof in proofs.items():
                change = change.then(
                    rules.close_slots(change.job, [index], now, proof=proof, lost=Ending.NODE_LOST)
                )
            return change

        if proofs:
            self._control.change(job.id, step)

    def _save_first(self, job: Job, leaving: Sequence[PodState]) -> None:
        """Kubernetes takes pods away, and waits for a while: let the gang save and stop."""
        now, why = self._control.clock(), "; ".join(map(_why, leaving))
        self._control.change(job.id, lambda job, _: lifecycle.drain(job, now, why=why))


def _why(pod: PodState) -> str:
    return f"Kubernetes takes pod {pod.name} away: {pod.leaving_words or 'it is deleted'}"


def pod_of(pods: Sequence[PodState], slot: Slot, hosts: Hosts) -> PodState | None:
    """The pod that a slot's node is: by the name that it gave itself, else by its address.

    A slot of which neither is known has none, and registered nobody either.
    """
    host, address = hosts.get(slot.node_id, ("", slot.address.rpartition(":")[0]))
    by_name = next((pod for pod in pods if host and pod.name == host), None)
    return by_name or next((pod for pod in pods if address and pod.ip == address), None)

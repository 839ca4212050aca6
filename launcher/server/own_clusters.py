"""Makes the RayJobs of jobs that have clusters of their own, watches them, and cleans up.

Everything may be done twice: a RayJob is called after its job, is stored as wanted before it is
made, and its Secret is made whenever it may be missing. That nothing of a cluster runs any more is
proven by a list of its pods that Kubernetes makes anew and that has none (docs/kuberay.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from launcher.clusters import _kuberay_manifest as manifest
from launcher.clusters._kube_api import PODS, RAYJOBS, KubeApi, KubeError
from launcher.clusters._kuberay_reading import PodState, pod_state, status_of, waiting_words
from launcher.clusters._kuberay_shape import groups_of
from launcher.errors import LauncherError, NotFoundError, UnreachableError
from launcher.model import own_cluster
from launcher.model.ending import Ending
from launcher.model.job import Change, Job
from launcher.model.own_cluster import KubernetesCluster, OwnCluster, OwnState
from launcher.scheduler.place import place
from launcher.scheduler.room import Room
from launcher.scheduler.state import Placement
from launcher.server import own_rules, rules
from launcher.server.control import Control
from launcher.server.executors import Executors
from launcher.server.notify import OWN_CLUSTERS, cluster_topic, job_topic
from launcher.server.own_orders import order_of
from launcher.server.own_pods import GangPods, Hosts
from launcher.server.own_secrets import OwnSecrets
from launcher.server.own_view import KubernetesView
from launcher.store import clusters, jobs, own_clusters

log = logging.getLogger(__name__)

ASK_AGAIN_S = 10.0
"""After Kubernetes refused to make a RayJob, as for a quota."""


class _Looked(NamedTuple):
    """What a look goes by. Each is another object when it changed."""

    own: OwnCluster
    job: Job | None
    rayjob: Mapping[str, Any] | None


@dataclass
class _Memory:
    """What is remembered of one own cluster between looks; nothing depends on it."""

    head: str = ""
    pull_fails_since: float | None = None
    not_before: float = 0.0
    words: str = ""
    hosts: Hosts = field(default_factory=dict)
    at_rest: _Looked | None = None
    """Nothing was to be done for it as long as this is what is known of it."""


class OwnClusters:
    """Synchronous; called from worker threads.

    Args:
        control: changes the jobs.
        executors: releases what no executor can give back any more.
        make_api: for one attached cluster.
        clock: monotonic.
    """

    def __init__(
        self,
        control: Control,
        executors: Executors,
        *,
        make_api: Callable[[KubernetesCluster], KubeApi] = lambda at: KubeApi(
            at.namespace, at.context
        ),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control, self._executors, self._clock = control, executors, clock
        self._make_api, self._pods = make_api, GangPods(control)
        self.secrets = OwnSecrets(control, clock)
        self._views: dict[str, KubernetesView] = {}
        self._memories: dict[str, _Memory] = {}
        self._is_closed = False
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """Of each attached cluster: its view and its own clusters are seen to by one at a time."""

    def words(self, job: Job) -> str:
        """Why a job waits that has a cluster of its own; empty: it has none."""
        own = self._control.books.own.of(job.id)
        if own is None:
            return ""
        if own.state is not OwnState.WANTED:
            cause = f" ({own.cause})" if own.cause else ""
            return f"its RayJob {own.rayjob} is on its way out{cause}"
        memory, view = self._memory(own), self._views.get(own.cluster)
        trouble = view.trouble if view else "not asked yet"
        if own.cluster not in self._control.books.own.attached:
            trouble = f"it was detached; RayJob {own.rayjob} is left to itself"
        if view is None or trouble:
            return f"cluster {own.cluster}: {trouble}"
        rayjob = view.rayjob(own.rayjob)
        if rayjob is None:
            return memory.words or f"its RayJob {own.rayjob} is being made"
        if status_of(rayjob).is_suspended or rayjob["spec"].get("suspend"):
            return view.kueue_words(own.rayjob) or "its RayJob is suspended"
        wanted = 1 + sum(group.pods for group in groups_of(job.resources, view.at.gpus_per_pod))
        waits = waiting_words(rayjob, view.pods(own.rayjob), wanted)
        return self.secrets.trouble(own) or waits

    # --- what time brings ------------------------------------------------------------------------

    def look(self, name: str) -> None:
        """See to the own clusters on one attached Kubernetes, and to what it has that nobody wants.

        However long that one takes to answer, no other waits for it.
        """
        with self._turns[name]:
            at = self._control.books.own.attached.get(name)
            if at is None or self._is_closed:
                return
            view = self._view_of(at)
            with_pods = view.rayjobs_with_pods()
            for own in self._control.books.own.all():
                if own.cluster != name or (own.rayjob not in with_pods and self._rests(own, view)):
                    continue
                if not self._look_after(own, view):
                    return
            self._sweep(view)

    def forget(self, name: str) -> None:
        """It was detached."""
        with self._turns[name]:
            view = self._views.pop(name, None)
            if view is not None:
                view.close()

    def close(self) -> None:
        """Waits for nobody who is looking just now."""
        self._is_closed = True
        for view in list(self._views.values()):
            view.close()

    def api_of(self, at: KubernetesCluster) -> KubeApi:
        """A line of its own to that Kubernetes."""
        return self._make_api(at)

    def _view_of(self, at: KubernetesCluster) -> KubernetesView:
        """What Kubernetes shows there, from now on.

        Raises:
            LauncherError: nothing says where it is.
        """
        found = self._views.get(at.name)
        if found is None or found.at != at:
            if found is not None:
                found.close()
            changed = partial(self._control.notifier.notify, OWN_CLUSTERS)
            server_id = self._control.store.server_id
            found = KubernetesView(at, self.api_of(at), server_id, changed)
            self._views[at.name] = found
        return found

    def _looked(self, own: OwnCluster, view: KubernetesView) -> _Looked:
        return _Looked(own, self._control.books.known(own.job_id), view.rayjob(own.rayjob))

    def _rests(self, own: OwnCluster, view: KubernetesView) -> bool:
        """As one of thousands that Kueue keeps waiting: it is as it was when it was looked after.

        Only of one without pods: those take time by themselves.
        """
        before = self._memory(own).at_rest
        now = self._looked(own, view)
        return before is not None and all(a is b for a, b in zip(before, now, strict=True))

    def _look_after(self, own: OwnCluster, view: KubernetesView) -> bool:
        """False: Kubernetes does not answer, and would not for the next one either."""
        try:
            self._see_to(own, view)
        except LauncherError as error:
            self._memory(own).words = str(error)
            log.info("%s: %s", own.name, error)
            return not isinstance(error, UnreachableError)
        except Exception:  # one cluster's trouble must not end the care for the others
            log.exception("looking after %s broke", own.name)
        return True

    def _see_to(self, own: OwnCluster, view: KubernetesView) -> None:
        memory, looked = self._memory(own), self._looked(own, view)
        memory.at_rest = None
        job = self._job(own.job_id)
        if own.state is OwnState.LEAVING:
            self._lead_out(own, job, view)
            return
        if view.trouble:
            return
        pods = view.pods(own.rayjob)
        seen = self._seen(own, view, pods, memory)
        if job is not None and job.allocation is not None and job.allocation.cluster == own.name:
            self._note_hosts(own, memory)
            departed, anew = view.departed_pods(own.rayjob), partial(self._list_pods, own, view)
            self._pods.mind(job, memory.hosts, pods, departed, anew)
            job = self._job(own.job_id)
        with self._control.store.read() as tx:
            holds = any(True for _ in jobs.unreleased(tx, own.name))
        for_s = self._control.clock() - own.since
        step = own_rules.next_of(own, job, seen, holds=holds, for_s=for_s)
        if step.must_be_sure and not self._is_sure(own, view, memory):
            return
        if step.action == "make" and job is not None:
            self._make(own, job, view, memory)
        elif step.action == "over":
            self._set(own.become(OwnState.OVER, self._control.clock()))
        elif step.action == "leave":
            self._let_go(own, step)
        elif own.state is OwnState.WANTED and job is not None and own.uid:
            has_secret = self.secrets.keep(own, job, view)
            if not holds:
                self._grant(own, job, view)
                memory.at_rest = looked if has_secret else None

    def _seen(
        self, own: OwnCluster, view: KubernetesView, pods: list[PodState], memory: _Memory
    ) -> own_rules.Seen:
        head = next((pod.uid for pod in pods if pod.is_head), "")
        rayjob = view.rayjob(own.rayjob)
        if rayjob is not None and status_of(rayjob).is_suspended:
            memory.head = ""
        memory.head = memory.head or head
        if not any(pod.cannot_start for pod in pods):
            memory.pull_fails_since = None
        elif memory.pull_fails_since is None:
            memory.pull_fails_since = self._clock()
        since = memory.pull_fails_since
        fails_s = self._clock() - since if since is not None else 0.0
        return own_rules.Seen(rayjob, pods, memory.head, fails_s)

    def _is_sure(self, own: OwnCluster, view: KubernetesView, memory: _Memory) -> bool:
        """Ask Kubernetes itself whether what its watch does not show is really not there."""
        rayjob = view.api.get(RAYJOBS, own.rayjob)
        if rayjob is None or rayjob["metadata"].get("uid") != own.uid:
            return True
        if own.state is OwnState.OVER or not memory.head:
            return False
        return all(pod.uid != memory.head for pod in self._list_pods(own, view))

    # --- making ----------------------------------------------------------------------------------

    def _make(self, own: OwnCluster, job: Job, view: KubernetesView, memory: _Memory) -> None:
        if self._clock() < memory.not_before:
            return
        order = order_of(self._stored(job.id), own, view.at, self._control.store.server_id)
        try:
            made = view.api.create(RAYJOBS, manifest.rayjob(order))
        except KubeError as error:
            memory.not_before = self._clock() + (error.retry_after_s or ASK_AGAIN_S)
            if error.status == 409:
                made = self._adopt(own, view)
            elif error.is_for_good:
                self._let_go(own, own_rules.Next("leave", str(error), refused=str(error)))
                return
            else:
                memory.words = _why_not_made(error)
                return
        own = replace(own, uid=str(made["metadata"]["uid"]))
        self._set(own)
        self.secrets.keep(own, job, view)

    def _adopt(self, own: OwnCluster, view: KubernetesView) -> dict[str, object]:
        """The RayJob of that name, which a server made that died before it noted so.

        Raises:
            KubeError: it is somebody else's.
        """
        found = view.api.get(RAYJOBS, own.rayjob)
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        if found is None or labels.get(manifest.SERVER) != self._control.store.server_id:
            text = f"a RayJob {own.rayjob} of somebody else is there: {labels or 'it has no label'}"
            raise KubeError(text, 409, "AlreadyExists")
        return found

    def _grant(self, own: OwnCluster, job: Job, view: KubernetesView) -> None:
        """Grant the job its attempt once all nodes of its cluster are up."""
        if not job.is_eligible or job.not_before > self._control.clock():
            return
        found = next((one for one in self._control.floor.clusters() if one.name == own.name), None)
        if found is None or not found.is_live:
            return
        if any(pod.is_head and pod.is_leaving for pod in view.pods(own.rayjob)):
            return  # all of it goes with its head
        nodes = [
            node
            for node in found.nodes
            if not node.leaving and (node.total.get("CPU") or node.total.get("GPU"))
        ]
        wanted = sum(group.pods for group in groups_of(job.resources, view.at.gpus_per_pod))
        if len(nodes) < wanted:
            return
        # All nodes are of this job's pods: which of them fits was Kubernetes' to say.
        gang = replace(job.resources.of(job.resources.workers), labels={}, accelerator=None)
        where = place(gang, Room.whole(nodes))
        if where is not None:
            self._control.grant([Placement(job.id, own.name, where)])

    def _note_hosts(self, own: OwnCluster, memory: _Memory) -> None:
        with self._control.store.read() as tx:
            row = clusters.get(tx, own.name)
        for node in row.nodes if row else ():
            memory.hosts[node.node_id] = (node.host, node.address)

    # --- leaving ---------------------------------------------------------------------------------

    def _let_go(self, own: OwnCluster, step: own_rules.Next) -> None:
        now = self._control.clock()
        if step.refused:
            refused = partial(own_cluster.not_made, words=step.refused, now=now)
            self._change_if_there(own.job_id, lambda job, _: refused(job))
        self._set(own.become(OwnState.LEAVING, now, step.cause))

    def _lead_out(self, own: OwnCluster, job: Job | None, view: KubernetesView) -> None:
        """Delete the RayJob; where no pod of it is left, that is the proof that nothing runs."""
        rayjob = view.api.get(RAYJOBS, own.rayjob)
        is_ours = rayjob is not None and (
            rayjob["metadata"].get("uid") == own.uid
            or (rayjob["metadata"].get("labels") or {}).get(manifest.SERVER)
            == self._control.store.server_id
        )
        is_final = True
        if rayjob is not None and is_ours:
            status = status_of(rayjob)
            is_final = status.has_succeeded or status.has_failed
            waited_s = self._control.clock() - own.since
            if not status.is_leaving and (
                not is_final or own.cause or waited_s > own_rules.LEAVE_PATIENCE_S
            ):
                view.api.delete(RAYJOBS, own.rayjob, str(rayjob["metadata"]["uid"]))
        if is_final and all(pod.has_ended for pod in self._list_pods(own, view)):
            self._gone(own, job)

    def _gone(self, own: OwnCluster, job: Job | None) -> None:
        now = self._control.clock()
        if job is not None:
            self._change_if_there(job.id, partial(_cluster_gone, own=own, now=now))
        with self._control.store.read() as tx:
            left = [allocation.id for allocation in jobs.unreleased(tx, own.name)]
        for allocation_id in left:
            self._executors.release(own.name, allocation_id)
        with self._control.store.begin() as tx:
            clusters.remove(tx, own.name)
        self._control.floor.drop(own.name)
        self._memories.pop(own.name, None)
        self.secrets.forget(own)
        self._set(own.become(OwnState.GONE, now))

    def _sweep(self, view: KubernetesView) -> None:
        """RayJobs of this server that have done their work go after a while."""
        if view.trouble or not view.may_sweep(self._clock()):
            return
        now, known = self._control.clock(), self._control.books.own.all()
        wanted = {own.rayjob for own in known}
        for rayjob in view.rayjobs():
            name = rayjob["metadata"]["name"]
            if name in wanted:
                continue
            try:
                self._sweep_one(view, rayjob, now)
            except LauncherError as error:
                log.info("RayJob %s is left: %s", name, error)

    def _sweep_one(self, view: KubernetesView, rayjob: dict[str, object], now: float) -> None:
        """One that this server made once, and of which it holds nothing.

        A restored database must end nobody's training: one whose job has yet to end is that job's
        again, one whose job is not known is left alone until it is over.
        """
        metadata: dict[str, dict[str, str]] = rayjob["metadata"]  # type: ignore[assignment]
        job_id = metadata["labels"].get(manifest.JOB, "")
        number = (metadata.get("annotations") or {}).get(manifest.NUMBER, "")
        job, status = self._job(job_id), status_of(rayjob)
        if not number.isdecimal():
            return
        if job is None:  # removed, by somebody who has no use for it either
            if status.has_succeeded or status.has_failed:
                view.api.delete(RAYJOBS, str(metadata["name"]), str(metadata["uid"]))
            return
        with self._control.store.read() as tx:
            own = own_clusters.get(tx, job_id, int(number))
        if not job.state.is_terminal:
            if own is None and self._control.books.own.of(job_id) is None:
                found = OwnCluster(job_id, int(number), view.at.name, since=now)
                self._set(replace(found, uid=str(metadata["uid"])))
            return
        if own is None or now - own.since > view.KEEP_S or not status.has_succeeded:
            view.api.delete(RAYJOBS, str(metadata["name"]), str(metadata["uid"]))

    # --- inside ----------------------------------------------------------------------------------

    def _memory(self, own: OwnCluster) -> _Memory:
        return self._memories.setdefault(own.name, _Memory())

    def _list_pods(self, own: OwnCluster, view: KubernetesView) -> list[PodState]:
        found, _ = view.api.list(PODS, f"{manifest.RAYJOB}={own.rayjob}")
        return [pod_state(pod) for pod in found]

    def _job(self, job_id: str) -> Job | None:
        with self._control.store.read() as tx:
            return jobs.get(tx, job_id)

    def _stored(self, job_id: str) -> Job:
        with self._control.store.read() as tx:
            return self._control.get(tx, job_id)

    def _set(self, own: OwnCluster) -> None:
        with self._control.store.begin() as tx:
            own_clusters.put(tx, own)
        self._control.books.set_own(own)
        self._control.notifier.notify(cluster_topic(own.name), job_topic(own.job_id), OWN_CLUSTERS)

    def _change_if_there(self, job_id: str, step: Callable[[Job, object], Change]) -> None:
        try:
            self._control.change(job_id, step)
        except NotFoundError:
            return  # removed meanwhile, with all that was kept of it


def _cluster_gone(job: Job, _: object, *, own: OwnCluster, now: float) -> Change:
    """Nothing of it runs: what was open there is closed, and a job that had no attempt is told."""
    allocation = job.allocation
    if allocation is not None and allocation.cluster == own.name:
        left = [slot.index for slot in allocation.slots if not slot.closed]
        proof = f"{own.cause or 'its RayJob is deleted'}; no pod of it is left"
        return rules.close_slots(job, left, now, proof=proof, lost=Ending.CLUSTER_LOST)
    return own_cluster.lost(job, own.cause, now) if own.cause else Change(job)


def _why_not_made(error: KubeError) -> str:
    if error.is_over_quota:
        return f"the namespace has no room for its RayJob: {error.message}"
    if error.status == 404 and "namespaces" in error.message:
        return f"its namespace is gone: {error.message}"
    if error.status == 404:
        return f"KubeRay is not installed there: {error.message}"
    return str(error)

"""Projects as people set and see them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from launcher import views
from launcher.model.access import EVERY
from launcher.model.project import Project, Usage
from launcher.model.reach import ClusterRules
from launcher.model.usage import decayed, dominant_s
from launcher.scheduler.state import ClusterView
from launcher.server.books import Books
from launcher.server.control import Control
from launcher.server.notify import SCHEDULE
from launcher.store import accounts, projects, reaches, usage
from launcher.store.jobs import Within

_NOTHING = views.Amounts(0.0, 0.0, 0, 0)


class Projects:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._turn = threading.Lock()
        """Changes reach the books in the order in which they are stored."""

    def all(self, within: Within = None, *, empty: bool = False) -> list[views.ProjectView]:
        """Those that were set up, hold or want something, or held something once; by name.

        Args:
            within: of those alone; None: all.
            empty: also those that only a role or a rule of clusters names.
        """
        now, clusters = self._control.clock(), self._control.floor.clusters()
        with self._control.store.read() as tx:
            known = {project.name: project for project in projects.all(tx)}
            queued = projects.queued_of_all(tx)
            past = _by_project([decayed(one, now) for one in usage.all(tx)])
            named = {name for name, *_ in accounts.members(tx)} if empty else set()
            named |= {name for name, _ in reaches.rules(tx).rules} if empty else set()
        held = _held_now(self._control.books, clusters)
        shares = _shares(past, clusters)
        return [
            _shown(
                known.get(name, Project(name)),
                replace(held.get(name, _NOTHING), queued=queued.get(name, 0)),
                past.get(name, Usage(name, "", 0.0, 0.0)),
                shares.get(name, 0.0),
            )
            for name in sorted({*known, *held, *queued, *past, *named} - {EVERY})
            if within is None or name in within
        ]

    def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Change what a project may hold, by the fields of `Project`; the others stay."""
        with self._turn, self._changed() as tx:
            project = replace(projects.get(tx, name), **values)
            if project == Project(name):
                projects.remove(tx, name)
            else:
                projects.put(tx, project)

    def reset(self, name: str) -> None:
        """As one that nobody set up: no limits, weight 1."""
        with self._turn, self._changed() as tx:
            projects.remove(tx, name)

    def rules(self) -> ClusterRules:
        """Which project may use which cluster."""
        with self._control.store.read() as tx:
            return reaches.rules(tx)

    def rule(self, project: str, cluster: str, *, allowed: bool | None) -> None:
        """Say whether a project may use a cluster; None: nothing is said of the two any more."""
        with self._turn:
            with self._control.store.begin() as tx:
                if allowed is None:
                    reaches.remove(tx, project, cluster)
                else:
                    reaches.put(tx, project, cluster, allowed=allowed)
                rules = reaches.rules(tx)
            self._control.books.set_rules(rules)
        self._control.notifier.notify(SCHEDULE)

    @contextmanager
    def _changed(self) -> Iterator[Connection]:
        with self._control.store.begin() as tx:
            yield tx
            known = projects.all(tx)
        self._control.books.set_projects(known)
        self._control.notifier.notify(SCHEDULE)


def _held_now(books: Books, clusters: list[ClusterView]) -> dict[str, views.Amounts]:
    """What the jobs of each project hold, also what is on its way back; how many jobs do."""
    found: dict[str, views.Amounts] = {}
    counted: set[str] = set()  # one that was placed anew may still have an allocation to give back
    for allocation, job in (one for cluster in clusters for one in books.held_on(cluster.name)):
        before = found.get(job.project, _NOTHING)
        needs, workers = job.resources, allocation.workers
        found[job.project] = views.Amounts(
            (before.gpus or 0) + workers * needs.gpus_per_worker,
            (before.cpus or 0) + workers * needs.cpus_per_worker,
            (before.running or 0) + (job.id not in counted),
        )
        counted.add(job.id)
    return found


def _by_project(past: list[Usage]) -> dict[str, Usage]:
    """The usage of all users of each project. All are as of the same moment."""
    found: dict[str, Usage] = {}
    for one in past:
        before = found.get(one.project, Usage(one.project, "", 0.0, 0.0))
        gpu_s, cpu_s = before.gpu_s + one.gpu_s, before.cpu_s + one.cpu_s
        found[one.project] = replace(before, gpu_s=gpu_s, cpu_s=cpu_s)
    return found


def _shares(past: Mapping[str, Usage], clusters: list[ClusterView]) -> dict[str, float]:
    """The part of each project in what all held, by the resource of which it had most."""
    gpus, cpus = (
        sum(node.total.get(name, 0.0) for cluster in clusters for node in cluster.nodes)
        for name in ("GPU", "CPU")
    )
    parts = {name: dominant_s(one, gpus, cpus) for name, one in past.items()}
    whole = sum(parts.values())
    return {name: part / whole for name, part in parts.items() if whole}


def _shown(project: Project, now: views.Amounts, past: Usage, share: float) -> views.ProjectView:
    return views.ProjectView(
        project.name,
        project.weight,
        views.Amounts(project.gpus, project.cpus, project.running, project.queued),
        now,
        past.gpu_s,
        past.cpu_s,
        share,
    )

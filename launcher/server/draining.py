"""Which nodes people want left: cordoned by hand, until they say that it is over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from launcher.errors import ConflictError, NotFoundError
from launcher.model.node import Drain
from launcher.scheduler.state import NodeView
from launcher.server.control import Control
from launcher.server.notify import SCHEDULE
from launcher.store import drains

_ADDRESS = re.compile(r"[\d.:]+")
_LEAST = 6
"""Characters of a node's id that mean it."""


class Draining:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def all(self) -> list[Drain]:
        """Those that are wanted, by cluster and node."""
        with self._control.store.read() as tx:
            return drains.all(tx)

    def drain(
        self, node: str, *, cluster: str = "", by: str, why: str = "", when_idle: bool = False
    ) -> Drain:
        """Let a node be left, now and after a restart of the server; again: with other words.

        Args:
            node: host name, the beginning of it up to a dot, or of its Ray node id.
            cluster: where; empty: wherever there is one of that name.
            by: who wants it.
            why: shown to all who wonder.
            when_idle: what runs there may end by itself.

        Raises:
            NotFoundError: no cluster that is heard has such a node; ConflictError: several have.
        """
        named = self._named(node, cluster)
        at, name = _the_one(node, named)
        drain = Drain(at, name, by, self._control.clock(), why, when_idle)
        with self._control.store.begin() as tx:
            drains.put(tx, drain)
            wanted = drains.all(tx)
        self._control.floor.set_drains(wanted)
        self._control.notifier.notify(SCHEDULE)
        return drain

    def undrain(self, node: str, *, cluster: str = "") -> Drain:
        """Let a node be used again, also one that said of itself that it goes.

        What was asked to leave it goes all the same.

        Raises:
            NotFoundError: nobody wanted it left; ConflictError: several are meant.
        """
        known = [one for one in self.all() if cluster in {"", one.cluster}]
        meant = {(one.cluster, one.node) for one in known if _means(node, one.node, one.node)}
        meant |= {
            (one.cluster, one.node)
            for one in known
            for view in self._nodes(one.cluster)
            if one.node in {view.host, view.node_id} and _means(node, view.host, view.node_id)
        }
        meant |= {
            (view.cluster, view.host)
            for view in self._nodes(cluster)
            if _means(node, view.host, view.node_id)
            and self._control.floor.said(view.cluster, view.node_id)
        }
        if not meant:
            drained = ", ".join(one.node for one in known) or "no node is"
            hint = f"drained by hand: {drained}" if known else "no node is drained by hand"
            raise NotFoundError(f"nobody drained a node '{node}'", hint=hint)
        at, name = _the_one(node, meant)
        by_itself = Drain(at, name, "", self._control.clock())
        found = next((one for one in known if (one.cluster, one.node) == (at, name)), by_itself)
        with self._control.store.begin() as tx:
            drains.remove(tx, found)
            wanted = drains.all(tx)
        self._control.floor.set_drains(wanted)
        self._control.floor.stays(found)
        self._control.notifier.notify(SCHEDULE)
        return found

    def _nodes(self, cluster: str) -> Iterator[NodeView]:
        for view in self._control.floor.clusters():
            if cluster in {"", view.name}:
                yield from view.nodes

    def _named(self, node: str, cluster: str) -> set[tuple[str, str]]:
        """Cluster and name of what is meant: a host, or one of several Rays on it by its id."""
        found: set[tuple[str, str]] = set()
        for view in self._nodes(cluster):
            if _is_host(node, view.host):
                found.add((view.cluster, view.host))
            elif _is_id(node, view.node_id):
                found.add((view.cluster, view.node_id))
        return found


def _the_one(node: str, found: set[tuple[str, str]]) -> tuple[str, str]:
    if not found:
        raise NotFoundError(f"no node '{node}'", hint="launcher top shows all nodes")
    if len(found) > 1:
        named = ", ".join(f"{name} of cluster {cluster}" for cluster, name in sorted(found))
        raise ConflictError(
            f"'{node}' may be {named}", hint="say which: the whole name, and --cluster"
        )
    return next(iter(found))


def _means(text: str, host: str, node_id: str) -> bool:
    return _is_host(text, host) or _is_id(text, node_id)


def _is_host(text: str, host: str) -> bool:
    """Its name, or that without its domain.

    >>> _is_host("gpu-7", "gpu-7.lab.org"), _is_host("10", "10.0.0.7")
    (True, False)
    """
    return bool(host) and (
        text == host or (text == host.partition(".")[0] and not _ADDRESS.fullmatch(host))
    )


def _is_id(text: str, node_id: str) -> bool:
    return len(text) >= _LEAST and node_id.startswith(text)

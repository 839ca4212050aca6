"""Everything the executor asks of Ray: nodes, placement groups, actors."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray import cloudpickle
from ray._private import state as ray_state
from ray.util import placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from launcher.errors import LauncherError, UnreachableError
from launcher.executor import hosting
from launcher.executor.leaving import Watch, of_nodes, started_at
from launcher.executor.spares import Spares, start_worker
from launcher.model.node import NodeReport
from launcher.model.wire import WantedAllocation

CALL_TIMEOUT_S = 60.0
_HOLD_POLL_S = 1.0
_NODE_LABEL = "ray.io/node-id"


class RaySide:
    """A driver's view of one Ray cluster, in the namespace of one server.

    Args:
        address: for `ray.init`.
        namespace: of all that is made and found here.
        prepared: raylets run at normal niceness already, as those that we start, so agents need no
            runtime environment and start in prestarted workers.
    """

    def __init__(self, address: str, namespace: str, *, prepared: bool) -> None:
        self.namespace = namespace
        self._prepared = prepared
        try:
            ray.init(
                address=address,
                namespace=namespace,
                log_to_driver=False,
                logging_level="WARNING",
                configure_logging=False,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UnreachableError(f"Ray at {address} cannot be joined: {error}") from error
        self._address = ray.util.get_node_ip_address()
        self._watch = Watch(started_at(os.getpid()))
        cloudpickle.register_pickle_by_value(hosting)
        self._code = hosting.agent_code()
        self._spares = Spares(start_worker(_raylets))
        if prepared:
            threading.Thread(target=self._spares.keep, name="spares", daemon=True).start()

    def nodes(self) -> tuple[NodeReport, ...]:
        """All living nodes with what is free on them now."""
        free = ray_state.available_resources_per_node()
        living = _living()
        leaving = of_nodes(living, _draining(), self._address, self._watch.look())
        return tuple(
            NodeReport(
                node_id=node["NodeID"],
                host=node["NodeManagerHostname"],
                address=node["NodeManagerAddress"],
                total=_amounts(node["Resources"]),
                free=_amounts(free.get(node["NodeID"], {})),
                labels=dict(node.get("Labels") or {}),
                leaving=leaving.get(node["NodeID"], ""),
            )
            for node in living
        )

    def hold(self, wanted: WantedAllocation, timeout_s: float) -> None:
        """Make the placement group, each bundle on its planned node, and wait until it is ready.

        Raises:
            LauncherError: it cannot be had, for the reason that is told; the group is removed.
        """
        group = self._group(wanted.id)
        if group is None:
            group = placement_group(
                [node.bundle for node in wanted.nodes],
                strategy="PACK",
                name=wanted.id,
                lifetime="detached",
                bundle_label_selector=[{_NODE_LABEL: node.node_id} for node in wanted.nodes],
            )
        give_up = time.monotonic() + timeout_s
        why = ""
        while not why and not group.wait(timeout_seconds=_HOLD_POLL_S):
            gone = {node.node_id for node in wanted.nodes} - {n["NodeID"] for n in _living()}
            if gone:
                why = f"node {min(gone)[:8]} was lost before it could be held"
            elif time.monotonic() > give_up:
                why = "somebody else took the resources before they could be held"
        if why:
            self.release(wanted.id)
            raise LauncherError(why)

    def start_agents(
        self,
        wanted: WantedAllocation,
        configs: Mapping[int, dict[str, Any]],
        on_started: Callable[[int, str], None],
    ) -> None:
        """Start the agents of these nodes side by side, where they are not there already.

        Args:
            wanted: the allocation, whose placement group is ready.
            configs: of the agents, by the index of their node.
            on_started: called with index and address of each agent that started.

        Raises:
            LauncherError: Ray could not make one, or it did not answer. The others have started.
        """
        answers = {
            index: self._agent(wanted, index).start.remote(config)
            for index, config in configs.items()
        }
        failures = []
        for index, answer in answers.items():
            try:
                on_started(index, str(ray.get(answer, timeout=CALL_TIMEOUT_S)))
                self._spares.taken(wanted.nodes[index].node_id)
            except ray.exceptions.RayError as error:
                text = str(error).strip().splitlines()[-1]
                failures.append(f"the agent of node {index} did not start: {text}")
        if failures:
            raise LauncherError("; ".join(failures))

    def ship_rest(self, server_id: str) -> list[str]:
        """Have each living node ship what is left there; gives what could not be shipped yet."""
        hosts = [
            ray.remote(hosting.AgentHost)
            .options(
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            )
            .remote(*self._code)
            for node in _living()
        ]
        left: list[str] = []
        for host in hosts:
            try:
                left += ray.get(host.ship_rest.remote(server_id), timeout=CALL_TIMEOUT_S)
            except ray.exceptions.GetTimeoutError:
                left.append("a node that does not answer")
            except ray.exceptions.RayError:
                continue  # the node was lost, with what was on it
            finally:
                ray.kill(host)
        return left

    def kill_agent(self, allocation: str, index: int) -> None:
        actor = self._actor(f"{allocation}/{index}")
        if actor is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(actor)

    def release(self, allocation: str) -> None:
        """Give the resources back; whatever still runs in them is killed by Ray."""
        group = self._group(allocation)
        if group is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                remove_placement_group(group)

    def allocations(self) -> set[str]:
        """Ids of the allocations that have a living agent in our namespace."""
        named = ray.util.list_named_actors(all_namespaces=True)
        ours = [actor["name"] for actor in named if actor["namespace"] == self.namespace]
        return {name.rpartition("/")[0] for name in ours if "/" in name}

    def groups(self) -> set[str]:
        """Names of our placement groups, also of those that nobody made an agent in."""
        table = ray.util.placement_group_table()
        names = {group["name"] for group in table.values() if group["state"] != "REMOVED"}
        # The table has those of all namespaces; by its name only one of ours is found.
        return {name for name in names if name and self._group(name) is not None}

    def _agent(self, wanted: WantedAllocation, index: int) -> Any:
        """The actor of a node's agent, made unless it is there already."""
        name = f"{wanted.id}/{index}"
        return self._actor(name) or self._make_actor(wanted, index, name)

    def _make_actor(self, wanted: WantedAllocation, index: int, name: str) -> Any:
        group = self._group(wanted.id)
        if group is None:
            raise LauncherError("its placement group is gone")
        options: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "lifetime": "detached",
            "num_cpus": 0,
            "num_gpus": wanted.nodes[index].bundle.get("GPU", 0),
            "max_restarts": 0,
            "max_concurrency": 2,
            "scheduling_strategy": PlacementGroupSchedulingStrategy(
                placement_group=group, placement_group_bundle_index=index
            ),
        }
        if not self._prepared:
            options["runtime_env"] = {"env_vars": {"RAY_worker_niceness": "0"}}
        return ray.remote(hosting.AgentHost).options(**options).remote(*self._code)

    def _actor(self, name: str) -> Any:
        with contextlib.suppress(ValueError):
            return ray.get_actor(name, namespace=self.namespace)
        return None

    def _group(self, name: str) -> Any:
        with contextlib.suppress(ValueError):
            return ray.util.get_placement_group(name)
        return None


def _living() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _draining() -> dict[str, int]:
    """When Ray ends the nodes that it drains, by id. Older ones do not tell."""
    ask = getattr(ray_state.state, "get_draining_nodes", None)
    return dict(ask()) if ask is not None else {}


def _raylets() -> dict[str, str]:
    """Addresses of the raylets, by the id of their node."""
    return {
        node["NodeID"]: f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
        for node in _living()
    }


def _amounts(resources: dict[str, float]) -> dict[str, float]:
    """Without the per-node and per-group resources that Ray keeps for itself."""
    return {
        name: amount
        for name, amount in resources.items()
        if not name.startswith("node:") and "_group_" not in name
    }

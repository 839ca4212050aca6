"""Ray's autoscaler as the executor sees it: found, read and asked for nodes.

Ray tells a driver what it starts, but not what it could start. That stands in the configuration
which the autoscaler itself reads: the file that its process on the head was given, or the
RayCluster on Kubernetes.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray.experimental import internal_kv

from launcher.executor import pools
from launcher.model.node import NodeReport
from launcher.model.pools import AskedNode, Pools

log = logging.getLogger(__name__)

Config = Mapping[str, Any]

READ_EVERY_S = 10.0
AGAIN_S = 10.0
"""A head that was restarted knows nothing of what was asked: it is told again so often."""
_TRIES = 3
"""After so many in vain an executor goes on as if its cluster could not grow."""
_MARK = b"launcher_asked"
"""In Ray's store: what an executor asked for last. What others asked for is left alone."""
_KEYS = ("available_node_types", "head_node_type", "max_workers")
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigurationFile:
    """What `ray up` gave the head; it is read again when it changed."""

    def __init__(self) -> None:
        self._seen: tuple[Path, int] | None = None
        self._config: Config | None = None

    def __call__(self) -> Config | None:
        path = config_file(ray.get_runtime_context().gcs_address)
        seen = (path, path.stat().st_mtime_ns) if path is not None else None
        if seen != self._seen:
            self._config = _read(path) if path is not None else None
            self._seen = seen
        return self._config


class Autoscaler:
    """Of the cluster that this process is a driver of. Its calls may hang, as all of Ray's.

    Args:
        find: gives the configuration that the autoscaler goes by; None: there is no autoscaler.
        clock: monotonic.
    """

    def __init__(
        self,
        find: Callable[[], Config | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._clock = find or where_it_stands(), clock
        self._config: Config | None = None
        self._read_at = -READ_EVERY_S
        self._failures = 0
        self._said: tuple[pools.Said, dict[str, str]] = pools.Said(), {}
        self._trouble = ""
        self._smallest: dict[str, dict[str, float]] = {}
        self._asked_at = -AGAIN_S
        self._told: list[dict[str, Any]] | None = None

    def look(self, nodes: Sequence[NodeReport]) -> tuple[tuple[NodeReport, ...], Pools | None]:
        """The nodes with their pools, and by what the cluster could grow.

        Raises:
            Exception: that cannot be told yet; in a moment it can, or is given up.
        """
        config = self._read()
        if config is None:
            return tuple(nodes), None
        try:
            self._said = _said()
        except Exception as error:  # of Ray's many; what it said last will do
            self._warn(f"the autoscaler's state cannot be read: {error}")
        said, pool_of = self._said
        nodes = pools.in_pools(nodes, {**said.pool_of, **pool_of})
        self._smallest = pools.smaller(self._smallest, nodes)
        return nodes, pools.pools_of(config, nodes, said, self._smallest)

    def ask(self, asked: Sequence[AskedNode]) -> None:
        """Have it see to these nodes and no others; none: it goes by its own rules again."""
        if self._config is None:
            return
        nodes = [
            {"resources": one.resources, "labels": one.labels}
            for one in asked
            for _ in range(one.count)
        ]
        if self._told is None:
            self._told = _asked_before()
        is_due = bool(nodes) and self._clock() - self._asked_at >= AGAIN_S
        if nodes == self._told and not is_due:
            return
        try:
            _mark(nodes)  # first: whoever finds no mark leaves what was asked as it is
            _request(nodes)
        except Exception as error:  # the next look asks again
            self._warn(f"the autoscaler cannot be asked: {error}")
            return
        if nodes != self._told:
            log.info("asked the autoscaler for %d nodes in all", len(nodes))
        self._told, self._asked_at = nodes, self._clock()

    def _read(self) -> Config | None:
        """The configuration, which may change at any time."""
        if self._clock() - self._read_at < READ_EVERY_S:
            return self._config
        try:
            self._config = self._find()
        except Exception as error:  # of files, of Kubernetes, of Ray's own code that reads them
            self._failures += 1
            if self._config is None and self._failures < _TRIES:
                raise  # a cluster that may grow, and does not tell, would refuse jobs
            self._warn(f"the autoscaler's configuration cannot be read: {error}")
        self._read_at = self._clock()
        return self._config

    def _warn(self, trouble: str) -> None:
        if trouble != self._trouble:  # it is looked at every second
            self._trouble = trouble
            log.warning("%s", trouble)


def where_it_stands() -> Callable[[], Config | None]:
    """Gives what this cluster's autoscaler goes by, as a configuration of `ray up`; None: no such.

    What it gives raises whatever there is in the way when there is one that cannot be read.
    """
    name = os.environ.get("RAY_CLUSTER_NAME", "")
    if name and (_ACCOUNT / "token").exists():
        return lambda: _of_kubernetes(name)
    return ConfigurationFile()


def _read(path: Path) -> Config:
    """As the autoscaler reads it: with what Ray fills in where it says nothing."""
    from ray.autoscaler.v2.instance_manager.config import FileConfigReader

    read = FileConfigReader(str(path)).get_cached_autoscaling_config()
    return {key: read.get_config(key) for key in _KEYS}


def config_file(gcs_address: str, processes: Path = Path("/proc")) -> Path | None:
    """The file that the autoscaler on this machine was given, of the cluster with that address."""
    for process in processes.iterdir():
        if not process.name.isdecimal():
            continue
        try:
            words = (process / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            continue  # it has just ended, or is somebody else's
        options = dict(
            word.split("=", 1) for word in words if word.startswith("--") and "=" in word
        )
        path = options.get("--autoscaling-config")
        if path and options.get("--gcs-address") == gcs_address:
            return Path(path).expanduser()
    return None


def _of_kubernetes(name: str) -> Config | None:
    """By the account of the head's pod: KubeRay lets it read its RayCluster if that is to grow."""
    from ray.autoscaler._private.kuberay import autoscaling_config, node_provider

    namespace = os.environ.get("RAY_CLUSTER_NAMESPACE") or (_ACCOUNT / "namespace").read_text()
    api = node_provider.KubernetesHttpApiClient(namespace=namespace.strip())
    found = api.get(f"rayclusters/{name}")
    if not found["spec"].get("enableInTreeAutoscaling"):
        return None
    derived: Config = autoscaling_config._derive_autoscaling_config_from_ray_cr(found)  # noqa: SLF001 - Ray's own reading of it is what counts
    return derived


def _said() -> tuple[pools.Said, dict[str, str]]:
    """What the autoscaler says, and the pools of nodes as Ray knows them, by node id."""
    from google.protobuf.json_format import MessageToDict
    from ray.core.generated import autoscaler_pb2

    reply = autoscaler_pb2.GetClusterStatusReply()
    reply.ParseFromString(internal_kv.internal_kv_get_gcs_client().get_cluster_status())
    pool_of = {
        node.node_id.hex(): node.ray_node_type_name
        for node in reply.cluster_resource_state.node_states
        if node.ray_node_type_name
    }
    if _is_second():
        state = MessageToDict(reply.autoscaling_state, preserving_proto_field_name=True)
        return pools.said_by_second({"autoscaling_state": state}, time.time()), pool_of
    text = internal_kv._internal_kv_get(ray_constants.DEBUG_AUTOSCALING_STATUS)  # noqa: SLF001 - as `ray status`
    return pools.said_by_first(json.loads(text) if text else {}), pool_of


def _is_second() -> bool:
    from ray.autoscaler.v2.utils import is_autoscaler_v2

    return bool(is_autoscaler_v2())


def _request(nodes: Sequence[Mapping[str, Any]]) -> None:
    from ray.autoscaler.sdk import request_resources

    bundles = [node["resources"] for node in nodes]
    options = {}
    if bundles and "bundle_label_selectors" in inspect.signature(request_resources).parameters:
        options = {"bundle_label_selectors": [node["labels"] for node in nodes]}
    request_resources(bundles=bundles, **options)


def _asked_before() -> list[dict[str, Any]]:
    text = internal_kv._internal_kv_get(_MARK)  # noqa: SLF001 - Ray has no other store that lasts
    return list(json.loads(text)) if text else []


def _mark(nodes: Sequence[Mapping[str, Any]]) -> None:
    text = json.dumps(list(nodes), sort_keys=True).encode()
    internal_kv._internal_kv_put(_MARK, text, overwrite=True)  # noqa: SLF001 - see above

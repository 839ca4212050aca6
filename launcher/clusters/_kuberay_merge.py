"""What a spec writes of its pods, laid over ours: as `kubectl patch` merges pods. Pure.

Mappings are merged key by key, and null takes a key away. Lists whose items have a name of their
own (containers, volumes, variables) are merged item by item; tolerations are added to ours; every
other list takes the place of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
}
"""By which key the items of a list are the same."""
_ADDED = frozenset({"tolerations", "envFrom"})
_ONE_SOURCE = frozenset({"volumes", "env"})
"""An item has one of several sources beside its name: another one takes the place of ours."""


def merged(ours: Any, over: Any, key: str = "") -> Any:
    """`over` laid over `ours`; neither is changed.

    >>> merged({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if isinstance(ours, Mapping) and isinstance(over, Mapping):
        kept = {name: value for name, value in ours.items() if name not in over}
        laid = {
            name: merged(ours.get(name), value, name)
            for name, value in over.items()
            if value is not None
        }
        return {name: (kept | laid)[name] for name in [*ours, *over] if name in kept | laid}
    if isinstance(ours, list) and isinstance(over, list):
        return _lists(ours, over, key)
    if isinstance(over, Mapping):
        return {
            name: merged(None, value, name) for name, value in over.items() if value is not None
        }
    return over


def _lists(ours: Sequence[Any], over: Sequence[Any], key: str) -> list[Any]:
    if key in _ADDED:
        return [*ours, *(item for item in over if item not in ours)]
    name = _KEYS.get(key)
    if name is None or not all(isinstance(item, Mapping) and name in item for item in over):
        return list(over)
    theirs = {item[name]: item for item in over}
    known = {item[name] for item in ours}
    laid = [_item(item, theirs.get(item[name]), key) for item in ours]
    return laid + [merged(None, item) for item in over if item[name] not in known]


def _item(ours: Mapping[str, Any], over: Mapping[str, Any] | None, key: str) -> Any:
    if over is None:
        return ours
    if key in _ONE_SOURCE and not set(over) <= set(ours):
        return merged(None, over)
    return merged(ours, over)

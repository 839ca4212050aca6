"""Where Ray comes from, found by file name: `ray` is `launcher/clusters/ray.py`.

Adding a kind is adding one file with one subclass of `Cluster`. Files that begin with an underscore
hold what the kinds share. Nothing here imports the ray library: `status` and `stop` stay light.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from launcher.clusters.base import Cluster, RayAddress
from launcher.errors import SpecError


def names() -> list[str]:
    """Names of all kinds of cluster, sorted; imports none of them."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def load(name: str) -> type[Cluster]:
    """The class of that kind; each kind is constructed with what it needs to be found.

    Raises:
        SpecError: there is no such kind of cluster.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(known)}"
        raise SpecError(f"unknown kind of cluster '{name}'", hint=hint)
    module = importlib.import_module(f"{__name__}.{name}")
    [kind] = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Cluster)
        and value.__module__ == module.__name__
    ]
    return kind


__all__ = ["Cluster", "RayAddress", "load", "names"]

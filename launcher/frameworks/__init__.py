"""Frameworks, found by file name: `framework: jax` in a spec is `launcher/frameworks/jax.py`.

Adding one is adding one file with one subclass of `Framework`. Files that begin with an underscore
hold what several frameworks share.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from launcher.errors import SpecError
from launcher.frameworks.base import Framework

_OTHERS = frozenset({"base", "compatibility"})


def names() -> list[str]:
    """Names of all frameworks, sorted; imports none of them."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name not in _OTHERS and not name.startswith("_"))


def load(name: str) -> Framework:
    """The framework of that name.

    Raises:
        SpecError: there is no such framework.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(known)}"
        raise SpecError(f"unknown framework '{name}'", hint=hint)
    module = importlib.import_module(f"{__name__}.{name}")
    [framework] = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Framework)
        and value.__module__ == module.__name__
    ]
    return framework()


__all__ = ["Framework", "load", "names"]

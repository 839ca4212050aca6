"""Amounts, gangs and lists as people say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from launcher.model.job import Resources
from launcher.units import format_size

_UNITS = {"GPU": ("GPU", "GPUs"), "CPU": ("CPU", "CPUs")}
_ORDER = {"GPU": 0, "CPU": 2, "memory": 3}  # resources of the cluster's own stand second


def by_weight(names: Iterable[str]) -> list[str]:
    """Resource names, the one that people ask for first first."""
    return sorted(names, key=lambda name: (_ORDER.get(name, 1), name))


def number(value: float) -> str:
    """A number without the noise of its float.

    >>> number(2.0), number(0.1 + 0.2), number(1e6)
    ('2', '0.3', '1000000')
    """
    return f"{value:.4f}".rstrip("0").rstrip(".")


def bare(name: str, value: float) -> str:
    """An amount where its unit is clear from the words before it."""
    return format_size(value) if name == "memory" else number(value)


def amount(name: str, value: float) -> str:
    """An amount of one resource.

    >>> amount("GPU", 4), amount("CPU", 1), amount("memory", 2**34), amount("licence", 2)
    ('4 GPUs', '1 CPU', '16 GiB of memory', '2 licence')
    """
    if name == "memory":
        return f"{format_size(value)} of memory"
    one, many = _UNITS.get(name, (name, name))
    return f"{number(value)} {one if value == 1 else many}"


def amounts(values: Mapping[str, float]) -> str:
    return ", ".join(amount(name, values[name]) for name in by_weight(values))


def count(many: int, noun: str) -> str:
    """Things that are counted: `1 node`, `2 nodes`."""
    return f"{many} {noun}{'s' * (many != 1)}"


def gang(resources: Resources, names: Sequence[str]) -> str:
    """What a gang needs of the resources `names`: so many workers, times what each needs."""
    each = {name: need for name, need in resources.per_worker().items() if name in names}
    if resources.workers == 1:
        return amounts(each)
    one = amounts(each) if len(each) == 1 else f"({amounts(each)})"
    return f"{at_least(resources)}{resources.workers} workers \N{MULTIPLICATION SIGN} {one}"


def at_least(resources: Resources) -> str:
    """Before what the smallest of an elastic gang needs; empty of a gang of one size."""
    return "at least " if resources.fewest is not None else ""


def key_of_workers(resources: Resources) -> str:
    """The key of a spec that says how many workers there are, or the fewest, with its value."""
    key = "resources.workers" if resources.fewest is None else "resources.workers.min"
    return f"{key} (now {resources.workers})"


def headline(resources: Resources) -> str:
    """What a gang needs, in the two words that tell most: `8 GPUs`."""
    each = resources.per_worker()
    name = by_weight(each)[0]
    return at_least(resources) + amount(name, each[name] * resources.workers)


def some(first: Sequence[str], limit: int, noun: str, *, of: int) -> list[str]:
    """The first of many things, and how many more there are.

    >>> some(["a", "b", "c"], 2, "node", of=7)
    ['a', 'b', '5 more nodes']
    """
    return [*first[:limit], count(of - limit, f"more {noun}")] if of > limit else list(first)

"""docs/compatibility.md: `python -m launcher.spec.compatibility_page > docs/compatibility.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from launcher.frameworks.compatibility import Need, Row, table

_HEAD = """\
# What goes together

<!-- Made by `python -m launcher.spec.compatibility_page`; change
launcher/frameworks/compatibility.json. -->

One table of facts, each seen with the versions beside it. `launcher validate`, `run` and `submit`
read it, and the nodes do before a gang starts.

- **refused**: it is known to fail. `launcher validate` says so where the spec and the program's
  text are enough to know; what depends on versions ends the attempt with SETUP_FAILED before any
  rank starts.
- **warned**: it runs, and most likely not as meant. `launcher validate`, `run` and `submit` say so.
- **works**: it was seen to.

The program's own file is read, never executed; what its modules do is not known. Where nothing is
said of a version, the newest is meant.

| framework | program, environment, versions | workers | verdict | what | seen with |
|---|---|---|---|---|---|
"""
_NEEDS = """
## What must be installed

Before a gang starts, each node asks the interpreter of its ranks whether it has these packages. It
imports nothing for that; it takes 30 ms, and is not done for `framework: command`. Of
`framework: pytorch`, the default, torch is demanded only where the program's file imports it in its
first column, where nothing can catch the failure.

| framework | needs |
|---|---|
"""
_FOOT = """
What is missing is told like this, and no rank is started:

    rank 0 on node gpu-3: framework tensorflow needs tensorflow>=2.16; found none in
    /usr/bin/python3; add tensorflow>=2.16 to python.requirements, or name a python.interpreter
    that has it

A package that is there and broken, as one whose NumPy is too new, is told so where the table knows
of it; else by the rank's own traceback. A package without a record of its version, as a build in a
folder of PYTHONPATH, is taken for the newest.
"""


def render() -> str:
    """The whole page."""
    rows = "".join(f"| {' | '.join(_cells(row))} |\n" for row in table().rows)
    needs = "".join(f"| {_labelled(need)} | {_packages(need)} |\n" for need in table().needs)
    return _HEAD + rows + _NEEDS + needs + _FOOT


def _cells(row: Row) -> Iterator[str]:
    yield f"`{row.framework}`" + f" `{row.strategy}`" * bool(row.strategy)
    packages = [f"{name} {condition}" for name, condition in row.packages.items()]
    yield ", ".join([*row.traits, *(f"not {trait}" for trait in row.without), *packages])
    yield f"{row.workers} or more" if row.workers > 1 else ""
    yield row.verdict
    ways = f"; ways out: {' · '.join(row.ways_out)}" if row.ways_out else ""
    yield f"{row.what}{ways}".replace("|", "\\|")
    yield ", ".join(f"{name} {version}" for name, version in row.checked.items())


def _labelled(need: Need) -> str:
    words = [f"`{need.framework}`" + f" `{need.strategy}`" * bool(need.strategy), *need.traits]
    return ", ".join(words)


def _packages(need: Need) -> str:
    return ", ".join(f"`{name}{condition}`" for name, condition in need.packages.items())


if __name__ == "__main__":
    sys.stdout.write(render())

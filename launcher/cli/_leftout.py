"""What of a workdir was not packaged, in a line; or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli import _output, _words
from launcher.units import format_size

if TYPE_CHECKING:
    from launcher.spec.leftout import LeftOut

_SHOWN = 4
"""How many rules are named in a line."""
_NO_NEWS = frozenset({"version control", "compiled python"})
"""What nobody expects to be sent."""


def tell_left_out(
    workdir: Path, left_out: Sequence[tuple[str, str]], *, verbose: bool = False
) -> None:
    """Tells what was left out, by rule, the heaviest first.

    Args:
        workdir: of the package.
        left_out: (path, reason) as the package tells them.
        verbose: every path.
    """
    if not left_out:
        return
    from launcher.spec.leftout import weigh

    rules = weigh(workdir, left_out)
    if verbose:
        for line in _all(rules):
            _output.note(line)
        return
    rules = [rule for rule in rules if rule.reason not in _NO_NEWS]
    if rules:
        shown = ", ".join(map(_brief, rules[:_SHOWN]))
        more = len(rules) - _SHOWN
        rest = f" and {_words.plural(more, 'more rule')}" * (more > 0)
        _output.note(f"left out: {shown}{rest}; launcher validate -v names all")


def _brief(rule: LeftOut) -> str:
    where, colon, pattern = rule.reason.partition(": ")
    what, why = (pattern, where) if colon else (rule.paths[0], rule.reason)
    return f"{what} ({why}: {_weight(rule)})"


def _weight(rule: LeftOut) -> str:
    least = "more than " * rule.is_at_least
    return f"{least}{_words.plural(rule.files, 'file')}, {format_size(rule.size)}"


def _all(rules: Sequence[LeftOut]) -> Iterator[str]:
    for rule in rules:
        yield f"left out by {rule.reason}: {_weight(rule)}"
        yield from (f"  {path}" for path in rule.paths)

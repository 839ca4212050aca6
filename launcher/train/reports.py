"""`report`: figures of the training, for the live curves, the history and `keep_best`."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from launcher.train import spool
from launcher.train.notices import warn_once

_own_steps = itertools.count(1)


def report(step: Any = None, total_steps: Any = None, **metrics: Any) -> None:
    """Report figures of this moment, as `report(step=step, loss=loss)`; costs microseconds.

    It never waits and never raises: what is no number is left out, a full disk loses the report,
    and each is said once on stderr. Outside a job it does nothing.

    Args:
        step: optimizer steps done; without it, reports of this process are counted from 1.
        total_steps: optimizer steps of the whole training; the time that is left follows from it.
        metrics: numbers, or whatever `float()` takes, as a tensor of one element.
    """
    try:
        out = spool.current()
        if out is None:
            return
        number = next(_own_steps) if step is None else _whole("step", step)
        total = None if total_steps is None else _whole("total_steps", total_steps)
        out.write(_line(time.time(), number, total, numbers(metrics)))
    except Exception as error:
        # The promise is never to raise into a training, whatever went wrong.
        warn_once("report", f"a report was lost ({error}); this is said once")


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics as floats; without those that are no numbers, which is said once for each."""
    converted = {}
    for name, value in metrics.items():
        try:
            converted[name] = _number(value)
        except Exception:
            # `__float__` of a foreign type may raise anything.
            kind = type(value).__name__
            warn_once(f"metric {name}", f"metric '{name}' is no number but a {kind}; left out")
    return converted


def _line(now: float, step: int | None, total: int | None, metrics: dict[str, float]) -> str:
    """The record as JSON, by hand: json's encoder alone would take a third of a report's time."""
    values = ",".join([f"{_quoted(name)}:{_text(value)}" for name, value in metrics.items()])
    end = "" if total is None else f',"n":{total}'
    return (
        f'{{"t":{now!r},"k":"m","step":{"null" if step is None else step},"m":{{{values}}}{end}}}'
    )


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return json.dumps(name)


def _text(value: float) -> str:
    """A number as Python's json writes and reads it, NaN and the infinities too."""
    return repr(value) if value - value == 0 else json.dumps(value)


def _number(value: Any) -> float:
    if hasattr(value, "detach"):
        # A torch tensor that still carries its gradient warns when it becomes a float.
        value = value.detach()
    return float(value)


def _whole(name: str, value: Any) -> int | None:
    try:
        return int(value)
    except Exception:
        # As above: a foreign type, a NaN, a tensor of several elements.
        kind = type(value).__name__
        warn_once(name, f"'{name}' of a report is no whole number but a {kind}; left out")
        return None

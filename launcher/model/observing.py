"""What an agent reads out of a job's output and files by itself, with no word of the program. Pure.

What it read becomes records as a program's own reports are, in a file of their own: the stream
`observed`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from launcher.model.progress_bar import Reading

STREAM = "observed"
STEP_NAMES = ("step", "epoch")
"""Patterns of these names tell the step of the others; the first one that there is."""


@dataclass(frozen=True)
class Observing:
    """The rule. Where it says nothing, nothing is read."""

    bars: bool = False
    """Progress bars of Keras are read."""
    bars_beside_reports: bool = False
    """Also when the program reports by itself: its author asked for both."""
    patterns: dict[str, str] = field(default_factory=dict)
    """Regular expressions by the names of their series, for lines of the output."""
    tensorboard: str = ""
    """Pattern of paths in the job's folder below which event files are followed."""

    @property
    def is_idle(self) -> bool:
        return not (self.bars or self.patterns or self.tensorboard)


@dataclass
class Tally:
    """Gives what was found in lines its steps. Its fields are all that must be kept to go on.

    Without a pattern of a name in `STEP_NAMES`, a step ends when a name is found again.
    """

    step: int = 0
    in_step: dict[str, bool] = field(default_factory=dict)
    """Names that were found in this step."""

    def take(self, found: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Reading]:
        """What one line tells.

        Args:
            found: texts that the patterns caught in it, by name.
            names: all patterns.
        """
        numbers = _numbers(found)
        clock = next((name for name in STEP_NAMES if name in names), None)
        if clock is not None and clock in numbers:
            value = numbers.pop(clock)
            self.step = int(value) if abs(value) < 2**53 else self.step
        if clock is None and numbers:
            if not self.step or any(name in self.in_step for name in numbers):
                self.step, self.in_step = self.step + 1, {}
            self.in_step |= dict.fromkeys(numbers, True)
        if numbers:
            yield Reading(self.step, numbers)


def _numbers(found: Mapping[str, str]) -> dict[str, float]:
    """Those of the texts that are numbers."""
    numbers = {}
    for name, text in found.items():
        with contextlib.suppress(ValueError):
            numbers[name] = float(text)
    return numbers

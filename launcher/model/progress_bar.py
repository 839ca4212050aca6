"""Reads the figures out of what Keras prints while it trains, 3 and legacy alike. Pure.

    Epoch 3/10
    120/120 ━━━━━━━━━━━━ 1s 3ms/step - accuracy: 0.9800 - loss: 0.0400 - val_loss: 0.0612

The last state of an epoch's bar is the epoch; about twenty states before it give points too, so
that a long epoch shows something. A step is a batch, counted over all epochs, as the bar counts.
A bar after the training is an evaluation: its figures get the prefix `eval_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from launcher.model.printed import Drawn

_POINTS_AN_EPOCH = 20
_HEADER = re.compile(r"Epoch (\d{1,9})/(\d{1,9})")
_BAR = re.compile(r"\s*(\d{1,12})/(\d{1,12}|Unknown)(?=\s)")
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|nan|inf))(?=\s|$)")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Reading:
    """Figures that were read, as a program would have reported them."""

    step: int
    values: dict[str, float]
    total_steps: int | None = None


@dataclass(frozen=True)
class Bar:
    """One state of a bar. `size` is 0 while Keras does not know how many batches there are."""

    done: int
    size: int
    values: dict[str, float]

    @property
    def is_full(self) -> bool:
        return self.done == self.size


@dataclass
class Bars:
    """Follows the epochs of one output. Its fields are all that must be kept to go on later."""

    epoch: int = 0
    """The one that is open; 0: none."""
    epochs: int = 0
    """Of this call of fit; 0: unknown."""
    size: int = 0
    """Batches of an epoch of training; 0: unknown."""
    base: int = 0
    """Steps before the open epoch."""
    lead: int = 0
    """Epochs before the open one whose steps are not in `base` yet: training that was resumed."""
    end: int = 0
    """Steps after the newest epoch that was finished."""
    finished: int = 0
    """Number of that epoch."""
    next: int = 1
    """Batch of the open epoch from which on the next state is worth points."""
    has_headers: bool = False
    shown: list[object] = field(default_factory=list)
    """The newest state of the line that has not ended: done, size, values."""
    told: dict[str, float] = field(default_factory=dict)
    """Figures of the newest epoch that was finished."""

    def take(self, drawn: Drawn) -> Iterator[Reading]:
        """What the next piece of the output tells."""
        text = drawn.text
        bar = read_bar(text) if text else None
        if bar is not None and bar.values:
            yield from self._take_bar(bar, ends_line=drawn.ends_line)
            self.shown = [bar.done, bar.size, bar.values]
        elif drawn.ends_line and not text.strip() and self.shown:
            done, size, values = self.shown
            assert isinstance(done, int)
            assert isinstance(size, int)
            assert isinstance(values, dict)
            yield from self._take_bar(Bar(done, size, values), ends_line=True)
        elif text.startswith("Epoch ") and (header := _HEADER.fullmatch(text.strip())):
            self._begin(int(header[1]), int(header[2]))
        if drawn.ends_line:
            self.shown = []

    def _begin(self, epoch: int, epochs: int) -> None:
        self.has_headers = True
        self._open(epoch, epochs, lead=0 if self.finished or self.end else epoch - 1)

    def _open(self, epoch: int, epochs: int, lead: int = 0) -> None:
        self.epoch, self.epochs, self.lead = epoch, epochs, lead
        self.base, self.next = self.end, 1

    def _take_bar(self, bar: Bar, *, ends_line: bool) -> Iterator[Reading]:
        if not self.epoch:
            if self._goes_on(bar):
                late = {name: value for name, value in bar.values.items() if name not in self.told}
                if ends_line and late:
                    self.told |= late
                    yield Reading(self.end, late, self._total(self.finished, self.end))
                return
            if not self._trains(bar):
                if ends_line and bar.is_full:
                    named = {f"eval_{name}": value for name, value in bar.values.items()}
                    yield Reading(self.end, named)
                return
            self._open(self.finished + 1, 0)
        yield from self._take_training(bar, ends_line=ends_line)

    def _take_training(self, bar: Bar, *, ends_line: bool) -> Iterator[Reading]:
        if bar.size:
            self.size = bar.size
            self.base, self.lead = self.base + self.lead * bar.size, 0
        step = self.base + bar.done
        if bar.is_full and ends_line:
            self.finished, self.end, self.told = self.epoch, step, dict(bar.values)
            total = self._total(self.epoch, step)
            self.epoch = 0
            yield Reading(step, bar.values, total)
        elif not bar.is_full and bar.done >= self.next and not self.lead:
            spacing = bar.size // _POINTS_AN_EPOCH if bar.size else bar.done // 10
            self.next = bar.done + max(spacing, 1)
            known = bar.size or self.size
            total = self._total(self.epoch, self.base + known) if known else None
            yield Reading(step, bar.values, total)

    def _total(self, epoch: int, end: int) -> int | None:
        """Steps of the whole training, of which `epoch` ends after `end`."""
        return end + (self.epochs - epoch) * self.size if self.epochs >= epoch else None

    def _goes_on(self, bar: Bar) -> bool:
        """Whether this is the finished epoch's bar once more, now with what was validated.

        Something was printed between, as by ModelCheckpoint(verbose=1), and broke its line.
        """
        if not (bar.is_full and bar.size == self.size and self.told):
            return False
        # As texts: NaN is not equal to itself.
        return all(repr(bar.values.get(name)) == repr(value) for name, value in self.told.items())

    def _trains(self, bar: Bar) -> bool:
        """Whether a bar without a header is of a training, as of `fit(epochs=1)`."""
        if any(name.startswith("val_") for name in bar.values):
            return True
        return not self.has_headers and (bar.size in {0, self.size} or not self.size)


def read_bar(text: str) -> Bar | None:
    """The state of a bar; None for a text that is none.

    >>> read_bar("6/6 - 0s - 4ms/step - loss: 0.7468 - val_loss: nan")
    Bar(done=6, size=6, values={'loss': 0.7468, 'val_loss': nan})
    """
    head = _BAR.match(text)
    if head is None:
        return None
    values = {}
    for part in text[head.end() :].split(" - "):
        name, _, rest = part.partition(": ")
        number = _NUMBER.match(rest)
        if number and 0 < len(name := name.strip()) <= _LONGEST_NAME and name != "ETA":
            values[name] = float(number[1])
    size = 0 if head[2] == "Unknown" else int(head[2])
    return Bar(int(head[1]), size, values)

"""Leaving a command beside a rank, whatever this process does at that moment."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from launcher.cli import _beside
from launcher.errors import UnreachableError


class Visit:
    """A visit on a server that does not answer."""

    def give(self, _: bytes) -> bool:
        raise UnreachableError("nobody answers")

    def steer(self, **_: object) -> None:
        raise UnreachableError("nobody answers")


class Dies:
    """An object in whose destructor a signal comes."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGHUP)


def waits(dies: Dies, dropped: list[str]) -> None:
    del dies  # the caller has no other name for it
    assert dropped == ["_Leaving"]
    threading.Event().wait(60)


def test_a_wish_to_leave_that_python_dropped_in_a_destructor_is_heard_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: dropped.append(what.exc_type.__name__))
    steering = _beside._Steering(Visit(), tty=True)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as left, steering.signals():
        waits(Dies(), dropped)
    assert left.value.code == 128 + signal.SIGHUP


def test_who_wants_to_leave_does_so_also_when_what_was_typed_before_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = []
    steering = _beside._Steering(Visit(), tty=True)  # type: ignore[arg-type]
    monkeypatch.setattr(steering, "leave", lambda: left.append(True))
    monkeypatch.setattr(_beside, "_read", iter([b"x\r~.", b""]).__next__)
    _beside._give_stdin(Visit(), steering)  # type: ignore[arg-type]
    assert left == [True]

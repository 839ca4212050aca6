"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """`hint`: the next step, where there is something to do."""

    name: str
    verdict: Verdict
    words: str
    hint: str = ""


def ok(name: str, words: str) -> Finding:
    return Finding(name, "ok", words)


def warning(name: str, words: str, hint: str) -> Finding:
    return Finding(name, "warning", words, hint)


def fault(name: str, words: str, hint: str) -> Finding:
    return Finding(name, "fault", words, hint)

"""What is written on the pages can be read in both themes: WCAG 2.2, level AA."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

import launcher.server

CSS = Path(launcher.server.__file__).parent / "assets" / "css"
TEXT, GRAPHICS = 4.5, 3.0
_PROPERTY = re.compile(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)")
_INK = re.compile(
    r"\.ansi-ink-\d+ \{ color: (?:light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)|var\(--([\w-]+)\));"
)
_PLAIN = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6});")

GROUNDS = ("bg", "bg-sunk", "bg-raised", "bg-hover", "bg-chosen")
STATES = ("running", "starting", "waiting", "succeeded", "failed", "stopping")
WRITTEN = [
    *itertools.product(("text", "muted", "accent", "danger", "failed"), GROUNDS),
    *itertools.product(("warn", "text", "accent"), ("warn-bg",)),
    *itertools.product(("warn", "succeeded"), ("bg", "bg-raised", "bg-sunk")),
    *((state, f"{state}-bg") for state in STATES),
    ("on-accent", "accent-bg"),
    ("on-accent", "danger-bg"),
    ("chart-text", "bg-raised"),
]
DRAWN = [
    *itertools.product((f"series-{number}" for number in range(1, 13)), ("bg", "bg-raised")),
    *((f"mark-{name}", "bg-raised") for name in ("restart", "resize", "straggler", "odd")),
]


def colours(theme: int) -> dict[str, str]:
    text = "".join(file.read_text() for file in sorted(CSS.glob("*.css")))
    plain = dict(_PLAIN.findall(text))
    return plain | {found[0]: found[1 + theme] for found in _PROPERTY.findall(text)}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def too_faint(pairs: list[tuple[str, str]], least: float, theme: int) -> dict[str, float]:
    known = colours(theme)
    found = {f"{ink} on {ground}": contrast(known[ink], known[ground]) for ink, ground in pairs}
    return {pair: round(value, 2) for pair, value in found.items() if value < least}


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#ffffff", "#000000") == 21
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_what_is_written_stands_out_from_its_ground(theme):
    assert too_faint(WRITTEN, TEXT, theme) == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_curves_and_marks_stand_out_from_theirs(theme):
    assert too_faint(DRAWN, GRAPHICS, theme) == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_of_logs_stand_out_from_the_ground_of_logs(theme):
    known, inks = colours(theme), _INK.findall((CSS / "job.css").read_text())
    assert len(inks) >= 8
    for light, dark, name in inks:
        ink = (light, dark)[theme] or known[name]
        assert contrast(ink, known["bg-sunk"]) >= TEXT, name or ink

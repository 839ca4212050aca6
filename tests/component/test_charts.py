"""Curves as text and as pictures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.charts import Axes, Curve, as_png, in_terminal, thinned
from launcher.errors import LauncherError, SpecError

AXES = Axes("step", "loss")
FALLING = Curve("falls", tuple((float(x), math.exp(-x / 30)) for x in range(100)))
RISING = Curve("rises", tuple((float(x), x / 100) for x in range(100)))


def test_curves_without_colours_are_told_apart_by_letters() -> None:
    text = in_terminal([FALLING, RISING], AXES, columns=80, colour=False)
    assert "\x1b" not in text
    assert [line.strip() for line in text.splitlines()[-2:]] == ["a falls", "b rises"]
    canvas = text.splitlines()[:-2]
    assert any("a" in line for line in canvas)
    assert any("b" in line for line in canvas)


def test_a_chart_fits_the_columns_that_it_gets() -> None:
    text = in_terminal([FALLING], AXES, columns=60, colour=False)
    assert max(map(len, text.splitlines())) <= 60


def test_colours_tell_curves_apart_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # plotille looks for a terminal itself
    assert "\x1b" in in_terminal([FALLING, RISING], AXES, columns=80, colour=True)


def test_what_is_no_number_leaves_a_gap_and_nothing_breaks() -> None:
    broken = Curve("nan", ((0.0, 1.0), (1.0, math.nan), (2.0, math.inf), (3.0, 2.0)))
    assert "nan" in in_terminal([broken], AXES, columns=80, colour=False).splitlines()[-1]


@pytest.mark.parametrize("points", [(), ((1.0, math.nan),)])
def test_a_curve_without_a_number_is_told_in_words(points: tuple[tuple[float, float], ...]) -> None:
    told = in_terminal([Curve("none", points)], AXES, columns=80, colour=False)
    assert told == "no numbers of loss to draw"


def test_a_single_point_is_drawn() -> None:
    assert "one" in in_terminal([Curve("one", ((5.0, 0.0),))], AXES, columns=80, colour=False)


@given(st.lists(st.floats(allow_nan=True), max_size=400), st.integers(4, 100))
def test_thinning_keeps_the_lowest_the_highest_and_the_order(ys: list[float], most: int) -> None:
    points = [(float(x), y) for x, y in enumerate(ys)]
    kept = thinned(points, most)
    assert len(kept) <= max(most, min(len(points), most))
    assert kept == sorted(kept, key=lambda point: point[0])
    finite = [y for y in ys if math.isfinite(y)]
    if finite:
        known = [y for _, y in kept]
        assert min(finite) in known
        assert max(finite) in known


def test_a_picture_is_written_in_the_kind_of_its_ending(tmp_path: Path) -> None:
    as_png([FALLING, RISING], AXES, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="xyz") as caught:
        as_png([FALLING], AXES, tmp_path / "chart.xyz")
    assert caught.value.hint == "name a .png, .svg or .pdf file"
    with pytest.raises(LauncherError, match="cannot be written: No such file"):
        as_png([FALLING], AXES, tmp_path / "nowhere" / "chart.png")

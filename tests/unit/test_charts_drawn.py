"""Charts as text of a terminal, and inside a page."""

import math
import xml.etree.ElementTree as ET

import pytest

from launcher.charts import Axes, Chart, Curve, Mark, as_svg, in_terminal
from launcher.charts.curve import scale

AXES = Axes("step", "loss")
FALLS = Curve("falls", tuple((float(x), math.exp(-x / 30)) for x in range(200)))


def text(*curves, axes=AXES, columns=80, **more):
    return in_terminal(curves, axes, columns=columns, colour=False, **more)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_chart_is_never_wider_than_its_columns(columns):
    marks = [Mark(199.0, "R", "the end")]
    assert max(map(len, text(FALLS, columns=columns, marks=marks).splitlines())) <= columns


def test_the_rows_are_those_that_were_asked_for():
    assert len(text(FALLS, rows=6).splitlines()) == 6 + 4


def test_an_axis_has_round_ticks():
    lines = text(Curve("c", ((0.0, 0.03), (97.0, 0.97)))).splitlines()
    assert next(line.split("┤")[0].strip() for line in lines if "┤" in line) == "0.8"
    assert lines[-2].split() == ["0", "20", "40", "60", "80", "step"]


def test_a_time_axis_is_told_in_minutes_and_hours():
    hours = Curve("c", ((0.0, 1.0), (3 * 3600.0, 0.5)))
    assert "1h" in text(hours, axes=Axes("time", "loss", seconds=True)).splitlines()[-2]


def test_a_logarithmic_axis_has_powers_of_ten_and_leaves_out_what_is_not_above_zero():
    wide = Curve("c", ((0.0, 1e-4), (1.0, 0.0), (2.0, -3.0), (3.0, 100.0)))
    shown = text(wide, axes=Axes("step", "loss", log=True))
    assert "(log)" in shown
    assert "1e2 ┤" in shown
    assert "1e-4 ┤" in shown
    none = Curve("c", ((0.0, 0.0), (1.0, -1.0)))
    assert text(none, axes=Axes("s", "loss", log=True)) == "no numbers of loss above zero to draw"


def test_marks_stand_below_where_they_happened_and_are_told_while_they_are_few():
    few = [Mark(100.0, "R", "attempt 2: NODE_LOST"), Mark(50.0, "·", "checkpoint 1")]
    lines = text(FALLS, marks=few).splitlines()
    row = next(line for line in lines if "R" in line)
    assert row.index("·") < row.index("R") < 60
    assert any(line.endswith("R attempt 2: NODE_LOST") for line in lines)
    many = [Mark(float(x), "·", f"step {x}") for x in range(0, 200, 10)]
    assert "· 20 times, last: step 190" in text(FALLS, marks=many)


def test_a_mark_beside_the_curve_is_not_shown():
    assert "R" not in text(FALLS, marks=[Mark(999.0, "R", "later")])


def test_a_constant_curve_and_a_single_point_are_drawn():
    assert "┤" in text(Curve("flat", ((0.0, 5.0), (9.0, 5.0))))
    assert "┤" in text(Curve("one", ((3.0, 7.0),)))


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_numbers_of_any_size_have_an_axis(size):
    ticks = scale([-size, size], 5).ticks
    assert 2 <= len(ticks) <= 11
    assert "┤" in text(Curve("c", ((0.0, -size), (size, size))))


def test_names_that_would_command_the_terminal_are_made_harmless():
    evil = "\x1b]0;yours\x07loss\x1b[2J"
    shown = text(Curve(evil, FALLS.points), axes=Axes("step", evil), marks=[Mark(1.0, "R", evil)])
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_inside_a_page_everything_that_users_wrote_is_escaped():
    evil = "<script>alert(1)</script>\"'&"
    svg = as_svg(Chart(Axes("step", evil), (Curve(evil, FALLS.points),), (Mark(1.0, "R", evil),)))
    assert "<script" not in svg
    assert svg.count("&lt;script&gt;") >= 3
    assert ET.fromstring(svg).tag.endswith("svg")


def test_a_page_shows_gaps_and_lone_points_and_no_curve_without_numbers():
    gap = Curve("gap", ((0.0, 1.0), (1.0, 2.0), (2.0, math.nan), (3.0, 1.0)))
    svg = as_svg(Chart(AXES, (gap,)))
    assert svg.count("<polyline") == 1
    assert svg.count("<circle") == 1
    assert as_svg(Chart(AXES, (Curve("none", ()),))) == "<p>no numbers of loss to draw</p>"


def test_a_million_points_in_a_page_are_few_and_keep_their_peak():
    points = tuple((float(x), 9.0 if x == 70_000 else 1.0) for x in range(100_000))
    svg = as_svg(Chart(AXES, (Curve("peak", points),)))
    assert len(svg) < 40_000
    assert ">8<" in svg

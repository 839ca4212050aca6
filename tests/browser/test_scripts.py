"""What the scripts of pages work out by themselves: asked of the very files that are served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lone_server import Site, lone_server

Ask = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(lambda _: None) as found:
        yield found


@pytest.fixture
def ask(site: Site, look: Any) -> Ask:
    """`ask("curves", "m.short(5)")`: the value of an expression with a script as `m`."""
    page = look(site, "/", acts=False)

    def ask(script: str, expression: str) -> Any:
        return page.evaluate(
            """async ([name, text]) => {
              const frame = document.querySelector("script[src$='/js/frame.js']").src;
              const m = await import(frame.replace("frame.js", `${name}.js`));
              const call = /^m\\.(\\w+)\\((.*)\\)$/s.exec(text);
              return m[call[1]](...JSON.parse(`[${call[2]}]`));
            }""",
            [script, expression],
        )

    return ask


def test_numbers_are_written_in_few_characters(ask):
    written = {"0.123456": "0.1235", "1200": "1200", "12345": "12.35k", "1234567": "1.235M"}
    written |= {"0.00001234": "1.23e-5", "0": "0", "-3": "-3", "1e20": "1e20"}
    assert ask("curves", "m.short(1000, 3)") == "1000"
    assert {number: ask("curves", f"m.short({number})") for number in written} == written


def test_smoothing_begins_where_the_curve_does_and_leaves_holes(ask):
    assert ask("curves", "m.smooth([1, 1, null, 1], 0.9)") == [1, 1, None, 1]
    first, second = ask("curves", "m.smooth([0, 1], 0.5)")
    assert (first, round(second, 3)) == (0, 0.667)


def test_curves_with_points_of_their_own_are_put_on_one_axis(ask):
    curves = '[{"xs": [1, 1, 2], "ys": [1, 2, 3]}, {"xs": [1, 3], "ys": [5, null]}]'
    found = ask("curves", f"m.align({curves})")
    assert found["xs"] == [1, 1, 2, 3]
    assert found["ys"] == [[1, 2, 3, None], [5, None, None, None]]


def test_of_many_ranks_some_are_chosen_evenly(ask):
    assert ask("curves", "m.spread([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)") == [0, 4, 8]


def test_a_line_that_was_drawn_anew_shows_its_last_state(ask):
    lines = ["plain", "10%\\r50%\\r100%\\r", "\\r\\r", "a\\r "]
    assert [ask("ansi", f'm.collapsed("{line}")') for line in lines] == ["plain", "100%", "", "a"]


def test_colours_become_classes_and_everything_else_that_commands_a_terminal_goes(ask):
    line = r'"\u001b[1;31mred\u001b[0m \u001b]0;title\u0007\u001b[2Jdone\u202e"'
    assert ask("ansi", f"m.pieces({line})") == [
        {"text": "red", "kind": "ansi-bold ansi-ink-1"},
        {"text": " ", "kind": ""},
        {"text": "done\ufffd", "kind": ""},
    ]


def test_what_is_searched_is_marked_across_colours(ask):
    pieces = '[{"text": "a lo", "kind": "x"}, {"text": "ss b", "kind": ""}]'
    found = ask("ansi", f'm.marked({pieces}, "loss")')
    assert [(one["text"], one.get("isFound", False)) for one in found] == [
        ("a ", False),
        ("lo", True),
        ("ss", True),
        (" b", False),
    ]


def test_gpus_of_all_nodes_share_a_chart(ask):
    assert ask("naming", 'm.titleOf("gpu3/power", "system")') == "gpu/power"
    assert ask("naming", 'm.titleOf("gpu3/memory_total", "system")') is None
    assert ask("naming", 'm.titleOf("gpu3/power", "reported")') == "gpu3/power"

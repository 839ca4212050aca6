"""The page of a job: charts, logs, timeline and buttons, while jobs run and long after."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import filled
import pytest
from lone_server import Site, lone_server
from playwright.sync_api import Page, expect

from launcher.store import Store

TRAINS = """\
import os, sys, time, launcher
from pathlib import Path
attempt, resume = int(os.environ["LAUNCHER_ATTEMPT"]), os.environ.get("LAUNCHER_RESUME_FROM")
first = int((Path(resume) / "step").read_text()) if resume else 0
for step in range(first, 2000):
    launcher.report(step=step, total_steps=2000, **{"loss": 2 / (step + 1), "<script>": step})
    print(f"\\x1b[32mstep\\x1b[0m {step} <b>", flush=True)
    if step == first + 5:
        with launcher.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))
    while attempt == 1 and step == 20:
        if Path(sys.argv[1]).exists():
            sys.exit("it failed on purpose")
        time.sleep(0.02)
    time.sleep(0.02)
"""
LOGS = "logs"
LINES = 200_000


def _fill(store: Store) -> None:
    now = 1_790_000_000.0
    named = {name: filled.job(name, now) for name in ("wide", "long", "odd", LOGS)}
    filled.insert(
        store, list(named.values()), [filled.over(j, "SUCCEEDED") for j in named.values()]
    )
    few = [math.sin(step / 3) for step in range(12)]
    filled.report(store, named["wide"].id, {f"part{n % 50}/series {n}": few for n in range(5000)})
    peak = [1.0] * 100_000
    peak[77_777] = 1000.0
    filled.report(store, named["long"].id, {"peak": peak, "other": peak[:50_000]})
    odd = {filled.MARKUP: [1.0, 2.0], "not": [math.nan] * 3, "inf": [1.0, math.inf, -math.inf]}
    filled.report(store, named["odd"].id, odd | {"both": [1.0, 2.0, 3.0]})
    filled.report(store, named["odd"].id, {"both": [4.0, 5.0, 6.0]}, rank=1)
    text = "".join(
        f"{n} \x1b[31mline\x1b[0m{' needle' if n % 1000 == 7 else ''}\n" for n in range(LINES)
    )
    with store.begin() as tx:
        store.logs.append(tx, named[LOGS].id, 1, 0, "log", 0, text.encode())
        progress = b"<img src=x onerror=alert(1)>\n10%\r50%\r100%\r\nno end"
        store.logs.append(tx, named[LOGS].id, 1, 1, "log", 0, progress)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(_fill) as found:
        yield found


@pytest.fixture
def of(site: Site) -> Any:
    """The address of the page of a job by its name."""
    with closing(site.client) as client:
        ids = {job.name: job.id for job in client.jobs()}
    return lambda name: f"/jobs/{ids[name]}"


def figure(page: Page, name: str) -> Any:
    return page.locator(f"figure.chart[data-name={name!r}]")


def latest(page: Page, name: str) -> float:
    return float(figure(page, name).locator("output").first.inner_text())


# --- a job that runs -----------------------------------------------------------------------------


def test_a_job_is_watched_from_its_first_point_over_a_failure_to_its_cancelling(
    stack, look, tmp_path
):
    sign = tmp_path / "fail"
    job = stack.submit(
        TRAINS,
        entrypoint=[sys.executable, "train.py", str(sign)],
        framework="command",
        workers=1,
        retries=2,
    )
    page = look(stack, f"/jobs/{job}")
    first = figure(page, "loss").locator("output")
    expect(first).not_to_be_empty()
    page.wait_for_function("() => /step 20 of 2000/.test(document.body.textContent)")
    lines = page.locator("#log-lines .log-text")
    expect(lines.last).to_have_text("step 20 <b>")
    expect(lines.last.locator(".ansi-ink-2")).to_have_text("step")
    expect(figure(page, "<script>").locator("output")).to_have_text("20")

    sign.touch()
    expect(page.locator(".ending[data-ending=PROGRAM_FAILED]")).to_be_visible()
    expect(page.locator(".timeline .phase[data-phase=lost]")).to_have_count(1)
    # The next attempt begins at the checkpoint of step 5, and the curve goes on behind step 20.
    expect(page.locator("#log-attempt")).to_have_value("2")
    page.wait_for_function("() => /step (2[1-9]|[3-9]\\d) <b>/.test(document.body.textContent)")
    before = latest(page, "loss")
    page.wait_for_function(
        "(before) => document.querySelector('[data-name=loss] output').value < before", arg=before
    )

    page.locator("[data-show-log='1.0']").click()
    expect(page.locator("#log-attempt")).to_have_value("1")
    expect(lines.last).to_have_text("it failed on purpose")

    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".badge")).to_have_text("cancelled", ignore_case=True)
    expect(page.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()
    stack.wait(job, "CANCELLED")


def test_a_server_that_was_away_costs_a_page_nothing(stack, look, watched, tmp_path):
    job = stack.submit(
        TRAINS,
        entrypoint=[sys.executable, "train.py", str(tmp_path / "never")],
        framework="command",
        workers=1,
    )
    page = look(stack, f"/jobs/{job}", acts=False)
    watched[page].expect(r"Failed to load resource|net::ERR")
    expect(page.locator("#log-lines .log-text").last).to_have_text("step 20 <b>")
    stack.server.kill()
    stack.start_server()
    stack.client.cancel(job)
    expect(page.locator(".badge")).to_have_text("cancelled", ignore_case=True)
    expect(figure(page, "loss").locator("output")).to_have_text("0.09524")


# --- many series, and odd ones -------------------------------------------------------------------


def test_five_thousand_series_are_searched_and_drawn_as_they_come_into_view(site, look, of):
    page = look(site, of("wide"))
    expect(page.locator("figure[data-drawn]").first).to_be_visible()
    assert page.locator("figure.chart").count() < 200
    assert page.locator("figure[data-drawn]").count() < 40
    page.get_by_label("Search series").fill("part7/ 4957")
    expect(page.locator("figure.chart")).to_have_count(1)
    expect(figure(page, "part7/series 4957").locator("output")).to_have_text("-0.5013")
    assert "q=part7" in page.url


def test_names_and_values_are_shown_whatever_they_are(site, look, of):
    page = look(site, of("odd"))
    expect(page.locator("#charts figure[data-drawn]")).to_have_count(4)
    title = page.title()
    expect(page.get_by_text(filled.MARKUP, exact=True)).to_be_visible()
    expect(figure(page, "inf").locator("output")).to_have_text("-inf")
    expect(figure(page, "not").locator(".chart-note")).to_contain_text("nan")
    expect(figure(page, "both").locator(".legend-label")).to_have_text(["rank 0", "rank 1"])
    page.get_by_label("log axis").check()
    page.get_by_label("Smoothing").fill("0.9")
    expect(figure(page, "both").locator("output").first).not_to_have_text("3")
    assert page.title() == title
    assert "log=1" in page.url
    assert "smooth=0.9" in page.url


def test_a_peak_is_drawn_from_afar_and_seen_from_near(site, look, of):
    page = look(site, f"{of('long')}?from=77700&to=77850")
    plot = figure(page, "peak").locator(".u-over")
    expect(plot).to_be_visible()
    box = plot.bounding_box()
    at = box["x"] + box["width"] * 77 / 150
    seen = set()
    for shift in range(-4, 5):
        page.mouse.move(at + shift, box["y"] + 20)
        seen.add(figure(page, "peak").locator("output").inner_text())
    assert {"1", "1000"} <= seen
    expect(figure(page, "peak").locator(".chart-note")).to_contain_text("step 77,7")
    with page.expect_response(re.compile("/curves")) as answer:
        page.get_by_role("button", name="Reset zoom").click()
    curves = {one["name"]: one["ys"] for one in answer.value.json()["curves"]}
    assert 1000.0 in curves["peak"]
    assert len(curves["peak"]) < 2500


def test_dragging_zooms_all_charts_and_the_zoom_is_in_the_address(site, look, of):
    page = look(site, of("long"))
    plot = figure(page, "peak").locator(".u-over")
    expect(plot).to_be_visible()
    expect(figure(page, "other").locator(".u-over")).to_be_visible()
    box = plot.bounding_box()
    at = box["x"] + box["width"] / 2
    page.mouse.move(at - 30, box["y"] + 30)
    # One cursor over all charts.
    expect(figure(page, "other").locator(".chart-note")).to_contain_text("step")
    page.mouse.down()
    page.mouse.move(at, box["y"] + 30)
    page.mouse.move(at + 30, box["y"] + 30)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+.*&to=\d+"))
    page.reload()
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_enabled()
    expect(plot).to_be_visible()
    plot.dblclick()
    expect(reset).to_be_disabled()
    assert "from=" not in page.url


# --- logs ----------------------------------------------------------------------------------------


def test_a_long_log_is_scrolled_searched_and_never_all_on_the_page(site, look, of):
    page = look(site, of(LOGS))
    lines = page.locator("#log-lines .log-row")
    expect(lines.last).to_contain_text(f"{LINES - 1} line")
    view = page.locator("#log-view")
    view.evaluate("(view) => { view.scrollTop = view.scrollHeight / 2 }")
    expect(page.locator("#log-lines")).to_contain_text(f"{LINES // 2} line")
    expect(page.get_by_label("follow", exact=True)).not_to_be_checked()

    page.get_by_label("Search this log").fill("NEEDLE")
    expect(page.locator("#log-found")).to_have_text("1 of 200")
    expect(page.locator(".log-row[data-chosen] mark")).to_have_text("needle")
    page.get_by_role("button", name="Previous match").click()
    expect(page.locator("#log-found")).to_have_text("200 of 200")
    expect(page.locator(".log-row[data-chosen]")).to_contain_text("199007 line needle")
    assert lines.count() < 150


def test_a_progress_bar_is_one_line_and_markup_is_text(site, look, of):
    page = look(site, of(LOGS))
    page.get_by_label("Rank").select_option("rank 1")
    texts = page.locator("#log-lines .log-text")
    expect(texts).to_have_text(["<img src=x onerror=alert(1)>", "100%", "no end"])


# --- the whole page ------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_the_page_is_never_wider_than_its_window_and_its_colours_follow(
    site, look, of, width, dark
):
    page = look(site, of("odd"), width=width, dark=dark)
    expect(page.locator("figure[data-drawn]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function(f"(before) => ({ground})() !== before", arg=before)
    expect(page.locator("figure[data-drawn]").first).to_be_visible()


def test_a_page_that_may_only_look_shows_how_to_get_one_that_acts(site, look, of):
    page = look(site, of("odd"), acts=False)
    button = page.get_by_role("button", name="Clone")
    expect(button).to_be_disabled()
    assert "launcher open" in button.get_attribute("title")


def test_what_differs_from_another_job_is_shown_beside_the_spec(site, look, of):
    page = look(site, of("odd"))
    page.get_by_label("differs from").fill(of("wide").removeprefix("/jobs/"))
    page.locator("#diff-form").get_by_role("button").click()
    expect(page.locator("#diff ins", has_text="odd")).to_be_visible()

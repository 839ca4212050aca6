"""The page of all jobs, as a reader uses it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing

import filled
import pytest
from lone_server import Site, lone_server
from playwright.sync_api import Page, expect

from launcher.client import Client
from launcher.store import Store

MANY = 10_000
HOSTILE = filled.MARKUP + "\u202e" + "x" * 180
"""A third of it where nobody else is at work."""


def fill(store: Store) -> None:
    filled.fill(store, MANY)
    with_curve = filled.job("curve", time.time() + 200)
    hostile = filled.job("hostile", time.time() + 201)
    filled.insert(store, [with_curve, hostile])
    filled.report(store, with_curve.id, {"loss": filled.falling(400)})
    filled.report(store, hostile.id, {HOSTILE: [1.0, 2.0]})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(fill) as found:
        yield found


@pytest.fixture
def client(site) -> Iterator[Client]:
    with closing(site.client) as found:
        yield found


@pytest.fixture
def submit(client):
    """Submits a job of that name; gives its id."""

    def submit(name: str) -> str:
        spec = {"name": name, "framework": "command", "entrypoint": ["true"], "workdir": "/tmp"}
        return client._post("/api/v1/jobs", {"spec": spec, "user": "ada"})["id"]

    return submit


def rows(page: Page):
    return page.locator("#jobs tbody tr")


def count(page: Page, tab: str) -> int:
    text = page.locator(".tabs a", has_text=tab).locator(".count").inner_text()
    return int(text.replace(",", ""))


def test_ten_thousand_jobs_are_there_at_once_and_paged_through(site, look):
    page = look(site, "/")
    expect(rows(page)).to_have_count(50)
    assert count(page, "All") >= MANY
    first = rows(page).first.get_attribute("id")
    page.get_by_role("link", name="Last").click()
    expect(page).to_have_url(re.compile(r"page=\d{3}$"))
    expect(rows(page).first).not_to_have_id(first)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(rows(page).first).to_have_id(first)


def test_what_is_looked_for_stands_in_the_address_and_survives_a_reload(site, look):
    page = look(site, "/")
    page.keyboard.press("/")
    page.keyboard.type("sweep-17")
    expect(page).to_have_url(re.compile(r"\?q=sweep-17$"))
    page.get_by_label("Project").select_option("vision")
    expect(page).to_have_url(re.compile(r"project=vision"))
    page.locator(".tabs a", has_text="Failed").click()
    expect(page.locator(".tabs [aria-current]")).to_contain_text("Failed")
    expect(page).to_have_url(re.compile(r"q=sweep-17"))
    expect(page).to_have_url(re.compile(r"project=vision"))
    found = rows(page).count()
    page.reload()
    expect(rows(page)).to_have_count(found)
    expect(page.locator("input[name=q]")).to_have_value("sweep-17")
    expect(page.get_by_label("Project")).to_have_value("vision")
    page.get_by_role("link", name="Show all jobs").or_(page.locator(".brand")).first.click()
    expect(rows(page)).to_have_count(50)


def test_a_column_sorts_and_sorts_the_other_way_round(site, look):
    page = look(site, "/?state=succeeded")
    for direction in ("ascending", "descending"):
        page.get_by_role("columnheader", name="Job").get_by_role("link").click()
        expect(page.get_by_role("columnheader", name="Job")).to_have_attribute(
            "aria-sort", direction
        )
    expect(rows(page).first).to_contain_text("sweep-98")


def test_a_job_that_comes_appears_by_itself_and_nothing_that_was_chosen_is_lost(
    site, look, client, submit
):
    page = look(site, "/")
    page.get_by_role("searchbox").fill("fresh")
    expect(page).to_have_url(re.compile("q=fresh"))
    page.evaluate("window.stays = true")
    ids = []
    for _ in range(2):
        ids.append(submit("fresh-life"))
        expect(page.locator(f"#row-{ids[-1]}")).to_be_visible()
        page.locator(f"#row-{ids[0]} input").check()
        page.get_by_role("searchbox").focus()
    expect(page.locator(f"#row-{ids[0]} input")).to_be_checked()
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert page.evaluate("window.stays")
    client.cancel(ids[1])
    expect(page.locator(f"#row-{ids[1]} .badge")).to_have_text("Cancelled")


def test_several_jobs_are_cancelled_together_once_that_was_confirmed(site, look, client, submit):
    submitted = [submit("fresh-batch") for _ in range(3)]
    page = look(site, "/?q=fresh-batch&state=waiting")
    for job in submitted[:2]:
        page.locator(f"#row-{job} input").check()
    expect(page.locator("#selected-count")).to_have_text("2 jobs selected")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    expect(page.locator("#toasts")).to_contain_text("2 jobs cancelled")
    expect(page.locator(f"#row-{submitted[0]}")).to_have_count(0)
    expect(page.locator(f"#row-{submitted[2]}")).to_be_visible()
    states = [client.job(job).state for job in submitted]
    assert states == ["CANCELLED", "CANCELLED", "QUEUED"]
    told = [event.text for event in client.events(submitted[0])]
    assert any("cancelled by" in text for text in told)


def test_a_page_that_may_only_look_offers_nothing_to_do(site, look, watched, client, submit):
    job = submit("fresh-look")
    page = look(site, "/?q=fresh-look", acts=False)
    watched[page].expect("status of 401")
    expect(page.get_by_text("view only")).to_be_visible()
    page.locator(f"#row-{job} input").check()
    for name in ("Hold", "Release", "Cancel…"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
        expect(page.get_by_role("button", name=name)).to_have_attribute(
            "title", re.compile("launcher open")
        )
    status = page.evaluate(
        """job => fetch(`/api/v1/jobs/${job}/cancel`, {
            method: "POST", headers: {"X-Launcher-Page": "1"}}).then(answer => answer.status)""",
        job,
    )
    assert status == 401
    assert client.job(job).state == "QUEUED"


def test_what_a_program_named_its_metric_is_text(site, look):
    page = look(site, "/?q=hostile")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator(".metric")).to_contain_text("<script>document.title")
    assert page.title() == "Jobs · launcher"
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_curve_is_drawn_small_and_falls(site, look):
    page = look(site, "/?q=curve")
    line = rows(page).locator("polyline")
    expect(line).to_have_attribute("points", re.compile(r"\d"))
    points = [tuple(map(float, one.split(","))) for one in line.get_attribute("points").split()]
    assert len(points) > 10
    assert points[0][1] < points[-1][1]


def test_the_keyboard_goes_through_the_rows_and_opens_one(site, look):
    page = look(site, "/?q=curve")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(rows(page).first).to_have_attribute("data-here", "")
    page.keyboard.press("x")
    expect(page.locator("#selected-count")).to_have_text("1 job selected")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/jobs/curve-"))
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/cluster$"))


def test_it_is_readable_on_a_phone_and_dark_by_the_button(site, look):
    page = look(site, "/", width=390, height=844)
    expect(rows(page)).to_have_count(50)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme-button").click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light


def test_times_are_in_the_readers_zone(site, look):
    page = look(site, "/")
    expect(page.locator("time").first).to_have_attribute("title", re.compile(r"GMT\+5:30|IST"))


def test_a_server_without_jobs_tells_the_first_command(look):
    with lone_server(lambda _: None) as empty:
        page = look(empty, "/")
        expect(page.get_by_role("heading", name="No job yet")).to_be_visible()
        expect(page.locator(".command").first).to_contain_text("launcher run")
        page.goto("about:blank")

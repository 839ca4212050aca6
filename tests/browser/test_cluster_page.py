"""The page of the clusters, as a reader uses it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import filled
import pytest
from lone_server import Site, lone_server
from played import Played
from playwright.sync_api import expect

from launcher.client import Client
from launcher.model.node import NodeReport
from launcher.model.sample import Sample
from launcher.model.wire import Hello, Report

NODES = 1000


@pytest.fixture
def site() -> Iterator[Site]:
    """Jobs of two GPUs each wait for a cluster."""

    def fill(store):
        wants = {"workers": 2, "gpus_per_worker": 1, "cpus_per_worker": 1}
        now = time.time()
        filled.insert(store, [filled.job(f"wide-{at}", now, resources=wants) for at in range(6)])

    with lone_server(fill) as found:
        yield found


@pytest.fixture
def client(site) -> Iterator[Client]:
    with closing(site.client) as found:
        yield found


@pytest.fixture
def report(client):
    """Speaks for a cluster of so many nodes, of which others hold the first."""
    hello = Hello("lab", "local", "2.60.0", "3.11", "0.1.0", "bench")
    fence = client._post("/api/v1/executor/session", asdict(hello))["fence"]

    def report(count: int, gpus: int = 4) -> None:
        total = {"CPU": 8.0, "GPU": float(gpus)}
        nodes = tuple(
            NodeReport(f"{at:056x}", f"gpu-{at}", "10.0.0.1", total, total if at else {"CPU": 8.0})
            for at in range(count)
        )
        client._post("/api/v1/executor/report", asdict(Report("lab", fence, nodes, ())))

    return report


def test_cells_tell_by_whom_they_are_held_and_lead_to_the_job(site, look, report):
    page = look(site, "/cluster")
    expect(page.locator(".plan")).to_contain_text("No node")
    report(3)
    expect(page.locator(".node")).to_have_count(3)
    cells = page.locator(".cells[data-kind=GPU] a")
    expect(cells.first).to_be_visible()
    job = cells.first.get_attribute("href").removeprefix("/jobs/")
    cells.first.hover()
    expect(page.locator("#tip")).to_contain_text(job)
    expect(page.locator("#tip")).to_contain_text(re.compile(r"\d GPUs? of gpu-\d"))
    page.locator(".stranger").first.hover()
    expect(page.locator("#tip")).to_contain_text("Others than jobs of this server")
    expect(page.locator("#queue tbody tr")).to_have_count(6 - len(set(hrefs(cells))))
    cells.first.click()
    expect(page).to_have_url(re.compile(f"/jobs/{job}$"))


def hrefs(cells):
    return cells.evaluate_all("all => all.map(one => one.getAttribute('href'))")


def test_a_job_that_ends_frees_its_cells_by_itself(site, look, client, report):
    report(3)
    page = look(site, "/cluster")
    cells = page.locator(".cells[data-kind=GPU] a")
    expect(cells.first).to_be_visible()
    page.evaluate("window.stays = true")
    before = len(set(hrefs(cells)))
    for row in page.locator("#queue tbody a").all():
        client.cancel(row.get_attribute("href").removeprefix("/jobs/"))
    expect(page.locator("#queue")).to_have_count(0)
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    assert len(set(hrefs(cells))) == before
    assert page.evaluate("window.stays")


def test_the_keyboard_goes_from_node_to_node(site, look, report):
    report(3)
    page = look(site, "/cluster")
    expect(page.locator(".cells a").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".node").first).to_be_focused()
    expect(page.locator("#tip")).to_contain_text("Others than jobs of this server")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".node").nth(1)).to_be_focused()
    expect(page.locator("#tip")).to_contain_text("wide-")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/jobs/wide-"))


def test_a_thousand_nodes_are_drawn_at_once_and_on_a_phone(site, look, report):
    report(NODES, gpus=8)
    page = look(site, "/cluster", width=390, height=844, dark=True)
    expect(page.locator(".node")).to_have_count(NODES)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 2000


@pytest.mark.parametrize("nodes", [2, 60])
def test_what_nodes_do_is_drawn_also_where_each_is_small(look, nodes):
    with lone_server(lambda _: None) as site:
        gang = Played(site, nodes=nodes).run(resources={"workers": 1})
        values = {"node/cpu": 40.0, "node/memory": 6e9, "node/memory_total": 8e9}
        gang.sample(*(Sample(time.time() - 60 + 5 * step, 0, values) for step in range(12)))
        page = look(site, "/cluster")
        expect(page.locator(".node")).to_have_count(nodes)
        words = page.locator(".load-words").filter(has_text=re.compile("CPU 40 %"))
        expect(words).to_have_text("CPU 40 %" if nodes == 2 else "CPU 40 % of 1 node")
        page.locator(".cells a").first.hover()
        expect(page.locator("#tip")).to_contain_text("CPU 40 %, memory 75 %")
        if nodes == 60:
            expect(page.locator(".use rect[width='40']")).to_have_count(1)
            page.locator(".node").last.hover()
            expect(page.locator("#tip")).to_contain_text("node-")
        page.goto("about:blank")

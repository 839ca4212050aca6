"""The parts of a job's page, filled with what a job of two ranks said, saved, gave and took."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from lone_server import Site, lone_server
from played import Gang, Played
from playwright.sync_api import Page, expect

from launcher.model.sample import Sample

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAA"
    "AElFTkSuQmCC"
)
TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 7, in <module>
FloatingPointError: gradient of layer 7 is not finite
"""
GPU = {"utilization": 97.0, "memory": 6e10, "memory_total": 8e10, "power": 640.0} | {
    "temperature": 71.0, "throttled_thermal": 1.0, "ecc_uncorrected": 2.0, "xid": 48.0
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(lambda _: None) as found:
        yield found


@pytest.fixture(scope="module")
def cluster(site: Site) -> Played:
    return Played(site)


@pytest.fixture(scope="module")
def failed(cluster: Played) -> Gang:
    gang = cluster.run(name="fails", resources={"workers": 3}, env={"LR": "0.1"})
    for rank in range(3):
        gang.log("".join(f"rank {rank} says {line}\n" for line in range(300)), rank=rank)
    gang.log(TRACEBACK, rank=1)
    gang.points(range(10), loss=0.5)
    gang.commit(4, {"weights": b"w" * 2000}, loss=0.25, accuracy=float("nan"))
    gang.commit(8, {"weights": b"w" * 2000}, loss=0.125)
    gang.give({"plots/a b.png": PNG, "table.csv": b"1,2\n", "fake.png": b"<script>"})
    exits = [{"rank": 1, "code": 1, "tail": TRACEBACK}]
    words = "rank 1 on node-0: FloatingPointError"
    gang.end("PROGRAM_FAILED", words=words, first_failing=1, exits=exits)
    return gang


def lines(page: Page) -> Any:
    return page.locator("#log-lines .log-text")


def test_a_failed_job_opens_at_the_rank_that_failed_first_and_the_others_are_a_choice_away(
    site, look, failed
):
    page = look(site, f"/jobs/{failed.job}")
    expect(page.locator("#log-rank")).to_have_value("1.1.log")
    expect(lines(page).last).to_contain_text("FloatingPointError: gradient of layer 7")
    expect(page.locator(".timeline")).to_contain_text("gradient of layer 7 is not finite")
    expect(page.get_by_role("button", name="First failing rank")).to_be_hidden()
    page.get_by_label("Rank", exact=True).select_option("rank 2")
    expect(lines(page).last).to_have_text("rank 2 says 299")
    page.get_by_label("Search this log").fill("says 123")
    expect(page.locator("#log-found")).to_have_text("1 of 1")
    expect(page.locator(".log-row[data-chosen] mark")).to_have_text("says 123")
    page.get_by_role("button", name="First failing rank").click()
    expect(lines(page).filter(has_text="FloatingPointError")).to_be_visible()
    with page.expect_download() as download:
        page.locator("#log-download").click()
    assert download.value.path().read_text().endswith(TRACEBACK)


def test_checkpoints_stand_with_their_figures_newest_first(site, look, failed):
    page = look(site, f"/jobs/{failed.job}")
    table = page.locator("#checkpoints table")
    expect(table.locator("th")).to_have_text(
        ["step", "loss", "accuracy", "size", "attempt", "committed", ""]
    )
    newest, oldest = table.locator("tbody tr").all()
    expect(newest.locator("td").nth(0)).to_have_text("8")
    expect(oldest.locator("td").nth(1)).to_have_text("0.25")
    expect(oldest.locator("td").nth(2)).to_have_text("nan")


def test_pictures_are_shown_and_what_only_claims_to_be_one_is_downloaded(site, look, failed):
    page = look(site, f"/jobs/{failed.job}")
    pictures = page.locator("#outputs img")
    expect(pictures).to_have_count(1)
    pictures.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('#outputs img').naturalWidth === 10")
    expect(page.locator("#outputs tbody tr")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="fake.png").click()
    assert download.value.path().read_bytes() == b"<script>"


def test_the_spec_stands_with_its_environment_and_differs_from_another_jobs(
    site, look, cluster, failed
):
    other = cluster.submit(name="other", resources={"workers": 3}, env={"LR": "0.5"})
    page = look(site, f"/jobs/{failed.job}")
    expect(page.locator("#spec .yaml")).to_contain_text("LR: '0.1'")
    page.get_by_label("differs from").fill(other)
    page.locator("#diff-form").get_by_role("button").click()
    row = page.locator("#diff tr", has_text="env.LR")
    expect(row.locator("del")).to_have_text("0.5")
    expect(row.locator("ins")).to_have_text("0.1")
    page.get_by_label("differs from").fill("nobody")
    page.locator("#diff-form").get_by_role("button").click()
    expect(page.locator("#diff")).to_contain_text("nobody")


def test_events_tell_what_happened_newest_first(site, look, failed):
    page = look(site, f"/jobs/{failed.job}")
    events = page.locator("#events li")
    expect(events.first).to_contain_text("FloatingPointError")
    expect(events.last).to_contain_text("submitted by ada")
    expect(events.filter(has_text="checkpoint of step 4 committed")).to_have_count(1)


def test_what_is_measured_is_drawn_as_it_comes_and_nobody_asks_for_it(site, look, cluster):
    gang = cluster.run(name="measured", resources={"workers": 2})
    gang.points(range(2), loss=1.0)
    gang.sample(measured(0))
    page = look(site, f"/jobs/{gang.job}")
    page.locator("#system").scroll_into_view_if_needed()
    power = page.locator("figure[data-name='gpu/power'] output")
    expect(power).to_have_text("600 W")
    asked: list[str] = ["at first, and once more when the stream is open"]
    page.on("request", lambda request: asked.append(request.url))
    while asked:
        asked.clear()
        page.wait_for_timeout(1000)
    for step in range(1, 4):
        gang.sample(measured(step))
        expect(power).to_have_text(f"{600 + step} W")
    assert [url for url in asked if "/curves" in url or "/series" in url] == []
    gang.sample(measured(4, more={"gpu1/power": 111.0}))
    expect(page.locator("figure[data-name='gpu/power'] output")).to_have_text(["604 W", "111 W"])
    xid = page.locator("figure[data-name='gpu/xid'] output")
    xid.scroll_into_view_if_needed()
    expect(xid).to_have_text("48")


def measured(step: int, more: dict[str, float] | None = None) -> Sample:
    gpu = {f"gpu0/{name}": value for name, value in GPU.items()} | {"gpu0/power": 600.0 + step}
    node = {"node/cpu": 50.0, "node/memory": 3e9, "node/memory_total": 8e9}
    ranks = {rank: {"rank/cpu": 90.0, "rank/memory": 1e9} for rank in range(2)}
    return Sample(1_790_000_000.0 + 5 * step, 0, node | gpu | (more or {}), ranks)


def test_a_slow_rank_is_named_in_the_head_and_marked_where_step_times_are_drawn(
    site, look, cluster
):
    gang = cluster.run(name="uneven", resources={"workers": 2})
    for rank, step_s in ((0, 1.0), (1, 1.5)):
        gang.points(range(10), rank=rank, step_s=step_s, loss=1.0)
    page = look(site, f"/jobs/{gang.job}")
    page.locator("#system").scroll_into_view_if_needed()
    chart = page.locator("figure[data-name='rank/step_time']")
    expect(chart.locator("output")).to_have_text(["1 s", "1.5 s"])
    expect(page.locator("#job-head")).not_to_contain_text("slow")
    for rank, step_s in ((0, 1.0), (1, 2.0)):
        gang.points(range(10, 40), rank=rank, step_s=step_s, loss=1.0)
    expect(page.locator("#job-head .job-warning")).to_contain_text(
        re.compile(r"rank 1 on node-\d is slow: done with a step after (1\.[5-9]|2) times")
    )
    expect(chart.locator(".legend-item[data-slow]")).to_contain_text("rank 1")
    expect(chart.locator(".chart-note")).to_contain_text("slow: rank 1")
    expect(page.locator("#events")).to_contain_text("times as long for a step as the median")
    loss = page.locator("figure[data-name=loss]")
    expect(loss.locator(".legend-item[data-slow]")).to_have_count(0)
    page.reload()
    page.locator("#system").scroll_into_view_if_needed()
    expect(chart.locator(".chart-note")).to_contain_text("slow: rank 1")

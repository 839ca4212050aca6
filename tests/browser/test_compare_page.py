"""Jobs side by side: chosen on the page of all jobs, their curves in the same charts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import filled
import pytest
from lone_server import Site, lone_server
from playwright.sync_api import expect

from launcher.store import Store

COUNT = 20


def _fill(store: Store) -> None:
    jobs = [
        filled.job(f"sweep-{n}", 1_790_000_000.0, env={"LR": f"0.{n:02}"}) for n in range(COUNT)
    ]
    filled.insert(store, jobs, [filled.over(one, "SUCCEEDED") for one in jobs])
    for n, one in enumerate(jobs):
        losses = [value * (1 + n) for value in filled.falling(400)]
        filled.report(store, one.id, {"loss": losses, f"own {n % 3}": [1.0, 2.0]})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(_fill) as found:
        yield found


def ids(site: Site, count: int) -> list[str]:
    with closing(site.client) as client:
        return [job.id for job in client.jobs()][:count]


def test_two_jobs_are_chosen_and_compared(site, look):
    page = look(site, "/")
    first, second = ids(site, 2)
    for job in (first, second):
        page.locator(f"input[type=checkbox][value={job!r}]").check()
    page.get_by_role("link", name="Compare", exact=True).last.click()
    expect(page.locator(".compared-job")).to_have_count(2)
    loss = page.locator("figure[data-name=loss]")
    expect(loss.locator("output")).to_have_count(2)
    expect(loss.locator("output").first).not_to_be_empty()
    expect(page.get_by_role("rowheader", name="env.LR")).to_be_visible()
    page.get_by_label("time since start").check()
    page.wait_for_url("**x=since**")
    expect(loss.locator("output").first).not_to_be_empty()
    page.get_by_role("link", name=f"Leave out {second}").click()
    expect(page.locator(".compared-job")).to_have_count(1)


@pytest.mark.parametrize("width", [1280, 390])
def test_twenty_jobs_stay_readable(site, look, width):
    page = look(site, f"/compare?jobs={','.join(ids(site, COUNT))}", width=width, dark=True)
    expect(page.locator(".compared-job")).to_have_count(COUNT)
    loss = page.locator("figure[data-name=loss]")
    loss.scroll_into_view_if_needed()
    expect(loss.locator(".legend-label")).to_have_text(["min", "median", "max"])
    expect(loss.locator("output").last).not_to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

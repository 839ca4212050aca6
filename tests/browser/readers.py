"""Fixtures: pages as a reader sees them, in a real Chromium.

def test_a_job_is_told(stack, look):
    page = look(stack, "/jobs/digits-k3m9ap", dark=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("digits")

Afterwards the page must have said nothing in its console and asked no other origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import pytest
from chromium import PATIENCE_MS, Watched, chromium, chromium_path
from playwright.sync_api import Browser, Page, expect

from launcher.client import Client
from launcher.server.settings import Settings

expect.set_options(timeout=PATIENCE_MS)


class Site(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...


Look = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium: install Debian's chromium, or name one in CHROMIUM")
    with chromium(path) as found:
        yield found


@pytest.fixture
def watched() -> Iterator[dict[Page, Watched]]:
    """What the test's pages did, for who expects a problem: `watched[page].expect(...)`."""
    pages: dict[Page, Watched] = {}
    yield pages
    problems = [problem for one in pages.values() for problem in one.unexpected()]
    assert not problems, "\n".join(problems)


@pytest.fixture
def look(browser: Browser, watched: dict[Page, Watched]) -> Iterator[Look]:
    """`look(site, "/jobs")`: a page of a reader of his own, who may act unless `acts=False`."""
    contexts = []

    def open_page(
        site: Site,
        path: str = "/",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        acts: bool = True,
    ) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="Asia/Kolkata",
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        watched[page] = Watched(re.match(r"\w+://[^/]+", site.url)[0])  # type: ignore[index]
        watched[page].watch(page)
        page.goto(entrance(site, path, acts=acts))
        page.wait_for_url(lambda url: "/open?" not in url)
        return page

    yield open_page
    for context in contexts:
        context.close()


def entrance(site: Site, path: str, *, acts: bool) -> str:
    """The address by which a reader comes in."""
    if acts:
        with closing(Client(site.url, site.token)) as client:
            opened = client.page_that_acts()
        return f"{opened.partition('&to=')[0]}&to={quote(path)}"
    key = Settings(state_dir=Path(), url=site.url, token=site.token).page_key
    return f"{path}{'&' if '?' in path else '?'}key={key}"

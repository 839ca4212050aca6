"""Who comes in by which address."""

from __future__ import annotations

from collections.abc import Iterator

import filled
import pytest
from lone_server import Site, lone_server
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(lambda store: filled.fill(store, 50)) as found:
        yield found


def test_the_address_that_is_printed_shows_the_jobs_and_keeps_no_key_in_it(site, look):
    page = look(site, "/", acts=False)
    assert "key" not in page.url
    expect(page.get_by_role("link", name="sweep-1", exact=False).first).to_be_visible()

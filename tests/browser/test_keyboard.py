"""Pages without a mouse: where Tab goes, that it is seen, and how a dialog is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lone_server import Site, lone_server
from played import Gang, Played
from playwright.sync_api import expect

TABS = 30
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === document.body || !one) return null;
  const box = one.getBoundingClientRect();
  const looks = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" || style.boxShadow !== "none" || style.stroke !== "none";
  };
  const drawn = [one, one.nextElementSibling, ...one.querySelectorAll("path, circle, rect")];
  return {
    name: one.getAttribute("aria-label") || one.textContent.trim() || one.id || one.name,
    top: box.top + scrollY,
    isSeen: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    isMarked: drawn.some((element) => element && looks(element)),
  };
}"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(lambda _: None) as found:
        yield found


@pytest.fixture(scope="module")
def gang(site: Site) -> Gang:
    found = Played(site).run(resources={"workers": 2})
    found.points(range(9), loss=0.5)
    found.log("hello\n")
    found.commit(4, {"weights": b"w"}, loss=0.5)
    return found


@pytest.mark.parametrize("path", ["/", "/jobs/{job}", "/cluster", "/compare?jobs={job}"])
def test_tab_goes_through_a_page_and_is_always_seen(site, look, gang, path):
    page = look(site, path.format(job=gang.job))
    expect(page.locator("main")).to_be_visible()
    visited = []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            break
        visited.append(found)
    assert len(visited) >= 8
    assert [one["name"] for one in visited if not one["isSeen"]] == []
    assert [one["name"] for one in visited if not one["isMarked"]] == []
    assert [one for one in visited if not one["name"]] == []


def test_a_dialog_is_left_by_escape_and_gives_the_focus_back(site, look, gang):
    page = look(site, f"/jobs/{gang.job}")
    page.get_by_role("button", name="Cancel", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_enabled()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("Esc")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()

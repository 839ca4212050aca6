"""The page of the clusters, and that of all jobs, as they are answered."""

import re

import pytest
from players import Executor, node

from launcher.server.routes.pages import jobs as jobs_page

HOSTILE = "<b>ada</b>\u202e"


@pytest.fixture
def looks(server):
    return {"Cookie": f"launcher-{server.store.server_id}={server.services.settings.page_key}"}


@pytest.fixture
def text(server, looks):
    """What a page says; `part`: as its script asks for it."""

    def text(address, *, part=False):
        headers = looks | ({"HX-Request": "true"} if part else {})
        reply = server.browser.ask("GET", address, headers=headers)
        assert reply.status == 200
        return reply.text

    return text


def test_the_cluster_shows_who_holds_it_and_who_waits(server, executor, agent, job, text):
    agent.sync(attempt=1, started=1)
    executor.report(node("n1", free=1), node("n2"))
    waits = server.new_job(name="waits", resources={"workers": 8})
    server.cycle()
    page = text("/cluster")
    assert f'<a href="/jobs/{job}" tabindex="-1"><rect class="held"' in page
    assert 'class="stranger"' in page
    assert "host-of-n2" in page
    assert f'id="waits-{waits}"' in page


def test_a_part_is_the_page_without_its_frame(server, executor, text):
    for address, name in (("/", "jobs"), ("/cluster", "cluster")):
        server.new_job()
        part = text(address, part=True)
        assert "<html" not in part
        assert part.count(f'id="{name}"') == 1
        assert f'id="{name}"' in text(address)


def test_without_a_cluster_the_page_tells_how_to_get_one(text):
    assert "launcher up" in text("/cluster")


def test_a_silent_cluster_is_shown_as_it_was(server, text):
    Executor(server).report(node("n1"))
    server.monotonic.now += 100
    page = text("/cluster")
    assert "silent for 1m40s" in page
    assert "host-of-n1" in page


def test_what_users_wrote_is_text(server, text):
    spec = server.show(server.new_job())["spec"]
    server.ask("POST", "/jobs", data={"spec": spec, "user": HOSTILE})
    server.cycle()
    for address in ("/", "/cluster", "/?user=" + HOSTILE, "/?q=" + HOSTILE):
        page = text(address)
        assert "&lt;b&gt;ada" in page
        assert "<b>" not in page


@pytest.mark.parametrize(
    "query",
    [
        "?page=0",
        "?page=-1",
        "?page=x",
        "?page=999999999999",
        "?page=²",
        "?sort=nothing",
        "?sort=--name",
        "?state=nothing",
        "?q=%00%ff",
        "?cluster=%F0%9F%8D%8E",
        "?user=%27%3B--",
    ],
)
def test_whatever_stands_in_the_address_there_is_a_page(server, text, query):
    job = server.new_job()
    page = text("/" + query)
    assert job in page or "No such job" in page


def test_too_long_a_text_is_refused(server, looks):
    reply = server.browser.ask("GET", "/?q=" + "x" * 1000, headers=looks)
    assert reply.status == 422


def test_links_of_the_table_keep_what_is_looked_for(server, text):
    server.new_job(name="bert", project="speech")
    page = text("/?q=bert&project=speech&sort=name")
    assert 'href="/?state=waiting&amp;project=speech&amp;q=bert&amp;sort=name"' in page
    assert 'href="/?project=speech&amp;q=bert&amp;sort=-name"' in page
    assert 'aria-sort="ascending"' in page


def test_a_page_behind_the_last_one_is_the_last_one(server, text, monkeypatch):
    monkeypatch.setattr(jobs_page, "_ON_A_PAGE", 2)
    first = server.new_job(name="first")
    for _ in range(4):
        server.wall.now += 1
        server.new_job()
    assert first in text("/?page=99")
    assert first in text("/?page=3")
    assert first not in text("/?page=2")


def test_a_table_of_many_jobs_costs_few_queries(server, text, count_queries):
    for _ in range(30):
        server.new_job()
    text("/", part=True)
    with count_queries() as asked:
        text("/", part=True)
    # The series that stands for a job is looked up for each: that is faster than for all at once.
    assert len([query for query in asked if "FROM series" not in query]) < 10


def test_no_asset_is_asked_for_that_is_not_there_and_each_is_kept_for_ever(server, executor, text):
    for address in ("/", "/cluster"):
        for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', text(address)):
            reply = server.browser.ask("GET", asset)
            assert reply.status == 200
            assert "immutable" in reply.headers["cache-control"]
            assert reply.headers["x-content-type-options"] == "nosniff"


def test_an_asset_at_the_address_of_an_older_server_is_not_kept(server):
    reply = server.browser.ask("GET", "/assets/0123456789abcdef/js/frame.js")
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["nothing.js", "../templates/base.html", "vendor/README.md", ""])
def test_nothing_else_is_served_as_an_asset(server, name):
    assert server.browser.ask("GET", f"/assets/0/{name}").status == 404

"""What the buttons of a job's page do, and what a page shows in their place that may only look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from lone_server import Site, lone_server
from machine import wait_until
from played import Gang, Played
from playwright.sync_api import Page, expect

from launcher.client import Client

WORDS = re.compile("launcher open")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with lone_server(lambda _: None) as found:
        yield found


@pytest.fixture(scope="module")
def cluster(site: Site) -> Played:
    return Played(site)


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with closing(site.client) as found:
        yield found


@pytest.fixture
def failed(cluster: Played) -> Gang:
    """Of a job that failed behind its checkpoints of steps 5 and 9."""
    gang = cluster.run()
    gang.points(range(12), loss=0.5)
    for step in (5, 9):
        gang.commit(step, {"weights": b"w"}, loss=1 / step)
    gang.end("PROGRAM_FAILED", words="rank 0: exit code 3", first_failing=0)
    return gang


def button(page: Page, name: str | re.Pattern[str]) -> Any:
    return page.get_by_role("button", name=name, exact=isinstance(name, str))


def badge(page: Page) -> Any:
    return page.locator("#job-head .badge")


def new_job(page: Page, before: str) -> str:
    """The job whose page the browser went to."""
    page.wait_for_url(lambda url: "/jobs/" in url and before not in url)
    return str(page.url.rpartition("/")[2])


def test_a_failed_job_is_retried_from_its_newest_checkpoint(site, look, client, failed):
    page = look(site, f"/jobs/{failed.job}")
    button(page, "Retry from step 9").click()
    expect(badge(page)).not_to_have_text("Failed")
    wait_until(lambda: len(client.job(failed.job).attempts) == 2, "a second attempt")
    assert client.job(failed.job).attempts[1].resume_step == 9
    expect(button(page, "Cancel")).to_be_visible()


def test_a_new_job_goes_on_from_the_checkpoint_that_was_chosen(site, look, client, failed):
    page = look(site, f"/jobs/{failed.job}")
    row = page.locator("#checkpoints tbody tr", has=page.get_by_role("cell", name="5", exact=True))
    row.get_by_role("button", name="new job from here").click()
    expect(page.locator("#confirm")).to_contain_text("from the checkpoint of step 5")
    button(page, "Back").click()
    row.get_by_role("button", name="new job from here").click()
    button(page, "Queue it").click()
    job = new_job(page, failed.job)
    assert client.job(job).spec["from_job"] == f"{failed.job}@5"
    wait_until(lambda: client.job(job).attempts, "its first attempt")
    assert client.job(job).attempts[0].resume_step == 5


def test_a_clone_begins_anew_with_the_same_spec(site, look, client, failed):
    page = look(site, f"/jobs/{failed.job}")
    button(page, "Clone").click()
    expect(page.locator("#confirm")).to_contain_text("--set KEY=VALUE")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    button(page, "Clone").click()
    button(page, "Queue a clone").click()
    job = new_job(page, failed.job)
    expect(page.locator("#job-id")).to_have_text(job)
    assert client.job(job).spec == client.job(failed.job).spec
    assert wait_until(lambda: client.job(job).attempts, "an attempt")[0].resume_step is None


def test_a_waiting_job_is_held_and_released(site, look, client, cluster):
    job = cluster.submit(not_before="1h")
    page = look(site, f"/jobs/{job}")
    button(page, "Hold").click()
    expect(badge(page)).to_have_text("Held")
    assert client.job(job).state == "HELD"
    expect(button(page, "Hold")).to_have_count(0)
    button(page, "Release").click()
    expect(badge(page)).not_to_have_text("Held")
    assert client.job(job).state != "HELD"
    client.cancel(job)


def test_an_order_that_is_refused_says_why(site, look, client, failed, watched):
    page = look(site, f"/jobs/{failed.job}")
    watched[page].expect("status of 4")
    expect(button(page, "Retry from step 9")).to_be_enabled()
    page.route(
        "**/retry",
        lambda route: route.fulfill(
            status=409, json={"error": "its checkpoint is gone", "hint": "clone it"}
        ),
    )
    button(page, "Retry from step 9").click()
    expect(page.locator("#toasts")).to_contain_text("its checkpoint is gone")
    expect(page.locator("#toasts")).to_contain_text("clone it")


def test_several_jobs_are_held_released_and_cancelled_by_the_buttons_under_the_table(
    site, look, client, cluster
):
    wants = {"workers": 2, "cpus_per_worker": 8}  # all there is: only one of them can start
    jobs = [cluster.submit(name="bulk", resources=wants) for _ in range(3)]
    wait_until(lambda: client.job(jobs[2]).reason, "why it waits")
    page = look(site, "/?q=bulk")
    for job in jobs[1:]:
        page.locator(f"#row-{job} input").check()
    button(page, "Hold").click()
    for job in jobs[1:]:
        expect(page.locator(f"#row-{job} .badge")).to_have_text("Held")
        page.locator(f"#row-{job} input").check()
    button(page, "Release").click()
    expect(page.locator("#toasts")).to_contain_text("2 jobs released")
    page.locator("#all").check()
    button(page, "Cancel…").click()
    button(page, "Cancel 3 jobs").click()
    expect(page.locator("#toasts")).to_contain_text("3 jobs cancelled")
    assert {client.job(job).state for job in jobs} <= {"CANCELLED", "CANCELLING"}


def test_a_page_that_may_only_look_says_how_to_get_one_that_may_act(
    site, look, watched, client, failed
):
    page = look(site, f"/jobs/{failed.job}", acts=False)
    watched[page].expect("status of 401")
    expect(page.get_by_text("view only")).to_be_visible()
    buttons = page.locator("button[data-action]")
    expect(buttons).to_have_count(4)  # retry, clone, and one for each checkpoint
    for one in buttons.all():
        expect(one).to_be_disabled()
        expect(one).to_have_attribute("title", WORDS)
    statuses = page.evaluate(
        """job => Promise.all(["jobs/" + job + "/retry", "jobs/" + job + "/cancel", "jobs",
            "queue/hold"].map(path => fetch("/api/v1/" + path, {method: "POST", body: "{}",
            headers: {"X-Launcher-Page": "1", "Content-Type": "application/json"}})
            .then(answer => answer.status)))""",
        failed.job,
    )
    assert statuses == [401] * 4
    assert client.job(failed.job).state == "FAILED"

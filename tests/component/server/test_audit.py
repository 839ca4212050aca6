"""Who changed what: all of it is written down, and read by who may."""

import json

import pytest
from players import TOKEN
from shared_server import Shared

from launcher.server.auditing import KEPT_S


@pytest.fixture
def shared(server):
    return Shared(server)


def entries(shared, who="root", query=""):
    return shared.ask(who, "GET", f"/audit{query}").json()["entries"]


def test_every_change_is_in_the_audit_with_who_and_what_and_from_where(shared):
    job = shared.new_job("mars-member", project="mars")
    shared.ask("mars-member", "POST", "/queue/hold", data={"jobs": [job]})
    shared.ask("mars-member", "POST", f"/jobs/{job}/cancel")
    shared.ask("mars-admin", "PUT", "/projects/mars/members/nobody", data={"role": "viewer"})
    told = [(one["user"], one["did"], one["thing"], one["project"]) for one in entries(shared)]
    assert told[::-1] == [
        ("mars-member", "job.submit", job, "mars"),
        ("mars-member", "job.hold", job, "mars"),
        ("mars-member", "job.cancel", job, "mars"),
        ("mars-admin", "project.grant", "nobody is viewer", "mars"),
    ]
    newest = entries(shared)[0]
    assert (newest["status"], newest["address"]) == (200, "127.0.0.1")
    assert newest["token"]


def test_what_was_refused_is_in_the_audit_too(shared):
    job = shared.new_job("mars-member", project="mars")
    shared.ask("mars-viewer", "POST", f"/jobs/{job}/cancel")
    shared.ask("venus-admin", "POST", f"/jobs/{job}/cancel")
    assert [(one["user"], one["status"]) for one in entries(shared)[:2]] == [
        ("venus-admin", 404), ("mars-viewer", 403),
    ]  # fmt: skip


def test_the_owner_is_written_down_by_the_name_that_they_say(shared):
    shared.server.new_job()
    assert entries(shared)[0]["user"] == "ada"


def test_the_audit_is_read_by_admins_and_by_those_of_a_project_for_theirs(shared):
    shared.new_job("mars-member", project="mars")
    shared.new_job("venus-member", project="venus")
    assert {one["project"] for one in entries(shared, "mars-admin")} == {"mars"}
    for who in ("mars-member", "nobody"):
        assert shared.ask(who, "GET", "/audit").status == 403


def test_an_admin_of_all_projects_reads_what_is_of_any_and_not_of_the_server(shared):
    shared.new_job("mars-member", project="mars")
    shared.new_job("venus-member", project="venus")
    shared.ask("root", "POST", "/users", data={"name": "minerva"})
    shared.add("jove", "*", "admin")
    assert [one["project"] for one in entries(shared, "jove")] == ["venus", "mars"]
    assert [one["project"] for one in entries(shared, "jove", "?project=venus")] == ["venus"]
    assert len(entries(shared)) == 3


def test_the_audit_of_a_thing_has_also_what_was_done_to_it_among_others(shared):
    first, second = (shared.new_job("mars-member", project="mars") for _ in range(2))
    shared.ask("mars-member", "POST", "/queue/hold", data={"jobs": [first, second]})
    shared.ask("mars-admin", "PUT", "/projects/mars/members/nobody", data={"role": "viewer"})
    for thing in (first, second):
        told = [one["did"] for one in entries(shared, query=f"?thing={thing}")]
        assert told == ["job.hold", "job.submit"]
    assert [one["did"] for one in entries(shared, query="?thing=nobody")] == ["project.grant"]
    for part in (first[:-1], "%", "nobod_"):
        assert entries(shared, query=f"?thing={part}") == []


def test_the_audit_says_how_many_more_there_were(shared):
    shared.new_job("mars-member", project="mars", array="0-299")
    jobs = [one["id"] for one in shared.ask("mars-member", "GET", "/queue").json()["jobs"]]
    assert shared.ask("mars-member", "POST", "/queue/hold", data={"jobs": jobs}).status == 200
    told = entries(shared)[0]["thing"]
    named, more = told.split(" and ")
    assert len(named.split(", ")) + int(more.removesuffix(" more")) == 300
    assert len(told) <= 2000


def test_what_somebody_calls_a_project_takes_no_room_in_the_audit(shared):
    test = {"url": "https://hooks.example/", "project": "p" * 100_000}
    assert shared.ask("mars-viewer", "POST", "/notify/test", data=test).status == 403
    assert len(entries(shared)[0]["project"]) == 100


def test_the_audit_forgets_after_its_time(shared):
    shared.new_job("mars-member", project="mars")
    shared.server.wall.now += KEPT_S + 1
    assert shared.server.services.audit.forget() == 1
    assert entries(shared) == []


def test_no_token_and_no_value_is_in_the_audit(shared):
    text = shared.ask("root", "POST", "/tokens", data={"user": "mars-member"}).json()["text"]
    shared.ask("mars-member", "PUT", "/secrets/A_KEY?project=mars", body=b"value-of-it")
    test = {"url": "https://hooks.example/T0/secret-part", "project": "mars"}
    shared.ask("mars-viewer", "POST", "/notify/test", data=test)
    shared.ask("mars-viewer", "DELETE", f"/tokens/{text}")  # whose it is not
    assert entries(shared)[0]["thing"] == text.split("_")[1]
    told = json.dumps(entries(shared))
    for value in (text, TOKEN, "value-of-it", "secret-part"):
        assert value not in told

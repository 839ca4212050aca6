"""All routes by all roles: nobody reads or changes what is of a project where they have no role.

Made from what the application serves: a route without a rule in `launcher.server.access` fails.
"""

import shutil

import pytest
from shared_server import (
    API,
    MARKS,
    ROLES,
    Shared,
    anonymous,
    as_user,
    asked,
    described,
    every_route,
    fake,
    plain,
    real,
    sent,
)
from sqlalchemy import func, select

from launcher.model.access import Action, Kind
from launcher.server.access import TABLE, About, Audience
from launcher.store import tables

STRANGERS = ("venus-viewer", "venus-member", "venus-admin", "nobody")
OWN = {f"{API}/packages/{{digest}}", f"{API}/tokens", f"{API}/tokens/{{identity}}"}
"""What everybody has of his own, whoever else has some."""
FOR_USERS = sorted(route for route, rule in TABLE.items() if rule.audience is Audience.USERS)
OF_A_JOB = [route for route in FOR_USERS if TABLE[route].about in {About.JOB, About.JOBS}]
PAGES = sorted(route for route, rule in TABLE.items() if rule.audience is Audience.PAGES)
PROBES = {("GET", "/healthz"), ("GET", "/readyz")}
"""Answered before the application is asked: launcher/server/probes.py."""


@pytest.fixture(scope="module")
def shared(run_server, fresh_state, open_unsynced, routes, tmp_path_factory):
    folder = shutil.copytree(fresh_state, tmp_path_factory.mktemp("shared") / "state")
    with run_server(folder, open_unsynced(folder), routes) as server:
        yield Shared(server).fill()


def named(route):
    return f"{route[0]} {route[1].removeprefix(API)}"


# --- every route ---------------------------------------------------------------------------------


def test_every_route_has_a_rule_and_every_rule_a_route(shared, routes):
    served = every_route(routes)
    assert served - set(TABLE) == set(), "decide in launcher/server/access.py who may ask these"
    assert set(TABLE) - served == PROBES


def test_the_described_routes_are_those_of_users_and_what_is_open(shared):
    known = {(method, plain(path)): rule for (method, path), rule in TABLE.items()}
    for route in described(shared.server):
        assert known[route].audience in {Audience.USERS, Audience.EVERYBODY}, route


def test_a_route_that_nobody_decided_on_is_answered_to_nobody(shared, monkeypatch):
    monkeypatch.delitem(TABLE, ("GET", f"{API}/jobs"))
    assert shared.ask("root", "GET", "/jobs").status == 500


@pytest.mark.parametrize("audience", [one for one in Audience if one is not Audience.EVERYBODY])
def test_a_route_asks_for_a_token_whatever_its_own_file_forgets(shared, audience):
    for route, rule in TABLE.items():
        if rule.audience is audience:
            status, text = asked(shared.server, *route, real(shared), {})
            assert status == 401, route
            assert not any(mark in text for mark in MARKS)


@pytest.mark.parametrize("route", FOR_USERS, ids=named)
def test_without_a_token_or_with_that_of_an_agent_nothing_is_told(shared, route):
    for headers in ({}, {"Authorization": f"Bearer {shared.agent.token}"}):
        status, text = asked(shared.server, *route, real(shared), headers)
        assert status == 401
        assert not any(mark in text for mark in MARKS)


# --- strangers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("route", OF_A_JOB, ids=named)
def test_a_job_of_another_project_is_as_one_that_never_was(shared, route, who):
    headers = as_user(shared, who)
    status, text = asked(shared.server, *route, real(shared), headers)
    assert status == 404
    assert_as_never(shared, route, headers, status, text)


@pytest.mark.parametrize("who", STRANGERS)
def test_no_route_tells_a_stranger_of_another_project(shared, who):
    headers, before = as_user(shared, who), everything(shared)
    for route in FOR_USERS:
        if route[1] in OWN and route[0] != "GET":
            continue
        status, text = asked(shared.server, *route, real(shared), headers)
        assert status < 500, (route, text)
        assert_tells_nothing(shared, route, text)
        if sent(*route, real(shared)) != sent(*route, fake()):
            assert_as_never(shared, route, headers, status, text)
    assert everything(shared) == before


def assert_tells_nothing(shared, route, text):
    told = anonymous(text, *route, real(shared))
    assert not any(mark in told for mark in MARKS), (route, text)


def assert_as_never(shared, route, headers, status, text):
    """The same is answered of things of the same form that there never were."""
    never, told = asked(shared.server, *route, fake(), headers)
    mine = anonymous(text, *route, real(shared))
    assert (status, mine) == (never, anonymous(told, *route, fake())), route


@pytest.mark.parametrize("who", STRANGERS)
def test_no_page_tells_a_stranger_of_another_project(shared, who):
    cookies = shared.browser_of(who)
    for route in PAGES:
        status, text = asked(shared.server, *route, real(shared), cookies)
        assert_tells_nothing(shared, route, text)
        about = TABLE[route].about
        assert status == (404 if about is About.JOB else 200), (route, text)


def test_a_job_is_not_compared_with_one_of_another_project(shared):
    cookies = shared.browser_of("venus-member")
    path = f"/jobs/{shared.venus}/diff?other={shared.job}"
    text = shared.server.browser.ask("GET", path, headers=cookies).text
    assert "no job" in text
    assert text.count("sesame") == 1  # as it was asked for


def test_who_waits_is_not_told_for_whose_job(shared):
    reason = shared.ask("root", "GET", f"/jobs/{shared.venus}").json()["reason"]
    assert "sesame" in reason
    for path in (f"/jobs/{shared.venus}", f"/jobs/{shared.venus}/why", "/jobs", "/occupancy"):
        told = shared.ask("venus-viewer", "GET", path).text
        assert "a job of another project" in told
        assert "sesame" not in told


@pytest.mark.parametrize("ref", ["sesame", "sesam", "{part}", "sesame-queu"])
def test_the_beginning_of_a_job_of_another_project_means_nothing(shared, ref):
    part = shared.job.rpartition("-")[2]
    reply = shared.ask("venus-admin", "GET", f"/jobs/{ref.format(part=part)}")
    assert reply.status == 404
    assert shared.job not in reply.text


def everything(shared):
    """The rows of all tables whose change would be somebody's doing."""
    with shared.server.store.read() as tx:
        counts = {
            table.name: tx.scalar(select(func.count()).select_from(table))
            for table in tables.main.sorted_tables
            if table.name not in {"audit", "uploads"}
        }
        jobs = tx.execute(select(tables.jobs.c.id, tables.jobs.c.state, tables.jobs.c.revision))
        members = tx.execute(select(tables.members).order_by(tables.members.c.user))
        users = tx.execute(select(tables.users.c.name, tables.users.c.is_admin))
        return counts, jobs.all(), members.all(), users.all()


# --- roles ---------------------------------------------------------------------------------------

DECIDED = {About.JOB, About.JOBS, About.PROJECT, About.SERVER, About.GIVEN}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "route", [one for one in FOR_USERS if TABLE[one].about in DECIDED and one[1] not in OWN],
    ids=named,
)  # fmt: skip
def test_a_role_is_refused_exactly_what_is_above_it(shared, route, role):
    action = TABLE[route].action
    needed = {Action.LOOK: 0, Action.ACT: 1, Action.MANAGE: 2, Action.SERVE: 3}[action]
    may = ROLES.index(role) >= needed
    if may and action is not Action.LOOK:
        return  # what they may do is seen to work by the tests of those who do it
    who = f"mars-{role}"
    status, text = asked(shared.server, *route, real(shared), as_user(shared, who))
    assert (status == 403) == (not may), (route, status, text)


def test_a_member_does_what_a_viewer_may_not(shared):
    for verb in ("hold", "release", "cancel"):
        order = {"jobs": [shared.waiting]}
        refused = shared.ask("mars-viewer", "POST", f"/queue/{verb}", data=order)
        assert refused.status == 403
        assert "is viewer of project 'mars'" in refused.error
        assert shared.ask("mars-member", "POST", f"/queue/{verb}", data=order).status == 200


def test_an_admin_of_the_server_may_look_at_all(shared):
    for route in OF_A_JOB:
        if TABLE[route].action is Action.LOOK:
            status, text = asked(shared.server, *route, real(shared), as_user(shared, "root"))
            assert status in {200, 404}, (route, text)
    found = {job["id"] for job in shared.ask("root", "GET", "/jobs").json()["jobs"]}
    assert {shared.job, shared.venus} <= found


def test_a_service_account_has_the_rights_of_its_role(shared):
    shared.add("ci", "mars", "member", kind=Kind.SERVICE)
    assert shared.ask("ci", "GET", "/whoami").json()["kind"] == "service"
    assert shared.ask("ci", "GET", f"/jobs/{shared.job}").status == 200
    assert shared.ask("ci", "GET", f"/jobs/{shared.venus}").status == 404


def test_a_role_in_all_projects_counts_in_each(shared):
    shared.add("auditor", "*", "viewer")
    assert shared.ask("auditor", "GET", f"/jobs/{shared.job}").status == 200
    assert shared.ask("auditor", "POST", f"/jobs/{shared.job}/cancel").status == 403

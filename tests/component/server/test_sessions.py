"""What a browser may: look by the viewing key, act by a session that began with a code."""

import re

import pytest
from players import API, TOKEN, bearer

from launcher.server.access import TABLE, Audience
from launcher.server.sessions import CODE_LASTS_S, SESSION_LASTS_S, Right, Sessions

HERE = "127.0.0.1:80"
OF_A_PAGE = {"X-Launcher-Page": "1", "Origin": f"http://{HERE}", "Host": HERE}
UNTOLD = {"/healthz"}
"""Open to everybody: it tells nothing of jobs."""


@pytest.fixture
def looks(server):
    """Cookies of a browser that was given the viewing key."""
    return {"Cookie": f"launcher-{server.store.server_id}={server.services.settings.page_key}"}


@pytest.fixture
def open_page(server):
    """Opens an address that may act; gives the answer."""

    def open_page(job="", user="ada"):
        path = server.ask("POST", "/page-codes", data={"job": job, "user": user}).json()["path"]
        return server.browser.ask("GET", path)

    return open_page


@pytest.fixture
def acts(open_page):
    """Cookies of a browser in a session."""
    return {"Cookie": session_of(open_page())}


def session_of(reply):
    return next(cookie for cookie in cookies(reply) if "session" in cookie)


def cookies(reply):
    return [cookie.partition(";")[0] for cookie in reply.cookies]


# --- every route of users ------------------------------------------------------------------------


def routes(server):
    """(method, path) of every route that the API describes."""
    described = server.browser.ask("GET", "/openapi.json").json()["paths"]
    for path, by_method in described.items():
        if path.startswith(f"{API}/") and path.removeprefix(API) not in UNTOLD:
            for method in by_method:
                yield method.upper(), path.removeprefix(API)


def plain(path):
    """As the description writes it: without the converters of our routes."""
    return re.sub(r":path\}", "}", path).removeprefix(API)


def opened_by(right):
    """(method, path) of what cookies of that right open, and no lesser ones."""
    return {
        (method, plain(path))
        for (method, path), rule in TABLE.items()
        if rule.audience is Audience.USERS and rule.cookie is right
    }


def test_the_viewing_key_changes_nothing_and_shows_what_is_listed(server, looks):
    for method, path in routes(server):
        shows = (method, path) in opened_by(Right.LOOK)
        reply = asked(server, method, path, looks | OF_A_PAGE)
        assert (reply != 401) == shows, (method, path)


def test_a_session_opens_what_is_listed_and_changes_only_from_a_page(server, acts):
    listed = opened_by(Right.LOOK) | opened_by(Right.ACT)
    for method, path in routes(server):
        assert (asked(server, method, path, acts | OF_A_PAGE) != 401) == ((method, path) in listed)
        bare = asked(server, method, path, acts)
        assert (bare != 401) == (method == "GET" and (method, path) in listed), (method, path)


def asked(server, method, path, headers):
    """Status of the answer; jobs and what is in them are none that there are."""
    address = re.sub(r"\{(attempt|rank|checkpoint_id)\}", "1", path)
    address = re.sub(r"\{\w+\}", "nothing", address)
    with server.browser.open(method, f"{API}{address}", headers=headers, body=b"{}") as stream:
        return stream.get()["status"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Launcher-Page": "0"},
        {"X-Launcher-Page": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:81"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_what_another_origin_sends_changes_nothing(server, acts, wrong):
    job = server.new_job()
    headers = acts | OF_A_PAGE | {"Sec-Fetch-Site": "same-origin"}
    cancel = f"{API}/jobs/{job}/cancel"
    assert server.browser.ask("POST", cancel, headers=headers | wrong).status == 401
    assert server.show(job)["state"] == "QUEUED"
    assert server.browser.ask("POST", cancel, headers=headers).status == 200
    assert server.show(job)["state"] == "CANCELLED"


def test_a_page_that_may_only_look_is_told_how_to_get_one_that_acts(server, looks):
    job = server.new_job()
    reply = server.browser.ask("POST", f"{API}/jobs/{job}/cancel", headers=looks | OF_A_PAGE)
    assert reply.status == 401
    assert "look" in reply.error
    assert "launcher open" in reply.json()["hint"]


def test_a_wrong_token_is_refused_whatever_cookie_comes_with_it(server, acts):
    headers = acts | OF_A_PAGE | bearer("wrong")
    assert server.browser.ask("GET", f"{API}/jobs", headers=headers).status == 401


def test_a_session_opens_nothing_of_executors_and_agents(server, acts):
    for path in ("/executor/session", "/agent/sync", "/agent/append"):
        reply = server.browser.ask("POST", f"{API}{path}", headers=acts | OF_A_PAGE)
        assert reply.status == 401


def test_a_session_says_by_whose_name_it_acts(server, open_page, looks):
    who = f"{API}/visitor"
    session = {"Cookie": session_of(open_page(user="Zoë"))}
    told = server.browser.ask("GET", who, headers=session).json()
    assert told == {"may_act": True, "user": "Zoë"}
    assert server.browser.ask("GET", who, headers=looks).json()["may_act"] is False


# --- codes and sessions --------------------------------------------------------------------------


def test_a_code_opens_one_browser_once(server):
    path = server.ask("POST", "/page-codes", data={}).json()["path"]
    first = server.browser.ask("GET", path)
    assert first.status == 200
    again = server.browser.ask("GET", path)
    assert again.status == 401
    assert "launcher open" in again.text
    assert not again.cookies


def test_the_cookies_of_a_session_are_closed_to_scripts_and_to_other_sites(open_page):
    reply = open_page()
    (session,) = [cookie for cookie in reply.cookies if "session" in cookie]
    (viewing,) = [cookie for cookie in reply.cookies if "session" not in cookie]
    for cookie in (session.lower(), viewing.lower()):
        assert "httponly" in cookie
    assert "samesite=strict" in session.lower()
    assert "samesite=lax" in viewing.lower()


def test_a_code_leads_to_the_page_of_its_job_and_nowhere_else(server, open_page):
    job = server.new_job()
    assert f"url=/jobs/{job}" in open_page(job).text
    assert server.ask("POST", "/page-codes", data={"job": "nobody"}).status == 404
    for wrong in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"):
        path = server.ask("POST", "/page-codes", data={}).json()["path"]
        text = server.browser.ask("GET", path.replace("to=/", f"to={wrong}")).text
        assert 'content="0;url=/"' in text


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions(TOKEN, "page-key", "server", clock)


def right(sessions, session):
    return sessions.visitor(key="", session=session).right


def test_a_code_lasts_a_minute(sessions, clock):
    early, late = sessions.new_code("ada"), sessions.new_code("ada")
    clock.now += CODE_LASTS_S - 1
    assert sessions.redeem(early)
    clock.now += 1
    assert sessions.redeem(late) is None


def test_a_session_ends_and_cannot_be_prolonged_by_who_has_it(sessions, clock):
    session = sessions.new_session("ada")
    assert right(sessions, session) is Right.ACT
    until, rest = session.split(".", 1)
    assert right(sessions, f"{int(until) + 1}.{rest}") is Right.NONE
    clock.now += SESSION_LASTS_S
    assert right(sessions, session) is Right.NONE


def test_a_session_survives_its_server_and_not_its_token(sessions, clock):
    session = sessions.new_session("ada")
    assert right(Sessions(TOKEN, "page-key", "server", clock), session) is Right.ACT
    assert right(Sessions("other", "page-key", "server", clock), session) is Right.NONE


@pytest.mark.parametrize("wrong", ["", ".", "...", "a.b.c.d", "1.2", "é.é.é.é", "9999999999..."])
def test_what_is_no_session_opens_nothing(sessions, wrong):
    assert right(sessions, wrong) is Right.NONE


def test_very_many_codes_push_the_oldest_out(sessions):
    first = sessions.new_code("ada")
    codes = [sessions.new_code("ada") for _ in range(1000)]
    assert sessions.redeem(first) is None
    assert sessions.redeem(codes[0])
    assert sessions.redeem(codes[-1])


@pytest.mark.parametrize("key", ["", "x", "é", TOKEN])
def test_a_wrong_key_is_no_key(sessions, key):
    assert sessions.visitor(key=key, session="").right is Right.NONE
    assert sessions.visitor(key="page-key", session="").right is Right.LOOK

"""The pages in a browser, and the API's own page."""

import re

import pytest

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def cookie(server):
    """What a browser sends after the address with the key was opened."""
    key = server.services.settings.page_key
    return {"Cookie": f"launcher-{server.store.server_id}={key}"}


def page(server, address, cookie=None):
    return server.browser.ask("GET", address, headers=cookie)


def test_a_page_is_not_shown_without_its_key(server):
    job = server.new_job()
    name = f"launcher-{server.store.server_id}"
    wrong = [None, {"Cookie": f"{name}=x"}, {"Cookie": f"{name}="}, {"Cookie": "other=x"}]
    for address in ("/", f"/jobs/{job}", "/jobs/unknown"):
        for headers in wrong:
            reply = page(server, address, headers)
            assert reply.status == 401
            assert "launcher show JOB" in reply.text
            assert job not in reply.text


@pytest.mark.parametrize("key", ["", "x", "%C3%A9", "user-token"])
def test_a_wrong_key_opens_nothing_and_sets_no_cookie(server, cookie, key):
    reply = page(server, f"/?key={key}", cookie)
    assert reply.status == 401
    assert "set-cookie" not in reply.headers


def test_the_address_with_the_key_becomes_a_cookie_and_an_address_without_it(server):
    job = server.new_job()
    shown = server.show(job)["page"]
    path = shown.removeprefix("http://127.0.0.1:80")
    reply = page(server, path)
    assert (reply.status, reply.headers["location"]) == (303, f"/jobs/{job}")
    assert reply.headers["referrer-policy"] == "no-referrer"
    cookie = reply.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    reply = page(server, f"/jobs/{job}", {"Cookie": cookie.partition(";")[0]})
    assert reply.status == 200
    assert job in reply.text


def test_the_key_is_not_the_token_and_the_token_is_on_no_page(server, cookie):
    job = server.new_job()
    for address in ("/", f"/jobs/{job}"):
        reply = page(server, address, cookie)
        assert "user-token" not in reply.text
        assert server.services.settings.page_key not in reply.text


@pytest.fixture
def hostile(server, agent, job):
    """A job whose program, agents and checkpoints say all they can to break a page."""
    agent.points(1, **{SCRIPT: 1.0, "nan": float("nan"), "</style>": 0.5})
    agent.sync(notes=[{"number": 1, "text": f"note {SCRIPT}"}])
    exits = [{"rank": 0, "code": 1, "tail": f"Traceback {SCRIPT} \udce9"}]
    agent.end("PROGRAM_FAILED", words=f"words {SCRIPT} \udce9", first_failing=0, exits=exits)
    return job


def test_what_programs_say_is_shown_as_text(server, hostile, cookie):
    for address in ("/", f"/jobs/{hostile}"):
        text = page(server, address, cookie).text
        assert "&lt;script&gt;" in text
        assert SCRIPT not in text
        assert "<style" not in text
    for said in ("note", "Traceback", "words"):
        assert f"{said} &lt;script&gt;" in text


PAGES = ("/", "/cluster", "/jobs/{job}", "/jobs/unknown", "/open?code=x")


def test_a_page_forbids_what_is_written_into_it_frames_and_other_origins(server, job, cookie):
    for address in PAGES:
        reply = page(server, address.format(job=job), cookie)
        parts = reply.headers["content-security-policy"].split(";")
        policy = dict(part.strip().split(" ", 1) for part in parts)
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in str(policy)
        assert reply.headers["cache-control"] == "no-store"
        # What the policy would refuse, and the console would tell of.
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", reply.text)


def test_a_page_asks_nothing_of_another_origin(server, hostile, cookie):
    for address in ("/", f"/jobs/{hostile}"):
        asked = re.findall(r"(?:src|href)=\"?([^\" >]*)", page(server, address, cookie).text)
        assert asked
        assert all(re.match("/(?!/)|#", other) for other in asked)


def test_an_unknown_job_is_told_on_a_page(server, cookie):
    reply = page(server, "/jobs/%3Cscript%3E", cookie)
    assert reply.status == 404
    assert "no job &#39;&lt;script&gt;&#39;" in reply.text


def test_the_apis_page_and_all_it_needs_come_from_here(server):
    reply = page(server, "/docs")
    assert reply.status == 200
    needed = re.findall(r"(?:src|href)=\"([^\"]+)\"", reply.text)
    assert len(needed) >= 2
    for address in needed:
        assert address.startswith("/")
        assert page(server, address).status == 200
    assert not re.search(r"https?://", reply.text)


def test_the_apis_description_names_what_users_ask_and_nothing_of_agents(server):
    described = page(server, "/openapi.json").json()["paths"]
    assert "/api/v1/jobs/{ref}/follow" in described
    assert not any("agent" in path or "executor" in path for path in described)

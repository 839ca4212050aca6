"""Who may ask what, and how refusals look."""

import pytest
from players import API, TOKEN, Agent, bearer

USER_ROUTES = [
    ("GET", "/jobs"),
    ("POST", "/jobs"),
    ("GET", "/jobs/{job}"),
    ("GET", "/jobs/{job}/logs/1/0"),
    ("GET", "/jobs/{job}/follow"),
    ("POST", "/jobs/{job}/cancel"),
    ("HEAD", "/packages/{digest}"),
    ("PUT", "/packages/{digest}"),
    ("GET", "/server"),
    ("POST", "/shutdown"),
    ("POST", "/executor/session"),
    ("GET", "/executor/desired"),
    ("POST", "/executor/report"),
]
AGENT_ROUTES = [
    ("POST", "/agent/sync"),
    ("GET", "/agent/setup/{job}.1"),
    ("GET", "/agent/job"),
    ("POST", "/agent/append"),
    ("POST", "/agent/blobs/missing"),
    ("PUT", "/agent/blobs/{digest}"),
    ("GET", "/agent/blobs/{digest}"),
    ("POST", "/agent/checkpoints"),
    ("GET", "/agent/checkpoints/1"),
    ("GET", "/agent/watched"),
]


def filled(path, job):
    return path.format(job=job, digest="0" * 64)


def assert_refused(reply):
    assert reply.status == 401
    assert reply.body == b"" or reply.error


def test_user_routes_answer_to_the_users_token_alone(server, agent):
    wrong = [None, "", "other", TOKEN + "x", TOKEN[:-1], "j\xf6b.\xe9", agent.token]
    for method, path in USER_ROUTES:
        for token in wrong:
            assert_refused(server.ask(method, filled(path, agent.job), token=token))


def test_agent_routes_answer_to_a_jobs_token_alone(server, agent):
    last = "0" if agent.token[-1] != "0" else "1"
    wrong = [None, TOKEN, ".", "x.", "j\xf6b.\xe9", f"{agent.job}.", agent.token[:-1] + last]
    wrong.append(agent.token.replace("digits", "digitz"))
    for method, path in AGENT_ROUTES:
        for token in wrong:
            assert_refused(server.ask(method, filled(path, agent.job), token=token))


@pytest.mark.parametrize("header", ["Basic {}", "{}", "bearer", "Bearer  {}"])
def test_a_token_counts_only_as_a_bearer_token(server, header):
    headers = {"Authorization": header.format(TOKEN)}
    assert server.browser.ask("GET", f"{API}/jobs", headers=headers).status == 401


def test_the_key_of_the_pages_is_no_token(server):
    key = server.services.settings.page_key
    assert server.browser.ask("GET", f"{API}/jobs?key={key}").status == 401
    assert server.browser.ask("GET", f"{API}/jobs", headers=bearer(key)).status == 401


def test_an_agents_token_opens_its_own_job_alone(server, executor, agent, job):
    server.new_job()
    server.cycle()
    (theirs,) = [a for a in executor.desired()["allocations"] if a["job_id"] != job]
    stranger = Agent(server, theirs)
    stranger.sync()
    digest = agent.upload(b"weights")
    committed = agent.commit(1, {"model.pt": b"weights"}).json()["committed"]
    agent.status["allocation"] = theirs["id"]
    assert agent.send().status == 404
    assert agent.ask("GET", f"/setup/{theirs['id']}").status == 404
    assert stranger.ask("GET", f"/blobs/{digest}").status == 404
    assert stranger.ask("GET", f"/checkpoints/{committed['id']}").status == 404


def test_health_is_told_to_everybody(server):
    reply = server.ask("GET", "/healthz", token=None)
    assert reply.json()["ok"] is True
    assert reply.json()["server_id"] == server.store.server_id


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/jobs", 405), ("GET", "/executor/session", 405)],
)
def test_what_is_not_served_is_refused_in_our_form(server, method, path, status):
    reply = server.ask(method, path)
    assert reply.status == status
    assert path in reply.error


def test_a_method_that_is_not_taken_comes_with_those_that_are(server):
    assert server.ask("DELETE", "/jobs").headers["allow"]


def test_what_breaks_inside_is_answered_in_our_form_and_its_traceback_goes_to_the_log(
    server, monkeypatch, caplog
):
    def broken(_ref):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(server.control, "resolve", broken)
    headers = bearer(TOKEN)
    with server.browser.open("GET", f"{API}/jobs/x", headers=headers) as stream:
        assert stream.get()["status"] == 500
        assert b"ZeroDivisionError" in b"".join(stream.blocks())
        # The error itself goes on to whoever runs the application, who logs its traceback.
        with pytest.raises(ZeroDivisionError):
            stream.get()
    assert f"GET {API}/jobs/x broke" in caplog.text


def test_the_server_tells_of_itself_and_its_clusters(server, executor):
    told = server.get("/server")
    assert told["server_id"] == server.store.server_id
    assert (told["embedded"], told["wire"]) == (True, 1)
    (cluster,) = told["clusters"]
    assert (cluster["name"], cluster["live"], len(cluster["nodes"])) == ("local", True, 2)
    server.monotonic.now += 60
    (cluster,) = server.get("/server")["clusters"]
    assert (cluster["live"], cluster["silent_s"], cluster["nodes"]) == (False, 60.0, [])

"""Tokens, users, what is theirs alone, and the audit."""

import json

import pytest
from players import API, SPEC, Agent, Executor, bearer, node, sha256
from shared_server import Shared
from sqlalchemy import select

from launcher.model.access import Role
from launcher.server import lapsing, relay
from launcher.server.accounts import FRESH_S
from launcher.server.auditing import KEPT_S
from launcher.server.routes import follow
from launcher.store import accounts as stored
from launcher.store import tables


@pytest.fixture
def shared(server):
    return Shared(server)


def make(shared, who="root", **wish):
    return shared.ask(who, "POST", "/tokens", data=wish)


def forget_known(shared):
    """As if the time had passed for which a server goes by what it read."""
    accounts = shared.server.services.accounts
    later = accounts._clock() + FRESH_S + 1
    accounts._clock = lambda: later


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_stored_as_a_hash(shared):
    text = make(shared, user="mars-member", label="laptop").json()["text"]
    with shared.server.store.read() as tx:
        rows = [dict(row) for row in tx.execute(select(tables.tokens)).mappings()]
    assert text.rpartition("_")[2] not in json.dumps(rows)
    listed = shared.ask("mars-member", "GET", "/tokens").text
    assert "laptop" in listed
    assert text not in listed
    assert sha256(text.encode()) not in listed


@pytest.mark.parametrize("cut", [1, 20])
def test_a_token_counts_only_whole(shared, cut):
    text = shared.token_of["mars-member"]
    for wrong in (text[:-cut], text + "x", text[:-1] + ("A" if text[-1] != "A" else "B")):
        assert shared.server.ask("GET", "/jobs", token=wrong).status == 401
    assert shared.server.ask("GET", "/jobs", token=text).status == 200


def test_a_token_expires(shared):
    text = make(shared, user="mars-member", lasts_s=60).json()["text"]
    assert shared.server.ask("GET", "/jobs", token=text).status == 200
    shared.server.wall.now += 61
    forget_known(shared)
    assert shared.server.ask("GET", "/jobs", token=text).status == 401


@pytest.mark.parametrize("lasts_s", [None, 7200.0, 60.0])
def test_a_token_makes_none_that_outlasts_it(shared, lasts_s):
    shared.token_of["thief"] = make(shared, user="mars-member", lasts_s=3600).json()["text"]
    made = make(shared, "thief", lasts_s=lasts_s).json()["token"]
    assert made["expires_at"] - made["made_at"] == min(lasts_s or 3600, 3600)
    by_admin = make(shared, "root", user="mars-member", lasts_s=lasts_s).json()["token"]
    assert by_admin["expires_at"] == (lasts_s and by_admin["made_at"] + lasts_s)


def test_a_revoked_token_is_good_for_nothing_at_once(shared):
    made = make(shared, "mars-member").json()
    assert shared.server.ask("GET", "/jobs", token=made["text"]).status == 200
    path = f"/tokens/{made['token']['id']}"
    assert shared.ask("venus-admin", "DELETE", path).status == 404
    assert shared.ask("mars-member", "DELETE", path).status == 200
    assert shared.server.ask("GET", "/jobs", token=made["text"]).status == 401


def test_a_token_that_is_revoked_while_it_is_read_is_not_remembered_as_good(shared, monkeypatch):
    text, read = shared.token_of["mars-member"], stored.token
    identity = text.split("_")[1]
    revoked = []

    def meanwhile(tx, wanted):
        found = read(tx, wanted)
        if wanted == identity and not revoked:
            revoked.append(True)
            shared.server.services.accounts.revoke(identity, of=None)
        return found

    monkeypatch.setattr(stored, "token", meanwhile)
    shared.ask("mars-member", "GET", "/whoami")
    assert revoked
    assert shared.ask("mars-member", "GET", "/whoami").status == 401


def test_tokens_that_ended_are_forgotten_when_the_audit_tells_of_them_no_more(shared):
    accounts, wall = shared.server.services.accounts, shared.server.wall
    good = len(accounts.tokens(None))
    revoked, expires = (
        make(shared, user="mars-member", label=label, lasts_s=lasts_s).json()
        for label, lasts_s in (("revoked", 2 * KEPT_S), ("expires", 3600))
    )
    assert shared.ask("root", "DELETE", f"/tokens/{revoked['token']['id']}").status == 200
    wall.now += KEPT_S - 1
    assert accounts.forget() == 0
    wall.now += 3600  # of the one that expired the audit may still tell
    assert accounts.forget() == 1
    assert expires["token"]["id"] in {one.id for one in accounts.tokens(None)}
    wall.now += 3600
    assert accounts.forget() == 1
    assert len(accounts.tokens(None)) == good
    assert accounts.caller_of(revoked["token"]["id"]) is None


def test_a_disabled_user_does_not_come_in_until_enabled(shared):
    change = {"is_disabled": True}
    assert shared.ask("root", "PUT", "/users/mars-member", data=change).status == 200
    assert shared.ask("mars-member", "GET", "/jobs").status == 401
    shared.ask("root", "PUT", "/users/mars-member", data={"is_disabled": False})
    assert shared.ask("mars-member", "GET", "/jobs").status == 200


def test_when_a_token_was_used_is_noted_to_the_minute(shared):
    shared.ask("mars-member", "GET", "/jobs")
    (one,) = shared.ask("mars-member", "GET", "/tokens").json()["tokens"]
    assert one["used_at"] == shared.server.wall.now


def test_a_role_that_is_taken_away_is_gone_at_once(shared):
    job = shared.new_job("mars-member", project="mars")
    path = "/projects/mars/members/mars-member"
    assert shared.ask("mars-admin", "DELETE", path).status == 200
    assert shared.ask("mars-member", "GET", f"/jobs/{job}").status == 404


def test_an_admin_does_not_lock_themselves_out(shared):
    for change in ({"is_admin": False}, {"is_disabled": True}):
        assert shared.ask("root", "PUT", "/users/root", data=change).status == 422


def test_the_servers_own_token_keeps_all_rights_and_says_whose_job_it_is(shared):
    job = shared.server.new_job(project="anything")
    assert shared.server.show(job)["user"] == "ada"
    who = shared.server.get("/whoami")
    assert (who["kind"], who["name"], who["is_admin"]) == ("owner", "", True)


# --- executors -----------------------------------------------------------------------------------


def test_an_executors_token_opens_its_own_cluster_and_nothing_else(shared):
    token = make(shared, cluster="gpu").json()["text"]
    hello = Executor(shared.server).hello
    session = shared.server.ask("POST", "/executor/session", token=token, data=hello)
    assert session.status == 401
    mine = hello | {"cluster": "gpu"}
    assert shared.server.ask("POST", "/executor/session", token=token, data=mine).status == 200
    for path in ("/jobs", "/server", "/whoami"):
        assert shared.server.ask("GET", path, token=token).status == 401
    user = shared.token_of["root"]
    assert shared.server.ask("POST", "/executor/session", token=user, data=mine).status == 401


def test_an_executors_token_that_is_revoked_speaks_no_more(shared):
    made = make(shared, cluster="gpu").json()
    hello = Executor(shared.server).hello | {"cluster": "gpu"}
    shared.ask("root", "DELETE", f"/tokens/{made['token']['id']}")
    reply = shared.server.ask("POST", "/executor/session", token=made["text"], data=hello)
    assert reply.status == 401


@pytest.mark.parametrize("who", ["mars-admin", "nobody"])
def test_only_admins_make_tokens_of_executors_and_of_others(shared, who):
    assert make(shared, who, cluster="gpu").status == 403
    assert make(shared, who, user="root").status == 403
    assert make(shared, who).status == 201


# --- what is theirs ------------------------------------------------------------------------------


def test_the_name_on_a_job_is_the_callers_whatever_the_request_says(shared):
    job = shared.new_job("mars-member", project="mars")
    assert shared.ask("mars-member", "GET", f"/jobs/{job}").json()["user"] == "mars-member"
    shared.ask("mars-member", "POST", f"/jobs/{job}/cancel", data={"user": "forged"})
    told = shared.ask("mars-member", "GET", f"/jobs/{job}/events").text
    assert "cancelled by mars-member" in told
    assert "forged" not in told


def test_idempotency_keys_are_of_one_user(shared):
    mine = shared.submit("mars-member", key="k", project="mars")
    again = shared.submit("mars-member", key="k", project="mars")
    theirs = shared.submit("venus-member", key="k", project="venus")
    assert (mine.status, again.status, theirs.status) == (201, 200, 201)
    assert again.json()["id"] == mine.json()["id"] != theirs.json()["id"]


def test_a_key_that_no_index_could_hold_is_refused(shared):
    longest = "k" * 200
    assert shared.submit("mars-member", key=longest, project="mars").status == 201
    reply = shared.submit("mars-member", key=f"{longest}k", project="mars")
    assert (reply.status, "Idempotency-Key" in reply.error) == (422, True)


def test_a_key_tells_nobody_of_a_job_that_they_may_not_look_at_any_more(shared):
    shared.submit("mars-member", key="k", project="mars")
    services = shared.server.services
    services.accounts.ungrant("mars", "mars-member")
    services.accounts.grant("venus", "mars-member", Role.MEMBER)
    assert shared.submit("mars-member", key="k", project="venus").status == 403


def test_a_hash_gives_nobody_the_code_of_others(shared):
    code = b"of mars"
    digest = sha256(code)
    assert shared.ask("mars-member", "PUT", f"/packages/{digest}", body=code).status == 201
    assert shared.ask("mars-member", "HEAD", f"/packages/{digest}").status == 200
    shared.new_job("mars-member", project="mars", code=digest)
    assert shared.ask("venus-member", "HEAD", f"/packages/{digest}").status == 404
    claimed = shared.ask("venus-member", "PUT", f"/packages/{digest}", body=b"not that")
    assert claimed.status == 409
    refused = shared.submit("venus-member", project="venus", code=digest)
    assert (refused.status, refused.error) == (422, "the packaged workdir was not uploaded")
    # Who has the bytes has the code.
    assert shared.ask("venus-member", "PUT", f"/packages/{digest}", body=code).status == 201
    assert shared.submit("venus-member", project="venus", code=digest).status == 201


def test_a_hash_gives_no_job_the_files_of_another_ones_checkpoint(shared, executor):
    jobs = {shared.new_job(f"{one}-member", project=one): one for one in ("mars", "venus")}
    shared.server.cycle()
    agents = {
        jobs[wanted["job_id"]]: Agent(shared.server, wanted)
        for wanted in executor.desired()["allocations"]
    }
    for agent in agents.values():
        agent.sync(attempt=1, started=1)
    weights = b"weights of mars"
    assert agents["mars"].commit(1, {"model.pt": weights}).status == 200
    digest = sha256(weights)
    thief = agents["venus"]
    asked = thief.ask("POST", "/blobs/missing", data={"sha256": [digest]})
    assert asked.json() == {"missing": [digest]}  # as of one that nobody has
    entry = {"path": "model.pt", "size": len(weights), "sha256": digest}
    manifest = {"attempt": 1, "step": 1, "files": [entry]}
    assert thief.ask("PUT", f"/blobs/{digest}", body=b"guessed").status == 409
    assert thief.ask("POST", "/checkpoints", data=manifest).status == 409
    report = {"attempt": 1, "rank": 0, "files": [entry]}
    assert thief.ask("POST", "/outputs", data=report).status == 409
    assert thief.ask("GET", f"/blobs/{digest}").status == 404
    assert thief.commit(1, {"model.pt": weights}).status == 200  # who has the bytes has the file


def test_what_a_job_sent_is_its_own_after_a_new_start(shared, executor):
    job = shared.new_job("mars-member", project="mars")
    shared.server.cycle()
    (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
    agent = Agent(shared.server, wanted)
    agent.sync(attempt=1, started=1)
    agent.commit(1, {"model.pt": b"first"})
    unsaved = agent.upload(b"second")
    holdings = shared.server.services.committing.holdings
    holdings._sent.clear()  # it lives in the process
    assert holdings.lacking(job, [sha256(b"first"), unsaved]) == [unsaved]


def test_a_viewer_runs_no_code_and_sends_none(shared):
    assert shared.ask("mars-viewer", "PUT", f"/packages/{'0' * 64}", body=b"x").status == 403
    assert shared.submit("mars-viewer", project="mars").status == 403


@pytest.mark.parametrize("key", ["from_job", "after"])
def test_a_job_of_another_project_is_named_by_no_spec(shared, key):
    job = shared.new_job("mars-member", name="sesame", project="mars")
    value = job if key == "from_job" else [job]
    refused = shared.submit("venus-member", project="venus", **{key: value})
    never = job.rpartition("-")[0] + "-zzzzzz"
    other = shared.submit(
        "venus-member", project="venus", **{key: never if key == "from_job" else [never]}
    )
    assert refused.status == other.status == 422
    assert refused.text.replace(job, "*") == other.text.replace(never, "*")


def test_nobody_clones_a_job_of_another_project(shared):
    job = shared.new_job("mars-member", project="mars")
    assert shared.submit("venus-member", project="venus", code_of=job).status == 404


def test_a_secret_of_a_project_is_set_by_its_members_and_of_all_by_admins(shared):
    for who, project, status in (
        ("mars-member", "mars", 201), ("mars-viewer", "mars", 403), ("venus-admin", "mars", 403),
        ("mars-admin", "", 403), ("root", "", 201),
    ):  # fmt: skip
        reply = shared.ask(who, "PUT", f"/secrets/A_KEY?project={project}", body=b"value-of-it")
        assert reply.status == status, (who, project)


def test_a_command_in_a_job_is_gone_on_with_by_who_began_it(shared, executor):
    job = shared.new_job("mars-member", project="mars")
    shared.server.cycle()
    wanted = next(a for a in executor.desired()["allocations"] if a["job_id"] == job)
    Agent(shared.server, wanted).sync(attempt=1, started=1)
    begun = shared.ask("mars-member", "POST", f"/jobs/{job}/exec", data={"argv": ["true"]})
    assert begun.status == 201
    path = f"/exec/{begun.json()['id']}"
    for who in ("mars-admin", "venus-admin", "root"):
        assert shared.ask(who, "PUT", f"{path}/steering", data={}).status == 404
        assert shared.ask(who, "POST", f"{path}/input", body=b"x").status == 404
    assert shared.ask("mars-member", "PUT", f"{path}/steering", data={}).status == 200


# --- pages ---------------------------------------------------------------------------------------


def test_with_users_no_address_opens_the_jobs_of_all(shared):
    job = shared.new_job("mars-member", project="mars")
    assert "key=" not in shared.ask("mars-member", "GET", f"/jobs/{job}").json()["page"]
    key = shared.server.services.settings.page_key
    closed = shared.server.browser.ask("GET", f"/?key={key}")
    assert closed.status == 401
    cookie = f"launcher-{shared.server.store.server_id}={key}"
    for path in ("/", f"/jobs/{job}", "/api/v1/jobs"):
        assert shared.server.browser.ask("GET", path, headers={"Cookie": cookie}).status == 401


def test_a_page_has_the_rights_of_who_opened_it_until_their_token_ends(shared):
    job = shared.new_job("mars-member", project="mars")
    theirs = shared.new_job("venus-member", project="venus")
    cookies = shared.browser_of("mars-member", job)
    page = shared.server.browser.ask("GET", f"/jobs/{job}", headers=cookies)
    assert page.status == 200
    assert 'data-may-act="yes"' in page.text
    assert shared.server.browser.ask("GET", f"/jobs/{theirs}", headers=cookies).status == 404
    cancel = f"/api/v1/jobs/{job}/cancel"
    acts = cookies | {"X-Launcher-Page": "1"}
    data = {"user": "forged"}
    assert shared.server.browser.ask("POST", cancel, headers=acts, data=data).status == 200
    assert "cancelled by mars-member" in shared.ask("root", "GET", f"/jobs/{job}/events").text
    identity = shared.ask("mars-member", "GET", "/whoami").json()["token"]["id"]
    shared.ask("root", "DELETE", f"/tokens/{identity}")
    assert shared.server.browser.ask("GET", f"/jobs/{job}", headers=cookies).status == 401


def test_a_viewers_page_shows_no_buttons_that_would_be_refused(shared):
    job = shared.new_job("mars-member", project="mars")
    cookies = shared.browser_of("mars-viewer", job)
    page = shared.server.browser.ask("GET", f"/jobs/{job}", headers=cookies)
    assert 'data-may-act="no"' in page.text


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["token", "role"])
def test_a_stream_ends_with_the_right_to_it(shared, monkeypatch, end):
    monkeypatch.setattr(lapsing, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(follow, "KEEP_ALIVE_S", 0.01)
    job = shared.new_job("mars-member", project="mars")
    headers = bearer(shared.token_of["mars-member"])
    with shared.server.browser.open("GET", f"{API}/jobs/{job}/follow", headers=headers) as stream:
        assert stream.get()["status"] == 200
        assert b"state" in next(stream.blocks())
        if end == "token":
            identity = shared.ask("mars-member", "GET", "/whoami").json()["token"]["id"]
            shared.ask("root", "DELETE", f"/tokens/{identity}")
        else:
            shared.ask("root", "DELETE", "/projects/mars/members/mars-member")
        list(stream.blocks())  # ends


@pytest.mark.parametrize("end", ["role", "less of a role"])
def test_the_output_of_a_command_ends_with_the_right_to_run_one(shared, executor, monkeypatch, end):
    monkeypatch.setattr(lapsing, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(relay, "KEEP_ALIVE_S", 0.01)
    job = shared.new_job("mars-member", project="mars")
    shared.server.cycle()
    wanted = next(a for a in executor.desired()["allocations"] if a["job_id"] == job)
    Agent(shared.server, wanted).sync(attempt=1, started=1)
    begun = shared.ask("mars-member", "POST", f"/jobs/{job}/exec", data={"argv": ["bash"]})
    path = f"{API}/exec/{begun.json()['id']}/output"
    headers = bearer(shared.token_of["mars-member"])
    with shared.server.browser.open("GET", path, headers=headers) as stream:
        assert stream.get()["status"] == 200
        assert next(stream.blocks())
        if end == "role":
            shared.ask("root", "DELETE", "/projects/mars/members/mars-member")
        else:
            path, viewer = "/projects/mars/members/mars-member", {"role": "viewer"}
            shared.ask("root", "PUT", path, data=viewer)
        ended_by_agent = [block for block in stream.blocks() if block[0] == relay.END]
    assert not ended_by_agent


# --- clusters ------------------------------------------------------------------------------------


def rule(shared, project, cluster, *, allowed):
    path = f"/projects/{project}/clusters/{cluster}"
    reply = shared.ask("root", "PUT", path, data={"allowed": allowed})
    assert reply.status == 200, reply.body
    return reply.json()


def test_a_project_lands_on_no_cluster_that_it_may_not_use(shared, executor):
    gpu = Executor(shared.server, "gpu")
    gpu.report(node("g1"), node("g2"))
    rule(shared, "*", "gpu", allowed=False)
    told = rule(shared, "mars", "gpu", allowed=True)
    assert told["clusters"] == "all"
    small = {"workers": 4}
    for _ in range(2):  # what is there of cluster local
        shared.new_job("venus-member", project="venus", resources=small)
    shared.server.cycle()
    waiting = shared.new_job("venus-member", project="venus", resources=small)
    mine = shared.new_job("mars-member", project="mars", resources=small)
    shared.server.cycle()
    assert shared.server.show(waiting)["state"] == "QUEUED"
    (there,) = gpu.desired()["allocations"]
    assert there["job_id"] == mine


def test_a_cluster_that_a_project_may_not_use_is_refused_by_name(shared, executor):
    rule(shared, "venus", "local", allowed=False)
    refused = shared.submit("venus-member", project="venus", cluster="local")
    assert refused.status == 422
    assert refused.error.startswith("cluster: project 'venus' may not use cluster local")
    planned = shared.ask(
        "venus-member", "POST", "/plan", data={"spec": SPEC | {"project": "venus"}}
    ).json()
    assert planned["outcome"] == "waits"
    assert "project venus may not use cluster local" in planned["text"]


def test_who_waits_for_a_cluster_that_was_denied_is_told_and_goes_on_when_it_is_allowed(
    shared, executor
):
    job = shared.new_job("venus-member", project="venus")
    rule(shared, "venus", "*", allowed=False)
    shared.server.cycle()
    why = shared.ask("venus-viewer", "GET", f"/jobs/{job}/why").json()["text"]
    assert "project venus may not use cluster local, and no other is up" in why
    assert shared.ask("root", "DELETE", "/projects/venus/clusters/*").status == 200
    shared.server.cycle()
    assert shared.server.show(job)["state"] == "STARTING"

"""Interpreters and environments as the server sees them: looked at, waited for, locked."""

import sys

import pytest
from players import SPEC, Agent, Executor, node

LOCK = b"torch==2.4 \\\n    --hash=sha256:00\n"


def submit(server, **keys):
    return server.ask("POST", "/jobs", data={"spec": SPEC | keys})


@pytest.fixture
def gang(server, executor):
    """The two agents of a job whose environment is being made."""
    submit(server, resources={"workers": 8}, python={"requirements": ["torch"]})
    server.cycle()
    (wanted,) = executor.desired()["allocations"]
    agents = [Agent(server, wanted, index, f"10.0.0.{index + 1}:7000") for index in (0, 1)]
    for agent in agents:
        agent.sync()
    return agents


def test_agents_are_told_what_to_make(gang):
    launch = gang[0].ask("GET", f"/setup/{gang[0].status['allocation']}").json()["launch"]
    assert launch["requirements"] == {"lines": ["torch"], "file": ""}


def test_a_job_is_in_setup_until_every_node_has_its_environment(server, gang):
    job = gang[0].job
    assert server.show(job)["state"] == "SETUP"
    assert "it is being made on nodes 0, 1" in server.get(f"/jobs/{job}/why")["text"]
    gang[0].sync(attempt=1, set_up=1)
    assert "it is being made on node 1" in server.get(f"/jobs/{job}/why")["text"]
    gang[1].sync(attempt=1, set_up=1)
    assert server.show(job)["state"] == "STARTING"


def test_the_first_lock_of_a_job_is_the_one_that_all_get(server, gang):
    first, second = gang
    assert first.ask("GET", "/lock").body == b""
    assert first.ask("PUT", "/lock", body=LOCK).body == LOCK
    assert second.ask("PUT", "/lock", body=b"torch==2.5\n").body == LOCK
    assert second.ask("GET", "/lock").body == LOCK
    texts = [event["text"] for event in server.get(f"/jobs/{first.job}/events")["events"]]
    assert sum("versions of its requirements are locked" in text for text in texts) == 1


def test_a_lock_larger_than_any_is_refused(gang, monkeypatch):
    monkeypatch.setattr("launcher.server.routes.locks._LARGEST_LOCK", 10)
    assert gang[0].ask("PUT", "/lock", body=LOCK).status == 422
    assert gang[0].ask("GET", "/lock").body == b""


def test_a_lock_is_removed_with_its_job(server, gang):
    first, second = gang
    first.ask("PUT", "/lock", body=LOCK)
    job = first.job
    kept = server.control.get
    with server.store.read() as tx:
        digest = kept(tx, job).policy.lock
    assert server.store.blobs.has(digest)
    server.order("cancel", job, force=True)
    for agent in (first, second):
        agent.sync(quiet=1, closed="done")
    from launcher.store.removal import blobs_of

    with server.store.read() as tx:
        assert digest in blobs_of(tx, [job])


def test_what_was_said_in_setup_is_a_log_of_its_own(server, agent, job):
    agent.append(("setup", 1, 0, 0, b"Resolved 1 package\n"))
    agent.log(b"step 1\n")
    reply = server.ask("GET", f"/jobs/{job}/logs/1/0?stream=setup")
    assert reply.body == b"Resolved 1 package\n"
    assert server.ask("GET", f"/jobs/{job}/logs/1/0").body == b"step 1\n"
    assert server.ask("GET", f"/jobs/{job}/logs/1/0?stream=spool").status == 422
    agent.sync(quiet=1)
    for stream, text in (("setup", "UmVzb2x2ZWQgMSBwYWNrYWdlCg=="), ("log", "c3RlcCAxCg==")):
        with server.follow(job, stream=stream) as told:
            assert text in next(message.data for message in told if message.kind == "log")


@pytest.fixture
def project(tmp_path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    return tmp_path


def chosen(server, project, written):
    reply = submit(server, workdir=str(project), python={"interpreter": written})
    assert reply.status == 201, reply.body
    return reply.json()["spec"]["python"]["interpreter"]


def test_an_interpreter_in_the_project_is_used_where_it_lies(server, executor, project):
    assert chosen(server, project, ".venv/bin/python") == f"{project}/.venv/bin/python"
    assert chosen(server, project, sys.executable) == sys.executable


def test_one_that_the_package_may_bring_is_left_to_the_nodes(server, executor, project):
    assert chosen(server, project, "tools/python") == "tools/python"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/nowhere/python", "/nowhere/python does not exist on this machine"),
        ("python9.9", "python9.9 is not on the PATH of this machine's server"),
        (".venv", "/.venv is a folder; did you mean "),
        (".venv/bin", "/.venv/bin is a folder; name its python"),
        ("./plain", "/plain is not executable"),
        ("broken", "/broken is a link to nothing on this machine"),
    ],
)
def test_one_that_cannot_run_is_refused_at_submit(server, executor, project, written, words):
    (project / "plain").touch(mode=0o644)
    (project / "broken").symlink_to("gone")
    path = str(project / written) if written == "broken" else written
    reply = submit(server, workdir=str(project), python={"interpreter": path})
    assert reply.status == 422
    assert words in reply.error


def test_on_other_machines_the_agents_look(server, executor, project):
    Executor(server, "rays").report(node("n9"))
    reply = submit(server, cluster="rays", python={"interpreter": "/nowhere/python"})
    assert reply.json()["spec"]["python"]["interpreter"] == "/nowhere/python"

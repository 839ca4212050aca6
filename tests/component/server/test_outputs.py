"""Outputs as agents give them and people get them."""

import pytest
from players import sha256

from launcher.model.outputs import OutputLimits


@pytest.fixture
def give(agent):
    """Uploads and reports the outputs of the agent's node; gives the answer."""

    def give(files, *, attempt=1, rank=0, upload=True):
        entries = [
            {
                "path": path,
                "size": len(data),
                "sha256": agent.upload(data) if upload else sha256(data),
            }
            for path, data in files.items()
        ]
        report = {"attempt": attempt, "rank": rank, "files": entries}
        return agent.ask("POST", "/outputs", data=report)

    return give


def events(server, job, kind="outputs"):
    found = server.get(f"/jobs/{job}/events")["events"]
    return [event["text"] for event in found if event["kind"] == kind]


def test_outputs_are_listed_counted_and_got(server, job, give):
    assert give({"plots/a b.png": b"\x89PNG", "table.csv": b"1,2\n"}).status == 200
    assert [
        (one["path"], one["rank"], one["attempt"], one["size"])
        for one in server.get(f"/jobs/{job}/outputs")["outputs"]
    ] == [("plots/a b.png", 0, 1, 4), ("table.csv", 0, 1, 4)]
    assert server.show(job)["outputs"] == {"files": 2, "size": 8}
    reply = server.ask("GET", f"/jobs/{job}/outputs/0/files/plots/a%20b.png")
    assert (reply.status, reply.body) == (200, b"\x89PNG")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert events(server, job) == ["2 outputs collected (8 B)"]


def test_the_same_report_again_is_told_once(server, job, give):
    give({"a": b"x"})
    give({"a": b"x"})
    assert events(server, job) == ["1 output collected (1 B)"]


def test_a_page_that_a_job_wrote_is_no_page_of_the_server(server, job, give):
    give({"index.html": b"<script>"})
    reply = server.ask("GET", f"/jobs/{job}/outputs/0/files/index.html")
    assert reply.headers["content-type"] == "application/octet-stream"


def test_an_output_that_is_not_there_is_told(server, job, give):
    give({"a": b"x"})
    for path in ("0/files/b", "1/files/a", "0/files/../a"):
        assert server.ask("GET", f"/jobs/{job}/outputs/{path}").status == 404, path


def test_outputs_whose_blobs_are_missing_are_refused(server, job, give):
    reply = give({"a": b"never sent"}, upload=False)
    assert (reply.status, reply.error) == (409, "1 of the outputs were not uploaded")


def test_outputs_of_an_attempt_that_is_over_are_refused(server, job, give):
    for attempt in (0, 2):
        reply = give({"a": b"x"}, attempt=attempt)
        assert (reply.status, reply.error) == (409, f"attempt {attempt} is over")
    assert server.get(f"/jobs/{job}/outputs")["outputs"] == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_an_output_that_leaves_its_folder_is_refused(server, job, give, path):
    assert give({path: b"x"}).status == 422


def test_numbers_that_no_database_takes_are_refused(agent):
    entry = {"path": "a", "size": 2**70, "sha256": agent.upload(b"x")}
    for report in (
        {"attempt": 1, "rank": 0, "files": [entry]},
        {"attempt": 1, "rank": -1, "files": []},
    ):
        assert agent.ask("POST", "/outputs", data=report).status == 422


def test_what_is_more_than_the_server_keeps_is_refused_in_words(server, job, give):
    server.services.outputs._limits = OutputLimits(files=1)
    reply = give({"a": b"x", "b": b"y"})
    assert reply.status == 422
    assert reply.error.startswith("2 files with 2 B are too many: the server keeps 1 files")


def test_the_agent_is_told_what_is_collected_and_how_much_is_kept(server, job, agent):
    setup = agent.ask("GET", f"/setup/{agent.status['allocation']}").json()
    assert setup["launch"]["outputs"] is None
    assert setup["output_limits"] == {"files": 10_000, "size_bytes": 10 * 2**30}


def test_a_replaced_output_goes_unless_something_else_names_it(server, job, agent, give):
    give({"a": b"old", "b": b"also a checkpoint", "c": b"also b"})
    agent.commit(1, {"model": b"also a checkpoint"})
    blobs = server.store.blobs
    give({"a": b"new", "b": b"also b", "c": b"other"})
    assert not blobs.has(sha256(b"old"))
    assert blobs.has(sha256(b"also a checkpoint"))
    assert blobs.has(sha256(b"also b"))


def test_retention_of_checkpoints_leaves_outputs_alone(server, job, agent, give):
    agent.commit(1, {"model": b"weights"})
    give({"best.pt": b"weights"})
    for step in (2, 3, 4):
        agent.commit(step, {"model": f"{step}".encode()})
    assert server.store.blobs.has(sha256(b"weights"))


def test_the_code_of_a_job_is_got_as_it_was_sent(server):
    digest = sha256(b"a tar")
    server.ask("PUT", f"/packages/{digest}", body=b"a tar")
    job = server.submit(code=digest).json()["id"]
    assert server.ask("GET", f"/jobs/{job}/code").body == b"a tar"
    reply = server.ask("GET", f"/jobs/{server.new_job()}/code")
    assert reply.status == 404

"""`launcher plan`: what is told, on which stream, and the exit code that goes with it."""

import json

import pytest

from launcher.model.plan import Plan, PlannedNode
from launcher.views import as_json

NODES = (
    PlannedNode("a" * 32, "node-1", (0, 1, 2, 3), 4),
    PlannedNode("b" * 32, "", (4,)),
)


@pytest.fixture
def plan(cli, fake, program):
    """Calls it for a program here, with what the server foretells."""

    def call(*words, **foretold):
        fake.said["POST", "plan"] = as_json(Plan(**foretold))
        return cli("plan", *words, "--", "train.py")

    return call


def test_the_sentence_comes_first_then_the_nodes_then_the_variables(plan):
    code, out, err = plan(
        outcome="now",
        text="would start now on 2 nodes of cluster gpu",
        placed="now",
        cluster="gpu",
        nodes=NODES,
        environment={"LR": "a\nb", "RANK": "0"},
        remarks=("something to know",),
    )
    assert code == 0
    assert out.splitlines() == [
        "would start now on 2 nodes of cluster gpu",
        "",
        "NODE      RANKS  GPUS",
        "node-1    0-3    4",
        "bbbbbbbb  4      -",
        "",
        "rank 0 finds, beside its node's own; <…> is known when it starts:",
        "LR=a\\nb",
        "RANK=0",
    ]
    assert "something to know" in err
    assert "a submit sends 1 file" in err


@pytest.mark.parametrize(
    ("placed", "heading"),
    [
        ("later", "where it would then go on cluster gpu, as things are:"),
        ("empty", "how it would lie on cluster gpu if nothing else ran there:"),
    ],
)
def test_nodes_where_it_does_not_start_now_are_told_as_such(plan, placed, heading):
    code, out, _ = plan(text="would wait: …", placed=placed, cluster="gpu", nodes=NODES)
    assert code == 0
    assert out.splitlines()[1:4] == ["", heading, "NODE      RANKS  GPUS"]


def test_what_can_never_run_has_the_exit_code_of_a_wrong_spec_and_its_hint(plan):
    foretold = {"outcome": "never", "text": "can never run: needs 8 GPUs", "hint": "lower it"}
    code, out, err = plan(**foretold)
    assert (code, out) == (2, "can never run: needs 8 GPUs\n")
    assert "hint: lower it" in err
    code, out, _ = plan("-o", "json", **foretold)
    assert (code, json.loads(out)["outcome"]) == (2, "never")


def test_json_alone_is_on_stdout_for_programs(plan):
    _, out, _ = plan("--output", "json", outcome="now", text="x", nodes=NODES, preempts=("a-1",))
    told = json.loads(out)
    assert told["nodes"][0]["ranks"] == [0, 1, 2, 3]
    assert told["preempts"] == ["a-1"]


def test_nothing_is_sent_but_the_spec(plan, fake):
    plan(text="would wait")
    assert [(method, path) for method, path, _ in fake.requests] == [("POST", "/api/v1/plan")]
    assert fake.packages == {}


def test_the_key_goes_along_and_of_a_used_one_no_more_is_told(plan, fake):
    _, out, err = plan("--key", "k1", outcome="submitted", text="would start nothing")
    assert fake.requests[0][2]["Idempotency-Key"] == "k1"
    assert (out, err) == ("would start nothing\n", "")


def test_mistakes_in_the_files_are_told_before_the_server_is_asked(cli, fake, program):
    code, _, err = cli("plan", "--", "trian.py")
    assert code == 2
    assert "trian.py" in err
    assert fake.requests == []


def test_where_no_server_runs_none_is_started_and_the_command_that_does_is_named(
    cli, program, monkeypatch, tmp_path
):
    monkeypatch.delenv("LAUNCHER_SERVER", raising=False)
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    code, out, err = cli("plan", "--", "train.py")
    assert (code, out) == (4, "")
    assert "no server runs here" in err
    assert "launcher up starts one" in err
    assert not (tmp_path / "state").exists()


def test_a_job_in_place_sends_nothing(plan, tmp_path):
    assert f"it would run in place, in {tmp_path}" in plan("--in-place", text="would wait")[2]

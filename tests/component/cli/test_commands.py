import csv
import hashlib
import io
import json
import os
import re

import pytest
import yaml

from launcher.cli._commands import ALIASES, TABLE, LazyGroup, launcher
from launcher.cli._main import call, main
from launcher.spec.load import load_spec

COMMANDS = [name for commands in TABLE.values() for name in commands]


# --- the group ------------------------------------------------------------------------------------


def test_help_names_every_command(cli):
    code, out, _ = cli("--help")
    assert code == 0
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_every_command_loads_and_tells_what_it_takes(cli, name):
    code, out, err = cli(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: launcher {name}")


def test_the_version_is_told_both_ways(cli, fake):
    assert cli("--version")[1].startswith("launcher ")
    code, out, _ = cli("version", "-o", "json")
    assert (code, json.loads(out)["server"]) == (0, "0.1.0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lits"], "no such command 'lits'; did you mean list"),
        (["job.yaml"], "no such command 'job.yaml'; did you mean: launcher run job.yaml"),
        (["list", "--outptu", "json"], "no such option --outptu; did you mean --output"),
        (["show"], "launcher show: JOB is missing"),
        (["list", "-o", "xml"], "'xml' is none of"),
        (["run", "train.py", "--epochs", "5"], "no such option --epochs"),
    ],
)
def test_a_mistyped_command_line_is_answered_with_what_was_meant(cli, words, said):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert "hint: " in err


def test_options_of_a_program_without_the_dashes_before_them_are_explained(cli):
    assert "launcher run -- train.py --epochs 5" in cli("run", "train.py", "--epochs", "5")[2]


# --- errors ---------------------------------------------------------------------------------------


def test_an_error_is_one_line_and_a_hint_with_its_exit_code(cli, fake):
    code, out, err = cli("show", "nope")
    assert (code, out) == (3, "")
    assert err == "error: no job nope\nhint: launcher list shows all\n"


def test_an_unreachable_server_is_told_with_its_address(cli, monkeypatch):
    monkeypatch.setenv("LAUNCHER_SERVER", "http://127.0.0.1:1")
    code, _, err = cli("list")
    assert code == 4
    assert "http://127.0.0.1:1: nothing listens there" in err


def test_without_a_server_here_the_way_to_one_is_told(cli, monkeypatch, tmp_path):
    monkeypatch.delenv("LAUNCHER_SERVER", raising=False)
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(tmp_path / "none"))
    code, _, err = cli("list")
    assert code == 4
    assert "hint: launcher up starts one" in err
    assert not (tmp_path / "none").exists()


def test_a_bug_says_how_to_report_it(cli, fake, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("launcher.client.Client.why", broken)
    fake.add_job()
    code, _, err = cli("why", "digits")
    assert code == 1
    assert "this is a bug in launcher: ZeroDivisionError: oh" in err
    assert "--debug" in err


def test_debug_anywhere_before_the_dashes_shows_the_traceback(fake, monkeypatch):
    with pytest.raises(Exception, match="no job nope"):
        main(["show", "nope", "--debug"])


def test_debug_of_the_program_is_left_to_it(cli, program):
    _, out, _ = cli("run", "--dry-run", "--", "train.py", "--debug")
    assert yaml.safe_load(out)["entrypoint"] == "train.py --debug"
    with pytest.raises(SystemExit) as left:
        main(["run", "--dry-run", "--", "train.py", "--debug"])
    assert left.value.code == 0


def test_a_reader_that_leaves_early_is_no_error(fake, monkeypatch, capfdbinary):
    def closed(*_):
        raise BrokenPipeError

    fake.add_job()
    saved = os.dup(1)
    monkeypatch.setattr("launcher.cli._output.print_json", closed)
    assert call(["show", "digits", "-o", "json"]) == 141
    os.dup2(saved, 1)
    os.close(saved)
    assert capfdbinary.readouterr().err == b""


# --- submit and specs -----------------------------------------------------------------------------


def test_submit_prints_the_id_alone_on_stdout(cli, fake, program):
    (program / ".venv").mkdir()
    (program / ".venv" / "pyvenv.cfg").touch()
    code, out, err = cli("submit", "-w", "2", "--", "train.py", "--epochs", "5")
    assert code == 0
    (job,) = fake.jobs.values()
    assert out == f"{job['id']}\n"
    assert job["spec"]["resources"]["workers"] == 2
    assert "left out: .venv/" in err
    assert f"launcher logs {job['id']} -f" in err


def test_the_same_key_is_told_as_the_same_job(cli, fake, program):
    _, first, _ = cli("submit", "--key", "k", "--", "train.py")
    _, second, err = cli("submit", "--key", "k", "--", "train.py")
    assert first == second
    assert "was submitted before" in err


def test_flags_change_a_spec_file_and_set_has_the_last_word(cli, program):
    (program / "job.yaml").write_text("entrypoint: train.py\nresources: {workers: 1}\n")
    _, out, _ = cli(
        *("run", "job.yaml", "--dry-run", "-w", "4", "-g", "0", "-e", "A=b: c=d"),
        *("--name", "x", "--set", "resources.workers=8"),
    )
    spec = yaml.safe_load(out)
    assert (spec["name"], spec["env"]) == ("x", {"A": "b: c=d"})
    assert spec["resources"]["workers"] == 8
    assert spec["resources"]["gpus_per_worker"] == 0


def test_a_dry_run_prints_a_spec_that_reads_back_the_same_and_sends_nothing(cli, program):
    (program / "job.yaml").write_text(
        "entrypoint: train.py\ntimeouts: {run: 90m}\nresources: {memory_per_worker: 3GiB}\n"
    )
    code, out, _ = cli("submit", "job.yaml", "--dry-run")
    (program / "again.yaml").write_text(out)
    assert code == 0
    assert load_spec(program / "again.yaml") == load_spec(program / "job.yaml")


def test_save_writes_a_spec_that_runs_from_where_it_lies(cli, program):
    (program / "specs").mkdir()
    cli(
        "run", "--save", "specs/job.yaml", "--dry-run", "-w", "2", "--", "train.py", "--epochs", "5"
    )
    saved = load_spec(program / "specs" / "job.yaml")
    assert (saved.entrypoint, saved.resources.workers) == ("train.py --epochs 5", 2)
    assert saved.workdir == str(program)
    assert cli("run", "--save", "specs/job.yaml", "--dry-run", "--", "train.py")[0] == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no spec and no program is given"),
        (["job.yaml", "other.yaml"], "one spec at a time; what is 'other.yaml'?"),
        (["-e", "A", "--", "train.py"], "--env A: expected KEY=VALUE"),
        (["missing.yaml"], "missing.yaml: does not exist"),
        (["--", "missing.py"], "missing.py"),
    ],
)
def test_what_cannot_be_a_job_is_refused_before_any_server_is_asked(cli, program, words, said):
    code, _, err = cli("run", *words)
    assert code == 2
    assert said in err


def test_validate_tells_all_mistakes_of_all_specs(cli, program):
    (program / "a.yaml").write_text("entrypoint: train.py\nnam: x\nresources: {workers: 0}\n")
    (program / "b.yaml").write_text("entrypoint: train.py\n")
    (program / "c.yaml").write_text("")
    code, _, err = cli("validate", "a.yaml", "b.yaml", "c.yaml")
    assert code == 2
    assert "b.yaml: ok" in err
    for place in ("a.yaml:2:1: nam", "a.yaml:3:", "c.yaml"):
        assert place in err


def test_validate_prints_the_spec_for_programs(cli, program):
    (program / "b.yaml").write_text("entrypoint: train.py\n")
    code, out, _ = cli("validate", "b.yaml", "-o", "json", "--set", "priority=7")
    assert (code, json.loads(out)["priority"]) == (0, 7)


def test_init_writes_a_spec_that_is_valid_and_overwrites_nothing(cli, program):
    code, out, _ = cli("init", "--", "train.py", "--epochs", "5")
    assert (code, out) == (0, "job.yaml\n")
    assert load_spec(program / "job.yaml").entrypoint == "train.py --epochs 5"
    code, _, err = cli("init")
    assert code == 5
    assert "job.yaml exists already" in err


def test_init_can_write_to_stdout(cli):
    assert yaml.safe_load(cli("init", "-f", "-")[1])["entrypoint"] == "train.py"


def test_the_schema_is_json(cli):
    assert "entrypoint" in json.loads(cli("schema")[1])["properties"]


# --- reading --------------------------------------------------------------------------------------


@pytest.fixture
def story(fake):
    """A server with one job of which everything is known."""
    fake.add_job(
        reason="needs 4 GPUs, 2 are free",
        workers=2,
        gpus_per_worker=1,
        progress={"step": 120, "total_steps": 500, "eta_s": 30.0},
        latest={"acc": 0.98, "loss": 0.123456},
        checkpoints={"count": 2, "newest_step": 100},
        nodes=[{"index": 0, "node_id": "n", "host": "box", "ranks": [0, 1]}],
        attempts=[
            {"number": 2, "granted_at": 5.0, "started_at": 6.0, "resume_step": 100},
            {"number": 1, "granted_at": 0.0, "ending": "NODE_LOST", "words": "box was lost"},
        ],
    )
    fake.events = [{"id": 1, "time": 1.0, "kind": "granted", "text": "on node box", "attempt": 1}]
    points = [[step, value, 1.0, 1] for step, value in enumerate([3.0, "nan", 1.0])]
    fake.series = [
        {"name": "loss", "rank": 0, "points": points},
        {"name": "acc", "rank": 0, "points": [[0, 0.5, 1.0, 1]]},
    ]
    fake.logs = {
        (1, 0): b"old\n",
        (2, 1): b"from one\n\xff\x00raw\n",
        (2, 0): b"first\nsecond 2\r\nlast, no end",
    }
    sha256 = hashlib.sha256(b"weights").hexdigest()
    files = [{"path": "model.pt", "size": 7, "sha256": sha256, "mode": 0o644}]
    made = {"attempt": 1, "size": 7, "created_at": 0.0, "files": files, "metrics": {"loss": 0.5}}
    fake.files = {"model.pt": b"weights"}
    fake.checkpoints = [{"id": 4, "step": 50} | made, {"id": 9, "step": 100} | made]
    return fake


READING = [
    ("list",),
    ("show", "digits"),
    ("why", "digits"),
    ("events", "digits"),
    ("metrics", "digits"),
    ("checkpoints", "list", "digits"),
    ("checkpoints", "get", "digits"),
    ("cancel", "digits"),
    ("retry", "digits"),
    ("declare-lost", "digits", "--yes"),
    ("version",),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_stands_alone_on_stdout(cli, story, words):
    code, out, _ = cli(*words, "--output", "json")
    assert code == 0
    json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_list_shows_a_line_a_job(cli, story):
    story.add_job("bert-aaaaaa", state="QUEUED", reason="waits behind digits-k3m9ap")
    _, out, _ = cli("list")
    head, digits, bert = out.splitlines()
    assert head.split() == ["JOB", "STATE", "PROGRESS", "TAKES", "AGE", "NOTE"]
    assert re.match(r"digits-k3m9ap  RUNNING  120/500 24%  2 x 1 GPU ", digits)
    assert bert.endswith("waits behind digits-k3m9ap")


def test_list_asks_for_states_in_any_case(cli, story):
    story.add_job("bert-aaaaaa", state="QUEUED")
    _, out, _ = cli("ls", "-s", "queued", "-o", "json")
    assert [job["id"] for job in json.loads(out)] == ["bert-aaaaaa"]


def test_an_empty_list_says_how_to_begin(cli, fake):
    code, out, err = cli("list")
    assert (code, out) == (0, "")
    assert "launcher run job.yaml" in err


def test_show_tells_attempts_in_order_with_their_endings(cli, story):
    _, out, _ = cli("show", "digits")
    assert out.index("NODE_LOST: box was lost") < out.index("resumed from step 100")
    assert "box: ranks 0, 1" in out
    assert "loss 0.1235  acc 0.98" in out


def test_events_name_their_attempt(cli, story):
    assert cli("events", "digits")[1].endswith("attempt 1: on node box\n")


def test_metrics_are_a_table_with_curves(cli, story):
    _, out, _ = cli("metrics", "digits")
    assert re.search(r"loss +0 +3 +2 +1 +1 +3 +█▁$", out, re.MULTILINE)


def test_metrics_as_csv_can_be_read_back(cli, story):
    _, out, _ = cli("metrics", "digits", "loss", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["value"] for row in rows] == ["3.0", "nan", "1.0"]
    assert {row["name"] for row in rows} == {"loss"}


def test_metrics_of_a_silent_program_say_how_it_can_report(cli, fake):
    fake.add_job()
    assert "launcher.report" in cli("metrics", "digits")[2]


def test_a_checkpoint_comes_to_a_folder_named_after_its_step(cli, story, program):
    code, out, err = cli("checkpoints", "get", "digits")
    assert (code, out) == (0, "digits-k3m9ap-step100\n")
    assert (program / "digits-k3m9ap-step100" / "model.pt").read_bytes() == b"weights"
    assert "verified" in err


@pytest.mark.parametrize("which", [["4"], ["--step", "50"]])
def test_a_checkpoint_can_be_chosen_by_id_or_step(cli, story, program, which):
    cli("checkpoints", "get", "digits", *which, "--to", "here")
    assert (program / "here" / "model.pt").exists()
    assert any("/checkpoints/4/files/" in path for _, path, _ in story.requests)


def test_an_unknown_checkpoint_is_answered_with_those_there_are(cli, story):
    code, _, err = cli("checkpoints", "get", "digits", "--step", "7")
    assert code == 3
    assert "no checkpoint of step 7" in err
    assert "4 (step 50), 9 (step 100)" in err


# --- doing ----------------------------------------------------------------------------------------


def test_cancel_takes_several_jobs_and_tells_that_they_may_save(cli, story):
    story.add_job("bert-aaaaaa")
    code, out, err = cli("cancel", "digits", "bert")
    assert code == 0
    assert out == "digits-k3m9ap  CANCELLING\nbert-aaaaaa  CANCELLING\n"
    assert "launcher cancel bert-aaaaaa --now" in err


def test_stop_now_kills_at_once(cli, story):
    assert cli("stop", "digits", "--now")[1] == "digits-k3m9ap  CANCELLED\n"


def test_retry_says_from_where_the_job_goes_on(cli, story):
    code, out, err = cli("retry", "digits")
    assert (code, out) == (0, "digits-k3m9ap  QUEUED\n")
    assert "the checkpoint of step 100" in err


def test_declaring_a_job_lost_asks_first(cli, story, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, _, _ = cli("declare-lost", "digits")
    assert code == 130
    assert not any(path.endswith("declare-lost") for _, path, _ in story.requests)


# --- logs -----------------------------------------------------------------------------------------


def test_the_output_of_one_rank_comes_byte_for_byte(capfdbinary, story):
    assert call(["logs", "digits", "--rank", "1"]) == 0
    assert capfdbinary.readouterr().out == b"from one\n\xff\x00raw\n"


def test_the_output_of_all_ranks_of_the_newest_attempt_comes_rank_by_rank(cli, story):
    story.logs[2, 1] = b"from one\n"
    _, out, err = cli("logs", "digits")
    lines = ["r0 │ first", "r0 │ second 2\r", "r0 │ last, no end", "r1 │ from one"]
    assert out.split("\n") == [*lines, ""]
    assert "1 earlier attempt" in err


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--attempt", "1"], "old\n"),
        (["--rank", "0", "--tail", "1"], "last, no end"),
        (["--rank", "0", "--grep", "^[fs].*d"], "second 2\r\n"),
    ],
)
def test_logs_can_be_narrowed(cli, story, words, shown):
    assert cli("logs", "digits", *words)[1] == shown


def test_output_that_is_not_there_is_answered_with_what_there_is(cli, story):
    code, _, err = cli("logs", "digits", "--rank", "7")
    assert code == 3
    assert "attempt 2 rank 1" in err


def test_a_job_that_printed_nothing_yet_is_no_error(cli, fake):
    fake.add_job()
    code, out, err = cli("logs", "digits")
    assert (code, out) == (0, "")
    assert "launcher why digits-k3m9ap" in err


def test_a_wrong_expression_is_told(cli, story):
    code, _, err = cli("logs", "digits", "--grep", "(")
    assert code == 2
    assert "is no regular expression" in err


# --- processes ------------------------------------------------------------------------------------


def test_up_waits_for_a_node_and_shows_it(cli, fake):
    node = {"node_id": "n", "host": "box", "address": "a", "total": {"CPU": 2.0}, "free": {}}
    fake.server["clusters"] = [{"name": "local", "live": True, "nodes": [node]}]
    code, out, _ = cli("up")
    assert code == 0
    assert f"server  {fake.server.get('url', '')}" in out
    assert "box: 2 CPUs, 0 GPUs" in out


def test_up_says_who_gives_a_server_elsewhere_its_clusters(cli, fake):
    code, _, err = cli("up")
    assert code == 2
    assert "launcher executor" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "no server is named"), (["--server", "http://x"], "no Ray cluster is named")],
)
def test_an_executor_asks_for_what_it_needs(cli, monkeypatch, words, said):
    monkeypatch.delenv("LAUNCHER_SERVER", raising=False)
    code, _, err = cli("executor", *words)
    assert code == 2
    assert said in err


@pytest.fixture
def state(monkeypatch, tmp_path):
    """A state folder whose server does not run."""
    monkeypatch.delenv("LAUNCHER_SERVER", raising=False)
    folder = tmp_path / "state"
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / "one").write_bytes(b"x" * 2048)
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(folder))
    return folder


def test_down_keeps_what_the_server_knows(cli, state):
    code, _, err = cli("down")
    assert (code, err) == (0, "nothing was running\n")
    assert (state / "blobs" / "one").exists()


def test_purge_asks_with_the_size_and_deletes_only_then(cli, state, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, _, err = cli("down", "--purge")
    assert code == 130
    assert "(2 KiB) for good?" in err
    assert state.exists()
    assert cli("down", "--purge", "--yes")[0] == 0
    assert not state.exists()


def test_the_group_lists_what_its_table_names():
    assert isinstance(launcher, LazyGroup)
    assert launcher.list_commands(None) == COMMANDS

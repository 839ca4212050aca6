"""Commands that clone, remove, look around and check."""

import io
import json
import stat
from dataclasses import replace

import pytest

from launcher.cli.checks import machine
from launcher.cli.checks.finding import fault, ok
from launcher.cli.checks.server import (
    check_answer,
    check_clusters,
    check_memory,
    check_version,
)
from launcher.cli.doctor import report_text
from launcher.cli.live.summary import left_running
from launcher.model.node import NodeReport
from launcher.spec.judge import spec_from_data
from launcher.views import ClusterView, ServerView
from launcher.views_measured import Memory

NODE = {
    "node_id": "n1",
    "host": "host-a",
    "cpus": 8,
    "gpus": 4,
    "other_gpus": 1,
    "holders": [
        {"job": "a-1", "state": "RUNNING", "user": "ada", "ranks": 2, "gpus": 2, "cpus": 2}
    ],
}
WAITING = {
    "job": "b-2",
    "user": "[red]bob\x1b[2J",
    "queued_at": 40.0,
    "workers": 4,
    "gpus_per_worker": 1,
    "reason": "needs 4 GPUs, 1 is free",
}


REMOVAL = {
    "jobs": [
        {"id": "digits-k3m9ap", "state": "FAILED", "ended_at": 1.0}
        | {"checkpoints": 2048, "size": 2048}
    ],
    "freed": 2048,
}


def asked(fake):
    """The queries of the requests that delete."""
    return [path.partition("?")[2] for verb, path, _ in fake.requests if verb == "DELETE"]


@pytest.fixture
def origin(fake):
    spec = spec_from_data({"entrypoint": "train.py", "resources": {"workers": 2}})
    return fake.add_job("digits-k3m9ap", "FAILED", spec=spec.model_dump(mode="json"))


def test_a_clone_is_submitted_with_its_changes_and_says_them(cli, fake, origin):
    code, out, err = cli(
        "clone", "digits", "--set", "resources.workers=4", "--set", "retries.max=2"
    )
    assert code == 0
    (submitted,) = [job for name, job in fake.jobs.items() if name != "digits-k3m9ap"]
    assert out == f"{submitted['id']}\n"
    assert submitted["spec"]["resources"]["workers"] == 4
    assert "resources.workers: 2 -> 4" in err
    assert "retries.max: 0 -> 2" in err


def test_a_clone_without_changes_says_that_nothing_differs(cli, fake, origin):
    code, out, _ = cli("clone", "digits", "-o", "json")
    assert (code, json.loads(out)["differences"]) == (0, [])
    assert "nothing differs" in cli("clone", "digits-k")[2]


def test_a_wrong_change_is_told_with_its_flag_and_nothing_is_submitted(cli, fake, origin):
    code, _, err = cli("clone", "digits", "--set", "resources.wrokers=4")
    assert code == 2
    assert "--set resources.wrokers=4: unknown key; did you mean resources.workers" in err
    assert cli("clone", "digits", "--set", "workdir=/elsewhere")[0] == 2
    assert len(fake.jobs) == 1


def test_removing_asks_first_and_tells_what_went(cli, fake, origin, monkeypatch):
    fake.said["DELETE", "jobs"] = REMOVAL
    monkeypatch.setattr("click.confirm", lambda *_, **__: pytest.fail("it asked"))
    code, out, _ = cli("rm", "digits-k3m9ap", "--dry-run")
    assert code == 0
    assert "2 KiB checkpoints" in out
    assert asked(fake) == ["dry_run=1"]
    code, out, err = cli("rm", "-y", "digits-k3m9ap", "digits-k3m9ap")
    assert (code, out) == (0, "digits-k3m9ap\n")
    assert "2 KiB freed" in err
    assert asked(fake) == ["dry_run=1"] * 2 + ["dry_run=0"]


def test_who_is_asked_and_says_no_keeps_his_job(cli, fake, origin, monkeypatch):
    fake.said["DELETE", "jobs"] = REMOVAL
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, out, err = cli("rm", "digits-k3m9ap")
    assert (code, out) == (130, "")
    assert "remove 1 job for good?" in err
    assert asked(fake) == ["dry_run=1"]


def test_pruning_shows_sizes_and_what_stays(cli, fake):
    gone = {"id": "a-1", "state": "SUCCEEDED", "ended_at": 1.0, "logs": 1024, "size": 1024}
    kept = {"id": "b-2", "reason": "c-3 begins from its checkpoint; remove that before"}
    fake.said["POST", "prune"] = {"jobs": [gone], "freed": 1024, "kept": [kept]}
    code, out, err = cli("prune", "--older-than", "30d", "--dry-run")
    assert code == 0
    assert "1 KiB logs" in out
    assert "b-2 stays: c-3 begins" in err
    assert "1 job would go, 1 KiB freed" in err
    code, out, err = cli("prune", "--older-than", "30d", "-y", "-s", "failed")
    assert (code, out) == (0, "a-1\n")
    assert "1 job removed, 1 KiB freed" in err


def test_an_age_that_is_none_is_refused(cli, fake):
    code, _, err = cli("prune", "--older-than", "old")
    assert code == 2
    assert "--older-than: 'old' is not a duration" in err


def test_the_top_is_plain_text_in_a_pipe(cli, fake):
    cluster = {"name": "prod", "live": True, "nodes": [NODE]}
    silent = {"name": "away", "live": False, "silent_s": 90.0}
    fake.said["GET", "occupancy"] = {
        "now": 100.0, "clusters": [cluster, silent], "waiting": [WAITING]
    }  # fmt: skip
    code, out, _ = cli("top")
    assert code == 0
    assert "\x1b" not in out
    lines = out.splitlines()
    assert "████████▒▒▒▒···· 3/4" in out
    assert "a-1 (ada, 2 ranks), 1 GPU outside launcher" in out
    assert any("away" in line and "silent for 1m30s" in line for line in lines)
    assert any("b-2" in line and "[red]bob" in line and "4 x 1 GPU" in line for line in lines)
    assert json.loads(cli("top", "-o", "json")[1])["now"] == 100.0


def test_the_top_tells_how_projects_share_where_there_is_something_to_share(cli, fake):
    alone = {"name": "default", "now": {"gpus": 2, "cpus": 4, "running": 1, "queued": 0}}
    fake.said["GET", "occupancy"] = {"now": 1.0, "projects": [alone]}
    assert "PROJECT" not in cli("top", "--once")[1]
    vision = {"name": "vision", "weight": 2.0, "past": 0.75, "quota": {"gpus": 16.0}}
    fake.said["GET", "occupancy"] = {"now": 1.0, "projects": [alone, vision]}
    out = cli("top", "--once")[1]
    assert "PROJECT  GPUS  CPUS  RUNNING  QUEUED  WEIGHT  PAST" in out
    assert "default  2     4     1        0       1       0%" in out
    assert "vision   0/16  0     0        0       2       75%" in out


def test_an_empty_place_says_how_to_get_one(cli, fake):
    fake.said["GET", "occupancy"] = {"now": 1.0}
    out = cli("top", "--once")[1]
    assert "no cluster: launcher up starts one here" in out
    assert "nobody waits" in out


# --- doctor ---------------------------------------------------------------------------------------


def test_the_doctor_looks_at_a_server_and_ends_with_its_findings(cli, fake):
    fake.server |= {"clusters": [{"name": "prod", "live": False, "silent_s": 100.0}]}
    code, out, err = cli("doctor")
    assert code == 1
    assert "was last seen 1m40s ago; no job starts there" in out
    assert "XX  cluster prod" in out
    assert "1 fault" in err
    found = {item["name"]: item for item in json.loads(cli("doctor", "-o", "json")[1])}
    assert found["token"]["verdict"] == "ok"


def test_the_doctor_tells_a_wrong_token_and_starts_nothing(cli, fake, monkeypatch, tmp_path):
    monkeypatch.setenv("LAUNCHER_TOKEN", "wrong")
    assert "XX  token" in cli("doctor")[1]
    for name in ("LAUNCHER_SERVER", "LAUNCHER_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(tmp_path / "none"))
    out = cli("doctor")[1]
    assert "your own does not run; launcher up starts it" in out
    assert not (tmp_path / "none").exists()


def test_a_report_holds_no_secret(tmp_path):
    environment = {
        "LAUNCHER_TOKEN": "s3cret",
        "LAUNCHER_SERVER": "https://ada:pw@host:1",
        "RAY_AUTH_TOKEN": "s3cret",
        "HOME": "/home/ada",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
    }
    found = [ok("python", f"{tmp_path}/bin/python"), fault("ray", "is missing", "install it")]
    text = report_text(found, environment, tmp_path)
    assert "s3cret" not in text
    assert "pw" not in text
    assert "LAUNCHER_SERVER=https://(login)@host:1" in text
    assert "LAUNCHER_TOKEN=(set)" in text
    assert "- python: ok: ~/bin/python" in text
    assert "- ray: fault: is missing (hint: install it)" in text


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (machine.check_python((3, 9)), "fault"),
        (machine.check_python((3, 12)), "ok"),
        (machine.check_shared_memory(64 * 2**20), "warning"),
        (machine.check_shared_memory(8 * 2**30), "ok"),
        (machine.check_open_files(1024), "warning"),
        (machine.check_open_files(-1), "ok"),
        (machine.check_port_range("32768\t60999\n"), "ok"),
        (machine.check_port_range("1024 65535"), "warning"),
        (check_version("0.0.1"), "warning"),
        (check_answer("http://a", ServerView("s", "0.1.0"), 3.0), "warning"),
    ],
)
def test_each_check_knows_good_from_bad(finding, verdict):
    assert finding.verdict == verdict
    assert bool(finding.hint) == (verdict != "ok")


def test_a_state_folder_that_others_can_read_is_a_fault(tmp_path):
    folder = tmp_path / "state"
    assert machine.check_state_dir(folder).verdict == "ok"
    folder.mkdir(mode=0o700)
    assert machine.check_state_dir(folder).verdict == "ok"
    folder.chmod(0o755)
    found = machine.check_state_dir(folder)
    assert found.verdict == "fault"
    assert f"chmod {stat.S_IRWXU:o}" in found.hint


def test_a_state_folder_on_a_network_file_system_is_a_fault(tmp_path):
    mounts = f"a / ext4 rw 0 0\nb {tmp_path} nfs4 rw 0 0\n"
    assert machine.check_file_system(tmp_path / "state", mounts).verdict == "fault"
    assert machine.check_file_system(tmp_path.parent, mounts).verdict == "ok"


def test_a_full_disk_is_worse_than_a_nearly_full_one(tmp_path, monkeypatch):
    verdicts = []
    for free in (2**40, 5 * 2**30, 2**20):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        verdicts.append(machine.check_disk("disk", tmp_path / "none").verdict)
    assert verdicts == ["ok", "warning", "fault"]


def test_a_cluster_is_told_with_what_it_has():
    node = NodeReport("n1", "a", "10.0.0.1", {"CPU": 8.0, "GPU": 2.0}, {})
    server = ServerView("s", "0.1.0", clusters=(ClusterView("p", live=True, nodes=(node,)),))
    (found,) = check_clusters(server)
    assert (found.verdict, found.words) == ("ok", "1 node, 2 GPUs, 8 CPUs, Ray ")
    (none,) = check_clusters(ServerView("s", "0.1.0", embedded=True))
    assert none.verdict == "warning"


def test_memory_is_told_of_all_that_stays():
    memory = Memory(server=90 * 2**20, executor=10 * 2**20, ray=200 * 2**20)
    assert check_memory(memory).words == "server, executor and Ray hold 300 MiB"
    assert check_memory(replace(memory, preloaded=2**29)).words == (
        "server, executor and Ray hold 300 MiB, "
        "interpreters that are preloaded for the next jobs 512 MiB"
    )
    assert left_running(memory) == (
        "left running: server and Ray (300 MiB); launcher down stops them"
    )
    assert left_running(replace(memory, preloaded=2**29)) == (
        "left running: server, Ray and preloaded interpreters (812 MiB); launcher down stops them"
    )
    assert left_running(None) == "left running: server and Ray; launcher down stops them"


# --- completion -----------------------------------------------------------------------------------


def complete(cli, monkeypatch, words, number):
    for name, value in {
        "_LAUNCHER_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(number),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("launcher.cli._completing._PATIENCE_S", 60.0)
    with pytest.raises(SystemExit):
        cli()


@pytest.mark.parametrize("command", ["show", "rm", "cancel"])
def test_a_job_is_completed_by_its_beginning(cli, fake, monkeypatch, capfdbinary, command):
    fake.add_job("digits-k3m9ap")
    fake.add_job("other-aaaaaa")
    complete(cli, monkeypatch, f"launcher {command} dig", 2)
    assert capfdbinary.readouterr().out == b"plain,digits-k3m9ap\n"


def test_a_spec_is_completed_by_the_shell_and_a_server_that_is_away_offers_nothing(
    cli, monkeypatch, capfdbinary
):
    complete(cli, monkeypatch, "launcher run jo", 2)
    assert capfdbinary.readouterr().out == b"file,jo\n"
    monkeypatch.setenv("LAUNCHER_SERVER", "http://127.0.0.1:1")
    complete(cli, monkeypatch, "launcher show dig", 2)
    assert capfdbinary.readouterr().out.strip() == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_to_add_is_told_for_each_shell(cli, shell):
    code, out, err = cli("completion", shell)
    assert code == 0
    assert f"launcher completion {shell} --script" in out
    assert "add this line to ~/" in err


def test_the_shell_is_known_from_the_environment(cli, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "zsh" in cli("completion")[1]
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert cli("completion")[0] == 2
    code, out, _ = cli("completion", "zsh", "--script")
    assert code == 0
    assert "_LAUNCHER_COMPLETE=zsh_complete launcher" in out

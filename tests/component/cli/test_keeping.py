"""Retention, backups and a full disk, as commands tell them."""

import pytest

from launcher.cli.checks.server import check_clusters, check_room
from launcher.transport import NOTICE
from launcher.views import ClusterView, DiskView, ServerView


@pytest.fixture
def ruled(fake):
    """A server with a rule of its own and one of a project."""
    rules = [
        {"project": "", "kind": "logs", "value": 90 * 86400.0},
        {"project": "demo", "kind": "log-size", "value": 2.0**20},
        {"project": "demo", "kind": "logs", "value": None},
    ]
    fake.said["GET", "retention"] = fake.said["PUT", "retention"] = {"rules": rules}
    fake.said["POST", "retention"] = {
        "expired": [{"kind": "logs", "at": 1.0, "size": 2**20, "job": "digits-k3m9ap"}]
    }
    return fake


def test_rules_are_shown_beside_what_holds_without_them(cli, ruled):
    code, out, _ = cli("retention")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["WHAT"][:2] == ["ALL", "DEMO"]
    assert rows["logs"][:2] == ["90d", "forever"]
    assert rows["jobs"][:2] == ["forever", "-"]
    assert rows["log-size"][:4] == ["1", "GiB", "1", "MiB"]


def test_setting_a_rule_tells_what_will_go_and_how_to_take_it_back(cli, ruled):
    rules = ("--logs", "90d", "--log-size", "1MiB", "--jobs", "default")
    code, _, err = cli("retention", "set", *rules)
    assert code == 0
    (asked,) = [r for r in ruled.requests if r[0] == "PUT"]
    assert asked
    assert "1 MiB of 1 job will go in 10 to 20 minutes" in err
    assert "--KIND default takes a rule back" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--logs", "soon"], "--logs: 'soon' is not a duration"),
        (["--log-size", "much"], "--log-size: 'much' is not a size"),
        ([], "there is nothing to set"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(cli, ruled, words, said):
    code, _, err = cli("retention", "set", *words)
    assert code == 2
    assert said in err


def test_what_retention_removed_is_told_where_it_is_looked_for(cli, fake):
    gone = {"kind": "logs", "at": 1_700_000_000.0, "size": 2048}
    fake.add_job(state="SUCCEEDED", expired=[gone])
    assert "its logs (2 KiB) were removed by retention on 2023-11-1" in cli("logs", "digits")[2]
    assert "logs (2 KiB), by retention on 2023-11-1" in cli("show", "digits")[1]


def test_a_servers_notice_is_told_once_after_the_result(cli, fake, monkeypatch):
    fake.add_job()
    answer = type(fake).answer

    def warning(self, *asked):
        status, data, headers = answer(self, *asked)
        return status, data, headers | {NOTICE: "the server's disk is nearly full: 1 GiB free"}

    monkeypatch.setattr(type(fake), "answer", warning)
    _, out, err = cli("show", "digits")
    assert "digits-k3m9ap" in out
    assert err.count("warning: the server's disk is nearly full: 1 GiB free") == 1


@pytest.mark.parametrize(
    ("disk", "verdict"),
    [
        (DiskView(2**37, 2**38), "ok"),
        (DiskView(2**30, 2**38, is_low=True), "warning"),
        (DiskView(2**20, 2**38, is_low=True, is_full=True), "fault"),
    ],
)
def test_the_doctor_judges_the_servers_disk(disk, verdict):
    assert check_room(disk).verdict == verdict


def test_the_doctor_names_what_runs_and_is_not_known():
    cluster = ClusterView("p", live=True, orphans=("digits-k3m9ap.1",))
    _, orphan = check_clusters(ServerView("s", "0.1.0", clusters=(cluster,)))
    assert orphan.verdict == "warning"
    assert "digits-k3m9ap.1: runs there and is unknown to this server" in orphan.words


def test_a_backup_of_another_machines_server_is_refused_with_where_to_make_it(cli, fake):
    code, _, err = cli("backup")
    assert code == 2
    assert "its backup is made on its own machine" in err


def test_a_backup_is_restored_by_the_commands(cli, fresh_state, tmp_path, monkeypatch):
    monkeypatch.setattr("os.sync", lambda: None)
    target = tmp_path / "backup.tar"
    code, out, err = cli("backup", "--state-dir", str(fresh_state), str(target))
    assert (code, out.strip()) == (0, str(target))
    assert "0 jobs: database" in err
    assert "keep it private" in err
    assert cli("restore", "--check", str(target))[0] == 0
    code, out, err = cli("restore", str(target), "--state-dir", str(tmp_path / "restored"))
    assert (code, out.strip()) == (0, str(tmp_path / "restored"))
    code, _, err = cli("restore", str(target), "--state-dir", str(tmp_path / "restored"))
    assert code == 5
    assert "is not empty: the state of a server with 0 jobs" in err

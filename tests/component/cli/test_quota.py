"""Priorities and quotas, as commands tell them."""

import json

import pytest


@pytest.fixture
def shared(fake):
    """A server with a project that has a quota, and one that has none."""
    vision = {"name": "vision", "weight": 2.0, "quota": {"gpus": 16.0, "running": 10}}
    vision |= {"now": {"gpus": 12.0, "cpus": 24.0, "running": 3, "queued": 7}}
    vision |= {"gpu_s": 7200.0, "cpu_s": 3600.0, "past": 0.75}
    found = {"projects": [{"name": "speech"}, vision]}
    for method in ("GET", "PUT", "DELETE"):
        fake.said[method, "projects"] = found
    return fake


def asked(fake, method):
    return [path for verb, path, _ in fake.requests if verb == method]


def test_projects_are_shown_with_what_they_hold_of_what_they_may(cli, shared):
    code, out, _ = cli("quota")
    assert code == 0
    heads, speech, vision = (line.split() for line in out.splitlines())
    assert heads[:7] == ["PROJECT", "GPUS", "CPUS", "RUNNING", "QUEUED", "WEIGHT", "PAST"]
    assert vision == ["vision", "12/16", "24", "3/10", "7", "2", "75%", "2", "1"]
    assert speech == ["speech", "0", "0", "0", "0", "1", "0%", "0", "0"]


@pytest.mark.parametrize("words", [["quota"], ["quota", "show"]])
def test_programs_read_all_of_it(cli, shared, words):
    code, out, _ = cli(*words, "--output", "json")
    assert code == 0
    assert json.loads(out)[1]["quota"] == {
        "gpus": 16, "cpus": None, "running": 10, "queued": None
    }  # fmt: skip


def test_a_server_without_projects_says_how_one_gets_a_quota(cli, fake):
    fake.said["GET", "projects"] = {"projects": []}
    code, out, err = cli("quota")
    assert (code, out) == (0, "")
    assert "launcher quota set NAME --gpus 16" in err


def test_only_what_is_named_is_changed(cli, shared, monkeypatch):
    sent = []
    answer = type(shared).answer

    def watched(self, *asked):
        sent.append(asked[3])
        return answer(self, *asked)

    monkeypatch.setattr(type(shared), "answer", watched)
    code, out, _ = cli("quota", "set", "vision", "--gpus", "none", "--queued", "5", "--weight", "2")
    assert code == 0
    assert "vision" in out
    assert asked(shared, "PUT") == ["/api/v1/projects/vision"]
    assert json.loads(sent[0]) == {"gpus": None, "queued": 5, "weight": 2.0}


def test_a_quota_is_taken_away_whole(cli, shared):
    assert cli("quota", "reset", "vision")[0] == 0
    assert asked(shared, "DELETE") == ["/api/v1/projects/vision"]


def test_several_jobs_get_a_priority_at_once(cli, fake):
    for identity in ("night-a23456", "night-b23456"):
        fake.add_job(identity, "QUEUED", priority=10)
    code, out, _ = cli("priority", "night-a", "night-b", "10")
    assert code == 0
    assert out.splitlines() == ["night-a23456  QUEUED", "night-b23456  QUEUED"]
    assert asked(fake, "POST") == ["/api/v1/queue/priority"]


@pytest.mark.parametrize(("word", "limit"), [("16", 16), ("none", None)])
def test_an_array_gets_another_limit_or_none(cli, fake, monkeypatch, word, limit):
    sent, order = [], type(fake)._order
    monkeypatch.setattr(
        type(fake), "_order", lambda self, *asked: sent.append(asked) or order(self, *asked)
    )
    for index in range(2):
        fake.add_job(f"sweep-k3m9ap-{index}", "QUEUED")
    assert cli("limit", "sweep", word)[:2] == (
        0, "sweep-k3m9ap-0  QUEUED\nsweep-k3m9ap-1  QUEUED\n"
    )  # fmt: skip
    assert sent == [("limit", {"jobs": ["sweep"], "user": "ada", "limit": limit})]


def test_what_may_be_preempted_is_told_with_its_place_in_the_queue(cli, fake):
    fake.add_job(priority=80, preemptible=True)
    out = cli("show", "digits")[1]
    assert "project default, priority 80, cluster any, preemptible" in out

"""Commands about when jobs start, and about several of them at once."""

import json

import pytest

from launcher.cli.list import _states


@pytest.fixture
def three(fake):
    fake.add_job("digits-k3m9ap", "RUNNING", project="vision")
    fake.add_job("bert-aaaaaa", "QUEUED", project="vision", user="bob")
    fake.add_job("old-bbbbbb", "FAILED", project="vision")
    return fake


@pytest.fixture
def answer(monkeypatch):
    """What a person says to the question, and what was asked."""
    asked = []

    def say(yes):
        def confirm(text, **_):
            asked.append(text)
            if not yes:
                import click

                raise click.Abort
            return True

        monkeypatch.setattr("click.confirm", confirm)
        return asked

    return say


def states(fake):
    return [job["state"] for job in fake.jobs.values()]


def test_a_job_is_held_and_released(cli, three):
    assert cli("hold", "bert") == (0, "bert-aaaaaa  HELD\n", "")
    assert cli("hold", "bert")[2] == "bert-aaaaaa was held before\n"
    assert cli("release", "bert") == (0, "bert-aaaaaa  QUEUED\n", "")
    assert cli("release", "bert")[2] == "bert-aaaaaa was not held\n"


def test_those_that_can_be_held_are_and_the_others_are_told(cli, three):
    code, out, err = cli("hold", "digits", "bert")
    assert (code, out) == (5, "bert-aaaaaa  HELD\n")
    assert err == "error: job 'digits-k3m9ap' is RUNNING\nhint: cancel it\n"


def test_outcomes_are_json_for_programs(cli, three):
    _, out, _ = cli("hold", "bert", "-o", "json")
    [outcome] = json.loads(out)
    assert outcome == {
        "job": "bert-aaaaaa", "before": "QUEUED", "state": "HELD", "problem": "", "hint": "",
    }  # fmt: skip


def test_many_are_cancelled_only_after_it_was_told_how_many_of_what(cli, three, answer):
    asked = answer(yes=False)
    assert cli("cancel", "--project", "vision")[0] == 130
    assert asked == ["cancel 2 jobs of 2 users, project vision (1 running, 1 queued)?"]
    assert states(three) == ["RUNNING", "QUEUED", "FAILED"]
    answer(yes=True)
    code, out, _ = cli("cancel", "--all", "--now")
    assert (code, out) == (0, "digits-k3m9ap  CANCELLED\nbert-aaaaaa  CANCELLED\n")
    assert states(three) == ["CANCELLED", "CANCELLED", "FAILED"]


def test_yes_asks_nothing_and_options_choose_together(cli, three):
    code, out, _ = cli("cancel", "-s", "queued", "-u", "bob", "--yes", "--now")
    assert (code, out) == (0, "bert-aaaaaa  CANCELLED\n")
    assert states(three) == ["RUNNING", "CANCELLED", "FAILED"]


def test_those_that_wait_are_held_and_released_by_what_they_are(cli, three, answer):
    asked = answer(yes=True)
    assert cli("hold", "--project", "vision") == (
        *(0, "bert-aaaaaa  HELD\n", "bert-aaaaaa  QUEUED  vision  bob\n"),
    )
    assert asked == ["hold 1 job of bob, project vision (1 queued)?"]
    assert cli("hold", "--all")[2] == "no job like that waits\n"
    assert cli("release", "-u", "bob", "-y") == (0, "bert-aaaaaa  QUEUED\n", "")
    assert cli("release", "-u", "bob")[2] == "no job like that is held\n"
    assert states(three) == ["RUNNING", "QUEUED", "FAILED"]


def test_when_nothing_is_chosen_nothing_is_asked(cli, three):
    assert cli("cancel", "-u", "nobody") == (0, "", "no job like that waits or runs\n")


def test_names_and_choices_do_not_stand_together(cli, three):
    code, _, err = cli("cancel", "bert", "--all")
    assert code == 2
    assert "JOB and options that choose jobs stand together" in err


def test_cancel_of_a_job_that_had_ended_says_so(cli, three):
    three.jobs["old-bbbbbb"]["state"] = "CANCELLED"
    assert "old-bbbbbb had ended before" in cli("cancel", "old", "--now")[2]


def test_a_submit_takes_when_it_may_start(cli, fake, program):
    options = ["--after", "digits-k3m9ap:any", "--after", "bert", "--not-before", "8h", "--dry-run"]
    _, out, _ = cli("submit", *options, "--array", "0-9%4", "--", "train.py")
    assert "after:\n- digits-k3m9ap:any\n- bert\n" in out
    assert "not_before: 8h\n" in out
    assert "array: 0-9%4\n" in out


def test_last_among_those_waited_for_is_the_newest_job_of_the_user(cli, fake, program):
    fake.add_job("sweep-k3m9ap-9", array_id="sweep-k3m9ap")
    code, out, _ = cli("submit", "--after", "last:any", "--", "train.py")
    assert code == 0
    assert fake.jobs[out.strip()]["spec"]["after"] == ["sweep-k3m9ap:any"]


def test_run_follows_no_array(cli, fake, program):
    code, _, err = cli("run", "--array", "0-9", "--", "train.py")
    assert code == 2
    assert "launcher submit queues an array" in err
    assert fake.requests == []


def test_an_array_is_one_line_of_the_list(cli, fake):
    more = {"array_id": "sweep-k3m9ap", "workers": 2}
    fake.add_job("sweep-k3m9ap-0", "QUEUED", elements={"RUNNING": 2, "QUEUED": 8}, **more)
    _, out, _ = cli("list")
    assert out.splitlines()[1].split() == [
        *("sweep-k3m9ap", "RUNNING", "10", "jobs", "2", "x", "1", "CPU", "each"),
        *(out.split()[-5], "2", "running,", "8", "queued"),
    ]
    assert "fold=1" in fake.requests[-1][1]
    cli("list", "--elements")
    assert "fold" not in fake.requests[-1][1]


def test_states_of_an_array_are_told_from_the_most_alive_to_the_ended():
    counts = {"SUCCEEDED": 3, "FAILED": 1, "STARTING": 2, "HELD": 1}
    assert _states(counts) == "2 starting, 1 held, 1 failed, 3 succeeded"

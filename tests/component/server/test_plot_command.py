"""`launcher plot` against the application in this process, as in a pipe."""

import json

import pytest
from command_line import CommandLines
from players import TOKEN


@pytest.fixture
def say(server, tmp_path):
    lines = CommandLines(server.browser, tmp_path, TOKEN)

    def say(line):
        *told, end = lines.say(line)
        return told, end

    return say


@pytest.fixture
def trained(agent, job):
    agent.points(*range(1, 101), loss=0.5, acc=0.25)
    return job


def test_a_chart_in_a_pipe_has_80_columns_and_no_colour(say, trained):
    lines, end = say(f"launcher plot {trained}")
    assert end == "exit 0"
    assert max(map(len, lines)) <= 80
    assert not any("\x1b" in line for line in lines)


def test_without_a_metric_it_says_which_others_there_are(say, trained, capsys):
    assert say(f"launcher plot {trained}") == (["other metrics: acc"], "exit 0")


def test_json_has_the_points_that_are_drawn(say, trained):
    lines, end = say(f"launcher plot {trained} acc loss --output json")
    told = json.loads("\n".join(lines))
    assert end == "exit 0"
    assert told["jobs"] == [trained]
    assert [chart["metric"] for chart in told["charts"]] == ["acc", "loss"]
    (curve,) = told["charts"][0]["curves"]
    assert (curve["job"], curve["rank"]) == (trained, 0)
    assert curve["points"][0] == [1, 0.25]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_written_by_its_ending(say, trained, tmp_path, ending):
    pytest.importorskip("matplotlib")
    lines, _ = say(f"launcher plot {trained} loss acc -o curves.{ending}")
    assert lines == [f"loss, acc (2 curves) drawn in curves.{ending}"]
    assert (tmp_path / f"curves.{ending}").stat().st_size > 1000


def test_jobs_and_metrics_may_stand_in_any_order_behind_the_first_job(say, server, trained):
    other = server.new_job()
    told = [
        json.loads("\n".join(say(f"launcher plot {words} --output json")[0]))
        for words in (
            f"{trained} loss {other}",
            f"{trained} {other} loss",
            f"{other} {trained} -m loss",
        )
    ]
    assert all(set(one["jobs"]) == {trained, other} for one in told)
    assert all([chart["metric"] for chart in one["charts"]] == ["loss"] for one in told)


def test_a_job_that_has_nothing_yet_is_no_mistake(say, job):
    (line,), end = say(f"launcher plot {job} loss")
    assert end == "exit 0"
    assert line.startswith("no metrics: launcher.report(")


def test_following_a_job_that_has_ended_draws_it_once(say, agent, trained):
    agent.end()
    assert say(f"launcher plot {trained} loss --follow")[1] == "exit 0"


def test_a_name_that_is_markup_or_a_command_to_the_terminal_is_only_a_name(say, agent, job):
    agent.points(1, 2, **{"<script>\x1b[2J": 0.5, "[red]": 1.0})
    lines, end = say(f"launcher plot {job} --output json")
    assert end == "exit 0"
    assert "\\u001b" not in "".join(lines)

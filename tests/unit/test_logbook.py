"""Our own logs: words for people, or an object a line, with the job that a line is about."""

import io
import json
import logging
import sys

import pytest

from launcher import logbook
from launcher.errors import SpecError
from launcher.logbook import JsonLines, TextLines, about


@pytest.fixture
def written():
    """Logs one line by a formatter; gives what was written."""

    def write(formatter, *words, level=logging.INFO, **more):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        log = logging.Logger("launcher.server.control")  # noqa: LOG001 - one that nobody else has
        log.addHandler(handler)
        log.log(level, *words, **more)
        return stream.getvalue()

    return write


def test_json_is_one_object_a_line_whatever_the_words_hold(written):
    words = 'two\nlines, "quotes", \udcff and é'
    line = written(JsonLines("server", {}), "%s", words)
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told["message"] == words
    assert told["level"] == "info"
    assert told["service"] == "server"
    assert told["logger"] == "launcher.server.control"
    assert told["time"].endswith("Z")


def test_a_line_on_a_job_names_it_in_a_field_of_its_own(written):
    line = written(JsonLines("server", {}), "a-1: started", extra=about("a-1", attempt=2))
    told = json.loads(line)
    assert (told["job"], told["attempt"]) == ("a-1", 2)
    several = json.loads(written(JsonLines("server", {}), "removed", extra=about("a-1", "b-2")))
    assert several["jobs"] == ["a-1", "b-2"]
    assert "job" not in several


def test_what_a_process_is_about_stands_in_every_line_and_a_line_may_say_more(written):
    lines = JsonLines("agent", {"job": "a-1", "allocation": "a-1.1"})
    told = json.loads(written(lines, "prepared", extra=about("a-1", attempt=3)))
    assert (told["service"], told["job"], told["allocation"]) == ("agent", "a-1", "a-1.1")
    assert told["attempt"] == 3
    assert "attempt" not in json.loads(written(lines, "leaving"))


def test_a_traceback_stays_in_its_line(written):
    try:
        int("no\nway")
    except ValueError:
        line = written(JsonLines("server", {}), "broke", level=logging.ERROR, exc_info=True)
    assert line.count("\n") == 1
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_text_names_the_job_once(written):
    text = TextLines({})
    assert written(text, "a-1: started", extra=about("a-1")).endswith("a-1: started\n")
    assert written(text, "started", extra=about("a-1", attempt=2)).endswith(
        "started [job=a-1 attempt=2]\n"
    )
    assert written(TextLines({"job": "a-1"}), "leaving").endswith("leaving [job=a-1]\n")


def test_the_format_is_the_options_else_the_variables_else_text(monkeypatch):
    monkeypatch.delenv("LAUNCHER_LOG_FORMAT", raising=False)
    assert logbook.chosen_format() == "text"
    monkeypatch.setenv("LAUNCHER_LOG_FORMAT", "json")
    assert logbook.chosen_format() == "json"
    assert logbook.chosen_format("text") == "text"
    monkeypatch.setenv("LAUNCHER_LOG_FORMAT", "jsno")
    with pytest.raises(SpecError, match="LAUNCHER_LOG_FORMAT=jsno: is none of text, json"):
        logbook.chosen_format()


def test_in_json_what_nobody_caught_is_a_line_too(own_logging, tmp_path):
    file = tmp_path / "own.log"
    logbook.keep("executor", format="json", file=file, cluster="lab")
    try:
        {}["lost"]
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    (line,) = file.read_text().splitlines()
    told = json.loads(line)
    assert (told["service"], told["cluster"], told["level"]) == ("executor", "lab", "critical")
    assert "KeyError: 'lost'" in told["exception"]

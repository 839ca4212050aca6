"""`launcher open`, and what a person reads."""

import re
import shutil

import pytest
from command_line import CommandLines
from players import TOKEN


@pytest.fixture
def lines(server, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    yield CommandLines(server.browser, folder, TOKEN)
    shutil.rmtree(f"{folder}-cache", ignore_errors=True)


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was opened with; there is a display."""
    found = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: found.append(address) or True)
    return found


def session(server, address):
    path = "/" + address.split("/", 3)[3]
    reply = server.browser.ask("GET", path)
    return reply.status, reply.text


def test_the_page_of_a_job_is_opened_and_its_address_printed(server, lines, opened):
    job = server.new_job()
    address, code = lines.say(f"launcher open {job[:-2]}")
    assert code == "exit 0"
    assert opened == [address]
    status, text = session(server, address)
    assert status == 200
    assert f"url=/jobs/{job}" in text


def test_without_a_job_the_page_of_all_is_opened(server, lines, opened):
    address, _ = lines.say("launcher open")
    assert 'url=/"' in session(server, address)[1]


@pytest.mark.parametrize("line", ["launcher open --no-browser", "DISPLAY= launcher open"])
def test_without_a_browser_the_address_is_all_and_it_is_told_how_long_it_lasts(
    lines, opened, monkeypatch, line
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        if "DISPLAY=" in line:
            monkeypatch.delenv(name, raising=False)
    told, code = lines.say(line.removeprefix("DISPLAY= "))
    assert opened == []
    assert "within a minute" in told
    assert code == "exit 0"


def test_programs_get_the_address_as_json_and_no_browser(server, lines, opened):
    told = " ".join(lines.say("launcher open --output json"))
    assert re.search(r'"address": "http://', told)
    assert opened == []

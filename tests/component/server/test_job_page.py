"""The page of one job, its parts, its pictures, and the page that compares jobs."""

import re

import pytest
from players import sha256

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def look(server):
    """A page for who may look, or, with `part`, what a script of it asks for."""
    key = server.services.settings.page_key

    def look(address, *, part=False):
        headers = {"Cookie": f"launcher-{server.store.server_id}={key}"}
        headers |= {"HX-Request": "true"} if part else {}
        return server.browser.ask("GET", address, headers=headers)

    return look


@pytest.fixture
def give(agent):
    def give(files):
        entries = [
            {"path": path, "size": len(data), "sha256": agent.upload(data)}
            for path, data in files.items()
        ]
        data = {"attempt": 1, "rank": 0, "files": entries}
        assert agent.ask("POST", "/outputs", data=data).status == 200

    return give


def test_the_page_of_a_job_shows_its_timeline_checkpoints_spec_and_events(server, agent, job, look):
    agent.sync(attempt=1, started=1)
    agent.commit(7, {"model.pt": b"m"}, metrics={"loss": 0.25, SCRIPT: 1.0})
    server.wall.now += 60
    text = look(f"/jobs/{job}").text
    assert 'data-phase="training"' in text
    assert "checkpoint of step 7" in text
    assert ">0.25</td>" in text
    assert "entrypoint:" in text
    assert "submitted by ada" in text
    assert SCRIPT not in text


def test_a_script_of_the_page_gets_only_what_changes(look, job):
    text = look(f"/jobs/{job}", part=True).text
    assert re.findall(r'<(?:div|section) id="([a-z-]+)"', text)[0] == "job-head"
    assert all(f'id="{part}"' in text for part in ("job-head", "job-rest", "events"))
    assert "<html" not in text
    assert "entrypoint:" not in text


def test_a_page_that_may_only_look_shows_its_buttons_disabled_with_the_way_out(look, job):
    (button,) = re.findall(r'<button[^>]*data-action="cancel"[^>]*>', look(f"/jobs/{job}").text)
    assert "disabled" in button
    assert f"launcher open {job}" in button


def test_a_failed_job_shows_who_failed_first_and_its_last_lines(agent, job, look):
    exits = [{"rank": 1, "code": 3, "tail": f"Traceback {SCRIPT}"}]
    agent.end("PROGRAM_FAILED", words="rank 1: exit code 3", first_failing=1, exits=exits)
    text = look(f"/jobs/{job}").text
    assert 'data-show-log="1.1"' in text
    assert "Traceback &lt;script&gt;" in text
    assert 'data-action="retry"' in text
    assert 'data-action="cancel"' not in text


def test_who_follows_from_the_page_is_told_what_came_after_it(server, agent, job, look):
    agent.points(1, loss=1.0)
    cursor = re.search(r'data-cursor="([^"]+)"', look(f"/jobs/{job}").text)[1]
    before = agent.points(2, loss=0.5, offset=agent.points(1, loss=1.0)[0])
    assert before
    agent.end()
    story = server.story(job, cursor=cursor, logs="lengths")
    points = [one.data for one in story if one.kind == "metrics"]
    assert '"step": 2' in "".join(points)
    assert '"step": 1,' not in "".join(points)
    assert not any("submitted by" in one.data for one in story)


def test_in_place_of_bytes_a_follower_is_told_how_long_each_log_is(server, agent, job):
    agent.log(b"one\n")
    agent.log(b"three\n", rank=1)
    agent.end()
    story = server.story(job, logs="lengths")
    assert [one.data for one in story if one.kind == "lengths"] == [
        '{"logs": [[1, 0, "log", 4], [1, 1, "log", 6]]}'
    ]
    assert not [one for one in story if one.kind == "log"]


# --- pictures -------------------------------------------------------------------------------------


def test_only_what_is_a_picture_is_shown_and_nothing_in_it_runs(look, give, job):
    give({"a b.png": PNG, "fake.png": SCRIPT.encode(), "x.svg": b"<svg/>", f"{SCRIPT}.png": PNG})
    text = look(f"/jobs/{job}").text
    shown = re.findall(r'<img src="([^"]+)"', text)
    assert shown == [
        f"/jobs/{job}/outputs/0/picture/%3Cscript%3Ealert%281%29%3C/script%3E.png?v="
        + sha256(PNG)[:12],
        f"/jobs/{job}/outputs/0/picture/a%20b.png?v={sha256(PNG)[:12]}",
    ]
    reply = look(shown[1])
    assert (reply.status, reply.body) == (200, PNG)
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert reply.headers["x-content-type-options"] == "nosniff"
    for other in ("fake.png", "x.svg", "missing.png"):
        assert look(f"/jobs/{job}/outputs/0/picture/{other}").status == 404


def test_pictures_are_for_who_may_look(server, give, job):
    give({"a.png": PNG})
    reply = server.browser.ask("GET", f"/jobs/{job}/outputs/0/picture/a.png")
    assert reply.status == 401
    assert PNG not in reply.body


def test_a_file_that_is_downloaded_is_never_shown_by_the_browser(server, give, job):
    give({"plots/page.html": SCRIPT.encode()})
    reply = server.ask("GET", f"/jobs/{job}/outputs/0/files/plots/page.html")
    assert reply.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"


# --- lines of logs --------------------------------------------------------------------------------


def test_lines_of_a_log_are_counted_and_searched(server, agent, job):
    agent.log(b"epoch 1\nLoss 2\nepoch 3")
    path = f"/jobs/{job}/logs/1/0"
    told = server.get(f"{path}/lines")
    assert (told["counts"], told["length"]) == ([2], 22)
    assert server.get(f"{path}/search", text="EPOCH")["lines"] == [0, 2]
    assert server.get(f"{path}/search", text="loss", case=1)["lines"] == []
    found = server.get(f"{path}/search", text="loss")
    assert found == {"lines": [1], "next": {"offset": 22, "line": 2}, "is_all": True}
    agent.log(b"! loss\nloss", offset=22)
    assert server.get(f"{path}/search", text="loss", **found["next"])["lines"] == [2, 3]


@pytest.mark.parametrize("what", ["lines", "search?text=x"])
def test_a_log_that_is_not_there_is_told(server, job, what):
    reply = server.ask("GET", f"/jobs/{job}/logs/1/7/{what}")
    assert (reply.status, reply.error) == (404, f"job '{job}' has no log of rank 7 in attempt 1")


def test_a_search_for_nothing_is_refused(server, job):
    assert server.ask("GET", f"/jobs/{job}/logs/1/0/search?text=").status == 422


# --- other jobs -----------------------------------------------------------------------------------


def test_what_differs_from_another_job_is_shown(server, look, job):
    other = server.new_job(env={"LR": SCRIPT})
    text = look(f"/jobs/{job}/diff?other={other}", part=True).text
    assert "env.LR" in text
    assert "&lt;script&gt;" in text
    assert SCRIPT not in text
    assert "no job &#39;nobody&#39;" in look(f"/jobs/{job}/diff?other=nobody", part=True).text


def test_jobs_are_compared_by_what_they_gave_and_what_differs(server, agent, job, look):
    agent.points(1, loss=1.5)
    agent.points(2, loss=0.5, offset=agent.points(1, loss=1.5)[0])
    other = server.new_job(env={"LR": "0.1"}, name=SCRIPT[1:7])
    for address in (f"/compare?job={job}&job={other}", f"/compare?jobs={job},{other},{job}"):
        text = look(address).text
        assert text.count('class="compared-job"') == 2
        assert ">env.LR</th>" in text
        assert ">0.5</td>" in text or ">0.5000</td>" in text


def test_a_job_that_is_not_there_leaves_the_others_compared(look, job):
    text = look(f"/compare?job={job}&job=%3Cscript%3E").text
    assert text.count('class="compared-job"') == 1
    assert "no job &#39;&lt;script&gt;&#39;" in text


def test_the_page_that_compares_says_how_to_choose_jobs(look):
    reply = look("/compare")
    assert reply.status == 200
    assert "Which jobs?" in reply.text

"""`launcher.Client` as notebooks use it, against the application in this process."""

import sys
from pathlib import Path

import pytest
from command_line import URL, _Connection
from players import SPEC, TOKEN, sha256

import launcher
from launcher.errors import JobFailedError, LauncherError, NotFoundError, SpecError

PROGRAM = "print('hello')\n"


@pytest.fixture
def client(server, monkeypatch, tmp_path):
    connection = type("Connected", (_Connection,), {"browser": server.browser})
    monkeypatch.setattr("launcher.address.Connection", connection)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "job.yaml").write_text("name: digits\nentrypoint: train.py\nframework: command\n")
    return launcher.Client(URL, TOKEN)


def spec_of(client, job):
    return client.job(job).spec


def test_a_spec_is_a_file_a_dict_or_keywords(client, executor):
    assert executor
    of_file = client.submit("job.yaml", resources={"workers": 2}, env={"LR": "0.1"})
    of_path = client.submit(Path("job.yaml"))
    keys = {"name": "digits", "entrypoint": "train.py", "framework": "command"}
    of_dict = client.submit(keys, priority=80)
    of_keys = client.submit(**keys)
    assert spec_of(client, of_file)["resources"]["workers"] == 2
    assert spec_of(client, of_file)["env"] == {"LR": "0.1"}
    assert spec_of(client, of_dict)["priority"] == 80
    assert spec_of(client, of_path) == spec_of(client, of_keys)


def test_keywords_leave_the_other_keys_of_a_section(client, executor):
    assert executor
    given = {"entrypoint": "train.py", "framework": "command", "resources": {"workers": 2}}
    job = client.submit(given, resources={"cpus_per_worker": 2})
    assert spec_of(client, job)["resources"]["workers"] == 2
    assert given["resources"] == {"workers": 2}


def test_all_mistakes_are_told_at_once_and_where_they_stand(client):
    with pytest.raises(SpecError) as caught:
        client.submit("job.yaml", resources={"wrokers": 2}, retries=3)
    told = str(caught.value)
    assert "resources.wrokers=2: unknown key" in told
    assert "did you mean" in told
    assert "retries=3" in told
    with pytest.raises(SpecError, match="the given spec: entrypoint"):
        client.submit({"entrypoint": ""})
    with pytest.raises(SpecError, match=r"nothing\.yaml: does not exist"):
        client.submit("nothing.yaml")


def test_a_job_is_named_by_whatever_stands_for_it(client, job, agent):
    agent.end()
    view = client.job(job)
    assert client.job(view).id == client.wait(job).id == job
    assert client.why(view)
    assert client.checkpoints(view) == []
    with pytest.raises(NotFoundError, match=f"job {job} has no committed checkpoint"):
        client.download_checkpoint(view, Path("somewhere"))


def test_waiting_tells_how_far_a_job_is_and_may_give_up(client, job, agent, capsys):
    agent.points(1, 2, loss=0.5)
    with pytest.raises(TimeoutError, match="is STARTING"):
        client.wait(job, timeout_s=0, progress=True)
    assert "STARTING  step 2  loss 0.5" in capsys.readouterr().out


def test_waiting_raises_for_a_job_that_failed_where_that_is_asked_for(client, job, agent):
    agent.end("PROGRAM_FAILED")
    assert client.wait(job).state == "FAILED"
    with pytest.raises(JobFailedError, match=f"job {job} failed"):
        client.wait(job, check=True)


def test_lines_of_a_rank_are_read_to_its_last(client, job, agent):
    agent.log(b"one\ntwo\r\nthr\xffee")
    assert list(client.logs(job)) == ["one", "two", "thr\ufffdee"]
    assert list(client.logs(job, tail=1)) == ["thr\ufffdee"]


def test_a_frame_has_a_row_a_step_and_a_column_a_metric(client, job, agent):
    pytest.importorskip("pandas")
    length = agent.points(1, 2, loss=0.5, acc=0.25)[0]
    agent.points(3, offset=length, loss=float("nan"), acc=0.5)
    agent.points(1, 2, rank=1, loss=9.0)
    frame = client.frame(job)
    assert list(frame.index) == [1, 2, 3]
    assert set(frame.columns) == {"loss", "acc"}
    assert frame["acc"].tolist() == [0.25, 0.25, 0.5]
    assert frame["loss"].isna().tolist() == [False, False, True]
    assert list(client.frame(job, "acc").columns) == ["acc"]
    assert client.frame(job, rank=1)["loss"].tolist() == [9.0, 9.0]


def test_a_long_frame_has_a_row_a_point_of_every_rank(client, job, agent):
    pytest.importorskip("pandas")
    agent.points(1, 2, loss=0.5)
    agent.points(1, rank=1, loss=9.0)
    frame = client.frame(job, long=True)
    assert list(frame.columns) == ["job", "name", "rank", "attempt", "step", "value", "time"]
    assert sorted(frame["value"]) == [0.5, 0.5, 9.0]
    assert str(frame["time"].dt.tz) == "UTC"


def test_a_frame_of_several_jobs_has_their_curves_side_by_side(client, server, job, agent):
    pytest.importorskip("pandas")
    agent.points(1, 2, loss=0.5)
    other = server.new_job()
    frame = client.frame([job, other])
    assert list(frame["loss"].columns) == [job]
    assert client.frame([other]).empty


def test_without_pandas_there_are_words(client, job, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LauncherError, match="a frame needs pandas") as caught:
        client.frame(job)
    assert "pip install pandas" in caught.value.hint


def test_a_plot_is_shown_and_printed(client, job, agent):
    agent.points(1, 2, 3, loss=0.5, acc=0.1)
    plot = client.plot(job)
    assert [chart.axes.y for chart in plot.charts] == ["loss"]
    assert plot.others == ("acc",)
    assert "<svg" in plot._repr_html_()
    assert "┤" in str(plot)
    with pytest.raises(NotFoundError, match="did you mean loss"):
        client.plot(job, "los")


def test_a_young_job_has_an_empty_plot(client, job):
    plot = client.plot(job, "loss")
    assert (plot.charts, str(plot)) == ((), "no metrics")
    assert plot._repr_html_() == "<p>no metrics</p>"


def test_what_notebooks_show_is_escaped(client, server, agent, job):
    evil = "<script>alert(1)</script>"
    agent.points(1, **{evil: 0.5})
    shown = [
        client.job(job)._repr_html_(),
        client.jobs()._repr_html_(),
        client.plot(job, evil)._repr_html_(),
        client.checkpoints(job)._repr_html_(),
        client._repr_html_(),
    ]
    assert all("<script" not in text for text in shown)
    assert evil.replace("<", "&lt;").replace(">", "&gt;") in shown[0]
    assert all(job in text for text in shown[:2])
    assert not any("key=" in text for text in shown)


def test_jobs_are_all_there_are_however_many_a_page_holds(client, server, monkeypatch):
    monkeypatch.setattr("launcher.api.jobs._PAGE", 2)
    made = []
    for _ in range(5):
        server.wall.now += 1
        made.insert(0, server.new_job())
    assert [job.id for job in client.jobs()] == made
    assert [job.id for job in client.jobs(limit=3)] == made[:3]
    assert [job.id for job in client.jobs(["CANCELLED"])] == []
    assert client.jobs(limit=0) == []


def test_jobs_are_asked_for_as_they_are_read(client, server, monkeypatch):
    monkeypatch.setattr("launcher.api.jobs._PAGE", 2)
    for _ in range(4):
        server.wall.now += 1
        server.new_job()
    each, seen = client.each_job(), []
    seen += [next(each).id for _ in range(2)]
    server.order("cancel", seen[0])
    server.wall.now += 1
    server.new_job()
    oldest = client.jobs()[-1].id
    server.order("cancel", oldest)
    *_, last = each
    assert (last.id, last.state) == (oldest, "CANCELLED")


def test_last_is_found_behind_however_many_jobs_of_others(client, server, monkeypatch):
    data = {"spec": SPEC, "code": "", "python": None, "user": "bob"}
    own = server.ask("POST", "/jobs", data=data).json()["id"]
    for _ in range(101):
        server.wall.now += 1
        server.new_job()
    monkeypatch.setattr("launcher.api.caller.this_user", lambda: "bob")
    assert client.job("last").id == own


def test_outputs_are_brought_by_pattern(client, job, agent):
    files = {"plots/a.png": b"png", "table.csv": b"1,2"}
    for data in files.values():
        agent.upload(data)
    told = [
        {"path": path, "size": len(data), "sha256": sha256(data)} for path, data in files.items()
    ]
    report = {"attempt": 1, "rank": 0, "files": told}
    assert agent.ask("POST", "/outputs", data=report).status == 200
    (only,) = client.download(job, "here", "plots/*.png")
    assert only == Path("here/plots/a.png")
    assert only.read_bytes() == b"png"
    assert len(client.download(job, "here")) == 2

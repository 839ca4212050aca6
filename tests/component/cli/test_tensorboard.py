"""`launcher tensorboard`: a job's points as event files, and what is said without tensorboard."""

import importlib.util
import math

import pytest

from launcher.executor import eventfiles
from launcher.model.metric import MetricPoint
from launcher.store.event_records import reader


def test_points_become_runs_that_tensorboard_reads(tmp_path):
    pytest.importorskip("tensorboard")
    from launcher.cli._event_files import EventFiles

    files = EventFiles(tmp_path)
    files.add(
        "digits-a",
        [
            MetricPoint("loss", 1, 0.5, 10.0, 1, 0),
            MetricPoint("train/loss", 2, math.nan, 11.0, 1, 0),
            MetricPoint("loss", 2, 0.25, 12.0, 2, 3),
        ],
    )
    read = reader()
    found = {
        file.run: [
            figure
            for one in eventfiles.read(tmp_path, file.path, 0).payloads
            for figure in read(one)
        ]
        for file in eventfiles.find(tmp_path, "**")
    }
    files.close()
    first, second = found["digits-a/attempt-1"], found["digits-a/attempt-2/rank-3"]
    assert [(one.tag, one.step, one.time) for one in first] == [
        ("loss", 1, 10.0),
        ("train/loss", 2, 11.0),
    ]
    assert math.isnan(first[1].value)
    assert second == [("loss", 2, 0.25, 12.0)]


def test_without_tensorboard_it_says_what_to_install(cli, fake, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else there(name)
    )
    code, _, err = cli("tensorboard", fake.add_job()["id"])
    assert code != 0
    assert "tensorboard is not installed" in err
    assert "trainlaunch[tensorboard]" in err

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from launcher.model.metric import parse_record, points_of, progress_of
from launcher.train import report, reports, spool


class Scalar:
    """Stands for the numbers of numpy, torch and TensorFlow."""

    def __float__(self) -> float:
        return 0.5


class TensorWithGradient:
    """Warns when it becomes a float, unless it is detached first; so does torch's."""

    def detach(self) -> Scalar:
        return Scalar()

    def __float__(self) -> float:
        raise UserWarning


class Hostile:
    def __float__(self) -> float:
        raise RuntimeError("CUDA error: an illegal memory access")

    __int__ = __float__


def test_a_report_is_one_line_of_the_agreed_form(job: Any) -> None:
    before = time.time()
    report(step=7, total_steps=100, loss=0.25, accuracy=1)
    text = job.spool.read_text()
    record = json.loads(text)
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert before <= record.pop("t") <= time.time()
    assert record == {"k": "m", "step": 7, "m": {"loss": 0.25, "accuracy": 1.0}, "n": 100}


def test_the_reader_in_model_understands_what_report_writes(job: Any) -> None:
    report(step=7, total_steps=100, loss=0.25)
    record = parse_record(job.spool.read_bytes())
    assert record is not None
    [point] = points_of(record, attempt=2, rank=0)
    assert (point.name, point.step, point.value) == ("loss", 7, 0.25)
    progress = progress_of(record)
    assert progress is not None
    assert (progress.step, progress.total_steps) == (7, 100)


def test_a_report_is_a_single_write(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(data) or write(fd, data))
    report(step=1, loss=1.0)
    assert written == [job.spool.read_bytes()]


def test_reports_without_a_step_are_counted_from_1(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "_own_steps", itertools.count(1))
    report(loss=1.0)
    report(step=50, loss=1.0)
    report(loss=1.0)
    assert [record["step"] for record in job.records()] == [1, 50, 2]


def test_whatever_float_takes_is_a_number(job: Any) -> None:
    report(step=Scalar10(), a=True, b=Scalar(), c=TensorWithGradient(), d="0.5")
    [record] = job.records()
    assert record["step"] == 10
    assert record["m"] == {"a": 1.0, "b": 0.5, "c": 0.5, "d": 0.5}


class Scalar10:
    def __int__(self) -> int:
        return 10


def test_nan_and_infinity_are_kept(job: Any) -> None:
    report(step=1, a=math.nan, b=math.inf, c=-math.inf)
    [record] = job.records()
    assert math.isnan(record["m"]["a"])
    assert (record["m"]["b"], record["m"]["c"]) == (math.inf, -math.inf)


def test_what_is_no_number_is_left_out_and_said_once_a_name(
    job: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        report(step=1, loss=0.5, name="resnet", nothing=None, bad=Hostile(), huge=10**400)
    assert [record["m"] for record in job.records()] == [{"loss": 0.5}] * 3
    assert capsys.readouterr().err.splitlines() == [
        "launcher: metric 'name' is no number but a str; left out",
        "launcher: metric 'nothing' is no number but a NoneType; left out",
        "launcher: metric 'bad' is no number but a Hostile; left out",
        "launcher: metric 'huge' is no number but a int; left out",
    ]


@pytest.mark.parametrize("step", ["seven", math.nan, math.inf, {"loss": 1}, Hostile()])
def test_a_step_that_is_no_number_does_not_lose_the_metrics(
    job: Any, step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    report(step=step, total_steps=step, loss=0.5)
    [record] = job.records()
    assert (record["step"], record.get("n"), record["m"]) == (None, None, {"loss": 0.5})
    assert capsys.readouterr().err.count("'step' of a report is no whole number") == 1


@pytest.mark.parametrize("name", ["a\nb", "ä", '"', "\ud800", "x" * 100_000])
def test_any_name_stays_on_one_line(job: Any, name: str) -> None:
    report(step=1, **{name: 1.0})
    report(step=2, loss=1.0)
    assert [list(record["m"]) for record in job.records()] == [[name], ["loss"]]


def test_outside_a_job_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAUNCHER_SPOOL", str(tmp_path / "spool"))
    report(step=1, loss=0.5, name="no number")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_a_spool_that_cannot_be_opened_is_said_once(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAUNCHER_SPOOL", str(job.spool / "missing" / "spool"))
    report(step=1, loss=0.5)
    report(step=2, loss=0.5)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("launcher: a report was lost (")
    assert "missing" in line


@pytest.mark.parametrize("stream", [None, "closed"])
def test_a_missing_stderr_is_no_reason_to_fail(
    job: Any, stream: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = (tmp_path / "stderr").open("w")
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stream else None)
    report(step=1, loss="no number", accuracy=0.5)
    assert [record["m"] for record in job.records()] == [{"accuracy": 0.5}]


def test_threads_do_not_mix_their_records(job: Any) -> None:
    def work(thread: int) -> None:
        for step in range(300):
            report(step=step, thread=thread)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {(record["step"], record["m"]["thread"]) for record in job.records()}
    assert found == {(step, float(thread)) for step in range(300) for thread in range(4)}


def test_the_torn_end_of_a_dead_process_does_not_harm_the_next_record(job: Any) -> None:
    job.spool.write_bytes(b'{"t":1,"k":"m","st')
    report(step=1, loss=0.5)
    report(step=2, loss=0.5)
    torn, *whole = job.spool.read_bytes().splitlines()
    assert parse_record(torn) is None
    assert [json.loads(line)["step"] for line in whole] == [1, 2]


def test_a_short_write_is_an_error_and_does_not_harm_the_next_record(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = spool.Spool(str(job.spool))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
        with pytest.raises(OSError, match=r"only 5 of 8 bytes"):
            out.append({"a": 1})
        with pytest.raises(OSError, match=r"only 5 of 9 bytes"):
            out.append({"b": 2})
    out.append({"c": 3})
    assert job.spool.read_text().splitlines() == ['{"a":', '{"b"', '{"c":3}']

"""What TensorBoard's event files hold, as torch, TensorFlow 2 and TensorFlow 1 write them."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import pytest

from launcher.executor import eventfiles
from launcher.store import Store, event_records, intake, metrics
from launcher.store.spooled import SpoolState, read_stretch

SAMPLES = Path(__file__).parents[2] / "data" / "events"
JOB = "digits-k3m9ap"


def lines(name: str, run: str = ".", *, leads: bool = False) -> bytes:
    """The records of a sample as an agent writes them down."""
    found = eventfiles.read(SAMPLES, name, 0)
    assert found.is_all
    told = [
        {"k": "e", "run": run, "p": leads, "d": base64.b64encode(payload).decode()}
        for payload in found.payloads
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in told)


@pytest.fixture
def read() -> event_records.ReadEvent:
    pytest.importorskip("tensorboard")
    found = event_records.reader()
    assert found is not None
    return found


@pytest.mark.usefixtures("read")
def test_scalars_of_torch_become_points_and_all_else_is_passed_over(store: Store) -> None:
    data = lines("torch.tfevents", leads=True)
    assert store.metrics.append(JOB, 1, 0, 0, data, "observed") == len(data)
    curves = {curve.name: curve for curve in store.metrics.curves(JOB)}
    assert sorted(curves) == ["loss", "new"]
    assert curves["loss"].steps == [0, 10, 20, 30]
    assert curves["loss"].values[1] == 0.5
    assert math.isnan(curves["loss"].values[3])
    assert curves["loss"].times == [100.0, 101.0, 102.0, 103.0]
    assert store.metrics.unreadable(JOB) == 0
    progress = store.metrics.progress(JOB)
    assert progress is not None


@pytest.mark.usefixtures("read")
def test_tensors_of_tensorflow_2_are_figures_too_and_runs_stand_before_names(store: Store) -> None:
    store.metrics.append(JOB, 1, 0, 0, lines("tensorflow2.tfevents", "train"), "observed")
    found = [(point.name, point.step, point.value) for point in store.metrics.points(JOB)]
    assert found[1] == ("train/epoch_loss", 1, 0.5)
    assert found[3] == ("train/half", 3, 0.5)
    assert len(found) == 4
    assert store.metrics.progress(JOB) is None  # only what leads tells how far the training is


@pytest.mark.usefixtures("read")
def test_the_form_of_tensorflow_1_is_read(store: Store) -> None:
    store.metrics.append(JOB, 1, 0, 0, lines("tensorflow1.tfevents", "v1"), "observed")
    assert store.metrics.latest(JOB) == {"v1/accuracy": 0.75}


@pytest.mark.usefixtures("read")
def test_how_records_are_cut_into_requests_changes_nothing(store: Store) -> None:
    data, length = lines("torch.tfevents"), 0
    while length < len(data):
        piece = data[max(0, length - 30) : length + 97]
        length = store.metrics.append(JOB, 1, 0, max(0, length - 30), piece, "observed")
    assert [point.step for point in store.metrics.points(JOB, "loss")] == [0, 10, 20, 30]


def test_a_tensor_that_claims_to_be_huge_takes_no_memory(read: event_records.ReadEvent) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    event = Event(wall_time=1.0, step=1)
    tensor = event.summary.value.add(tag="bomb").tensor
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=10**12)
    tensor.float_val.append(1.0)
    other = event.summary.value.add(tag="torn").tensor
    other.dtype, other.tensor_content = 2, b"123"
    event.summary.value.add(tag="text").tensor.dtype = 7
    assert read(event.SerializeToString()) == []


@pytest.mark.parametrize("data", ["!!", "aGVsbG8gd29ybGQ=", 5, None])
@pytest.mark.usefixtures("read")
def test_what_is_no_event_is_counted_and_harms_nothing(store: Store, data: object) -> None:
    line = json.dumps({"k": "e", "run": ".", "d": data}).encode() + b"\n"
    store.metrics.append(JOB, 1, 0, 0, line + lines("tensorflow1.tfevents"), "observed")
    assert store.metrics.unreadable(JOB) == 1
    assert store.metrics.latest(JOB) == {"accuracy": 0.75}


def test_without_tensorboard_records_wait_until_it_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lines("torch.tfevents")
    with monkeypatch.context() as patch:
        for part in (intake, metrics):
            patch.setattr(part, "reader", lambda: None)
        assert store.metrics.append(JOB, 1, 0, 0, data, "observed") == len(data)
        store.metrics.read_kept()
        assert store.metrics.has_unread(JOB)
    assert store.metrics.points(JOB) == []
    pytest.importorskip("tensorboard")
    store.metrics.read_kept()
    assert not store.metrics.has_unread(JOB)
    assert len(store.metrics.points(JOB, "loss")) == 4
    store.metrics.read_kept()
    assert len(store.metrics.points(JOB, "loss")) == 4


def test_records_that_wait_go_with_their_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "reader", lambda: None)
    for job in (JOB, "other-aaaaaa"):
        store.metrics.append(job, 1, 0, 0, lines("tensorflow1.tfevents"), "observed")
    store.metrics.forget([JOB])
    assert (store.metrics.has_unread(JOB), store.metrics.has_unread("other-aaaaaa")) == (
        False,
        True,
    )
    store.metrics.drop_points("other-aaaaaa")
    assert not store.metrics.has_unread("other-aaaaaa")


def test_what_a_rank_reports_and_what_was_observed_are_streams_apart(
    store: Store, report_line: object
) -> None:
    assert callable(report_line)
    own, seen = report_line(5, loss=1.0), report_line(400, bar=2.0)
    store.metrics.append(JOB, 1, 0, 0, own)
    store.metrics.append(JOB, 1, 0, 0, seen, "observed")
    assert store.metrics.latest(JOB) == {"bar": 2.0, "loss": 1.0}
    progress = store.metrics.progress(JOB)
    assert progress is not None
    assert progress.step == 5  # a rank's own word counts first
    assert store.metrics.skip(JOB, 1, 0, len(seen), 10, "observed") == (len(seen), len(seen) + 10)


def test_a_stretch_gives_back_what_nothing_reads() -> None:
    data = lines("tensorflow1.tfevents")
    stretch = read_stretch(data, SpoolState())
    assert b"\n".join(stretch.unread) + b"\n" == data
    assert (stretch.series, stretch.state.records) == ({}, 2)

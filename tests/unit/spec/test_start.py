"""When a job may start: `after`, `not_before`, `array`, as people write them."""

import time
from datetime import datetime, timezone

import pytest

from launcher.errors import SpecError
from launcher.model.job import After, Job, Policy, Resources
from launcher.spec.again import again
from launcher.spec.array import array_value, elements_of, parse_array
from launcher.spec.dump import to_yaml
from launcher.spec.judge import spec_from_data
from launcher.spec.load import parse_spec
from launcher.spec.start import after_value, earliest, not_before_value
from launcher.spec.values import WrongValueError

NOW = 1_700_000_000.0


def spec(**keys):
    return spec_from_data({"entrypoint": "train.py", **keys})


# --- after ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a-k3m9ap", ["a-k3m9ap"]),
        ("a-k3m9ap:any", ["a-k3m9ap:any"]),
        (["a-k3m9ap", "last", "a-k3m9ap"], ["a-k3m9ap", "last"]),
        ("a-k3m9ap:afterany", ["a-k3m9ap:any"]),
        ("a-k3m9ap:ok", ["a-k3m9ap"]),
        ({"job": "a-k3m9ap"}, ["a-k3m9ap"]),
        ([{"job": "a-k3m9ap", "when": "ended"}, "b"], ["a-k3m9ap:any", "b"]),
        (None, []),
        ([], []),
    ],
)
def test_after_is_read_as_a_list_of_jobs(written, read):
    assert list(after_value(written)) == read


def test_what_after_says_is_what_is_waited_for():
    assert After.read("a-k3m9ap") == After("a-k3m9ap", "succeeded")
    for text in ("a-k3m9ap", "a-k3m9ap:any"):
        assert After.read(text).written == text


def test_slurms_way_is_answered_with_ours():
    with pytest.raises(WrongValueError, match="did you mean digits-k3m9ap:any"):
        after_value("afterany:digits-k3m9ap")


# --- not_before ----------------------------------------------------------------------------------


@pytest.fixture
def east(monkeypatch):
    """A machine whose clock is two hours ahead."""
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-23T20:00", "2026-11-23T20:00:00+02:00"),
        ("2026-11-23 20:00:30", "2026-11-23T20:00:30+02:00"),
        ("2026-11-23", "2026-11-23T00:00:00+02:00"),
        ("2026-11-23T20:00Z", "2026-11-23T20:00:00+00:00"),
        ("2026-11-23T20:00-0530", "2026-11-23T20:00:00-05:30"),
    ],
)
def test_a_moment_is_of_the_clock_of_who_writes_it(east, written, moment):
    read = not_before_value(written)
    assert read == moment
    assert not_before_value(read) == read
    assert earliest(read, NOW) == datetime.fromisoformat(moment).timestamp()


@pytest.mark.parametrize(("written", "later"), [("8h", 28800), ("1h30m", 5400), (90, 90)])
def test_a_duration_counts_from_the_submit(written, later):
    assert earliest(not_before_value(written), NOW) == NOW + later


def test_without_it_a_job_may_start_at_once():
    assert earliest(None, NOW) == 0.0


def test_yaml_takes_a_moment_and_a_clone_keeps_it():
    read = parse_spec("entrypoint: train.py\nnot_before: 2026-11-23T20:00:00Z\n", "job.yaml")
    moment = datetime(2026, 11, 23, 20, tzinfo=timezone.utc).timestamp()
    assert earliest(read.not_before, NOW) == moment
    assert again(read.model_dump(mode="json"), [], source="x") == read


# --- array ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "indices", "limit"),
    [
        ("0-3", (0, 1, 2, 3), None),
        ("0-9:3 % 2", (0, 3, 6, 9), 2),
        ("7, 1-2", (1, 2, 7), None),
        (3, (3,), None),
        ([5, 3], (3, 5), None),
        ("0-999%1", tuple(range(1000)), 1),
    ],
)
def test_an_array_is_read_as_slurm_reads_it(written, indices, limit):
    read = parse_array(array_value(written))
    assert (read.indices, read.limit) == (indices, limit)


@pytest.mark.parametrize("written", ["0-1000", "1-100000", "0-99999999999", "0,1,1", "3-1", "", []])
def test_what_is_no_array_or_too_large_is_refused(written):
    with pytest.raises(WrongValueError):
        array_value(written)


@pytest.fixture
def job():
    resources = Resources(workers=1)
    return Job("sweep-k3m9ap", "sweep", "default", 50, "any", {}, "", resources, Policy(), NOW)


def test_elements_have_ids_of_the_array_and_their_own_index(job):
    found = elements_of(job, "2-4%2")
    assert [one.id for one in found] == [f"{job.id}-{index}" for index in (2, 3, 4)]
    assert {(one.array_id, one.array_count, one.array_limit) for one in found} == {(job.id, 3, 2)}
    assert [one.array_index for one in found] == [2, 3, 4]
    assert [one.array_waits for one in found] == [False, False, True]
    assert [one.spec["array"] for one in found] == ["2", "3", "4"]


def test_a_limit_that_bounds_nothing_is_none(job):
    assert {one.array_limit for one in elements_of(job, "0-3%4")} == {None}


def test_without_an_array_a_job_is_itself(job):
    assert elements_of(job, None) == [job]


# --- together ------------------------------------------------------------------------------------


def test_the_three_keys_are_written_as_they_are_read():
    written = spec(after=["a:any", "b"], not_before="8h", array="0-9%4")
    assert "after:\n- a:any\n- b\nnot_before: 8h\narray: 0-9%4\n" in to_yaml(written)
    assert spec_from_data(written.model_dump(mode="json")) == written


def test_every_wrong_one_of_a_list_is_told():
    with pytest.raises(SpecError) as refused:
        spec(after=["a b", "c:later", "fine"])
    assert str(refused.value).count("\n") == 1

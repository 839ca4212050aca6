"""`launcher compare`: jobs side by side."""

import io
import json
import tarfile
from statistics import median

import pytest

from launcher.comparing import Compared, best, metrics, rows
from launcher.views import AttemptView, JobView, RankExitView
from launcher.views_curves import SummaryView


def job(identity, *, began=100.0, ended=160.0, spec=None, peaks=(3 * 2**20, 2**20), **more):
    exits = tuple(RankExitView(rank, 0, peak_memory=peak) for rank, peak in enumerate(peaks))
    attempt = AttemptView(1, granted_at=90.0, started_at=began, ended_at=ended, exits=exits)
    name = identity.partition("-")[0]
    keys = {"framework": "pytorch", "workers": 2, "attempts": (attempt,), "spec": spec or {}}
    return JobView(identity, name, "SUCCEEDED", **(keys | more))


def summary(name, *values, rank=0, began=100.0, every=2.0):
    told = {"last": values[-1], "lowest": min(values), "highest": max(values)}
    rate = 1 / every if len(values) > 1 else None
    return SummaryView(
        name, rank, len(values), began, **told, median=median(values), steps_per_s=rate
    )


def table(*compared):
    return dict(rows(compared))


FAST = Compared(
    job("fast-aaaaaa", spec={"retries": {"max": 0}, "name": "fast"}),
    (summary("loss", 3.0, 1.0, 2.0), summary("accuracy", 0.5, 0.9), summary("parameters", 9098.0)),
    40,
)
SLOW = Compared(
    job("slow-bbbbbb", ended=220.0, spec={"retries": {"max": 3}, "name": "slow"}, peaks=(0,)),
    (summary("loss", 3.0, 2.5, every=4.0),),
)


def test_what_jobs_cost_and_gave_stands_side_by_side():
    found = table(FAST, SLOW)
    assert found["wall time"] == ["1m", "2m"]
    assert found["to first step"] == ["10s", "10s"]
    assert found["steps/s"] == ["0.5", "0.25"]
    assert found["peak memory"] == ["3 MiB", "-"]
    assert found["parameters"] == ["9,098", "-"]
    assert found["program lines"] == ["40", "-"]
    assert found["loss"] == ["2 (best 1)", "2.5"]
    assert found["accuracy"] == ["0.9", "-"]


def test_keys_of_the_specs_that_differ_are_told_and_names_are_not():
    found = table(FAST, SLOW, SLOW)
    assert found["retries.max"] == ["0", "3", "3"]
    assert "name" not in found


def test_what_no_job_has_is_left_out():
    assert "samples/s" not in table(FAST, SLOW)
    assert "program lines" not in table(SLOW, SLOW)


def test_a_job_that_runs_has_no_wall_time_yet():
    running = Compared(job("runs-cccccc", ended=None), ())
    waits = Compared(JobView("waits-dddddd", "waits", "QUEUED"), ())
    assert "wall time" not in table(running, waits)


def test_rates_are_those_that_programs_tell():
    told = Compared(job("told-eeeeee"), (summary("samples_per_s", 100.0, 300.0, 200.0),))
    assert table(told, told)["samples/s"] == ["200", "200"]


@pytest.mark.parametrize(
    ("name", "top"),
    [("val_loss", 1.0), ("mae", 1.0), ("error_rate", 1.0), ("accuracy", 3.0), ("mean_reward", 3.0)],
)
def test_the_best_of_a_loss_is_its_lowest_value_and_of_a_score_its_highest(name, top):
    assert best(SummaryView(name, 0, lowest=1.0, highest=3.0)) == top


def test_metrics_that_most_jobs_have_come_first():
    assert metrics([SLOW, FAST]) == ["loss", "accuracy"]


@pytest.mark.parametrize("last", ["nan", "inf", None])
def test_a_last_value_that_is_no_number_is_told_as_it_is(last):
    odd = Compared(job("odd-gggggg"), (SummaryView("loss", 0, 3, last=last),))
    assert table(odd, odd).get("loss", ["-"])[0] == (last or "-")


@pytest.fixture
def two(fake):
    """Two jobs with one curve and the same program."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        text = b"# a program\nimport os\nprint(1)\n"
        entry = tarfile.TarInfo("train.py")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    fake.code, fake.packages["x"] = "x", content.getvalue()
    for name in ("fast-aaaaaa", "slow-bbbbbb"):
        fake.add_job(name, "SUCCEEDED", spec={"entrypoint": "train.py", "framework": "pytorch"})
    told = {"name": "loss", "rank": 0, "count": 2}
    fake.summaries = [told | {"last": 1.0, "lowest": 1.0, "highest": 2.0, "first_at": 5.0}]
    fake.curves = [told | {"xs": [1.0, 2.0], "ys": [2.0, 1.0]}]
    return fake


def test_the_command_shows_a_table_and_the_curves(cli, two, tmp_path):
    picture = tmp_path / "loss.png"
    code, out, err = cli("compare", "fast", "slow", "--plot", str(picture))
    assert code == 0
    assert "program lines  2            2" in out
    assert "  a fast (fast-aaaaaa)" in out
    assert f"loss of 2 jobs is drawn in {picture}" in err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_gives_json_and_markdown_without_a_chart(cli, two):
    told = json.loads(cli("compare", "fast", "slow", "-o", "json")[1])
    assert told["rows"]["loss"] == {"fast-aaaaaa": "1", "slow-bbbbbb": "1"}
    out = cli("compare", "fast", "slow", "-o", "markdown")[1]
    assert out.startswith("| job | state | framework |")
    assert len(out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fast",), "one job, fast, has nothing to be compared with"),
        (("fast", "slow", "--metric", "lass"), "a metric 'lass'; did you mean loss"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(cli, two, words, said):
    code, _, err = cli("compare", *words)
    assert code != 0
    assert said in err

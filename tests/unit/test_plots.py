"""What of jobs is drawn, and what somebody reads who asks for what is not there."""

import math

import pytest

from launcher.errors import NotFoundError
from launcher.plots import Drawn, Wish, as_data, charts_of, choose, smoothed
from launcher.views_curves import CurvesView, CurveView, MarkView, SeriesView


def series(*names, ranks=(0,)):
    return [SeriesView(name, rank) for name in names for rank in ranks]


def drawn(job, *curves, marks=(), x="step"):
    return Drawn(job, job.split("-")[0], CurvesView(x, tuple(curves), tuple(marks)))


def curve(name, *ys, rank=0, xs=None):
    return CurveView(name, rank, xs=tuple(xs or range(len(ys))), ys=ys)


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (["acc", "val_loss", "loss"], "loss"),
        (["acc", "train/Loss", "lr"], "train/Loss"),
        (["reward", "length"], "reward"),
    ],
)
def test_without_a_name_the_loss_is_drawn_and_the_others_are_told(names, main):
    choice = choose([series(*names)], ["a-1"], Wish())
    assert choice.names == (main,)
    assert choice.others == tuple(name for name in names if name != main)


def test_of_several_jobs_the_metric_that_most_have_is_drawn():
    choice = choose([series("acc"), series("bleu"), series("bleu")], ["a-1", "b-2", "c-3"], Wish())
    assert choice.names == ("bleu",)
    assert choice.ranks == ({}, {"bleu": (0,)}, {"bleu": (0,)})


def test_each_job_is_drawn_by_the_lowest_rank_that_reports_unless_ranks_are_asked_for():
    found = [series("loss", ranks=(2, 1, 3))]
    assert choose(found, ["a-1"], Wish()).ranks == ({"loss": (1,)},)
    assert choose(found, ["a-1"], Wish(ranks=(3, 2))).ranks == ({"loss": (2, 3)},)


def test_a_name_that_is_not_there_is_answered_with_what_is_near():
    with pytest.raises(NotFoundError, match="has no metric 'los'; did you mean loss") as caught:
        choose([series("loss", "acc")], ["a-1"], Wish(("los",)))
    assert caught.value.hint == "there are loss, acc"


def test_of_thousands_of_names_the_answer_tells_a_few():
    names = [f"layer{number}/norm" for number in range(5000)]
    with pytest.raises(NotFoundError) as caught:
        choose([series(*names)], ["a-1"], Wish(("zzz",)))
    assert caught.value.hint.endswith("and 4,988 more")
    assert len(caught.value.hint) < 300


def test_a_rank_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(NotFoundError, match="job a-1 has no loss of rank 7") as caught:
        choose([series("loss", ranks=(0, 1))], ["a-1"], Wish(ranks=(7,)))
    assert caught.value.hint == "there is that of rank 0, 1"


def test_a_young_job_has_nothing_to_draw_and_that_is_no_mistake():
    choice = choose([[]], ["a-1"], Wish(("loss",)))
    assert charts_of([drawn("a-1")], choice, Wish(("loss",))) == []


def test_jobs_are_overlaid_and_a_metric_is_a_chart():
    found = [series("loss", "acc"), series("loss")]
    wish = Wish(("loss", "acc"))
    choice = choose(found, ["a-1", "b-2"], wish)
    jobs = [
        drawn("a-1", curve("loss", 2.0, 1.0), curve("acc", 0.5)),
        drawn("b-2", curve("loss", 3.0)),
    ]
    loss, acc = charts_of(jobs, choice, wish)
    assert [one.label for one in loss.curves] == ["a", "b"]
    assert [one.label for one in acc.curves] == ["a"]
    assert loss.curves[0].points == ((0, 2.0), (1, 1.0))


def test_jobs_of_one_name_are_told_apart_by_their_ids():
    choice = choose([series("loss")] * 2, ["a-1", "a-2"], Wish())
    (chart,) = charts_of([drawn("a-1", curve("loss", 1.0)), drawn("a-2", curve("loss", 1.0))],
                         choice, Wish())  # fmt: skip
    assert [one.label for one in chart.curves] == ["a-1", "a-2"]


def test_ranks_of_one_name_are_told_apart():
    wish = Wish(ranks=(0, 1))
    choice = choose([series("loss", ranks=(0, 1))], ["a-1"], wish)
    curves = curve("loss", 1.0), curve("loss", 2.0, rank=1)
    (chart,) = charts_of([drawn("a-1", *curves)], choice, wish)
    assert [one.label for one in chart.curves] == ["a rank 0", "a rank 1"]


def test_time_begins_with_each_jobs_first_point_and_so_do_its_marks():
    wish = Wish(x="time")
    choice = choose([series("loss")], ["a-1"], wish)
    mark = MarkView("restart", 5, 160.0, 2, "attempt 2")
    job = drawn("a-1", curve("loss", 1.0, 2.0, xs=(100.0, 200.0)), marks=[mark], x="time")
    (chart,) = charts_of([job], choice, wish)
    assert [x for x, _ in chart.curves[0].points] == [0.0, 100.0]
    assert (chart.marks[0].x, chart.marks[0].sign, chart.marks[0].text) == (60.0, "R", "attempt 2")
    assert chart.axes.seconds


def test_marks_are_those_of_one_job_alone():
    mark = MarkView("restart", 5, 160.0, 2)
    jobs = [drawn(job, curve("loss", 1.0), marks=[mark]) for job in ("a-1", "b-2")]
    (chart,) = charts_of(jobs, choose([series("loss")] * 2, ["a-1", "b-2"], Wish()), Wish())
    assert chart.marks == ()


def test_what_is_no_number_is_a_gap_that_smoothing_passes_over():
    wish = Wish(smooth=0.5)
    (chart,) = charts_of([drawn("a-1", curve("loss", 1.0, None, 3.0))],
                         choose([series("loss")], ["a-1"], wish), wish)  # fmt: skip
    ys = [y for _, y in chart.curves[0].points]
    assert ys[0] == 1.0
    assert math.isnan(ys[1])
    assert ys[2] == pytest.approx(2.3333, abs=1e-3)


def test_smoothing_has_no_bias_towards_zero_at_its_beginning():
    assert smoothed([5.0] * 4, 0.99) == pytest.approx([5.0] * 4)


def test_the_points_that_are_drawn_are_told_with_job_and_rank():
    choice = choose([series("loss", ranks=(3,))], ["a-1"], Wish())
    charts = charts_of([drawn("a-1", curve("loss", 1.0, rank=3))], choice, Wish())
    assert as_data(charts, "step") == {
        "x": "step",
        "charts": [
            {
                "metric": "loss",
                "curves": [{"job": "a-1", "rank": 3, "points": ((0, 1.0),)}],
                "marks": [],
            }
        ],
    }

"""Real output of Keras 3 and legacy Keras, as files get it, read as figures."""

import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.printed import LONGEST, Cutter
from launcher.model.progress_bar import Bars, read_bar

SAMPLES = Path(__file__).parents[2] / "data" / "progress"
BAR = (SAMPLES / "keras3-bar.log").read_bytes()


def read(data, sizes=()):
    """The readings of bytes that come in portions of these sizes, as an agent takes them."""
    cutter, bars = Cutter(), Bars()
    found, at, end = [], 0, 0
    for size in [*sizes, len(data)]:
        end = min(end + size, len(data))
        found += [one for piece in cutter.take(data[at:end]) for one in bars.take(piece)]
        at += cutter.taken
    return found


def figures(name):
    return [(one.step, one.values, one.total_steps) for one in read((SAMPLES / name).read_bytes())]


def test_the_last_state_of_an_epochs_bar_is_the_epoch():
    first, last = (one for one in read(BAR) if "val_loss" in one.values)
    assert (first.step, first.total_steps, first.values["val_loss"]) == (6, 12, 0.8124)
    assert (last.step, last.values["loss"], last.values["val_area_under_curve"]) == (
        12, 0.7411, 0.2857,
    )  # fmt: skip


def test_a_long_epoch_gives_about_twenty_points_before_its_last():
    bar = b"".join(b"\r%d/400 - 1s - loss: 0.5" % done for done in range(1, 401))
    steps = [one.step for one in read(b"Epoch 1/3\n" + bar + b"\nEpoch 2/3\n")]
    assert steps == [*range(1, 400, 20), 400]


def test_an_evaluation_after_the_training_has_names_of_its_own():
    assert read(BAR)[-1].values == {
        "eval_accuracy": 0.4219, "eval_area_under_curve": 0.3045, "eval_loss": 0.7543,
    }  # fmt: skip
    assert read(BAR)[-1].step == 12


@pytest.mark.parametrize("name", ["keras3-saving.log", "legacy-bar.log"])
def test_a_checkpoints_words_that_break_the_bar_neither_lose_nor_double_an_epoch(name):
    epochs = [(step, total) for step, values, total in figures(name) if "val_loss" in values]
    assert epochs == [(6, 12), (12, 12)]


def test_a_bar_that_was_full_when_its_line_broke_adds_what_was_validated():
    output = b"Epoch 1/1\n\r4/4 - 1s - loss: nan\n\rsaved\n\r4/4 - 1s - loss: nan - val_loss: 2\n"
    told = [(one.step, sorted(one.values)) for one in read(output)]
    assert told == [(4, ["loss"]), (4, ["val_loss"])]


@pytest.mark.parametrize("name", ["keras3-lines.log", "legacy-lines.log"])
def test_one_line_an_epoch_is_read_as_well(name):
    assert [(step, total) for step, _, total in figures(name)] == [(6, 12), (12, 12), (12, None)]


def test_nan_and_infinity_are_figures():
    values = [one["loss"] for _, one, _ in figures("keras3-nan.log")]
    assert values[:3] == [1.3835, math.inf, math.inf]
    assert all(math.isnan(one) for one in values[3:])


@pytest.mark.parametrize("name", ["keras3-unknown.log", "legacy-unknown.log"])
def test_batches_are_counted_also_while_keras_does_not_know_how_many_there_are(name):
    assert [step for step, _, _ in figures(name)] == [1, 6]


def test_training_that_was_resumed_counts_the_epochs_before():
    output = b"Epoch 4/5\n10/10 - loss: 1.5\nEpoch 5/5\n10/10 - loss: 1.2\n"
    assert [(one.step, one.total_steps) for one in read(b"x\n" + output)] == [(40, 50), (50, 50)]


def test_a_second_training_goes_on_behind_the_first():
    output = b"Epoch 1/1\n5/5 - loss: 2\nEpoch 1/2\n5/5 - loss: 1\nEpoch 2/2\n5/5 - loss: 0.5\n"
    assert [(one.step, one.total_steps) for one in read(output)] == [(5, 5), (10, 15), (15, 15)]


def test_fits_of_one_epoch_each_print_no_header_and_count_on():
    assert [one.step for one in read(b"8/8 - 1s - loss: 1\n8/8 - 1s - loss: 0.5\n")] == [8, 16]


def test_what_only_looks_like_a_bar_gives_nothing():
    output = (
        b"3/4 of the data\n1/2 - done: yes\n7/7 \xff\xfe - time: 3s\n2/1 - : 4\n50%| 3/6 [0s]\n"
    )
    assert [one.values for one in read(output)] == []
    assert read_bar("6/6 - 0s - ETA: 1 - loss: 1.5e-05half way") == read_bar("6/6 - ")


def test_a_piece_that_is_too_long_for_figures_is_passed_over():
    long = b"1/2 - " + b"x" * LONGEST + b" - loss: 1"
    assert read(long + b"\n2/2 - loss: 3\n", [100, LONGEST]) == read(b"\n2/2 - loss: 3\n")


def test_output_of_any_shape_is_cut_in_a_moment():
    for data in (b"x" * 10**6, b"\b" * 10**6, b"a\r" * 20_000, b"\n" * 20_000):
        begun = time.process_time()
        for _ in Cutter().take(data):
            pass
        assert time.process_time() - begun < 1.0


@given(st.lists(st.integers(1, 400), max_size=12))
def test_how_the_bytes_come_changes_nothing(sizes):
    assert read(BAR, sizes) == read(BAR)

"""Steps of what patterns found in lines."""

import pytest

from launcher.model.observing import Tally


def told(lines, names):
    tally = Tally()
    return [
        (one.step, one.values) for line in lines for one in tally.take(line, dict.fromkeys(names))
    ]


def test_a_pattern_called_step_tells_the_step_of_the_others():
    lines = [{"step": "10", "loss": "0.5"}, {"loss": "0.4"}, {"step": "20", "epoch": "2"}]
    assert told(lines, ["step", "epoch", "loss"]) == [
        (10, {"loss": 0.5}), (10, {"loss": 0.4}), (20, {"epoch": 2.0}),
    ]  # fmt: skip


def test_an_epoch_is_the_step_where_there_is_no_other():
    lines = [{"epoch": "3"}, {"val_loss": "0.1"}]
    assert told(lines, ["epoch", "val_loss"]) == [(3, {"val_loss": 0.1})]


def test_without_either_a_step_ends_when_a_name_comes_again():
    lines = [{"loss": "3"}, {"acc": "0.1"}, {"loss": "2"}, {"loss": "1", "acc": "0.2"}]
    assert [step for step, _ in told(lines, ["loss", "acc"])] == [1, 1, 2, 3]


@pytest.mark.parametrize("text", ["", "1.2.3", "about 3", "1e"])
def test_what_is_no_number_is_no_point(text):
    assert told([{"loss": text}], ["loss"]) == []


def test_a_step_beyond_all_numbers_is_not_taken():
    lines = [{"step": "inf", "loss": "1"}, {"step": "1e99", "loss": "1"}]
    assert told(lines, ["step", "loss"]) == [(0, {"loss": 1.0}), (0, {"loss": 1.0})]

"""What counts as a complete file: it rests while its writer lives, and its format agrees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.executor.formats import Structure
from launcher.executor.watching import (
    LONGEST_REST_S,
    PATIENCE_S,
    REST_S,
    End,
    Print,
    Sight,
    Watch,
)


class Files:
    """Watched files at a time that only the tests move; a write gives a file a new time."""

    def __init__(self, **base):
        self.now = 0.0
        self.prints = {}
        self.structures = {}
        self.writes = 0
        for name, structure in base.items():
            self.write(name, structure)
        self.watch = Watch(self.sight())

    def write(self, name, structure=Structure.UNKNOWN):
        self.writes += 1
        self.prints[name] = Print(1, 100, self.writes)
        self.structures[name] = structure
        return self

    def sight(self):
        return Sight(dict(self.prints), frozenset(self.prints))

    def after(self, seconds, *, sound=True):
        self.now += seconds
        self.watch.see(self.sight(), self.now, sound=sound)
        return self

    def remove(self, name):
        del self.prints[name]
        return self

    def due(self, end=End.NOT_YET):
        return self.watch.is_due(end, lambda path, _: self.structures[path])

    def take(self):
        assert self.due()
        self.watch.take()
        return self


def test_what_the_attempt_found_is_no_news():
    assert not Files(a=Structure.UNKNOWN).after(0).after(REST_S).due()


def test_a_file_that_rests_while_its_writer_lives_is_complete():
    files = Files().write("a").after(0)
    assert not files.due()
    assert not files.after(REST_S / 2).due()
    assert files.after(REST_S / 2).due()


def test_every_write_begins_the_rest_anew():
    files = Files().write("a").after(0).after(0.9).write("a").after(0.1)
    assert not files.after(0.9).due()
    assert files.after(0.1).due()


def test_a_rest_after_the_writers_death_counts_nothing():
    files = Files().write("a").after(0).after(60, sound=False)
    assert not files.due()
    assert not files.due(End.BADLY)


def test_what_rested_before_the_death_is_complete():
    files = Files().write("a").after(0).after(REST_S).after(0.5, sound=False)
    assert files.due(End.BADLY)


def test_what_was_written_after_the_last_look_is_not():
    files = Files().write("a").after(0).after(REST_S).write("a").after(0.1, sound=False)
    assert not files.due(End.BADLY)


def test_a_torn_file_is_never_complete():
    files = Files().write("a", Structure.TORN).after(0).after(100)
    assert not any(files.due(end) for end in End)
    assert files.watch.faults(End.WELL, lambda *_: Structure.TORN) == [
        "a is torn: its format says that something is missing"
    ]


def test_a_good_end_completes_what_was_just_written():
    assert Files().write("a").after(0).due(End.WELL)


def test_a_format_that_knows_its_end_survives_the_death_of_its_writer():
    assert Files().write("a", Structure.WHOLE).after(0, sound=False).due(End.BADLY)


def test_but_not_as_one_of_several_files_of_which_the_next_may_be_missing():
    files = Files(b=Structure.UNKNOWN).write("a", Structure.WHOLE).after(0, sound=False)
    assert not files.due(End.BADLY)
    assert files.due(End.WELL)


def test_one_file_that_is_being_written_keeps_the_others_waiting():
    files = Files().write("a").write("b").after(0).after(0.9).write("b").after(0.6)
    assert not files.due()
    assert files.after(REST_S).due()


def test_files_of_a_long_save_must_rest_longer():
    files = Files().write("0").after(0)
    for number in range(1, 9):
        files.write(str(number)).after(2)
    assert not files.after(3).due()
    assert files.after(1).due()  # a quarter of 16 s


def test_but_not_for_ever():
    files = Files().write("0").after(0)
    for number in range(1, 50):
        files.write(str(number)).after(30)
    assert files.after(LONGEST_REST_S).due()


def test_what_was_taken_is_no_news_any_more():
    files = Files().write("a").after(0).after(REST_S).take()
    assert not files.after(10).due()
    assert files.write("a").after(1).after(REST_S).due()


def test_what_did_not_change_need_not_be_looked_at_again():
    files = Files().write("a").after(0).after(REST_S).take()
    files.structures["a"] = Structure.TORN
    assert files.write("b").after(1).after(REST_S).due()


def test_a_file_that_vanishes_is_no_checkpoint():
    files = Files().write("a").after(0).after(REST_S).take()
    assert not files.remove("a").after(60).due()


def test_while_a_file_is_being_replaced_nothing_else_is_saved():
    """Else an attempt could find the log without the weights."""
    files = Files().write("weights").write("log").after(0).after(REST_S).take()
    files.remove("weights").write("log").after(1).after(REST_S)
    assert not files.due()
    assert not files.due(End.BADLY)
    assert files.due(End.WELL)
    assert files.write("weights").after(1).after(REST_S).due()


def test_what_keeps_a_checkpoint_from_being_made_is_told_after_a_while():
    files = Files().write("weights").write("log")
    for _ in range(int(PATIENCE_S)):
        files.write("log").after(1)
        assert files.watch.hindrance(files.now, lambda *_: Structure.WHOLE) is None
    files.write("log").after(1)
    hindrance = files.watch.hindrance(files.now, lambda *_: Structure.WHOLE)
    assert hindrance == "log is being written"


@pytest.mark.parametrize("end", [End.NOT_YET, End.BADLY])
@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.floats(0, 3), st.booleans()), min_size=1, max_size=12
    )
)
def test_no_schedule_makes_an_unknown_file_complete_that_did_not_rest(end, steps):
    """A step: was the file written before a look, how long after the last, was its writer sound."""
    files, alive, written_at, rested = Files(), True, None, 0.0
    for writes, seconds, sound in steps:
        alive = alive and sound
        if writes:
            files.write("a")
        files.after(seconds, sound=alive)
        if writes:
            written_at, rested = files.now, 0.0
        elif alive and written_at is not None:
            rested = files.now - written_at
        assert files.due(end) == (written_at is not None and rested >= REST_S)

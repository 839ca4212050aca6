"""What a log gives up when it is too long, and where its bytes stand then."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from launcher.model.gaps import Gap, StoredLog, cut, is_worth_telling, joined, missing, to_give_up

STRETCHES = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=6)


def bytes_of(gaps):
    return {byte for gap in gaps for byte in range(gap.start, gap.end)}


def grown(most, *sizes):
    """Gaps and length of a log that grew by these sizes and was kept short after each."""
    gaps, length = (), 0
    for size in sizes:
        length += size
        chosen = to_give_up(length, gaps, most)
        gaps = joined(gaps, chosen) if chosen else gaps
    return gaps, length


def test_a_log_within_its_limit_loses_nothing():
    assert to_give_up(1000, (), 1000) is None
    assert to_give_up(1125, (), 1000) is None  # an eighth more: it is not done for every byte


def test_the_oldest_quarter_and_the_newest_bytes_stay():
    assert to_give_up(10_000, (), 1000) == Gap(250, 9250)


def test_a_log_that_goes_on_growing_keeps_one_gap_and_its_beginning():
    gaps, length = grown(1000, *[700] * 50)
    assert [gap.start for gap in gaps] == [250]
    assert length - missing(gaps) <= 1125


@given(stretches=STRETCHES, growth=st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_whatever_is_missing_already_a_log_comes_within_its_limit(stretches, growth):
    gaps, length = (), 701
    for start, size in stretches:
        gaps = joined(gaps, Gap(start, start + size))
    for size in growth:
        before, length = bytes_of(gaps), length + size
        chosen = to_give_up(length, gaps, 400)
        if chosen:
            gaps = joined(gaps, chosen)
        assert length - missing(gaps) <= 450
        assert before <= bytes_of(gaps)
        assert not chosen or chosen.end <= length - 100  # the newest always stay


@given(stretches=STRETCHES)
def test_joined_gaps_are_apart_and_cover_what_they_were_made_of(stretches):
    gaps, covered = (), set()
    for start, size in stretches:
        gaps = joined(gaps, Gap(start, start + size))
        covered |= set(range(start, start + size))
    assert bytes_of(gaps) == covered
    assert missing(gaps) == len(covered)
    assert all(a.end < b.start for a, b in pairwise(gaps))


@given(stretches=STRETCHES, offset=st.integers(0, 1000))
def test_reading_goes_on_behind_a_gap_and_ends_before_the_next(stretches, offset):
    gaps = ()
    for start, size in stretches:
        gaps = joined(gaps, Gap(start, start + size))
    log = StoredLog(1, 0, "log", 800, cut(gaps, 800))
    there = [byte for byte in range(offset, 800) if byte not in bytes_of(log.gaps)]
    first, count = log.kept_from(offset)
    assert list(range(first, first + count)) == there[:count]
    assert not there or (count > 0 and first + count not in there)


def test_more_that_is_missing_is_told_as_often_as_it_doubles():
    moments = [(before, before + 2**20) for before in range(0, 64 * 2**20, 2**20)]
    assert sum(is_worth_telling(before, after) for before, after in moments) == 7

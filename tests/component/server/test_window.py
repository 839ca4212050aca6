"""Bytes through the server's memory: each once, in order, and never many at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import ConflictError, SpecError
from launcher.server.window import Window

LIMIT = 8


@given(
    st.binary(max_size=60),
    st.lists(st.tuples(st.booleans(), st.integers(1, LIMIT), st.booleans()), max_size=200),
)
def test_every_byte_comes_once_whatever_is_repeated_and_the_memory_is_bounded(data, turns):
    window, given_, taken = Window(LIMIT), 0, b""
    for gives, size, answer_is_lost in turns:
        if gives:
            piece = data[given_ : given_ + size]
            if window.give(given_, piece) and not answer_is_lost:
                given_ += len(piece)
        else:
            came = window.take(len(taken), size)
            if not answer_is_lost:
                taken += came
        assert len(window._data) <= 2 * LIMIT
    assert data.startswith(taken)
    assert window.end >= given_ >= window.end - LIMIT


def test_who_gives_waits_for_who_takes():
    window = Window(LIMIT)
    assert window.give(0, b"12345678")
    assert not window.give(8, b"9")
    window.take(0)
    assert window.give(8, b"9")


def test_what_was_taken_and_got_lost_is_there_again():
    window = Window(LIMIT)
    window.give(0, b"12345678")
    assert window.take(0) == window.take(0) == b"12345678"
    window.give(8, b"abcd")
    assert window.take(3) == b"45678abcd"


def test_what_is_gone_is_told():
    window = Window(LIMIT)
    for offset in range(0, 32, LIMIT):
        window.give(offset, b"x" * LIMIT)
        window.take(offset)
    with pytest.raises(ConflictError, match="24 bytes were lost"):
        window.take(0)


def test_a_gap_too_much_and_what_never_was_are_refused():
    window = Window(LIMIT)
    with pytest.raises(SpecError, match="0 to 3"):
        window.give(3, b"x")
    with pytest.raises(SpecError, match="more than 8 bytes"):
        window.give(0, b"x" * 9)
    with pytest.raises(SpecError, match="has 0 bytes, not 1"):
        window.take(1)


def test_the_end_is_told_once_all_is_there():
    window = Window(LIMIT)
    window.give(0, b"ab")
    assert not window.is_told(2)
    window.is_complete = True
    assert [window.is_told(offset) for offset in (1, 2)] == [False, True]

"""Lines of logs by number, and those that hold a text. The log is bytes in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.gaps import Gap, StoredLog
from launcher.store import log_lines
from launcher.store.log_lines import counts, search


def opened(data, *gaps):
    log = StoredLog(1, 0, "log", len(data), tuple(Gap(*gap) for gap in gaps))
    return (lambda offset, size: data[offset : offset + size]), log


def found(data, text, *, same_case=False):
    """Numbers of all lines that hold it, over as many calls as it takes."""
    read, log = opened(data)
    lines, offset, line = [], 0, 0
    while True:
        part = search(read, log, text, offset, line, same_case=same_case)
        lines += [number for number in part.lines if number not in lines[-1:]]
        offset, line = part.offset, part.line
        if part.is_all:
            assert (offset, line) == (len(data), data.count(b"\n"))
            return lines


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(log_lines, "BLOCK", 8)
    monkeypatch.setattr(log_lines, "_PIECE", 16)
    monkeypatch.setattr(log_lines, "_BYTES_A_CALL", 32)


def test_lines_are_counted_by_blocks(small_pieces):
    read, log = opened(b"one\ntwo\nthree\nfour, which is long\nfive")
    assert counts(read, log, 0) == [2, 1, 0, 0]
    assert counts(read, log, 4) == [1]
    assert counts(read, log, 5) == []


def test_a_hole_is_not_read(small_pieces):
    asked = []

    def read(offset, size):
        asked.append(offset)
        return b"a\n" * (size // 2)

    _, log = opened(bytes(40), (8, 32))
    assert counts(read, log, 0) == [4, 0, 0, 0]
    assert counts(read, log, 4) == [4]
    assert asked == [0, 32]


def test_a_line_is_found_once_however_often_it_holds_the_text():
    assert found(b"x\nloss loss loss\nLoss\nno\nlos\ns", "loss") == [1, 2]
    assert found(b"x\nloss loss loss\nLoss\nno", "Loss", same_case=True) == [2]


def test_colours_do_not_keep_a_text_from_being_found():
    assert found(b"\x1b[31mlo\x1b[0mss\x1b]0;title\x07\nloss\n", "loss") == [0, 1]


def test_a_line_longer_than_a_piece_counts_as_one(small_pieces):
    data = b"short\n" + b"ab " * 40 + b"\nab\n"
    assert found(data, "ab") == [1, 2]


@given(
    st.lists(st.sampled_from([b"ab", b"a", b"b", b"\n", b" "]), max_size=60).map(b"".join),
    st.sampled_from(["a", "ab", "b a"]),
)
def test_what_is_found_is_what_a_reader_of_all_lines_finds(data, text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_lines, "_PIECE", 40)
        patch.setattr(log_lines, "_BYTES_A_CALL", 80)
        if max(map(len, data.split(b"\n"))) < 40:  # within a longer one, pieces cut the text itself
            wanted = [n for n, line in enumerate(data.split(b"\n")) if text.encode() in line]
            assert found(data, text) == wanted

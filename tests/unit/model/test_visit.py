"""The wire form of a visit: frames that survive any cut, and exit codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.visit import (
    ALIVE,
    END,
    LARGEST_PIECE,
    STDERR,
    STDOUT,
    FrameReader,
    frame,
)

frames = st.lists(st.tuples(st.sampled_from([ALIVE, STDOUT, STDERR]), st.binary(max_size=9)))


@given(frames, st.integers(1, 7))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(sent, size):
    stream = b"".join(frame(kind, data) for kind, data in sent)
    reader, came = FrameReader(), []
    for start in range(0, len(stream), size):
        came += reader.feed(stream[start : start + size])
    assert came == sent


@given(frames, st.integers(0, 60))
def test_a_broken_stream_goes_on_behind_the_last_whole_frame(sent, cut):
    sent = [(kind, data) for kind, data in sent if kind != ALIVE]
    stream = b"".join(frame(kind, data) for kind, data in sent)
    reader = FrameReader()
    came = list(reader.feed(stream[:cut]))
    reader.begin_anew()
    came += reader.feed(stream[reader.offset :])
    assert came == sent
    assert reader.offset == len(stream)


def test_what_the_server_says_by_itself_is_no_part_of_the_output():
    reader = FrameReader()
    list(reader.feed(frame(ALIVE, b"") + frame(STDOUT, b"ab") + frame(END, b"{}")))
    assert reader.offset == len(frame(STDOUT, b"ab"))


@pytest.mark.parametrize("head", [b"HTTP/1.1 502 Bad", bytes([STDOUT]) + b"\xff" * 4])
def test_what_is_no_stream_of_frames_is_refused_at_once(head):
    with pytest.raises(ValueError, match="no frame"):
        list(FrameReader().feed(head))


def test_the_largest_piece_is_a_frame():
    data = bytes(LARGEST_PIECE)
    assert list(FrameReader().feed(frame(STDOUT, data))) == [(STDOUT, data)]

"""What a command beside a rank shows: no secret in it, and no wait that anybody sees."""

import hashlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from launcher.executor.redacting import Redactor
from launcher.executor.screening import HELD_S, Screening
from launcher.model.visit import STDERR, STDOUT

VALUE = "s3cr3t-value"
STARS = b"*" * len(VALUE)


class Watched:
    """A screening with a clock, and what it has shown."""

    def __init__(self, *values):
        self.screening = Screening(Redactor(values))
        self.now = 100.0
        self.shown = {STDOUT: b"", STDERR: b""}

    def feed(self, data=b"", kind=STDOUT, after=0.0):
        """What is shown at once of what comes after so many seconds."""
        self.now += after
        pieces = [(kind, data)] if data else []
        return self._take(self.screening.feed(pieces, self.now))

    def finish(self):
        return self._take(self.screening.finish())

    def patience(self):
        return self.screening.patience_s(1.0, self.now)

    def _take(self, pieces):
        came = b""
        for kind, data in pieces:
            self.shown[kind] += data
            came += data
        return came


def test_a_value_that_comes_in_two_pieces_is_never_shown():
    screen = Watched(VALUE)
    assert screen.feed(b"key=s3cr3t-") == b"key="
    assert screen.feed(b"value\n", after=60) == STARS + b"\n"


def test_a_key_that_a_value_begins_with_is_shown_after_a_moment():
    screen = Watched(VALUE)
    assert screen.feed(b"$ s") == b"$ "
    assert screen.patience() <= HELD_S
    assert screen.feed(after=HELD_S) == b"s"
    assert screen.patience() == 1.0


def test_what_turns_out_to_be_another_word_is_shown_at_once():
    screen = Watched(VALUE)
    assert screen.feed(b"s3cr3t") == b""
    assert screen.feed(b"ary") == b"s3cr3tary"


def test_whoever_types_a_value_slowly_shows_no_more_than_what_is_no_secret():
    screen = Watched(VALUE)
    for letter in VALUE:
        screen.feed(letter.encode())
        screen.feed(after=10)
    screen.feed(b"\n")
    assert screen.shown[STDOUT] == b"s3cr3" + b"*" * 7 + b"\n"


def test_a_beginning_that_says_more_waits_however_long_it_takes():
    screen = Watched(VALUE)
    screen.feed(b"s3cr3t-")
    assert screen.feed(after=1000) == b""
    assert screen.patience() == 1.0
    assert screen.finish() == b"s3cr3t-"


def test_what_was_held_back_ends_a_value_that_was_found_before_it():
    screen = Watched("abcxyzabc")
    assert screen.feed(b"abcxyzabc") == b"*" * 6
    assert screen.feed(after=HELD_S) == b"***"


def test_each_output_is_judged_by_itself():
    screen = Watched(VALUE)
    screen.feed(b"s3cr3t-", STDOUT)
    assert screen.feed(b"error: value\n", STDERR) == b"error: value\n"
    screen.feed(b"s3cr3t-", STDERR)
    assert screen.feed(b"value", STDOUT) == STARS
    assert screen.feed(b"value", STDERR) == STARS


def test_a_busy_output_does_not_keep_the_other_waiting():
    screen = Watched(VALUE)
    screen.feed(b"password: s")
    for _ in range(10):
        screen.feed(b".", STDERR, after=HELD_S / 5)
    assert screen.shown[STDOUT] == b"password: s"


def test_a_value_of_several_lines_is_hidden_as_a_terminal_shows_it():
    screen = Watched("MIIEvQIBADAN\nQw==")
    screen.feed(b"$ cat key\r\nMIIEvQIBADAN\r\nQw==\r\n")
    screen.finish()
    assert screen.shown[STDOUT] == b"$ cat key\r\n************\r\n****\r\n"


def test_zeros_before_a_piece_blot_nothing_out():
    screen = Watched(VALUE)
    screen.feed(bytes(512))
    assert screen.feed(b"e\n") == b"e\n"


def test_without_secrets_everything_passes_at_once():
    screen = Watched()
    assert screen.feed(b"\xff\x00s") == b"\xff\x00s"
    assert screen.patience() == 1.0
    assert screen.finish() == b""


@given(
    st.lists(st.sampled_from([b"ab", b"aba", b"abaabaX", b"aabaabaab", b"\n", b"\0"]), max_size=10),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_how_the_output_is_cut_changes_nothing_as_long_as_nobody_waits(words, cuts):
    values = ["abaaba", "aabaabaab"]
    content = b"".join(words)
    screen = Watched(*values)
    places = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    for begin, end in itertools.pairwise(places):
        screen.feed(content[begin:end])
    screen.finish()
    assert screen.shown[STDOUT] == Redactor(values).piece(b"", content, final=True)


def test_a_whole_file_of_random_bytes_comes_as_it_is():
    data = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256))
    screen = Watched(VALUE)
    for begin in range(0, len(data), 1000):
        screen.feed(data[begin : begin + 1000])
    screen.finish()
    assert screen.shown[STDOUT] == data

"""Secrets are blotted out at their places, however the output is cut into pieces."""

import json

from hypothesis import given
from hypothesis import strategies as st

from launcher.executor.redacting import Redactor

VALUE = "s3cr3t-value"


def shipped(redactor, content, cuts=()):
    """What arrives when the file had these lengths each time somebody looked."""
    arrived = b""
    for length in [*sorted(cuts), len(content), len(content)]:
        known = content[:length]
        before = known[max(0, len(arrived) - redactor.lookback) : len(arrived)]
        final = length == len(content)
        arrived += redactor.piece(before, known[len(arrived) :], final=final)
    return arrived


def test_a_value_becomes_as_many_stars_and_nothing_moves():
    content = f"key={VALUE}; done\n".encode()
    assert shipped(Redactor([VALUE]), content) == b"key=************; done\n"


def test_what_may_be_the_beginning_of_a_value_is_held_back_until_more_comes():
    redactor = Redactor([VALUE])
    assert redactor.piece(b"", b"key=s3cr", final=False) == b"key="
    assert redactor.piece(b"key=", b"s3cr3t-value\n", final=False) == b"************\n"
    assert redactor.piece(b"key=", b"s3cret is another word\n", final=False).startswith(b"s3cret")


def test_what_was_held_back_comes_when_nothing_can_follow():
    redactor = Redactor([VALUE])
    assert redactor.piece(b"", b"ends with s3cr", final=True) == b"ends with s3cr"


def test_the_beginning_of_a_value_whose_end_is_gone_is_blotted_out():
    assert Redactor([VALUE]).piece(b"", b"key=s3cr", final=False, torn=True) == b"key=****"


def test_the_end_of_a_value_whose_beginning_is_gone_is_blotted_out():
    redactor = Redactor([VALUE])
    gone = bytes(redactor.lookback)
    assert redactor.piece(gone, b"-value; value", final=True) == b"******; value"


def test_a_value_of_which_the_beginning_is_with_the_server_is_still_known():
    redactor = Redactor([VALUE])
    assert redactor.piece(b"key=s3cr3t", b"-value!", final=False) == b"******!"


def test_a_value_of_several_lines_is_blotted_out_line_by_line_and_lines_stay_lines():
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nQw==\n-----END KEY-----"
    redactor = Redactor([key])
    assert shipped(redactor, key.encode()).split(b"\n") == [b"*" * len(x) for x in key.split("\n")]
    printed = b"".join(b"  | " + line.encode() + b"\n" for line in key.splitlines())
    blotted = shipped(redactor, printed)
    assert b"BEGIN" not in blotted
    assert b"MIIEvQ" not in blotted
    assert len(blotted) == len(printed)


def test_the_forms_of_json_and_repr_are_blotted_out_too():
    value = 'pass"wörd\\1'
    redactor = Redactor([value])
    for form in (json.dumps({"a": value}), repr({"a": value}), value):
        assert "w" not in redactor.text(form).replace('{"a"', ""), form


def test_a_short_value_is_left_alone():
    assert Redactor(["12345"]).text("step 12345") == "step 12345"
    assert Redactor(["123456"]).text("step 123456") == "step ******"


def test_of_two_values_that_overlap_both_are_blotted_out_whole():
    redactor = Redactor(["abcdef", "defghi"])
    assert redactor.text("xabcdefghix") == "x*********x"


def test_a_number_in_a_record_is_never_taken_for_a_secret():
    redactor = Redactor(["100000", "tok-tok"])
    line = b'{"k": "m", "step": 100000, "m": {"tok-tok \\" loss": 100000.5}}\n'
    blotted = redactor.records(line)
    assert json.loads(blotted)["step"] == 100000
    assert b"tok-tok" not in blotted
    assert len(blotted) == len(line)


def test_the_end_of_a_file_holds_no_half_of_a_value():
    redactor = Redactor([VALUE])
    content = b"x" * 50 + VALUE.encode() + b"tail"
    assert redactor.last_bytes(content[-(10 + redactor.lookback) :], 10) == b"******tail"


def test_who_does_not_know_the_values_ships_lines_of_stars():
    blind = Redactor(blind=True)
    assert blind.piece(b"", b"any word\nand more", final=False) == b"********\n********"
    assert blind.records(b'{"k": "m"}\n') == b'{"k": "m"}\n'


def test_without_secrets_everything_passes():
    assert Redactor().piece(b"", b"\xff\x00", final=False) == b"\xff\x00"
    assert Redactor().lookback == 0


pieces = st.lists(st.sampled_from(["ab", "aba", "abaaba", "aabaab", "\n", "b"]), max_size=12)


@given(pieces, st.lists(st.integers(0, 60), max_size=6))
def test_how_the_output_is_cut_changes_nothing(words, cuts):
    redactor = Redactor(["abaaba", "aabaabaab"])
    content = "".join(words).encode()
    cuts = [cut for cut in cuts if cut <= len(content)]
    assert shipped(redactor, content, cuts) == shipped(redactor, content)


@given(pieces)
def test_a_byte_is_a_star_exactly_where_a_value_stands(words):
    values, content = ["abaaba", "aabaabaab"], "".join(words)
    covered = {
        place
        for value in values
        for begin in range(len(content))
        if content.startswith(value, begin)
        for place in range(begin, begin + len(value))
    }
    expected = "".join("*" if n in covered else letter for n, letter in enumerate(content))
    assert Redactor(values).text(content) == expected

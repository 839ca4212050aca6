"""Messages as JSON: what is written is read back, and what others wrote is read with patience."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.executor.gang import NodeState, Order
from launcher.model.checkpoint import Manifest
from launcher.model.codec import decode, encode
from launcher.model.wire import (
    AgentReport,
    AgentSetup,
    AgentStatus,
    Desired,
    Hello,
    Orders,
    Report,
    Session,
)

MESSAGES = [
    Hello, Session, Report, Desired, AgentStatus, Orders, AgentSetup, Manifest, NodeState, Order,
]  # fmt: skip
SAMPLES = sorted((Path(__file__).parents[2] / "data" / "wire").glob("*/*.json"))


@pytest.mark.parametrize("message", MESSAGES)
@settings(max_examples=settings.default.max_examples // 4)  # one test for each kind
@given(data=st.data())
def test_a_message_survives_its_way_through_json(message, data):
    sent = json.dumps(encode(data.draw(st.from_type(message))))
    read = decode(message, json.loads(sent))
    assert isinstance(read, message)
    assert json.dumps(encode(read)) == sent  # as text: NaN is not equal to itself


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_messages_of_released_versions_are_still_read(path):
    """The samples of a version are never edited: living agents speak it."""
    message = next(cls for cls in MESSAGES if cls.__name__ == path.stem)
    sample = json.loads(path.read_text())
    written = encode(decode(message, sample))
    assert within(sample, written) == sample


def within(sample, written):
    """What was written, without the keys that later versions have added."""
    if isinstance(sample, dict):
        return {key: within(sample[key], written[key]) for key in sample}
    if isinstance(sample, list) and len(sample) == len(written):
        return [within(*pair) for pair in zip(sample, written, strict=True)]
    return written


def test_every_message_between_processes_has_a_sample():
    assert {path.stem for path in SAMPLES} == {message.__name__ for message in MESSAGES}


def test_what_a_later_version_adds_is_passed_over():
    assert decode(Session, {"fence": 1, "server_id": "x", "color": "red"}).fence == 1


def test_what_an_earlier_version_did_not_write_takes_its_default():
    assert decode(AgentReport, {"index": 1, "state": "dead"}).silent_s == 0.0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fence": 1}, "Session: 'server_id' is missing"),
        ({"fence": "1", "server_id": "x"}, "Session.fence: '1' does not fit"),
        ({"fence": True, "server_id": "x"}, "Session.fence: True does not fit"),
        ({"fence": 1.0, "server_id": "x"}, "Session.fence: 1.0 does not fit"),
        ([], "Session: [] does not fit"),
        (None, "Session: None does not fit"),
    ],
)
def test_what_has_not_a_messages_shape_is_refused_by_its_place(data, words):
    with pytest.raises(ValueError, match=r".") as refused:
        decode(Session, data)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lost_peers", [0, "1"], "AgentStatus.lost_peers[1]: '1' does not fit"),
        ("lost_peers", {}, "AgentStatus.lost_peers: {} does not fit"),
        ("notes", [{"text": "x"}], "AgentStatus.notes[0]: 'number' is missing"),
        (
            "verdict",
            {"ending": "BORED"},
            "AgentStatus.verdict.ending: 'BORED' is not a valid Ending",
        ),
    ],
)
def test_a_fault_deep_inside_is_told_by_its_place(field, value, words):
    status = {"allocation": "a.1", "index": 0, "address": "", field: value}
    with pytest.raises(ValueError, match=r".") as refused:
        decode(AgentStatus, status)
    assert str(refused.value) == words


@pytest.mark.parametrize("number", [10**400, "1", None, True])
def test_what_is_no_number_is_refused_in_words(number):
    with pytest.raises(ValueError, match=r"^AgentReport\.silent_s: "):
        decode(AgentReport, {"index": 1, "state": "x", "silent_s": number})


def test_a_whole_number_will_do_for_a_fraction():
    assert decode(AgentReport, {"index": 1, "state": "x", "silent_s": 3}).silent_s == 3.0

"""No secret leaves a node: in logs, in words, by the agent or by whoever comes after it."""

import json

import pytest

from launcher.errors import ConflictError
from launcher.executor import shipping
from launcher.executor.ranks import log_tail
from launcher.executor.redacting import Redactor
from launcher.executor.secrecy import Redaction, keep, redacted, redaction
from launcher.executor.shipping import Shipper
from launcher.model.ending import Ending
from launcher.model.job import RankExit, Verdict
from launcher.model.launch import Entrypoint, Launch
from launcher.model.wire import AgentSetup, AgentStatus, Note

VALUE = "s3cr3t-value"
STARS = b"*" * len(VALUE)
SECRET = VALUE.encode()


@pytest.fixture
def shipper(folder):
    return Shipper(folder, redaction=Redaction(Redactor([VALUE])))


def drain(shipper, uplink):
    while shipper.ship(uplink):
        pass


def test_what_may_be_half_a_secret_waits_for_the_other_half(folder, shipper, uplink):
    log = folder.log(1, 0)
    log.write_bytes(b"key=" + SECRET[:5])
    drain(shipper, uplink)
    assert uplink.streams["log", 1, 0] == b"key="
    assert not shipper.is_done(1)
    log.write_bytes(b"key=" + SECRET + b"\n")
    drain(shipper, uplink)
    assert uplink.streams["log", 1, 0] == b"key=" + STARS + b"\n"


def test_at_the_end_of_an_attempt_everything_is_shipped(folder, shipper, uplink):
    folder.log(1, 0).write_bytes(b"key=" + SECRET[:5])
    drain(shipper, uplink)
    shipper.ended = 1
    drain(shipper, uplink)
    assert uplink.streams["log", 1, 0] == b"key=" + SECRET[:5]
    assert shipper.is_done(1)


def test_the_next_shipper_goes_on_in_the_middle_of_a_secret(folder, uplink):
    log = folder.log(1, 0)
    log.write_bytes(b"key=" + SECRET)
    uplink.streams["log", 1, 0] = bytearray(b"key=****")
    drain(Shipper(folder, redaction=Redaction(Redactor([VALUE])), ended=1), uplink)
    assert uplink.streams["log", 1, 0] == b"key=" + STARS


def test_a_secret_longer_than_a_request_passes(folder, uplink, monkeypatch):
    monkeypatch.setattr(shipping, "REQUEST_BYTES", 1000)
    value = "x" * 3000
    folder.log(1, 0).write_bytes(b"a" * 1500 + value.encode() + b"b" * 1500)
    drain(Shipper(folder, redaction=Redaction(Redactor([value])), ended=1), uplink)
    assert uplink.streams["log", 1, 0] == b"a" * 1500 + b"*" * 3000 + b"b" * 1500


def test_what_only_begins_like_a_secret_longer_than_a_request_passes_as_it_is(
    folder, uplink, monkeypatch
):
    monkeypatch.setattr(shipping, "REQUEST_BYTES", 1000)
    content = b"a" * 1500 + b"x" * 2500 + b"b" * 1500
    folder.log(1, 0).write_bytes(content)
    drain(Shipper(folder, redaction=Redaction(Redactor(["x" * 3000])), ended=1), uplink)
    assert uplink.streams["log", 1, 0] == content


def test_points_are_redacted_in_their_names_and_announced_as_they_are(folder, uplink):
    announced = []
    shipper = Shipper(folder, redaction=Redaction(Redactor([VALUE])))
    shipper.on_record = lambda *told: announced.append(told[-1])
    record = {"k": "m", "step": 1, "t": 1, "m": {VALUE: 1.0}}
    folder.spool(1, 0).write_bytes(json.dumps(record).encode() + b"\n")
    drain(shipper, uplink)
    (line,) = uplink.streams["spool", 1, 0].splitlines()
    assert json.loads(line)["m"] == {"*" * len(VALUE): 1.0}
    assert announced == [record]


def test_what_is_punched_out_leaves_what_tells_more_of_it(folder, uplink, monkeypatch):
    monkeypatch.setattr(shipping, "_PUNCH_FROM", 4096)
    log, filling = folder.log(1, 0), b"x" * (4096 * 4 - 3)
    shipper = Shipper(folder, redaction=Redaction(Redactor(["aaaaaa"])))
    log.write_bytes(filling + b"a" * 8)
    drain(shipper, uplink)
    assert uplink.streams["log", 1, 0] == filling + b"***"  # up to the end of a block
    with log.open("ab") as file:
        file.write(b"b")
    drain(shipper, uplink)
    assert uplink.streams["log", 1, 0] == filling + b"********b"
    assert log.stat().st_blocks * 512 < log.stat().st_size


def setup(sealed):
    launch = Launch("digits-abcdef", "digits", "command", Entrypoint("exec", ("true",)), 1)
    return AgentSetup(launch, (1,), secrets={"A": VALUE}, sealed=sealed)


def test_a_node_keeps_what_only_the_server_opens(folder, uplink):
    asked = []
    uplink.reopen = lambda kept: asked.append(kept) or [VALUE]
    assert redaction(folder, uplink).redactor.lookback == 0
    keep(folder, "digits-abcdef.1", setup("sealed-1"))
    keep(folder, "digits-abcdef.2", setup("sealed-2"))
    keep(folder, "digits-abcdef.3", setup(""))
    assert VALUE not in folder.sealed.read_text()
    assert folder.sealed.stat().st_mode & 0o777 == 0o600
    known = redaction(folder, uplink, ["another-value"])
    assert asked == [{"digits-abcdef.1": "sealed-1", "digits-abcdef.2": "sealed-2"}]
    assert known.of(1).text(f"{VALUE} another-value") == "************ *************"


def test_without_the_servers_key_what_was_there_is_shipped_as_stars(folder, uplink):
    def gone(_):
        raise ConflictError("the key is gone")

    uplink.reopen = gone
    keep(folder, "digits-abcdef.1", setup("sealed"))
    folder.log(1, 0).write_bytes(b"key=" + SECRET + b"\n")
    known = redaction(folder, uplink, ["another-value"])
    folder.attempt(2).mkdir()
    folder.log(2, 0).write_bytes(b"key=another-value\n")
    drain(Shipper(folder, redaction=known), uplink)
    assert uplink.streams["log", 1, 0] == b"*" * 16 + b"\n"
    assert uplink.streams["log", 2, 0] == b"key=*************\n"


def test_no_word_of_a_status_holds_a_secret_and_no_id_is_touched():
    told = f"it was {VALUE}"
    exits = (RankExit(0, 1, tail=told, error=told),)
    status = AgentStatus(
        f"job-{VALUE}.1",
        0,
        "10.0.0.1:1",
        verdict=Verdict(Ending.PROGRAM_FAILED, told, exits=exits),
        notes=(Note(1, told),),
        closed=told,
    )
    sent = redacted(status, Redactor([VALUE]))
    assert sent.allocation == f"job-{VALUE}.1"
    assert VALUE not in str([sent.verdict, sent.notes, sent.closed])
    assert redacted(status, Redactor()) == status


def test_the_last_lines_of_a_log_begin_with_no_half_of_a_secret(folder):
    log = folder.log(1, 0)
    log.write_bytes(b"x" * 100 + SECRET + b"y" * 4090)
    tail = log_tail(log, Redactor([VALUE]))
    assert tail == "*" * 6 + "y" * 4090


def test_secrets_are_in_no_text_of_a_setup():
    assert VALUE not in repr(setup("sealed"))

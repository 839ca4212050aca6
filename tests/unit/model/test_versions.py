"""Which releases go together."""

import pytest

from launcher.model import versions
from launcher.model.versions import is_older, misfit
from launcher.model.wire import OLDEST_WIRE, WIRE_VERSION


def test_a_server_serves_its_own_version_and_the_one_before():
    assert OLDEST_WIRE in {WIRE_VERSION, WIRE_VERSION - 1}
    for wire in (OLDEST_WIRE, WIRE_VERSION):
        assert misfit(wire, "an agent", "0.1.0") is None
    for wire in (OLDEST_WIRE - 1, WIRE_VERSION + 1):
        assert misfit(wire, "an agent", "0.1.0") is not None


def test_words_name_both_versions_and_who_is_to_be_upgraded(monkeypatch):
    monkeypatch.setattr(versions, "WIRE_VERSION", 8)
    monkeypatch.setattr(versions, "OLDEST_WIRE", 7)
    assert str(misfit(9, "the executor on head (launcher 0.9.0)", "0.8.0")) == (
        "this server (launcher 0.8.0) speaks version 7 and 8 of the protocol, "
        "the executor on head (launcher 0.9.0) 9; upgrade the server first: docs/upgrading.md"
    )
    assert misfit(6, "the executor on head", "0.8.0").hint == (
        "upgrade it to launcher 0.8.0: docs/upgrading.md"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("0.1.0", "0.1.1"), ("0.9.1", "0.10.0"), ("0.1.0", "1.0.0"), ("0.1", "0.1.1")],
)
def test_releases_are_compared_by_their_numbers(one, other):
    assert is_older(one, other)
    assert not is_older(other, one)
    assert not is_older(one, one)

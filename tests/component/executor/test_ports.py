"""A reserved port is nobody else's, and still the rank's to bind."""

import socket
import subprocess
import sys

import pytest

from launcher.errors import LauncherError
from launcher.executor import ports
from launcher.executor.ports import Ports

HOST = "127.0.0.1"


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A range of three ports that hold still, and locks of our own."""
    found = []
    for first in range(31000, 31900, 3):
        if all(_is_free(port) for port in range(first, first + 3)):
            found = [first, first + 1, first + 2]
            break
    monkeypatch.setattr(ports, "LOWEST", found[0])
    monkeypatch.setattr(ports, "HIGHEST", found[-1])
    monkeypatch.setattr(ports, "LOCKS", tmp_path / "locks")
    return found


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@pytest.fixture
def reserved():
    made = []

    def make():
        made.append(Ports(HOST))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_every_port_is_given_once(few, reserved):
    one, other = reserved(), reserved()
    assert sorted([one.reserve(), other.reserve(), one.reserve()]) == few


def test_a_full_range_is_told_in_words(few, reserved):
    mine = reserved()
    for _ in few:
        mine.reserve()
    with pytest.raises(LauncherError, match=f"no free port between {few[0]} and {few[-1]} on"):
        reserved().reserve()


def test_ports_that_were_given_back_are_given_again(few, reserved):
    for _ in range(3):
        mine = Ports(HOST)
        assert sorted(mine.reserve() for _ in few) == few
        mine.close()


def test_another_process_gets_no_port_of_ours(few, reserved):
    mine = reserved()
    taken = {mine.reserve(), mine.reserve()}
    program = f"""
from pathlib import Path
from launcher.executor import ports
ports.LOWEST, ports.HIGHEST, ports.LOCKS = {few[0]}, {few[-1]}, Path({str(ports.LOCKS)!r})
print(ports.Ports({HOST!r}).reserve())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) in set(few) - taken


def test_a_port_on_which_somebody_listens_is_passed_over(few, reserved):
    with socket.create_server((HOST, few[0])), socket.create_server((HOST, few[1])):
        assert reserved().reserve() == few[2]


def test_a_rank_can_listen_on_the_port_that_is_held_for_it(few, reserved):
    port = reserved().reserve()
    with socket.create_server((HOST, port)), socket.create_connection((HOST, port)):
        pass


def test_a_program_that_does_not_know_better_cannot_take_it(few, reserved):
    port = reserved().reserve()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))


def test_ports_lie_below_those_that_the_kernel_gives(monkeypatch, reserved, tmp_path):
    monkeypatch.setattr(ports, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(ports, "_first_ephemeral_port", lambda: ports.LOWEST + 5)
    assert ports.LOWEST <= reserved().reserve() < ports.LOWEST + 5

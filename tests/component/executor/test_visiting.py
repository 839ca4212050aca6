"""Visits on a node: real processes, and a server that the test plays."""

import os
import signal
import threading
from collections import deque

import pytest

from launcher.clusters import _processes
from launcher.errors import NotFoundError
from launcher.executor.ranks import RankStart
from launcher.executor.redacting import Redactor
from launcher.executor.visiting import Visiting
from launcher.executor.visitor import Visitor, environment_of, shell_of
from launcher.model.visit import STDERR, STDOUT, FrameReader, VisitEnd, VisitOrder

PATIENCE_S = 20.0


class Server:
    """What the agents of one job ask of it."""

    def __init__(self):
        self.changed = threading.Condition()
        self.input, self.is_complete = deque(), True
        self.output, self.ends, self.fault = {}, {}, None

    # --- as the uplinks of the agent's threads ----------------------------------------------------

    def visit_input(self, visit, _offset, wait_s, *, room=1, told):  # noqa: ARG002 - an uplink's
        with self.changed:
            self.changed.wait_for(
                lambda: self.fault or visit in self.ends or (self.input and room), min(wait_s, 5.0)
            )
            if self.fault:
                raise self.fault
            data = self.input.popleft() if self.input and room else b""
            return data, self.is_complete and not self.input

    def visit_output(self, visit, offset, frames, _wait_s):
        if self.fault:
            raise self.fault
        known = self.output.setdefault(visit, bytearray())
        assert offset == len(known)
        known += frames
        return len(known)

    def end_visit(self, visit, end):
        with self.changed:
            assert visit not in self.ends
            self.ends[visit] = end
            self.changed.notify_all()

    def close(self):
        pass

    # --- the test ---------------------------------------------------------------------------------

    def lose(self, fault):
        with self.changed:
            self.fault = fault
            self.changed.notify_all()

    def end_of(self, visit="v1"):
        with self.changed:
            assert self.changed.wait_for(lambda: visit in self.ends, PATIENCE_S)
            return self.ends[visit]

    def told(self, kind, visit="v1"):
        frames = FrameReader().feed(bytes(self.output.get(visit, b"")))
        return b"".join(data for other, data in frames if other == kind)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def start(tmp_path):
    env = {"PATH": os.environ["PATH"], "LAUNCHER_ALLOCATION": "digits-abcdef.1", "RANK": "0"}
    return RankStart(0, ["true"], env, tmp_path)


@pytest.fixture
def visiting(server, start):
    visiting = Visiting(lambda: server)
    visiting.open(1, [start])
    yield visiting
    server.fault = None
    visiting.shut("the test is over")
    visiting.close()
    assert not visiting._visits


def order(*argv, identity="v1", **more):
    return VisitOrder(identity, **({"attempt": 1, "rank": 0, "argv": argv} | more))


def test_a_command_runs_in_the_ranks_folder_and_ends_with_its_code(visiting, server, start):
    for _ in range(3):  # orders may be repeated
        visiting.obey([order("sh", "-c", "cat; pwd; echo $RANK $LAUNCHER_EXEC >&2; exit 3")])
    assert server.end_of() == VisitEnd(3)
    visiting.obey([order("true")])
    assert server.told(STDOUT).decode().strip() == str(start.cwd)
    assert server.told(STDERR) == b"0 v1\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [({"rank": 5}, "rank 5 of attempt 1"), ({"attempt": 2}, "rank 0 of attempt 2")],
)
def test_what_does_not_run_here_is_not_visited(visiting, server, more, words):
    visiting.obey([order("true", **more)])
    assert server.end_of() == VisitEnd(None, f"{words} runs no more")


def test_input_reaches_the_command_to_its_end(visiting, server):
    server.input.extend([b"abc" * 100_000, b"def"])
    visiting.obey([order("wc", "-c", stdin=True)])
    assert server.end_of() == VisitEnd(0)
    assert server.told(STDOUT).strip() == b"300003"


def test_no_secret_of_the_job_comes_back_on_any_output(server, start):
    start.env["TOKEN"] = "s3cr3t-value"
    visiting = Visiting(lambda: server, Redactor(["s3cr3t-value"]))
    visiting.open(1, [start])
    halves = "printf s3cr3t-; sleep 0.1; echo value; echo ends with s3c >&2"
    visiting.obey([order("bash", "-c", f"env | grep TOKEN; echo $TOKEN >&2; {halves}")])
    assert server.end_of() == VisitEnd(0)
    assert server.told(STDOUT) == b"TOKEN=************\n************\n"
    assert server.told(STDERR) == b"************\nends with s3c\n"
    visiting.close()


def test_signals_are_sent_once_each(visiting, server):
    trap = "trap 'echo heard' INT; trap 'exit 9' TERM; echo armed; while :; do sleep 0.01; done"
    visiting.obey([order("bash", "-c", trap)])
    wait_for_output(server, b"armed\n")
    for _ in range(3):
        visiting.obey([order("bash", "-c", trap, signals=(signal.SIGINT,), revision=1)])
    wait_for_output(server, b"armed\nheard\n")
    visiting.obey([order("bash", "-c", trap, signals=(signal.SIGINT, signal.SIGTERM), revision=2)])
    assert server.end_of() == VisitEnd(9)
    assert server.told(STDOUT) == b"armed\nheard\n"


def test_what_is_left_of_a_command_is_buried_wherever_it_hid(visiting, server):
    hides = "setsid sleep 1000 & echo $!"
    visiting.obey([order("bash", "-c", hides)])
    assert server.end_of() == VisitEnd(0)
    visiting.close()
    left = _processes.stat(int(server.told(STDOUT)))
    assert left is None or not left.alive


def test_the_end_of_the_attempt_kills_and_tells_why(visiting, server):
    visiting.obey([order("bash", "-c", "trap '' TERM HUP INT; echo on; sleep 1000")])
    wait_for_output(server, b"on\n")
    visiting.shut("attempt 1 is over")
    assert server.end_of() == VisitEnd(None, "attempt 1 is over")
    visiting.obey([order("true", identity="v2")])
    assert server.end_of("v2").reason == "rank 0 of attempt 1 runs no more"


def test_a_visit_that_the_server_forgot_is_ended(visiting, server):
    visiting.obey([order("sleep", "1000")])
    server.lose(NotFoundError("the server knows the visit no more"))
    assert server.end_of().reason.startswith("the server was lost")


def test_a_terminal_is_one_for_the_command(start):
    wish = order("sh", "-c", "stty size; tty <&1; echo $TERM", tty=True, term="vt100", rows=7,
                 columns=70)  # fmt: skip
    visitor = Visitor(wish, start)
    shown = b""
    while found := visitor.read(PATIENCE_S):
        shown += b"".join(data for _, data in found)
    assert visitor.code == 0
    size, name, term = shown.split(b"\r\n")[:3]
    assert (size, term) == (b"7 70", b"vt100")
    assert name.startswith(b"/dev/pts/")
    visitor.close()


def test_a_visit_reports_nothing_in_the_name_of_the_rank(start):
    start.env.update(LAUNCHER_SPOOL="/spool", TORCHELASTIC_ERROR_FILE="/error", TERM="dumb")
    found = environment_of(start, order("true"))
    assert found == {
        "PATH": os.environ["PATH"],
        "LAUNCHER_ALLOCATION": "digits-abcdef.1",
        "LAUNCHER_EXEC": "v1",
        "RANK": "0",
        "TERM": "dumb",
    }


def test_the_shell_is_the_users_own_if_there_is_one(tmp_path):
    (tmp_path / "zsh").write_text("")
    (tmp_path / "zsh").chmod(0o700)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert shell_of(path | {"SHELL": f"{tmp_path}/zsh"}) == f"{tmp_path}/zsh"
    for shell in ("", "/usr/sbin/nologin", "/no/such/shell"):
        assert shell_of(path | {"SHELL": shell}).endswith("/bash")
    assert shell_of({"PATH": str(tmp_path)}) == "/bin/sh"


def wait_for_output(server, text):
    give_up = threading.Event()
    for _ in range(2000):
        if server.told(STDOUT) == text:
            return
        give_up.wait(0.01)
    raise AssertionError(server.told(STDOUT))

"""`launcher exec`: commands and shells beside the ranks, and that nothing of them runs on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import exec_client
import machine
import pytest
from exec_client import COLUMNS, ROWS, Terminal
from machine import wait_until
from stack import Stack

WAITS = """
import os, time
from pathlib import Path
print("ready", flush=True)
while not Path(os.environ["STOP"]).exists():
    time.sleep(0.02)
"""
IGNORES = "trap 'echo heard >&2' INT; echo armed; while :; do sleep 0.1; done"
LEAVES_MUCH = "(setsid sleep 1000 &) ; nohup sleep 1001 >/dev/null 2>&1 & sleep 1002"
NUMBERS = "import sys; sys.stdout.writelines(f'{n}\\n' for n in range(400_000))"


@pytest.fixture
def stop(tmp_path: Path) -> Path:
    return tmp_path / "stop"


@pytest.fixture
def job(stack: Stack, stop: Path) -> Iterator[str]:
    """Two ranks on two nodes, which run until the test has ended."""
    job = stack.submit(WAITS, placement="spread", env={"STOP": str(stop), "GREETING": "hello"})
    stack.wait(job, "RUNNING")
    wait_until(lambda: len(machine.ranks(job)) == 2, "both ranks behind their exec")
    yield job
    stop.touch()
    stack.wait(job, "SUCCEEDED", "FAILED", "CANCELLED")


def sleepers(job: str) -> set[int]:
    """What runs beside the ranks."""
    found = {one.pid for one in machine.marked(job) if not one.is_rank}
    return {pid for pid in found if b"sleep" in machine.command(pid)}


def await_sleepers(job: str, count: int = 1) -> set[int]:
    return wait_until(lambda: len(sleepers(job)) == count and sleepers(job), "a sleeping command")


def await_nothing_left(job: str) -> None:
    wait_until(lambda: not sleepers(job), lambda: f"these run on: {sleepers(job)}")


def test_a_command_has_its_own_outputs_and_its_own_exit_code(stack: Stack, job: str) -> None:
    done = exec_client.run(stack, job, "--", "bash", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)
    killed = exec_client.run(stack, job, "--", "bash", "-c", "kill -9 $$")
    assert killed.returncode == 137
    missing = exec_client.run(stack, job, "--", "no-such-program")
    assert missing.returncode == 127
    assert b"not found on the PATH of the ranks" in missing.stderr
    events = [event.text for event in stack.client.events(job) if event.kind == "exec"]
    assert [text.partition(" on ")[2] for text in events] == [
        "rank 0: bash",
        "rank 0: bash",
        "rank 0: no-such-program",
    ]


def test_a_command_finds_what_the_rank_beside_it_finds(stack: Stack, job: str) -> None:
    show = "import json, os; print(json.dumps([dict(os.environ), os.getcwd(), os.nice(0)]))"
    ranks = machine.ranks(job)
    for where, rank in (["--rank", "1"], 1), (["--node", "1"], 1), ([], 0):
        done = exec_client.run(stack, job, *where, "--", "python", "-c", show)
        found, folder, niceness = json.loads(done.stdout)
        expected = machine.environment(ranks[rank])
        own = {"LAUNCHER_EXEC", "LC_CTYPE"}
        theirs = {"LAUNCHER_SPOOL", "TORCHELASTIC_ERROR_FILE", "LC_CTYPE"}
        assert {key: value for key, value in found.items() if key not in own} == {
            key: value for key, value in expected.items() if key not in theirs
        }
        assert folder == str(Path(f"/proc/{ranks[rank]}/cwd").readlink())
        assert niceness == os.getpriority(os.PRIO_PROCESS, ranks[rank])


def test_what_is_piped_in_and_out_comes_whole(stack: Stack, job: str) -> None:
    data = os.urandom(3 * 2**20 + 17)
    done = exec_client.run(stack, job, "--", "cat", stdin=data)
    assert (done.stdout == data, done.returncode) == (True, 0)
    many = exec_client.run(stack, job, "--", "python", "-c", NUMBERS)
    assert many.stdout.split() == [str(number).encode() for number in range(400_000)]


def test_a_reader_that_leaves_ends_the_command(stack: Stack, job: str) -> None:
    line = " ".join([*exec_client.command(job), "--", "sh -c 'sleep 1000 & yes'"])
    done = subprocess.run(
        ["bash", "-c", f"{line} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        env=exec_client.environment(stack),
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"y\n", b"", 141)
    await_nothing_left(job)


def test_a_reader_that_stands_still_holds_the_command_up(stack: Stack, job: str) -> None:
    """Not for the server to keep: the command writes only as much as fits on the way."""
    with exec_client.start(stack, job, "--", "cat", "/dev/zero") as client:
        server = stack.server.pid
        try:
            written = wait_until(lambda: _written_by("cat", job), "bytes of cat")
            _until_it_stands(lambda: _written_by("cat", job))
            assert _written_by("cat", job) < 64 * 2**20
            assert written
            assert machine.process(server)
        finally:
            client.kill()
            client.communicate()
    wait_until(lambda: not _beside(job), "the end of cat", patience_s=40)


def test_ctrl_c_reaches_the_command(stack: Stack, job: str) -> None:
    with exec_client.start(stack, job, "--", "sleep", "1000") as client:
        await_sleepers(job)
        client.send_signal(signal.SIGINT)
        assert client.wait(30) == 130
    with exec_client.start(stack, job, "--", "bash", "-c", IGNORES) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.readline() == b"armed\n"
        client.send_signal(signal.SIGINT)
        assert client.stderr.readline() == b"heard\n"
        client.send_signal(signal.SIGINT)
        assert b"once more ends" in client.stderr.readline()
        client.send_signal(signal.SIGINT)
        assert client.wait(30) == 130
    wait_until(lambda: not _beside(job), "the end of the command")


def test_nothing_that_a_command_started_runs_on(stack: Stack, job: str) -> None:
    with exec_client.start(stack, job, "--", "bash", "-c", LEAVES_MUCH) as client:
        await_sleepers(job, 3)
        client.send_signal(signal.SIGTERM)
        assert client.wait(30) == 143
    await_nothing_left(job)


def test_a_client_that_is_killed_ends_its_command(stack: Stack, job: str) -> None:
    with exec_client.start(stack, job, "--", "bash", "-c", LEAVES_MUCH) as client:
        await_sleepers(job, 3)
        client.kill()
    await_nothing_left(job)


def test_a_server_that_is_killed_ends_the_command_in_words(stack: Stack, job: str) -> None:
    with exec_client.start(stack, job, "--", "sleep", "1000") as client:
        await_sleepers(job)
        url = stack.url
        stack.server.kill()
        _, words = client.communicate(timeout=60)
        assert client.returncode == 125
        assert b"no connection to the server" in words
        await_nothing_left(job)
    stack.server.arguments[-1] = url.rpartition(":")[2]
    stack.start_server()
    done = exec_client.run(stack, job, "--", "echo", "again")
    assert done.stdout == b"again\n"


def test_an_agent_that_is_killed_ends_the_command_in_words(stack: Stack, job: str) -> None:
    with exec_client.start(stack, job, "--rank", "1", "--", "sleep", "1000") as client:
        await_sleepers(job)
        machine.kill(machine.agent_of(machine.ranks(job)[1]))
        _, words = client.communicate(timeout=90)
        assert client.returncode == 125
        assert b"error: the command was ended: " in words
        await_nothing_left(job)


def test_the_end_of_the_attempt_ends_the_command_in_words(
    stack: Stack, job: str, stop: Path
) -> None:
    with exec_client.start(stack, job, "--", "sleep", "1000") as client:
        await_sleepers(job)
        stop.touch()
        stack.wait(job, "SUCCEEDED")
        _, words = client.communicate(timeout=60)
        assert client.returncode == 125
        assert f"the command was ended: attempt 1 of {job} is over".encode() in words
        await_nothing_left(job)
    after = exec_client.run(stack, job, "--", "true")
    assert after.returncode == 125
    assert b"is SUCCEEDED: nothing of it runs any more" in after.stderr


def test_a_shell_has_a_terminal_of_the_right_size_and_gives_it_back(stack: Stack, job: str) -> None:
    with Terminal(stack, job, "--", "bash", "--norc") as refused:
        assert refused.wait() == 0  # no -t: bash finds the end of its input
    with Terminal(stack, "-it", job, "--", "bash", "--norc", "--noprofile") as terminal:
        terminal.await_text("bash-")
        terminal.type("stty size; echo $TERM $GREETING $RANK; tty\r")
        terminal.await_text(f"{ROWS} {COLUMNS}")
        terminal.await_text("vt100 hello 0")
        terminal.await_text("/dev/pts/")
        assert not terminal.is_as_before()
        terminal.resize(20, 60)
        terminal.hears_of_its_size()
        terminal.type(
            "while [ \"$(stty size)\" != '20 60' ]; do sleep 0.05; done; echo re''sized\r"
        )
        terminal.await_text("resized")
        terminal.type("sleep 1000\r")
        await_sleepers(job)
        terminal.type("\x03")  # Ctrl-C
        await_nothing_left(job)
        terminal.type("echo $?; sleep 1001 &\r")
        terminal.await_text("130")
        await_sleepers(job)
        terminal.type("exit 7\r")
        assert terminal.wait() == 7
        assert terminal.is_as_before()
    await_nothing_left(job)


def test_whoever_leaves_a_shell_takes_all_of_it_along(stack: Stack, job: str) -> None:
    for leave, code in ("\r~.", 129), (None, 143):
        with Terminal(stack, job) as terminal:
            terminal.await_text("beside rank 0")
            terminal.type("sleep 1000 & sleep 1001\r")
            await_sleepers(job, 2)
            if leave:
                terminal.type(leave)
            else:
                terminal.process.terminate()
            assert terminal.wait() == code
            assert terminal.is_as_before()
        await_nothing_left(job)


def _beside(job: str) -> set[int]:
    return {one.pid for one in machine.marked(job) if not one.is_rank}


def _written_by(name: str, job: str) -> int:
    """Bytes that such a command beside the ranks has written."""
    for pid in _beside(job):
        if machine.command(pid)[:1] == [name.encode()]:
            counts = dict(
                line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines()
            )
            return int(counts["wchar"])
    return 0


def _until_it_stands(count) -> None:
    """Until it is the same in many looks."""
    same = 0
    seen = count()

    def stands() -> bool:
        nonlocal same, seen
        now = count()
        same, seen = (same + 1 if now == seen else 0), now
        return same > 30

    wait_until(stands, "that it stands still")

"""The keeper with real processes: whatever ends it or its agent, nothing of its ranks lives on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import command, holders, kill, pids, wait_until
from preloading import Forked, Raylet, raylet

from launcher.executor import keeper as keeper_script
from launcher.executor.folders import JobFolder
from launcher.executor.sweep import sweep_folder, sweep_job

MARK = f"LAUNCHER_ALLOCATION=keeper-test-{os.getpid()}.1"
"""Of this process: what carries it is killed."""
SLEEP = ["sleep", "600"]


class Keeper:
    """A keeper process and all that it said: one that was executed, or forked by a preloader."""

    def __init__(
        self, folder: Path, held: tuple[int, ...] = (), forked_by: Raylet | None = None
    ) -> None:
        self.folder = folder
        self.said: list[dict[str, Any]] = []
        self.process = _forked(forked_by, folder, held) if forked_by else _executed(folder, held)
        self._is_forked = forked_by is not None
        self._count = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(json.loads(line) for line in self.process.stdout)

    def tell(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, *argv: str, rank: int = 0, cwd: str = "/", **env: str) -> None:
        name, value = MARK.split("=")
        order = {
            "rank": rank,
            "argv": list(argv),
            "env": {"PATH": os.environ["PATH"], name: value} | env,
            "cwd": cwd,
            "log": str(self.log(rank)),
        }
        self.tell(start=order)

    def run(self, program: str, **more: Any) -> None:
        if self._is_forked:  # else it would be executed there too
            self._count += 1
            script = self.folder / f"program-{self._count}.py"
            script.write_text(program)
            self.start(sys.executable, str(script), **more)
        else:
            self.start(sys.executable, "-c", program, **more)

    def log(self, rank: int = 0) -> Path:
        return self.folder / f"rank-{rank}.log"

    def written(self, text: str, rank: int = 0) -> str:
        """The log, once `text` is in it."""

        def found() -> str:
            log = self.log(rank).read_text() if self.log(rank).exists() else ""
            return log if text in log else ""

        return wait_until(found, f"{text!r} in the log of rank {rank}")

    def pid(self, rank: int = 0) -> int:
        wait_until(lambda: self._pids().get(rank), f"the start of rank {rank}")
        return self._pids()[rank]

    def _pids(self) -> dict[int, int]:
        return {told["started"]: told["pid"] for told in list(self.said) if "started" in told}

    def code(self, rank: int = 0) -> int:
        def codes() -> list[int]:
            return [told["code"] for told in list(self.said) if told.get("exit") == rank]

        return wait_until(lambda: [*codes(), None] if codes() else [], f"the exit of {rank}")[0]

    def wait(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.wait(60)
        self._reader.join(60)
        self.process.stdin.close()
        self.process.stdout.close()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.wait()


def _executed(folder: Path, held: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", keeper_script.__file__, MARK, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=held,
        env={"PATH": os.environ["PATH"]},
    )


def _forked(raylet: Raylet, folder: Path, held: tuple[int, ...]) -> Forked:
    asked = {"mark": MARK, "folder": str(folder), "path": [str(folder)]}
    return Forked(raylet, raylet.begin("json", "numpy"), asked, held)


def left(folder: Path) -> list[list[bytes]]:
    """Command lines of what still writes below the folder."""
    return [command(pid) for pid in holders(folder)]


@pytest.fixture(scope="module")
def preloading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raylet]:
    with raylet(tmp_path_factory.mktemp("preloaded") / "own") as made:
        yield made


@pytest.fixture(params=["executed", "forked"])
def forked_by(request: pytest.FixtureRequest) -> Raylet | None:
    """What forks the keeper; None: it is executed."""
    return request.getfixturevalue("preloading") if request.param == "forked" else None


@pytest.fixture
def keeper(tmp_path: Path, forked_by: Raylet | None) -> Iterator[Keeper]:
    made = Keeper(tmp_path, forked_by=forked_by)
    yield made
    if made.process.poll() is None:
        made.process.send_signal(signal.SIGCONT)
    made.close()
    assert left(tmp_path) == []


@pytest.mark.parametrize(("program", "code"), [("", 0), ("raise SystemExit(3)", 3)])
def test_the_exit_of_a_rank_is_told(keeper: Keeper, program: str, code: int) -> None:
    keeper.run(program)
    assert keeper.code() == code


def test_a_rank_that_a_signal_ended_is_told_so(keeper: Keeper) -> None:
    keeper.run("import os; os.kill(os.getpid(), 11)")
    assert keeper.code() == -11


def test_the_most_memory_that_a_rank_had_is_told(keeper: Keeper) -> None:
    keeper.run("held = bytearray(1 << 27)")
    assert keeper.code() == 0
    [told] = [told for told in keeper.said if told.get("exit") == 0]
    assert 1 << 27 < told["peak"] < 1 << 28


def test_both_outputs_of_a_rank_are_in_its_log_in_order(keeper: Keeper) -> None:
    keeper.start("bash", "-c", "echo a; echo b >&2; printf '\\377c'")
    assert keeper.code() == 0
    assert keeper.log().read_bytes() == b"a\nb\n\xffc"


def test_what_comes_behind_a_pause_is_started_that_much_later(keeper: Keeper) -> None:
    begun = "print('begun', open('/proc/self/stat').read().rpartition(')')[2].split()[19])"
    keeper.run(begun)
    keeper.tell(pause=0.2)
    keeper.run(begun, rank=1)
    first, second = (int(keeper.written("begun", rank).split()[1]) for rank in range(2))
    assert second - first >= 0.2 * os.sysconf("SC_CLK_TCK") - 1


def test_a_rank_is_alone_in_its_session_with_clean_signals(keeper: Keeper) -> None:
    keeper.run(
        "import os, signal, sys\n"
        "print(os.getsid(0) == os.getpid(), signal.pthread_sigmask(0, []),\n"
        "      [signal.getsignal(n) for n in (15, 17, 13)][:2], sys.stdin.read())"
    )
    assert keeper.code() == 0
    told = keeper.log().read_text()
    assert told.startswith("True set() [<Handlers.SIG_DFL: 0>, <Handlers.SIG_DFL: 0>]")


def test_a_rank_hears_the_signals_that_the_launchers_own_processes_were_started_deaf_to(
    tmp_path: Path,
) -> None:
    deaf_to = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in deaf_to}
    try:
        keeper = Keeper(tmp_path)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    ignored = "[n.name for n in signal.Signals if signal.getsignal(n) == signal.SIG_IGN]"
    keeper.run(f"import signal; print({ignored})")
    assert keeper.code() == 0
    assert keeper.log().read_text() == "['SIGPIPE', 'SIGXFSZ']\n"  # Python's own
    keeper.close()


def test_a_rank_has_its_folder_and_its_environment_and_no_other(
    keeper: Keeper, tmp_path: Path
) -> None:
    keeper.start("bash", "-c", "pwd; env | sort", cwd=str(tmp_path), COLOR="red")
    assert keeper.code() == 0
    lines = keeper.log().read_text().splitlines()
    assert lines[0] == str(tmp_path)
    names = {line.partition("=")[0] for line in lines[1:]}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "COLOR", "LAUNCHER_ALLOCATION"}


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["no-such-program"], 127, "cannot run 'no-such-program': No such file or directory"),
        (["./rank-0.log"], 126, "cannot run './rank-0.log': Permission denied"),
    ],
)
def test_what_cannot_be_executed_is_told_in_the_log(
    keeper: Keeper, tmp_path: Path, argv: list[str], code: int, words: str
) -> None:
    keeper.start(*argv, cwd=str(tmp_path))
    assert keeper.code() == code
    assert words in keeper.log().read_text()


def test_a_folder_that_is_not_there_is_told_in_the_log(keeper: Keeper) -> None:
    keeper.start("true", cwd="/no/such/folder")
    assert keeper.code() == 127
    assert "No such file" in keeper.log().read_text()


def test_a_signal_reaches_the_program_behind_a_shell(keeper: Keeper) -> None:
    keeper.start("bash", "-c", "python3 -c 'import time; print(\"up\", flush=True);"
                 " time.sleep(600)'; echo not here")  # fmt: skip
    keeper.written("up")
    keeper.tell(signal={"rank": None, "number": int(signal.SIGTERM), "session": True})
    assert keeper.code() == -signal.SIGTERM
    assert "not here" not in keeper.log().read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_a_signal_right_behind_the_start_reaches_every_rank(
    keeper: Keeper, number: signal.Signals
) -> None:
    for rank in range(8):
        keeper.start(*SLEEP, rank=rank)
        keeper.tell(signal={"rank": None, "number": number, "session": True})
    assert [keeper.code(rank) for rank in range(8)] == [-number] * 8


def test_a_signal_for_one_rank_is_for_one_rank(keeper: Keeper) -> None:
    for rank in (0, 1):
        keeper.start(*SLEEP, rank=rank)
    keeper.pid(1)
    keeper.tell(signal={"rank": 0, "number": 9, "session": False})
    assert keeper.code(0) == -9
    assert Path(f"/proc/{keeper.pid(1)}").exists()


def test_what_a_dead_rank_left_in_its_session_is_killed(keeper: Keeper, tmp_path: Path) -> None:
    keeper.start("bash", "-c", "sleep 600 & echo up")
    assert keeper.code() == 0
    wait_until(lambda: not left(tmp_path), lambda: str(left(tmp_path)))


ESCAPING = {
    "a child": "sleep 600 & echo up; wait",
    "a daemon with our mark": "setsid sleep 600 & echo up; wait",
    "a process with another environment": "env -i setsid sleep 600 & echo up; wait",
    "one that stands still": "bash -c 'kill -STOP $$; sleep 600' & echo up; wait",
    "one that heeds no signal": "trap '' TERM INT HUP; echo up; sleep 600",
}


@pytest.mark.parametrize("program", ESCAPING.values(), ids=ESCAPING.keys())
@pytest.mark.parametrize("end", ["agent", "lease"])
def test_nothing_outlives_the_agent_or_its_lease(
    keeper: Keeper, tmp_path: Path, program: str, end: str
) -> None:
    keeper.start("bash", "-c", program)
    keeper.written("up")
    assert left(tmp_path)
    if end == "agent":
        keeper.close()
    else:
        keeper.tell(until=time.monotonic())
        keeper.wait()
    assert left(tmp_path) == []


DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
os.wait()
"""


def daemon_of(keeper: Keeper, pid_file: Path) -> int:
    """Pid of a daemon that rank 0 left: no session, no environment, no file of ours."""
    keeper.start(sys.executable, "-c", DAEMON, str(pid_file))
    assert keeper.code() == 0
    wait_until(pid_file.exists, "the daemon")
    pid = int(pid_file.read_text())
    wait_until(lambda: command(pid)[:1] == [b"sleep"], "its program")
    return pid


def test_a_daemon_lives_as_long_as_another_rank_may_use_it(keeper: Keeper, tmp_path: Path) -> None:
    keeper.run("import time; time.sleep(600)", rank=1)
    keeper.pid(1)
    daemon = daemon_of(keeper, tmp_path / "pid")
    assert command(daemon)
    keeper.tell(signal={"rank": 1, "number": 9, "session": True})
    keeper.code(1)
    assert daemon not in set(pids())


def test_a_daemon_ends_with_the_agent(keeper: Keeper, tmp_path: Path) -> None:
    keeper.run("import time; time.sleep(600)", rank=1)
    daemon = daemon_of(keeper, tmp_path / "pid")
    keeper.close()
    assert daemon not in set(pids())


def test_daemons_that_end_by_themselves_are_buried_while_the_rank_runs(keeper: Keeper) -> None:
    keeper.start("bash", "-c", "for i in 1 2 3; do (setsid true &); done; echo up; sleep 600")
    keeper.written("up")
    own = keeper.process.pid
    wait_until(
        lambda: [pid for pid in pids() if keeper_script.parent(pid) == own] == [keeper.pid()],
        "the burial of the daemons",
    )


def test_a_lease_that_was_renewed_is_the_longer_one(keeper: Keeper) -> None:
    keeper.start(*SLEEP)
    keeper.tell(until=time.monotonic() + 0.5)
    keeper.pid()
    keeper.tell(until=time.monotonic() + 600)
    keeper.run("import time; time.sleep(1)", rank=1)
    assert keeper.code(1) == 0
    assert keeper.process.poll() is None


def test_a_rank_whose_start_comes_after_the_lease_never_runs(keeper: Keeper) -> None:
    """The agent stood still between its decision and the deed; both come at once now."""
    keeper.process.send_signal(signal.SIGSTOP)
    keeper.tell(until=time.monotonic())
    keeper.run("print('here')")
    keeper.process.send_signal(signal.SIGCONT)
    keeper.wait()
    assert keeper.said == []
    assert not keeper.log().exists()


def test_a_killed_keeper_takes_its_ranks_along(tmp_path: Path, forked_by: Raylet | None) -> None:
    keeper = Keeper(tmp_path, forked_by=forked_by)
    keeper.start(*SLEEP)
    pid = keeper.pid()
    kill(keeper.process.pid)
    keeper.wait()
    wait_until(lambda: pid not in set(pids()), "the end of the rank")


def test_an_address_refuses_only_once_the_keeper_is_gone(
    tmp_path: Path, forked_by: Raylet | None
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    keeper = Keeper(tmp_path, held=(listening.fileno(),), forked_by=forked_by)
    keeper.start("bash", "-c", "ls -l /proc/self/fd; sleep 600")
    descriptors = keeper.written("/proc")
    assert "socket:" not in descriptors  # it is none of the ranks' business
    listening.close()  # the agent dies
    socket.create_connection(address, timeout=5).close()
    keeper.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)


# --- sweeping ------------------------------------------------------------------------------------


@pytest.fixture
def stray(tmp_path: Path) -> Iterator[Any]:
    """Starts processes that nobody keeps."""
    made = []

    def start(log: Path, allocation: str = "") -> subprocess.Popen[bytes]:
        env = {"PATH": os.environ["PATH"]}
        if allocation:
            env["LAUNCHER_ALLOCATION"] = allocation
        with log.open("wb") as output:
            made.append(subprocess.Popen(SLEEP, stdout=output, env=env))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


def test_what_earlier_allocations_of_a_job_left_is_swept(tmp_path: Path, stray: Any) -> None:
    folder = JobFolder.of(tmp_path, "sweep-abcdef", "0123456789")
    elsewhere = tmp_path / "log"
    old = stray(elsewhere, "sweep-abcdef.1")
    nameless = stray(folder.path / "log")
    living = stray(elsewhere, "sweep-abcdef.2")
    others = stray(elsewhere, "sweep-abcdefg.1")
    assert sweep_job(folder, living="sweep-abcdef.2") == {old.pid, nameless.pid}
    assert (living.poll(), others.poll()) == (None, None)


def test_who_writes_to_the_log_of_an_ended_job_is_swept(tmp_path: Path, stray: Any) -> None:
    folder = JobFolder.of(tmp_path, "sweep-abcdef", "0123456789")
    nameless = stray(folder.path / "log")
    others = stray(tmp_path / "log", "sweep-abcdef.1")
    assert sweep_folder(folder) == {nameless.pid}
    assert others.poll() is None

"""What is forked from a preloaded interpreter runs as if python had started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import command, environment, pids, wait_until
from preloading import BASE, Raylet, raylet

from launcher.executor.keepers import Keeper
from launcher.executor.preloads import Wanted

MARK = f"LAUNCHER_ALLOCATION=preloaded-test-{os.getpid()}.1"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raylet]:
    with raylet(tmp_path_factory.mktemp("preloaded") / "own") as made:
        yield made


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raylet]:
    """A raylet of its own, for tests that end things."""
    with raylet(tmp_path_factory.mktemp("preloaded") / "own") as made:
        yield made


Run = Callable[..., tuple[int, str]]


def keeper_of(node: Raylet, wanted: Wanted, folder: Path) -> Keeper | None:
    return node.preloaded.keeper(wanted, MARK, folder, [str(folder)], [])


def order(folder: Path, *argv: str, cwd: Path | None = None, **env: str) -> dict[str, Any]:
    name, value = MARK.split("=")
    own = {**BASE, name: value, "LAUNCHER_ATTEMPT": "1", "RANK": "0", **env}
    where = str(cwd or folder)
    log = str(folder / "log")
    return {"rank": 0, "argv": [sys.executable, *argv], "env": own, "cwd": where, "log": log}


def run(keeper: Keeper, start: dict[str, Any]) -> tuple[int, str]:
    """Exit code and output of a rank."""
    log = Path(start["log"])
    log.unlink(missing_ok=True)
    keeper.tell({"start": start})
    code = next(int(told["code"]) for told in keeper.heard() if "exit" in told)
    return code, log.read_text()


@pytest.fixture
def both(node: Raylet, tmp_path: Path) -> Callable[..., list[tuple[int, str]]]:
    """Runs a program twice, started by python and forked; gives code and output of both."""

    def runs(*argv: str, cwd: Path | None = None, **env: str) -> list[tuple[int, str]]:
        wanted = node.begin("json", "numpy")
        forked = keeper_of(node, wanted, tmp_path)
        assert forked is not None, node.said(wanted)
        ends = []
        for keeper in (Keeper.executed(MARK, tmp_path, []), forked):
            ends.append(run(keeper, order(tmp_path, *argv, cwd=cwd, **env)))
            end(keeper)
        return ends

    return runs


def end(keeper: Keeper) -> None:
    """Close it as an agent does, a thread of which reads what it says."""
    reader = threading.Thread(target=lambda: list(keeper.heard()))
    reader.start()
    keeper.close()
    reader.join()


FACTS = """
import ctypes, gc, inspect, json, os, pathlib, pickle, signal, sys, threading, types
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_void_p
class Own: pass
def facts():
    main = sys.modules["__main__"]
    loader = type(main.__loader__).__name__
    return {
        "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "executable": sys.executable,
        "orig_argv": sys.orig_argv, "flags": list(sys.flags), "prefix": sys.prefix,
        "main": [main.__name__, main.__file__, main.__cached__ and "", loader, main.__doc__,
                 main.__package__, main.__spec__ and main.__spec__.name],
        "globals": sorted(name for name in vars(main) if name.startswith("__")),
        "builtins": isinstance(__builtins__, types.ModuleType),
        "environ": dict(os.environ), "getenv": ctypes.string_at(libc.getenv(b"COLOR")).decode(),
        "signals": {s.name: str(signal.getsignal(s)) for s in signal.Signals
                    if s not in (signal.SIGKILL, signal.SIGSTOP)},
        "mask": sorted(signal.pthread_sigmask(0, [])), "session": os.getsid(0) == os.getpid(),
        "descriptors": {n: os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd")
                        if os.path.exists("/proc/self/fd/" + n)},
        "stdin": sys.stdin.read(), "streams": [sys.stdout.encoding, sys.stdout.line_buffering,
        sys.stdout.isatty(), sys.stderr.errors, sys.stdout.write_through],
        "threads": [t.name for t in threading.enumerate()],
        "tasks": len(os.listdir("/proc/self/task")),
        "pickled": type(pickle.loads(pickle.dumps(Own()))).__qualname__,
        "source": inspect.getsource(Own), "gc": gc.isenabled(), "umask": os.umask(0o22),
        "frame": sys._getframe().f_code.co_filename, "recursion": sys.getrecursionlimit(),
        "cmdline": pathlib.Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").split(b"\\0")[1:],
    }
print(json.dumps(facts(), default=str))
"""


def told(end: tuple[int, str]) -> dict[str, Any]:
    assert end[0] == 0, end[1]
    return dict(json.loads(end[1]))


def differing(warm: tuple[int, str], cold: tuple[int, str]) -> dict[str, Any]:
    """What a forked program found otherwise, and how python left it."""
    found, left = told(warm), told(cold)
    assert found.keys() == left.keys()
    return {name: (found[name], left[name]) for name in left if found[name] != left[name]}


def test_a_script_finds_everything_as_python_leaves_it(both: Any, tmp_path: Path) -> None:
    program = tmp_path / "sub" / "program.py"
    program.parent.mkdir()
    program.write_text(FACTS)
    cold, warm = both(
        "sub/program.py", "--lr", "0.1", "", COLOR="red", PYTHONPATH=f"{tmp_path}:lib"
    )
    assert differing(warm, cold) == {}
    assert told(warm)["path"][0] == str(program.parent)
    assert told(warm)["getenv"] == "red"


def test_a_module_finds_everything_as_python_leaves_it(both: Any, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "beside.py").write_text("NAME = __package__")
    (package / "train.py").write_text("from .beside import NAME\n" + FACTS)
    cold, warm = both("-m", "package.train", "--lr", "0.1", COLOR="red")
    assert differing(warm, cold) == {}
    (package / "__main__.py").write_text("import sys; print(sys.argv, __name__, __spec__.name)")
    cold, warm = both("-u", "-m", "package", "x")
    assert warm == cold
    cold, warm = both("-m", "no_such_module")
    assert warm == cold
    assert cold[0] == 1


ENDS = {
    "falls off its end": "print('done')",
    "exits with a number": "raise SystemExit(3)",
    "exits with a large number": "import sys; sys.exit(-1)",
    "exits with words": "import sys; sys.exit('no data')",
    "exits with nothing": "import sys; sys.exit()",
    "raises": "def f():\n    return 1 / 0\nprint('a')\nf()",
    "raises from": "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('x') from e",
    "does not parse": "def f(:\n    pass",
    "is interrupted": "raise KeyboardInterrupt",
    "a hook": "import sys\nsys.excepthook = lambda *what: print('hook', what[1])\n1 / 0",
    "a bad hook": "import sys\nsys.excepthook = lambda *what: 1 / 0\nraise ValueError('x')",
    "atexit": "import atexit; atexit.register(print, 'bye'); print('main')",
    "atexit of a failed one": "import atexit; atexit.register(print, 'bye'); 1 / 0",
    "a thread goes on": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
    "a daemon is left": "import threading\n"
    "threading.Thread(target=threading.Event().wait, daemon=True).start(); print('main')",
    "os._exit": "import os; print('x', flush=True); os._exit(7)",
    "a signal": "import os; os.kill(os.getpid(), 15)",
    "an abort": "import os; os.abort()",
    "stdout closed": "import sys; sys.stdout.close()",
    "a pool": "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p:\n"
    "    print(p.map(abs, [-1, -2]))",
    "spawn": "import multiprocessing as m\n"
    "def f(x):\n    print('in', x, __name__)\n"
    "if __name__ == '__main__':\n"
    "    p = m.get_context('spawn').Process(target=f, args=(3,))\n"
    "    p.start(); p.join(); print(p.exitcode)",
    "executes another": "import os, sys\nos.execv(sys.executable, ['python', '-c', 'print(5)'])",
}


@pytest.mark.parametrize("program", ENDS.values(), ids=ENDS.keys())
def test_a_program_ends_as_it_does_under_python(both: Any, tmp_path: Path, program: str) -> None:
    (tmp_path / "program.py").write_text(program)
    cold, warm = both("program.py")
    assert warm == cold


def test_files_that_nobody_closed_are_written(both: Any, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import gzip, sys, tempfile, os\n"
        "text = open('text-' + sys.argv[1], 'w'); text.write('a' * 10)\n"
        "raw = open('raw-' + sys.argv[1], 'wb'); raw.write(b'b' * 10)\n"
        "class Holder: pass\n"
        "holder = Holder(); holder.me = holder; holder.file = open('held-' + sys.argv[1], 'w')\n"
        "holder.file.write('c'); folder = tempfile.TemporaryDirectory(); print(folder.name)\n"
    )
    ends = both("program.py", "x")
    assert [code for code, _ in ends] == [0, 0]
    assert (tmp_path / "text-x").read_text() == "a" * 10
    assert (tmp_path / "raw-x").read_text() == "b" * 10
    assert (tmp_path / "held-x").read_text() == "c"
    assert not any(Path(name.strip()).exists() for _, text in ends for name in text.split()[:1])


def test_what_processes_draw_by_chance_differs_between_them(both: Any, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import random, uuid, numpy, multiprocessing\n"
        "print(random.random(), uuid.uuid4(), numpy.random.rand(),\n"
        "      numpy.random.default_rng().random(),\n"
        "      bytes(multiprocessing.current_process().authkey).hex())"
    )
    drawn = [text.split() for _ in range(2) for _, text in both("program.py")]
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == 4


def test_torch_draws_anew_in_each_rank_whose_program_gives_no_seed(
    node: Raylet, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text("import torch; print(torch.initial_seed(), torch.rand(1))")
    wanted, drawn = node.begin("torch"), set()
    for _ in range(3):
        keeper = keeper_of(node, wanted, tmp_path)
        assert keeper is not None, node.said(wanted)
        drawn.add(run(keeper, order(tmp_path, "program.py")))
        end(keeper)
    assert [code for code, _ in drawn] == [0] * 3, "each drew something else"


def test_a_rank_shows_its_own_command_line_and_environment(node: Raylet, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import time; print('up', flush=True); time.sleep(600)")
    keeper = keeper_of(node, node.begin("json", "numpy"), tmp_path)
    assert keeper is not None
    keeper.tell({"start": order(tmp_path, "program.py", "--lr", "0.1", COLOR="red")})
    pid = next(int(said["pid"]) for said in keeper.heard() if "started" in said)
    log = tmp_path / "log"
    wait_until(lambda: log.exists() and "up" in log.read_text(), "its output")
    assert command(pid)[1:4] == [b"program.py", b"--lr", b"0.1"]
    shown = environment(pid)
    assert (shown["COLOR"], shown["RANK"]) == ("red", "0")
    assert shown["LAUNCHER_ALLOCATION"] == MARK.partition("=")[2]
    end(keeper)
    assert not Path(f"/proc/{pid}").exists()


# --- who is asked, and who answers ----------------------------------------------------------------


def test_who_preloads_lives_as_long_as_the_raylet(tmp_path: Path) -> None:
    with raylet(tmp_path / "own") as made:
        wanted = made.begin("json")
        pid = made.pid(wanted)
        assert Path(f"/proc/{pid}").exists()
    assert "the raylet ended" in made.said(wanted)
    assert not (made.folder / f"{wanted.key}.sock").exists()


def test_one_is_begun_once(fresh: Raylet) -> None:
    wanted = fresh.begin("json")
    fresh.preloaded.begin(wanted)
    assert len(fresh.living()) == 1


def test_a_few_are_kept_and_those_that_were_used_last(fresh: Raylet, tmp_path: Path) -> None:
    used, unused, other = (fresh.begin(name) for name in ("json", "csv", "email"))
    keeper = keeper_of(fresh, used, tmp_path)
    assert keeper is not None
    fresh.begin("html")
    wait_until(lambda: len(fresh.living()) == 3, "the end of one")
    assert keeper_of(fresh, unused, tmp_path) is None
    end(keeper)  # one that was forked goes on without its preloader
    for wanted in (used, other):
        found = keeper_of(fresh, wanted, tmp_path)
        assert found is not None
        end(found)


def test_what_cannot_be_imported_is_said_and_not_tried_again(fresh: Raylet) -> None:
    wanted = Wanted(sys.executable, ("no_such_package",), BASE)
    fresh.preloaded.begin(wanted)
    wait_until(lambda: "cannot:" in fresh.said(wanted), "its words")
    wait_until(lambda: not fresh.living(), "its end")
    said = fresh.folder / f"{wanted.key}.log"
    before = said.stat().st_mtime_ns
    fresh.preloaded.begin(wanted)
    assert said.stat().st_mtime_ns == before


UNSAFE = {
    "a thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "1 threads are left",
    ),
    "a socket": ("import socket\nheld = socket.socket()", "socket:"),
    "an exit": ("raise SystemExit(0)", "SystemExit"),
}


@pytest.mark.parametrize(("source", "words"), UNSAFE.values(), ids=UNSAFE.keys())
def test_what_cannot_be_forked_is_not_preloaded(
    fresh: Raylet, tmp_path: Path, source: str, words: str
) -> None:
    place = package(tmp_path, source)
    wanted = Wanted(place, ("lately",), BASE)
    fresh.preloaded.begin(wanted)
    wait_until(lambda: "cannot:" in fresh.said(wanted), lambda: fresh.said(wanted))
    assert words in fresh.said(wanted)
    assert keeper_of(fresh, wanted, tmp_path) is None


def package(tmp_path: Path, source: str) -> str:
    """A python that has one package more, `lately`."""
    home = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    [site] = home.glob("lib/python*/site-packages")
    (site / "lately.py").write_text(source)
    return str(home / "bin" / "python")


def test_packages_that_have_changed_are_not_forked(fresh: Raylet, tmp_path: Path) -> None:
    python = package(tmp_path, "VERSION = 1")
    wanted = fresh.begin("lately", python=python)
    [file] = (tmp_path / "python").glob("lib/python*/site-packages/lately.py")
    file.write_text("VERSION = 22")
    assert keeper_of(fresh, wanted, tmp_path) is None
    wait_until(lambda: "has changed" in fresh.said(wanted), "its words")
    wait_until(lambda: not fresh.living(), "its end")
    fresh.begin("lately", python=python)
    (tmp_path / "program.py").write_text("import lately; print(lately.VERSION)")
    keeper = keeper_of(fresh, wanted, tmp_path)
    assert keeper is not None
    start = order(tmp_path, "program.py")
    start["argv"][0] = python
    assert run(keeper, start) == (0, "22\n")
    end(keeper)


def test_a_program_with_a_module_of_the_same_name_starts_cold(node: Raylet, tmp_path: Path) -> None:
    wanted = node.begin("json", "numpy")
    (tmp_path / "json").mkdir()
    assert keeper_of(node, wanted, tmp_path) is None
    (tmp_path / "json").rmdir()
    (tmp_path / "json.txt").write_text("no module")
    keeper = keeper_of(node, wanted, tmp_path)
    assert keeper is not None
    end(keeper)
    (tmp_path / "sitecustomize.py").write_text("")
    assert keeper_of(node, wanted, tmp_path) is None


def test_who_asks_in_a_wrong_way_ends_nothing(node: Raylet, tmp_path: Path) -> None:
    wanted = node.begin("json", "numpy")
    path = f"/proc/self/fd/{os.open(node.folder, os.O_PATH)}/{wanted.key}.sock"
    for question in (b"", b"nonsense\n", b"{}\n", b"[1]\n", b'{"path": 3}\n'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(question)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
    keeper = keeper_of(node, wanted, tmp_path)
    assert keeper is not None
    end(keeper)


def test_one_that_stands_still_is_not_waited_for(fresh: Raylet, tmp_path: Path) -> None:
    wanted = fresh.begin("json")
    os.kill(fresh.pid(wanted), signal.SIGSTOP)
    assert keeper_of(fresh, wanted, tmp_path) is None
    os.kill(fresh.pid(wanted), signal.SIGCONT)
    late = "the end of the keeper that came too late"
    wait_until(lambda: not [pid for pid in pids() if MARK.encode() in command(pid)], late)

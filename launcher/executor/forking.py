"""What must hold where a process is forked that has imported much, and goes on as another program.

Runs in a job's interpreter: Python 3.9, standard library.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri", "/dev/accel", "socket:", "anon_inode:")
"""What a fork must not share."""


def shadowed(path: list[str]) -> str:
    """Why modules here are not those that a program with these folders in front would find."""
    loaded = {name.partition(".")[0] for name in sys.modules} | {"sitecustomize", "usercustomize"}
    loaded -= set(sys.builtin_module_names) | {"__main__"}
    for folder in path:
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder or "."):
                if entry.name.partition(".")[0] in loaded and _is_module(entry):
                    return f"{entry.path} stands before the module of that name"
    return ""


def _is_module(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir():
        return True
    return entry.name.endswith((".py", ".pyc", ".so"))


def fault(own: set[int]) -> str:
    """Fork once; gives why that is not safe. Some libraries end their threads before a fork.

    Args:
        own: descriptors that a fork closes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # python warns of threads: they are what is looked at
        pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads > 1:
        return f"{threads - 1} threads are left by what it imported"
    for descriptor in descriptors() - own:
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
            if target.startswith(_DEVICES):
                return f"{target} was opened by what it imported"
    return ""


def descriptors() -> set[int]:
    """Those that are open."""
    found = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
    return {one for one in found if os.path.exists(f"/proc/self/fd/{one}")}  # noqa: PTH110


def stamp(path: str) -> tuple[int, int] | None:
    """What changes with a file or folder; None: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def free_share() -> float:
    """How much of the memory that this process may use is free, 0 to 1."""
    shares = [1.0]
    with contextlib.suppress(OSError, ValueError, KeyError, ZeroDivisionError):
        lines = dict(line.split(":") for line in _read("/proc/meminfo").splitlines())
        total, free = (int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
        shares.append(free / total)
    with contextlib.suppress(OSError, ValueError, KeyError, ZeroDivisionError):
        limit = int(_read("/sys/fs/cgroup/memory.max"))
        kept = dict(line.split() for line in _read("/sys/fs/cgroup/memory.stat").splitlines())
        used = int(_read("/sys/fs/cgroup/memory.current")) - int(kept["inactive_file"])
        shares.append(1 - used / limit)
    return min(shares)


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:  # noqa: PTH123
        return file.read()

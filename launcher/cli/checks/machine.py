"""This machine: python and its packages, disks, shared memory, limits, GPUs, the state folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import resource
import shutil
import socket
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from launcher import __version__
from launcher.cli import _words
from launcher.cli.checks.finding import Finding, fault, ok, warning
from launcher.units import format_size

_OLDEST_PYTHON = (3, 10)
_LOW_DISK, _LEAST_DISK = 10 * 2**30, 2**30
_LOW_SHM = 2**30
_SHM = "/dev/shm"  # noqa: S108 - the folder itself is looked at
_LOW_FILES = 4096
_SERVER_PACKAGES = (
    *("fastapi", "uvicorn", "sqlalchemy", "alembic", "jinja2", "cryptography", "numpy"),
)
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "ceph", "9p"})
_FEW_PORTS = 1000


def check_machine(state_dir: Path, *, is_own: bool) -> Iterator[Finding]:
    """Everything here.

    Args:
        state_dir: of this user's own server.
        is_own: commands speak to that server, and it starts Ray here.
    """
    yield check_python(sys.version_info[:2])
    yield from check_packages(is_own=is_own)
    if is_own:
        yield check_state_dir(state_dir)
        yield check_file_system(state_dir, Path("/proc/mounts").read_text())
        yield check_disk("disk of the state folder", state_dir)
        yield check_port_range(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text())
        yield check_loopback()
        yield check_gpus()
    yield check_shared_memory(shutil.disk_usage(_SHM).total)
    yield check_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def check_python(version: tuple[int, ...]) -> Finding:
    shown = f"{platform.python_version()} ({sys.executable})"
    if version < _OLDEST_PYTHON:
        return fault(
            "python", f"{shown} is older than 3.10", "make an environment with a newer one"
        )
    return ok("python", shown)


def check_packages(*, is_own: bool) -> Iterator[Finding]:
    """Ours, and those that a server and Ray on this machine need; a client needs neither."""
    yield ok("launcher", f"{__version__} ({Path(__file__).parents[2]})")
    install = "pip install 'trainlaunch[local]'"
    missing = _missing(_SERVER_PACKAGES)
    if missing and is_own:
        words = f"{', '.join(missing)} cannot be imported, so no server starts here"
        yield fault("server", words, f"{install}, or LAUNCHER_SERVER=URL of another one")
    if _missing(["ray"]):
        words = "ray cannot be imported"
        if is_own:
            yield fault("ray", f"{words}, so no job runs here", install)
        else:
            yield ok("ray", f"{words}; a client does without")
    else:
        yield ok("ray", _version_of("ray"))
    for name in ("torch", "tensorflow", "jax"):
        if not _missing([name]):
            yield ok(name, _version_of(name))


def check_state_dir(folder: Path) -> Finding:
    """It holds tokens, so nobody else may look in."""
    name = "state folder"
    if not folder.exists():
        parent = next(parent for parent in folder.parents if parent.exists())
        if os.access(parent, os.W_OK):
            return ok(name, f"{folder} (the first start makes it)")
        return fault(name, f"{folder} cannot be made", "LAUNCHER_STATE_DIR names another folder")
    wrong = _wrong_with(folder)
    return fault(name, *wrong) if wrong else ok(name, str(folder))


def _wrong_with(folder: Path) -> tuple[str, str] | None:
    """Words and hint."""
    found = folder.stat()
    mode = stat.filemode(found.st_mode)
    if not folder.is_dir():
        return f"{folder} is no folder", "LAUNCHER_STATE_DIR names another one"
    if found.st_uid != os.getuid():
        return f"{folder} belongs to user {found.st_uid}", f"chown it to user {os.getuid()}"
    if found.st_mode & 0o077:
        return f"{folder} is open to others ({mode})", f"chmod 700 {folder}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} cannot be written ({mode})", f"chmod 700 {folder}"
    return None


def check_file_system(folder: Path, mounts: str) -> Finding:
    """SQLite's write-ahead log needs shared memory between processes: no network file system."""
    name = "file system"
    points = {words[1]: words[2] for words in map(str.split, mounts.splitlines()) if len(words) > 2}
    holders = [point for point in points if folder.is_relative_to(point)]
    kind = points[max(holders, key=len)] if holders else "unknown"
    if kind in _NETWORK_FILE_SYSTEMS:
        words = f"{folder} lies on {kind}, where a database may break"
        return fault(name, words, "LAUNCHER_STATE_DIR names a folder on a local disk")
    return ok(name, kind)


def check_disk(name: str, folder: Path) -> Finding:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    words = f"{format_size(free)} free"
    if free < _LOW_DISK:
        tell = fault if free < _LEAST_DISK else warning
        return tell(name, words, "launcher prune --older-than 30d --dry-run shows what could go")
    return ok(name, words)


def check_shared_memory(total: int) -> Finding:
    """DataLoader workers pass batches through it; containers have 64 MiB unless told otherwise."""
    words = format_size(total)
    if total < _LOW_SHM:
        hint = "docker run --shm-size=8g; else DataLoader workers die of a bus error"
        return warning(_SHM, words, hint)
    return ok(_SHM, words)


def check_open_files(soft: int) -> Finding:
    if soft != resource.RLIM_INFINITY and soft < _LOW_FILES:
        return warning("open files", f"at most {soft}", "ulimit -n 65536, before launcher up")
    shown = "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}"
    return ok("open files", shown)


def check_port_range(written: str) -> Finding:
    """Agents keep ports for ranks outside the range from which the kernel takes its own."""
    from launcher.executor.ports import HIGHEST, LOWEST

    name = "ports"
    low, high = map(int, written.split()[:2])
    room = min(HIGHEST, low - 1) - LOWEST
    if room < _FEW_PORTS:
        words = f"the kernel takes ports from {low} on for itself: {max(room, 0)} are left for jobs"
        return warning(name, words, "sysctl net.ipv4.ip_local_port_range='32768 60999'")
    return ok(name, f"jobs take theirs from {LOWEST}, the kernel from {low} to {high}")


def check_loopback() -> Finding:
    name = "loopback"
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError as error:
        return fault(name, f"127.0.0.1 does not answer itself: {error}", "look at the firewall")
    return ok(name, "127.0.0.1 answers")


def check_gpus() -> Finding:
    from launcher.clusters import _gpus

    gpus, holders = _gpus.query()
    if not gpus:
        return ok("gpus", "none; jobs run on CPUs")
    offered = _gpus.offered(gpus, holders, os.environ.get("CUDA_VISIBLE_DEVICES"))
    words = f"{_words.plural(len(gpus), 'GPU')}, {len(offered)} of them free"
    if not offered:
        return warning(
            "gpus", words, "nvidia-smi shows who holds them; CUDA_VISIBLE_DEVICES counts"
        )
    return ok("gpus", words)


def _missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(name) is None]


def _version_of(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"

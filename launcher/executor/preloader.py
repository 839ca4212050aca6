"""The preloader: an interpreter that has imported what programs import, and forks keepers.

A rank that is forked from it need not import torch again: that is 2 s of a start, or many more
where files are far. What is forked is a *keeper* (`keeper.py`), at an agent's wish; it forks the
ranks as every keeper does, and each becomes the program (`becoming.py`) instead of executing it.

Runs as a script in the job's interpreter: Python 3.9, standard library. It listens at a socket in a
private folder; one JSON object a connection, with the keeper's descriptors: standard input, output,
error, and those that it shall hold. It answers {"pid": ...}, or {"refused": why}.

It forks as long as that is safe: nothing that it imported may have left a thread, or a GPU's device
open. It leaves when the files that it imported have changed, when the raylet on whose node it is
ends, when nobody needed it for long, or when memory gets scarce.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, NoReturn

LOOK_S = 10.0
_TIMEOUT_S = 5.0
_SCARCE = 0.1
"""Of the memory: with less of it free an interpreter that waits is a luxury."""
_LARGEST = 1 << 16
_MOST_DESCRIPTORS = 16


def sibling(name: str) -> Any:
    """A script beside this one, imported under a name that no program uses."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    spec = spec_from_file_location(f"_launcher_{name}", os.path.join(folder, f"{name}.py"))  # noqa: PTH118
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


keeper, becoming, forking = (sibling(name) for name in ("keeper", "becoming", "forking"))


def main(key: str, modules: list[str], raylet: int, idle_s: float) -> None:
    """Preload, then serve until there is a reason to leave, which is printed.

    Args:
        key: name of its socket and its lock in the working directory.
        modules: what to import, in this order.
        raylet: process without which it has nothing to do here.
        idle_s: it leaves when nobody asked for so long.
    """
    lock = os.open(f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    becoming.entitle(["launcher: preloaded", *modules], {})
    preloader = Preloader(os.pidfd_open(raylet), lock)
    preloader.preload(modules)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        # Under another name first: whoever finds the socket finds one that listens.
        listener.bind(f"{key}.{os.getpid()}")
        listener.listen(8)
        os.rename(f"{key}.{os.getpid()}", f"{key}.sock")  # noqa: PTH104
        print("ready", flush=True)
        try:
            print("leaving:", preloader.serve(listener, idle_s), flush=True)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(f"{key}.sock")  # noqa: PTH108


class Preloader:
    """The modules, and what was true when they were imported.

    Args:
        life: descriptor that is readable once the raylet has ended.
        lock: descriptor that tells others that this one is there.
    """

    def __init__(self, life: int, lock: int) -> None:
        self._life, self._own = life, {life, lock}
        folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
        # What python put in front for this script is not the program's.
        sys.path[:] = sys.path[1:] if sys.path[:1] == [folder] else sys.path
        self._base_path = list(sys.path)
        self._files: dict[str, tuple[int, int]] = {}
        self._open: set[int] = set()

    def preload(self, modules: list[str]) -> None:
        """Import, and see that it may be forked.

        Raises:
            Exception: it may not, or a module could not be imported.
        """
        for module in modules:
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module or "." not in module:
                    raise
        fault = forking.fault(self._own)
        if fault:
            raise RuntimeError(fault)
        gc.collect()
        gc.freeze()
        self._open = forking.descriptors() - self._own
        self._files = {path: found for path in self._watched() if (found := forking.stamp(path))}

    def _watched(self) -> Iterator[str]:
        """Files of modules, and the folders in which packages come and go."""
        yield from (path for path in self._base_path if path.endswith("-packages"))
        yield from (os.path.join(sys.prefix, "pyvenv.cfg"), sys.executable)  # noqa: PTH118
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                yield file

    def serve(self, listener: socket.socket, idle_s: float) -> str:
        """Fork keepers until there is a reason to leave, which is given."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a keeper here
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._life, select.POLLIN)
        asked_at = time.monotonic()
        while True:
            ready = dict(poll.poll(LOOK_S * 1000))
            if self._life in ready:
                return "the raylet ended"
            if listener.fileno() in ready:
                asked_at = time.monotonic()
                connection, _ = listener.accept()
                with connection:
                    changed = self._answer(connection, listener)
                if changed:
                    return changed
            elif time.monotonic() - asked_at > idle_s:
                return "nobody needed it"
            elif forking.free_share() < _SCARCE:
                return "memory is scarce"

    def _answer(self, connection: socket.socket, listener: socket.socket) -> str:
        """Fork a keeper if it may be; gives why no other one may."""
        connection.settimeout(_TIMEOUT_S)
        given: list[int] = []
        try:
            asked, given = receive(connection)
            changed = next(
                (path for path, was in self._files.items() if forking.stamp(path) != was), ""
            )
            reason = f"{changed} has changed" if changed else forking.shadowed(asked["path"])
            if reason:
                connection.sendall(json.dumps({"refused": reason}).encode())
                return reason if changed else ""
            pid = os.fork()
            if pid:
                connection.sendall(json.dumps({"pid": pid}).encode())
                return ""
            self._keep(asked, given, (connection, listener))
        except (OSError, ValueError, KeyError, TypeError) as error:  # of who asked; gone or odd
            print(f"not answered: {error!r}", flush=True)
        finally:
            for descriptor in given:
                os.close(descriptor)
        return ""

    def _keep(
        self,
        asked: dict[str, Any],
        given: list[int],
        others: tuple[socket.socket, ...],
    ) -> NoReturn:
        """Be a keeper to the end."""
        code = 1
        try:
            os.setsid()
            for connection in others:
                connection.close()
            for descriptor in self._own:
                os.close(descriptor)
            for target, source in enumerate(given[:3]):
                os.dup2(source, target)
                os.close(source)
            becoming.entitle([keeper.__file__, asked["mark"], asked["folder"]], {})
            keeper.main(asked["mark"], asked["folder"], self._run)
            code = 0
        finally:
            os._exit(code)

    def _run(self, order: dict[str, Any]) -> None:
        """Be a rank. What belongs to the keeper and the preloader is closed, as by `exec`."""
        for descriptor in forking.descriptors() - self._open - {0, 1, 2}:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if not becoming.is_program(order["argv"]):
            keeper.execute(order)
        becoming.entitle(order["argv"][1:], order["env"])
        try:
            os.chdir(order["cwd"])
        except OSError as error:
            os.write(2, f"launcher: cannot enter {order['cwd']!r}: {error.strerror}\n".encode())
            os._exit(127)
        becoming.become(order["argv"], order["env"], self._base_path)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What an agent of this user asks, and the descriptors that came along.

    Raises:
        PermissionError: somebody else asks.
    """
    size = struct.calcsize("3i")
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("another user asks")
    given = array.array("i")
    room = socket.CMSG_LEN(_MOST_DESCRIPTORS * given.itemsize)
    data, attached, _, _ = connection.recvmsg(_LARGEST, room)
    for level, kind, content in attached:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            given.frombytes(content[: len(content) - len(content) % given.itemsize])
    while not data.endswith(b"\n"):
        more = connection.recv(_LARGEST)
        if not more:
            raise ValueError("half a question")
        data += more
    return json.loads(data), list(given)


if __name__ == "__main__":
    os.setsid()
    try:
        main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    except BaseException as error:
        print(f"cannot: {type(error).__name__}: {error}", flush=True)
        raise

"""A process that was forked from a preloaded interpreter becomes the program of a rank.

Runs in the job's interpreter: Python 3.9, standard library. What `python SCRIPT` and
`python -m MODULE` do before, around and after a program is done here, so that the program cannot
tell, with one difference that is meant: it leaves by `_exit` once everything that Python promises
for a program's end was done. Destructors of native libraries do not run: torch's gloo aborts in
them after one run in ten that was perfect.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import gc
import io
import os
import runpy
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, NoReturn

_libc = ctypes.CDLL(None, use_errno=True)
_IO_BASE = io.IOBase.__bases__[0]


def is_program(argv: list[str]) -> bool:
    """Whether it is one that `become` can run: python, a script or a module of it."""
    words = _words(argv)
    if words[:1] == ["-m"]:
        return len(words) > 1
    return "".join(words[:1]).endswith(".py")


def _words(argv: list[str]) -> list[str]:
    """What stands behind `python -u`: the streams are unbuffered by PYTHONUNBUFFERED already."""
    return argv[2:] if argv[1:2] == ["-u"] else argv[1:]


def become(argv: list[str], env: dict[str, str], base_path: list[str]) -> NoReturn:
    """Run a program to its end, in this process. The working directory is the rank's already.

    Args:
        argv: as it would be executed: python, `-u`, then a script or `-m` and a module, arguments.
        env: the whole environment.
        base_path: where python looks for modules behind the program's own places.
    """
    # Where the locale is C, python begins by choosing another one (PEP 538).
    chosen = {"LC_CTYPE": os.environ["LC_CTYPE"]} if "LC_CTYPE" in os.environ else {}
    os.environ.clear()
    os.environ.update({**chosen, **env})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    words = _words(argv)
    is_module = words[0] == "-m"
    first = os.getcwd() if is_module else os.path.dirname(os.path.realpath(words[0]))  # noqa: PTH109, PTH120
    own = [] if getattr(sys.flags, "safe_path", False) else [first]
    sys.path[:] = [*own, *_python_path(env), *base_path]
    sys.orig_argv = list(argv)
    _be_another_process()
    main = types.ModuleType("__main__")
    begun = {"__builtins__": builtins, "__annotations__": {}}
    # As this python begins a program: not each has all of them.
    vars(main).update(
        {name: begun[name] for name in begun.keys() & vars(sys.modules["__main__"]).keys()}
    )
    sys.modules["__main__"] = main
    if is_module:
        sys.argv[:] = ["-m", *words[2:]]
        _run_to_end(lambda: runpy._run_module_as_main(words[1]))  # type: ignore[attr-defined] # noqa: SLF001 - python's own
    else:
        sys.argv[:] = words
        _run_to_end(lambda: _run_script(words[0], main))


def _python_path(env: dict[str, str]) -> list[str]:
    """PYTHONPATH's folders; an empty one is the working directory."""
    text = env.get("PYTHONPATH", "")
    return [os.path.abspath(part) for part in text.split(os.pathsep)] if text else []  # noqa: PTH100


def _be_another_process() -> None:
    """What each process draws for itself once, this one draws anew."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch is not None:  # on CPUs: those of GPUs begin with a constant, when CUDA does
        torch.default_generator.seed()
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes.current_process().authkey = os.urandom(32)
        processes.ORIGINAL_DIR = os.getcwd()  # type: ignore[attr-defined] # noqa: PTH109


def _run_script(script: str, main: types.ModuleType) -> None:
    from importlib.machinery import SourceFileLoader

    path = os.path.abspath(script)  # noqa: PTH100
    with io.open_code(path) as file:
        source = file.read()
    main.__dict__.update(
        __file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path)
    )
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - the program


# --- the end of a program, as python makes it ---------------------------------------------------


def _run_to_end(program: Callable[[], Any]) -> NoReturn:
    code = 1
    try:
        program()
        code = 0
    except SystemExit as left:
        code = _exit_code(left)
    except BaseException as error:
        _tell(error)
        if isinstance(error, KeyboardInterrupt):
            code = -signal.SIGINT
    try:
        threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - waits for threads
    except BaseException as error:  # a Ctrl-C while it waits
        _tell(error)
    atexit._run_exitfuncs()  # noqa: SLF001 - as python does
    if not _flush() and code == 0:
        code = 120
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def _exit_code(left: SystemExit) -> int:
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code
    print(left.code, file=sys.stderr)
    return 1


def _tell(error: BaseException) -> None:
    """Print it as python does: a traceback begins with the program's first frame."""
    trace = _of_program(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    try:
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    except BaseException as fault:  # of a hook of the program's
        print("Error in sys.excepthook:", file=sys.stderr)
        fault.__context__ = None
        sys.__excepthook__(type(fault), fault, _of_program(fault))
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, trace)


def _of_program(error: BaseException) -> types.TracebackType | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error.__traceback__ = trace
    return trace


def _flush() -> bool:
    """Write out what lies in buffers: of files that nobody closed, of the streams, of C's."""
    gc.collect()
    things = [thing for thing in gc.get_objects() if _IO_BASE in type(thing).__mro__]
    # A text's buffer is written into the one below it.
    for thing in sorted(things, key=lambda thing: not isinstance(thing, io.TextIOBase)):
        _flushed(thing)
    is_well = _flushed(sys.stdout)
    _flushed(sys.stderr)
    _libc.fflush(None)
    return is_well


def _flushed(file: Any) -> bool:
    try:
        if file is not None and not file.closed and file.writable():
            file.flush()
    except Exception:  # whatever a program made of it
        return False
    return True


# --- what ps and /proc show -----------------------------------------------------------------------


ROOM = "LAUNCHER_ALLOCATION"
"""The variable at great length, in whose place a rank's environment is shown. It comes first there:
by it all that belongs to an allocation is found."""


def entitle(words: list[str], env: dict[str, str]) -> None:
    """Show other words behind `argv[0]` in the command line, and another environment.

    Both are written over what the kernel laid there at the start, as far as it reaches: so the
    preloader is started with a long last argument, and with the variable ROOM. Its other variables
    stay: native code may hold pointers to them.
    """
    fields = _text("/proc/self/stat").rpartition(") ")[2].split()
    arg_start, arg_end, env_start, env_end = (int(field) for field in fields[45:49])
    program = _text("/proc/self/cmdline").partition("\0")[0]
    start = arg_start + len(os.fsencode(program)) + 1
    _write(os.fsencode("\0".join(words)), start, arg_end - start)
    area = b"\0" + ctypes.string_at(env_start, env_end - env_start)
    at = area.find(b"\0" + os.fsencode(ROOM) + b"=")
    if at >= 0 and env:
        room = area.index(b"\0", at + 1) - at - 1
        shown = b""
        for name in sorted(env, key=lambda name: name != ROOM):
            entry = os.fsencode(f"{name}={env[name]}") + b"\0"
            shown += entry if len(shown) + len(entry) < room else b""
        _write(shown, env_start + at, room)


def _write(data: bytes, start: int, room: int) -> None:
    data = data[: max(room - 1, 0)]
    ctypes.memmove(start, data + bytes(room - len(data)), room)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()

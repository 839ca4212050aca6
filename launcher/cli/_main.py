"""The border of the command line, where every error becomes words and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it."""
_PIPE_CLOSED = 141
_ISSUES = "https://github.com/trainlaunch/trainlaunch/issues"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and leaves the process with its exit code."""
    words, debug = _take_debug(sys.argv[1:] if arguments is None else arguments)
    sys.exit(call(words, debug=debug or os.environ.get("LAUNCHER_DEBUG") == "1"))


def call(words: Sequence[str], *, debug: bool = False) -> int:
    """The exit code of a command line; everything that went wrong was told on stderr."""
    import click

    from launcher.cli._commands import launcher
    from launcher.errors import LauncherError

    try:
        code = launcher.main(list(words), prog_name="launcher", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        return _tell_usage(error, words)
    except (KeyboardInterrupt, click.Abort) as error:
        return _leave_off(unanswered=isinstance(error.__context__, EOFError))
    except BrokenPipeError:
        return _leave_quietly()
    except LauncherError as error:
        if debug:
            raise
        _tell(str(error), error.hint)
        return error.exit_code
    except Exception as error:
        # The last border: whatever comes here is a bug of ours, and a user shall be told so.
        if debug:
            raise
        if not sys.stderr.isatty():  # a log, which people read too late to say --debug
            traceback.print_exc()
        _tell(
            f"this is a bug in launcher: {type(error).__name__}: {error}",
            f"please report it at {_ISSUES} with what the same command says with --debug",
        )
        return 1


def _leave_off(*, unanswered: bool) -> int:
    """After Ctrl-C, or where a question was not answered with yes, or by nobody."""
    if unanswered:
        print(file=sys.stderr)
        _tell("nobody is here to answer", "-y says yes beforehand")
        return 2
    return INTERRUPTED


def _tell(message: str, hint: str | None) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def _tell_usage(error: object, words: Sequence[str]) -> int:
    from launcher.cli._usage import help_instead, usage_words

    text = help_instead(error)
    if text is not None:
        print(text, file=sys.stderr)
    else:
        _tell(*usage_words(error, words))
    return 2


def _leave_quietly() -> int:
    """Whoever read our output has left (`launcher logs JOB | head`), which is no error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    return _PIPE_CLOSED


def _take_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` may stand anywhere before `--`; what follows belongs to a training program."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    ours = [word for word in words[:end] if word != "--debug"]
    return ours + words[end:], len(ours) < end

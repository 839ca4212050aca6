"""Command lines in this process that speak to the application in this process.

lines = CommandLines(browser, folder, token)
lines.say("LAUNCHER_TOKEN=wrong launcher show x")    # "error: …", "exit 4"
"""

import contextlib
import io
import re
import shlex
from email.message import Message

import pytest

from launcher import transport
from launcher.cli._main import call

URL = "http://queue:8800"
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
_UNSET = ("VIRTUAL_ENV", "CONDA_PREFIX", "http_proxy", "HTTP_PROXY", "RAY_AUTH_TOKEN", "COLUMNS")


class CommandLines:
    """Tells what people read who type a line. `folder`: the current one meanwhile."""

    def __init__(self, browser, folder, token):
        self._connection = type("Connected", (_Connection,), {"browser": browser})
        self.folder = folder
        self._environment = {
            "LAUNCHER_SERVER": URL,
            "LAUNCHER_TOKEN": token,
            "LAUNCHER_STATE_DIR": f"{folder}-state",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": f"{folder}-cache",
            "MPLCONFIGDIR": f"{folder}-cache",
            "SHELL": "/bin/tcsh",
        }

    def say(self, line, typed=""):
        """What it writes to stderr, or to stdout if that is all, and its exit code, as lines.

        The folder is HERE in it. `typed`: comes by stdin.
        """
        out, err, code = self.run(line, typed)
        return [*(err or out).replace(str(self.folder), "HERE").splitlines(), f"exit {code}"]

    def run(self, line, typed=""):
        """Its stdout, stderr and exit code."""
        given, words = dict(self._environment), shlex.split(line)
        while _ASSIGNMENT.fullmatch(words[0]):
            name, _, given[name] = words.pop(0).partition("=")
        assert words.pop(0) == "launcher", line
        out, err = io.StringIO(), io.StringIO()
        with (
            self._surrounded(given, typed),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = call(words)
        return out.getvalue(), err.getvalue(), code

    @contextlib.contextmanager
    def _surrounded(self, environment, typed):
        with pytest.MonkeyPatch.context() as patch:
            for name in _UNSET:
                patch.delenv(name, raising=False)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
            patch.setattr("launcher.address.Connection", self._connection)
            yield


class _Told:
    """An answer that came as a stream, and is whole."""

    def __init__(self, body):
        self._body = body

    def lines(self):
        return iter(self._body.splitlines())

    def __iter__(self):
        return iter([self._body])


class _Connection(transport.Connection):
    """To the application, which has a name here; any other server is really asked."""

    browser = None

    @contextlib.contextmanager
    def stream(self, method, path, *, json=None, headers=None, **limits):
        answer = self.request(method, path, json=json, headers=headers, **limits)
        yield _Told(answer.body)

    def request(self, method, path, *, json=None, body=None, headers=None, **limits):
        if self.base_url != URL:
            return super().request(method, path, json=json, body=body, headers=headers, **limits)
        told = transport._headers(self._token, headers)
        content = body.read() if hasattr(body, "read") else body or b""
        reply = self.browser.ask(method, path, headers=told, body=content, data=json)
        answered = Message()
        for name, value in reply.headers.items():
            answered[name] = value
        return transport._checked(transport.Response(reply.status, answered, reply.body), URL)

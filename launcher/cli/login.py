"""`launcher login`: speak to a server by a token of one's own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import urllib.parse
from pathlib import Path

import click

from launcher.address import NamedServer, find_server
from launcher.cli import _kept, _output
from launcher.contexts import Context, contexts_file, load_contexts
from launcher.errors import SpecError, UnauthorizedError
from launcher.names import slug
from launcher.transport import Connection
from launcher.trust import read_ca
from launcher.views_users import WhoView

_LOOPBACK = ("127.", "localhost", "::1")


@click.command(
    epilog="\b\n  launcher login https://launcher.example.org\n"
    "  launcher login https://launcher.example.org < token.txt",
)
@click.argument("url", required=False)
@click.argument("rest", metavar="", nargs=-1)
@click.option(
    "--name", metavar="NAME", help="Of the context that is kept. Default: by the server's address."
)
@click.option(
    "--ca",
    metavar="FILE",
    help="Certificate of the authority that signed the server's, if it is one of your own.",
)
def command(url: str | None, rest: tuple[str, ...], name: str | None, ca: str | None) -> None:
    """Speak to a server from now on, by a token that an admin gave you.

    The token is asked for without showing it, or read from stdin; it is checked, and kept in a
    file that only you can read. Without URL: another token for the server in use.
    """
    _refuse_arguments(url, rest)
    server = _server(url, name, ca)
    load_contexts().add(Context(server.context, server.url))  # a name that cannot be is refused
    token = _asked(server.url) if sys.stdin.isatty() else _read()
    who = _checked(server, token)
    contexts = load_contexts()
    before = contexts.known.get(server.context)
    ray = before.ray if before and before.server == server.url else None
    kept = Context(server.context, server.url, token, ray, server.ca)
    contexts.add(kept).use(server.context).save()
    print(f"{who.name or 'the owner'} at {server.url}")
    _output.note(f"context {server.context} is in use, its token kept in {contexts_file()}")
    for variable in ("LAUNCHER_SERVER", "LAUNCHER_TOKEN"):
        if os.environ.get(variable):
            _output.note(f"{variable} is set, and goes before it: unset {variable}")
    if not who.is_admin and not who.roles:
        _output.note(
            "no project has given you a role yet: ask an admin for "
            f"`launcher project grant PROJECT {who.name} member`"
        )
    elif who.roles:
        _output.note(f"your roles: {_kept.roles(who.roles)}")
    if _is_readable(server.url):
        _output.note("it is not https: whoever is on the way can read your token")


def _server(url: str | None, name: str | None, ca: str | None) -> NamedServer:
    """The server that is meant, with the name of its context."""
    path = str(Path(ca).expanduser().absolute()) if ca else None
    read_ca(path or "", "--ca")
    if url is None:
        used = find_server()
        if not isinstance(used, NamedServer):
            raise SpecError(
                "which server? your own one here needs no login",
                hint="launcher login https://HOST",
            )
        return NamedServer(used.url, None, name or used.context or _name(used.url), path or used.ca)
    if "//" not in url:
        raise SpecError(f"'{url}' is no address of a server", hint=f"launcher login https://{url}")
    url = url.rstrip("/")
    Connection(url, ca="")  # refuses what is no address, before a token is asked for
    return NamedServer(url, None, name or _name(url), path)


def _refuse_arguments(url: str | None, rest: tuple[str, ...]) -> None:
    """A token on the command line would stay in the shell's history; it is not repeated here."""
    if rest or (url or "").startswith("lt_"):
        raise SpecError(
            "a token is never an argument: the shell's history and `ps` would show it",
            hint="launcher login URL asks for it, launcher login URL < FILE reads it; revoke this "
            "one if it was real: launcher token revoke",
        )


def _name(url: str) -> str:
    """What the context is called: the host, as far as it names one."""
    try:
        host = urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    first = host if host.replace(".", "").isdigit() else host.partition(".")[0]
    found = slug(first or host)
    return "server" if found in {"local", "job"} else found


def _checked(server: NamedServer, token: str) -> WhoView:
    """Who the server takes the token for."""
    from launcher.client import Client

    address = dataclasses.replace(server, token=token)
    try:
        with contextlib.closing(Client(address=address)) as client:
            return client.whoami()
    except UnauthorizedError as error:
        raise UnauthorizedError(
            f"{server.url} does not know that token",
            hint="nothing was kept; was it copied whole? an admin makes another one: launcher "
            "token create --user NAME",
        ) from error


def _asked(url: str) -> str:
    text: str = click.prompt(f"token for {url} (not shown)", hide_input=True, err=True)
    return _one_line(text)


def _read() -> str:
    return _one_line(sys.stdin.read())


def _one_line(text: str) -> str:
    if not text.strip():
        raise SpecError("no token came by stdin", hint="launcher login URL < FILE, or type it")
    if len(text.split()) > 1:
        raise SpecError("what came by stdin is no token: it has several words")
    return text.strip()


def _is_readable(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    return url.startswith("http://") and not host.startswith(_LOOPBACK)

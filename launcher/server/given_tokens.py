"""Tokens that a server is given as files, as of a mounted Secret: read at its start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from launcher.errors import SpecError
from launcher.names import NAME

_SHORTEST = 16
"""Characters: what is shorter could be guessed."""


def read_token(path: Path, option: str) -> str:
    """The token in a file.

    Raises:
        SpecError: it cannot be read, is empty, has several words, or could be guessed.
    """
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SpecError(f"{option}: {path} cannot be read: {why}") from error
    if not text:
        raise SpecError(f"{option}: {path} is empty", hint="write a token into it")
    if len(text.split()) > 1 or not text.isascii() or not text.isprintable():
        raise SpecError(f"{option}: {path} holds no token: one word of ASCII characters")
    if len(text) < _SHORTEST:
        raise SpecError(
            f"{option}: the token in {path} has {len(text)} characters: it could be guessed",
            hint=f"at least {_SHORTEST}; openssl rand -hex 32 prints a good one",
        )
    return text


def executor_tokens(given: Iterable[str], admin_token: str | None = None) -> dict[str, str]:
    """By cluster, what `CLUSTER=FILE` names.

    Raises:
        SpecError: one is written otherwise, or names a cluster twice, or its file holds no token,
            or one that opens more than this cluster: the admin's, or another cluster's.
    """
    found: dict[str, str] = {}
    for one in given:
        cluster, equals, path = one.partition("=")
        if not equals or not path or not NAME.fullmatch(cluster):
            raise SpecError(
                f"--executor-token: '{one}' is not CLUSTER=FILE",
                hint="as --executor-token gpu=/etc/launcher/gpu-token",
            )
        if cluster in found:
            raise SpecError(f"--executor-token: cluster '{cluster}' is named twice")
        token = read_token(Path(path), "--executor-token")
        others = {other: f"that of cluster '{name}'" for name, other in found.items()}
        others |= {admin_token: "that of --admin-token-file"} if admin_token else {}
        if token in others:
            raise SpecError(
                f"--executor-token: the token of cluster '{cluster}' is {others[token]}, too",
                hint="each opens one thing: openssl rand -hex 32 prints another one",
            )
        found[cluster] = token
    return found

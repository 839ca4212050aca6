"""Encrypts what must not be read from the database or from a node's disk, and opens it again.

The keys are Fernet's (AES-128-CBC and HMAC-SHA256, from `cryptography`): the first one seals, every
one opens. They come from LAUNCHER_SECRET_KEYS, for servers that share a database, or from a file of
the state folder, made with the first secret.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.errors import ConflictError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEYS = "LAUNCHER_SECRET_KEYS"
FILE = "secret.key"
_KEPT = 2
"""Keys in the file: the newest, and the one before it for what nodes still hold."""


class CannotOpenError(ConflictError):
    """Something was sealed with a key that this server does not have, or it is damaged."""


class Sealer:
    """Thread-safe. Reads its keys when they are first needed.

    Args:
        folder: the state folder.
        environment: where LAUNCHER_SECRET_KEYS may be.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._file = folder / FILE
        self._given = environment.get(KEYS, "").replace(",", " ").split()
        self._turn = threading.Lock()
        self._fernet: MultiFernet | None = None

    @property
    def where(self) -> str:
        """Where the keys are, in words."""
        return KEYS if self._given else str(self._file)

    def seal(self, content: Mapping[str, Any]) -> bytes:
        """The content as bytes that only the keys open."""
        return self._keys(make=True).encrypt(json.dumps(content).encode())

    def open(self, sealed: bytes, what: str) -> dict[str, Any]:
        """What was sealed.

        Args:
            sealed: as `seal` gave it.
            what: it is, for the words of a failure.

        Raises:
            CannotOpenError: no key here opens it.
        """
        from cryptography.fernet import InvalidToken

        try:
            content: dict[str, Any] = json.loads(self._keys(make=False).decrypt(sealed))
        except InvalidToken as error:
            why = f"was encrypted with another key than that of {self.where}"
            raise self._cannot_open(what, why) from error
        return content

    def renew(self) -> None:
        """Make a new key, which seals from now on; what the one before sealed is opened still.

        Keys that the environment gives stay as they are: a new one is put in front there.
        """
        if self._given:
            return
        with self._turn:
            known = self._read() if self._file.exists() else []
            self._write([_new_key(), *known][:_KEPT])
            self._fernet = None

    def _keys(self, *, make: bool) -> MultiFernet:
        with self._turn:
            if self._fernet is None:
                self._fernet = _fernet(self._found(make=make), self.where)
            return self._fernet

    def _found(self, *, make: bool) -> list[str]:
        if self._given:
            return self._given
        if not self._file.exists():
            if not make:
                raise self._cannot_open("the secrets", f"need {self._file}, which is gone")
            self._write([_new_key()])
        return self._read()

    def _read(self) -> list[str]:
        try:
            keys = self._file.read_text("ascii").split()
        except (OSError, UnicodeDecodeError) as error:
            raise self._cannot_open("the secrets", f"need {self._file}: {error}") from error
        if not keys:
            raise self._cannot_open("the secrets", f"need {self._file}, which is empty")
        return keys

    def _write(self, keys: list[str]) -> None:
        """Replace the file whole; durable when this returns, for nothing opens without it."""
        fresh = self._file.with_name(f"{FILE}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _cannot_open(self, what: str, why: str) -> CannotOpenError:
        return CannotOpenError(
            f"{what} {why}",
            hint=f"bring the key back to {self.where}, or set the secrets again: launcher secret "
            "set NAME",
        )


def _new_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _fernet(keys: list[str], where: str) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:  # its text does not hold the key
        raise CannotOpenError(
            f"{where} holds what is no key: 32 bytes in URL-safe base64 are one",
            hint="`python -c 'from cryptography.fernet import Fernet; "
            "print(Fernet.generate_key().decode())'` makes one",
        ) from error

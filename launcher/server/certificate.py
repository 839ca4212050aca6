"""The server's own certificate: checked before it serves, and read again when its file changes."""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from launcher.errors import SpecError

log = logging.getLogger(__name__)

SETTLES_S = 180.0
"""After so long a renewed file is with all servers, as Kubernetes brings it to its pods."""
_LOOK_EVERY_S = 60.0
_END = "-----END CERTIFICATE-----"
_FAULTS = {
    "KEY_VALUES_MISMATCH": "the key is not of this certificate",
    "BAD_DECRYPT": "the key has a passphrase",
}


class Certificate:
    """A certificate with its key, as files that somebody renews now and then.

    Args:
        cert: the certificate and those between it and its authority, in PEM form.
        key: without a passphrase.
        clock: monotonic.

    Raises:
        SpecError: they cannot be read, or do not go together.
    """

    def __init__(self, cert: Path, key: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.cert, self.key, self._clock = cert, key, clock
        self._seen, self._use_at = self._stamp(), 0.0
        self._is_used = True
        self._peers: ssl.SSLContext | None = None
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def peers(self) -> ssl.SSLContext:
        """For connections to other servers: who shows this certificate is one, whatever its name.

        A renewed one is believed at once, and shown only when all had the time to see it. Those
        between it and its authority are not believed: they sign certificates of others, too.
        """
        if self._peers is None:
            self._peers = ssl.create_default_context(cadata=self._own_part())
            self._peers.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            self._peers.check_hostname = False
        return self._peers

    def keep(self, context: ssl.SSLContext) -> None:
        """Load it again into that context whenever its files change: new connections get it."""
        looking = threading.Thread(target=self._look, args=(context,), daemon=True)
        looking.name = "certificate"
        looking.start()

    def look(self, context: ssl.SSLContext) -> bool:
        """Load it again if its files changed; True when it did so."""
        try:
            self._notice()
            if self._is_used or self._clock() < self._use_at:
                return False
            self._load(context)
        except SpecError as error:  # the second file may be on its way: the old one still serves
            log.warning("the renewed certificate is not used: %s", error)
            return False
        self._is_used = True
        log.info("the renewed certificate %s is used from now on", self.cert)
        return True

    def _notice(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        if self._peers is not None:
            self._peers.load_verify_locations(cadata=self._own_part())
        settles_s = 0.0 if self._peers is None else SETTLES_S
        self._seen, self._is_used, self._use_at = stamp, False, self._clock() + settles_s

    def _own_part(self) -> str:
        """The first certificate of the file, which is the server's."""
        before, end, _ = self.cert.read_text().partition(_END)
        return before + end

    def _look(self, context: ssl.SSLContext) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_EVERY_S):
            try:
                self.look(context)
            except Exception:  # files come and go: the next look finds them whole
                log.exception("the certificate could not be looked at")

    def _load(self, context: ssl.SSLContext) -> None:
        # A key that does not belong to its certificate would spoil a context that serves: tried
        # apart first.
        for one in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            try:
                one.load_cert_chain(self.cert, self.key, password="")
            except FileNotFoundError as error:
                lacking = self.cert if not self.cert.exists() else self.key
                raise SpecError(f"--tls-cert, --tls-key: there is no file {lacking}") from error
            except ssl.SSLError as error:
                raise SpecError(
                    f"--tls-cert {self.cert} and --tls-key {self.key} cannot be used: "
                    f"{_FAULTS.get(error.reason, 'they are not both in PEM form')}",
                    hint="both in PEM form, the key without a passphrase, and of this certificate",
                ) from error
            except OSError as error:
                raise SpecError(
                    f"--tls-cert {self.cert}, --tls-key {self.key}: {error.strerror}"
                ) from error

    def _stamp(self) -> tuple[int, ...]:
        """Another one when either file was changed, or a link points to another file."""
        found: list[int] = []
        for path in (self.cert, self.key):
            with contextlib.suppress(OSError):
                told = path.stat()
                found += [told.st_mtime_ns, told.st_ino, told.st_size]
        return tuple(found)

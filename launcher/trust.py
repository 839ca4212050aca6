"""Whose certificates are believed: the system's authorities, and one more that somebody names.

Standard library alone: agents on nodes come here too, where no file of an administrator lies. So
LAUNCHER_CA may hold the certificate itself in place of the path of its file.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from launcher.errors import SpecError

VARIABLE = "LAUNCHER_CA"
_BEGIN = "-----BEGIN"


def own_ca() -> str:
    """The certificates that LAUNCHER_CA names, as PEM; empty when it is not set.

    Raises:
        SpecError: it names a file that cannot be read.
    """
    return read_ca(os.environ.get(VARIABLE, ""), VARIABLE)


def read_ca(named: str, source: str) -> str:
    """PEM that is a path, or the text itself.

    Args:
        named: either; empty for none.
        source: who named it, for the complaint.

    Raises:
        SpecError: it cannot be read, or holds no certificate.
    """
    if not named:
        return ""
    text = named
    if _BEGIN not in named:
        try:
            text = Path(named).expanduser().read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise SpecError(f"{source}: {named} cannot be read: {why}") from error
    if _BEGIN not in text:
        raise SpecError(
            f"{source}: {named} holds no certificate in PEM form",
            hint="it begins with -----BEGIN CERTIFICATE-----",
        )
    return text


@lru_cache(maxsize=8)
def context(pem: str) -> ssl.SSLContext:
    """For connections to servers: the system's authorities, and those of the PEM.

    Raises:
        SpecError: the PEM holds no certificate that can be read.
    """
    made = ssl.create_default_context()
    if pem:
        try:
            made.load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError) as error:
            raise SpecError(f"the certificate of {VARIABLE} cannot be read: {error}") from error
    return made


def tls_fault(error: ssl.SSLError) -> str:
    """What went wrong between two that want to speak TLS, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not believed: {error.verify_message}; {VARIABLE}=FILE names the "
            "authority that signed it"
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return "what listens there does not speak TLS; write http:// if that is meant"
    return f"no TLS with it: {error.reason or error}"

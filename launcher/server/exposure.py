"""Whether a server may listen where it shall: tokens go over the network as they are sent. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from launcher.errors import SpecError

_WAYS_OUT = (
    "--tls-cert FILE --tls-key FILE; or --public-url https://HOST, where an ingress or a proxy in "
    "front speaks TLS; or --insecure-http, where the network between is trusted"
)


@dataclass(frozen=True)
class Exposure:
    """How a server would be reached.

    Attributes:
        host: the address that it listens on.
        has_tls: by certificate and key of its own.
        public_url: how others reach it; None: by host and port.
        is_insecure_meant: somebody said that plain HTTP is what they want.
        open_metrics: everybody who reaches it reads `/metrics`.
    """

    host: str
    has_tls: bool = False
    public_url: str | None = None
    is_insecure_meant: bool = False
    open_metrics: bool = False

    def check(self) -> str:
        """A warning for the log; empty where nothing is to be said.

        Raises:
            SpecError: tokens, or figures of all projects, would lie open.
        """
        if is_loopback(self.host):
            return ""
        is_public = _is_public(self.host)
        if self.open_metrics and is_public:
            raise SpecError(
                f"--open-metrics on {self.host}: the internet would read names and figures of all "
                "projects",
                hint="give Prometheus the file monitoring-token of the state folder as its "
                "credentials_file",
            )
        if self.has_tls or (self.public_url or "").startswith("https://"):
            return ""
        if self.is_insecure_meant or (self.public_url and not is_public):
            return (
                f"serving plain http on {self.host}: whoever is on the way reads the tokens that "
                "are sent"
            )
        raise SpecError(
            f"--host {self.host}: plain http would send tokens for everybody on the way to read",
            hint=_WAYS_OUT,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("::")
    (True, True, True, False)
    """
    found = _address(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def _is_public(host: str) -> bool:
    """Whether the whole internet may reach it; of all addresses of a machine nobody knows."""
    found = _address(host)
    return found is not None and found.is_global


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

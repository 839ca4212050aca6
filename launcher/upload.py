"""Sends what a job needs of this machine: its packaged workdir, unless the server has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import NotFoundError
from launcher.transport import Connection

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec
    from launcher.spec.packaging import Package

_TIMEOUT_S = 600.0


def send_workdir(connection: Connection, base: str, spec: JobSpec) -> Package | None:
    """Packs the spec's workdir and sends it; None when it runs in place, so nothing is sent.

    Args:
        connection: to the server.
        base: path on the server under which packages lie.
        spec: with an absolute `workdir`.

    Raises:
        SpecError: the files cannot be sent: every complaint.
    """
    from launcher.spec.packaging import pack
    from launcher.spec.program import needed_files

    if spec.in_place:
        return None

    def is_known(sha256: str) -> bool:
        try:
            connection.request("HEAD", f"{base}/{sha256}")
        except NotFoundError:
            return False
        return True

    package = pack(
        Path(spec.workdir), required=needed_files(spec), links=spec.links, is_known=is_known
    )
    if package.tar is not None:
        try:
            if not is_known(package.sha256):
                _send(connection, f"{base}/{package.sha256}", package.tar)
        finally:
            package.tar.unlink(missing_ok=True)
    return package


def _send(connection: Connection, path: str, tar: Path) -> None:
    with tar.open("rb") as file:
        connection.request("PUT", path, body=file, timeout_s=_TIMEOUT_S)

"""Which secrets a spec names, and whether its job would get them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from launcher.errors import SpecError
from launcher.model.job import Job
from launcher.spec.values import did_you_mean
from launcher.store import secret


def named(spec: Mapping[str, object]) -> set[str]:
    """The names of all secrets that a stored spec needs."""
    wanted, notify = spec.get("secrets"), spec.get("notify")
    names = set(wanted.values()) if isinstance(wanted, Mapping) else set()
    if isinstance(notify, Mapping) and notify.get("url_secret"):
        names.add(notify["url_secret"])
    return names


def expect_secrets(tx: Connection, job: Job) -> None:
    """Refuse a job that names a secret which it would not get.

    Raises:
        SpecError: every such name, with the nearest one that there is.
    """
    wanted = named(job.spec)
    if not wanted:
        return
    known = secret.names_for(tx, job.project)
    missing = sorted(wanted - known)
    if not missing:
        return
    lines = [
        f"{_key_of(job, name)}: no secret '{name}' for project '{job.project}'"
        f"{did_you_mean(name, known)}"
        for name in missing
    ]
    hint = f"launcher secret set {missing[0]} keeps it; launcher secret list shows what is there"
    raise SpecError("\n".join(lines), hint=hint)


def _key_of(job: Job, name: str) -> str:
    wanted = job.spec.get("secrets") or {}
    return "secrets" if name in wanted.values() else "notify.url_secret"

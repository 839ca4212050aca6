"""Secrets: kept sealed, named by specs, opened for the agents of a job alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from launcher import views
from launcher.errors import NotFoundError, SpecError
from launcher.model.job import Job
from launcher.model.secret import fault_of_name, fault_of_value
from launcher.model.states import TERMINAL, JobState
from launcher.server.control import Control
from launcher.server.naming import named
from launcher.server.sealing import CannotOpenError, Sealer
from launcher.spec.values import did_you_mean
from launcher.store import jobs, secret
from launcher.store.secret import ALL_PROJECTS, StoredSecret

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForAgent:
    """What an agent gets of its job's secrets.

    `values` by variable; `sealed` are the same values as its node keeps them, for whoever ships
    the logs there later; `fault`, when it is not empty, says why the job cannot start.
    """

    values: dict[str, str] = field(default_factory=dict, repr=False)
    sealed: str = ""
    fault: str = ""


class Secrets:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, sealer: Sealer) -> None:
        self._control, self._sealer = control, sealer

    # --- what people do --------------------------------------------------------------------------

    def put(self, name: str, value: bytes, *, project: str, user: str) -> bool:
        """Keep a value; True when there was none of that name before.

        Args:
            name: of the secret.
            value: UTF-8.
            project: whose jobs get it; empty for all.
            user: who sets it.

        Raises:
            SpecError: name or value cannot be; the text does not hold the value.
        """
        fault = fault_of_name(name)
        if fault:
            raise SpecError(f"'{name}' {fault}")
        fault = fault_of_value(value)
        if fault:
            raise SpecError(f"the value of '{name}' {fault}")
        content = {"project": project, "name": name, "value": value.decode()}
        sealed = self._sealer.seal(content)
        stored = StoredSecret(project, name, sealed, user, self._control.clock())
        with self._control.store.begin() as tx:
            is_new = secret.put(tx, stored)
        log.info("secret %s of %s was set by %s", name, _whose(project), user)
        return is_new

    def all(self) -> list[views.SecretView]:
        with self._control.store.read() as tx:
            stored = secret.list_(tx)
        return [views.SecretView(one.name, one.project, one.user, one.set_at) for one in stored]

    def remove(self, name: str, *, project: str) -> list[str]:
        """Forget a secret; gives the ids of jobs that have not ended and lack it now.

        Raises:
            NotFoundError: there is none of that name in exactly that project.
        """
        with self._control.store.begin() as tx:
            if not secret.remove(tx, project, name):
                raise _not_there(tx, name, project)
            lacking = [
                job.id
                for job in jobs.active(tx)
                if name in named(job.spec)
                and project in {job.project, ALL_PROJECTS}
                and not secret.of_project(tx, job.project, [name])
            ]
        log.info("secret %s of %s was removed", name, _whose(project))
        return lacking

    def renew_key(self) -> int:
        """Seal every secret anew with a new key, or the newest of those given; gives how many.

        Raises:
            CannotOpenError: one of them cannot be opened; nothing was changed but the key.
        """
        self._sealer.renew()
        with self._control.store.begin() as tx:
            renewed = [
                replace(one, sealed=self._sealer.seal(self._opened(one)))
                for one in secret.list_(tx)
            ]
            secret.replace_all(tx, renewed)
        return len(renewed)

    # --- what agents get -------------------------------------------------------------------------

    def for_agent(self, job: Job) -> ForAgent:
        """The values as they are now, by the variables that the spec gives them to."""
        wanted = dict(job.spec.get("secrets") or {})
        if not wanted or job.state in TERMINAL or job.state is JobState.CANCELLING:
            return ForAgent()
        with self._control.store.read() as tx:
            found = secret.of_project(tx, job.project, wanted.values())
        missing = sorted(set(wanted.values()) - set(found))
        if missing:
            names = ", ".join(missing)
            return ForAgent(
                fault=f"secrets: {names}: removed since the job was submitted; "
                f"launcher secret set {missing[0]}, then launcher retry {job.id}"
            )
        try:
            opened = {name: str(self._opened(one)["value"]) for name, one in found.items()}
        except CannotOpenError as error:
            return ForAgent(fault=f"secrets: {error}; {error.hint}")
        values = {variable: opened[name] for variable, name in wanted.items()}
        sealed = self._sealer.seal({"job": job.id, "values": sorted(set(opened.values()))})
        return ForAgent(values, sealed.decode())

    def reopen(self, job_id: str, sealed: Mapping[str, str]) -> list[str]:
        """The values that agents of this job were given before, from what their node kept.

        Raises:
            CannotOpenError: they were sealed for another job, or with a key that is gone.
        """
        values: set[str] = set()
        for one in sealed.values():
            content = self._sealer.open(one.encode(), f"what a node kept for {job_id}")
            if content.get("job") != job_id:
                raise CannotOpenError(f"what a node kept for {job_id} is of another job")
            values |= set(content["values"])
        return sorted(values)

    def value(self, project: str, name: str) -> str:
        """One value, for the server itself.

        Raises:
            NotFoundError: there is none of that name for the project.
            CannotOpenError: it cannot be opened.
        """
        with self._control.store.read() as tx:
            found = secret.of_project(tx, project, [name])
            if name not in found:
                raise _not_there(tx, name, project)
        return str(self._opened(found[name])["value"])

    def _opened(self, stored: StoredSecret) -> dict[str, str]:
        what = f"secret '{stored.name}' of {_whose(stored.project)}"
        content = self._sealer.open(stored.sealed, what)
        if (content.get("project"), content.get("name")) != (stored.project, stored.name):
            raise CannotOpenError(f"{what} is another one's: the database was changed by hand")
        return content


def _not_there(tx: Connection, name: str, project: str) -> NotFoundError:
    others = sorted({one.project for one in secret.list_(tx) if one.name == name})
    near = did_you_mean(name, {one.name for one in secret.list_(tx)} - {name})
    also = f"; there is one of {', '.join(map(_whose, others))}" if others else near
    return NotFoundError(
        f"no secret '{name}' of {_whose(project)}{also}",
        hint="launcher secret list shows what is there",
    )


def _whose(project: str) -> str:
    return f"project '{project}'" if project else "all projects"

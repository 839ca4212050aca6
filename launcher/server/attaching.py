"""Attaches running Ray clusters to this server, detaches them, and attaches again what was lost.

The executor of an attached cluster is a Ray job there. Ray forgets its jobs when its head is
started anew; the server, which lives on, notices the silence, asks Ray, and sends another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from launcher import logbook
from launcher.clusters import _attaching
from launcher.clusters._ray_jobs import RayJobs
from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError, UnreachableError
from launcher.names import NAME
from launcher.server.attachments import Attachment, Attachments
from launcher.server.control import Control
from launcher.server.floor import EMBEDDED
from launcher.server.rules import may_attach_again
from launcher.server.settings import Settings
from launcher.store import clusters, jobs
from launcher.trust import own_ca

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
SILENT_S = 6.0
"""After so long without a report Ray is asked what became of the executor's job."""


@dataclass
class _Trouble:
    """What keeps a cluster from being attached again. `at`: of the last try, monotonic."""

    tries: int = 0
    at: float = 0.0
    words: str = ""


class Attaching:
    """Synchronous; called from worker threads. One attach, detach or renewal at a time a name."""

    def __init__(
        self,
        control: Control,
        settings: Settings,
        *,
        make_ray: Callable[[str, str | None], RayJobs] = RayJobs,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control, self._settings = control, settings
        self._make_ray, self._clock = make_ray, clock
        self.attachments = Attachments(settings.state_dir)
        self._trouble: dict[str, _Trouble] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    # --- what people want ------------------------------------------------------------------------

    def attach(
        self, name: str, ray_url: str, ray_token: str | None, server_url: str | None
    ) -> Iterator[str]:
        """Attach a cluster; gives each step as it is done.

        Who stops listening in the middle stops nothing: the server goes on by itself.

        Raises:
            LauncherError: it cannot be attached; nothing of it is left.
        """
        with self._only(name), contextlib.closing(self._make_ray(ray_url, ray_token)) as ray:
            url = (server_url or self._own_url(ray.url)).rstrip("/")
            self._check_name(name)
            version = _attaching.check_version(ray)
            yield f"Ray {version} answers at {ray.url}"
            _attaching.check_reach(url, ray.url)
            yield from self._clear_way(ray, name)
            token = secrets.token_urlsafe(32)
            job_id = _attaching.new_job(name)
            attachment = Attachment(name, ray.url, url, job_id, token, ray_token)
            self.attachments.put(attachment)
            try:
                size = self._submit(ray, attachment)
                yield f"{size // 1000} kB of code sent; its Ray job is {job_id}"
                yield from _attaching.await_executor(ray, job_id, lambda: self._serves(name))
            except LauncherError:
                self._end(ray, attachment)
                raise

    def detach(self, name: str, *, force: bool) -> list[str]:
        """End the cluster's executor; gives the jobs that were left there.

        Raises:
            NotFoundError: no such cluster is attached.
            ConflictError: jobs run there, and it is not forced.
            UnreachableError: Ray does not answer, and it is not forced.
        """
        with self._only(name):
            attachment = self.attachments.get(name)
            if attachment is None:
                known = ", ".join(one.name for one in self.attachments.all())
                raise NotFoundError(
                    f"no cluster '{name}' is attached",
                    hint=f"attached are: {known}" if known else "launcher attach attaches one",
                )
            left = self._jobs_on(name)
            if left and not force:
                raise ConflictError(
                    f"jobs run on cluster '{name}': {', '.join(left)}",
                    hint="cancel them or wait; with --force they run on to their end there, and "
                    "what has yet to start or start again waits until the cluster is attached",
                )
            with contextlib.closing(
                self._make_ray(attachment.ray_url, attachment.ray_token)
            ) as ray:
                try:
                    self._end(ray, attachment)
                except UnreachableError as error:
                    if not force:
                        raise UnreachableError(
                            error.message, hint="--force forgets the cluster all the same"
                        ) from error
                    self._forget(name)
            return left

    def note(self, name: str) -> str:
        """What people shall know of a cluster's attachment; empty when it is not attached."""
        attachment = self.attachments.get(name)
        if attachment is None:
            return ""
        trouble = self._trouble.get(name)
        words = f"; {trouble.words}" if trouble and trouble.words else ""
        return f"attached at {attachment.ray_url}{words}"

    # --- what time brings ------------------------------------------------------------------------

    def look(self) -> None:
        """See to every attached cluster that is silent."""
        for attachment in self.attachments.all():
            if self._control.floor.is_live(attachment.name) and self._hears(attachment.name):
                self._trouble.pop(attachment.name, None)
                continue
            if self._hears(attachment.name):
                continue
            with contextlib.suppress(ConflictError), self._only(attachment.name):
                self._see_to(attachment)

    def _see_to(self, attachment: Attachment) -> None:
        trouble = self._trouble.setdefault(attachment.name, _Trouble())
        try:
            with contextlib.closing(
                self._make_ray(attachment.ray_url, attachment.ray_token)
            ) as ray:
                job = ray.job(attachment.job_id)
                if job is not None and not job.has_ended:
                    trouble.words = "its executor runs, and is not heard"
                elif may_attach_again(trouble.tries, self._clock() - trouble.at):
                    if job is not None:
                        trouble.words = _last_words(ray, attachment.job_id)
                    self._attach_again(ray, attachment, trouble)
        except LauncherError as error:
            if trouble.words != str(error):
                log.warning("cluster %s: %s", attachment.name, error)
            trouble.words = str(error)

    def _attach_again(self, ray: RayJobs, attachment: Attachment, trouble: _Trouble) -> None:
        trouble.tries, trouble.at = trouble.tries + 1, self._clock()
        _attaching.check_version(ray)
        ray.forget(attachment.job_id)
        renewed = self.attachments.set_job(attachment, _attaching.new_job(attachment.name))
        if renewed is not None:
            # Ray says that it has ended: the next one need not wait for its silence to last.
            self._control.floor.gone(attachment.name)
            log.warning("cluster %s is attached again by %s", attachment.name, renewed.job_id)
            self._submit(ray, renewed)

    # --- inside ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _only(self, name: str) -> Iterator[None]:
        with self._lock:
            if name in self._busy:
                raise ConflictError(
                    f"cluster '{name}' is being attached or detached right now",
                    hint="try again in a minute",
                )
            self._busy.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(name)

    def _own_url(self, ray_url: str) -> str:
        """How the nodes of that Ray reach this server, as far as can be known here."""
        port = self._settings.open_port
        if port is None:
            return self._settings.url
        return f"http://{_attaching.address_towards(ray_url)}:{port}"

    def _check_name(self, name: str) -> None:
        if (
            not NAME.fullmatch(name)
            or name == "any"
            or (name == EMBEDDED and self._settings.embedded)
        ):
            raise SpecError(
                f"'{name}' cannot be the name of an attached cluster",
                hint="--name: lower case letters, digits and dashes; local is the cluster of this "
                "machine, any is all of them",
            )
        if self._control.floor.is_live(name) and self._hears(name):
            with self._control.store.read() as tx:
                known = clusters.get(tx, name)
            host = known.session_host if known else "another host"
            raise ConflictError(
                f"an executor on {host} serves cluster '{name}' already",
                hint=f"launcher detach {name} ends it; --name gives this one another name",
            )

    def _clear_way(self, ray: RayJobs, name: str) -> Iterator[str]:
        """See who else is on that Ray: two executors of one server would disown each other's."""
        own = self._control.store.server_id
        for job in _attaching.ours(ray.jobs()):
            other = job.metadata[_attaching.CLUSTER]
            if job.metadata.get(_attaching.SERVER) != own:
                yield (
                    f"another launcher serves that Ray too ({job.id}): "
                    "each takes the other's jobs for resources that are not free"
                )
            elif other != name:
                raise ConflictError(
                    f"that Ray is attached to this server already, as cluster '{other}'",
                    hint=f"use it by that name, or launcher detach {other} first",
                )
            else:
                _attaching.stop(ray, job.id)
                self._control.floor.gone(name)
                yield f"{job.id}, which was not heard any more, is stopped"

    def _submit(self, ray: RayJobs, attachment: Attachment) -> int:
        order = {
            "cluster": attachment.name,
            "server": attachment.server_url,
            "server_id": self._control.store.server_id,
            "token": attachment.token,
            "log_format": logbook.chosen_format(),
            "ca": own_ca(),
        }
        return _attaching.submit(ray, attachment.job_id, order)

    def _serves(self, name: str) -> bool:
        with self._control.store.read() as tx:
            known = clusters.get(tx, name)
        return self._control.floor.is_live(name) and known is not None and bool(known.nodes)

    def _hears(self, name: str) -> bool:
        return self._control.floor.silent_s(name) < SILENT_S

    def _jobs_on(self, name: str) -> list[str]:
        with self._control.store.read() as tx:
            return sorted({one.job_id for one in jobs.unreleased(tx, name)})

    def _end(self, ray: RayJobs, attachment: Attachment) -> None:
        _attaching.stop(ray, attachment.job_id)
        self._forget(attachment.name)

    def _forget(self, name: str) -> None:
        self.attachments.remove(name)
        self._trouble.pop(name, None)
        with self._control.store.begin() as tx:
            clusters.detach(tx, name)
        self._control.floor.gone(name)
        self._control.floor.drop(name)


async def keep_attached(attaching: Attaching) -> None:
    """Look after the attached clusters for ever."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await asyncio.to_thread(attaching.look)
        except Exception:  # one cluster's trouble must not end the care for the others
            log.exception("looking after the attached clusters broke")


def _last_words(ray: RayJobs, job_id: str) -> str:
    facts = _attaching.read_marks(ray.log(job_id))
    return str(facts.get("refused") or "its executor ended")

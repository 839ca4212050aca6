"""Users, their tokens, what each may do in which project, and who changed what."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from launcher.api.caller import API, Caller, with_query
from launcher.views import view

if TYPE_CHECKING:  # at runtime where it is asked for: `launcher list` shall start without it
    from launcher.views_users import (
        AccessView,
        AuditView,
        NewTokenView,
        TokenView,
        UserView,
        WhoView,
    )


class Users(Caller):
    def whoami(self) -> WhoView:
        """Who the server takes this client for, and what that one may do."""
        from launcher.views_users import WhoView

        return view(WhoView, self._get(f"{API}/whoami"))

    # --- tokens ----------------------------------------------------------------------------------

    def tokens(self, *, user: str | None = None, every: bool = False) -> list[TokenView]:
        """One's own, newest first; admins see those of another user, or `every` one."""
        from launcher.views_users import TokenView

        query = ({"user": user} if user else {}) | ({"every": "1"} if every else {})
        data = self._get(with_query(f"{API}/tokens", query))
        return [view(TokenView, one) for one in data["tokens"]]

    def create_token(
        self,
        *,
        user: str | None = None,
        executor: str | None = None,
        label: str = "",
        lasts_s: float | None = None,
    ) -> NewTokenView:
        """Makes a token; its text is shown this once.

        Args:
            user: whose. Default: one's own.
            executor: in place of a user's: of the executor of this cluster.
            label: what it is for.
            lasts_s: seconds until it expires. Default: it does not.

        Raises:
            ForbiddenError: it would be another one's, and this is no admin's client.
        """
        from launcher.views_users import NewTokenView

        wish = {"user": user, "cluster": executor, "label": label, "lasts_s": lasts_s}
        return view(NewTokenView, self._post(f"{API}/tokens", wish, repeatable=False))

    def revoke_token(self, identity: str) -> TokenView:
        """Lets a token be good for nothing, with the pages that were opened by it.

        Args:
            identity: its id. Of a whole token no more than that is sent.
        """
        from launcher.model.access import id_of_token
        from launcher.views_users import TokenView

        path = f"{API}/tokens/{_quoted(id_of_token(identity))}"
        return view(TokenView, self._connection.request("DELETE", path).json())

    # --- users -----------------------------------------------------------------------------------

    def users(self) -> list[UserView]:
        from launcher.views_users import UserView

        return [view(UserView, one) for one in self._get(f"{API}/users")["users"]]

    def add_user(
        self,
        name: str,
        *,
        service: bool = False,
        admin: bool = False,
        project: str | None = None,
        role: str = "member",
        lasts_s: float | None = None,
    ) -> NewTokenView:
        """Adds a user; gives their first token.

        Args:
            name: small letters, digits, and `. _ @ -` between them.
            service: a program, as a CI job.
            admin: of the server.
            project: where they have a role; `*`: in every one.
            role: viewer, member or admin, of that project.
            lasts_s: seconds until the token expires. Default: it does not.
        """
        from launcher.views_users import NewTokenView

        kind = "service" if service else "person"
        first = {"name": name, "kind": kind, "is_admin": admin}
        wish = {**first, "project": project, "role": role, "lasts_s": lasts_s}
        return view(NewTokenView, self._post(f"{API}/users", wish, repeatable=False))

    def set_user(
        self, name: str, *, admin: bool | None = None, disabled: bool | None = None
    ) -> UserView:
        """Makes a user admin of the server or not, lets them in or not; None: as it is."""
        from launcher.views_users import UserView

        wish = {"is_admin": admin, "is_disabled": disabled}
        path = f"{API}/users/{_quoted(name)}"
        return view(UserView, self._connection.request("PUT", path, json=wish).json())

    # --- projects --------------------------------------------------------------------------------

    def access(self, project: str) -> AccessView:
        """Who has a role in a project, and on which clusters its jobs may run."""
        from launcher.views_users import AccessView

        return view(AccessView, self._get(_project(project)))

    def grant(self, project: str, user: str, role: str) -> AccessView:
        """Gives a user a role: viewer, member or admin."""
        path = f"{_project(project)}/members/{_quoted(user)}"
        return self._changed("PUT", path, {"role": role})

    def ungrant(self, project: str, user: str) -> AccessView:
        """Takes a user's role there away."""
        return self._changed("DELETE", f"{_project(project)}/members/{_quoted(user)}")

    def rule_cluster(self, project: str, cluster: str, *, allowed: bool | None) -> AccessView:
        """Lets a project use a cluster or not; `*` is every one; None: as is said of all."""
        path = f"{_project(project)}/clusters/{_quoted(cluster)}"
        if allowed is None:
            return self._changed("DELETE", path)
        return self._changed("PUT", path, {"allowed": allowed})

    def audit(
        self,
        *,
        user: str | None = None,
        thing: str | None = None,
        project: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[AuditView]:
        """Who changed what, newest first; for admins.

        Args:
            user: only what this one did.
            thing: only what was done to this job, user, ...
            project: only what is of this one.
            since: seconds since the epoch.
            limit: how many at most.
        """
        from launcher.views_users import AuditView

        query = {"user": user, "thing": thing, "project": project, "since": since, "limit": limit}
        given = {key: str(value) for key, value in query.items() if value is not None}
        data = self._get(with_query(f"{API}/audit", given))
        return [view(AuditView, one) for one in data["entries"]]

    def _changed(self, method: str, path: str, body: object = None) -> AccessView:
        from launcher.views_users import AccessView

        answer = self._connection.request(method, path, json=body, repeatable=True)
        return view(AccessView, answer.json())


def _project(name: str) -> str:
    return f"{API}/projects/{_quoted(name)}"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")

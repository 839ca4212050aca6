"""Nodes that shall be left."""

from __future__ import annotations

from launcher.api.caller import API, Caller, this_user
from launcher.model.node import Drain
from launcher.views import view


class Drains(Caller):
    def drains(self) -> list[Drain]:
        """The nodes that people want left."""
        return [view(Drain, one) for one in self._get(f"{API}/drains")["drains"]]

    def drain(
        self,
        node: str,
        *,
        cluster: str = "",
        why: str = "",
        when_idle: bool = False,
    ) -> Drain:
        """Places nothing new on a node; what runs there saves, and goes on elsewhere.

        Args:
            node: host name or Ray node id, or the beginning of either.
            cluster: where; empty: wherever there is one of that name.
            why: told to all who wonder.
            when_idle: what runs there may end by itself.

        Raises:
            NotFoundError: there is no such node; ConflictError: several may be meant.
        """
        how = {"why": why, "when_idle": when_idle, "user": this_user()}
        wish = {"node": node, "cluster": cluster, **how}
        return view(Drain, self._post(f"{API}/drains", wish, repeatable=True))

    def undrain(self, node: str, *, cluster: str = "") -> Drain:
        """Lets a node be used again.

        Raises:
            NotFoundError: nobody drained it; ConflictError: several may be meant.
        """
        wish = {"node": node, "cluster": cluster}
        return view(Drain, self._post(f"{API}/drains/end", wish, repeatable=False))

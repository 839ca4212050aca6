"""Which clusters a project may use. Without a rule: all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from launcher.model.access import EVERY


@dataclass(frozen=True)
class Reach:
    """The clusters that the jobs of a project may use. Equal where the rules say the same.

    Attributes:
        named: clusters of which a rule tells, by name.
        otherwise: whether all others may be used.
    """

    named: tuple[tuple[str, bool], ...] = ()
    otherwise: bool = True

    def allows(self, cluster: str) -> bool:
        return dict(self.named).get(cluster, self.otherwise)

    @property
    def words(self) -> str:
        """As `only gpu, lab`, `all but gpu`, `all` or `none`."""
        used = [name for name, allowed in self.named if allowed]
        barred = [name for name, allowed in self.named if not allowed]
        if self.otherwise:
            return f"all but {', '.join(barred)}" if barred else "all"
        return f"only {', '.join(used)}" if used else "none"


EVERYWHERE = Reach()


@dataclass(frozen=True)
class ClusterRules:
    """All rules: by project and cluster, of which either may be `EVERY`.

    What says most counts: of this project and this cluster, else of this project and every one,
    else of every project and this cluster, else of every one and every one.
    """

    rules: Mapping[tuple[str, str], bool]

    def reach(self, project: str) -> Reach:
        """Where jobs of that project may run."""
        if not self.rules:
            return EVERYWHERE
        otherwise = self._says(project, EVERY)
        clusters = sorted({cluster for _, cluster in self.rules} - {EVERY})
        told = ((name, self._says(project, name)) for name in clusters)
        return Reach(tuple(one for one in told if one[1] != otherwise), otherwise)

    def _says(self, project: str, cluster: str) -> bool:
        for key in ((project, cluster), (project, EVERY), (EVERY, cluster), (EVERY, EVERY)):
            if key in self.rules:
                return self.rules[key]
        return True

"""Servers by name: which one this user speaks to. A file of his own, since it holds tokens.

`local` is always there: the server of this user on this machine. LAUNCHER_SERVER wins over all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError

LOCAL = "local"
FILE = "contexts.json"


@dataclass(frozen=True)
class RayJobRef:
    """The Ray job that a server runs in (`launcher attach --with-server`)."""

    url: str
    job_id: str
    token: str | None = None


@dataclass(frozen=True)
class Context:
    """A server. `token`: in place of it LAUNCHER_TOKEN, if that is set. `ca`: as LAUNCHER_CA."""

    name: str
    server: str
    token: str | None = None
    ray: RayJobRef | None = None
    ca: str | None = None


@dataclass(frozen=True)
class Contexts:
    """All that the file holds. Changing gives another one; `save` writes it."""

    current: str = LOCAL
    known: Mapping[str, Context] = field(default_factory=dict)

    @property
    def chosen(self) -> Context | None:
        """The one in use; None is this user's own server."""
        return self.known.get(self.current)

    def get(self, name: str) -> Context:
        """Raises NotFoundError: there is none of that name."""
        found = self.known.get(name)
        if found is None:
            raise NotFoundError(
                f"no context '{name}'", hint=f"there are: {', '.join([LOCAL, *sorted(self.known)])}"
            )
        return found

    def use(self, name: str) -> Contexts:
        if name != LOCAL:
            self.get(name)
        return Contexts(name, self.known)

    def add(self, context: Context) -> Contexts:
        """With that context, in place of one of its name."""
        from launcher.names import NAME

        if context.name == LOCAL:
            raise SpecError(f"'{LOCAL}' is this machine's own server", hint="choose another name")
        if not NAME.fullmatch(context.name):
            raise SpecError(
                f"'{context.name}' cannot be a context's name",
                hint="lower case letters, digits and dashes",
            )
        return Contexts(self.current, {**self.known, context.name: context})

    def remove(self, name: str) -> Contexts:
        if name == LOCAL:
            raise ConflictError(f"'{LOCAL}' is always there", hint="launcher down stops its server")
        gone = self.get(name).name
        left = {key: one for key, one in self.known.items() if key != gone}
        return Contexts(LOCAL if self.current == gone else self.current, left)

    def save(self) -> None:
        path = contexts_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{FILE}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        data = {"current": self.current, "contexts": [asdict(one) for one in self.known.values()]}
        with open(fresh, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(data, file, indent=2)
        fresh.rename(path)


def contexts_file() -> Path:
    """In the place that XDG names for settings."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "launcher" / FILE


def load_contexts() -> Contexts:
    """What the file says; without one, `local` alone.

    Raises:
        LauncherError: it is no such file.
    """
    path = contexts_file()
    try:
        data = json.loads(path.read_text())
        known = [_context(item) for item in data["contexts"]]
        return Contexts(str(data["current"]), {one.name: one for one in known})
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LauncherError(
            f"{path} cannot be read: {error}",
            hint="mend or delete it; LAUNCHER_SERVER and LAUNCHER_TOKEN do without it",
        ) from error


def _context(data: Mapping[str, object]) -> Context:
    names = {one.name for one in fields(Context)}
    values = {key: value for key, value in data.items() if key in names}
    ray = values.pop("ray", None)
    return Context(**values, ray=RayJobRef(**ray) if isinstance(ray, dict) else None)  # type: ignore[arg-type] # judged by load_contexts' except

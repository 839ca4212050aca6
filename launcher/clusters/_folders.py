"""Folders that no other user of the machine can read, enter or swap for a link."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from launcher.errors import ConflictError

# Ray puts sockets some 65 characters below its folder, and a socket's path ends at 107: no place
# below a home or TMPDIR is sure to be short enough.
_SHORT = Path("/tmp")  # noqa: S108 - what lies in it is checked below


def make_private(folder: Path) -> Path:
    """The folder with access for its owner alone, made if it is absent.

    Raises:
        ConflictError: something that is not ours is in its place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise ConflictError(
            f"'{folder}' is not a folder of user {os.getuid()}",
            hint="someone else made it; remove it, or ask its owner to",
        )
    if stat.S_IMODE(seen.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


def short_folder(owner: Path) -> Path:
    """Where Ray may put its files for the state in `owner`; always the same for the same path.

    Ray opens its folder to everyone (it sets mode 0777), so the one above keeps others out.
    """
    name = hashlib.sha256(os.fsencode(owner.resolve())).hexdigest()[:10]
    return make_private(_SHORT / f"launcher-{os.getuid()}") / f"r-{name}"

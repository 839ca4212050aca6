"""Run by a job's interpreter: which packages it has, in which versions; it imports none of them.

Python 3.8, standard library. `importlib.metadata` would take five times as long: names of folders
tell the same.

    python _probe.py FOLDER '{"torch": {"module": "torch", "distributions": ["torch"]}}'

FOLDER is the program's: python looks for modules there first. The answer is one line that begins
with MARK; sitecustomize and .pth files may print others.
"""

from __future__ import annotations

import os
import sys

MARK = "@launcher "
_ENDINGS = (".dist-info", ".egg-info")


def answer(wanted: dict[str, dict], path: list[str]) -> dict[str, dict]:  # type: ignore[type-arg] # 3.8
    """What is told of each package.

    Args:
        wanted: `module` and `distributions` of each, by the name of the package.
        path: folders where python looks for modules.

    Returns:
        `version` (None: no record of one) and `module` (it can be found), by package.
    """
    from importlib.util import find_spec

    recorded = _recorded(path)
    told = {}
    for name, package in wanted.items():
        versions = [recorded[known] for known in package["distributions"] if known in recorded]
        spec = find_spec(package["module"])
        # A mere folder of that name, as of the job's own files, is no package.
        is_there = spec is not None and spec.origin is not None
        told[name] = {"version": versions[0] if versions else None, "module": is_there}
    return told


def _recorded(path: list[str]) -> dict[str, str]:
    """Versions of all distributions, by their normalised names; python takes the first it finds."""
    found: dict[str, str] = {}
    for folder in path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - importing pathlib takes longer
        except OSError:
            continue
        for entry in names:
            if entry.endswith(_ENDINGS):
                name, version = split(entry)
                found.setdefault(name, version)
    return found


def split(entry: str) -> tuple[str, str]:
    """Name and version of a distribution's record; no version where it has none.

    >>> split("torch-2.13.0+cpu.dist-info"), split("Torch_XLA-2.1.0-py3.11.egg-info")
    (('torch', '2.13.0+cpu'), ('torch-xla', '2.1.0'))
    """
    parts = entry.rpartition(".")[0].split("-")
    if len(parts) > 1 and parts[-1].startswith("py"):
        parts.pop()
    version = parts.pop() if len(parts) > 1 and parts[-1][:1].isdigit() else ""
    return "-".join(parts).lower().replace("_", "-").replace(".", "-"), version


def main() -> None:
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        # Where python put our own folder it puts the program's; keras.py of ours is no Keras.
        sys.path[0] = sys.argv[1]
    import json

    told = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": answer(json.loads(sys.argv[2]), sys.path),
    }
    print(MARK + json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

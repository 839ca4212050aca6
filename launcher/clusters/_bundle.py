"""The archive that carries our own code to a Ray head, so that nothing is installed there.

start.sh               what Ray runs: finds the Python of Ray's own workers
attach.json            the order: which server, which cluster, which token
launcher/              what an executor imports; for `--with-server` all of launcher
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import launcher

PARTS = ("clusters", "executor", "frameworks", "model", "train")
FILES = (
    *("__init__.py", "errors.py", "logbook.py", "names.py"),
    *("transport.py", "trust.py", "units.py"),
)
"""Of launcher: all that an executor and its agents import."""
ORDER = "attach.json"
ENTRYPOINT = "exec sh start.sh"
"""`exec`, so that the script's parent is Ray's worker, which it asks for its Python."""

_START = """\
# Ray runs this on the head of its cluster to start launcher's executor there.
# The right Python is the one of Ray's own workers: their raylet's command line names it. Where Ray
# made an environment for this job, it is the one on the PATH, and its name is given.
raylet=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$PPID/status")
own=$(tr '\\0' '\\n' <"/proc/$raylet/cmdline" |
  sed -n 's/^--python_worker_command=\\([^ ]*\\).*/\\1/p')
check='import sys, importlib.util as util
sys.exit(sys.version_info < (3, 10) or not util.find_spec("ray"))'
for python in "$@" "$own" python python3; do
  if [ -n "$python" ] && "$python" -c "$check" 2>/dev/null; then
    exec "$python" -m launcher.executor.attached
  fi
done
found=$("${own:-python3}" --version 2>&1 || echo none)
printf '@launcher {"refused": "launcher needs Python 3.10 or newer; the cluster runs %s", ' "$found"
printf '"hint": "start its Ray with a newer Python"}\\n'
exit 1
"""


def bundle(order: Mapping[str, Any], *, whole: bool) -> bytes:
    """A zip archive.

    Args:
        order: for `launcher.executor.attached`; readable by whoever can submit jobs to that Ray.
        whole: with the server too.
    """
    root = Path(launcher.__file__).parent
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("start.sh"), _START)
        archive.writestr(_entry(ORDER, 0o600), json.dumps(dict(order)))
        for file in _files(root, whole=whole):
            archive.writestr(_entry(f"launcher/{file.relative_to(root)}"), file.read_bytes())
    return data.getvalue()


def digest(archive: bytes) -> str:
    return hashlib.sha256(archive).hexdigest()[:32]


def _files(root: Path, *, whole: bool) -> list[Path]:
    if whole:
        found = [path for path in root.rglob("*") if path.is_file()]
        return sorted(path for path in found if "__pycache__" not in path.parts)
    found = [file for part in PARTS for file in sorted((root / part).iterdir())]
    code = [file for file in found if file.suffix in {".py", ".json"}]
    return [root / name for name in FILES] + code


def _entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    """Without a time, so that the same code gives the same archive."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry

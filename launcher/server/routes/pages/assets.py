"""Styles, scripts and pictures of the pages, at addresses that change with what they hold."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import Response

from launcher.errors import NotFoundError

router = APIRouter()
_FOLDER = Path(__file__).parents[2] / "assets"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class _Assets(NamedTuple):
    digest: str
    """Of all of them together: a script and what it imports come from one version."""
    content: dict[str, bytes]


@cache
def _assets() -> _Assets:
    files = sorted(path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
    content = {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in files}
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return _Assets(digest.hexdigest()[:16], content)


def address_of(name: str) -> str:
    """Where an asset is served; `name`: its path in the folder of all."""
    assets = _assets()
    assert name in assets.content, f"no asset {name}"
    return f"/assets/{assets.digest}/{name}"


@router.get("/assets/{digest}/{name:path}")
async def asset(digest: str, name: str) -> Response:
    """For everybody: nothing in it is of this server's jobs."""
    assets = _assets()
    data = assets.content.get(name)
    if data is None:
        raise NotFoundError(f"no asset '{name}'")
    headers = {
        # A page of an older server gets what there is now, and shall not keep it as that.
        "Cache-Control": _FOR_EVER if digest == assets.digest else "no-store",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(data, headers=headers, media_type=_TYPES[Path(name).suffix])

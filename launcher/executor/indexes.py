"""Where packages come from: what a job says to uv and to pip, each in the other's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

_NAMES = (
    ("PIP_INDEX_URL", " ", ("UV_INDEX_URL", "UV_DEFAULT_INDEX"), " "),
    ("PIP_EXTRA_INDEX_URL", " ", ("UV_EXTRA_INDEX_URL", "UV_INDEX"), " "),
    ("PIP_FIND_LINKS", " ", ("UV_FIND_LINKS",), ","),
)
"""A variable of pip, what stands between its items, and the same of uv; its first name is told."""
_SOURCE = re.compile(r"(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)\b")
_PLAIN_HTTP = re.compile(r"\bhttp://[^\s,'\"]+")


def uv_from_pip(env: Mapping[str, str]) -> dict[str, str]:
    """Variables of uv that say what those of pip say; only those that are not there.

    >>> uv_from_pip({"PIP_FIND_LINKS": "/a /b"})
    {'UV_FIND_LINKS': '/a,/b'}
    """
    return {
        uvs[0]: between_uvs.join(env[pips].split())
        for pips, _, uvs, between_uvs in _NAMES
        if pips in env and not any(name in env for name in uvs)
    }


def pip_from_uv(env: Mapping[str, str]) -> dict[str, str]:
    """The other way round.

    >>> pip_from_uv({"UV_INDEX": "https://a/simple https://b/simple", "PIP_INDEX_URL": "https://c"})
    {'PIP_EXTRA_INDEX_URL': 'https://a/simple https://b/simple'}
    """
    found = {}
    for pips, between, uvs, between_uvs in _NAMES:
        told = next((env[name] for name in uvs if name in env), None)
        if told is not None and pips not in env:
            # An index of uv may have a name before it, which pip does not know: corp=https://…
            items = [re.sub(r"^[\w.-]+=", "", one) for one in told.split(between_uvs) if one]
            found[pips] = between.join(items)
    return found


def lines_for_pip(options: Iterable[str], env: Mapping[str, str]) -> Iterator[str]:
    """The lines of a requirements file by which pip looks where uv would look.

    uv takes packages over plain HTTP from whoever is named; pip wants to be told.

    Args:
        options: lines of requirements that say where packages come from.
        env: what pip finds around it.
    """
    sources = [line for line in options if _SOURCE.match(line)]
    yield from sources
    told = [*sources, *(env.get(name, "") for name, _, _, _ in _NAMES)]
    hosts = (urlsplit(url).hostname for text in told for url in _PLAIN_HTTP.findall(text))
    yield from (f"--trusted-host {host}" for host in dict.fromkeys(hosts) if host)

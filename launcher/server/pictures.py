"""Which files of users a browser may show as pictures: by what they hold, never by their names.

SVG is none of them: it can hold scripts.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

LARGEST_PICTURE = 32 * 1024 * 1024
_NAMES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif"})
_LONGEST_SIGN = 16


def is_named_like_a_picture(path: str) -> bool:
    """Whether it is worth to ask.

    >>> is_named_like_a_picture("plots/Loss.PNG"), is_named_like_a_picture("page.svg")
    (True, False)
    """
    return PurePosixPath(path).suffix.lower() in _NAMES


def type_of_picture(file: Path) -> str | None:
    """Its media type; None when it is no picture, or a larger one than a page should load."""
    try:
        if file.stat().st_size > LARGEST_PICTURE:
            return None
        with file.open("rb") as opened:
            return type_of(opened.read(_LONGEST_SIGN))
    except FileNotFoundError:
        return None


def type_of(beginning: bytes) -> str | None:
    r"""The media type of a picture that begins so.

    >>> type_of(b"\x89PNG\r\n\x1a\n..."), type_of(b"<svg xmlns=")
    ('image/png', None)
    """
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if beginning.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if beginning[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "image/webp"
    if beginning[4:12] in {b"ftypavif", b"ftypavis"}:
        return "image/avif"
    return None

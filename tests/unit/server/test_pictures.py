"""What a browser may show of what users wrote."""

import pytest

from launcher.server.pictures import LARGEST_PICTURE, type_of, type_of_picture

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0 ftypavif", "image/avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"<!doctype html>", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_what_it_holds(beginning, kind):
    assert type_of(beginning) == kind


def test_a_name_makes_no_picture(tmp_path):
    page = tmp_path / "loss.png"
    page.write_bytes(b"<script>alert(1)</script>")
    assert type_of_picture(page) is None
    page.write_bytes(PNG)
    assert type_of_picture(page) == "image/png"


def test_what_is_gone_or_far_too_large_is_none(tmp_path):
    assert type_of_picture(tmp_path / "gone.png") is None
    large = tmp_path / "large.png"
    large.write_bytes(PNG)
    with large.open("r+b") as file:
        file.truncate(LARGEST_PICTURE + 1)
    assert type_of_picture(large) is None

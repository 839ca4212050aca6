"""The headers that are made here are byte for byte those of tarfile."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.spec.tar import TarWriter, header

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=120
) | st.text("abc/._-", min_size=95, max_size=105)


@given(
    name=NAMES,
    size=st.integers(0, 2**40),
    mode=st.sampled_from([0o644, 0o755]),
    kind=st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]),
)
def test_a_header_is_the_one_that_tarfile_makes(
    name: str, size: int, mode: int, kind: bytes
) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.type = size if kind == tarfile.REGTYPE else 0, mode, kind
    assert header(info) == info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


@pytest.mark.parametrize("sizes", [(), (0,), (1, 512), (511, 513, 10_000), (2**20 + 1,)])
def test_a_tar_is_the_one_that_tarfile_makes(sizes: tuple[int, ...]) -> None:
    ours, theirs = io.BytesIO(), io.BytesIO()
    writer = TarWriter(ours.write)
    with tarfile.open(fileobj=theirs, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"f{number}")
            info.size = size
            writer.add(info, io.BytesIO(b"x" * size))
            tar.addfile(info, io.BytesIO(b"x" * size))
    writer.close()
    assert ours.getvalue() == theirs.getvalue()


def test_a_file_that_is_shorter_than_it_said_is_an_error() -> None:
    info = tarfile.TarInfo("f")
    info.size = 10
    with pytest.raises(OSError, match="unexpected end"):
        TarWriter(lambda _: None).add(info, io.BytesIO(b"x"))

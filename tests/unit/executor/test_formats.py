"""A file that is cut anywhere is torn, as far as its format can tell; a whole one is whole."""

import io
import json
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.executor.formats import Structure, structure_of


def archive(*contents, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as made:
        for number, content in enumerate(contents):
            made.writestr(f"archive/data/{number}", content)
    return data.getvalue()


def safetensors(*sizes):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for number, size in enumerate(sizes):
        offsets = [end, end + size]
        header[f"layer.{number}"] = {"dtype": "U8", "shape": [size], "data_offsets": offsets}
        end += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


def hdf5(size, version=0, base=0, flags=0):
    """A superblock that says where the file ends, and as many bytes as it says."""
    signature = b"\x89HDF\r\n\x1a\n"
    addresses = struct.pack("<QQQQ", base, 2**64 - 1, size - base, 96)
    if version < 2:
        more = b"\0" * 4 * version
        head = signature + struct.pack("<BBBBBBBBHHI", version, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
        head += more
    else:
        head = signature + struct.pack("<BBBB", version, 8, 8, flags)
    return (head + addresses).ljust(size, b"x")


def judged(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return structure_of(path)


WHOLE = {
    "snapshot.pt": archive(b"weights"),
    "model.keras": archive(b"{}", compression=zipfile.ZIP_DEFLATED),
    "nothing.npz": archive(),
    "model.safetensors": safetensors(3, 0),
    "empty.safetensors": safetensors(),
    "model.weights.h5": hdf5(90),
    "v1.h5": hdf5(90, version=1),
    "v2.h5": hdf5(90, version=2),
    "v3.hdf5": hdf5(90, version=3),
    "without-an-ending": archive(b"weights"),
}


ZIPS = [name for name in WHOLE if not name.endswith((".safetensors", "h5", "hdf5"))]


@pytest.mark.parametrize("name", WHOLE)
def test_of_a_whole_file_only_a_zip_proves_that_it_is(tmp_path, name):
    expected = Structure.WHOLE if name in ZIPS else Structure.UNKNOWN
    assert judged(tmp_path, name, WHOLE[name]) is expected


@pytest.mark.parametrize("name", [name for name in WHOLE if "." in name])
def test_a_file_that_is_cut_at_any_byte_is_torn(tmp_path, name):
    whole = WHOLE[name]
    found = {judged(tmp_path, name, whole[:length]) for length in range(len(whole))}
    assert found == {Structure.TORN}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_has_its_length_before_its_contents_is_not_whole(tmp_path, name):
    whole = WHOLE[name]
    for length in range(len(whole) - 1):
        content = whole[:length].ljust(len(whole), b"\0")
        if content != whole:
            assert judged(tmp_path, name, content) is not Structure.WHOLE


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.data())
def test_no_beginning_of_an_archive_is_whole(tmp_path_factory, contents, data):
    whole = archive(*contents)
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "drawn.pt"
    path.write_bytes(whole[:cut])
    assert structure_of(path) is Structure.TORN
    path.write_bytes(whole)
    assert structure_of(path) is Structure.WHOLE


def test_an_archive_within_a_torn_archive_does_not_make_it_whole(tmp_path):
    inner = archive(b"inner")
    outer = archive(b"before", inner, b"after")
    cut = outer.index(inner) + len(inner)
    assert judged(tmp_path, "a.pt", outer[:cut]) is Structure.TORN


def test_an_hdf5_file_that_is_open_for_writing_is_torn(tmp_path):
    assert judged(tmp_path, "a.h5", hdf5(90, version=3, flags=1)) is Structure.TORN


def test_an_hdf5_file_that_has_grown_since_its_head_was_written_is_torn(tmp_path):
    assert judged(tmp_path, "a.h5", hdf5(90) + b"more") is Structure.TORN


def test_a_user_block_before_an_hdf5_file_counts_to_its_length(tmp_path):
    assert judged(tmp_path, "a.h5", hdf5(700, version=2, base=512)) is Structure.UNKNOWN
    assert judged(tmp_path, "a.h5", hdf5(700, version=2, base=512)[:-1]) is Structure.TORN


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("old.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."),
        ("state.bin", b"\1\2\3"),
        ("done", b""),
        ("history.csv", b"loss\n0.5"),
    ],
)
def test_of_other_files_nothing_is_known(tmp_path, name, content):
    assert judged(tmp_path, name, content) is Structure.UNKNOWN


@pytest.mark.parametrize("name", ["a.pt", "a.bin", "a.ckpt", "a.h5", "a.safetensors", "a.pkl"])
def test_an_empty_file_of_weights_is_torn(tmp_path, name):
    assert judged(tmp_path, name, b"") is Structure.TORN


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 8 + b"{}",
        (2).to_bytes(8, "little") + b"{]",
        (2).to_bytes(8, "little") + b"[]",
        (7).to_bytes(8, "little") + b'{"a":1}',
        (2**40).to_bytes(8, "little") + b"{}",
    ],
)
def test_a_broken_header_of_safetensors_is_torn(tmp_path, content):
    assert judged(tmp_path, "a.safetensors", content) is Structure.TORN


def test_a_file_that_vanished_is_torn(tmp_path):
    assert structure_of(tmp_path / "gone.pt") is Structure.TORN


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(tmp_path_factory, content):
    for name in ("a.pt", "a.h5", "a.safetensors", "a.zip"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        structure_of(path)
        path.write_bytes(b"PK\x03\x04" + content)
        structure_of(path)
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + content)
        structure_of(path)

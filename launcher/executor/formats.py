"""Whether a file that a program writes is all there, as far as its own structure tells.

A zip (.pt, .keras, .npz) ends with its directory, which is written last: where that is, all is.
Safetensors and HDF5 say how long they are: that tells a torn file, but not a whole one, for a file
may have its length before its contents. Sums of contents are not checked: torch leaves them out
when asked to. Nothing is deserialised.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from enum import Enum
from pathlib import Path
from typing import BinaryIO


class Structure(Enum):
    WHOLE = "whole"
    """What is written last is there."""
    TORN = "torn"
    """Its format says that something is missing."""
    UNKNOWN = "unknown"
    """Its format tells nothing against it, or is not known here."""


_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_ZIP_NAMES = frozenset({".keras", ".npz", ".zip"})
_HDF5_NAMES = frozenset({".h5", ".hdf5"})
_SAFETENSORS = ".safetensors"
_TORCH_NAMES = frozenset({".pt", ".pth"})
_NEVER_EMPTY = (
    _ZIP_NAMES | _HDF5_NAMES | _TORCH_NAMES | {_SAFETENSORS, ".bin", ".ckpt", ".npy", ".onnx"}
) | {".joblib", ".msgpack", ".pickle", ".pkl"}
_LONGEST_HEADER = 100 * 10**6
"""Of safetensors, by its definition."""


def structure_of(path: Path) -> Structure:
    """How a file looks now. One that vanishes, or cannot be read, is torn."""
    try:
        with path.open("rb") as file:
            return _judge(file, path.suffix.lower())
    except OSError:
        return Structure.TORN


def _judge(file: BinaryIO, suffix: str) -> Structure:
    head = file.read(16)
    size = os.fstat(file.fileno()).st_size
    if not head:
        return Structure.TORN if suffix in _NEVER_EMPTY else Structure.UNKNOWN
    if head.startswith(_ZIP) or suffix in _ZIP_NAMES:
        return Structure.WHOLE if _is_whole_zip(file) else Structure.TORN
    if head.startswith(_HDF5) or suffix in _HDF5_NAMES:
        return Structure.UNKNOWN if _is_long_hdf5(file, size) else Structure.TORN
    if suffix == _SAFETENSORS:
        return Structure.UNKNOWN if _is_long_safetensors(file, size) else Structure.TORN
    if suffix in _TORCH_NAMES and (not head.strip(b"\0") or _ZIP.startswith(head)):
        return Structure.TORN  # it has its length, or a first byte, but no contents yet
    return Structure.UNKNOWN


def _is_whole_zip(file: BinaryIO) -> bool:
    """The directory at its end is there, and every entry before it lies where that says."""
    file.seek(0)
    is_empty = not file.read(4).startswith(_ZIP)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            end = archive.start_dir
            # One that begins later is another archive, which is an entry of the torn one.
            begins = entries[0].header_offset if entries else end
            return (
                bool(entries) is not is_empty
                and begins == 0
                and all(_entry_fits(file, entry, end) for entry in entries)
            )
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return False


def _entry_fits(file: BinaryIO, entry: zipfile.ZipInfo, end: int) -> bool:
    file.seek(entry.header_offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(_ZIP):
        return False
    name, extra = struct.unpack("<26xHH", header)
    return bool(entry.header_offset + 30 + name + extra + entry.compress_size <= end)


def _is_long_safetensors(file: BinaryIO, size: int) -> bool:
    """Its header is there, and the file ends where the last tensor does."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        return False
    try:
        header = json.loads(file.read(length))
        ends = [
            int(tensor["data_offsets"][1])
            for name, tensor in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return False
    return size == 8 + length + max(ends, default=0)


def _is_long_hdf5(file: BinaryIO, size: int) -> bool:
    """The file ends where its superblock says: the library writes that when it closes the file."""
    file.seek(0)
    block = file.read(64)
    if len(block) < 48 or not block.startswith(_HDF5):
        return False
    version = block[8]
    if version in {0, 1}:
        width, first = block[13], 24 if version == 0 else 28
        numbers = _addresses(block, first, width, 3)
        base, end = numbers[0], numbers[2]  # between them: where free space is listed
    elif version in {2, 3}:
        if version == 3 and block[11] & 1:
            return False  # still open for writing, or its writer died
        numbers = _addresses(block, 12, block[9], 3)
        base, end = numbers[0], numbers[2]  # between them: where the block goes on
    else:
        return True  # a later version than is known here
    return base + end == size


def _addresses(block: bytes, first: int, width: int, count: int) -> list[int]:
    places = range(first, first + count * width, width or 1)
    return [int.from_bytes(block[place : place + width], "little") for place in places][:count] or [
        -1
    ] * count

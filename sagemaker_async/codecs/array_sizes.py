"""The sizes that .npy and .npz bodies claim, checked before numpy takes any memory for them.

A few hundred bytes can claim anything: a .npy header any shape, a .npz archive (a zip file) any number of bytes, and
zeros deflate a thousandfold. What is believed is bounded: an archive's directory may claim `limit` bytes for all of its
members together, and a header no more than what follows it. No member inflates to more than its directory entry claims,
for `zipfile` reads it no further.

Sources: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, and APPNOTE.TXT for zip files.
"""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING

from sagemaker_async import _lazy
from sagemaker_async.errors import DeserializationError

if TYPE_CHECKING:
    import zipfile

__all__ = ["NPY_MAGIC", "ZIP_MAGIC", "check_archive", "check_array", "check_size"]

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK"

_HEADER_CHARACTERS = 10_000
"""numpy's own limit of a header, which is parsed as Python."""

_STORED, _DEFLATED = 0, 8
"""The ways of compression that numpy writes. Of these `zipfile` inflates no more at a time than is asked for."""


def check_size(size: int, limit: int, what: str) -> None:
    """Raise `DeserializationError` when `what` would take more than `limit` bytes."""
    if size > limit:
        raise DeserializationError(
            f"{what} unpacks to {size} bytes, more than the {limit} that are allowed; pass a larger max_bytes if you "
            "trust the model"
        )


def check_array(file: IO[bytes], size: int, limit: int, what: str, *, trusted: bool = False) -> None:
    """Raise `DeserializationError` when a .npy file's header claims more than `limit` bytes, or more than the file has.

    Arrays of Python objects are left alone: numpy refuses them unless it is told to trust them.

    Args:
        file: at its beginning; it is read up to the end of the header.
        size: its length in bytes, header included.
        limit: the most bytes that its array may take.
        what: the file, for messages.
        trusted: whether the header may be of any length, as numpy has it for those who allow pickles.

    Raises:
        ValueError: the header is malformed.
    """
    npy = _lazy.optional("numpy.lib.format", "NumpyDeserializer")
    version = npy.read_magic(file)
    # Versions 2 and 3 differ in the encoding of field names alone, which say nothing about sizes.
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file, max_header_size=size if trusted else _HEADER_CHARACTERS)
    if dtype.hasobject:
        return
    claimed = math.prod(shape) * dtype.itemsize
    check_size(claimed, limit, what)
    left = size - file.tell()
    if claimed > left:
        raise DeserializationError(
            f"{what} is truncated or damaged: its header claims {claimed} bytes of data, {left} follow"
        )


def check_archive(archive: zipfile.ZipFile, limit: int, what: str, *, trusted: bool = False) -> None:
    """Raise `DeserializationError` when the members of an archive claim more than `limit` bytes, or than they have.

    Raises:
        ValueError, zipfile.BadZipFile: a member is malformed.
    """
    members = archive.infolist()
    check_size(sum(member.file_size for member in members), limit, what)
    for member in members:
        if member.compress_type not in (_STORED, _DEFLATED):
            raise DeserializationError(f"{what} is compressed in a way that numpy does not write; use numpy.savez")
        with archive.open(member) as file:
            is_array = file.read(len(NPY_MAGIC)) == NPY_MAGIC
        if is_array:
            with archive.open(member) as file:
                check_array(file, member.file_size, limit, f"{member.filename!r} of {what}", trusted=trusted)

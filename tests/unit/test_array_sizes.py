"""What .npy and .npz bodies may unpack to: what they claim is checked before memory is taken."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest

from sagemaker_async.codecs.array_sizes import NPY_MAGIC
from sagemaker_async.config import Config
from sagemaker_async.deserializers import NumpyDeserializer
from sagemaker_async.errors import ConfigurationError, DeserializationError


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zipped(*, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def header(shape: tuple[int, ...], descr: Any = "<f8", version: tuple[int, int] = (1, 0)) -> bytes:
    """Return the header of a .npy file, which may claim anything."""
    encoding = "utf-8" if version[0] == 3 else "latin1"
    literal = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode(encoding)
    length = len(literal).to_bytes(2 if version[0] == 1 else 4, "little")
    return NPY_MAGIC + bytes(version) + length + literal


def lying(body: bytes, size: int) -> bytes:
    """Return a zip file of one member, with another size of it in both of its headers."""
    local, central = bytearray(body), body.index(b"PK\x01\x02")
    for at in (22, central + 24):
        local[at : at + 4] = size.to_bytes(4, "little")
    return bytes(local)


BOMB = npy(np.zeros(1 << 26, "u1"))
"""64 MiB of zeros: 64 KiB when they are deflated."""


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (npy(np.zeros(1001, "u1")), "application/x-npy", "unpacks to 1001 bytes, more than the 1000 .* larger max_b"),
        (zipped(a=BOMB), "application/x-npz", f"unpacks to {len(BOMB)} bytes, more than the 1000 that are allowed"),
        (npz(a=np.zeros(400, "u1"), b=np.zeros(400, "u1")), "application/x-npz", "unpacks to 1056 bytes"),
        (zipped(text=b"x" * 1001), "application/x-npz", "unpacks to 1001 bytes"),
        (header((2**62, 4)), "application/x-npy", f"unpacks to {2**67} bytes"),
        (header((2, 2), ("<f8", (1000,))), "application/x-npy", "unpacks to 32000 bytes"),
        (header((100,)) + bytes(799), "application/x-npy", "its header claims 800 bytes of data, 799 follow"),
        (zipped(a=header((100,)) + bytes(799)), "application/x-npz", "'a.npy' of .* claims 800 bytes of data, 799 fol"),
        (zipped(a=header((10**9,))), "application/x-npz", "'a.npy' of .* unpacks to 8000000000 bytes"),
        (lying(zipped(a=BOMB), 200), "application/x-npz", "Bad CRC-32"),
        (lying(zipped(a=bytes(1 << 26)), 200), "application/x-npz", "Bad CRC-32"),
        (lying(zipped(a=header((9,)) + bytes(1 << 26)), 200), "application/x-npz", "Bad CRC-32"),
        (zipped(compression=zipfile.ZIP_BZIP2, a=header((9,)) + bytes(72)), "application/x-npz", "not write"),
        (zipped(compression=zipfile.ZIP_LZMA, a=header((9,)) + bytes(72)), "application/x-npz", "not write"),
    ],
)  # fmt: skip
def test_numpy_takes_no_more_memory_than_it_is_allowed(body: bytes, content_type: str, problem: str) -> None:
    NumpyDeserializer().deserialize(npz(a=np.zeros(1)), "application/x-npz")  # the imports are not counted
    tracemalloc.start()
    try:
        with pytest.raises(DeserializationError, match=problem):
            NumpyDeserializer(max_bytes=1000).deserialize(body, content_type)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(body) + (1 << 20)


@pytest.mark.parametrize(
    ("dtype", "body"),
    [("float64", npy(np.zeros(126, "u1"))), ("float64", header((10**12,), "|V0")), ("U30", npy(np.zeros(10, "u1")))],
    ids=["wider", "from nothing", "text"],
)
def test_numpy_bounds_what_a_conversion_takes(dtype: str, body: bytes) -> None:
    with pytest.raises(DeserializationError, match=f"converted to {dtype}, unpacks to [0-9]+ bytes"):
        NumpyDeserializer(dtype=dtype, max_bytes=1000).deserialize(body, "application/x-npy")


def test_numpy_reads_what_just_fits() -> None:
    exact = npy(np.ones(1000, "u1"))
    assert NumpyDeserializer(max_bytes=1000).deserialize(exact, "application/x-npy").sum() == 1000
    assert NumpyDeserializer("u2", max_bytes=2000).deserialize(exact, "application/x-npy").nbytes == 2000
    body = zipped(a=exact)
    arrays = NumpyDeserializer(max_bytes=len(exact)).deserialize(body, "application/x-npz")
    assert arrays["a"].sum() == 1000
    with pytest.raises(DeserializationError, match="unpacks to"):
        NumpyDeserializer(max_bytes=len(exact) - 1).deserialize(body, "application/x-npz")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_numpy_reads_headers_of_all_versions(version: tuple[int, int]) -> None:
    name = "\u6e29\u5ea6" if version == (3, 0) else "t\u00e4"
    body = header((2,), [(name, "<f8")], version) + np.array([1.0, 2.0]).tobytes()
    assert NumpyDeserializer().deserialize(body, "application/x-npy")[name].tolist() == [1.0, 2.0]
    assert NumpyDeserializer().deserialize(zipped(a=body), "application/x-npz")["a"][name].tolist() == [1.0, 2.0]


def test_numpy_reads_long_headers_of_those_it_trusts() -> None:
    columns = [(f"a_column_with_a_long_name_{number}", "<f8") for number in range(500)]
    body = header((1,), columns) + bytes(8 * 500)
    assert NumpyDeserializer(allow_pickle=True).deserialize(body, "application/x-npy").shape == (1,)
    with pytest.raises(DeserializationError, match="Header info length"):
        NumpyDeserializer().deserialize(body, "application/x-npy")


@pytest.mark.parametrize("max_bytes", [0, -1, 1.5, True, None, "1000"])
def test_numpy_refuses_limits_that_are_none(max_bytes: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes must be a whole number of at least 1"):
        NumpyDeserializer(max_bytes=max_bytes)


def test_numpys_limit_is_that_of_answers() -> None:
    assert NumpyDeserializer().max_bytes == Config().max_response_bytes

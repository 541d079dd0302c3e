"""Tensors to and from bytes; needs torch, which CI does not install: its wheel is larger than all the rest together.

By hand: install a CPU build of torch into the test environment and run this file.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from sagemaker_async.deserializers import TorchTensorDeserializer
from sagemaker_async.errors import DeserializationError, SerializationError
from sagemaker_async.serializers import NumpySerializer, TorchTensorSerializer

torch: Any = pytest.importorskip("torch", reason="torch is not installed")

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_round_trip(dtype: str) -> None:
    tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    back = TorchTensorDeserializer().deserialize(io.BytesIO(TorchTensorSerializer().serialize(tensor)))  # type: ignore[arg-type]
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(back, tensor)


def test_tensors_are_detached_and_written_as_numpy_writes_arrays() -> None:
    for tensor in (torch.ones(2, 3, requires_grad=True), torch.nn.Parameter(torch.ones(2, 3))):
        assert TorchTensorSerializer().serialize(tensor) == NumpySerializer().serialize(np.ones((2, 3), "float32"))
    conjugate = torch.tensor([1 + 2j]).conj()
    assert TorchTensorSerializer().serialize(conjugate) == NumpySerializer().serialize(np.array([1 - 2j], "complex64"))


def test_arrays_of_the_other_byte_order_become_tensors() -> None:
    body = NumpySerializer().serialize(np.array([1.5, 2.5], ">f4"))
    assert isinstance(body, bytes)
    assert TorchTensorDeserializer().deserialize(body, "tensor/pt").tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: [1.0], "got list"),
        (lambda: np.ones(2), "got ndarray"),
        (lambda: torch.empty(0), "array is empty"),
        (lambda: torch.ones(2, dtype=torch.bfloat16), r"bfloat16.* convert it first, with \.float\(\)"),
        (lambda: torch.eye(2).to_sparse(), "to_dense"),
        (lambda: torch.ones(2, device="meta"), "cannot become an array"),
    ],
)
def test_what_numpy_cannot_hold_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        TorchTensorSerializer().serialize(make())


@pytest.mark.parametrize("array", [np.array(["a"]), np.array(["2020"], dtype="datetime64[D]")])
def test_what_torch_cannot_hold_is_refused(array: Any) -> None:
    body = NumpySerializer().serialize(array)
    assert isinstance(body, bytes)
    with pytest.raises(DeserializationError, match="cannot become a tensor"):
        TorchTensorDeserializer().deserialize(body, "tensor/pt")

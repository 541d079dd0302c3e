"""Serializers and deserializers of arrays, matrices, tensors, records and data frames.

They are used from `sagemaker_async.serializers` and `sagemaker_async.deserializers`, whose contracts they share. Each
class imports its optional package when it is constructed, and raises `MissingExtraError` when that is absent.
"""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from typing import TYPE_CHECKING, Any

from sagemaker_async import _lazy
from sagemaker_async.config import MAX_RESPONSE_BYTES, check_count, check_flag
from sagemaker_async.errors import DeserializationError, SerializationError

from .array_sizes import NPY_MAGIC, ZIP_MAGIC, check_archive, check_array, check_size
from .bases import (
    BodyStream,
    SimpleBaseDeserializer,
    SimpleBaseSerializer,
    described,
    media_type,
    read_body,
    read_file,
)
from .json_codec import JSONCodec, decode_text
from .recordio import Record, decode_records, encode_dense, encode_sparse

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class NumpySerializer(SimpleBaseSerializer):
    """Writes an array, or what numpy makes an array of, in numpy's .npy format (extra `numpy`).

    Args:
        dtype: convert to this type; None keeps an array's own and lets numpy choose for lists.
        content_type: the Content-Type of requests.
        allow_pickle: send arrays of Python objects as well, pickled; warns, because whoever reads a pickle runs it.
    """

    offload = True

    def __init__(
        self,
        dtype: DTypeLike | None = None,
        content_type: str = "application/x-npy",
        *,
        allow_pickle: bool = False,
    ) -> None:
        super().__init__(content_type)
        _lazy.optional("numpy", "NumpySerializer")
        check_flag(allow_pickle, "NumpySerializer.allow_pickle")
        self.dtype = dtype
        self.allow_pickle = allow_pickle
        if allow_pickle:
            warnings.warn(
                "NumpySerializer(allow_pickle=True) pickles arrays of Python objects: the model's container must load "
                "them with allow_pickle=True, and then runs whatever code a request brings; send numbers if you can",
                UserWarning,
                stacklevel=2,
            )

    def serialize(self, data: Any) -> bytes | str:
        """Return a file's contents as they are, anything else as .npy bytes.

        Raises:
            SerializationError: the array is empty, ragged or of Python objects, which only pickle could send.
        """
        np = _lazy.optional("numpy", type(self).__name__)
        if hasattr(data, "read"):
            return read_file(data)
        try:
            array = np.asarray(data, dtype=self.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise SerializationError(f"numpy cannot make an array of the {type(data).__name__}: {error}") from None
        if array.size == 0:
            raise SerializationError(f"the array is empty (its shape is {array.shape}); there is nothing to send")
        if array.dtype.hasobject and not self.allow_pickle:
            raise SerializationError(
                f"the {type(data).__name__} becomes an array of Python objects, which would have to be pickled; "
                "pass numbers, or a dtype that all elements fit; allow_pickle=True sends it all the same"
            )
        buffer = io.BytesIO()
        try:
            np.save(buffer, array, allow_pickle=self.allow_pickle)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            raise SerializationError(f"the array's elements cannot be pickled: {error}") from None
        return buffer.getvalue()


class SparseMatrixSerializer(SimpleBaseSerializer):
    """Writes a sparse scipy matrix (csc, csr, bsr, dia or coo) in scipy's .npz format (extra `scipy`)."""

    offload = True

    def __init__(self, content_type: str = "application/x-npz") -> None:
        super().__init__(content_type)
        _lazy.optional("scipy", "SparseMatrixSerializer")

    def serialize(self, data: Any) -> bytes:
        """Return the matrix as .npz bytes.

        Raises:
            SerializationError: `data` is not a sparse matrix, is empty, or of a layout that the format lacks.
        """
        sparse = _lazy.optional("scipy.sparse", type(self).__name__)
        if not sparse.issparse(data):
            raise SerializationError(
                f"SparseMatrixSerializer takes a sparse scipy matrix, got {type(data).__name__}; "
                "use scipy.sparse.csr_matrix(data), or NumpySerializer for dense arrays"
            )
        if 0 in data.shape:
            raise SerializationError(f"the matrix is empty (its shape is {data.shape}); there is nothing to send")
        buffer = io.BytesIO()
        try:
            sparse.save_npz(buffer, data)
        except NotImplementedError:
            raise SerializationError(
                f"the .npz format has no {data.format!r} layout; pass data.tocsr() or data.tocoo()"
            ) from None
        return buffer.getvalue()


class TorchTensorSerializer(SimpleBaseSerializer):
    """Writes a torch tensor, detached and on the CPU, in numpy's .npy format (extras `torch` and `numpy`)."""

    offload = True

    def __init__(self, content_type: str = "tensor/pt") -> None:
        super().__init__(content_type)
        _lazy.optional("torch", "TorchTensorSerializer")
        self._npy = NumpySerializer()

    def serialize(self, data: Any) -> bytes | str:
        """Return the tensor as .npy bytes.

        Raises:
            SerializationError: `data` is not a tensor, is empty, or has a type that numpy lacks (such as bfloat16).
        """
        torch = _lazy.optional("torch", type(self).__name__)
        if not isinstance(data, torch.Tensor):
            raise SerializationError(f"TorchTensorSerializer takes a torch.Tensor, got {type(data).__name__}")
        try:
            array = data.detach().cpu().resolve_conj().resolve_neg().numpy()
        except (TypeError, RuntimeError) as error:
            raise SerializationError(
                f"the tensor ({data.dtype}, {data.layout}) cannot become an array: {error}; "
                "convert it first, with .float() or .to_dense()"
            ) from None
        return self._npy.serialize(array)


class RecordSerializer(SimpleBaseSerializer):
    """Writes rows as RecordIO-wrapped protobuf, for SageMaker's built-in algorithms (extra `numpy`, or `scipy`)."""

    offload = True

    def __init__(self, content_type: str = "application/x-recordio-protobuf") -> None:
        super().__init__(content_type)
        _lazy.optional("numpy", "RecordSerializer")

    def serialize(self, data: Any, labels: Any = None) -> bytes:
        """Return one record per row.

        Args:
            data: a 2-D array or sparse scipy matrix, nested lists, or a 1-D array or list, which is one row.
            labels: one number per row, or None.

        Raises:
            SerializationError: there are no rows, the dimensions are wrong, or a type or number does not fit.
        """
        np = _lazy.optional("numpy", type(self).__name__)
        labels = None if labels is None else _array(labels)
        is_sparse = _is_sparse(data)
        matrix = data if is_sparse else _array(data)
        if not is_sparse and matrix.ndim == 1:
            matrix = matrix[np.newaxis]
        if 0 in matrix.shape:
            raise SerializationError(f"the array is empty (its shape is {matrix.shape}); there is nothing to send")
        return encode_sparse(matrix, labels) if is_sparse else encode_dense(matrix, labels)


def _array(data: Any) -> Any:
    np = _lazy.optional("numpy", "RecordSerializer")
    try:
        return np.asarray(data)
    except (TypeError, ValueError, OverflowError) as error:
        raise SerializationError(f"numpy cannot make an array of the {type(data).__name__}: {error}") from None


def _is_sparse(data: object) -> bool:
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(data))


class NumpyDeserializer(SimpleBaseDeserializer[Any]):
    """Reads an array from .npy, .npz, CSV or JSON, as the response's content type says (extra `numpy`).

    Typed as Any, as `numpy.load` is: an .npz archive gives a dict of arrays by name, everything else one array.

    Args:
        dtype: convert to this type; None keeps that of .npy, and lets numpy choose for CSV and JSON. The arrays of .npz
            keep theirs.
        accept: the content types to ask for.
        allow_pickle: accept arrays of Python objects, which can run any code while they load; only for models that
            you trust.
        max_bytes: the most bytes that the arrays of one .npy or .npz body may take. An archive of a megabyte can hold a
            gigabyte of zeros, and a header can claim anything; what they claim is checked before memory is taken. The
            default is that of `Config.max_response_bytes`, 1 GiB. Pickled objects are not counted.

    Raises:
        ConfigurationError: `max_bytes` is not a whole number of at least 1.
    """

    offload = True

    def __init__(
        self,
        dtype: DTypeLike | None = None,
        accept: str | tuple[str, ...] = "application/x-npy",
        allow_pickle: bool = False,
        *,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        super().__init__(accept)
        _lazy.optional("numpy", "NumpyDeserializer")
        check_count(max_bytes, "NumpyDeserializer.max_bytes")
        self.max_bytes = max_bytes
        self.dtype = dtype
        self.allow_pickle = allow_pickle

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> Any:
        """Return the array, or for .npz the arrays by name, all read.

        Raises:
            DeserializationError: an unknown content type; a body that is empty, truncated, pickled, ragged, of another
                format, or larger than `max_bytes` when it is unpacked; CSV with values that are missing, or that are
                not of the dtype.
        """
        what = described(content_type)
        body = read_body(stream)
        read = {
            "application/x-npy": self._npy,
            "application/x-npz": self._npz,
            "application/json": self._json,
            "text/csv": self._csv,
        }.get(media_type(content_type))
        if read is None:
            raise _unknown_content_type("NumpyDeserializer", content_type, "npy, npz, JSON and CSV")
        if not body:
            raise DeserializationError(f"{what} is empty where an array was expected")
        try:
            return read(body, what)
        except DeserializationError:
            raise
        except Exception as error:  # noqa: BLE001 - damaged files raise anything, down to tokenizer errors
            raise DeserializationError(f"{what} cannot be read as an array: {_one_line(error)}") from None

    def _npy(self, body: bytes, what: str) -> Any:
        np = _lazy.optional("numpy", type(self).__name__)
        if not body.startswith(NPY_MAGIC) and not self.allow_pickle:
            raise DeserializationError(f"{what} is not a .npy file: it does not begin with {NPY_MAGIC!r}")
        try:
            if body.startswith(NPY_MAGIC):
                check_array(io.BytesIO(body), len(body), self.max_bytes, what, trusted=self.allow_pickle)
            array = np.load(io.BytesIO(body), allow_pickle=self.allow_pickle)
        except DeserializationError:
            raise
        except ValueError as error:
            raise self._explained(error, what) from None
        if self.dtype is None:
            return array
        check_size(array.size * np.dtype(self.dtype).itemsize, self.max_bytes, f"{what}, converted to {self.dtype},")
        return array.astype(self.dtype, copy=False)

    def _npz(self, body: bytes, what: str) -> Any:
        np = _lazy.optional("numpy", type(self).__name__)
        if not body.startswith(ZIP_MAGIC):
            raise DeserializationError(f"{what} is not a .npz file: it does not begin with {ZIP_MAGIC!r}")
        try:
            with np.load(io.BytesIO(body), allow_pickle=self.allow_pickle) as archive:
                check_archive(archive.zip, self.max_bytes, what, trusted=self.allow_pickle)
                return {name: archive[name] for name in archive.files}
        except DeserializationError:
            raise
        except ValueError as error:
            raise self._explained(error, what) from None

    def _explained(self, error: ValueError, what: str) -> DeserializationError:
        if "allow_pickle=False" in str(error):
            return DeserializationError(
                f"{what} holds pickled Python objects, which can run any code while they load; have the model send "
                "numbers, or pass allow_pickle=True if you trust it"
            )
        return DeserializationError(f"{what} is truncated or damaged: {_one_line(error)}")

    def _json(self, body: bytes, what: str) -> Any:
        np = _lazy.optional("numpy", type(self).__name__)
        value = JSONCodec(allow_nan=True).loads(body, what)
        if isinstance(value, dict):
            raise DeserializationError(
                f"{what} is a JSON object, where an array needs a list; use JSONDeserializer and pick the member"
            )
        array = np.array(value, dtype=self.dtype)
        if array.dtype.hasobject and self.dtype is None:
            raise DeserializationError(
                f"{what} mixes values that no array type holds (null, objects); pass a dtype: with float, null is NaN"
            )
        return array

    def _csv(self, body: bytes, what: str) -> Any:
        np = _lazy.optional("numpy", type(self).__name__)
        text = decode_text(body, what, "utf-8", "strict")
        if not any(line.partition("#")[0].strip() for line in io.StringIO(text)):
            raise DeserializationError(f"{what} holds no values, only blank lines or comments")
        array: Any = np.genfromtxt(io.StringIO(text), delimiter=",", dtype=self.dtype, loose=False, usemask=True)
        columns = [array[name] for name in array.dtype.names] if array.dtype.names else [array]
        # Where values are missing, numpy makes up a number, False or "False" that no one can tell from a real one.
        holding = "fcUS" if array.dtype.names or self.dtype is not None else "fc"
        if any(column.mask.any() and column.dtype.kind not in holding for column in columns):
            raise DeserializationError(
                f"{what} lacks values that its array type cannot leave out; pass a dtype: with float, they are NaN"
            )
        return array.data


class PandasDeserializer(SimpleBaseDeserializer[Any]):
    """Reads a data frame from CSV, whose first line names the columns, or from JSON by columns (extra `pandas`).

    Typed as Any, because pandas may be absent. The JSON is an object of columns, or a list of objects or rows.
    """

    offload = True

    def __init__(self, accept: str | tuple[str, ...] = ("text/csv", "application/json")) -> None:
        super().__init__(accept)
        _lazy.optional("pandas", "PandasDeserializer")

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> Any:
        """Return a `pandas.DataFrame`.

        Raises:
            DeserializationError: an unknown content type, or a body that is empty or not a table.
        """
        pd = _lazy.optional("pandas", type(self).__name__)
        what = described(content_type)
        body = read_body(stream)
        read = {"text/csv": pd.read_csv, "application/json": pd.read_json}.get(media_type(content_type))
        if read is None:
            raise _unknown_content_type("PandasDeserializer", content_type, "CSV and JSON")
        if not body or body.isspace():
            raise DeserializationError(f"{what} is empty where a table was expected")
        try:
            return read(io.BytesIO(body))
        except Exception as error:  # noqa: BLE001 - damaged tables raise anything that parsers and constructors do
            raise DeserializationError(f"{what} cannot be read as a table: {_one_line(error)}") from None


class TorchTensorDeserializer(SimpleBaseDeserializer[Any]):
    """Reads a torch tensor from numpy's .npy format (extras `torch` and `numpy`).

    Typed as Any, because torch may be absent.
    """

    offload = True

    def __init__(self, accept: str | tuple[str, ...] = "tensor/pt") -> None:
        super().__init__(accept)
        _lazy.optional("torch", "TorchTensorDeserializer")
        self._npy = NumpyDeserializer()

    def deserialize(self, stream: bytes | BodyStream, content_type: str = "tensor/pt") -> Any:
        """Return a `torch.Tensor` on the CPU; the content type is not looked at.

        Raises:
            DeserializationError: the body is not a .npy file, or of a type that torch lacks.
        """
        torch = _lazy.optional("torch", type(self).__name__)
        array = self._npy.deserialize(stream, "application/x-npy")
        try:
            # torch reads the machine's own byte order only.
            return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
        except (TypeError, ValueError) as error:
            raise DeserializationError(f"{described(content_type)} cannot become a tensor: {error}") from None


class RecordDeserializer(SimpleBaseDeserializer[list[Record]]):
    """Reads RecordIO-wrapped protobuf, which SageMaker's built-in algorithms send."""

    offload = True

    def __init__(self, accept: str | tuple[str, ...] = "application/x-recordio-protobuf") -> None:
        super().__init__(accept)

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> list[Record]:  # noqa: ARG002
        """Return the records; predictions are in `label`: ``record.label["score"].float32_tensor.values``.

        Raises:
            DeserializationError: the body is malformed or cut off.
        """
        return decode_records(read_body(stream))


def _unknown_content_type(name: str, content_type: str, known: str) -> DeserializationError:
    return DeserializationError(
        f"{name} cannot read the content type {content_type!r}, only {known}; have the model send one of these, "
        "or use the deserializer of that type"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__

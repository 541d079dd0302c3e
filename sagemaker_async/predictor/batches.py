"""Several records in one request: joining them, and splitting the answer back. Pure.

Which form fits depends on the container:

=============  ==================================================  ==================================================
`form`         the request                                         the answer
=============  ==================================================  ==================================================
``rows``       the serializer gets a list of the records: JSON     as many rows, in order
               Lines, CSV, an array
``lines``      the records are lines already (str or bytes);       as many lines, or a list from the deserializer
               they are joined by newlines
``instances``  ``{"instances": [...]}``, as TensorFlow Serving     ``{"predictions": [...]}`` with as many, or a bare
               and many others take it                             list
=============  ==================================================  ==================================================

With any other number of results, nobody can tell which record each belongs to: `Batch.split` raises
`DeserializationError`, which is the outcome of every record of the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sagemaker_async.config import check_count
from sagemaker_async.errors import ConfigurationError, DeserializationError, SerializationError

__all__ = ["Batch", "BatchForm", "batch_for"]

BatchForm = Literal["rows", "lines", "instances"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """How many records go into one request, and how; see the module's docstring.

    Raises:
        ConfigurationError: a field is wrong.
    """

    size: int
    """The most records in a request. Larger batches save requests; but all records fail when the request does, and wait
    for each other. The last request may have fewer."""
    form: BatchForm = "rows"
    """What request and answer look like."""
    request_key: str = "instances"
    """With ``instances``: the name under which the records are sent."""
    answer_key: str = "predictions"
    """With ``instances``: the name under which the results come."""

    def __post_init__(self) -> None:
        check_count(self.size, "Batch.size")
        if self.form not in get_args(BatchForm):
            raise ConfigurationError(f"Batch.form must be one of {', '.join(get_args(BatchForm))}, got {self.form!r}")
        for name in ("request_key", "answer_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"Batch.{name} must be a non-empty str, got {value!r}")

    def join(self, records: Sequence[Any]) -> Any:
        """Return what the serializer takes for these records.

        Raises:
            SerializationError: with ``lines``: a record is neither str nor bytes, or contains a newline.
        """
        match self.form:
            case "instances":
                return {self.request_key: list(records)}
            case "lines":
                return b"\n".join(map(_line, records)) + b"\n"
            case _:
                return list(records)

    def split(self, answer: Any, count: int) -> Sequence[Any]:
        """Return the results of `count` records.

        Raises:
            DeserializationError: the answer has the wrong number of results, or is not a list of results.
        """
        results = answer
        if self.form == "instances" and isinstance(answer, Mapping):
            if self.answer_key not in answer:
                there = ", ".join(map(repr, answer)) or "nothing"
                raise DeserializationError(
                    f"the answer to a batch has no {self.answer_key!r}, it has {there} (Batch.answer_key)"
                )
            results = answer[self.answer_key]
        if isinstance(results, str | bytes):
            results = _lines_of(results)
        if isinstance(results, Mapping) or not hasattr(results, "__len__") or not hasattr(results, "__getitem__"):
            raise DeserializationError(
                f"the answer to a batch of {count} records is {type(results).__name__}, not a list of results; "
                "choose a deserializer that returns one, or another Batch.form"
            )
        if len(results) != count:
            raise DeserializationError(
                f"the answer to a batch of {count} records has {len(results)} results: nobody can tell which "
                "record each belongs to"
            )
        return [results[place] for place in range(count)]  # what it raises is raised here


def batch_for(given: int | Batch | None, content_type: str, *, serializes: bool) -> Batch | None:
    """Return the batch that an option means; None for one record a request.

    Args:
        given: the option; a number leaves the form to the content type.
        content_type: of requests.
        serializes: whether the serializer makes bodies of lists; if not, the records are lines already.

    Raises:
        ConfigurationError: it is not a number of records, or the content type does not say how to send several.
    """
    if given is None or isinstance(given, Batch):
        return given
    check_count(given, "batch", ", a Batch, or None (one record per request)")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in _ROWS:
        return Batch(size=given, form="rows" if serializes else "lines")
    if media_type == "application/json":
        return Batch(size=given, form="instances")
    raise ConfigurationError(
        f"batch={given}: there is no known way to put several records into one request of {content_type!r}; give "
        "batch=Batch(size=..., form='rows'), or 'lines', or 'instances'"
    )


_ROWS = frozenset(
    {"application/jsonlines", "application/jsonl", "application/x-ndjson", "text/csv", "application/x-npy"}
)


def _line(record: Any) -> bytes:
    if isinstance(record, str):
        record = record.encode()
    if not isinstance(record, bytes):
        raise SerializationError(
            f"Batch(form='lines') takes records that are str or bytes, got {type(record).__name__}; "
            "form='rows' leaves them to the serializer"
        )
    line = record.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line:
        raise SerializationError("a record of Batch(form='lines') contains a newline, which would make it two records")
    return line


def _lines_of(text: str | bytes) -> list[Any]:
    """Return the lines of an answer without their ends; the last may have one or not."""
    newline, end = (b"\n", b"\r") if isinstance(text, bytes) else ("\n", "\r")
    lines: list[Any] = text.split(newline)  # type: ignore[arg-type]
    if lines and not lines[-1]:
        lines.pop()
    return [line.removesuffix(end) for line in lines]

"""The wire protocols: a request's fields become an HTTP request, an HTTP response becomes a response or an error.

`Service.protocol` says which: ``rest-json``, ``rest-xml``, ``json-rpc`` or ``query``. All but the first are
imported on first use; call `load_protocol` before, in a thread, where that must not block. Pure: values in, values
out; nothing here awaits, sends, signs or reads a clock. An HTTP response that breaks the protocol raises
`ResponseError`, whatever bytes it holds.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol, cast

from sagemaker_async import _lazy
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import ServiceError

from . import rest_json  # noqa: F401 - what predictions are sent with; see load_protocol
from .answers import body_excerpt
from .errors import COMMON_ERRORS, ERRORS_BY_STATUS, REQUEST_ID_HEADERS, ErrorFacts, error_facts, error_of, request_id

__all__ = [
    "COMMON_ERRORS",
    "ERRORS_BY_STATUS",
    "REQUEST_ID_HEADERS",
    "ErrorFacts",
    "body_excerpt",
    "build_request",
    "error_facts",
    "is_error",
    "load_protocol",
    "parse_response",
    "request_id",
    "service_error",
]


class _Protocol(Protocol):
    """What each protocol's module has."""

    def build_request(
        self,
        operation: Operation,
        fields: Mapping[str, Any],
        origin: str,
        base_path: str,
        headers: Mapping[str, str],
        /,
    ) -> HTTPRequest: ...

    def parse_response(
        self, operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata, /
    ) -> Any: ...

    def error_facts(self, headers: Mapping[str, str], body: bytes, /) -> ErrorFacts: ...


@functools.cache
def load_protocol(name: str) -> _Protocol:
    """Return the module of a protocol. Blocks the first time."""
    return cast("_Protocol", _lazy.module(f"aws.protocols.{name.replace('-', '_')}"))


def build_request(
    operation: Operation, fields: Mapping[str, Any], origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for what each attempt adds.

    Args:
        operation: what is called.
        fields: its fields by Python names.
        origin: where it goes.
        base_path: what comes before the operation's path.
        common_headers: the header fields of all requests.

    Raises:
        RequestValidationError: a value that nobody has checked cannot be written.
    """
    protocol = load_protocol(operation.service.protocol)
    return protocol.build_request(operation, fields, origin, base_path, common_headers)


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:
    """Return the operation's response shape.

    Args:
        operation: whose answer it is.
        headers: the response's header fields.
        body: its body as bytes, or what stands for it (an event stream).
        metadata: goes into the shape as it is.

    Raises:
        ResponseError: the answer lacks what it must have, or the body is not what the protocol makes it.
    """
    return load_protocol(operation.service.protocol).parse_response(operation, headers, body, metadata)


def is_error(operation: Operation, body: bytes) -> bool:
    """Return whether the body of an answer is an error, whatever its status; see `Operation.error_in_success`."""
    return load_protocol(operation.service.protocol).error_facts({}, body).code is not None


def service_error(operation: Operation, status: int, headers: Mapping[str, str], body: bytes) -> ServiceError:
    """Return the exception that an answer with an error status is."""
    facts = load_protocol(operation.service.protocol).error_facts(headers, body)
    return error_of(operation, status, headers, body, facts)

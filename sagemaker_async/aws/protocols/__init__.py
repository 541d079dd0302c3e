"""The wire protocols: a request shape becomes an HTTP request, an HTTP response becomes a response or an error.

`Service.protocol` says which: ``rest-json``, ``json-rpc`` or ``query``. Pure: values in, values out; nothing here
awaits, sends, signs or reads a clock. An HTTP response that breaks the protocol raises `ResponseError`, whatever bytes
it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.operation import Operation
from sagemaker_async.aws.shapes import RequestShape, ResponseMetadata
from sagemaker_async.errors import ServiceError

from . import json_rpc, query, rest_json
from .answers import shown
from .errors import COMMON_ERRORS, ERRORS_BY_STATUS, REQUEST_ID_HEADERS, ErrorFacts, error_facts, error_of, request_id

__all__ = [
    "COMMON_ERRORS",
    "ERRORS_BY_STATUS",
    "REQUEST_ID_HEADERS",
    "ErrorFacts",
    "build_request",
    "error_facts",
    "parse_response",
    "request_id",
    "service_error",
    "shown",
]


class _Protocol(NamedTuple):
    build_request: Callable[[Operation, RequestShape, str, str, Mapping[str, str]], HTTPRequest]
    parse_response: Callable[[Operation, Mapping[str, str], Any, ResponseMetadata], Any]
    error_facts: Callable[[Mapping[str, str], bytes], ErrorFacts]


_PROTOCOLS = {
    "rest-json": _Protocol(rest_json.build_request, rest_json.parse_response, error_facts),
    "json-rpc": _Protocol(json_rpc.build_request, json_rpc.parse_response, error_facts),
    "query": _Protocol(query.build_request, query.parse_response, query.error_facts),
}


def build_request(
    operation: Operation, shape: RequestShape, origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for what each attempt adds."""
    return _PROTOCOLS[operation.service.protocol].build_request(operation, shape, origin, base_path, common_headers)


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
    return _PROTOCOLS[operation.service.protocol].parse_response(operation, headers, body, metadata)


def service_error(operation: Operation, status: int, headers: Mapping[str, str], body: bytes) -> ServiceError:
    """Return the exception that an answer with an error status is."""
    facts = _PROTOCOLS[operation.service.protocol].error_facts(headers, body)
    return error_of(operation, status, headers, body, facts)

"""The rest-json protocol: fields travel in path, header fields and body, as the operation's row says. Pure.

Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.aws.signing import encode_segment

from .answers import json_object, validated
from .errors import error_facts

__all__ = ["build_request", "error_facts", "parse_response"]


def build_request(
    operation: Operation, fields: Mapping[str, Any], origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for its body and what each attempt adds."""
    headers = dict(common_headers)
    for field, name in operation.request_headers.items():
        value = fields.get(field)
        if value is not None:
            headers[name] = value if isinstance(value, str) else str(value)
    path = operation.path.format_map({name: encode_segment(fields[name]) for name in operation.path_fields})
    return HTTPRequest(operation.method, origin, base_path + path, headers)


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:
    """Return the operation's response shape; see the package's function of this name."""
    fields: dict[str, Any] = {"metadata": metadata}
    for field, header in operation.response_headers.items():
        if (value := headers.get(header)) is not None:
            fields[field] = value
    if operation.response_body is not None:
        fields[operation.response_body] = body
    else:
        fields |= json_object(operation, body, metadata.status)
    return validated(operation, fields, metadata.status)

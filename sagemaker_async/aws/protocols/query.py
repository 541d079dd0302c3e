"""AWS's query protocol: a form with the operation's name on the way out, XML on the way in. Pure.

As much of it as answers of flat text members need; see `xml`.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import ResponseError

from .answers import body_excerpt, validated
from .errors import ErrorFacts
from .xml import elements

__all__ = ["CONTENT_TYPE", "build_request", "error_facts", "parse_response"]

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"


def build_request(
    operation: Operation, fields: Mapping[str, Any], origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for what each attempt adds."""
    names = operation.names
    form = {"Action": operation.name, "Version": operation.service.api_version}
    form |= {names[field]: str(value) for field, value in fields.items() if value is not None}
    headers = {**common_headers, "Content-Type": CONTENT_TYPE}
    return HTTPRequest("POST", origin, base_path + operation.path, headers, urlencode(form).encode())


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:  # noqa: ARG001 - the protocols' common signature
    """Return the operation's response shape; see the package's function of this name."""
    found = elements(body)
    if found is None:
        raise ResponseError(f"{operation.name} answers XML; this is {body_excerpt(body)}", metadata.status)
    result = (f"{operation.name}Response", f"{operation.name}Result")
    members = {path[2]: text for path, text in found if len(path) == 3 and path[:2] == result}
    return validated(operation, {**members, "metadata": metadata}, metadata.status)


def error_facts(headers: Mapping[str, str], body: bytes) -> ErrorFacts:  # noqa: ARG001 - the protocols' common signature
    """Return what an error answer says; an answer that is not AWS's says nothing."""
    members = {path[-1]: text for path, text in elements(body) or () if len(path) >= 2 and path[-2] == "Error"}
    return ErrorFacts(members.get("Code") or None, members.get("Message") or None, False, members)

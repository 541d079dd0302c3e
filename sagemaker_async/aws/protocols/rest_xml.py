"""The rest-xml protocol, as S3 speaks it: fields travel in path, query and header fields, answers are XML. Pure.

A field of the path is a key: its slashes stay, and nothing in it is normalised. The root of an error is ``<Error>``,
and it is told in which region a bucket is (``x-amz-bucket-region``), which becomes the member `BUCKET_REGION`.

Source: https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.aws.signing import encode_path, encode_query
from sagemaker_async.errors import ResponseError

from .answers import body_excerpt, validated
from .errors import ErrorFacts
from .xml import elements

__all__ = ["BUCKET_REGION", "build_request", "error_facts", "parse_response"]

BUCKET_REGION = "BucketRegion"
"""The member of an error under which the header field says where the bucket is."""

_KEPT = frozenset(
    {"Code", "Message", "BucketName", "Bucket", "Key", "Region", "Endpoint", "Condition", "UploadId", "HostId"}
)
"""The members of an error that are kept. Others repeat the request when S3 refuses its signature, with the session
token in it (``CanonicalRequest``, ``Token-0``)."""


def build_request(
    operation: Operation, fields: Mapping[str, Any], origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for its body and what each attempt adds."""
    headers = dict(common_headers)
    for field, name in operation.request_headers.items():
        value = fields.get(field)
        if isinstance(value, Mapping):
            headers |= {name + member: text for member, text in value.items()}
        elif value is not None:
            headers[name] = str(value)
    path, _, query = operation.path.partition("?")
    path = path.format_map({name: encode_path(str(fields[name])) for name in operation.path_fields})
    if path == "/" and base_path:  # the bucket itself, which is in the base path
        path = ""
    given = [(name, str(fields[field])) for field, name in operation.request_query.items() if _is_given(fields, field)]
    query = "&".join(filter(None, (query, encode_query(given))))
    return HTTPRequest(operation.method, origin, f"{base_path}{path}{'?' if query else ''}{query}", headers)


def _is_given(fields: Mapping[str, Any], name: str) -> bool:
    return fields.get(name) is not None


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:
    """Return the operation's response shape; see the package's function of this name."""
    fields: dict[str, Any] = {"metadata": metadata}
    if body and not operation.streaming:
        fields |= _document(operation, body, metadata.status)
    for field, name in operation.response_headers.items():
        if name.endswith("-"):
            prefixed = {key.lower(): value for key, value in headers.items() if key.lower().startswith(name)}
            fields[field] = {key.removeprefix(name): value for key, value in prefixed.items()}
        elif (value := headers.get(name)) is not None:
            fields[field] = value
    return validated(operation, fields, metadata.status)


def _document(operation: Operation, body: bytes, status: int) -> dict[str, Any]:
    """Return the members of an answer: texts, and lists of structures of texts.

    Raises:
        ResponseError: it is not XML.
    """
    found = elements(body)
    if found is None:
        raise ResponseError(f"{operation.name} answers XML; this is {body_excerpt(body)}", status)
    members: dict[str, Any] = {}
    structures: dict[str, list[dict[str, str]]] = {}
    for path, text in found:
        if len(path) == 2:
            members[path[1]] = text
            structures.setdefault(path[1], []).append({})
        elif len(path) == 3:
            structures[path[1]][-1][path[2]] = text
    members |= {name: listed for name, listed in structures.items() if any(listed)}
    return {name: value for name, value in members.items() if name not in ("metadata", "error")}


def error_facts(headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """Return what an error answer says; an answer that is not S3's says nothing."""
    members = dict(_error_members(body))
    if region := headers.get("x-amz-bucket-region"):
        members[BUCKET_REGION] = region
    return ErrorFacts(members.get("Code") or None, members.get("Message") or None, False, members)


def _error_members(body: bytes) -> Iterator[tuple[str, str]]:
    for path, text in elements(body) or ():
        if len(path) == 2 and path[0] == "Error" and path[1] in _KEPT:
            yield path[1], text

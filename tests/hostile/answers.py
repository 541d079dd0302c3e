"""The bytes of answers that say whom they are for: every answer echoes its request's body.

So an answer that reaches another caller than the one it was made for shows by its content. Event streams are encoded
here once more, apart from the package under test.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32

from .server import Request

__all__ = [
    "EVENT_STREAM",
    "chunk",
    "description",
    "echo",
    "echo_of",
    "event",
    "head",
    "ok",
]

EVENT_STREAM = b"Content-Type: application/vnd.amazon.eventstream"

_PAYLOAD_PART = (
    (b":event-type", b"PayloadPart"),
    (b":content-type", b"application/octet-stream"),
    (b":message-type", b"event"),
)


def echo_of(body: bytes) -> bytes:
    """Return the model's answer to a body."""
    return b"answer to " + body


def head(*fields: bytes, status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    """Return the head of an answer."""
    return b"".join([version, b" ", status, b"\r\n", *(field + b"\r\n" for field in fields), b"\r\n"])


def ok(body: bytes, *fields: bytes, status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a whole answer with its length."""
    return head(b"Content-Length: %d" % len(body), *fields, status=status, version=version) + body


def echo(request: Request) -> bytes:
    """Return the right answer to a request."""
    return ok(echo_of(request.body))


def chunk(data: bytes) -> bytes:
    """Return a chunk of a body without a length (RFC 9112, section 7.1); of nothing, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(payload: bytes) -> bytes:
    """Return one payload part of an event stream (``application/vnd.amazon.eventstream``)."""
    headers = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value for name, value in _PAYLOAD_PART
    )
    prelude = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return message + struct.pack("!I", crc32(message))


def description(request: Request) -> bytes:
    """Return what DescribeEndpoint says of the endpoint that a request asks for."""
    name = json.loads(request.body)["EndpointName"]
    return json.dumps(
        {
            "EndpointName": name,
            "EndpointArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}",
            "EndpointStatus": "InService",
            "CreationTime": 1_700_000_000.0,
            "LastModifiedTime": 1_700_000_000.0,
        }
    ).encode()

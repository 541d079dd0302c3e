"""AWS's event stream encoding: bytes to messages and back. Pure."""

from __future__ import annotations

from .decoder import Decoder, ExpectedHeaders, Run
from .headers import Byte, HeaderValue, Int, Long, Short, Timestamp, decode_headers, encode_headers
from .messages import MAX_HEADERS_LENGTH, MAX_PAYLOAD_LENGTH, Message, encode_message

__all__ = [
    "MAX_HEADERS_LENGTH",
    "MAX_PAYLOAD_LENGTH",
    "Byte",
    "Decoder",
    "ExpectedHeaders",
    "HeaderValue",
    "Int",
    "Long",
    "Message",
    "Run",
    "Short",
    "Timestamp",
    "decode_headers",
    "encode_headers",
    "encode_message",
]

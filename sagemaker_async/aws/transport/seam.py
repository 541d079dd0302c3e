"""What we use of aiohttp below its public surface: one table, each with what it is for.

When the aiohttp that is installed lacks any of it, requests go the public way (`public`), which keeps every promise at
the price of speed: it opens a connection for each request. A line in the log says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp

__all__ = ["USES", "HttpProcessingError", "Use", "missing"]


class Use(NamedTuple):
    """One thing below aiohttp's public surface."""

    what: str
    """Its name, as people who read aiohttp find it."""
    purpose: str
    """What it is for here."""
    is_there: Callable[[], bool]
    """Whether the installed aiohttp has it."""


def _names(owner: object, *names: str) -> Callable[[], bool]:
    return lambda: all(hasattr(owner, name) for name in names)


def _attributes(owner: Any, *names: str) -> Callable[[], bool]:
    """Whether the instances of a class get these attributes when they are made."""

    def are_there() -> bool:
        written: set[str] = set()
        for each in inspect.getmro(owner):
            written.update(getattr(each, "__slots__", ()))
            if inspect.isfunction(made := vars(each).get("__init__")):
                written.update(made.__code__.co_names)
        return written.issuperset(names)

    return are_there


def _keywords(function: Any, *names: str) -> Callable[[], bool]:
    return lambda: inspect.signature(function).parameters.keys() >= set(names)


def _below(module: str, name: str) -> Any:
    """Return what one of aiohttp's own modules holds; a class with nothing in it when it does not."""
    return getattr(getattr(aiohttp, module, None), name, type(name, (), {}))


_PROTOCOL = _below("client_proto", "ResponseHandler")
_PARSER = _below("client_proto", "HttpResponseParser")
_READER = _below("streams", "StreamReader")
_CONNECTION = _below("connector", "Connection")
_CONNECTOR = aiohttp.TCPConnector

HttpProcessingError: type[Exception] = _below("http_exceptions", "HttpProcessingError")
"""What aiohttp's parser raises; a class that nobody raises when the installed one has it no more."""
if not issubclass(HttpProcessingError, Exception):
    HttpProcessingError = type("HttpProcessingError", (Exception,), {})

USES = (
    Use(
        "ResponseHandler's callbacks",
        "what comes while nobody asked; how the connection ended; silence",
        _names(
            _PROTOCOL, "connection_made", "connection_lost", "data_received", "eof_received", "feed_data",
            "set_exception", "pause_reading", "resume_reading", "resume_writing",
        ),
    ),
    Use(
        "ResponseHandler.set_response_params(skip_payload, read_until_eof, auto_decompress, read_timeout)",
        "the moment in which a request begins",
        _keywords(
            getattr(_PROTOCOL, "set_response_params", lambda: None),
            "skip_payload", "read_until_eof", "auto_decompress", "read_timeout",
        ),
    ),
    Use(
        "ResponseHandler.read, start_timeout, should_close, is_connected, writing_paused, exception",
        "the head of the answer; when its limit begins; whether a connection may be kept",
        _names(
            _PROTOCOL, "read", "start_timeout", "should_close", "is_connected", "writing_paused", "exception",
        ),
    ),
    Use(
        "ResponseHandler._drain_helper",
        "waiting for the peer to take a large body",
        _names(_PROTOCOL, "_drain_helper"),
    ),
    Use(
        "ResponseHandler._parser, _payload, _should_close, _reading_paused",
        "what is left in the parser; the body being read; connections that are not kept",
        _attributes(_PROTOCOL, "_parser", "_payload", "_should_close", "_reading_paused"),
    ),
    Use(
        "HttpResponseParser.feed_eof",
        "whether the beginning of another answer is left in the parser",
        _names(_PARSER, "feed_eof"),
    ),
    Use(
        "StreamReader.total_bytes, _buffer, _read_nowait, set_exception",
        "how much payload has come; what came before a failure",
        lambda: _attributes(_READER, "total_bytes", "_buffer")()
        and _names(_READER, "_read_nowait", "set_exception", "on_eof")(),
    ),
    Use(
        "streams.EMPTY_PAYLOAD, http_exceptions.HttpProcessingError",
        "answers without a body; malformed ones",
        lambda: hasattr(getattr(aiohttp, "streams", None), "EMPTY_PAYLOAD")
        and hasattr(getattr(aiohttp, "http_exceptions", None), "HttpProcessingError"),
    ),
    Use(
        "TCPConnector.connect, _create_connection, _wrap_create_connection, _start_tls_connection",
        "one limit on DNS, TCP and TLS together, which names the phase; pooled connections told from new ones",
        _names(_CONNECTOR, "connect", "_create_connection", "_wrap_create_connection", "_start_tls_connection"),
    ),
    Use(
        "TCPConnector._release",
        "a connection whose peer has not taken the whole request is not kept",
        _names(_CONNECTOR, "_release"),
    ),
    Use(
        "TCPConnector._factory, _conns, _acquired, _closed",
        "our protocol on its connections; letting go of them when the loop is gone",
        _attributes(_CONNECTOR, "_factory", "_conns", "_acquired", "_closed"),
    ),
    Use(
        "Connection._protocol, _connector, release, close",
        "letting go of an answer whose loop is gone",
        lambda: _attributes(_CONNECTION, "_protocol", "_connector")()
        and _names(_CONNECTION, "release", "close", "add_callback")(),
    ),
    Use(
        "ClientRequest(method, url, loop), connection_key",
        "where the requests of an origin go",
        lambda: _keywords(aiohttp.ClientRequest.__init__, "method", "url", "loop")()
        and hasattr(aiohttp.ClientRequest, "connection_key"),
    ),
    Use(
        "ClientSession._request, _retry_connection",
        "whether somebody mocks or watches sessions; that none sends twice",
        lambda: _names(aiohttp.ClientSession, "_request")()
        and _attributes(aiohttp.ClientSession, "_retry_connection")(),
    ),
)  # fmt: skip
"""The table."""


def missing() -> list[Use]:
    """Return what the installed aiohttp lacks."""
    return [use for use in USES if not use.is_there()]

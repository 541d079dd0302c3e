"""The seam where exceptions of aiohttp, asyncio and the operating system become ours; `translated` is total."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    CallError,
    ConnectError,
    ConnectionLostError,
    DNSError,
    FirstByteTimeoutError,
    ProxyError,
    ResponseError,
    SageMakerAsyncError,
    SessionClosedError,
    TLSError,
    TransportError,
)

from .facts import ConnectionFacts
from .seam import HttpProcessingError

__all__ = [
    "PROXY_AUTHENTICATION_REQUIRED",
    "cause_of",
    "closed_meanwhile",
    "is_cancelled",
    "proxy_wants_credentials",
    "translated",
]

PROXY_AUTHENTICATION_REQUIRED = 407


def cause_of(error: Exception) -> BaseException | None:
    """Return what the translated exception keeps as its cause: what is behind aiohttp's exceptions, if anything.

    Those themselves hold the request with its signature and session token.
    """
    cause: BaseException | None = error
    while isinstance(cause, aiohttp.ClientError | HttpProcessingError | SageMakerAsyncError):
        cause = cause.__cause__
    return cause


def closed_meanwhile() -> SessionClosedError:
    """Return the error of a call that the closing of its transport ended."""
    return SessionClosedError("the session was closed while the call was under way")


def translated(
    error: Exception, timeouts: Timeouts, connection: ConnectionFacts | None, *, closed: bool
) -> SageMakerAsyncError:
    """Return our exception for one of aiohttp, asyncio or the operating system.

    Args:
        error: what was raised.
        timeouts: the limits that were in force.
        connection: how far the request had got; None once its answer had begun.
        closed: whether the transport was closed meanwhile.
    """
    if isinstance(error, SageMakerAsyncError):
        return error
    if isinstance(error.__cause__, CallError):  # ours, wrapped on its way through aiohttp
        return error.__cause__
    if closed:
        return closed_meanwhile()
    if isinstance(error, aiohttp.SocketTimeoutError) and timeouts.first_byte is not None:
        return FirstByteTimeoutError(
            f"the request was sent and no answer began within {timeouts.first_byte:g} s (Timeouts.first_byte)",
            timeouts.first_byte,
        )
    for kinds, build in _TRANSLATIONS:
        if isinstance(error, kinds):
            return build(error, connection)
    unknown = TransportError(f"the call failed in an unexpected way ({type(error).__name__}: {_words(error)})")
    unknown.ambiguous = connection is None or connection.protocol is not None
    return unknown


_Build = Callable[[Any, "ConnectionFacts | None"], SageMakerAsyncError]


def _lost(error: Exception, connection: ConnectionFacts | None) -> SageMakerAsyncError:
    if connection is None:
        return ConnectionLostError(f"the connection was lost before the answer was complete ({_words(error)})")
    if connection.being_made:
        return _proxy(error, connection)
    lost = ConnectionLostError(
        f"the connection was lost before an answer began ({connection.refusal or _words(error)})"
    )
    if connection.proves_unread:
        lost.stale = connection.reused
        lost.not_sent = not connection.reused
        lost.ambiguous = False
    return lost


def _no_http(error: Exception, connection: ConnectionFacts | None) -> SageMakerAsyncError:
    if connection is not None and connection.being_made:
        return _proxy(error, connection)
    if connection is None and isinstance(error, HttpProcessingError):  # a body's, as aiohttp's parser in Python has it
        return _lost(error, connection)
    if connection is not None and connection.proves_unread:
        return _lost(error, connection)
    status = error.status if isinstance(error, aiohttp.ClientResponseError) else getattr(error, "code", 0)
    broken = ResponseError(f"what answered does not speak HTTP as it should ({_words(error)})", status)
    broken.ambiguous = True
    return broken


def _dns(error: Exception, connection: ConnectionFacts | None) -> SageMakerAsyncError:
    if connection is not None and connection.proxied:
        return ProxyError(
            f"the proxy's host name could not be resolved ({_words(error)}); nothing was sent; check Config.proxy, or "
            "HTTPS_PROXY and HTTP_PROXY in the environment"
        )
    return DNSError(f"the host name could not be resolved ({_words(error)}); check the region and the endpoint URL")


def _tls(error: Exception, _: ConnectionFacts | None) -> SageMakerAsyncError:
    return TLSError(
        f"TLS failed ({_words(error)}); check the certificate authorities (AWS_CA_BUNDLE) and the host name"
    )


def _proxy(error: Exception, _: ConnectionFacts | None) -> SageMakerAsyncError:
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == PROXY_AUTHENTICATION_REQUIRED:
        return proxy_wants_credentials()
    status = f"HTTP {error.status}, " if isinstance(error, aiohttp.ClientHttpProxyError) else ""
    return ProxyError(f"the proxy refused or failed ({status}{_words(error)}); nothing was sent to the service")


def proxy_wants_credentials() -> ProxyError:
    """Return the error of a request that the proxy did not let through; it is not repeated."""
    error = ProxyError(
        f"the proxy wants credentials, or others (HTTP {PROXY_AUTHENTICATION_REQUIRED}); put them into its URL, "
        "http://user:password@host:port, percent-encoded"
    )
    error.retryable = False
    return error


def _connect(error: Exception, connection: ConnectionFacts | None) -> SageMakerAsyncError:
    if connection is not None and connection.phase == "TLS":
        return TLSError(
            f"the peer broke off the TLS handshake ({_words(error)}); check that it speaks TLS 1.2 or newer, and "
            "whether it wants a client certificate (TLSConfig.client_cert)"
        )
    return ConnectError(f"no connection could be made ({_words(error)}); nothing was sent")


_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], _Build], ...] = (
    ((aiohttp.ClientConnectorDNSError,), _dns),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), _proxy),
    ((aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch), _tls),
    ((aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError), _connect),
    ((aiohttp.ClientResponseError, HttpProcessingError), _no_http),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), _connect),
    ((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError), _lost),
)
"""In this order, for aiohttp's classes overlap."""


_WITH_MESSAGE = (aiohttp.ClientResponseError, HttpProcessingError)
"""Whose own text repeats the URL or the headers."""


def _words(error: Exception) -> str:
    """Return what an exception says, without the headers and connection keys that some of aiohttp's carry."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the peer closed it"
    if type(error) is aiohttp.ClientConnectionError and isinstance(error.__cause__, Exception):
        return _words(error.__cause__)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        return f"{error.host}:{error.port}, {_reason(error)}"
    said = str(getattr(error, "message", error) if isinstance(error, _WITH_MESSAGE) else error)
    return " ".join(said.split()) or type(error).__name__


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError) -> str:
    certificate = isinstance(error, aiohttp.ClientConnectorCertificateError)
    cause: Any = getattr(error, "certificate_error" if certificate else "os_error")
    return " ".join((cause.strerror or str(cause)).split()) or type(cause).__name__


def is_cancelled() -> bool:
    """Return whether the current task has been cancelled, and not just something that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

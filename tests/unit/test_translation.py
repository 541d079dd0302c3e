"""The seam where foreign exceptions become ours: every class of aiohttp's, and what the system raises below it."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import traceback
from collections.abc import Callable
from typing import Any
from unittest import mock

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from sagemaker_async.aws.transport.facts import ConnectionFacts
from sagemaker_async.aws.transport.protocol import ConnectionProtocol
from sagemaker_async.aws.transport.translation import cause_of, translated
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    CallError,
    ConnectError,
    ConnectionLostError,
    DNSError,
    FirstByteTimeoutError,
    PoolTimeoutError,
    ProxyError,
    ResponseError,
    SageMakerAsyncError,
    SessionClosedError,
    TLSError,
    TransportError,
)

SECRET = "s3cr3t"
KEY: Any = mock.NonCallableMock(
    spec=ConnectionKey, host="service.example", port=443, is_ssl=True, ssl=True, proxy_auth=SECRET
)
HEADERS = CIMultiDictProxy(CIMultiDict({"Authorization": SECRET, "X-Amz-Security-Token": SECRET}))
INFO = aiohttp.RequestInfo(URL("https://service.example/t"), "POST", HEADERS, URL("https://service.example/t"))
REFUSED = ConnectionRefusedError(111, "Connection refused")
CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed: unable to get local issuer certificate")

_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "ClientConnectorError": (KEY, REFUSED),
    "ClientConnectorDNSError": (KEY, OSError(None, "Name or service not known")),
    "ClientProxyConnectionError": (KEY, REFUSED),
    "UnixClientConnectorError": ("/tmp/socket", KEY, REFUSED),
    "ClientSSLError": (KEY, ssl.SSLError(1, "wrong version number")),
    "ClientConnectorSSLError": (KEY, ssl.SSLError(1, "wrong version number")),
    "ClientConnectorCertificateError": (KEY, CERTIFICATE),
    "ServerFingerprintMismatch": (b"expected", b"got", "service.example", 443),
    "ClientOSError": (104, "Connection reset by peer"),
    "ClientConnectionResetError": ("Cannot write to closing transport",),
}


def instance(kind: type[Exception]) -> Exception:
    if issubclass(kind, aiohttp.ClientResponseError):
        return kind(INFO, (), status=400, message="Bad status line 'nonsense'", headers=HEADERS)  # type: ignore[call-arg]
    if issubclass(kind, aiohttp.InvalidURL):
        return kind("not a url")
    return kind(*_ARGUMENTS.get(kind.__name__, ("what it says",)))


def exceptions_of(module: Any) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]
    return [kind for kind in found if kind.__module__.startswith("aiohttp")]


AIOHTTPS = exceptions_of(client_exceptions)
EXPECTED: dict[str, type[SageMakerAsyncError]] = {
    "ClientConnectorDNSError": DNSError,
    "ClientProxyConnectionError": ProxyError,
    "ClientHttpProxyError": ProxyError,
    "ClientSSLError": TLSError,
    "ClientConnectorSSLError": TLSError,
    "ClientConnectorCertificateError": TLSError,
    "ServerFingerprintMismatch": TLSError,
    "ClientConnectorError": ConnectError,
    "UnixClientConnectorError": ConnectError,
    "ConnectionTimeoutError": ConnectError,
    "ClientConnectionError": ConnectionLostError,
    "ClientConnectionResetError": ConnectionLostError,
    "ClientOSError": ConnectionLostError,
    "ClientPayloadError": ConnectionLostError,
    "ServerConnectionError": ConnectionLostError,
    "ServerDisconnectedError": ConnectionLostError,
    "ServerTimeoutError": ConnectionLostError,
    "SocketTimeoutError": FirstByteTimeoutError,
    "ClientResponseError": ResponseError,
    "ContentTypeError": ResponseError,
    "TooManyRedirects": ResponseError,
    "WSServerHandshakeError": ResponseError,
    "InvalidURL": ConnectError,
    "InvalidUrlClientError": ConnectError,
    "InvalidUrlRedirectClientError": ConnectError,
    "NonHttpUrlClientError": ConnectError,
    "NonHttpUrlRedirectClientError": ConnectError,
}


def sent() -> ConnectionFacts:
    facts = ConnectionFacts(Timeouts())
    facts.protocol = mock.create_autospec(ConnectionProtocol, instance=True, proves_unread=False, refusal="")
    return facts


def ours(error: Exception, connection: ConnectionFacts | None = None, **options: Any) -> SageMakerAsyncError:
    return translated(error, Timeouts(), connection or sent(), **{"closed": False, **options})


def test_the_walk_finds_the_classes_of_aiohttp() -> None:
    assert {kind.__name__ for kind in AIOHTTPS} >= EXPECTED.keys() - {"NonHttpUrlRedirectClientError"}


@pytest.mark.parametrize("kind", AIOHTTPS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("begun", [False, True], ids=["before an answer", "within an answer"])
def test_every_exception_of_aiohttp_becomes_ours(kind: type[Exception], begun: bool) -> None:
    error = instance(kind)
    result = translated(error, Timeouts(), None if begun else sent(), closed=False)
    assert type(result) is EXPECTED.get(kind.__name__, TransportError)
    assert isinstance(result, CallError)
    assert result.message


@pytest.mark.parametrize("kind", exceptions_of(http_exceptions), ids=lambda kind: kind.__name__)
def test_every_exception_of_aiohttps_parser_becomes_ours(kind: type[Exception]) -> None:
    if kind is http_exceptions.LineTooLong:
        error = kind(b"line", 8190)
    elif kind is http_exceptions.InvalidHeader or kind is http_exceptions.InvalidURLError:
        error = kind("bad")
    else:
        error = kind("bad") if kind is not http_exceptions.HttpProcessingError else kind(message="bad")
    assert isinstance(ours(error), ResponseError)
    within_an_answer = translated(error, Timeouts(), None, closed=False)
    assert isinstance(within_an_answer, ConnectionLostError), "it was HTTP so far"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), ConnectionLostError),
        (BrokenPipeError(32, "Broken pipe"), ConnectionLostError),
        (OSError("anything"), ConnectionLostError),
        (TimeoutError(), ConnectionLostError),
        (ssl.SSLError(1, "bad record mac"), ConnectionLostError),
        (CERTIFICATE, ConnectionLostError),
        (socket.gaierror(-2, "Name or service not known"), ConnectionLostError),
        (asyncio.IncompleteReadError(b"", 3), TransportError),
        (RuntimeError("anything"), TransportError),
        (ValueError("anything"), TransportError),
        (AssertionError(), TransportError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_system_raises_becomes_ours(error: Exception, expected: type[CallError]) -> None:
    result = ours(error)
    assert type(result) is expected
    assert isinstance(result, CallError)
    assert result.ambiguous, "it happened after the connection was handed out"


def test_the_unexpected_before_a_connection_is_not_ambiguous() -> None:
    result = ours(RuntimeError("anything"), ConnectionFacts(Timeouts()))
    assert isinstance(result, CallError)
    assert (result.ambiguous, result.message) == (
        False,
        "the call failed in an unexpected way (RuntimeError: anything)",
    )


def test_our_own_errors_pass_as_they_are_even_when_wrapped_by_aiohttp() -> None:
    own = PoolTimeoutError("full", 1.0)
    wrapped = aiohttp.ConnectionTimeoutError("Connection timeout to host")
    wrapped.__cause__ = own
    assert ours(own) is own
    assert ours(wrapped) is own


def test_whatever_happens_once_the_transport_is_closed_is_that() -> None:
    assert isinstance(ours(RuntimeError("Session is closed"), closed=True), SessionClosedError)
    assert isinstance(ours(aiohttp.ClientConnectionError("Connector is closed"), closed=True), SessionClosedError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (aiohttp.ServerDisconnectedError(), "the peer closed it"),
        (aiohttp.ServerDisconnectedError(INFO), "the peer closed it"),  # type: ignore[arg-type]
        (aiohttp.ClientPayloadError(), "ClientPayloadError"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), "Connection reset by peer"),
        (aiohttp.ClientConnectorError(KEY, REFUSED), "(service.example:443, Connection refused); nothing was sent"),
        (aiohttp.ClientConnectorError(KEY, OSError("no\nroute")), "made (service.example:443, no route)"),
        (aiohttp.ClientConnectorError(KEY, TimeoutError()), "made (service.example:443, TimeoutError)"),
        (aiohttp.ClientConnectorCertificateError(KEY, CERTIFICATE), "failed (service.example:443, certificate verify"),
    ],
    ids=[
        "closed",
        "closed within the head",
        "says nothing",
        "reset",
        "refused",
        "without an error number",
        "connecting says nothing",
        "certificate",
    ],
)
def test_the_message_says_what_happened(error: Exception, said: str) -> None:
    assert said in str(ours(error))


def test_a_name_that_cannot_be_resolved_is_the_proxys_when_there_is_one() -> None:
    error = aiohttp.ClientConnectorDNSError(KEY, OSError(None, "Name or service not known"))
    direct = ours(error, ConnectionFacts(Timeouts()))
    facts = ConnectionFacts(Timeouts())
    facts.proxied = True
    proxied = ours(error, facts)
    assert isinstance(direct, DNSError)
    assert "check the region and the endpoint URL" in str(direct)
    assert isinstance(proxied, ProxyError)
    assert "the proxy's host name could not be resolved" in str(proxied)
    assert "HTTPS_PROXY" in str(proxied)
    assert proxied.not_sent


def test_the_message_shows_no_connection_key() -> None:
    error = aiohttp.ClientConnectionError(f"Failed to send bytes into the underlying connection {KEY} {SECRET}")
    error.__cause__ = ConnectionResetError("Cannot write to closing transport")
    assert "Cannot write to closing transport" in str(ours(error))
    assert SECRET not in str(ours(error))


@pytest.mark.parametrize("kind", AIOHTTPS, ids=lambda kind: kind.__name__)
def test_no_secret_is_in_the_error_or_its_cause(kind: type[Exception]) -> None:
    foreign = instance(kind)
    result = ours(foreign)
    result.__cause__ = cause_of(foreign)
    shown = [str(result), repr(result), repr(result.__cause__), *traceback.format_exception(result)]
    assert not any(SECRET in text for text in shown)


def test_the_cause_is_what_is_behind_aiohttps_exceptions() -> None:
    def raised(chain: Callable[[], None]) -> Exception:
        try:
            chain()
        except Exception as error:  # noqa: BLE001
            return error
        raise AssertionError

    def refused() -> None:
        try:
            raise aiohttp.ClientConnectorError(KEY, REFUSED) from REFUSED
        except aiohttp.ClientConnectorError as error:
            raise aiohttp.ClientOSError(1, "outer") from error

    plain = RuntimeError("plain")
    assert cause_of(raised(refused)) is REFUSED
    assert cause_of(plain) is plain
    assert cause_of(PoolTimeoutError("full", 1.0)) is None
    assert cause_of(aiohttp.ClientPayloadError("cut")) is None

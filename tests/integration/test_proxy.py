"""A real HTTP proxy on loopback: tunnels, absolute targets, credentials, exceptions, and what it fails with."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from yarl import URL

from sagemaker_async import RetryConfig, Session, Timeouts, TLSConfig
from sagemaker_async.errors import ConfigurationError, ConnectTimeoutError, ProxyError
from sagemaker_async.local import LocalSageMaker

pytestmark = pytest.mark.usefixtures("clean_environment")

SECRET = "p@ss/word"
USER_INFO = "user:p%40ss%2Fword"
AUTHORIZATION = "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()


class Proxy:
    """Answers CONNECT with a tunnel and hands absolute targets on; `refusal` is answered instead of either."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.refusal: bytes | None = None
        self.wants_credentials = False
        self.url = ""

    async def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.splitlines()[0].split(" ")
        if self.wants_credentials and f"Proxy-Authorization: {AUTHORIZATION}" not in head.splitlines():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return None
        if self.refusal is not None:
            writer.write(self.refusal)
            return None
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            host, _, port = target.rpartition(":")
        else:
            host, port = str(URL(target).host), str(URL(target).port)
            reader._buffer[:0] = head.encode()  # type: ignore[attr-defined] # what was read goes on as it came
        return host, int(port)

    @property
    def lines(self) -> list[str]:
        return [head.splitlines()[0] for head in self.heads]


@pytest.fixture
async def proxy(forwarder: Callable[..., Awaitable[str]]) -> Proxy:
    proxy = Proxy()
    proxy.url = await forwarder(proxy.begin)
    return proxy


@pytest.fixture
async def https(local: LocalSageMaker, tls_front: Callable[..., Awaitable[str]], tmp_path: Path) -> dict[str, Any]:
    """The options of a session that calls the embedded SageMaker behind TLS."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    origin = await tls_front(local, server)
    return {**local.client_options, "endpoint_url": origin, "tls": TLSConfig(ca_bundle=bundle)}


@pytest.fixture
def plain(local: LocalSageMaker) -> dict[str, Any]:
    return dict(local.client_options)


async def call(local: LocalSageMaker, options: dict[str, Any], **fields: Any) -> bytes:
    if "echo" not in local.endpoints:
        local.add_endpoint("echo", lambda body: body)
    async with Session(**{"retry": RetryConfig(max_attempts=1), **options, **fields}) as session:
        try:
            return (await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")).body
        finally:
            assert session.connections_in_use == 0


def with_credentials(url: str) -> str:
    return url.replace("http://", f"http://{USER_INFO}@")


async def test_tls_goes_through_a_tunnel_of_which_the_proxy_sees_the_host_alone(
    local: LocalSageMaker, https: dict[str, Any], proxy: Proxy
) -> None:
    assert await call(local, https, proxy=proxy.url) == b"hello"
    target = https["endpoint_url"].removeprefix("https://")
    assert proxy.lines == [f"CONNECT {target} HTTP/1.1"]
    assert "AWS4-HMAC-SHA256" not in proxy.heads[0]


async def test_without_tls_the_proxy_gets_the_absolute_target(
    local: LocalSageMaker, plain: dict[str, Any], proxy: Proxy
) -> None:
    assert await call(local, plain, proxy=proxy.url) == b"hello"
    assert proxy.lines == [f"POST {local.url}/endpoints/echo/invocations HTTP/1.1"]


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_credentials_reach_the_proxy_and_nobody_else(
    local: LocalSageMaker, https: dict[str, Any], plain: dict[str, Any], proxy: Proxy, scheme: str
) -> None:
    options = https if scheme == "https" else plain
    proxy.wants_credentials = True
    assert await call(local, options, proxy=with_credentials(proxy.url)) == b"hello"
    if scheme == "https":
        assert "Proxy-Authorization" not in local.requests[0].headers


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_proxy_that_wants_credentials_is_a_proxy_error(
    local: LocalSageMaker, https: dict[str, Any], plain: dict[str, Any], proxy: Proxy, scheme: str
) -> None:
    options = https if scheme == "https" else plain
    proxy.wants_credentials = True
    with pytest.raises(ProxyError, match="407") as caught:
        await call(local, options, proxy=proxy.url, retry=RetryConfig(base_delay=0))
    assert caught.value.not_sent
    assert len(proxy.heads) == 1
    assert not local.requests


async def test_wrong_credentials_are_not_repeated_in_the_error(
    local: LocalSageMaker, https: dict[str, Any], proxy: Proxy
) -> None:
    proxy.wants_credentials = True
    with pytest.raises(ProxyError) as caught:
        await call(local, https, proxy=proxy.url.replace("http://", "http://user:other-secret@"))
    assert "other-secret" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b"", b"what?\r\n\r\n"])
async def test_a_proxy_that_fails_is_a_proxy_error_and_nothing_was_sent(
    local: LocalSageMaker, https: dict[str, Any], proxy: Proxy, answer: bytes
) -> None:
    proxy.refusal = answer
    with pytest.raises(ProxyError, match="proxy") as caught:
        await call(local, https, proxy=proxy.url)
    assert caught.value.not_sent
    assert not local.requests


async def test_a_proxy_that_fails_is_tried_again(local: LocalSageMaker, https: dict[str, Any], proxy: Proxy) -> None:
    proxy.refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(ProxyError, match="3 attempts"):
        await call(local, https, proxy=proxy.url, retry=RetryConfig(base_delay=0, max_attempts=3))
    assert len(proxy.heads) == 3


@pytest.fixture
def unused_url() -> Iterator[str]:
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_proxy_that_cannot_be_reached_is_a_proxy_error(
    local: LocalSageMaker, https: dict[str, Any], plain: dict[str, Any], unused_url: str, scheme: str
) -> None:
    options = https if scheme == "https" else plain
    with pytest.raises(ProxyError) as caught:
        await call(local, options, proxy=with_credentials(unused_url))
    assert caught.value.not_sent
    assert SECRET not in str(caught.value)
    assert USER_INFO not in str(caught.value)


async def test_a_silent_proxy_is_given_up_after_the_connect_limit(
    local: LocalSageMaker, https: dict[str, Any], forwarder: Callable[..., Awaitable[str]]
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    url = await forwarder(silent)
    with pytest.raises(ConnectTimeoutError, match=r"Timeouts\.connect.*proxy") as caught:
        await call(local, https, proxy=url, timeouts=Timeouts(connect=0.1))
    assert caught.value.not_sent


# --- the environment -------------------------------------------------------------------------------------------------


async def test_the_proxy_of_the_environment_is_used_for_its_scheme(
    local: LocalSageMaker, https: dict[str, Any], plain: dict[str, Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", with_credentials(proxy.url))
    proxy.wants_credentials = True
    assert await call(local, plain) == b"hello"
    assert proxy.lines == []
    assert await call(local, https) == b"hello"
    assert len(proxy.lines) == 1


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
async def test_the_proxy_for_plain_http(
    local: LocalSageMaker, plain: dict[str, Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    assert await call(local, plain) == b"hello"
    assert len(proxy.lines) == 1


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "example.org, 127.0.0.1", "*"])
async def test_no_proxy_is_honoured(
    local: LocalSageMaker, https: dict[str, Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch, exceptions: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert await call(local, https) == b"hello"
    assert proxy.lines == []


async def test_a_proxy_of_the_configuration_is_used_whatever_no_proxy_says(
    local: LocalSageMaker, https: dict[str, Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    assert await call(local, https, proxy=proxy.url) == b"hello"
    assert len(proxy.lines) == 1


async def test_a_variable_that_holds_no_proxy_is_named_and_not_repeated(
    local: LocalSageMaker, https: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://{USER_INFO}@proxy")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        await call(local, https)
    assert USER_INFO not in str(caught.value)
